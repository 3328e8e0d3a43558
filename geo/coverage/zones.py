"""What is checked: the zones of one level, taken in with every reason why they cannot be."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.coverage.matching import surely_simple
from geo.coverage.plane import Plane, at_least_wide, parts_of
from geo.errors import MixedReferenceError, ZonesError

if TYPE_CHECKING:
    from pyproj import CRS

    from geo.coverage.plane import Bools, Geometries, Ints


_HALF_TURN, _QUARTER_TURN = 180.0, 90.0
_LISTED = 5
_SMALL_M2 = 10.0
_LEAST_WIDTH_M = 0.002
_POLYGONAL = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)


@dataclass(frozen=True)
class Zones:
    """Zones of one level, by row position.

    Parameters
    ----------
    frame
        As given.
    codes
        (n,) code of each, as text.
    given
        (n,) geometries as given, without heights.
    broken
        (n,) whether a geometry is missing, empty, not finite, without area, or breaks the rules of rings.
    shapes
        (n,) valid polygons in the frame's coordinates; a broken one is replaced by what its rings enclose.
    plane
        Drawing board.
    """

    frame: gpd.GeoDataFrame
    codes: tuple[str, ...]
    given: Geometries
    broken: Bools
    shapes: Geometries
    plane: Plane

    @classmethod
    def of(cls, frame: gpd.GeoDataFrame, around: Any = None) -> Zones:  # noqa: ANN401  any area
        """Take zones in; ``around`` says where they would be when there are none.

        Raises
        ------
        ZonesError
            When the column ``code`` is missing or has empty cells, a geometry is not a polygon, coordinates are no
            degrees, or the zones span more than half the globe (they cross the antimeridian).
        UndeclaredReferenceError
            When the frame names no reference.
        """
        codes = zone_codes(frame)
        given = flat_geometries(frame)
        _check_polygons(given, codes)
        finite = (
            np.isfinite(shapely.bounds(given)).all(axis=1)
            | shapely.is_missing(given)
            | shapely.is_empty(given)
        )
        placed = frame if finite.all() else frame[finite]
        areas = area_of(around, frame.crs, "辖区边界") if len(frame) == 0 and frame.crs is not None else None
        if frame.crs is not None and frame.crs.is_geographic:
            _check_degrees(placed)
        plane = Plane.of(placed if areas is None else gpd.GeoDataFrame(geometry=list(areas), crs=frame.crs))
        missing = shapely.is_missing(given) | shapely.is_empty(given) | ~finite
        broken = missing | ~_valid(given)
        sound = np.flatnonzero(~broken)
        missing[sound] = broken[sound] = _flat(given[sound], plane)
        shapes = given
        if broken.any():
            shapes = given.copy()
            shapes[missing] = shapely.Polygon()
            for row in np.flatnonzero(broken & ~missing):
                shapes[row] = mended(given[row])
        return cls(frame, codes, given, broken, shapes, plane)

    def __len__(self) -> int:
        """Return how many zones there are."""
        return len(self.codes)

    @cached_property
    def tree(self) -> shapely.STRtree:
        """The zones by their bounding boxes, in the frame's coordinates."""
        return shapely.STRtree(self.shapes)

    def laid(self, rows: Ints) -> Geometries:
        """Return the shapes of some rows on the plane."""
        return self.plane.down(self.shapes[rows])

    def over(self, laid: Geometries) -> tuple[Ints, Ints]:
        """Return pairs (position of a geometry on the plane, row of a zone) whose shapes meet."""
        pairs = self.tree.query(self.plane.up(laid), predicate="intersects")
        return pairs[0], pairs[1]


def zone_codes(frame: gpd.GeoDataFrame, what: str = "网格图层") -> tuple[str, ...]:
    """Return the codes of zones as text; raise ``ZonesError`` when there are none or some are empty.

    ``what`` is the Chinese name of the layer for messages.
    """
    if not isinstance(frame, gpd.GeoDataFrame) or frame._geometry_column_name not in frame.columns:  # noqa: SLF001  no public name for it
        raise ZonesError(f"{what}没有图形列。", f"no geometry column: {what}", remedy="请提供 GeoDataFrame。")
    if "code" not in frame.columns:
        listed = "、".join(str(name) for name in frame.columns)
        raise ZonesError(
            f"{what}没有编码列 code（现有列：{listed}）。",
            f"no column 'code' in {what} (columns: {listed})",
            remedy="请把编码所在的列改名为 code，每行一个编码。",
        )
    column = frame["code"]
    if isinstance(column, pd.DataFrame):
        raise ZonesError(
            f"{what}有 {column.shape[1]} 列都叫 code。",
            f"{column.shape[1]} columns of {what} are called 'code'",
            remedy="请只保留一列编码，把其余的改名。",
        )
    codes = tuple(map(_text, column.tolist()))
    empty = column.isna().to_numpy()
    if not all(map(str.strip, codes)):
        empty = empty | np.array([not code.strip() for code in codes], dtype=bool)
    if empty.any():
        rows = "、".join(str(row + 1) for row in np.flatnonzero(empty)[:_LISTED])
        raise ZonesError(
            f"{what}有 {int(empty.sum())} 行没有编码（第 {rows} 行）。",
            f"{int(empty.sum())} rows of {what} have no code (rows {rows})",
            remedy="请先补全 code 列，缺陷要按编码说明是哪个网格。",
        )
    return codes


def _valid(geometries: Geometries) -> Bools:
    """Return whether each polygon is valid.

    Most zones are one ring round their middle, which is told at once. The full check of the others releases the
    interpreter, so two threads share it.
    """
    valid = (shapely.get_type_id(geometries) == shapely.GeometryType.POLYGON) & (
        shapely.get_num_interior_rings(geometries) == 0
    )
    plain = np.flatnonzero(valid)
    coordinates, ring = shapely.get_coordinates(geometries[plain], return_index=True)
    offsets = np.concatenate([[0], np.cumsum(np.bincount(ring, minlength=len(plain)))])
    valid[plain] = surely_simple(coordinates, offsets)
    rest = np.flatnonzero(~valid)
    with ThreadPoolExecutor(2) as pool:
        valid[rest] = np.concatenate(list(pool.map(shapely.is_valid, np.array_split(geometries[rest], 2))))
    found: Bools = valid
    return found


def _flat(geometries: Geometries, plane: Plane) -> Bools:
    """Return whether each polygon is a line rather than land: narrower than rounding of its coordinates."""
    small = np.flatnonzero(shapely.area(geometries) * np.prod(plane.scale) < _SMALL_M2)
    flat = np.zeros(len(geometries), dtype=bool)
    flat[small] = ~at_least_wide(plane.down(geometries[small]), _LEAST_WIDTH_M)
    return flat


def flat_geometries(frame: gpd.GeoDataFrame | gpd.GeoSeries) -> Geometries:
    """Return the geometries of a frame as an array, without heights."""
    geometries = np.asarray(frame.geometry.array, dtype=object)
    flat: Geometries = shapely.force_2d(geometries) if shapely.has_z(geometries).any() else geometries
    return flat


def _check_polygons(given: Geometries, codes: tuple[str, ...]) -> None:
    kinds = shapely.get_type_id(given)
    wrong = ~np.isin(kinds, [-1, *_POLYGONAL]) & ~shapely.is_empty(given)
    if wrong.any():
        rows = np.flatnonzero(wrong)
        listed = "、".join(f"{codes[row]}（{given[row].geom_type}）" for row in rows[:_LISTED])
        raise ZonesError(
            f"{len(rows)} 个网格不是面：{listed}。",
            f"{len(rows)} zones are not polygons: {listed}",
            remedy="请把线或点图层换成面图层；曲线面请先在绘图软件里转为折线面。",
        )


def _check_degrees(frame: gpd.GeoDataFrame) -> None:
    west, south, east, north = frame.total_bounds
    if max(-south, north) > _QUARTER_TURN or max(-west, east) > 2 * _HALF_TURN:
        raise ZonesError(
            f"网格的坐标超出经纬度的范围（经度 {west:g} 到 {east:g}，纬度 {south:g} 到 {north:g}）。",
            f"the zones do not lie on the globe: longitude {west:g} to {east:g}, latitude {south:g} to {north:g}",
            remedy="请检查经纬度是否写反；以米为单位的坐标请声明它的投影坐标系，例如 EPSG:4549。",
        )
    if east - west > _HALF_TURN:
        raise ZonesError(
            f"网格横跨 {east - west:.0f}° 经度，无法量长度和面积。",
            f"the zones span {east - west:.0f} degrees of longitude: they cross the antimeridian or are misplaced",
            remedy="请检查坐标；跨 180° 经线的网格请在 180° 处分开，分两次检查。",
        )


def mended(geometry: shapely.Geometry) -> shapely.Geometry:
    """Return what the rings of an invalid polygon enclose, less its holes, as a valid polygon (empty when nothing).

    A polygon with coordinates that are no numbers, which bounds pass over, encloses nothing.
    """
    if not np.isfinite(shapely.get_coordinates(geometry)).all():
        return shapely.Polygon()
    # The method "linework" would fill a hole that reaches over the outer ring, or touches it twice.
    valid = shapely.make_valid(geometry, method="structure", keep_collapsed=False)
    parts, _ = parts_of(np.array([valid], dtype=object))
    if len(parts) == 0:
        return shapely.Polygon()
    return parts[0] if len(parts) == 1 else shapely.MultiPolygon(list(parts))


def area_of(given: Any, crs: CRS, what: str) -> Geometries | None:  # noqa: ANN401  a geometry, a series or a frame
    """Return the polygons (valid, in the zones' reference) of a boundary, of parents or of exceptions.

    Parameters
    ----------
    given
        A polygon, a GeoSeries, a GeoDataFrame, or None (then None comes back).
    crs
        Reference that it must share with the zones.
    what
        Chinese name for messages.

    Raises
    ------
    MixedReferenceError
        When it names another reference than the zones.
    ZonesError
        When it has something else than polygons.
    """
    if given is None:
        return None
    if isinstance(given, gpd.GeoDataFrame | gpd.GeoSeries):
        same_reference(given, crs, what)
        geometries = np.asarray(given.geometry.array, dtype=object)
    else:
        geometries = np.atleast_1d(np.asarray(given, dtype=object))
        if not (shapely.is_geometry(geometries) | shapely.is_missing(geometries)).all():
            raise ZonesError(
                f"{what}不是图形，而是 {type(given).__name__}。",
                f"not geometries: {what}",
                remedy="请提供面、GeoSeries 或 GeoDataFrame；文件请先用 geo.files 读取。",
            )
    geometries = shapely.force_2d(geometries)
    known = ~(shapely.is_missing(geometries) | shapely.is_empty(geometries))
    if not np.isin(shapely.get_type_id(geometries[known]), _POLYGONAL).all():
        raise ZonesError(f"{what}不是面。", f"not polygons: {what}", remedy="请提供面图层。")
    invalid = known & ~shapely.is_valid(geometries)
    for row in np.flatnonzero(invalid):
        geometries[row] = mended(geometries[row])
    geometries[~known] = shapely.Polygon()
    return geometries


def same_reference(given: gpd.GeoDataFrame | gpd.GeoSeries, crs: CRS, what: str) -> None:
    """Raise ``MixedReferenceError`` unless a frame is in this reference."""
    if given.crs is None or not (given.crs == crs or given.crs.to_2d() == crs.to_2d()):
        own = "未声明" if given.crs is None else given.crs.name
        raise MixedReferenceError(
            f"{what}的坐标系（{own}）与网格的（{crs.name}）不同。",
            f"the reference of {what} differs from that of the zones",
            remedy="请先用 geo.crs.to_internal 把所有图层统一到 EPSG:4490。",
        )


def texts(frame: pd.DataFrame, column: str) -> list[str]:
    """Return a column as text, empty where there is no value or no such column."""
    if column not in frame.columns:
        return [""] * len(frame)
    return ["" if pd.isna(value) else _text(value) for value in frame[column]]


def _text(value: Any) -> str:  # noqa: ANN401  a cell
    """Return a cell as text; an empty cell beside them makes pandas keep the codes 101, 102 as 101.0, 102.0."""
    return f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)
