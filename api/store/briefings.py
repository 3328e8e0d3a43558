"""Gathers what a briefing page says of a version: figures and shapes, never a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import shapely
from sqlalchemy import text

from api.store.checks import list_faults
from api.store.circles import MINUTES, coverage_lines, list_circles
from api.store.errors import NotFoundError
from api.store.findings import FAULT_NAMES
from api.store.networks import read_stations, read_streets
from api.store.versions import get_version
from api.store.zones import describe_version
from geo.crs import INTERNAL_CRS
from geo.files.workbooks import BEIJING
from geo.records import SUBJECT_KINDS
from maps.briefing_data import BriefingData

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from api.store.versions import VersionInfo

_PREFERRED = ("grid", "community", "functional", "microgrid", "street", "county")
"""The level that a briefing shows unless told otherwise: the same that the web map opens on."""


def gather_briefing(
    session: Session, version: str, level: str | None = None, *, map_approval: str
) -> BriefingData:
    """Gather what a briefing page says.

    Parameters
    ----------
    session
        Where to read.
    version
        Code of the version.
    level
        Code of the level whose zones are drawn; by default grids, or the finest level above them.
    map_approval
        审图号, or 内部工作用图.

    Returns
    -------
    BriefingData
        For ``maps.briefing.write_briefing``.

    Raises
    ------
    NotFoundError
        There is no such version, or it has no zones at such a level.
    """
    info = get_version(session, version)
    described = describe_version(session, version)
    levels = {one["code"]: (layer, one) for layer in described["layers"] for one in layer["levels"]}
    chosen = _choose(info, levels, level)
    names = {code: one["name"] for code, (_layer, one) in levels.items()}
    zones, wider, ancestor_names = _zones(session, info, chosen)
    circles = list_circles(session, version)
    faults = list_faults(session, version)
    faults["level_name"] = faults["level"].map(names).fillna(faults["level"])
    faults["kind_name"] = faults["kind"].map(FAULT_NAMES).fillna(faults["kind"])
    reconciliation = pd.DataFrame(described["reconciliation"], columns=list(_RECONCILIATION))
    # Partitions in their order, departments' own levels after them; kinds of subjects in theirs.
    ordered = [*sorted(levels, key=lambda code: not levels[code][1]["partition"]), *SUBJECT_KINDS]
    place = {code: position for position, code in enumerate(ordered)}
    reconciliation = reconciliation.sort_values(
        ["level", "kind"], key=lambda column: column.map(place), ignore_index=True
    )
    reconciliation["level_name"] = reconciliation["level"].map(names).fillna(reconciliation["level"])
    territory = described["territory"]
    return BriefingData(
        version=info.code,
        territory=territory["name"],
        synthetic=territory["synthetic"],
        source=territory["source"],
        data_date=territory["data_date"],
        notes=tuple(territory["notes"]),
        map_approval=map_approval,
        valid_from=_day(info.valid_from),
        valid_to=_day(info.valid_to),
        checked_at=_day(described["checked_at"]),
        level=chosen,
        level_name=names[chosen],
        partition=levels[chosen][1]["partition"],
        zones=zones,
        wider=tuple((code, names.get(code, code)) for code in wider),
        names=ancestor_names,
        levels=pd.DataFrame(
            [
                {"layer": layer["name"], "level": code, "name": one["name"], "zones": one["zones"]}
                for code, (layer, one) in levels.items()
            ]
        ),
        reconciliation=reconciliation,
        coverage=pd.DataFrame(
            [
                (line.minutes, line.households_reached, line.households_total)
                for line in coverage_lines(session, version)
            ],
            columns=["minutes", "households_reached", "households_total"],
        ),
        stations=_stations(session, info, circles),
        circles=circles[circles["station"].isna()][["minutes", "geometry"]],
        faults=faults,
        streets=read_streets(session, info.territory_id)[["kind", "geometry"]],
        walk_speed_mps=float(circles["walk_speed_mps"].iloc[0]) if len(circles) else None,
    )


_RECONCILIATION = (
    "level", "kind", "total", "assigned", "outside", "gap", "no_location", "bad_location",
)  # fmt: skip


def _choose(info: VersionInfo, levels: dict[str, Any], level: str | None) -> str:
    if level is not None:
        if level not in levels:
            raise NotFoundError(
                f"版本“{info.code}”的层级“{level}”没有网格。",
                f"no zones at level {level} of {info.code}",
                remedy=f"可选的层级: {'、'.join(levels) or '无'}。",
            )
        return level
    for code in (*_PREFERRED, *levels):
        if code in levels:
            return code
    raise NotFoundError(
        f"版本“{info.code}”还没有网格。",
        f"{info.code} has no zones",
        remedy="请先加载网格: onegrid load --kind zones。",
    )


def _zones(
    session: Session, info: VersionInfo, level: str
) -> tuple[gpd.GeoDataFrame, list[str], dict[tuple[str, str], str]]:
    """Read the zones of a level with their ancestors: the frame, wider levels widest first, ancestors' names."""
    rows = session.execute(
        text(
            """SELECT z.id, z.parent_id, l.code AS level, z.code, z.name FROM zone z JOIN level l ON l.id = z.level_id
               WHERE z.version_id = :version"""
        ),
        {"version": info.id},
    )
    by_id = {row.id: row for row in rows}
    drawn = session.execute(
        text(
            """SELECT z.id, z.code, z.name, z.kind, z.area_m2, ST_AsBinary(z.geom) AS geometry,
                      jsonb_object_agg(c.kind, c.subjects) FILTER (WHERE c.kind IS NOT NULL) AS counts,
                      sum(c.people) FILTER (WHERE c.kind = 'household')::bigint AS people
               FROM zone z JOIN level l ON l.id = z.level_id
               LEFT JOIN zone_count c ON c.zone_id = z.id AND c.run_id = :run
               WHERE z.version_id = :version AND l.code = :level
               GROUP BY z.id ORDER BY z.code"""
        ),
        {"version": info.id, "run": info.run_id, "level": level},
    )
    # A kind without subjects in a zone has no row: it counts zero once subjects were assigned at all.
    missing = None if info.run_id is None else 0
    records: list[dict[str, Any]] = []
    shapes = []
    wider: list[str] = []
    names: dict[tuple[str, str], str] = {}
    for row in drawn:
        counts = row.counts or {}
        record = {
            "code": row.code,
            "name": row.name,
            "kind": row.kind,
            "parent": None,
            "area_m2": row.area_m2,
            "people": row.people,
            **{kind: counts.get(kind, missing) for kind in ("household", "business", "institution")},
        }
        above = by_id.get(by_id[row.id].parent_id)
        if above is not None:
            record["parent"] = above.code
        chain = []
        while above is not None:
            record[above.level] = above.code
            names[above.level, above.code] = above.name
            chain.append(above.level)
            above = by_id.get(above.parent_id)
        if len(chain) > len(wider):
            wider = chain[::-1]
        records.append(record)
        shapes.append(bytes(row.geometry))
    frame = gpd.GeoDataFrame(pd.DataFrame(records), geometry=shapely.from_wkb(shapes), crs=INTERNAL_CRS)
    return frame, wider, names


def _stations(session: Session, info: VersionInfo, circles: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Read stations with the households that each reaches; None where no circle was drawn."""
    stations = read_stations(session, info.territory_id).drop(columns="id")
    reached = {
        (row.station, row.minutes): row.reached.get("household")
        for row in circles.itertuples()
        if row.station is not None
    }
    for minutes in MINUTES:
        stations[f"reached_{minutes}"] = [reached.get((code, minutes)) for code in stations["code"]]
    return stations


def _day(at: datetime | None) -> str | None:
    # The day in Beijing, as registers have it: what is published there at breakfast is not in force since yesterday.
    return None if at is None else at.astimezone(BEIJING).date().isoformat()
