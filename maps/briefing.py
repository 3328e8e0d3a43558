"""Briefing pages: one self-contained HTML file with a map and the figures of a version.

The map is Folium's; ``maps.inline`` writes Leaflet into the page, so that it opens from a disk with the network off.
Zones are simplified as a coverage (neighbours keep their common borders) and written with six decimals.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from geo.records import SUBJECT_KINDS, SUBJECT_NAMES, UNASSIGNED_NAMES
from maps import figures
from maps.briefing_map import circles_shown, draw
from maps.inline import inline
from maps.palette import PALETTE, natural_classes

if TYPE_CHECKING:
    from maps.briefing_data import BriefingData

ROWS_MOST = 400
"""A table of more zones than this is given by parent: nobody reads 2,000 printed rows."""

FAULT_ROWS_MOST = 200

STATION_NAMES = {"center": "中心", "zone": "片区", "point": "站点"}
SEVERITY_NAMES = {"error": "错误", "warning": "提示"}


def write_briefing(data: BriefingData) -> str:
    """Return the briefing page of a version: it loads nothing, and prints on A4.

    Parameters
    ----------
    data
        What the page says.

    Returns
    -------
    str
        HTML. The same data give the same page, byte for byte.

    Raises
    ------
    maps.inline.InlineError
        When the files that the page needs have not been built.
    """
    classes = natural_classes(
        None if figures.missing(value) else float(value) for value in data.zones["household"]
    )
    drawn = draw(data, classes)
    page = _ENVIRONMENT.get_template("briefing.html.j2").render(
        data=data,
        map=drawn,
        classes=classes,
        unknown=sum(figures.missing(value) for value in data.zones["household"]),
        palette=PALETTE,
        circles=sorted(circles_shown(data)),
        totals=_totals(data),
        accounts=_accounts(data),
        coverage=_coverage(data),
        zone_rows=_zone_rows(data) if len(data.zones) <= ROWS_MOST else None,
        parent_rows=_parent_rows(data) if len(data.zones) > ROWS_MOST else None,
        stations=data.stations.drop(columns="geometry").to_dict("records"),
        faults=data.faults.drop(columns="geometry").head(FAULT_ROWS_MOST).to_dict("records"),
    )
    return inline(page)


def _totals(data: BriefingData) -> list[tuple[str, str]]:
    """Give the figures of the head: those who are in zones of the level, as the map shows them, and who is in none."""
    rows = data.reconciliation[data.reconciliation["level"] == data.level].set_index("kind")
    counted, totals_of = rows["assigned"].to_dict(), rows["total"].to_dict()
    people = data.zones["people"].dropna()
    totals = [
        (data.level_name, len(data.zones)),
        ("户", counted.get("household")),
        ("人口", float(people.sum()) if len(people) else None),
        (SUBJECT_NAMES["business"], counted.get("business")),
        (SUBJECT_NAMES["institution"], counted.get("institution")),
        ("未归格的户", totals_of["household"] - counted["household"] if "household" in counted else None),
        ("服务站", len(data.stations)),
        ("问题", len(data.faults) if data.checked_at else None),
    ]
    return [(name, figures.whole(value)) for name, value in totals]


def _accounts(data: BriefingData) -> list[dict[str, Any]]:
    """Give the reconciliation by kind with the reasons in words: one row for all levels that agree."""
    every = list(data.reconciliation["level"].unique())
    levels: dict[tuple[str, int, int, str], list[str]] = {}
    for row in data.reconciliation.to_dict("records"):
        reasons = [f"{name} {figures.whole(row[key])}" for key, name in UNASSIGNED_NAMES.items() if row[key]]
        account = (str(row["kind"]), int(row["total"]), int(row["assigned"]), "，".join(reasons))
        levels.setdefault(account, []).append(str(row["level_name"]))
    return [
        {
            "kind": SUBJECT_NAMES[kind],
            "levels": "全部层级" if len(names) == len(every) > 1 else "、".join(names),
            "total": total,
            "assigned": assigned,
            "unassigned": total - assigned,
            "reasons": reasons,
        }
        for (kind, total, assigned, reasons), names in sorted(
            levels.items(), key=lambda item: SUBJECT_KINDS.index(item[0][0])
        )
    ]


def _coverage(data: BriefingData) -> list[tuple[int, str, str]]:
    return [
        (
            int(row["minutes"]),
            figures.whole(row["households_reached"]),
            figures.percent(
                row["households_reached"] / row["households_total"] if row["households_total"] else None
            ),
        )
        for row in data.coverage.to_dict("records")
    ]


def _zone_rows(data: BriefingData) -> list[dict[str, Any]]:
    parent_level = data.wider[-1][0] if data.wider else ""
    rows: list[dict[str, Any]] = data.zones.drop(columns="geometry").to_dict("records")
    for row in rows:
        row["parent_name"] = data.names.get((parent_level, str(row["parent"])), row["parent"] or "")
    return rows


def _parent_rows(data: BriefingData) -> list[dict[str, Any]]:
    """Sum zones by parent: how many, households in all, fewest and most in one zone."""
    parent_level = data.wider[-1][0] if data.wider else ""
    rows = []
    for parent, zones in data.zones.groupby("parent", dropna=False, sort=True):
        households = zones["household"].dropna()
        rows.append(
            {
                "code": parent,
                "name": data.names.get((parent_level, str(parent)), ""),
                "zones": len(zones),
                "household": float(households.sum()) if len(households) else None,
                "fewest": float(households.min()) if len(households) else None,
                "most": float(households.max()) if len(households) else None,
                "area_m2": float(zones["area_m2"].sum()),
            }
        )
    return rows


_ENVIRONMENT = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_ENVIRONMENT.filters.update(
    whole=figures.whole,
    area=figures.area,
    station=lambda kind: STATION_NAMES.get(kind, kind),
    severity=lambda kind: SEVERITY_NAMES.get(kind, kind),
)
