"""Assignment of files larger than one machine: the same index over GeoParquet, here or on a Spark cluster.

A source is one Parquet file or a folder of them. It is cut into *parts* of whole row groups. Each part becomes one file
of answers, written whole or not at all, which carries its own counts and a fingerprint of what it was computed from. So
a run that was interrupted continues with the parts that are missing, and one with other zones starts over. Spark
(``pip install -e '.[spark]'``; OneGrid itself on every executor) only spreads the parts: both engines run `run_part`.

Use it from some 100 million points on, or when the points already lie on a cluster's storage; below that one machine
is done before a cluster has started.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.fs
import pyarrow.parquet as pq
import pyproj
import shapely

from geo.assignment import ZoneIndex, explain, subject_points, territory_index
from geo.crs import reference, undeclared_reference
from geo.crs.references import move_in
from geo.errors import FileFormatError, MixedReferenceError
from geo.records import UNASSIGNED_REASONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray
    from shapely import MultiPolygon, Polygon

PART_ROWS = 1_000_000
"""Rows of a part, about: a part is what is lost when a machine dies."""

_BATCH_ROWS = 1 << 17
_KEY = b"onegrid"
_POINT = np.dtype([("order", "u1"), ("type", "<u4"), ("lon", "<f8"), ("lat", "<f8")])
"""A point in little-endian WKB, 21 bytes."""
_ANSWER = pa.schema(
    [("code", pa.string()), ("kind", pa.string()), ("zone", pa.string()), ("reason", pa.string())]
)
_REASONS = pa.array([None, *UNASSIGNED_REASONS], pa.string())
_OUTCOMES = ["assigned", *UNASSIGNED_REASONS]


@dataclass(frozen=True)
class Part:
    """Row groups of one source file, and where their answers go.

    Parameters
    ----------
    source, target
        URIs or paths that every machine can reach.
    row_groups
        Positions in the source.
    columns
        What to read of it.
    geometry
        The column of shapes among them; None if they are ``lon`` and ``lat``.
    fingerprint
        What the answers depend on: zones, territory, and the source's size and date.
    """

    source: str
    target: str
    row_groups: tuple[int, ...]
    columns: tuple[str, ...]
    geometry: str | None
    fingerprint: str


@dataclass(frozen=True)
class Engine:
    """What every machine needs: it is broadcast once.

    Parameters
    ----------
    index
        Index of the zones.
    territory
        Index of the territory, which tells a gap from the outside.
    codes
        Code of each zone, by row.
    """

    index: ZoneIndex
    territory: ZoneIndex
    codes: tuple[str, ...]

    @classmethod
    def of(cls, zones: gpd.GeoDataFrame, boundary: Polygon | MultiPolygon | None = None) -> Engine:
        """Index zones with a ``code`` column, and their territory (see `geo.assignment.territory_index`)."""
        return cls(ZoneIndex(zones), territory_index(zones, boundary), tuple(zones["code"].astype(str)))

    def fingerprint(self) -> str:
        """Return a digest of the zones, their codes and the territory."""
        digest = hashlib.sha256(json.dumps(self.codes).encode())
        digest.update(self.index.to_bytes().data)
        digest.update(self.territory.to_bytes().data)
        return digest.hexdigest()


def assign_files(
    zones: gpd.GeoDataFrame,
    source: str,
    target: str,
    *,
    level: str,
    boundary: Polygon | MultiPolygon | None = None,
    declared: str | None = None,
    session: Any = None,  # noqa: ANN401 - a pyspark SparkSession; pyspark is an optional package
    part_rows: int = PART_ROWS,
) -> pd.DataFrame:
    """Assign the subjects of Parquet files to the zones of one level, and reconcile.

    Parameters
    ----------
    zones
        Zones of the level with ``code``, in lon/lat.
    source
        A Parquet file or a folder of them (path or URI): ``code`` (text or integers), ``kind`` (optional), and either
        ``lon`` and ``lat`` in degrees or a GeoParquet geometry (WKB), both in EPSG:4490 or WGS 84.
    target
        Folder for the answers: one Parquet file per part with ``code, kind, zone, reason``; zone is a zone's code or
        null, reason null or one of ``geo.records.UNASSIGNED_REASONS``.
    level
        Code of the level, for the reconciliation.
    boundary
        The territory.
    declared
        Reference of the source, where it says none: points are read where they lie, so only EPSG:4490 or WGS 84.
    session
        A ``pyspark.sql.SparkSession``; without one the parts run here one after another.
    part_rows
        Rows of a part, about.

    Returns
    -------
    DataFrame
        As `geo.assignment.reconcile`: ``level, kind, total, assigned, outside, gap, no_location, bad_location``.

    Raises
    ------
    FileFormatError
        If the source has no Parquet file or a file of another format, or a file no location or code, or codes that
        are neither text nor integers.
    UndeclaredReferenceError
        If a file says that the reference of its geometry is unknown, and none is declared.
    MixedReferenceError
        If a file's geometry is in another reference, or another is declared.

    Examples
    --------
    >>> import tempfile, geopandas as gpd
    >>> from shapely import box
    >>> zones = gpd.GeoDataFrame({"code": ["a"]}, geometry=[box(0, 0, 1, 1)])
    >>> people = pd.DataFrame({"code": ["p", "q"], "lon": [0.5, 7.0], "lat": [0.5, 7.0]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     people.to_parquet(f"{folder}/people.parquet")
    ...     assign_files(zones, f"{folder}/people.parquet", f"{folder}/out", level="grid")
      level     kind  total  assigned  outside  gap  no_location  bad_location
    0  grid  subject      2         1        1    0            0             0
    """
    engine = Engine.of(zones, boundary)
    parts = plan(source, target, engine.fingerprint(), declared=declared, part_rows=part_rows)
    filesystem, folder = _filesystem(target)
    filesystem.create_dir(folder, recursive=True)
    _remove_strays(filesystem, folder, parts)
    here = session is None
    counts = [run_part(part, engine) for part in parts] if here else _on_spark(session, parts, engine)
    return _reconciled(level, counts)


def plan(
    source: str, target: str, fingerprint: str, *, declared: str | None = None, part_rows: int = PART_ROWS
) -> list[Part]:
    """Cut the source into parts, in the order of file names and rows.

    Parameters
    ----------
    source, target, declared
        As for `assign_files`.
    fingerprint
        Of the engine.
    part_rows
        A part is the fewest whole row groups with at least so many rows.
    """
    if declared is not None:
        _require_lonlat(reference(declared), source)
    filesystem, path = _filesystem(source)
    info = filesystem.get_file_info(path)
    found = (
        filesystem.get_file_info(pa.fs.FileSelector(path))
        if info.type == pa.fs.FileType.Directory
        else [info]
    )
    files = sorted(
        (
            file
            for file in found
            if file.type == pa.fs.FileType.File and not file.base_name.startswith((".", "_"))
        ),
        key=lambda file: file.base_name,
    )
    if not files:
        raise FileFormatError(
            f"{source} 中没有 Parquet 文件。", "no Parquet file in the source", remedy="请检查路径。"
        )
    prefix = source[: source.rfind(path)] if source.endswith(path) else ""
    parts = []
    for file in files:
        try:
            with pq.ParquetFile(file.path, filesystem=filesystem) as opened:
                metadata, schema = opened.metadata, opened.schema_arrow
        except pa.ArrowInvalid as error:
            raise FileFormatError(
                f"“{file.base_name}”不是 Parquet 文件，或已损坏。",
                f"{file.base_name} is no Parquet file",
                remedy="这里只读 Parquet 文件；其他格式请不用 --engine spark。",
            ) from error
        columns, geometry = _columns(schema, file.base_name, declared)
        stamp = f"{fingerprint}:{file.base_name}:{file.size}:{file.mtime_ns}"
        groups: list[int] = []
        rows = 0
        for group in range(metadata.num_row_groups):
            groups.append(group)
            rows += metadata.row_group(group).num_rows
            if rows >= part_rows or group == metadata.num_row_groups - 1:
                # The whole name: two sources may differ in their endings only.
                name = f"{file.base_name}-{groups[0]:05}-{groups[-1]:05}.parquet"
                place = prefix + file.path, posixpath.join(target, name)
                parts.append(Part(*place, tuple(groups), columns, geometry, stamp))
                groups, rows = [], 0
    return parts


def run_part(part: Part, engine: Engine) -> dict[str, list[int]]:
    """Assign one part, unless its answers are there already, and return its counts.

    Parameters
    ----------
    part
        One of `plan`.
    engine
        The same on every machine.

    Returns
    -------
    dict
        Per kind: the numbers assigned, outside, in a gap, without and with a bad location.
    """
    filesystem, path = _filesystem(part.target)
    done = _counts_of(filesystem, path, part.fingerprint)
    if done is not None:
        return done
    counts: dict[str, NDArray[np.int64]] = {}
    # A name of its own: Spark may try a part again while the first try, given up, still writes.
    draft = f"{path}.{secrets.token_hex(8)}.draft"
    source_filesystem, source_path = _filesystem(part.source)
    with source_filesystem.open_input_file(source_path) as stream:
        file = pq.ParquetFile(stream)
        with pq.ParquetWriter(draft, _ANSWER, filesystem=filesystem, compression="zstd") as writer:
            groups, columns = list(part.row_groups), list(part.columns)
            for batch in file.iter_batches(_BATCH_ROWS, row_groups=groups, columns=columns):
                answer, codes = _answer(batch, part.geometry, engine)
                writer.write_batch(answer)
                kinds = answer.column("kind").dictionary_encode()
                numbers = np.bincount(
                    kinds.indices.to_numpy() * len(_OUTCOMES) + codes,
                    minlength=len(kinds.dictionary) * len(_OUTCOMES),
                )
                for kind, more in zip(
                    kinds.dictionary.to_pylist(), numbers.reshape(-1, len(_OUTCOMES)), strict=True
                ):
                    counts[kind] = counts.get(kind, 0) + more
            plain = {kind: numbers.tolist() for kind, numbers in sorted(counts.items())}
            writer.add_key_value_metadata(
                {_KEY: json.dumps({"fingerprint": part.fingerprint, "counts": plain})}
            )
    filesystem.move(draft, path)
    return plain


def _answer(
    batch: pa.RecordBatch, geometry: str | None, engine: Engine
) -> tuple[pa.RecordBatch, NDArray[np.int8]]:
    """Return the answers of a batch of subjects and their reason codes."""
    if geometry is None:
        lon, lat = (
            batch.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False) for name in ("lon", "lat")
        )
    else:
        lon, lat = _located(batch.column(geometry))
    rows = engine.index.locate(lon, lat)
    codes = explain(rows, lon, lat, territory=engine.territory)
    zone = pa.array(engine.codes, pa.string()).take(pa.array(rows, mask=rows < 0))
    names = batch.schema.names
    kind = batch.column("kind").cast(pa.string()).fill_null("subject") if "kind" in names else None
    if kind is None:
        kind = pa.array(["subject"]).take(pa.array(np.zeros(len(rows), dtype=np.int32)))
    arrays = [batch.column("code").cast(pa.string()), kind, zone, _REASONS.take(pa.array(codes))]
    return pa.RecordBatch.from_arrays(arrays, schema=_ANSWER), codes


def _located(shapes: pa.Array) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return lon and lat of shapes in WKB: NaN where there is none, infinity where it cannot be read."""
    plain = _plain_points(shapes)
    if plain is not None:
        lon, lat = plain["lon"].copy(), plain["lat"].copy()
        lon[np.isnan(lon) != np.isnan(lat)] = np.inf  # one good coordinate is a mistake, none is an absence
        return lon, lat
    wkb = shapes.to_numpy(zero_copy_only=False)
    read = shapely.from_wkb(wkb, on_invalid="ignore")
    lon, lat = subject_points(gpd.GeoSeries(read))
    # What is no WKB has no shape that GEOS could place: POINT (inf inf) makes it a bad location.
    broken = shapely.is_missing(read) & ~pd.isna(wkb)
    lon[broken] = lat[broken] = np.inf
    return lon, lat


def _plain_points(shapes: pa.Array) -> NDArray[Any] | None:
    """Return points as records ``lon, lat``, read where they lie; None unless all are little-endian points in WKB.

    Nearly every file of points is so, and making geometries of them would take longer than locating them.
    """
    if shapes.null_count or not len(shapes) or not pa.types.is_binary(shapes.type):
        return None
    _, offset_buffer, data = shapes.buffers()
    offsets = np.frombuffer(offset_buffer, np.int32)[shapes.offset : shapes.offset + len(shapes) + 1]
    if data is None or (np.diff(offsets) != _POINT.itemsize).any():
        return None
    records = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]].view(_POINT)
    is_plain = (records["order"] == 1).all() and (records["type"] == 1).all()
    return records if is_plain else None


def _columns(schema: pa.Schema, source: str, declared: str | None) -> tuple[tuple[str, ...], str | None]:
    """Return the columns to read of a source, and its geometry unless it has lon and lat."""
    names = schema.names
    if "code" not in names:
        raise FileFormatError(
            f"{source} 缺少 code 列。", "the source has no column code", remedy="请补上对象编码列。"
        )
    if not _is_code(schema.field("code").type):
        raise FileFormatError(
            f"{source} 的 code 列不是文字或整数。",
            "the codes of the source are neither text nor integers",
            remedy="请把对象编码存成文字；存成小数的长编码已经不准。",
        )
    kept = ["code", *(["kind"] if "kind" in names else [])]
    if {"lon", "lat"} <= set(names):
        if not all(_is_number(schema.field(name).type) for name in ("lon", "lat")):
            raise FileFormatError(
                f"{source} 的 lon、lat 列不是数字。",
                "lon or lat of the source is no number",
                remedy="请把经纬度存成数字列（双精度）。",
            )
        return (*kept, "lon", "lat"), None
    meta = json.loads((schema.metadata or {}).get(b"geo", b"{}"))
    geometry = meta.get("primary_column")
    if geometry not in names:
        raise FileFormatError(
            f"{source} 既没有 lon、lat 列，也没有 GeoParquet 几何列。",
            "the source has neither lon and lat nor a GeoParquet geometry",
            remedy="请提供经纬度列或 GeoParquet 文件。",
        )
    about = meta["columns"][geometry]
    if about.get("encoding") != "WKB":
        raise FileFormatError(
            f"{source} 的几何列不是 WKB 编码。",
            "the geometry is not encoded as WKB",
            remedy="请改存为 WKB 编码。",
        )
    # An absent reference means lon/lat on WGS 84 (GeoParquet 1.1, "crs"); an explicit null means unknown.
    own = about.get("crs", "OGC:CRS84")
    if own is not None:
        _require_lonlat(pyproj.CRS.from_user_input(own).to_2d(), source)
    elif declared is None:
        raise undeclared_reference(source)
    return (*kept, geometry), geometry


def _require_lonlat(named: str | pyproj.CRS, source: str) -> None:
    """Refuse a reference other than EPSG:4490 and WGS 84."""
    if move_in(named) is not None:
        raise MixedReferenceError(
            f"{source} 的坐标系不是 EPSG:4490 或 WGS 84 经纬度，这里不作转换。",
            "the source is neither in EPSG:4490 nor in WGS 84",
            remedy="请先转换到 EPSG:4490（geo.crs.to_internal），或不用 --engine spark。",
        )


def _is_code(kind: pa.DataType) -> bool:
    """Return whether a column of this type holds codes that text can repeat; so does one without any."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_string_view(kind)
        or pa.types.is_integer(kind)
        or pa.types.is_null(kind)
    )


def _is_number(kind: pa.DataType) -> bool:
    """Return whether a column of this type holds numbers."""
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind))


def _noted(filesystem: pa.fs.FileSystem, path: str) -> dict[str, Any]:
    """Return what `run_part` noted in a file of answers; nothing if it is no such file, or was cut short."""
    try:
        metadata = pq.read_metadata(path, filesystem=filesystem).metadata or {}
    except pa.ArrowInvalid:
        return {}
    noted: dict[str, Any] = json.loads(metadata.get(_KEY, b"{}"))
    return noted


def _counts_of(filesystem: pa.fs.FileSystem, path: str, fingerprint: str) -> dict[str, list[int]] | None:
    """Return the counts of answers that are there already, None if they are not, or of something else."""
    if filesystem.get_file_info(path).type == pa.fs.FileType.NotFound:
        return None
    noted = _noted(filesystem, path)
    return noted["counts"] if noted.get("fingerprint") == fingerprint else None


def _remove_strays(filesystem: pa.fs.FileSystem, folder: str, parts: list[Part]) -> None:
    """Remove answers of earlier runs that no part of this one replaces, and drafts of runs that died."""
    own = {posixpath.basename(part.target) for part in parts}
    for file in filesystem.get_file_info(pa.fs.FileSelector(folder)):
        name = file.base_name
        if file.type != pa.fs.FileType.File or name in own:
            continue
        is_draft = ".parquet." in name and name.endswith(".draft")
        if is_draft or (name.endswith(".parquet") and _noted(filesystem, file.path)):
            filesystem.delete_file(file.path)


def _on_spark(session: Any, parts: list[Part], engine: Engine) -> list[dict[str, list[int]]]:  # noqa: ANN401
    """Run the parts on a cluster, in one job: engine and list of parts are broadcast, the counts come back."""
    if not parts:
        return []
    shared = session.sparkContext.broadcast((engine, parts))

    def work(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for row in batch.column("id").to_pylist():
                engine, parts = shared.value
                yield pa.RecordBatch.from_pydict({"counts": [json.dumps(run_part(parts[row], engine))]})

    # One task per part: a task that dies is tried again alone, elsewhere.
    rows = session.range(0, len(parts), 1, len(parts))
    try:
        answers = rows.mapInArrow(work, "counts string").collect()
    finally:
        shared.destroy()
    return [json.loads(answer["counts"]) for answer in answers]


def _reconciled(level: str, counts: Iterable[dict[str, list[int]]]) -> pd.DataFrame:
    """Add up the counts of the parts."""
    total: dict[str, NDArray[np.int64]] = {}
    for part in counts:
        for kind, numbers in part.items():
            total[kind] = total.get(kind, 0) + np.array(numbers, dtype=np.int64)
    rows = [(level, kind, int(total[kind].sum()), *total[kind].tolist()) for kind in sorted(total)]
    return pd.DataFrame(rows, columns=["level", "kind", "total", *_OUTCOMES])


def _filesystem(place: str) -> tuple[pa.fs.FileSystem, str]:
    """Return the file system of a path or URI, and the path in it."""
    if "://" in place:
        filesystem, path = pa.fs.FileSystem.from_uri(place)
        return filesystem, path
    return pa.fs.LocalFileSystem(), place
