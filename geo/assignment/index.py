"""Which zone is a point in: the index that answers exactly and fast."""

from __future__ import annotations

import json
import math
import os
import threading
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import numpy as np
import shapely

from geo.assignment import building, lookup, refining, writing
from geo.assignment.rational import zones_in_leaf
from geo.errors import CoordinatesError, FileFormatError, MixedReferenceError, ZonesError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import geopandas as gpd
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

T = TypeVar("T", bound=np.generic)
R = TypeVar("R")

_ARRAYS: Final = ("frame", "cells", "leaves", "starts", "words", "vertices")
_MAGIC: Final = b"OneGrid zone index 3"
_ALIGNMENT: Final = 64
_CHUNK: Final = 1 << 17
"""Points per task: large enough to drown the cost of a task, small enough to balance two cores."""

_CELLS_PER_EDGE: Final = 8
_MOST_CELLS: Final = 1 << 24
_MOST_HELD: Final = 1 << 23
"""Cells times zones that hold them beyond the usual, at most: what heavily overlapping zones may cost."""
_MOST_COORDINATE: Final = 1e100
"""Beyond it products of differences could overflow."""

_CELL_ULPS: Final = 2.0**22
"""Least width of a cell in units of the last place of a coordinate, so that margins are wider than rounding."""

_CENTRES: Final = (0.4567, 0.5713, 0.3891, 0.6127)
"""Where the reference point of a cell is, in its width; another is tried if one cannot be decided (underflow)."""


@dataclass(frozen=True)
class Located:
    """Points located, with the counts that a reconciliation starts from: they add up to the number of points.

    Parameters
    ----------
    rows
        As `ZoneIndex.locate` returns them, shape ``(n,)``.
    assigned
        Number of points in a zone.
    nowhere
        Number of points with good coordinates in no zone.
    bad
        Number of points with a coordinate that is NaN, infinite, masked or missing.
    """

    rows: NDArray[np.int32]
    assigned: int
    nowhere: int
    bad: int


class ZoneIndex:
    """The index of a set of zones, for locating points.

    **The rule.** A point strictly inside a zone is in it. A point on a border is in the zone immediately
    east of it; where the border runs due east, in the zone north of it (the point counts as moved east by an
    infinitesimal and north by a much smaller one). On an outer border nothing may lie there: then it is in
    the zone met first when turning anticlockwise from just past due east, so a point that touches any zone is in
    one that it touches. Every comparison is that of real arithmetic on the doubles given. Thus in a coverage
    each point is in at most one zone, and in none only if it touches none. Where zones overlap, `locate`
    names the first by row and `locate_all` every one.

    **Shapes.** Each polygon of a zone is decided by the even-odd rule over its rings, so a ring that crosses
    itself is out where it winds twice; polygons of one multipolygon that overlap are united. Missing and
    empty geometries hold nothing. A ring without area holds nothing but is touched. Height is ignored.
    Longitudes do not wrap: a zone across the antimeridian must be cut there.

    Parameters
    ----------
    zones
        Polygons and multipolygons with holes, any number of rows, in degrees (or without a named reference).

    Raises
    ------
    ZonesError
        If there is no geometry column or no polygon at all, a row is neither polygon nor multipolygon, or a
        coordinate is not finite or beyond 1e100.
    MixedReferenceError
        If the frame names a reference that is not geographic.

    Notes
    -----
    An index never changes and can be used by several threads at once; it can be pickled. Its size is about 100 bytes
    per edge.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> index = ZoneIndex(gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1), box(1, 0, 2, 1)]))
    >>> index.locate([0.5, 1.0, 2.0, 9.0], [0.5, 0.5, 0.5, 0.5]).tolist()
    [0, 1, 1, -1]
    """

    def __init__(self, zones: gpd.GeoDataFrame) -> None:
        try:
            crs, geometries = zones.crs, np.asarray(zones.geometry.array, dtype=object)
        except AttributeError as error:
            raise ZonesError(
                "网格没有图形列。", "the zones have no geometry column", remedy="请提供 GeoDataFrame。"
            ) from error
        if crs is not None and not crs.is_geographic:
            raise MixedReferenceError(
                f"网格的坐标（{crs.to_string()}）不是经纬度，定位需要经纬度。",
                "zones are not in lon/lat, which locating needs",
                remedy="请先转换到 EPSG:4490（geo.crs.to_internal）。",
            )
        edges = _Edges.of(geometries)
        self._adopt(len(zones), *_build(edges))

    def _adopt(self, zones: int, most: int, columns: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take the arrays of an index, read-only, so that the compiled loops know one type of them."""
        self._zones, self._most, self._columns = zones, most, columns
        self._frame, self._cells, self._leaves, self._starts, self._words, self._vertices = (
            _sealed(arrays[name]) for name in _ARRAYS
        )
        self._lines = _sealed(self._leaves.view(np.float32))

    def __len__(self) -> int:
        """Return the number of rows of the zones."""
        return self._zones

    def __repr__(self) -> str:
        """Return a summary."""
        return f"<ZoneIndex of {self._zones} zones, {self.nbytes / 2**20:.1f} MiB>"

    @property
    def nbytes(self) -> int:
        """Size of the index in bytes."""
        return sum(array.nbytes for array in self._arrays().values())

    @property
    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east and north of all zones, in degrees."""
        west, south, east, north = self._frame[:4].tolist()
        return west, south, east, north

    def locate(self, lon: ArrayLike, lat: ArrayLike) -> NDArray[np.int32]:
        """Return the zone of each point.

        Parameters
        ----------
        lon, lat
            Degrees, shape ``(n,)``.

        Returns
        -------
        ndarray of int32, shape (n,)
            Row position in the zones, -1 in none. NaN, infinity and what is masked or missing are in none;
            `locate_counted` counts them.

        Raises
        ------
        CoordinatesError
            If the shapes are not ``(n,)``, twice the same, or what is given is not numbers.
        """
        return self.locate_counted(lon, lat).rows

    def locate_counted(self, lon: ArrayLike, lat: ArrayLike) -> Located:
        """Return the zone of each point as `locate` does, and how many are assigned, nowhere and bad.

        Examples
        --------
        >>> import geopandas as gpd
        >>> from shapely import box
        >>> index = ZoneIndex(gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1)]))
        >>> found = index.locate_counted([0.5, 7.0, float("nan")], [0.5, 7.0, 0.5])
        >>> found.assigned, found.nowhere, found.bad
        (1, 1, 1)
        """
        x, y = _points(lon, lat)
        rows = np.empty(len(x), dtype=np.int32)

        def work(part: slice) -> tuple[int, int, int, int]:
            counts: tuple[int, int, int, int] = lookup.locate(
                x[part],
                y[part],
                self._frame,
                self._columns,
                self._cells,
                self._leaves,
                self._lines,
                self._starts,
                self._words,
                self._vertices,
                rows[part],
            )
            return counts

        counts = np.array(list(_in_threads(work, len(x))), dtype=np.int64).reshape(-1, 4).sum(axis=0)
        assigned, bad, unsettled, _ = counts.tolist()
        if unsettled:
            for k in np.flatnonzero(rows == lookup.OPEN):
                zones = self._settle(x[k], y[k])
                rows[k] = zones[0] if zones else lookup.NOWHERE
                assigned += bool(zones)
        return Located(rows, assigned, len(x) - assigned - bad, bad)

    def locate_all(self, lon: ArrayLike, lat: ArrayLike) -> NDArray[np.int64]:
        """Return every zone of each point, for zones that overlap.

        Parameters
        ----------
        lon, lat
            Degrees, shape ``(n,)``.

        Returns
        -------
        ndarray of int64, shape (2, m)
            Positions of points and of zones, as ``shapely.STRtree.query`` pairs them, sorted by point, then zone. On a
            border the rule of the class decides for each zone by itself, so two neighbours never both have a point.

        Examples
        --------
        >>> import geopandas as gpd
        >>> from shapely import box
        >>> index = ZoneIndex(gpd.GeoDataFrame(geometry=[box(0, 0, 2, 2), box(1, 1, 3, 3)]))
        >>> index.locate_all([0.5, 1.5], [0.5, 1.5]).tolist()
        [[0, 1, 1], [0, 0, 1]]
        """
        x, y = _points(lon, lat)

        def work(part: slice) -> NDArray[np.int64]:
            points, zones, unsettled = lookup.locate_all(
                x[part],
                y[part],
                self._frame,
                self._columns,
                self._cells,
                self._starts,
                self._words,
                self._vertices,
                self._most,
            )
            pairs = np.array([points, zones], dtype=np.int64)
            if len(unsettled):
                settled = [(k, zone) for k in unsettled for zone in self._settle(x[part][k], y[part][k])]
                pairs = np.concatenate([pairs, np.array(settled, dtype=np.int64).reshape(-1, 2).T], axis=1)
                pairs = pairs[:, np.argsort(pairs[0], kind="stable")]
            pairs[0] += part.start
            return pairs

        return np.concatenate([np.empty((2, 0), dtype=np.int64), *_in_threads(work, len(x))], axis=1)

    def _settle(self, lon: float, lat: float) -> list[int]:
        """Return every zone of a point that the compiled loops left open."""
        code = int(lookup.code_at(lon, lat, self._frame, self._columns, self._cells))
        return zones_in_leaf(self._vertices, self._words, self._starts[(-2 - code) >> 1], lon, lat)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        """Return the arrays that the index consists of."""
        arrays = self._frame, self._cells, self._leaves, self._starts, self._words, self._vertices
        return dict(zip(_ARRAYS, arrays, strict=True))

    def to_bytes(self) -> NDArray[np.uint8]:
        """Return the whole index as one array of bytes: what `save` writes and a cluster broadcasts."""
        arrays = self._arrays()
        head: dict[str, Any] = {
            "zones": self._zones,
            "most": self._most,
            "columns": self._columns,
            "arrays": {},
        }
        at = 0
        for name, array in arrays.items():
            head["arrays"][name] = [array.dtype.str, list(array.shape), at]
            at += -(-array.nbytes // _ALIGNMENT) * _ALIGNMENT
        text = _title(json.dumps(head).encode())
        start = -(-len(text) // _ALIGNMENT) * _ALIGNMENT
        blob = np.zeros(start + at, dtype=np.uint8)
        blob[: len(text)] = np.frombuffer(text, dtype=np.uint8)
        for name, array in arrays.items():
            place = start + head["arrays"][name][2]
            blob[place : place + array.nbytes] = array.reshape(-1).view(np.uint8)
        return blob

    @classmethod
    def from_bytes(cls, blob: NDArray[np.uint8]) -> Self:
        """Return the index that `to_bytes` laid out, without copying it.

        Raises
        ------
        FileFormatError
            If it is something else, of another version, cut short, or its head is damaged.
        """
        text = b"".join(blob[: 1 << 12].tobytes().splitlines(keepends=True)[:2])
        _, _, head_text = text.partition(b"\n")
        if text != _title(head_text[:-1]):
            raise _not_an_index()
        head = json.loads(head_text)
        start = -(-len(text) // _ALIGNMENT) * _ALIGNMENT
        try:
            arrays = {}
            for name, (dtype, shape, at) in head["arrays"].items():
                size = np.dtype(dtype).itemsize * math.prod(shape)
                arrays[name] = blob[start + at : start + at + size].view(dtype).reshape(shape)
        except ValueError as error:
            raise _not_an_index() from error
        index = cls.__new__(cls)
        index._adopt(head["zones"], head["most"], head["columns"], arrays)  # noqa: SLF001 - its own class
        return index

    def save(self, path: str | Path) -> None:
        """Write the index to one file, whole or not at all, also when the power fails.

        Parameters
        ----------
        path
            File to write; it is in NumPy's ``.npy`` format whatever its suffix.
        """
        path = Path(path)
        draft = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
        try:
            with draft.open("wb") as file:
                np.save(file, self.to_bytes(), allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Open an index that `save` wrote; its pages are read when they are first needed.

        So damage beyond its head is not looked for: the file is to be as safe as a program.

        Raises
        ------
        FileFormatError
            If the file is not an index, of another version, cut short, or its head is damaged.

        Examples
        --------
        >>> import geopandas as gpd, tempfile
        >>> from shapely import box
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ZoneIndex(gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1)])).save(f"{folder}/zones.npy")
        ...     ZoneIndex.load(f"{folder}/zones.npy").locate([0.5], [0.5]).tolist()
        [0]
        """
        try:
            blob = np.asarray(np.lib.format.open_memmap(path, mode="r"))
            return cls.from_bytes(blob.reshape(-1).view(np.uint8))
        except ValueError as error:
            raise _not_an_index(f"“{path}”") from error

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle as the bytes of `to_bytes`."""
        return type(self).from_bytes, (self.to_bytes(),)


@dataclass(frozen=True)
class _Edges:
    """The rings of all zones: an edge runs from each vertex to the next, unless ``unit`` is -1 there."""

    vertices: Floats
    unit: NDArray[np.int32]
    unit_starts: NDArray[np.int64]
    unit_zone: NDArray[np.int32]

    @classmethod
    def of(cls, geometries: NDArray[np.object_]) -> Self:
        """Take the rings of zones apart, refusing what is no polygon."""
        kinds = shapely.get_type_id(geometries)
        allowed = (-1, shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON)
        wrong = np.flatnonzero(~np.isin(kinds, allowed))
        if len(wrong):
            names = sorted({geometries[k].geom_type for k in wrong})
            raise ZonesError(
                f"第 {_few(wrong)} 行（从 0 数）不是面，而是 {'、'.join(names)}。",
                f"rows {_few(wrong)} (from 0) are no polygons",
                remedy="网格只能是面或多面（Polygon、MultiPolygon）。",
            )
        parts, zone = shapely.get_parts(geometries, return_index=True)
        rings, part = shapely.get_rings(parts, return_index=True)
        vertices = shapely.get_coordinates(rings)
        if len(vertices) == 0:
            raise ZonesError(
                "没有任何网格：图层是空的，或所有几何都是空的。",
                "no zones: the frame is empty or all geometries are",
                remedy="请先加载至少一个网格。",
            )
        ring_sizes = shapely.get_num_coordinates(rings)
        unit = np.repeat(part.astype(np.int32), ring_sizes)
        bad = ~(np.abs(vertices) <= _MOST_COORDINATE).all(axis=1)
        if bad.any():
            wrong = np.unique(zone[unit[bad]])
            raise ZonesError(
                f"第 {_few(wrong)} 行（从 0 数）的坐标不是有限的数。",
                f"rows {_few(wrong)} (from 0) have coordinates that are not finite",
                remedy="请修正这些网格的坐标。",
            )
        starts = np.searchsorted(unit, np.arange(len(parts) + 1)).astype(np.int64)
        unit[np.cumsum(ring_sizes) - 1] = -1
        vertices += 0.0  # -0.0 becomes 0.0: one number, one representation
        return cls(vertices, unit, starts, zone.astype(np.int32))


def _build(edges: _Edges) -> tuple[int, int, dict[str, NDArray[Any]]]:
    """Return the most zones of a leaf, the columns of the top grid, and the arrays of the index."""
    vertices, unit = edges.vertices, edges.unit
    bounds = (*vertices.min(axis=0).tolist(), *vertices.max(axis=0).tolist())
    columns, lines, box, most_shift = _top_grid(edges, *bounds)
    for centre in _CENTRES:
        cells, places, starts, of_edges = building.spread(vertices, unit, box, columns, lines)
        entry_of_leaf, entry_unit, first, size = building.group(starts, of_edges, unit)
        decided, inside, fresh, more_leaf, more_zone = building.fill(
            vertices, unit, edges.unit_starts, edges.unit_zone, box, centre, columns, lines, cells,
            entry_of_leaf, entry_unit,
        )  # fmt: skip
        if not decided:
            continue
        entry_zone = edges.unit_zone[entry_unit]
        if len(more_leaf):
            entry_of_leaf, entry_zone, inside, first, size = building.merge(
                entry_of_leaf, entry_zone, inside, first, size, len(fresh), more_leaf, more_zone
            )
        leaf_cell = np.concatenate([places, fresh])
        leaf_line, leaf_column = np.divmod(leaf_cell, columns)
        decided, cells, leaves, entries = refining.refine(
            vertices, box, centre, most_shift, cells, leaf_cell, box[0] + leaf_column * box[2],
            box[1] + leaf_line * box[3], entry_of_leaf, (entry_zone, inside, first, size, of_edges),
        )  # fmt: skip
        if not decided:
            continue
        decided, rows, starts, words, most = writing.write(vertices, box, centre, cells, leaves, entries)
        if decided:
            frame = np.array([*bounds, box[0], box[1], 1 / box[2], 1 / box[3]])
            arrays = frame, cells, rows, starts, words, vertices
            return most, columns, dict(zip(_ARRAYS, arrays, strict=True))
    raise ZonesError(
        "网格的坐标差异小到无法计算。",
        "coordinates of the zones differ by too little to be computed with",
        remedy="请把坐标取整到 1e-8 度（geo.crs.quantise）。",
    )


def _top_grid(
    edges: _Edges, west: float, south: float, east: float, north: float
) -> tuple[int, int, tuple[float, float, float, float], int]:
    """Return columns and lines of the top grid, its south-west corner and cell size, and how often cells may halve."""
    ulp = np.spacing(max(abs(west), abs(east))), np.spacing(max(abs(south), abs(north)))
    least = [max(_CELL_ULPS * float(u), 1e-90) for u in ulp]
    extent = [max(east - west, least[0]), max(north - south, least[1])]
    wanted = min(_CELLS_PER_EDGE * len(edges.vertices), _MOST_CELLS)
    # Where zones overlap many times over, fewer cells: each remembers all the zones that hold it.
    filled = edges.unit_starts[:-1][np.diff(edges.unit_starts) > 0]
    spans = [np.maximum.reduceat(v, filled) - np.minimum.reduceat(v, filled) for v in edges.vertices.T]
    times = float(np.sum((spans[0] / extent[0]) * (spans[1] / extent[1])))
    wanted = max(64, min(wanted, int(_MOST_HELD / max(times - 3, 0.5))))
    # Cells as square as the extent allows; a long narrow extent gets one line.
    side = math.sqrt(extent[0] / wanted) * math.sqrt(extent[1])
    counts = [max(1, min(wanted, int(e / side), int(e / low))) for e, low in zip(extent, least, strict=True)]
    columns, lines = min(counts[0], wanted // counts[1] or 1), counts[1]
    # A quarter of a cell to spare, so that rounding never puts a point outside the grid.
    width, height = (
        extent[0] / (columns - 0.25 if columns > 1 else 0.5),
        extent[1] / (lines - 0.25 if lines > 1 else 0.5),
    )
    box = west - width / 8, south - height / 8, width, height
    most_shift = int(math.log2(min(width / least[0], height / least[1])))
    return columns, lines, box, max(0, min(most_shift, 24))


def _points(lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
    """Return coordinates as two read-only contiguous arrays of one length."""
    x, y = _numbers(lon), _numbers(lat)
    if x.ndim != 1 or x.shape != y.shape:
        raise CoordinatesError(
            f"经度和纬度必须是同样长的一维数组，现在是 {x.shape} 和 {y.shape}。",
            f"lon and lat must be of one shape (n,), not {x.shape} and {y.shape}",
            remedy="请成对给出经度和纬度。",
        )
    return _sealed(x), _sealed(y)


def _numbers(values: ArrayLike) -> Floats:
    """Return coordinates as a contiguous array, NaN where they are masked or missing."""
    if isinstance(values, np.ma.MaskedArray):
        values = np.ma.filled(values.astype(np.float64), np.nan)
    try:
        # NumPy would make a number of a date, and of a complex number its real part.
        if getattr(getattr(values, "dtype", None), "kind", "f") not in "cmM":
            return np.require(values, np.float64, "C")
        wrong = None
    except (TypeError, ValueError) as error:
        wrong = error
    raise CoordinatesError(
        "经度和纬度必须是数字。", "lon and lat must be numbers", remedy="请以度为单位给出数字。"
    ) from wrong


def _sealed(array: NDArray[T]) -> NDArray[T]:
    """Return a read-only view: the compiled loops are compiled once, for read-only input."""
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view


def _in_threads(work: Callable[[slice], R], count: int) -> Iterator[R]:
    """Run work on slices of ``range(count)`` on every core, and yield the results in order."""
    parts = [slice(start, min(start + _CHUNK, count)) for start in range(0, count, _CHUNK)]
    cores = min(len(os.sched_getaffinity(0)), len(parts))
    if cores < 2:  # noqa: PLR2004 - one core needs no pool
        yield from map(work, parts)
        return
    # A pool of its own for each call: nothing to lock, nothing that a fork could lose.
    with ThreadPoolExecutor(cores) as pool:
        yield from pool.map(work, parts)


def _title(head: bytes) -> bytes:
    """Return what an index begins with: two lines, the second its head, the first what it is and the sum of the head.

    The head says what the compiled loops rely on without asking: a damaged one would make them read elsewhere.
    """
    return b"%s %08x\n%s\n" % (_MAGIC, zlib.crc32(head), head)


def _few(rows: NDArray[np.int64]) -> str:
    """Return the first rows as text."""
    most = 5
    return "、".join(str(row) for row in rows[:most]) + ("…" if len(rows) > most else "")


def _not_an_index(what: str = "数据") -> FileFormatError:
    """Return the error for bytes or a file that hold no index of this version."""
    return FileFormatError(
        f"{what}不是可用的网格索引（或版本不同、文件不完整）。",
        "not a zone index of this version",
        remedy="请由网格重新生成索引。",
    )
