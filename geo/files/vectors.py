"""GeoJSON, GeoPackage, Shapefile, FlatGeobuf and (Geo)Parquet as tables with geometries, in chunks."""

from __future__ import annotations

import codecs
import json
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from os import SEEK_END
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pyogrio.errors
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError

from geo.errors import EncodingError, FileFormatError
from geo.files.encodings import decode_all, is_chinese, open_as_utf8
from geo.files.tables import RawChunk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

GEOJSON_SUFFIXES = (".geojson", ".json", ".geojsonl")
_MEMBERS_BYTES = 1 << 14
_DBF_NAME_BYTES = 10

CURVED = ("Curve", "Circular", "Surface", "Compound")
"""Parts of the names of geometry types with arcs."""

UNBUILDABLE = "几何数据损坏，无法构成图形（如环不闭合、点数不足）"
_DBF_LANGUAGE_BYTE = 29
_ONE_IN_GBK = "啊".encode("gbk")
_MOST_CUT_BYTES = 4
EVERY_BYTE = "ISO-8859-1"
"""An encoding that keeps every byte as one character; by this name GDAL knows it too."""


def read_vectors(path: Path, chunk_rows: int, layer: str | None, encoding: str | None) -> Iterator[RawChunk]:
    """Yield the features of one layer of a file that GDAL reads.

    Raises
    ------
    FileFormatError
        When the file cannot be opened, is not of its kind, or has several layers and none is named.
    """
    if _is_shapefile(path) and not any(path.with_suffix(each).exists() for each in (".dbf", ".DBF", ".Dbf")):
        raise FileFormatError(
            f"“{path.name}”旁边没有同名的 .dbf，只有图形，没有编码、名称等属性。",
            f"{path.name} has no .dbf beside it",
            remedy="请把 Shapefile 的 .shp、.shx、.dbf、.prj 一起拷贝到同一个文件夹，或打包成 .zip。",
        )
    if path.suffix.lower() in GEOJSON_SUFFIXES:
        with _geojson_as_utf8(path, encoding) as (readable, found):
            for chunk in _layer_chunks(readable, chunk_rows, layer, None):
                yield replace(chunk, warnings=(*found, *chunk.warnings))
    else:
        yield from _layer_chunks(path, chunk_rows, layer, encoding)


@contextmanager
def _geojson_as_utf8(path: Path, encoding: str | None) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """Yield the file, or a copy in the one encoding that GeoJSON may have (RFC 8259, 8.1), and a warning of it."""
    file, found = open_as_utf8(path, encoding)
    with file:
        if found in ("utf-8", "utf-8-sig"):
            yield path, ()
            return
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / path.name
            with copy.open("wb") as target:
                shutil.copyfileobj(file, target)
            yield copy, (f"“{path.name}”按 {found} 编码读取。",)


def _geojson_crs(path: Path) -> tuple[bool, CRS | None]:
    """Return whether a GeoJSON file has a member ``crs`` (GeoJSON 2008, 3), and the reference that it names.

    GDAL takes a name that it does not know for WGS 84; here that is an error.
    """
    with path.open("rb") as file:
        head = file.read(_MEMBERS_BYTES)
        file.seek(max(file.seek(0, SEEK_END) - _MEMBERS_BYTES, len(head)))
        tail = file.read()
    # Before or after the features: an attribute may be called crs too.
    outside = head.partition(b'"features"')[0] + (tail or head).rpartition(b"]")[2]
    if path.suffix.lower() == ".geojsonl" or b'"features"' not in head or b'"crs"' not in outside:
        return False, None
    text = outside.partition(b'"crs"')[2].decode("utf-8", errors="replace").lstrip(" \t\r\n:")
    try:
        member, _ = json.JSONDecoder().raw_decode(text)
        return True, None if member is None else CRS.from_user_input(member["properties"]["name"])
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise CRSError(f"crs: {text[:80]}") from error


def _layer_chunks(path: Path, chunk_rows: int, layer: str | None, encoding: str | None) -> Iterator[RawChunk]:
    try:
        layer = _layer(path, layer)
        info = pyogrio.read_info(path, layer=layer, encoding=EVERY_BYTE if _is_shapefile(path) else None)
        total = (
            info["features"]
            if info["features"] >= 0
            else pyogrio.read_info(path, layer=layer, force_feature_count=True)["features"]
        )
        crs = None if info["crs"] is None else CRS.from_user_input(info["crs"])
        says = False
        if info.get("driver") == "GeoJSON":
            says, named = _geojson_crs(path)
            crs = named if says else crs
        implied = not says and info.get("driver") in ("GeoJSON", "GeoJSONSeq")
        warnings = _format_warnings(path, info)
        for start in range(0, max(total, 1), chunk_rows):
            chunk = _features(path, layer, encoding, (start, chunk_rows), crs, warnings)
            yield replace(chunk, implied=implied)
    except (
        pyogrio.errors.DataSourceError,
        pyogrio.errors.DataLayerError,
        pyogrio.errors.FeatureError,
    ) as error:
        raise FileFormatError(
            f"无法读取“{path.name}”：{error}。",
            f"cannot read {path.name}: {error}",
            remedy="请确认文件完整（Shapefile 要有 .shp、.shx、.dbf 同名文件），且内容与后缀一致。",
        ) from error
    except UnicodeDecodeError as error:
        raise EncodingError(
            f"“{path.name}”里的文字不是 UTF-8。",
            f"{path.name} is not UTF-8",
            remedy="请用 --encoding 指明编码，如 gbk。",
        ) from error
    except CRSError as error:
        raise FileFormatError(
            f"“{path.name}”里的坐标系定义无法识别：{error}。",
            f"cannot understand the reference in {path.name}",
            remedy="请修正坐标系定义，或删去它并在导入时声明。",
        ) from error


def _is_shapefile(path: Path) -> bool:
    return path.suffix.lower() in (".shp", ".dbf")


def _layer(path: Path, layer: str | None) -> str | None:
    listed = [(str(name), kind) for name, kind in pyogrio.list_layers(path)]
    names = [name for name, _ in listed]
    if layer is not None and layer not in names:
        raise FileFormatError(
            f"“{path.name}”里没有图层“{layer}”，有：{'、'.join(names)}。",
            f"no layer {layer!r} in {path.name}",
            remedy="请核对图层名称。",
        )
    drawn = [name for name, kind in listed if kind is not None]
    if (
        layer is None and len(drawn) == 1
    ):  # beside it tables without geometry, such as the styles that QGIS keeps
        return drawn[0]
    if layer is None and len(names) > 1:
        raise FileFormatError(
            f"“{path.name}”里有 {len(names)} 个图层：{'、'.join(names)}，不知道要读哪一个。",
            f"{path.name} has several layers",
            remedy="请用 --table 指明图层，或另存为只有一个图层的文件。",
        )
    return layer if layer is not None or not names else names[0]


def _format_warnings(path: Path, info: dict[str, Any]) -> tuple[str, ...]:
    warnings = []
    if any(word in str(info["geometry_type"]) for word in CURVED):
        warnings.append(f"“{path.name}”含有圆弧等曲线几何，已按短直线段近似。")
    return tuple(warnings)


def _features(
    path: Path,
    layer: str | None,
    encoding: str | None,
    span: tuple[int, int],
    crs: CRS | None,
    warnings: tuple[str, ...],
) -> RawChunk:
    start, count = span
    shapefile = _is_shapefile(path)
    meta, _, wkb, columns = pyogrio.raw.read(
        path,
        layer=layer,
        # Latin-1 keeps every byte, so that the table's real encoding is found below, cell by cell where need be.
        encoding=EVERY_BYTE if shapefile else encoding,
        skip_features=start,
        max_features=count,
        datetime_as_string=True,
    )
    names = [str(name) for name in meta["fields"]]
    table = pd.DataFrame(dict(zip(range(len(names)), columns, strict=True)))
    if shapefile:
        names, more = _decode_table(path, names, table, encoding)
        warnings = (*warnings, *more)
    table = _as_hex(table)
    table.columns = pd.Index(names)
    length = len(columns[0]) if len(columns) else (0 if wkb is None else len(wkb))
    geometry, broken = _from_wkb(np.full(length, None, dtype=object) if wkb is None else wkb)
    if len(table) != length:
        table = pd.DataFrame(index=range(length))
    rows = np.arange(start + 1, start + 1 + length, dtype=np.int64)
    return RawChunk(table, rows, geometry, broken, crs, warnings=warnings)


def _from_wkb(wkb: NDArray[np.object_]) -> tuple[NDArray[np.object_], dict[int, str]]:
    with np.errstate(invalid="ignore"):  # NaN for a coordinate: reported with its row when shapes are checked
        geometry = np.asarray(shapely.from_wkb(wkb, on_invalid="ignore"), dtype=object)
    given = np.array([cell is not None for cell in wkb], dtype=bool)
    return geometry, {int(i): UNBUILDABLE for i in np.flatnonzero(given & shapely.is_missing(geometry))}


def _decode_table(
    path: Path, names: list[str], table: pd.DataFrame, encoding: str | None
) -> tuple[list[str], tuple[str, ...]]:
    """Decode a dBase table that was read as Latin-1, in place; return its field names and warnings.

    What the user says comes first, then the .cpg file, then the form of the bytes. A .cpg that the bytes
    contradict is overruled with a warning: offices copy them about.
    """
    texts = [
        i for i in table.columns if table[i].dtype == object or pd.api.types.is_string_dtype(table[i].dtype)
    ]
    cells = {i: [None if v is None else str(v) for v in table[i]] for i in texts}
    headings = [name.encode("latin-1") for name in names]
    raw = sorted(
        {v.encode("latin-1") for column in cells.values() for v in column if v}
        | {
            heading for heading in headings if len(heading) < _DBF_NAME_BYTES
        }  # longer ones may be cut in a character
    )
    found = says = encoding or _cpg(path)
    warnings: tuple[str, ...] = ()
    # Every byte is a letter of Latin-1 and its like: that nothing fails does not mean that a copied .cpg is right.
    foreign = encoding is None and says is not None and len(_ONE_IN_GBK.decode(says, "replace")) > 1
    decoded = None if foreign and is_chinese(raw) else _try_decode(raw, says)
    if decoded is None:
        listed, found = decode_all(raw)
        decoded = dict(zip(raw, listed, strict=True))
        if says is not None and says != found:
            warnings = (f"“{path.name}”声明的编码是 {says}，内容不符，已按 {found} 读取。",)
        elif says is None and found != "utf-8":
            warnings = (f"“{path.name}”没有说明编码（.cpg），属性按 {found} 读取。",)
    for i, column in cells.items():
        table[i] = [None if v is None else decoded.get(v.encode("latin-1"), v) for v in column]
    return [_decode_heading(heading, found or "utf-8") for heading in headings], warnings


def _decode_heading(heading: bytes, encoding: str) -> str:
    """Decode a field name without the half of a character at its end, where it was cut to ten bytes."""
    for length in range(len(heading), max(len(heading) - _MOST_CUT_BYTES, 0), -1):
        try:
            return heading[:length].decode(encoding)
        except UnicodeDecodeError:
            if len(heading) < _DBF_NAME_BYTES:
                break
    return heading.decode(encoding, errors="replace")


def _try_decode(raw: list[bytes], encoding: str | None) -> dict[bytes, str] | None:
    if encoding is None:
        return None
    try:
        return {cell: cell.decode(encoding) for cell in raw}
    except UnicodeDecodeError:
        return None


def _cpg(path: Path) -> str | None:
    """Return the encoding that a Shapefile's .cpg file, or its .dbf's language byte, names; None if neither does."""
    for suffix in (".cpg", ".CPG"):
        cpg = path.with_suffix(suffix)
        if cpg.exists():
            name = cpg.read_text(encoding="ascii", errors="replace").strip()
            name = {"936": "gb18030", "65001": "utf-8", "88591": "latin-1"}.get(name, name)
            return "gb18030" if name.lower() in ("gbk", "gb2312", "cp936") else _codec(name)
    dbf = path.with_suffix(".dbf")
    if dbf.exists():
        with dbf.open("rb") as file:
            header = file.read(_DBF_LANGUAGE_BYTE + 1)
        # 0x4D and 0x7A are dBase's and FoxPro's marks for GBK.
        if len(header) > _DBF_LANGUAGE_BYTE and header[_DBF_LANGUAGE_BYTE] in (0x4D, 0x7A):
            return "gb18030"
    return None


def _codec(name: str) -> str | None:
    try:
        return codecs.lookup(name).name
    except LookupError:
        return None


def read_parquet(path: Path, chunk_rows: int) -> Iterator[RawChunk]:
    """Yield the rows of a GeoParquet file, or of a plain Parquet file as a table.

    Raises
    ------
    FileFormatError
        When it is no Parquet file.
    """
    try:
        with pq.ParquetFile(path) as file:
            geo = json.loads((file.schema_arrow.metadata or {}).get(b"geo", b"null"))
            row = 1
            emptied = False
            for batch in file.iter_batches(batch_size=chunk_rows):
                chunk = _parquet_chunk(batch, geo, row)
                row += batch.num_rows
                emptied = True
                yield chunk
            if not emptied:
                yield _parquet_chunk(file.schema_arrow.empty_table(), geo, row)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, json.JSONDecodeError) as error:
        raise FileFormatError(
            f"无法读取“{path.name}”：{error}。",
            f"cannot read {path.name}: {error}",
            remedy="请确认它是完整的 GeoParquet 文件。",
        ) from error


def _as_hex(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with bytes as hexadecimal text: WKB in a column of its own can then be read as a geometry."""
    columns = [
        values.map(lambda cell: cell.hex() if isinstance(cell, bytes) else cell)
        if values.dtype == object
        else values
        for _, values in table.items()
    ]
    result = pd.concat(columns, axis=1) if columns else table
    result.columns = table.columns
    return result


def _parquet_chunk(batch: Any, geo: dict[str, Any] | None, row: int) -> RawChunk:  # noqa: ANN401  pyarrow has no types
    rows = np.arange(row, row + batch.num_rows, dtype=np.int64)
    if geo is None:
        return RawChunk(_as_hex(batch.to_pandas()), rows)
    primary = geo["primary_column"]
    about = geo["columns"][primary]
    # An absent reference means lon/lat on WGS 84 (GeoParquet 1.1, "crs"); an explicit null means unknown.
    crs = (
        CRS.from_user_input(about["crs"] if about.get("crs") else "OGC:CRS84")
        if about.get("crs", 1)
        else None
    )
    others = [name for name in batch.schema.names if name not in geo["columns"] and name != "bbox"]
    table = _as_hex(batch.select(others).to_pandas())
    if about.get("encoding", "WKB") == "WKB":
        wkb = np.array([*batch.column(primary).to_pylist(), None], dtype=object)[:-1]
        geometry, broken = _from_wkb(wkb)
    else:
        whole = pa.Table.from_batches([batch]) if isinstance(batch, pa.RecordBatch) else batch
        geometry, broken = gpd.GeoDataFrame.from_arrow(whole.select([primary])).geometry.to_numpy(), {}
    return RawChunk(table.reset_index(drop=True), rows, np.asarray(geometry, dtype=object), broken, crs)
