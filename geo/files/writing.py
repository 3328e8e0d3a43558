"""Writing frames, and lists of rejected rows, to the formats that offices open."""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pyogrio.errors
import shapely
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

from geo.crs import INTERNAL_CRS, undeclared_reference
from geo.errors import FileFormatError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

FrameT = TypeVar("FrameT", bound=pd.DataFrame)

_EXCEL_CELL_LETTERS = 32_767
_EXCEL_ROWS = 1_048_576
_SHAPEFILE_NAME_BYTES = 10


def write(frame: gpd.GeoDataFrame, path: Path | str) -> None:
    """Write a frame in the format that the suffix names.

    Lists and dicts (staff, attributes) become JSON text. CSV and Excel get lon and lat columns for points, WKT in a
    column ``geometry`` for anything else; they cannot hold their reference, so read them back with ``declared``.
    In Excel, text (codes, telephones) is text: no digit is lost. CSV is UTF-8 with a mark, which Excel needs.

    Parameters
    ----------
    frame
        With a reference.
    path
        .geojson, .gpkg, .parquet, .csv, .xlsx or .shp.

    Raises
    ------
    UndeclaredReferenceError
        When the frame has no reference.
    FileFormatError
        When the suffix is none of these, or the format cannot hold the frame (mixed geometry types in a
        Shapefile, a polygon of too many letters in Excel, too many rows).
    """
    path = Path(path)
    require_writable(path)
    if frame.crs is None:
        raise undeclared_reference(path.name)
    with in_place_of(path) as beside:
        _WRITERS[path.suffix.lower()](flat(frame), beside)


def require_writable(path: Path) -> None:
    """Refuse a suffix that `write` does not know, best before the work that would be written is done.

    Raises
    ------
    FileFormatError
        It is none of .geojson, .gpkg, .parquet, .csv, .xlsx and .shp.
    """
    if path.suffix.lower() not in _WRITERS:
        raise FileFormatError(
            f"不能写成“{path.suffix or path.name}”。",
            f"cannot write {path.suffix!r}",
            remedy=f"可写：{'、'.join(_WRITERS)}。",
        )


def write_rejected(rejected: pd.DataFrame, path: Path | str) -> None:
    """Write the list of rejected rows (``Loaded.rejected`` or ``BadRecordsError.faults``) as .csv or .xlsx.

    The headings are Chinese; the list is for the planner who mends the file.

    Raises
    ------
    FileFormatError
        When the suffix is neither.
    """
    path = Path(path)
    names = {
        "file": "文件",
        "row": "行号",
        "column": "列",
        "value": "值",
        "problem": "问题",
        "remedy": "怎么改",
        "record": "整行内容",
    }
    table = rejected.rename(columns=names)
    if path.suffix.lower() not in (".csv", ".xlsx"):
        raise FileFormatError(
            f"不合格清单不能写成“{path.suffix or path.name}”。",
            f"cannot write rejected rows as {path.suffix!r}",
            remedy="请用 .csv 或 .xlsx。",
        )
    with in_place_of(path) as beside:
        if path.suffix.lower() == ".csv":
            table.to_csv(beside, index=False, encoding="utf-8-sig")
        else:
            _write_sheet(table, beside)


@contextmanager
def in_place_of(path: Path) -> Iterator[Path]:
    """Yield where to write; what is written there takes the file's place at the end, or leaves no trace when it fails.

    A GeoPackage begins as a copy of the one that is there, whose other layers stay. Files that belong together
    (Shapefile) take their places together.

    Raises
    ------
    FileFormatError
        When the file cannot be written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".onegrid-", dir=path.parent) as folder:
            beside = Path(folder) / path.name
            if path.suffix.lower() == ".gpkg" and path.exists():
                shutil.copy(path, beside)
            yield beside
            for each in Path(folder).iterdir():
                each.replace(path.parent / each.name)
    except (
        OSError,
        pyogrio.errors.DataSourceError,
        pyogrio.errors.GeometryError,
        pyogrio.errors.FeatureError,
    ) as error:
        reason = error.strerror or error if isinstance(error, OSError) else error
        raise FileFormatError(
            f"无法写入“{path}”：{reason}。",
            f"cannot write {path}: {error}",
            remedy="请检查文件夹、磁盘空间与权限，关闭正在打开它的程序，或换一种格式（如 .gpkg）。",
        ) from error


def flat(frame: FrameT) -> FrameT:
    """Return the frame with lists and dicts as JSON text, and object columns as text where they are."""
    result = frame.copy()
    shapes = frame.geometry.name if isinstance(frame, gpd.GeoDataFrame) else None
    for name in result.columns:
        if name != shapes and result[name].dtype == object:
            result[name] = pd.Series([_json(cell) for cell in result[name]], index=result.index, dtype=object)
    return result


def _json(cell: Any) -> Any:  # noqa: ANN401  a cell
    if isinstance(cell, np.ndarray):
        cell = cell.tolist()
    return json.dumps(cell, ensure_ascii=False) if isinstance(cell, list | dict | tuple) else cell


def _write_geojson(frame: gpd.GeoDataFrame, path: Path) -> None:
    pyogrio.write_dataframe(frame, path, driver="GeoJSON", COORDINATE_PRECISION=8, WRITE_BBOX="NO")


def _write_gpkg(frame: gpd.GeoDataFrame, path: Path) -> None:
    pyogrio.write_dataframe(frame, path, driver="GPKG", layer=path.stem, promote_to_multi=False)


def _write_parquet(frame: gpd.GeoDataFrame, path: Path) -> None:
    frame.to_parquet(path, index=False, write_covering_bbox=False)


def _write_shapefile(frame: gpd.GeoDataFrame, path: Path) -> None:
    names: dict[str, str] = {}
    for name in frame.columns.drop(frame.geometry.name):
        short = name.encode("utf-8")[:_SHAPEFILE_NAME_BYTES].decode("utf-8", errors="ignore")
        number = 1
        while short in names.values():
            number += 1
            mark = str(number)
            short = (
                name.encode("utf-8")[: _SHAPEFILE_NAME_BYTES - len(mark)].decode("utf-8", errors="ignore")
                + mark
            )
        names[name] = short
    pyogrio.write_dataframe(frame.rename(columns=names), path, driver="ESRI Shapefile", encoding="utf-8")


def _table(frame: gpd.GeoDataFrame) -> pd.DataFrame:
    """Return the frame as a table with lon and lat, or WKT."""
    table = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    shapes = frame.geometry.to_numpy()
    pointed = shapely.is_missing(shapes) | (shapely.get_type_id(shapes) == int(shapely.GeometryType.POINT))
    if pointed.all() and frame.crs.equals(INTERNAL_CRS):
        table["lon"], table["lat"] = shapely.get_x(shapes), shapely.get_y(shapes)
    else:
        table["geometry"] = shapely.to_wkt(shapes, rounding_precision=-1)
    return table


def _write_csv(frame: gpd.GeoDataFrame, path: Path) -> None:
    _table(frame).to_csv(path, index=False, encoding="utf-8-sig")


def _write_xlsx(frame: gpd.GeoDataFrame, path: Path) -> None:
    _write_sheet(_table(frame), path)


def _write_sheet(table: pd.DataFrame, path: Path) -> None:
    book = openpyxl.Workbook(write_only=True)
    fill_sheet(book.create_sheet("数据"), table, path)
    book.save(path)


def fill_sheet(
    sheet: Any,  # noqa: ANN401  openpyxl's own
    table: pd.DataFrame,
    path: Path,
    *,
    head: Sequence[tuple[str, object]] = (),
) -> None:
    """Write a table into a new sheet of a write-only workbook: bold headings that stay in sight, text as text.

    Above it stand the lines of ``head``, each a word and what it is.

    Raises
    ------
    FileFormatError
        When it has too many rows or a cell of too many letters; ``path`` names the file.
    """
    if len(head) + len(table) + 1 > _EXCEL_ROWS:
        raise FileFormatError(
            f"{len(table):,} 行超过了 Excel 一张表的上限（{_EXCEL_ROWS - 1:,} 行）。",
            "too many rows for Excel",
            remedy="请写成 .csv、.gpkg 或 .parquet。",
        )
    sheet.freeze_panes = f"A{len(head) + 2}"
    bold = Font(bold=True)
    for line in head:
        sheet.append([_cell(sheet, value, path) for value in line])
    heads = []
    for name in table.columns:
        cell = WriteOnlyCell(sheet, value=str(name))
        cell.font = bold
        heads.append(cell)
    sheet.append(heads)
    for line in table.itertuples(index=False, name=None):
        sheet.append([_cell(sheet, value, path) for value in line])


def _cell(sheet: Any, value: Any, path: Path) -> Any:  # noqa: ANN401  openpyxl's cells
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if not isinstance(value, str):
        return value.item() if isinstance(value, np.generic) else value
    if len(value) > _EXCEL_CELL_LETTERS:
        raise FileFormatError(
            f"有一个单元格 {len(value):,} 个字，超过 Excel 的上限（{_EXCEL_CELL_LETTERS:,}），多半是边界坐标。",
            f"a cell too long for Excel in {path.name}",
            remedy="请写成 .gpkg 或 .geojson。",
        )
    # XML, and so Excel, has no control characters: they come from other programs' exports.
    cell = WriteOnlyCell(sheet, value=ILLEGAL_CHARACTERS_RE.sub("", value))
    # Text format, and never a formula: a name that begins with "=" stays a name.
    cell.number_format = "@"
    cell.data_type = "s"
    return cell


_WRITERS: Final[dict[str, Callable[[gpd.GeoDataFrame, Path], None]]] = {
    ".geojson": _write_geojson,
    ".gpkg": _write_gpkg,
    ".parquet": _write_parquet,
    ".csv": _write_csv,
    ".xlsx": _write_xlsx,
    ".shp": _write_shapefile,
}
