"""Declared references, the way in and out of EPSG:4490, and quantising (see the package for the rules)."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from geo.crs.shifts import bd_to_lonlat, gcj_to_lonlat, lonlat_to_bd, lonlat_to_gcj
from geo.errors import MixedReferenceError, UndeclaredReferenceError, UnknownReferenceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Moves = Callable[[Floats, Floats], tuple[Floats, Floats]]

INTERNAL_CRS = "EPSG:4490"
QUANTUM_DEG = 1e-8
QUANTUM_DECIMALS = 8
GCJ_02 = "GCJ-02"
BD_09 = "BD-09"

_SAME_AS_INTERNAL = (
    "wgs 84",
    "wgs 1984",
    "world geodetic system 1984",
    "china geodetic coordinate system 2000",
    "cgcs2000",
    "china 2000",
)
_NAMES = {
    "gcj02": GCJ_02,
    "火星": GCJ_02,
    "火星坐标": GCJ_02,
    "高德": GCJ_02,
    "bd09": BD_09,
    "bd09ll": BD_09,
    "百度": BD_09,
    "百度坐标": BD_09,
    "cgcs2000": INTERNAL_CRS,
    "wgs84": "EPSG:4326",
}


def reference(declared: str) -> str | CRS:
    """Return the reference that a declaration names.

    Parameters
    ----------
    declared
        ``"EPSG:n"`` (or just the number), ``"GCJ-02"``, ``"BD-09"``; case, spaces and hyphens do not matter.

    Returns
    -------
    str or pyproj.CRS
        ``"GCJ-02"``, ``"BD-09"``, or the two-dimensional CRS of the EPSG code.

    Raises
    ------
    UnknownReferenceError
        When it is none of them.

    Examples
    --------
    >>> reference("gcj02")
    'GCJ-02'
    >>> reference("EPSG:4528").name
    'CGCS2000 / 3-degree Gauss-Kruger zone 40'
    """
    return _reference(str(declared))


@lru_cache(maxsize=128)
def _reference(declared: str) -> str | CRS:
    key = declared.strip().lower().replace("-", "").replace("_", "").replace(" ", "").replace("：", ":")
    known = _NAMES.get(key, key)
    if known in (GCJ_02, BD_09):
        return known
    digits = known.lower().removeprefix("epsg").lstrip(":")
    try:
        crs = CRS.from_epsg(int(digits)).to_2d()
    except (CRSError, ValueError) as error:
        raise UnknownReferenceError(
            f"不认识的坐标系“{declared}”。",
            f"unknown reference {declared!r}",
            remedy="请写 EPSG 代码（如 EPSG:4490、EPSG:4528）、GCJ-02（高德、腾讯）或 BD-09（百度）。",
        ) from error
    if not (crs.is_geographic or crs.is_projected):
        raise UnknownReferenceError(
            f"坐标系“{declared}”（{crs.name}）不是平面上的地理或投影坐标系。",
            f"{declared!r} is neither a geographic nor a projected reference",
            remedy="请写经纬度或投影坐标系的 EPSG 代码。",
        )
    return crs


def undeclared_reference(what: str = "数据") -> UndeclaredReferenceError:
    """Return the error that explains why coordinates without a reference cannot be used.

    Parameters
    ----------
    what
        The file or layer, for the message.
    """
    return UndeclaredReferenceError(
        f"“{what}”没有说明坐标系：文件里没有，命令里也没有声明。同样的数字在不同坐标系里相差可达一公里以上，不能猜。",
        f"{what}: reference neither declared nor found in the file",
        remedy=(
            "请声明坐标系：天地图、测绘成果多为 EPSG:4490；高德、腾讯为 GCJ-02；百度为 BD-09；"
            "GPS 为 EPSG:4326；带号的高斯-克吕格 3 度带为 EPSG:4513–4533，不带号为 EPSG:4534–4554。"
        ),
    )


@lru_cache(maxsize=128)
def _projector(crs: CRS, *, inverse: bool) -> Transformer | None:
    """Return the step between a CRS and lon/lat, or None where the two are the same numbers.

    A reference on WGS 84 or CGCS2000 only needs its projection undone. Any other datum needs a known datum
    shift: a "ballpark" step (none at all, up to hundreds of metres wrong) is refused.
    """
    base = crs.geodetic_crs
    same_datum = base is not None and _is_internal_datum(base)
    if same_datum and crs.is_geographic:
        return None
    lonlat = base if same_datum else CRS.from_epsg(4326)
    source, target = (lonlat, crs) if inverse else (crs, lonlat)
    try:
        return Transformer.from_crs(source, target, always_xy=True, allow_ballpark=same_datum)
    except Exception as error:
        raise UnknownReferenceError(
            f"坐标系“{crs.name}”到 CGCS2000 没有公开的转换参数，直接套用会偏差几十到几百米。",
            f"no known transformation from {crs.name} to CGCS2000",
            remedy="请先用当地测绘部门的参数转换为 EPSG:4490 再导入。",
        ) from error


def _is_internal_datum(geodetic: CRS) -> bool:
    datum = "" if geodetic.datum is None else geodetic.datum.name
    names = f"{geodetic.name} {datum}".lower().replace("_", " ")
    return any(name in names for name in _SAME_AS_INTERNAL)


def _pairwise(step: Transformer) -> Moves:
    def move(x: Floats, y: Floats) -> tuple[Floats, Floats]:
        there_x, there_y = step.transform(x, y)
        return np.asarray(there_x), np.asarray(there_y)

    return move


def move_in(reference_in: str | CRS) -> Moves | None:
    """Return the function from a reference's x, y to unrounded lon, lat; None for the identity."""
    if isinstance(reference_in, str):
        # Never compare a CRS with a string: pyproj would search its database for a CRS of that name.
        return gcj_to_lonlat if reference_in == GCJ_02 else bd_to_lonlat
    step = _projector(reference_in, inverse=False)
    if step is None:
        return None
    return _pairwise(step)


def move_out(reference_out: str | CRS) -> Moves | None:
    """Return the function from lon, lat to a reference's x, y; None for the identity."""
    if isinstance(reference_out, str):
        # Never compare a CRS with a string: pyproj would search its database for a CRS of that name.
        return lonlat_to_gcj if reference_out == GCJ_02 else lonlat_to_bd
    step = _projector(reference_out, inverse=True)
    if step is None:
        return None
    return _pairwise(step)


def _round(values: Floats) -> Floats:
    # Adding zero turns -0.0 into 0.0: equal coordinates must also be equal bytes.
    rounded: Floats = np.round(values, QUANTUM_DECIMALS) + 0.0
    return rounded


def lonlat_to_internal(lon: ArrayLike, lat: ArrayLike, declared: str) -> tuple[Floats, Floats]:
    """Convert coordinates to lon/lat EPSG:4490, rounded to 1e-8 degrees.

    Parameters
    ----------
    lon, lat
        x and y in the declared reference: degrees, or easting and northing in its unit.
    declared
        ``"EPSG:n"``, ``"GCJ-02"`` or ``"BD-09"``.

    Returns
    -------
    tuple of numpy.ndarray
        Longitude and latitude in degrees, float64, of the same length. NaN where there was none, or where the
        numbers cannot be coordinates of that reference.

    Examples
    --------
    >>> lon, lat = lonlat_to_internal([500000.0], [3438000.0], "EPSG:4549")
    >>> float(lon[0]), round(float(lat[0]), 3)
    (120.0, 31.063)
    """
    x = np.atleast_1d(np.asarray(lon, dtype=np.float64))
    y = np.atleast_1d(np.asarray(lat, dtype=np.float64))
    x, y = np.where(np.isfinite(x), x, np.nan), np.where(np.isfinite(y), y, np.nan)
    move = move_in(reference(declared))
    if move is not None:
        x, y = move(x, y)
    bad = ~(np.isfinite(x) & np.isfinite(y))
    return np.where(bad, np.nan, _round(x)), np.where(bad, np.nan, _round(y))


def from_internal(lon: ArrayLike, lat: ArrayLike, target: str) -> tuple[Floats, Floats]:
    """Convert lon/lat EPSG:4490 to another reference, unrounded.

    Parameters
    ----------
    lon, lat
        Degrees.
    target
        ``"EPSG:n"``, ``"GCJ-02"`` or ``"BD-09"``.

    Returns
    -------
    tuple of numpy.ndarray
        x and y (longitude and latitude, or easting and northing) in the target, float64.
    """
    x = np.atleast_1d(np.asarray(lon, dtype=np.float64))
    y = np.atleast_1d(np.asarray(lat, dtype=np.float64))
    move = move_out(reference(target))
    return (x.copy(), y.copy()) if move is None else move(x, y)


def quantise(geometries: Any) -> Any:  # noqa: ANN401  an array, a GeoSeries or one geometry: the same comes back
    """Round coordinates to 1e-8 degrees, so that vertices that neighbours share stay exactly equal.

    Each coordinate is rounded by itself. ``shapely.set_precision`` is not used for it: it drops and adds
    vertices by what the rest of a polygon looks like, so that two neighbours would no longer share them. Only
    a polygon that rounding makes invalid (a spike or neck thinner than 1 mm) is cleaned that way.

    Parameters
    ----------
    geometries
        A geometry, an array of them, or a GeoSeries, in degrees; None and empty ones stay as they are.

    Returns
    -------
    shapely.Geometry, numpy.ndarray or GeoSeries
        The same container, two-dimensional geometries.
    """
    if isinstance(geometries, gpd.GeoSeries):
        return gpd.GeoSeries(quantise(geometries.to_numpy()), index=geometries.index, crs=geometries.crs)
    if geometries is None or isinstance(geometries, shapely.Geometry):
        return quantise(np.array([geometries], dtype=object))[0]
    given = np.asarray(geometries, dtype=object)
    rounded = shapely.transform(given, _round)
    torn = np.flatnonzero(
        (shapely.get_dimensions(rounded) == 2) & ~shapely.is_valid(rounded) & shapely.is_valid(given)  # noqa: PLR2004
    )
    if len(torn):
        cleaned = shapely.set_precision(rounded[torn], QUANTUM_DEG, mode="valid_output")
        rounded[torn] = shapely.transform(cleaned, _round)
    return rounded


def to_internal(frame: gpd.GeoDataFrame, declared: str | None = None) -> gpd.GeoDataFrame:
    """Convert a frame to lon/lat EPSG:4490, two-dimensional, rounded to 1e-8 degrees; no row is dropped.

    Parameters
    ----------
    frame
        Any geometries. Not changed.
    declared
        ``"EPSG:n"``, ``"GCJ-02"`` or ``"BD-09"``; None takes the frame's own reference. A declaration
        overrides a frame's EPSG:4326 or 4490, which many formats write by default. GCJ-02 and BD-09 may come
        projected (a web map's metres): the projection is undone first.

    Returns
    -------
    GeoDataFrame
        The same rows, index and columns, in EPSG:4490.

    Raises
    ------
    UndeclaredReferenceError
        When neither the declaration nor the frame names a reference.
    MixedReferenceError
        When the declaration contradicts the frame's own projected reference.

    Examples
    --------
    >>> import geopandas as gpd
    >>> amap = gpd.GeoDataFrame({"code": ["a"]}, geometry=gpd.points_from_xy([121.4070], [31.0690]))
    >>> to_internal(amap, declared="GCJ-02").geometry.x.round(4).to_list()
    [121.4024]
    """
    steps: list[Moves | None] = []
    own = frame.crs
    if declared is None:
        if own is None:
            raise undeclared_reference()
        steps.append(move_in(own.to_2d()))
    else:
        named = reference(declared)
        if isinstance(named, CRS):
            _check_agreement(named, own)
        elif own is not None:
            steps.append(move_in(own.to_2d()))
        steps.append(move_in(named))
    geometries = frame.geometry.to_numpy()
    for step in steps:
        if step is not None:
            geometries = shapely.transform(geometries, on_pairs(step))
    result = frame.copy()
    name = frame.geometry.name
    result[name] = gpd.GeoSeries(quantise(geometries), index=frame.index)
    return result.set_geometry(name).set_crs(INTERNAL_CRS, allow_override=True)


def on_pairs(move: Moves) -> Callable[[Floats], Floats]:
    """Return the form of a move that ``shapely.transform`` takes: (n, 2) in, (n, 2) out."""
    return lambda pairs: np.column_stack(move(pairs[:, 0].copy(), pairs[:, 1].copy()))


def _check_agreement(named: CRS, own: CRS | None) -> None:
    if own is None or (own.is_geographic and _is_internal_datum(own)) or own.to_2d().equals(named):
        return
    if own.to_epsg() is not None and own.to_epsg() == named.to_epsg():
        return
    raise MixedReferenceError(
        f"声明的坐标系是“{named.name}”，文件自己写的是“{own.name}”，两者矛盾。",
        f"declared {named.name} but the file says {own.name}",
        remedy="请核对：若文件正确，就不要声明；若文件写错，请先改正文件的坐标系定义（.prj 等）。",
    )
