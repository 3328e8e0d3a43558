"""Briefing pages: one self-contained HTML file with a map and the figures of a version.

The map is Folium's; ``maps.inline`` writes Leaflet into the page, so that it opens from a disk with the network off.
Zones are simplified as a coverage (neighbours keep their common borders) and written with six decimals.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from geo.records import SUBJECT_NAMES
from maps import figures
from maps.briefing_map import circles_shown, draw
from maps.inline import inline
from maps.palette import PALETTE, natural_classes

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

ROWS_MOST = 400
"""A table of more zones than this is given by parent: nobody reads 2,000 printed rows."""

FAULT_ROWS_MOST = 200

STATION_NAMES = {"center": "中心", "zone": "片区", "point": "站点"}
SEVERITY_NAMES = {"error": "错误", "warning": "提示"}
REASON_NAMES = {"outside": "辖区外", "gap": "缺口内", "no_location": "无位置", "bad_location": "位置有误"}


@dataclass(frozen=True)
class BriefingData:
    """What a briefing page says of a version. Frames are in lon/lat; no person is named in them.

    Parameters
    ----------
    version
        Version id, such as ``zhuanqiao-v1``.
    territory
        Name of the territory.
    synthetic
        Whether the page says 示意数据.
    source
        Origin and licence of the data.
    data_date
        Date of the data.
    notes
        What a reader of its numbers has to know.
    map_approval
        审图号, or 内部工作用图.
    valid_from, valid_to
        Dates (ISO) between which the version is in force; None while open.
    checked_at
        Date (ISO) of the last check; None when never checked.
    level, level_name
        The level whose zones are drawn and counted.
    partition
        Whether law 1 holds for the level; a department's own layer may overlap.
    zones
        Columns ``code, name, kind, parent, area_m2, household, business, institution, people, geometry``, and one
        column per wider level, named by its code, that holds the code of the ancestor.
    wider
        Code and name of each wider level, widest first.
    names
        Names of ancestors by ``(level, code)``.
    levels
        Columns ``layer, level, name, zones``.
    reconciliation
        Columns ``level, level_name, kind, total, assigned, outside, gap, no_location, bad_location``.
    coverage
        Columns ``minutes, households_reached, households_total``: of all stations together.
    stations
        Columns ``code, name, kind, address, geometry``, and ``reached_5, reached_10, reached_15`` in households.
    circles
        Columns ``minutes, geometry``: within reach of any station.
    faults
        Columns ``number, level_name, kind_name, severity, message, area_m2, subjects, geometry``.
    streets
        Columns ``kind, geometry``.
    walk_speed_mps
        Walking speed of the circles; None when there are none.
    """

    version: str
    territory: str
    synthetic: bool
    source: str
    data_date: str
    map_approval: str
    level: str
    level_name: str
    partition: bool
    zones: gpd.GeoDataFrame
    levels: pd.DataFrame
    reconciliation: pd.DataFrame
    coverage: pd.DataFrame
    stations: gpd.GeoDataFrame
    circles: gpd.GeoDataFrame
    faults: gpd.GeoDataFrame
    streets: gpd.GeoDataFrame
    wider: tuple[tuple[str, str], ...] = ()
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    valid_from: str | None = None
    valid_to: str | None = None
    checked_at: str | None = None
    walk_speed_mps: float | None = None


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
    rows = data.reconciliation[data.reconciliation["level"] == data.level]
    counted = dict(zip(rows["kind"], rows["total"].tolist(), strict=True))
    people = data.zones["people"].dropna()
    totals = [
        (data.level_name, len(data.zones)),
        ("户", counted.get("household")),
        ("人口", float(people.sum()) if len(people) else None),
        (SUBJECT_NAMES["business"], counted.get("business")),
        (SUBJECT_NAMES["institution"], counted.get("institution")),
        ("服务站", len(data.stations)),
        ("问题", len(data.faults) if data.checked_at else None),
    ]
    return [(name, figures.whole(value)) for name, value in totals]


def _accounts(data: BriefingData) -> list[dict[str, Any]]:
    """Give the reconciliation by level and kind, with the reasons in words."""
    rows = []
    for row in data.reconciliation.to_dict("records"):
        reasons = [f"{name} {figures.whole(row[key])}" for key, name in REASON_NAMES.items() if row[key]]
        rows.append(
            {
                "level": row["level_name"],
                "kind": SUBJECT_NAMES[str(row["kind"])],
                "total": row["total"],
                "assigned": row["assigned"],
                "unassigned": row["total"] - row["assigned"],
                "reasons": "，".join(reasons),
            }
        )
    return rows


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
