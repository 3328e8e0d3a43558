"""Faults and service circles of a version as answers show them: figures beside GeoJSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
from shapely import MultiPolygon, Polygon
from shapely.errors import GEOSException
from shapely.geometry import mapping, shape
from sqlalchemy import text

from api.store.errors import NotFoundError
from api.store.refusals import InvalidRequestError
from api.store.versions import get_version
from geo.crs import INTERNAL_CRS, areas_m2

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from api.store.exceptions import GapExceptionInfo

FAULT_NAMES = {
    "overlap": "重叠",
    "gap": "缺口",
    "inlet": "开口缺口",
    "sliver": "缝隙",
    "outside_parent": "越出上级",
    "uncovered": "未覆盖",
    "duplicate": "重复网格",
    "contained": "被包含",
    "invalid": "图形无效",
    "stray": "飞地",
    "near_miss": "边界未重合",
    "crossing_levels": "跨上级",
    "cut_estate": "切割小区",
    "cut_building": "切割楼栋",
    "cut_barrier": "跨越屏障",
}
"""What each kind of fault is called on the map and in tables."""


def fault_table(session: Session, code: str) -> dict[str, Any]:
    """Return the faults that the last check of a version found, by number."""
    version = get_version(session, code)
    rows = session.execute(
        text("""
            SELECT number, level.code AS level, kind, severity, codes, area_m2, width_m, subjects, message, message_en,
                   ARRAY[ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom)] AS bbox,
                   (SELECT ARRAY[ST_X(at), ST_Y(at)] FROM (SELECT ST_PointOnSurface(geom) AS at) AS p) AS point,
                   ST_AsGeoJSON(geom, 8, 0) AS geometry
            FROM fault JOIN level ON level.id = fault.level_id
            WHERE version_id = :version ORDER BY number
        """),
        {"version": version.id},
    ).mappings()
    faults = [
        {
            **row,
            "kind_name": FAULT_NAMES.get(row["kind"], row["kind"]),
            "geometry": json.loads(row["geometry"]),
        }
        for row in rows
    ]
    return {"version": version.code, "faults": faults}


def circle_table(session: Session, code: str, station: str | None) -> dict[str, Any]:
    """Return the circles of one station, of all together (``all``), or every circle (None), widest first.

    Raises
    ------
    NotFoundError
        When there is no such version, or no such station in its territory.
    """
    version = get_version(session, code)
    one = station if station not in (None, "all") else None
    values = {
        "version": version.id,
        "territory": version.territory_id,
        "station": one,
        "all": station == "all",
    }
    if one is not None and not session.scalar(
        text("SELECT EXISTS (SELECT FROM station WHERE territory_id = :territory AND code = :station)"),
        values,
    ):
        raise NotFoundError(
            f"没有服务站“{one}”。",
            f"no station {one}",
            remedy=f"在 /api/versions/{version.code}/stations 查看服务站。",
        )
    households = session.scalar(
        text("SELECT count(*) FROM subject WHERE territory_id = :territory AND kind = 'household'"), values
    )
    rows = session.execute(
        text("""
            SELECT station.code AS station, minutes, walk_speed_mps, reached, ST_AsGeoJSON(geom, 6, 0) AS geometry
            FROM circle LEFT JOIN station ON station.id = circle.station_id
            WHERE version_id = :version
              AND (CAST(:station AS text) IS NULL OR station.code = :station)
              AND (NOT :all OR circle.station_id IS NULL)
            ORDER BY station.code NULLS FIRST, minutes DESC
        """),
        values,
    ).mappings()
    circles = []
    for row in rows:
        reached = row["reached"].get("household")
        share = reached / households if households and reached is not None else None
        circles.append({**row, "share": share, "geometry": json.loads(row["geometry"])})
    return {"version": version.code, "circles": circles}


def exception_entries(exceptions: Sequence[GapExceptionInfo]) -> list[dict[str, Any]]:
    """Return registered exceptions with their areas in square metres."""
    areas = areas_m2(gpd.GeoSeries([one.area for one in exceptions], crs=INTERNAL_CRS)) if exceptions else ()
    return [
        {
            "id": one.id,
            "name": one.name,
            "reason": one.reason,
            "registered_at": one.registered_at,
            "area_m2": round(float(area), 2),
            "geometry": mapping(one.area),
        }
        for one, area in zip(exceptions, areas, strict=True)
    ]


def polygon_of(geometry: dict[str, Any]) -> Polygon | MultiPolygon:
    """Return the polygon that GeoJSON describes.

    Raises
    ------
    InvalidRequestError
        When it describes none.
    """
    try:
        found = shape(geometry)
    except (GEOSException, AttributeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise _no_polygon() from error
    if not isinstance(found, Polygon | MultiPolygon) or found.is_empty:
        raise _no_polygon()
    return found


def _no_polygon() -> InvalidRequestError:
    return InvalidRequestError(
        "geometry 不是 GeoJSON 面。",
        "geometry is no GeoJSON Polygon or MultiPolygon",
        remedy='例如 {"type": "Polygon", "coordinates": [[[经度, 纬度], …]]}，首尾相同。',
    )
