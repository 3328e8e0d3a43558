"""Geometries of rows: built from columns, checked, moved to EPSG:4490, brought to the form of their kind."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from geo.crs import lonlat_to_internal, quantise, reference
from geo.crs.references import move_in, on_pairs
from geo.errors import FileFormatError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geo.files.faults import FaultList, Mask, Rows
    from geo.files.references import Reference
    from geo.records import Kind

    Floats = NDArray[np.float64]
    Shapes = NDArray[np.object_]

POINT_TYPES = (shapely.GeometryType.POINT,)
LINE_TYPES = (shapely.GeometryType.LINESTRING,)
AREA_TYPES = (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
TYPES: dict[Kind, tuple[tuple[shapely.GeometryType, ...], str]] = {
    "zones": (AREA_TYPES, "面"),
    "subjects": ((*POINT_TYPES, *AREA_TYPES), "点或面"),
    "stations": (POINT_TYPES, "点"),
    "addresses": (POINT_TYPES, "点"),
    "streets": (LINE_TYPES, "线"),
}
TYPE_NAMES = {
    0: "点",
    1: "线",
    2: "环",
    3: "面",
    4: "多点",
    5: "多线",
    6: "多面",
    7: "几何集合",
}
_CURVED_TEXT = (
    r"(?i)^\s*(?:SRID=\d+;)?\s*(?:CIRCULARSTRING|COMPOUNDCURVE|CURVEPOLYGON|MULTICURVE|MULTISURFACE)"
)
_SRID_TEXT = re.compile(r"(?i)^\s*SRID=(\d+);")
_HALF_GLOBE_DEG = 180.0
_REASONS = (
    ("Self-intersection", "边线自相交"),
    ("Ring Self-intersection", "环自相交"),
    ("Hole lies outside shell", "洞在外环之外"),
    ("Nested holes", "洞相互嵌套"),
    ("Nested shells", "各部分相互重叠"),
    ("Interior is disconnected", "内部不连通"),
    ("Too few points in geometry component", "点数不足"),
    ("Invalid Coordinate", "坐标不是有限的数"),
    ("Duplicate Rings", "环重复"),
)


def parse_shapes(
    texts: pd.Series[str], rows: Rows, column: str, faults: FaultList
) -> tuple[Shapes, Mask, str | None]:
    """Build geometries from WKT, EWKT, GeoJSON or hexadecimal WKB, whichever each cell holds.

    Returns
    -------
    tuple
        Geometries (None where the cell is empty or bad), which are bad (reported), and the EPSG code that EWKT
        or EWKB names.
    """
    cells = texts.fillna("").str.strip().to_numpy(dtype=object)
    named = {match[1] for cell in cells if cell[:1] in "sS" and (match := _SRID_TEXT.match(cell))}
    shapes = np.full(len(cells), None, dtype=object)
    curved = pd.Series(cells).str.match(_CURVED_TEXT).to_numpy(dtype=bool)
    json_like = np.array([cell.startswith("{") for cell in cells], dtype=bool)
    hex_like = np.array([bool(re.fullmatch(r"0[01][0-9A-Fa-f]{16,}", cell)) for cell in cells], dtype=bool)
    empty = cells == ""
    texty = ~(curved | json_like | hex_like | empty)
    shapes[json_like] = shapely.from_geojson(cells[json_like], on_invalid="ignore")
    with np.errstate(invalid="ignore"):  # NaN for a coordinate: reported with its row when shapes are checked
        shapes[hex_like] = shapely.from_wkb(cells[hex_like], on_invalid="ignore")
        named |= {str(number) for number in set(shapely.get_srid(shapes[hex_like])) if number > 0}
        plain = [_SRID_TEXT.sub("", cell) for cell in cells[texty]]
        shapes[texty] = shapely.from_wkt(plain, on_invalid="ignore")
    if len(named) > 1:
        raise FileFormatError(
            f"“{column}”列里有多个坐标系：{'、'.join(sorted(named))}。",
            "several SRIDs in one column",
            remedy="请统一坐标系后再导入。",
        )
    bad = ~empty & ~curved & shapely.is_missing(shapes)
    faults.add(
        rows[bad],
        column,
        cells[bad],
        "几何文本无法识别",
        "请写 WKT（如 POLYGON((…))）或 GeoJSON 几何，环要闭合。",
    )
    faults.add(
        rows[curved], column, cells[curved], "含圆弧的曲线几何", "请先在 GIS 软件里转为折线（线性化）。"
    )
    return shapes, bad | curved, f"EPSG:{named.pop()}" if named else None


def points_from_columns(
    table: pd.DataFrame,
    found: dict[str, str],
    rows: Rows,
    ref: Reference,
    faults: FaultList,
    *,
    required: bool,
) -> Shapes:
    """Build points from the lon and lat columns, in EPSG:4490; None where both are empty."""
    headings = found["lon"], found["lat"]
    x, x_given = numbers(table[headings[0]], rows, headings[0], faults)
    y, y_given = numbers(table[headings[1]], rows, headings[1], faults)
    for heading, here, other in ((headings[0], x_given, y_given), (headings[1], y_given, x_given)):
        lone = other & ~here
        faults.add(
            rows[lone], heading, table[heading][lone], "只填了一半坐标", "请补上，或把经度、纬度都留空。"
        )
    if required:
        none = ~x_given & ~y_given
        faults.add(rows[none], headings[0], table[headings[0]][none], "缺少坐标", "请填写经度和纬度。")
    ref.examine(x, y, headings, faults)
    if faults.fatal:  # one fault of the file, not one of each row
        return np.full(len(x), None, dtype=object)
    if ref.swap:
        x, y = y, x
    assert ref.declared is not None  # noqa: S101  the reader asks for a reference before it comes here
    bad = ref.out_of_range(x, y)
    zero = (x == 0) & (y == 0) & ref.geographic
    _report_range(x, y, rows, headings, ref, bad & ~zero, faults)
    pairs = [f"{a:g}, {b:g}" for a, b in zip(x[zero], y[zero], strict=True)]
    faults.add(
        rows[zero],
        headings[0],
        pairs,
        "坐标为 0, 0，多半是没有定位的占位值",
        "请填真实坐标，或把经度、纬度留空。",
    )
    lon, lat = lonlat_to_internal(
        np.where(bad | zero, np.nan, x), np.where(bad | zero, np.nan, y), ref.declared
    )
    away = ref.outside(lon, lat)
    _report_away((lon, lat), (x, y), rows, headings, ref, away, faults)
    shapes = np.full(len(x), None, dtype=object)
    fit = np.isfinite(lon) & np.isfinite(lat) & ~away
    shapes[fit] = shapely.points(lon[fit], lat[fit])
    lost = ~fit & ~away & np.isfinite(x) & np.isfinite(y) & ~bad & ~zero
    _report_range(x, y, rows, headings, ref, lost, faults)
    return shapes


def numbers(values: pd.Series[Any], rows: Rows, column: str, faults: FaultList) -> tuple[Floats, Mask]:
    """Return a column as float64 and which cells are filled; what is no finite number is reported and NaN."""
    if pd.api.types.is_numeric_dtype(values.dtype) and not pd.api.types.is_bool_dtype(values.dtype):
        result = values.to_numpy(dtype=np.float64, na_value=np.nan)
        given = ~values.isna().to_numpy()
    else:
        texts = values.astype("str").where(values.notna(), "").str.strip()
        # Full-width digits and points, which Chinese input methods produce, are digits.
        if not texts.map(str.isascii).all():
            texts = texts.str.normalize("NFKC")
        given = (texts != "").to_numpy()
        result = pd.to_numeric(texts, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    bad = given & ~np.isfinite(result)
    faults.add(
        rows[bad],
        column,
        values[bad],
        "不是数字",
        "请填写十进制数字（如 121.4023），不要写度分秒、方位、单位或千分位逗号；没有就留空。",
    )
    return np.where(bad, np.nan, result), given


def _report_range(
    x: Floats, y: Floats, rows: Rows, headings: tuple[str, str], ref: Reference, bad: Mask, faults: FaultList
) -> None:
    where = np.flatnonzero(bad)
    if not len(where):
        return
    pairs = [f"{x[i]:.10g}, {y[i]:.10g}" for i in where]
    swapped = ref.geographic & ~ref.out_of_range(y, x)[where]
    problems = np.where(swapped, "坐标超出范围：经度与纬度像是填反了", f"坐标超出 {ref.declared} 的范围")
    remedy = (
        "经度在前（-180–180，中国境内约 73–135），纬度在后（-90–90，中国境内约 3–54）；请核对数值与坐标系。"
    )
    faults.add(rows[where], "、".join(dict.fromkeys(headings)), pairs, list(problems), remedy)


def _report_away(
    places: tuple[Floats, Floats],
    given: tuple[Floats, Floats],
    rows: Rows,
    headings: tuple[str, str],
    ref: Reference,
    away: Mask,
    faults: FaultList,
) -> None:
    (lon, lat), (x, y), where = places, given, np.flatnonzero(away)
    faults.add(
        rows[where],
        "、".join(dict.fromkeys(headings)),
        [f"{x[i]:.10g}, {y[i]:.10g}" for i in where],
        [
            f"按 {ref.declared} 换算后在 {lon[i]:.4g}, {lat[i]:.4g}，远在这个坐标系的适用范围之外"
            for i in where
        ],
        "请核对这一行的数值和坐标系；地方独立坐标系的数据请先在 GIS 软件里转换到 EPSG:4490。",
    )


def check_shapes(
    shapes: Shapes,
    rows: Rows,
    kind: Kind,
    ref: Reference,
    faults: FaultList,
    *,
    column: str,
    wanted: Mask,
    lenient: bool = False,
) -> Shapes:
    """Check geometries in the file's reference and return them in EPSG:4490, two-dimensional, in their kind's types.

    Bad ones are reported and None in the result; so are missing ones where they are ``wanted``. ``lenient`` keeps rings
    that cross themselves.
    """
    missing = np.asarray(shapely.is_missing(shapes))
    lone = missing & wanted
    faults.add(rows[lone], column, [""] * int(lone.sum()), "没有几何", f"请补上图形（{TYPES[kind][1]}）。")
    empty = ~missing & shapely.is_empty(shapes)
    faults.add(rows[empty], column, ["空几何"] * int(empty.sum()), "几何是空的", "请补上图形，或删去这一行。")
    shapes = _blank(shapes, empty)
    heights = shapely.has_z(shapes) | shapely.has_m(shapes)
    if heights.any():
        ref.warnings.append("几何带有高程（Z）或量测值（M），已舍去，只保留平面坐标。")
        shapes = shapely.force_2d(shapes)
    shapes = _reject_nowhere(_unwrap(shapes), rows, column, faults)
    shapes = _reject_types(shapes, rows, kind, column, faults)
    bounds = shapely.bounds(shapes)
    ref.examine(bounds[:, [0, 2]].ravel(), bounds[:, [1, 3]].ravel(), (column, column), faults)
    if faults.fatal:  # one fault of the file, not one of each row
        return np.full(len(shapes), None, dtype=object)
    if ref.swap:
        shapes = shapely.transform(shapes, lambda pairs: pairs[:, ::-1])
        bounds = bounds[:, [1, 0, 3, 2]]
    far = ref.out_of_range(bounds[:, 0], bounds[:, 1]) | ref.out_of_range(bounds[:, 2], bounds[:, 3])
    _report_range(bounds[:, 0], bounds[:, 1], rows, (column, column), ref, far, faults)
    shapes = _reject_wide(_blank(shapes, far), rows, column, ref, faults)
    crossing = ~shapely.is_valid(shapes) if lenient else np.zeros(len(shapes), dtype=bool)
    if not lenient:
        shapes = _reject_invalid(shapes, rows, column, faults)
    moved = _move(shapes, ref)
    boxes = shapely.bounds(moved)
    away = ref.outside(boxes[:, 0], boxes[:, 1]) | ref.outside(boxes[:, 2], boxes[:, 3])
    corners = bounds[:, 0], bounds[:, 1]
    _report_away((boxes[:, 0], boxes[:, 1]), corners, rows, (column, column), ref, away, faults)
    shapes, moved = _blank(shapes, away), _blank(moved, away)
    # An area narrower than the 1 mm grid has nothing left.
    gone = ~shapely.is_missing(shapes) & (shapely.is_empty(moved) | ~(crossing | shapely.is_valid(moved)))
    gone |= ~crossing & (shapely.get_dimensions(moved) == 2) & (shapely.area(moved) == 0)  # noqa: PLR2004
    gone |= (shapely.get_dimensions(moved) == 1) & (shapely.length(moved) == 0)
    faults.add(
        rows[gone],
        column,
        _types(shapes[gone]),
        "图形小于 1 毫米，或坐标不在声明的坐标系里",
        "请核对图形与坐标系。",
    )
    return _blank(moved, gone)


def _reject_nowhere(shapes: Shapes, rows: Rows, column: str, faults: FaultList) -> Shapes:
    """Report coordinates that are no numbers, which bounds pass over."""
    xy, of = shapely.get_coordinates(shapes, return_index=True)
    nowhere = np.zeros(len(shapes), dtype=bool)
    nowhere[of[~np.isfinite(xy).all(axis=1)]] = True
    faults.add(
        rows[nowhere],
        column,
        _types(shapes[nowhere]),
        "坐标不是有限的数（NaN 或无穷大）",
        "请修正这个图形的坐标。",
    )
    return _blank(shapes, nowhere)


def _reject_wide(shapes: Shapes, rows: Rows, column: str, ref: Reference, faults: FaultList) -> Shapes:
    """Report what reaches over half the globe: it crosses the antimeridian uncut (RFC 7946, 3.1.9)."""
    if not ref.geographic:
        return shapes
    parts, of = shapely.get_parts(shapes, return_index=True)
    boxes = shapely.bounds(parts)
    wide = np.zeros(len(shapes), dtype=bool)
    wide[of[boxes[:, 2] - boxes[:, 0] > _HALF_GLOBE_DEG]] = True
    faults.add(
        rows[wide],
        column,
        _types(shapes[wide]),
        "图形横跨半个地球以上，多半是跨越了 180° 经线",
        "请沿 180° 经线切成东西两部分（MultiPolygon），并核对坐标。",
    )
    return _blank(shapes, wide)


def _move(shapes: Shapes, ref: Reference) -> Shapes:
    assert ref.declared is not None  # noqa: S101  the reader asks for a reference before it comes here
    step = move_in(reference(ref.declared))
    if step is not None:
        shapes = shapely.transform(shapes, on_pairs(step))
        finite = np.asarray(np.isfinite(shapely.bounds(shapes)).all(axis=1))
        shapes = _blank(shapes, ~finite)
    moved: Shapes = quantise(shapes)
    return moved


def _blank(shapes: Shapes, where: Mask) -> Shapes:
    result = np.array(shapes, dtype=object)
    result[where] = None
    return result


def _types(shapes: Shapes) -> list[str]:
    return [TYPE_NAMES.get(int(i), "") for i in shapely.get_type_id(shapes)]


def _unwrap(shapes: Shapes) -> Shapes:
    """Return multi-part points and lines of one part, and collections of one geometry, as that part."""
    wrapped = np.isin(shapely.get_type_id(shapes), (4, 5, 7)) & (shapely.get_num_geometries(shapes) == 1)
    if wrapped.any():
        shapes = shapes.copy()
        shapes[wrapped] = shapely.get_geometry(shapes[wrapped], 0)
    return shapes


def _reject_types(shapes: Shapes, rows: Rows, kind: Kind, column: str, faults: FaultList) -> Shapes:
    allowed, names = TYPES[kind]
    ids = [int(t) for t in allowed] + (
        [int(shapely.GeometryType.MULTILINESTRING)] if kind == "streets" else []
    )
    wrong = ~shapely.is_missing(shapes) & ~np.isin(shapely.get_type_id(shapes), ids)
    faults.add(
        rows[wrong],
        column,
        _types(shapes[wrong]),
        f"几何类型不对，应为{names}",
        f"请改为{names}，或选对数据种类。",
    )
    return _blank(shapes, wrong)


def _reject_invalid(shapes: Shapes, rows: Rows, column: str, faults: FaultList) -> Shapes:
    invalid = ~shapely.is_missing(shapes) & ~shapely.is_valid(shapes)
    if not invalid.any():
        return shapes
    reasons = [str(reason) for reason in np.atleast_1d(shapely.is_valid_reason(shapes[invalid]))]
    problems = [_reason(reason) for reason in reasons]
    faults.add(
        rows[invalid], column, reasons, problems, "请在 GIS 软件里修复几何（Fix geometries），核对后再导入。"
    )
    return _blank(shapes, invalid)


def _reason(english: str) -> str:
    """Translate GEOS's reason, with its place: ``Self-intersection[121.4 31.1]``."""
    what, _, place = english.partition("[")
    chinese = next((zh for en, zh in _REASONS if what.strip().lower() == en.lower()), what.strip())
    return f"图形无效：{chinese}" + (f"，位置 {place.rstrip(']').replace(' ', ', ')}" if place else "")


def far_warning(shapes: Shapes, territory: Any, file: str) -> str | None:  # noqa: ANN401  any geometry
    """Say so when most of the data lies far from the territory: the declared reference is probably wrong."""
    boxes = shapely.bounds(shapes)
    fit = np.isfinite(boxes).all(axis=1)
    if not fit.any():
        return None
    lon, lat = (boxes[fit, 0] + boxes[fit, 2]) / 2, (boxes[fit, 1] + boxes[fit, 3]) / 2
    west, south, east, north = shapely.bounds(territory)
    margin_lon, margin_lat = (east - west) / 2 + 0.02, (north - south) / 2 + 0.02
    box = west - margin_lon, south - margin_lat, east + margin_lon, north + margin_lat
    near = (lon >= box[0]) & (lon <= box[2]) & (lat >= box[1]) & (lat <= box[3])
    if near.mean() >= 0.5:  # noqa: PLR2004  most of it
        return None
    distance_km = _distance_km(float(np.median(lon)), float(np.median(lat)), territory)
    swapped = (lat >= box[0]) & (lat <= box[2]) & (lon >= box[1]) & (lon <= box[3])
    hint = "经度与纬度像是填反了。" if swapped.mean() > 0.5 else "坐标系可能声明错了，请核对。"  # noqa: PLR2004
    return f"“{file}”的数据离辖区约 {distance_km:,.0f} 公里（{(~near).mean():.0%} 不在辖区附近）：{hint}"


def _distance_km(lon: float, lat: float, territory: Any) -> float:  # noqa: ANN401  any geometry
    # Great-circle distance (haversine, mean Earth radius of 6,371 km): the two may be continents apart.
    centre = shapely.centroid(territory)
    a, b = np.radians([lat, centre.y])
    half = np.sin((b - a) / 2) ** 2 + np.cos(a) * np.cos(b) * np.sin(np.radians(centre.x - lon) / 2) ** 2
    return float(2 * 6371.0 * np.arcsin(np.sqrt(half)))
