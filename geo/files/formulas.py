"""Cells of a workbook that a reader of values sees as empty though they are not: errors, formulas never calculated.

The library that reads workbooks gives ``""`` for ``#N/A`` and for a formula without a stored result. An unknown number
of people is no zero and no blank, so such cells are looked for on their own. A library that would give them with the
values (openpyxl) takes twenty times as long for a long sheet, twice: once for results, once for formulas.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from xml.etree.ElementTree import XMLParser

import fastexcel

if TYPE_CHECKING:
    from pathlib import Path

ERROR_VALUE = re.compile(r"#(?:DIV/0!|N/A|NAME\?|NULL!|NUM!|REF!|VALUE!|SPILL!|CALC!)|Err:\d{3}")
"""What spreadsheets show in place of a value that they could not calculate."""

_BLOCK_BYTES = 1 << 16
_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_ERRORS = {
    "Div0": "#DIV/0!",
    "NA": "#N/A",
    "Name": "#NAME?",
    "Null": "#NULL!",
    "Num": "#NUM!",
    "Ref": "#REF!",
    "Value": "#VALUE!",
}
"""What Excel shows of the errors that fastexcel names."""


@dataclass(frozen=True, order=True)
class Unread:
    """One cell.

    Parameters
    ----------
    row
        From 1 on, as the spreadsheet shows it.
    column
        From 0 on.
    error
        Such as ``#N/A``; empty for a formula without a result.
    """

    row: int
    column: int
    error: str


def unread_cells(path: Path, sheet: int) -> list[Unread]:
    """Return the cells of one sheet that hold an error or a formula without a result, by row.

    In .xls and .xlsb a formula always has a result.

    Parameters
    ----------
    path
        A workbook: .xlsx, .xlsm, .xls, .xlsb or .ods, whatever its suffix.
    sheet
        Position of the sheet, hidden ones counted.
    """
    if not zipfile.is_zipfile(path):
        return _errors_of_binary(path, sheet)
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        if "content.xml" in names:
            return sorted(parsed(archive, "content.xml", _OpenDocument(sheet)).found)
        if "xl/workbook.xml" in names:
            return sorted(parsed(archive, sheet_member(archive, sheet), _OfficeOpen()).found)
    return _errors_of_binary(path, sheet)


def _errors_of_binary(path: Path, sheet: int) -> list[Unread]:
    loaded = fastexcel.read_excel(path.read_bytes()).load_sheet(
        sheet, header_row=None, skip_rows=0, dtypes="string"
    )
    _, failed = loaded.to_arrow_with_errors()
    # As text, every value can be read but an error: "Expected string but got 'Error(NA)'".
    columns = [each.absolute_index for each in loaded.selected_columns]
    return sorted(
        Unread(row + 1, columns[column], _ERRORS.get(detail.partition("Error(")[2].partition(")")[0], detail))
        for (row, column), detail in (
            (each.position, each.detail) for each in (failed.errors if failed else ())
        )
    )


TargetT = TypeVar("TargetT")


def parsed(archive: zipfile.ZipFile, member: str, target: TargetT) -> TargetT:
    """Let a target (what `XMLParser` calls) see a part of the archive, and return it."""
    parser = XMLParser(target=target)  # noqa: S314  expat itself stops entities that grow beyond measure
    with archive.open(member) as file:
        while block := file.read(_BLOCK_BYTES):
            parser.feed(block)
    parser.close()
    return target


class OfficeOpenCells:
    """Where the parser of a sheet of .xlsx is; a row and a cell that do not say follow the one before."""

    row: int = 0
    _column: int = -1
    _place: str | None = None

    def follow(self, tag: str, attributes: dict[str, str]) -> None:
        """Take note of an element that begins."""
        if tag.endswith("}c"):
            place = attributes.get("r")
            if place is None:
                self._column = self.column() + 1
            self._place = place
        elif tag.endswith("}row"):
            self.row, self._column, self._place = int(attributes.get("r", self.row + 1)), -1, None

    def column(self) -> int:
        """Return the cell's column: ``AB12`` is in the 28th, number 27."""
        if self._place is None:
            return self._column
        number = 0
        for letter in self._place.rstrip("0123456789"):
            number = number * 26 + ord(letter) - ord("A") + 1
        return number - 1


@dataclass
class _OfficeOpen(OfficeOpenCells):
    """A sheet of .xlsx (ECMA-376-1, 18.3.1.4): ``<c r="D2" t="e"><f>1/0</f><v>#DIV/0!</v></c>``."""

    found: list[Unread] = field(default_factory=list)
    _type: str | None = None
    _formula: bool = False
    _reading: bool = False
    _value: str = ""

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Note where a cell is, and what is in it."""
        kind = tag[-2:]
        if kind == "}f":
            self._formula = True
        elif kind == "}v":
            self._reading = self._formula or self._type == "e"
        else:
            self.follow(tag, attributes)
            if kind == "}c":
                self._type, self._formula, self._value = attributes.get("t"), False, ""

    def end(self, tag: str) -> None:
        """Judge the cell; a formula whose result is the empty text has the type ``str``."""
        kind = tag[-2:]
        if kind == "}v":
            self._reading = False
        elif kind == "}c" and (
            self._type == "e" or (self._formula and self._type != "str" and not self._value.strip())
        ):
            self.found.append(Unread(self.row, self.column(), self._value))

    def data(self, text: str) -> None:
        """Gather the cell's value."""
        if self._reading:
            self._value += text


@dataclass
class _OpenDocument:
    """One sheet of .ods (OpenDocument 1.3, part 3, 9.1): an error is a formula that shows one, whatever its value.

    LibreOffice stores ``office:string-value=""`` beside ``<text:p>#N/A</text:p>``; its elder stored the number 0.
    """

    sheet: int
    found: list[Unread] = field(default_factory=list)
    _table: int = -1
    _row: int = 1
    _column: int = 0
    _rows: int = 1
    _cell: dict[str, str] = field(default_factory=dict)
    _remarks: int = 0
    _reading: bool = False
    _shown: str | None = None

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Note where a cell is, and what is in it; remarks have text of their own."""
        name = tag.rpartition("}")[2]
        if name == "table":
            self._table, self._row = self._table + 1, 1
        elif name == "table-row":
            self._rows, self._column = int(attributes.get(f"{_TABLE}number-rows-repeated", 1)), 0
        elif name in {"table-cell", "covered-table-cell"}:
            self._cell, self._shown = attributes, None
        elif name == "annotation":
            self._remarks += 1
        elif name == "p" and not self._remarks:
            self._reading, self._shown = True, self._shown or ""

    def end(self, tag: str) -> None:
        """Judge the cell, and go on by as many rows and columns as are alike."""
        name = tag.rpartition("}")[2]
        if name in {"table-cell", "covered-table-cell"}:
            columns = int(self._cell.get(f"{_TABLE}number-columns-repeated", 1))
            if self._table == self.sheet and f"{_TABLE}formula" in self._cell:
                self._judge(columns)
            self._column += columns
        elif name == "table-row":
            self._row += self._rows
        elif name == "annotation":
            self._remarks -= 1
        elif name == "p":
            self._reading = False

    def _judge(self, columns: int) -> None:
        shown = self._shown
        unnamed = bool(shown) and self._cell.get(f"{_OFFICE}string-value") == ""
        pending = shown is None and f"{_OFFICE}value-type" not in self._cell
        if pending or unnamed or (shown and ERROR_VALUE.fullmatch(shown)):
            self.found += [
                Unread(row, column, shown or "")
                for row in range(self._row, self._row + self._rows)
                for column in range(self._column, self._column + columns)
            ]

    def data(self, text: str) -> None:
        """Gather what the cell shows."""
        if self._reading and self._shown is not None:
            self._shown += text


def sheet_member(archive: zipfile.ZipFile, sheet: int) -> str:
    """Return the part that holds a sheet (ECMA-376-2, 6.5: names are relative to the part that names them)."""
    sheets = parsed(archive, "xl/workbook.xml", _Elements("sheet")).found
    parts = parsed(archive, "xl/_rels/workbook.xml.rels", _Elements("Relationship")).found
    name = next(value for key, value in sheets[sheet].items() if key.endswith("}id"))
    target = next(each["Target"] for each in parts if each["Id"] == name)
    return posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")


@dataclass
class _Elements:
    """Target of an XML parser that gathers the attributes of the elements of one name."""

    name: str
    found: list[dict[str, str]] = field(default_factory=list)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Note the element."""
        if tag.rpartition("}")[2] == self.name:
            self.found.append(attributes)
