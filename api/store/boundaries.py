"""四至 of stored zones: the streets and neighbours around them, read for the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import shapely
from sqlalchemy import text

from api.store import bulk
from api.store.errors import NotFoundError
from geo.bounds import Bounds, bounds_of
from geo.crs import INTERNAL_CRS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from api.store.plans import PlanInfo
    from api.store.rooms import Rooms
    from geo.plans import PlanZone

AROUND_DEG = 0.001
"""How far around zones streets are read: some 100 m, more than `geo.bounds.BESIDE_M` anywhere in China."""


def named_streets(session: Session, territory_id: int, around: Sequence[float]) -> gpd.GeoDataFrame:
    """Read the named streets of a territory around a box: west, south, east, north.

    Returns
    -------
    GeoDataFrame
        Columns ``name, geometry``, EPSG:4490.
    """
    west, south, east, north = around
    rows = session.execute(
        text(
            """SELECT name, ST_AsBinary(geom) AS geometry FROM street_edge
               WHERE territory_id = :territory AND name <> ''
                 AND geom && ST_MakeEnvelope(:west, :south, :east, :north, 4490)
               ORDER BY id"""
        ),
        {
            "territory": territory_id,
            "west": west - AROUND_DEG,
            "south": south - AROUND_DEG,
            "east": east + AROUND_DEG,
            "north": north + AROUND_DEG,
        },
    )
    return bulk.geo_frame(rows)


def bounds_of_stored(session: Session, territory_id: int, zone_id: int) -> Bounds:
    """Return what bounds one zone of a version."""
    rows = session.execute(
        text(
            """SELECT beside.id, beside.id::text AS code, beside.name, ST_AsBinary(beside.geom) AS geometry
               FROM zone JOIN zone beside ON beside.version_id = zone.version_id AND beside.level_id = zone.level_id
                AND beside.geom && ST_Expand(zone.geom, :around)
               WHERE zone.id = :zone ORDER BY beside.id"""
        ),
        {"zone": zone_id, "around": AROUND_DEG},
    )
    zones = bulk.geo_frame(rows)
    own = zones.loc[zones["id"] == zone_id, "geometry"].iloc[0]
    streets = named_streets(session, territory_id, own.bounds)
    return bounds_of(zones, streets, of=[str(zone_id)])[str(zone_id)]


def bounds_of_drawn(
    session: Session, territory_id: int, zones: Sequence[PlanZone], *, of: Sequence[str]
) -> dict[str, Bounds]:
    """Return what bounds zones of a level of a plan, by code; ``zones`` are all of the level."""
    shapes = [zone.geometry for zone in zones]
    frame = gpd.GeoDataFrame(
        {"code": [zone.code for zone in zones], "name": [zone.name for zone in zones]},
        geometry=shapes,
        crs=INTERNAL_CRS,
    )
    asked = frame[frame["code"].isin(of)]
    if not len(asked):
        return {}
    around = shapely.total_bounds(asked.geometry.to_numpy())
    return bounds_of(frame, named_streets(session, territory_id, around.tolist()), of=of)


def bounds_in_plan(session: Session, rooms: Rooms, plan: PlanInfo, level: str, code: str) -> Bounds:
    """Return what bounds one zone of a plan.

    Raises
    ------
    NotFoundError
        There is no such zone in it.
    """
    draft = rooms.enter(session, plan).draft
    if (level, code) not in draft or level not in draft.levels:
        raise NotFoundError(
            f"方案 {plan.id} 的层级“{level}”里没有网格“{code}”。",
            f"no zone {code} at level {level} of plan {plan.id}",
            remedy="请核对编码与层级。",
        )
    near = draft.touching(level, draft.zone(level, code).geometry, AROUND_DEG)
    return bounds_of_drawn(session, plan.territory_id, near, of=[code])[code]
