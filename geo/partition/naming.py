"""Codes and names of proposed zones: who goes on under the old code, who gets a new one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.optimize import linear_sum_assignment

from geo.codes import DB11, Segment, ZoneCodeFormat, number
from geo.crs import INTERNAL_CRS, areas_m2
from geo.partition.dividing import located
from geo.records import LEVELS

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Geometries = NDArray[np.object_]

_MOSTLY = 0.5
"""A zone that has more than this share of an old one, and consists of it for more than this share, is that one."""

_SEQUENCE = 3


def shared_with(
    shapes: Geometries, old: Geometries, households: gpd.GeoDataFrame | None
) -> tuple[Floats, Floats]:
    """Return households and square metres that new zones have of old ones, each (new, old)."""
    houses, ground = np.zeros((len(shapes), len(old))), np.zeros((len(shapes), len(old)))
    if not len(old) or not len(shapes):
        return houses, ground
    if households is not None and len(households):
        points = households.geometry.to_numpy()
        points = points[~(shapely.is_missing(points) | shapely.is_empty(points))]
        lon, lat = shapely.get_x(points), shapely.get_y(points)
        now, was = located(shapes, lon, lat), located(old, lon, lat)
        both = (now >= 0) & (was >= 0)
        np.add.at(houses, (now[both], was[both]), 1.0)
    row, other = shapely.STRtree(old).query(shapes, predicate="intersects")
    pieces = gpd.GeoSeries(shapely.intersection(shapes[row], old[other]), crs=INTERNAL_CRS)
    np.add.at(ground, (row, other), areas_m2(pieces).to_numpy())
    return houses, ground


def match(houses: Floats, ground: Floats) -> Ints:
    """Return the old zone that each new one goes on from, -1 for none: so that the most households stay.

    Parameters
    ----------
    houses, ground
        As `shared_with` returns them. Ground decides where households do not.
    """
    result = np.full(len(houses), -1, dtype=np.int64)
    if not houses.size:
        return result
    worth = houses + ground / max(float(ground.sum()), 1.0)
    for row, other in zip(*linear_sum_assignment(-worth), strict=True):
        if worth[row, other] > 0.0:
            result[row] = other
    return result


def named(
    shapes: Geometries,
    home: Ints,
    parents: gpd.GeoDataFrame,
    old: gpd.GeoDataFrame,
    households: gpd.GeoDataFrame | None,
    *,
    keep: float,
    level: str,
    used: tuple[Collection[str], Collection[str]],
) -> gpd.GeoDataFrame:
    """Return zones with codes, names and what they go on with from the zones before.

    Parameters
    ----------
    shapes
        Polygons.
    home
        Parent of each.
    parents
        With ``code`` and ``name``; both None where there is no level above.
    old
        General zones of the level as they are.
    households
        Points.
    keep
        Above 0, a zone that is mostly one old zone keeps its code, name, staff and attributes.
    level
        Their level.
    used
        Codes in use elsewhere, and codes that were used once.
    """
    before = old.geometry.to_numpy() if len(old) else np.empty(0, dtype=object)
    houses, ground = shared_with(shapes, before, households)
    from_ = match(houses, ground)
    codes = np.full(len(shapes), None, dtype=object)
    if keep > 0.0:
        for row, other in enumerate(from_.tolist()):
            if other >= 0 and _mostly(houses, ground, row, other):
                codes[row] = old["code"].iloc[other]
    fresh = np.array([code is None for code in codes], dtype=bool)
    taken, retired = used
    gone = {*retired, *(str(code) for code in old["code"] if code not in set(codes))}
    above = parents["code"].to_numpy(dtype=object)[home]
    frame = gpd.GeoDataFrame({"parent": above}, geometry=shapes, crs=INTERNAL_CRS)
    codes[fresh] = numbered(frame[fresh], {*taken, *codes[~fresh]}, gone)
    names = _names(codes, fresh, from_, home, parents, old)
    frame.insert(0, "code", pd.array(list(codes), dtype="str"))
    frame.insert(1, "name", pd.array(names, dtype="str"))
    frame.insert(2, "layer", LEVELS[level].layer if level in LEVELS else level)
    frame.insert(3, "level", level)
    frame.insert(4, "kind", "general")
    frame["staff"] = [
        [] if new else _own(old, "staff", other, []) for new, other in zip(fresh, from_, strict=True)
    ]
    frame["attributes"] = [
        _own(old, "attributes", other, {}) if other >= 0 else {} for other in from_.tolist()
    ]
    most = houses.argmax(axis=1) if houses.shape[1] else np.zeros(len(shapes), dtype=np.int64)
    if houses.shape[1]:
        empty = houses.sum(axis=1) == 0.0
        most = np.where(empty, ground.argmax(axis=1), most)
        frame["before"] = [
            old["code"].iloc[row] if houses[at, row] + ground[at, row] > 0.0 else None
            for at, row in enumerate(most)
        ]
    else:
        frame["before"] = None
    return frame


def _mostly(houses: Floats, ground: Floats, row: int, other: int) -> bool:
    """Whether a new zone is mostly one old zone, and has most of it."""
    shared = houses if houses[:, other].sum() > 0.0 and houses[row].sum() > 0.0 else ground
    return bool(
        shared[row, other] > _MOSTLY * shared[row].sum()
        and shared[row, other] > _MOSTLY * shared[:, other].sum()
    )


def numbered(
    zones: gpd.GeoDataFrame, taken: Collection[str], retired: Collection[str]
) -> NDArray[np.object_]:
    """Return codes by the rules of `geo.codes.number`; where parents have other codes than 12 digits, code + 3 digits.

    Zones without parent are numbered ``G001, G002, …``.
    """
    above = zones["parent"].fillna("G").astype(str)
    result = pd.Series(index=zones.index, dtype=object)
    for length, rows in above.groupby(above.str.len()):
        official = int(length) == DB11.length - DB11.sequence_length and rows.str.isdecimal().all()
        wanted = max(_SEQUENCE, len(str(int(rows.value_counts().max()) + len(taken) + len(retired))))
        chosen = (
            DB11
            if official
            else ZoneCodeFormat(
                f"上级编码 + {wanted} 位顺序号",
                (Segment("community", int(length), "alphanumeric"), Segment("sequence", wanted)),
            )
        )
        part = zones.loc[rows.index].assign(parent=rows)
        result.loc[rows.index] = number(part, code_format=chosen, taken=taken, retired=retired)
    return np.asarray(result.to_numpy(dtype=object))


def _names(
    codes: NDArray[np.object_],
    fresh: NDArray[np.bool_],
    from_: Ints,
    home: Ints,
    parents: gpd.GeoDataFrame,
    old: gpd.GeoDataFrame,
) -> list[str]:
    """Return names: the old one with the old code, else the parent's with the number."""
    above = parents["name"].to_numpy(dtype=object)
    names: list[str] = []
    for code, new, other, parent in zip(codes, fresh, from_.tolist(), home.tolist(), strict=True):
        if not new:
            names.append(str(old["name"].iloc[other]))
            continue
        title = above[parent] if isinstance(above[parent], str) else ""
        serial = int("".join(letter for letter in str(code)[-_SEQUENCE:] if letter.isdigit()) or 0)
        names.append(f"{title}第{serial}网格")
    return names


def _own(old: gpd.GeoDataFrame, column: str, row: int, empty: Any) -> Any:  # noqa: ANN401  a cell of a frame
    """Return a cell of the zones before, or an empty one."""
    if column not in old or row < 0:
        return empty
    value = old[column].iloc[row]
    return value if isinstance(value, list | dict | tuple | np.ndarray) else empty
