"""The zones of a version as frames: written with their parents and measures, read for the kernel."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from psycopg.types.json import Jsonb
from sqlalchemy import text

from api.store import bulk
from api.store.territories import StoredLevel, levels_of, parents_first
from geo.assignment import ZoneIndex
from geo.crs import INTERNAL_CRS, to_metric
from geo.errors import ZonesError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import RowMapping
    from sqlalchemy.orm import Session

    from api.store.versions import VersionInfo

MISSING_PARENT_SHOWN = 5


def plain(value: object) -> object:
    """Return a cell as JSON and PostgreSQL know it: pandas' missing values as None, numpy's numbers as Python's."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    if isinstance(value, bool | int | float | str):
        return value
    return str(value)


def features(rows: Iterable[RowMapping]) -> list[dict[str, Any]]:
    """Return zones as GeoJSON features: ``geometry`` is GeoJSON text, all other columns are properties."""
    return [
        {
            "type": "Feature",
            "id": row["code"],
            "properties": {str(name): value for name, value in row.items() if name != "geometry"},
            "geometry": json.loads(row["geometry"]),
        }
        for row in rows
    ]


def column(frame: pd.DataFrame, name: str) -> list[Any]:
    """Return a column as a list with None for missing values; all None when the frame lacks it."""
    if name not in frame:
        return [None] * len(frame)
    values = frame[name].to_numpy(dtype=object)
    missing = pd.isna(frame[name]).to_numpy()
    return [None if absent else value for value, absent in zip(values, missing, strict=True)]


def columns(frame: pd.DataFrame, *names: str) -> dict[str, list[Any]]:
    """Return several columns by name, each as `column` does."""
    return {name: column(frame, name) for name in names}


def documents(frame: pd.DataFrame, name: str, empty: object) -> list[Jsonb]:
    """Return a column of dicts or lists as JSON documents; missing ones as ``empty``."""
    blank = Jsonb(empty)
    if name not in frame:
        return [blank] * len(frame)
    return [
        Jsonb(plain(value)) if isinstance(value, dict | list | np.ndarray | tuple) and len(value) else blank
        for value in frame[name].to_numpy(dtype=object)
    ]


def add_zones(session: Session, version: VersionInfo, zones: gpd.GeoDataFrame) -> int:
    """Store zones in a draft, measured, each under its parent.

    Parameters
    ----------
    session
        Its transaction holds them.
    version
        The draft.
    zones
        Columns of ``Place.zones``, EPSG:4490; their levels are stored already. A zone without ``parent`` comes under
        the zone of the parent level that its point on surface is in, if any.

    Returns
    -------
    int
        How many.

    Raises
    ------
    ZonesError
        A zone is not a valid polygon, or names a parent that is not there.
    """
    levels = {each.code: each for each in levels_of(session, version.territory_id)}
    unknown = sorted(set(zones["level"].dropna()) - set(levels))
    if unknown or zones["level"].isna().any():
        named = "、".join(map(str, unknown)) or "空"
        raise ZonesError(
            f"网格的层级未知: {named}。", f"unknown levels: {unknown}", remedy="请用 --level 指定层级。"
        )
    _refuse_bad_polygons(zones)
    metric = session.scalar(
        text("SELECT metric_srid FROM territory WHERE id = :id"), {"id": version.territory_id}
    )
    measured = to_metric(gpd.GeoSeries(zones.geometry.array, crs=INTERNAL_CRS), f"EPSG:{metric}")
    frame = zones.assign(_area=measured.area.to_numpy(), _perimeter=measured.length.to_numpy())
    count = 0
    for level in parents_first(levels.values()):
        chosen = frame[frame["level"] == level.code]
        if len(chosen):
            count += _copy_level(session, version, level, levels, chosen)
    return count


def _refuse_bad_polygons(zones: gpd.GeoDataFrame) -> None:
    geometries = zones.geometry.to_numpy()
    polygonal = np.isin(
        shapely.get_type_id(geometries), [shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON]
    )
    bad = ~(polygonal & shapely.is_valid(geometries)) | shapely.is_empty(geometries)
    if bad.any():
        first = zones[bad].iloc[0]
        why = shapely.is_valid_reason(first.geometry) if first.geometry is not None else "no geometry"
        raise ZonesError(
            f"有 {int(bad.sum())} 个网格的图形无效，第一个: {first['level']} {first['code']}。",
            f"{int(bad.sum())} zones are not valid polygons; first: {first['code']}: {why}",
            remedy="请先用 onegrid repair 或 GIS 软件修正图形。",
        )


def _copy_level(
    session: Session,
    version: VersionInfo,
    level: StoredLevel,
    levels: Mapping[str, StoredLevel],
    zones: gpd.GeoDataFrame,
) -> int:
    parents = _parent_ids(session, version, level, levels, zones)
    return bulk.copy_columns(
        session,
        "zone",
        {
            "parent_id": parents,
            "code": zones["code"].astype(str),
            "name": zones["name"].astype(str),
            "kind": (kind or "general" for kind in column(zones, "kind")),
            "staff": documents(zones, "staff", []),
            "attributes": documents(zones, "attributes", {}),
            "area_m2": zones["_area"].astype(float),
            "perimeter_m": zones["_perimeter"].astype(float),
            "geom": bulk.to_ewkb(bulk.to_multi(zones.geometry.to_numpy())),
        },
        version_id=version.id,
        level_id=level.id,
    )


def _parent_ids(
    session: Session,
    version: VersionInfo,
    level: StoredLevel,
    levels: Mapping[str, StoredLevel],
    zones: gpd.GeoDataFrame,
) -> list[int | None]:
    parent = levels.get(level.level.parent or "")
    if parent is None:
        return [None] * len(zones)
    above = read_zones(session, version, parent.code)
    if not len(above):
        return [None] * len(zones)
    ids = dict(zip(above["code"], above["id"], strict=True))
    named = column(zones, "parent")
    lost = sorted({str(code) for code in named if code is not None and code not in ids})
    if lost:
        shown = "、".join(lost[:MISSING_PARENT_SHOWN]) + ("…" if len(lost) > MISSING_PARENT_SHOWN else "")
        raise ZonesError(
            f"{level.level.name}所属的上级编码在{parent.level.name}中不存在: {shown}。",
            f"{len(lost)} parent codes of level {level.code} are not zones of {parent.code}",
            remedy=f"请先加载{parent.level.name}，或改正上级编码。",
        )
    result = [None if code is None else int(ids[code]) for code in named]
    blank = [row for row, code in enumerate(named) if code is None]
    if blank:
        inside = shapely.point_on_surface(zones.geometry.to_numpy()[blank])
        found = ZoneIndex(above).locate(shapely.get_x(inside), shapely.get_y(inside))
        own = above["id"].to_numpy()
        for row, position in zip(blank, found, strict=True):
            result[row] = int(own[position]) if position >= 0 else None
    return result


def read_zones(session: Session, version: VersionInfo, level: str | None = None) -> gpd.GeoDataFrame:
    """Read the zones of a version, or of one of its levels, in the order in which they were stored.

    Returns
    -------
    GeoDataFrame
        Columns ``id, code, name, layer, level, kind, parent, parent_id, staff, attributes, area_m2, perimeter_m,
        geometry``, EPSG:4490.
    """
    rows = session.execute(
        text(
            """
            SELECT z.id, z.code, z.name, y.code AS layer, l.code AS level, z.kind, p.code AS parent, z.parent_id,
                   z.staff, z.attributes, z.area_m2, z.perimeter_m, ST_AsBinary(z.geom) AS geometry
            FROM zone z JOIN level l ON l.id = z.level_id JOIN layer y ON y.id = l.layer_id
            LEFT JOIN zone p ON p.id = z.parent_id
            WHERE z.version_id = :version AND (CAST(:level AS text) IS NULL OR l.code = :level)
            ORDER BY z.id
            """
        ),
        {"version": version.id, "level": level},
    )
    return bulk.geo_frame(rows)


def remove_zones(session: Session, version: VersionInfo, level: StoredLevel) -> pd.DataFrame:
    """Remove the zones of one level of a draft.

    Returns
    -------
    DataFrame
        Zones that lost their parent by it: ``id`` and the code of that ``parent``, for :func:`link_children`.
    """
    orphans = session.execute(
        text(
            """UPDATE zone SET parent_id = NULL FROM zone p
               WHERE zone.version_id = :version AND p.id = zone.parent_id AND p.level_id = :level
               RETURNING zone.id, p.code"""
        ),
        {"version": version.id, "level": level.id},
    ).all()
    session.execute(
        text("DELETE FROM zone WHERE version_id = :version AND level_id = :level"),
        {"version": version.id, "level": level.id},
    )
    return pd.DataFrame([tuple(row) for row in orphans], columns=["id", "parent"])


def link_children(session: Session, version: VersionInfo, level: StoredLevel, orphans: pd.DataFrame) -> None:
    """Link zones without parent under the zones of a level: by the code of their former parent, else by place.

    Parameters
    ----------
    session
        Its transaction.
    version
        A draft whose zones of ``level`` were replaced.
    level
        The level whose zones are the parents.
    orphans
        What :func:`remove_zones` returned.
    """
    above = read_zones(session, version, level.code)
    if not len(above):
        return
    ids = dict(zip(above["code"], above["id"], strict=True))
    former = dict(zip(orphans["id"], orphans["parent"], strict=True))
    index = ZoneIndex(above)
    pairs: list[dict[str, int]] = []
    for child in levels_of(session, version.territory_id):
        if child.level.parent != level.code:
            continue
        zones = read_zones(session, version, child.code)
        zones = zones[zones["parent_id"].isna()]
        inside = shapely.point_on_surface(zones.geometry.to_numpy())
        found = index.locate(shapely.get_x(inside), shapely.get_y(inside))
        for zone, position in zip(zones["id"], found, strict=True):
            parent = ids.get(former.get(zone))
            if parent is None and position >= 0:
                parent = above["id"].iloc[position]
            if parent is not None:
                pairs.append({"zone": int(zone), "parent": int(parent)})
    if pairs:
        session.execute(text("UPDATE zone SET parent_id = :parent WHERE id = :zone"), pairs)
