"""Which subjects can have moved when zones change, so that nobody else is assigned again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

if TYPE_CHECKING:
    from collections.abc import Mapping

    import geopandas as gpd
    from numpy.typing import NDArray


def changed_boxes(old: gpd.GeoDataFrame, new: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Return boxes outside of which no point changes its zone.

    The zone of a point depends only on the zones that touch it. Inside and outside of a zone can swap only in the
    area between its old and its new border, and that area is bounded by segments that only one of the two has: the
    box of those segments holds it. Zones are matched by code; if codes that both frames have come in another order,
    every zone of both counts as changed, since overlapping zones are decided by row.

    Parameters
    ----------
    old, new
        Zones of one level with ``code`` and geometry, in the same reference.

    Returns
    -------
    ndarray of float64, shape (k, 4)
        ``min lon, min lat, max lon, max lat`` of each changed zone, borders included, in degrees.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import Polygon, box
    >>> old = gpd.GeoDataFrame({"code": ["a", "b"]}, geometry=[box(0, 0, 9, 9), box(9, 0, 20, 9)])
    >>> new = gpd.GeoDataFrame({"code": ["a", "b"]}, geometry=[box(0, 0, 9, 9), box(9, 0, 21, 9)])
    >>> changed_boxes(old, new).tolist()
    [[9.0, 0.0, 21.0, 9.0]]
    """
    return boxes_between(
        dict(zip(old["code"], old.geometry.array, strict=True)),
        dict(zip(new["code"], new.geometry.array, strict=True)),
    )


def boxes_between(
    before: Mapping[str, shapely.Geometry], after: Mapping[str, shapely.Geometry]
) -> NDArray[np.float64]:
    """Return what `changed_boxes` does, of zones by code in the order of their rows.

    Examples
    --------
    >>> from shapely import box
    >>> boxes_between({"a": box(0, 0, 9, 9)}, {"a": box(0, 0, 9, 8)}).tolist()
    [[0.0, 0.0, 9.0, 9.0]]
    """
    kept = [code for code in before if code in after]
    if kept != [code for code in after if code in before]:
        bounds = shapely.bounds(np.array([*before.values(), *after.values()], dtype=object))
        return np.asarray(bounds[np.isfinite(bounds).all(axis=1)], dtype=np.float64)
    boxes = []
    for code in {**before, **after}:
        was, now = _segments(before.get(code)), _segments(after.get(code))
        if np.array_equal(was, now):
            continue
        every, which = np.unique(np.concatenate([was, now]), axis=0, return_inverse=True)
        more = np.bincount(which[: len(was)], minlength=len(every))
        changed = every[more != np.bincount(which[len(was) :], minlength=len(every))]
        lon, lat = changed[:, ::2], changed[:, 1::2]
        boxes.append((lon.min(), lat.min(), lon.max(), lat.max()))
    return np.array(boxes, dtype=np.float64).reshape(-1, 4)


def can_have_moved(
    boxes: NDArray[np.float64], lon: NDArray[np.float64], lat: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Tell which points lie in a box of `changed_boxes`, borders included.

    Parameters
    ----------
    boxes
        Shape ``(k, 4)``.
    lon, lat
        Degrees, shape ``(n,)``.

    Returns
    -------
    ndarray of bool, shape (n,)

    Examples
    --------
    >>> can_have_moved(np.array([[0.0, 0, 1, 1]]), np.array([1.0, 1.1]), np.array([0.5, 0.5])).tolist()
    [True, False]
    """
    moved = np.zeros(len(lon), dtype=bool)
    for west, south, east, north in boxes:
        moved |= (lon >= west) & (lon <= east) & (lat >= south) & (lat <= north)
    return moved


def _segments(geometry: shapely.Geometry | None) -> NDArray[np.float64]:
    """Return the border of a zone as segments ``x, y, x, y``, each with its lesser end first."""
    rings = shapely.get_rings(shapely.get_parts([] if geometry is None else [geometry]))
    coordinates, ring = shapely.get_coordinates(rings, return_index=True)
    joined = ring[1:] == ring[:-1]
    start, end = coordinates[:-1][joined], coordinates[1:][joined]
    swap = (start[:, 0] > end[:, 0]) | ((start[:, 0] == end[:, 0]) & (start[:, 1] > end[:, 1]))
    start[swap], end[swap] = end[swap], start[swap]
    segments = np.column_stack([start, end])
    # In one order, so that a ring that merely starts at another vertex is no change.
    order = np.lexsort(segments.T[::-1])
    return segments[order]
