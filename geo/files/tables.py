"""CSV and Excel as tables of text, in chunks, with the row numbers that a spreadsheet shows."""

from __future__ import annotations

import csv
import datetime as dt
import io
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import IO, TYPE_CHECKING, Any
from xml.etree.ElementTree import ParseError

import fastexcel
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import python_calamine

from geo.errors import FileFormatError
from geo.files.encodings import open_as_utf8
from geo.files.faults import ERROR_CELL
from geo.files.formulas import Unread, unread_cells
from geo.files.numerals import padded_cells
from geo.files.words import is_heading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from pyproj import CRS

DELIMITERS = (",", "\t", ";", "|")
FULL_WIDTH = ("，", "；")
"""What Chinese input methods write in place of the first and the third."""

_SNIFFED_ROWS = 20
_SNIFFED_BYTES = 1 << 16
_BLOCK_BYTES = 1 << 24
"""A row has to fit into it; a border of some 400,000 vertices does."""
_EXACT_IN_EXCEL = 1e15
_ZIP_MARK, _OLE_MARK = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
"""What .xlsx and .ods, and .xls, begin with."""
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
"""Name of the part of an OLE file that holds an .xlsx with a password ([MS-OFFCRYPTO], 2.3.4.4)."""


@dataclass
class RawChunk:
    """A piece of a file before anything is checked.

    Parameters
    ----------
    table
        One column per heading, as in the file; of text for CSV and Excel.
    rows
        Number of each row as the program shows it that people open the file with: a spreadsheet's, whose heading has
        one too; a GIS counts features from 1.
    geometry
        Geometries where the format has them, None in place of those that cannot be built.
    broken
        Which geometries could not be built, with the reason.
    crs
        The reference that the file itself names.
    implied
        The file says nothing: it is what the format's standard says then.
    faults
        ``(row, column, value, problem, remedy)`` of lines that are no rows at all.
    warnings
        Sentences in Chinese.
    header
        Row of the headings; 0 where they are no row.
    """

    table: pd.DataFrame
    rows: NDArray[np.int64]
    geometry: NDArray[np.object_] | None = None
    broken: dict[int, str] = field(default_factory=dict)
    crs: CRS | None = None
    implied: bool = False
    faults: list[tuple[int, str, str, str, str]] = field(default_factory=list)
    warnings: tuple[str, ...] = ()
    header: int = 0


def read_csv(path: Path, chunk_rows: int, encoding: str | None) -> Iterator[RawChunk]:
    """Yield a CSV file's rows as text; encoding and delimiter (comma, tab, semicolon, bar) are found.

    Raises
    ------
    FileFormatError
        When the file is empty or has no table.
    """
    if encoding is None:
        _refuse_binary(path)
    file, found = open_as_utf8(path, encoding)
    with file:
        delimiter, header, names = _sniff(file, path)
        warnings = () if found in ("utf-8", "utf-8-sig") else (f"“{path.name}”按 {found} 编码读取。",)
        bad: list[tuple[int, str]] = []

        def skip(row: Any) -> str:  # noqa: ANN401  pyarrow has no types
            bad.append((row.number, row.text))
            return "skip"

        fields = [f"f{i}" for i in range(len(names))]
        reader = pa_csv.open_csv(
            file,
            # One thread: only then does pyarrow number the rows that have too few or too many cells.
            read_options=pa_csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, column_names=fields),
            parse_options=pa_csv.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=skip,
            ),
            convert_options=pa_csv.ConvertOptions(
                strings_can_be_null=False, column_types=dict.fromkeys(fields, pa.string())
            ),
        )
        row = told = 0
        for batch in _rebatched(reader, chunk_rows, path):
            skipped = np.array([number for number, _ in bad[told:]], dtype=np.int64)
            rows, row = _number(row, batch.num_rows, skipped)
            table = batch.to_pandas()
            table.columns = pd.Index(names)
            keep = (rows > header) & ~_blank(table)
            # Title rows above the headings have fewer cells.
            faults = [
                _ragged(number, text, len(names)) for number, text in bad[told:] if header < number <= row
            ]
            told += int((skipped <= row).sum())
            yield RawChunk(
                table[keep].reset_index(drop=True),
                rows[keep],
                faults=faults,
                warnings=warnings,
                header=header,
            )
        # Lines that are no rows after the last good one.
        rest = [_ragged(number, text, len(names)) for number, text in bad[told:] if number > header]
        if rest:
            empty = pd.DataFrame({name: pd.Series(dtype="str") for name in names})
            nothing = np.empty(0, dtype=np.int64)
            yield RawChunk(empty, nothing, faults=rest, warnings=warnings, header=header)


def _refuse_binary(path: Path) -> None:
    with path.open("rb") as file:
        head = file.read(_SNIFFED_BYTES)
    if head.startswith((_ZIP_MARK, _OLE_MARK)):
        suffix = ".xlsx" if head.startswith(_ZIP_MARK) else ".xls"
        raise FileFormatError(
            f"“{path.name}”不是文本，像是 Excel 工作簿。",
            f"{path.name} is no text but looks like a workbook",
            remedy=f"请把后缀改为 {suffix}，或用 Excel 另存为 CSV UTF-8。",
        )
    # UTF-16 without its mark: every other byte of digits and commas is zero.
    if head.count(0) * 4 > len(head) and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FileFormatError(
            f"“{path.name}”不是 UTF-8 或 GBK 文本。",
            f"{path.name} is neither UTF-8 nor GBK",
            remedy="若是文本表格，请用 --encoding 指明编码（如 utf-16-le），或另存为 CSV UTF-8。",
        )


def _blank(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Return which rows hold nothing but blanks."""
    blank = np.ones(len(table), dtype=bool)
    for name in table.columns:
        at = np.flatnonzero(blank)
        if not len(at):
            break
        blank[at] = (table[name].iloc[at].str.strip() == "").to_numpy(dtype=bool)
    return blank


def _ragged(row: int, text: str, columns: int) -> tuple[int, str, str, str, str]:
    problem = f"这一行的列数与表头（{columns} 列）不符"
    return row, "", text, problem, "请补齐或删去多余的分隔符；单元格里有分隔符时要加引号"


def _number(last: int, count: int, skipped: NDArray[np.int64]) -> tuple[NDArray[np.int64], int]:
    """Return the row numbers of the next ``count`` rows after ``last``, leaving out skipped ones, and the new last."""
    candidates = np.arange(last + 1, last + 1 + count + len(skipped), dtype=np.int64)
    rows = candidates[~np.isin(candidates, skipped)][:count]
    return rows, int(rows[-1]) if len(rows) else last


def _rebatched(reader: Any, chunk_rows: int, path: Path) -> Iterator[pa.Table]:  # noqa: ANN401  pyarrow has no types
    held: list[pa.RecordBatch] = []
    count = 0
    try:
        for batch in reader:
            start = 0
            while start < batch.num_rows:
                piece = batch.slice(start, chunk_rows - count)
                held.append(piece)
                start += piece.num_rows
                count += piece.num_rows
                if count >= chunk_rows:
                    yield pa.Table.from_batches(held)
                    held, count = [], 0
    except pa.ArrowInvalid as error:
        long = "straddling" in str(error)
        raise FileFormatError(
            f"“{path.name}”不是完好的 CSV 表格：{'有一行过长，或引号没有成对' if long else error}。",
            f"{path.name} is no sound CSV: {error}",
            remedy="请检查引号是否成对；顶点极多的图形请用 .gpkg。",
        ) from error
    if held:
        yield pa.Table.from_batches(held)


def _sniff(file: IO[bytes], path: Path) -> tuple[str, int, list[str]]:
    """Find the delimiter, the row of the headings and their names: where most headings are known to some kind."""
    start = file.tell()
    text = file.read(_SNIFFED_BYTES).decode("utf-8", errors="replace")
    file.seek(start)
    if not text.strip():
        raise FileFormatError(f"“{path.name}”是空的。", f"{path.name} is empty", remedy="请检查文件。")
    best = (-1, 0), "", 0, [""]
    for delimiter in (*DELIMITERS, *FULL_WIDTH):
        rows = list(islice(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), _SNIFFED_ROWS))
        position = _header_position(rows)
        score = _known(rows[position]), len(rows[position])
        if score > best[0]:
            best = score, delimiter, position, rows[position]
    _, delimiter, position, names = best
    if delimiter in FULL_WIDTH:
        raise FileFormatError(
            f"“{path.name}”用全角的“{delimiter}”分隔各列。",
            f"{path.name} is separated by full-width {delimiter}",
            remedy="请把分隔符替换为半角逗号（单元格里的逗号不要替换），或用 Excel 另存为 CSV UTF-8。",
        )
    return delimiter, position + 1, unique_names(names)


def _known(row: Sequence[Any]) -> int:
    return sum(is_heading(str(cell)) for cell in row if cell is not None)


def _header_position(rows: Sequence[Sequence[Any]]) -> int:
    """Return the index of the row with most known headings, two at least; else of the first that is not blank."""
    known = [_known(row) for row in rows]
    if max(known, default=0) > 1:
        return known.index(max(known))
    return next((at for at, row in enumerate(rows) if any(str(cell).strip() for cell in row)), 0)


def unique_names(names: Sequence[Any]) -> list[str]:
    """Return headings as text, each once: a second ``编码`` becomes ``编码.2``, one without text its place."""
    seen: dict[str, int] = {}
    result = []
    for position, raw in enumerate(names):
        name = str(raw).strip().strip("\ufeff") or f"第{position + 1}列"
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}.{seen[name]}")
    return result


def read_excel(path: Path, chunk_rows: int, sheet: str | None) -> Iterator[RawChunk]:
    """Yield the rows of one sheet of .xlsx, .xls, .xlsb or .ods as text.

    Whole numbers lose their ``.0`` and have the zeros before them that .xlsx shows, dates become ISO 8601. Title rows
    above the header are passed over. Cells merged over several rows have their value in each of these (not in .ods).
    Hidden rows and columns are read like others, hidden sheets only by name.

    Raises
    ------
    FileFormatError
        When the workbook cannot be opened, has no such sheet, or has several with known headings and none is named.
    """
    try:
        book = _open_workbook(path)
        name = _sheet_name(book, path, sheet)
        cells, unread = _cells(book, name, path)
    except (python_calamine.CalamineError, fastexcel.FastExcelError, ParseError, OSError) as error:
        raise _unopened(path, error) from error
    header = _header_position(cells[:_SNIFFED_ROWS])
    headings = unique_names(cells[header])
    body = cells[header + 1 :]
    for start in range(0, max(len(body), 1), chunk_rows):
        piece = body[start : start + chunk_rows]
        faults: list[tuple[int, str, str, str, str]] = []
        first = header + 2 + start
        texts = [
            [_text(cell, first + i, headings[j], faults) for j, cell in enumerate(line)]
            for i, line in enumerate(piece)
        ]
        table = pd.DataFrame(texts, columns=headings, dtype="str")
        rows = np.arange(first, first + len(piece), dtype=np.int64)
        faults += [_unread(each, headings) for each in unread if first <= each.row < first + len(piece)]
        keep = ~_blank(table) | np.isin(rows, [fault[0] for fault in faults])
        yield RawChunk(table[keep].reset_index(drop=True), rows[keep], faults=faults, header=header + 1)


def _open_workbook(path: Path) -> Any:  # noqa: ANN401  calamine has no types
    try:
        return python_calamine.CalamineWorkbook.from_path(str(path))
    except python_calamine.PasswordError:
        raise
    except python_calamine.CalamineError:
        # A suffix that is not the content's own: offices rename .xlsx to .xls and back.
        with path.open("rb") as file:
            if not file.read(len(_OLE_MARK)).startswith((_ZIP_MARK, _OLE_MARK)):
                raise
            file.seek(0)
            return python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(file.read()))


def _unopened(path: Path, error: Exception) -> FileFormatError:
    """Return the reason why a file is no workbook that can be read, as far as its bytes tell."""
    content = path.read_bytes()
    told = f"无法打开 Excel 文件“{path.name}”：{error}。"
    remedy = "请确认文件没有损坏，并是 .xlsx、.xls 或 .ods。"
    if not content:
        told, remedy = f"“{path.name}”是空的。", "请重新导出。"
    elif isinstance(error, python_calamine.PasswordError) or _ENCRYPTED in content:
        told = f"“{path.name}”有密码，打不开。"
        remedy = "请用 Excel 或 WPS 打开，取消密码后另存再试。"
    elif content.lstrip().startswith((b"<", b"\xef\xbb\xbf<", b"MIME")):
        told = f"“{path.name}”不是 Excel 工作簿，而是后缀为 {path.suffix} 的网页，许多系统这样导出。"
        remedy = (
            "请在原系统里改为导出 .xlsx 或 .csv；若只能用 Excel 打开后另存为 .xlsx，"
            "请核对编码：Excel 会去掉前导零，改写 15 位以上的数字。"
        )
    elif not content.startswith((_ZIP_MARK, _OLE_MARK)):
        told = f"“{path.name}”不是 Excel 工作簿，像是后缀为 {path.suffix} 的文本。"
        remedy = "请把后缀改为 .csv 再试，或重新导出。"
    return FileFormatError(told, f"cannot open {path.name}: {error}", remedy=remedy)


def _sheet_name(book: Any, path: Path, wanted: str | None) -> str:  # noqa: ANN401  calamine has no types
    """Return the sheet to read: the one named, else the only visible one with known headings, else the first filled."""
    if wanted is not None:
        if wanted not in book.sheet_names:
            raise FileFormatError(
                f"“{path.name}”里没有工作表“{wanted}”，有：{'、'.join(book.sheet_names)}。",
                f"no sheet {wanted!r} in {path.name}",
                remedy="请核对工作表名称。",
            )
        return wanted
    shown = [
        each.name
        for each in book.sheets_metadata
        if each.visible == python_calamine.SheetVisibleEnum.Visible
        and each.typ == python_calamine.SheetTypeEnum.WorkSheet
    ]
    heads = {name: book.get_sheet_by_name(name).to_python(nrows=_SNIFFED_ROWS) for name in shown}
    filled = [name for name, rows in heads.items() if any(cell != "" for row in rows for cell in row)]
    tables = [name for name in filled if max(map(_known, heads[name])) > 1]
    if not filled:
        hidden = [name for name in book.sheet_names if name not in shown]
        raise FileFormatError(
            f"“{path.name}”里没有数据。",
            f"{path.name} is empty",
            remedy=f"隐藏的工作表要用 --sheet 指明：{'、'.join(hidden)}。" if hidden else "请检查工作表。",
        )
    if len(tables) > 1:
        raise FileFormatError(
            f"“{path.name}”里有 {len(tables)} 张数据表：{'、'.join(tables)}，不知道要读哪一张。",
            f"{path.name} has several sheets of data",
            remedy="请用 --sheet 指明工作表，或另存为只有一张表的文件。",
        )
    chosen: str = (tables or filled)[0]
    return chosen


def _cells(book: Any, name: str, path: Path) -> tuple[list[list[Any]], list[Unread]]:  # noqa: ANN401  as above
    """Return a sheet's cells from A1 on, and those that are not as empty as they look; merged ones hold downwards."""
    sheet = book.get_sheet_by_name(name)
    cells: list[list[Any]] = sheet.to_python(skip_empty_area=False)
    gaps = any("" in line for line in cells)
    unread = unread_cells(path, book.sheet_names.index(name)) if gaps else []
    for (row, column), digits in padded_cells(path, book.sheet_names.index(name)).items():
        # Styled cells without a value may lie outside.
        cell = cells[row][column] if row < len(cells) and column < len(cells[row]) else ""
        if isinstance(cell, int | float) and 0 <= cell < _EXACT_IN_EXCEL and cell == int(cell):
            cells[row][column] = f"{int(cell):0{digits}d}"
    ends = {start: bottom for start, (bottom, _) in sheet.merged_cell_ranges or ()}
    for (top, left), bottom in ends.items():
        for row in range(top + 1, min(bottom + 1, len(cells))):
            cells[row][left] = cells[top][left]
    below = [
        replace(each, row=row + 1)
        for each in unread
        for row in range(each.row, ends.get((each.row - 1, each.column), 0) + 1)
    ]
    return cells, unread + below


def _unread(cell: Unread, headings: Sequence[str]) -> tuple[int, str, str, str, str]:
    heading = headings[cell.column] if cell.column < len(headings) else ""
    if cell.error:
        return cell.row, heading, cell.error, *ERROR_CELL
    problem = "公式还没有算出结果（文件由程序生成，没有用 Excel 打开保存过）"
    return cell.row, heading, "", problem, "请用 Excel 或 WPS 打开文件、保存后再试。"


def _text(cell: Any, row: int, heading: str, faults: list[tuple[int, str, str, str, str]]) -> str:  # noqa: ANN401
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        if cell.is_integer():
            if abs(cell) >= _EXACT_IN_EXCEL:
                problem = "Excel 把超过 15 位的编码当成数字，末尾的数字已经丢失"
                faults.append((row, heading, f"{cell:.0f}", problem, "请把该列设为“文本”格式后重新录入"))
            return str(int(cell))
        return repr(cell)
    if isinstance(cell, dt.datetime | dt.date | dt.time | dt.timedelta):
        text = str(cell) if isinstance(cell, dt.timedelta) else cell.isoformat()
        if is_heading(heading):  # none of the columns that OneGrid knows is a date: "12-3" was typed
            problem = "Excel 把这一格变成了日期或时间（例如“12-3”变成 12 月 3 日）"
            faults.append((row, heading, text, problem, "请把该列设为“文本”格式后重新录入"))
        return text
    return "" if cell is None else str(cell)
