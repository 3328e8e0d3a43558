"""CSV and Excel as tables of text, in chunks, with the row numbers that a spreadsheet shows."""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import python_calamine

from geo.errors import FileFormatError
from geo.files.encodings import open_as_utf8
from geo.files.words import is_heading

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray
    from pyproj import CRS

DELIMITERS = (",", "\t", ";", "|")
_SNIFFED_LINES = 20
_BLOCK_BYTES = 1 << 20
_EXACT_IN_EXCEL = 1e15


@dataclass
class RawChunk:
    """A piece of a file before anything is checked.

    Parameters
    ----------
    table
        One column per heading, as in the file; of text for CSV and Excel.
    rows
        Spreadsheet row of each line: the header is row 1, or where it stands.
    geometry
        Geometries where the format has them, None in place of those that cannot be built.
    broken
        Which geometries could not be built, with the reason.
    crs
        The reference that the file itself names.
    faults
        ``(row, column, value, problem, remedy)`` of lines that are no rows at all.
    warnings
        Sentences in Chinese.
    """

    table: pd.DataFrame
    rows: NDArray[np.int64]
    geometry: NDArray[np.object_] | None = None
    broken: dict[int, str] = field(default_factory=dict)
    crs: CRS | None = None
    faults: list[tuple[int, str, str, str, str]] = field(default_factory=list)
    warnings: tuple[str, ...] = ()


def read_csv(path: Path, chunk_rows: int, encoding: str | None) -> Iterator[RawChunk]:
    """Yield a CSV file's rows as text; encoding and delimiter (comma, tab, semicolon, bar) are found.

    Raises
    ------
    FileFormatError
        When the file is empty or has no table.
    """
    file, found = open_as_utf8(path, encoding)
    with file:
        delimiter, above, names = _sniff(file, path)
        warnings = () if found in ("utf-8", "utf-8-sig") else (f"“{path.name}”按 {found} 编码读取。",)
        bad: list[tuple[int, str]] = []

        def skip(row: Any) -> str:  # noqa: ANN401  pyarrow has no types
            bad.append((row.number + above, row.text))
            return "skip"

        reader = pa_csv.open_csv(
            file,
            # One thread: only then does pyarrow number the rows that have too few or too many cells.
            read_options=pa_csv.ReadOptions(
                use_threads=False, block_size=_BLOCK_BYTES, autogenerate_column_names=True
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=True,
                ignore_empty_lines=False,
                invalid_row_handler=skip,
            ),
            convert_options=pa_csv.ConvertOptions(
                strings_can_be_null=False, column_types={f"f{i}": pa.string() for i in range(len(names))}
            ),
        )
        row = above
        told = 0
        for batch in _rebatched(reader, chunk_rows, path):
            skipped = np.array([number for number, _ in bad[told:]], dtype=np.int64)
            rows, row = _number(row, batch.num_rows, skipped)
            table = batch.to_pandas()
            table.columns = pd.Index(names)
            keep = (rows > above + 1) & ~(table == "").all(axis=1).to_numpy()
            faults = [_ragged(number, text, len(names)) for number, text in bad[told:] if number <= row]
            told += int((skipped <= row).sum())
            yield RawChunk(table[keep].reset_index(drop=True), rows[keep], faults=faults, warnings=warnings)
        # Lines that are no rows after the last good one.
        rest = [_ragged(number, text, len(names)) for number, text in bad[told:]]
        if rest:
            empty = pd.DataFrame({name: pd.Series(dtype="str") for name in names})
            yield RawChunk(empty, np.empty(0, dtype=np.int64), faults=rest, warnings=warnings)


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
        raise FileFormatError(
            f"“{path.name}”不是完好的 CSV 表格：{error}。",
            f"{path.name} is no sound CSV: {error}",
            remedy="请检查引号是否成对，或用 Excel 另存为 CSV UTF-8 后再试。",
        ) from error
    if held:
        yield pa.Table.from_batches(held)


def _sniff(file: IO[bytes], path: Path) -> tuple[str, int, list[str]]:
    """Find the delimiter, how many title rows are above the header, and its names; leave the file at the header."""
    start = file.tell()
    head = [
        line.decode("utf-8", errors="replace") for line in (file.readline() for _ in range(_SNIFFED_LINES))
    ]
    file.seek(start)
    lines = [line for line in head if line]
    if not any(line.strip() for line in lines):
        raise FileFormatError(f"“{path.name}”是空的。", f"{path.name} is empty", remedy="请检查文件。")
    best = max(lines, key=lambda line: max(line.count(mark) for mark in DELIMITERS))
    delimiter = max(DELIMITERS, key=best.count)
    header = _header_position([next(csv.reader([line], delimiter=delimiter), []) for line in lines])
    names = next(csv.reader([lines[header]], delimiter=delimiter), [])
    for line in lines[:header]:  # title lines above the header, of fewer cells than the table
        start += len(line.encode("utf-8"))
    file.seek(start)
    return delimiter, header, _unique_names(names)


def _header_position(rows: Sequence[Sequence[Any]]) -> int:
    """Return the index of the first row with two known headings; 0 when none has."""
    for position, row in enumerate(rows):
        if sum(is_heading(str(cell)) for cell in row if cell is not None) > 1:
            return position
    return 0


def _unique_names(names: Sequence[Any]) -> list[str]:
    seen: dict[str, int] = {}
    result = []
    for position, raw in enumerate(names):
        name = str(raw).strip().strip("\ufeff") or f"第{position + 1}列"
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}.{seen[name]}")
    return result


def read_excel(path: Path, chunk_rows: int, sheet: str | None) -> Iterator[RawChunk]:
    """Yield the rows of one sheet of .xlsx, .xls, .xlsb or .ods as text.

    Whole numbers lose their ``.0``, dates become ISO 8601. Title rows above the header are passed over.

    Raises
    ------
    FileFormatError
        When the workbook cannot be opened, or has no such sheet.
    """
    try:
        book = python_calamine.CalamineWorkbook.from_path(str(path))
        names = book.sheet_names
        if sheet is not None and sheet not in names:
            raise FileFormatError(
                f"“{path.name}”里没有工作表“{sheet}”，有：{'、'.join(names)}。",
                f"no sheet {sheet!r} in {path.name}",
                remedy="请核对工作表名称。",
            )
        cells = _cells(book, names if sheet is None else [sheet])
    except (python_calamine.CalamineError, OSError) as error:
        raise FileFormatError(
            f"无法打开 Excel 文件“{path.name}”：{error}。",
            f"cannot open {path.name}: {error}",
            remedy="请确认文件没有加密、没有损坏，并是 .xlsx 或 .xls。",
        ) from error
    if not cells:
        raise FileFormatError(f"“{path.name}”里没有数据。", f"{path.name} is empty", remedy="请检查工作表。")
    header = _header_position(cells[:_SNIFFED_LINES])
    headings = _unique_names(cells[header])
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
        keep = ~(table == "").all(axis=1).to_numpy()
        yield RawChunk(table[keep].reset_index(drop=True), rows[keep], faults=faults)


def _cells(book: Any, names: Sequence[str]) -> list[list[Any]]:  # noqa: ANN401  calamine has no types
    """Return the cells of the first sheet that is not empty."""
    for name in names:
        cells: list[list[Any]] = book.get_sheet_by_name(name).to_python(skip_empty_area=False)
        if any(cell != "" for line in cells for cell in line):
            return cells
    return []


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
    if isinstance(cell, dt.datetime | dt.date | dt.time):
        return cell.isoformat()
    return "" if cell is None else str(cell)
