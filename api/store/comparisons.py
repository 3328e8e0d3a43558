"""Versions beside one another, and a plan beside its base: zones, ground, and who is elsewhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from api.store.errors import NotFoundError
from api.store.ledgers import current_moves
from api.store.refusals import InvalidRequestError
from api.store.runs import read_level
from api.store.subject_blocks import read_subjects
from api.store.territories import levels_of
from api.store.versions import get_version
from api.store.zones import list_zones
from api.store.zonesets import read_zones
from geo.plans import Draft
from geo.plans import ledger as sums
from geo.plans.comparison import compare
from geo.records import SUBJECT_KINDS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd
    from sqlalchemy.orm import Session

    from api.store.plans import PlanInfo
    from api.store.rooms import Rooms
    from api.store.territories import StoredLevel
    from api.store.versions import VersionInfo
    from geo.plans import PlanZone, ZoneFigures
    from geo.plans.comparison import ZoneComparison


def compare_versions(session: Session, first: str, second: str, level: str) -> dict[str, Any]:
    """Compare a level of two versions of one territory.

    Returns
    -------
    dict
        ``a, b, level``; ``zones``: ``code, name, change, a, b`` (figures, None where it is not), ``area_gained_m2,
        area_lost_m2``; ``moves``: who is in another zone in ``b`` than in ``a``; ``differences``: the ground that
        changed hands as GeoJSON.

    Raises
    ------
    NotFoundError
        No such version or level.
    InvalidRequestError
        The versions are of different territories.
    """
    a, b = get_version(session, first), get_version(session, second)
    if a.territory_id != b.territory_id:
        raise InvalidRequestError(
            f"{a.code} 与 {b.code} 不是同一辖区的版本。",
            "versions of different territories",
            remedy="请选择同一辖区的两个版本。",
        )
    found = _level(session, a, level)
    zones, pieces = compare(_plan_zones(session, a, found), _plan_zones(session, b, found))
    return {
        "a": a.code,
        "b": b.code,
        "level": level,
        "zones": _rows(zones, _figures(session, a, level), _figures(session, b, level)),
        "moves": sums.summed(_moves(session, a, b, found)),
        "differences": _geojson(pieces),
    }


def version_moves(session: Session, a: VersionInfo, b: VersionInfo) -> pd.DataFrame:
    """Return who is in another zone in the second of two assigned versions of one territory, at any level.

    Returns
    -------
    DataFrame
        One row per subject and level: ``level, subject, kind, from_zone, to_zone`` (None: in no zone).
    """
    levels = levels_of(session, a.territory_id)
    return pd.concat([_moves(session, a, b, level) for level in levels], ignore_index=True)


def compare_plan(session: Session, rooms: Rooms, plan: PlanInfo, level: str) -> dict[str, Any]:
    """Compare a level of a plan with its base version, as `compare_versions` does; ``b`` is ``plan-number-revision``.

    Raises
    ------
    NotFoundError
        No such level.
    """
    base = get_version(session, plan.base)
    found = _level(session, base, level)
    plan, room, moves = current_moves(session, rooms, plan)
    planned = room.draft.at(level)
    zones, pieces = compare(_plan_zones(session, base, found), planned)
    after = {
        figures.code: _planned(zone, figures)
        for zone, figures in zip(planned, room.census.figures(planned), strict=True)
    }
    return {
        "a": base.code,
        "b": f"plan-{plan.id}-r{plan.revision}",
        "level": level,
        "zones": _rows(zones, _figures(session, base, level), after),
        "moves": sums.summed(moves[moves["level"] == level]),
        "differences": _geojson(pieces),
    }


def _level(session: Session, version: VersionInfo, code: str) -> StoredLevel:
    for stored in levels_of(session, version.territory_id):
        if stored.code == code:
            return stored
    raise NotFoundError(
        f"版本“{version.code}”没有层级“{code}”。",
        f"no level {code!r}",
        remedy=f"在 /api/versions/{version.code} 查看层级。",
    )


def _plan_zones(session: Session, version: VersionInfo, level: StoredLevel) -> list[PlanZone]:
    frame = read_zones(session, version, level.code)
    if not len(frame):
        return []
    return Draft.from_frame(frame, [level.level], shapely.Polygon()).at(level.code)


def _figures(session: Session, version: VersionInfo, level: str) -> dict[str, dict[str, Any]]:
    fields = ("name", "kind", "parent", "counts", "people", "area_m2", "perimeter_m")
    zones = list_zones(session, version.code, level)["zones"]
    return {zone["code"]: {field: zone[field] for field in fields} for zone in zones}


def _planned(zone: PlanZone, figures: ZoneFigures) -> dict[str, Any]:
    return {
        "name": zone.name,
        "kind": zone.kind,
        "parent": zone.parent,
        "counts": figures.counts,
        "people": figures.people,
        "area_m2": figures.area_m2,
        "perimeter_m": figures.perimeter_m,
    }


def _rows(
    zones: Sequence[ZoneComparison],
    before: Mapping[str, dict[str, Any]],
    after: Mapping[str, dict[str, Any]],
) -> list[dict[str, Any]]:
    return [
        {
            "code": zone.code,
            "name": (after.get(zone.code) or before[zone.code])["name"],
            "change": zone.change,
            "a": before.get(zone.code),
            "b": after.get(zone.code),
            "area_gained_m2": round(zone.area_gained_m2, 2),
            "area_lost_m2": round(zone.area_lost_m2, 2),
        }
        for zone in zones
    ]


def _moves(session: Session, a: VersionInfo, b: VersionInfo, level: StoredLevel) -> pd.DataFrame:
    """Return who is in another zone of a level in the second version, by the runs that readers follow."""
    if a.run_id is None or b.run_id is None:
        return pd.DataFrame(columns=["level", "subject", "kind", "from_zone", "to_zone"])
    before, after = _homes(session, a, level), _homes(session, b, level)
    both = before.index.intersection(after.index)
    was, now = before.loc[both], after.loc[both]
    differ = ((was != now) & ~(was.isna() & now.isna())).to_numpy()
    subjects = read_subjects(session, a.territory_id)
    kinds = pd.Series(np.array(SUBJECT_KINDS, dtype=object)[subjects.kinds], index=subjects.ids)
    moved = both[differ].intersection(kinds.index)
    return pd.DataFrame(
        {
            "level": level.code,
            "subject": moved.to_numpy(),
            "kind": kinds.loc[moved].to_numpy(),
            "from_zone": before.loc[moved].to_numpy(),
            "to_zone": after.loc[moved].to_numpy(),
        }
    )


def _homes(session: Session, version: VersionInfo, level: StoredLevel) -> pd.Series[Any]:
    ids, slots = read_level(session, version.run_id or 0, level.id)
    zones = read_zones(session, version, level.code)
    codes = {int(number): code for number, code in zip(zones["id"], zones["code"], strict=True)}
    # Slot 0 is nobody's, a negative one a reason: both are in no zone, the first name.
    names = np.array([None, *(codes[number] for number in slots.zone_ids.tolist())], dtype=object)
    return pd.Series(names[np.maximum(slots.slots, 0)], index=ids)


def _geojson(pieces: gpd.GeoDataFrame) -> dict[str, Any]:
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": json.loads(shapely.to_geojson(shape)),
                "properties": {"from": old, "to": new, "area_m2": round(area, 2)},
            }
            for old, new, area, shape in zip(
                pieces["from_zone"], pieces["to_zone"], pieces["area_m2"], pieces.geometry, strict=True
            )
        ],
    }
