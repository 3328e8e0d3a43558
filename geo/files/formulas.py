"""Cells of an .xlsx that a reader of values sees as empty though they are not: errors, and formulas never calculated.

The library that reads workbooks gives ``""`` for ``#N/A`` and for a formula without a stored result. An unknown number
of people is no zero and no blank, so such cells are looked for in the sheet's own XML. Other formats (.xls, .xlsb,
.ods) are not searched.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_SHEET = re.compile(rb'<(?:\w+:)?sheet\s[^>]*?\w+:id="([^"]+)"')
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\s[^>]*>")
_CELL = rb'<(?:\w+:)?c\s(?=[^>]*?\br="([A-Z]+)([0-9]+)")'
_FORMULA = rb"<(?:\w+:)?f(?:\s[^>]*)?(?:/>|>[^<]*</(?:\w+:)?f>)"
_ERROR = re.compile(_CELL + rb'(?=[^>]*?\bt="e")[^>]*>(?:' + _FORMULA + rb")?<(?:\w+:)?v>([^<]*)<")
# A formula whose result is the empty text is stored as t="str" with an empty value: that is a result.
_PENDING = re.compile(
    _CELL
    + rb'(?![^>]*?\bt="str")[^>]*>'
    + _FORMULA
    + rb"\s*(?:<(?:\w+:)?v\s*/>|<(?:\w+:)?v></|</(?:\w+:)?c>)"
)


@dataclass(frozen=True)
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

    Parameters
    ----------
    path
        A workbook; only the XML formats (.xlsx, .xlsm) are searched.
    sheet
        Position of the sheet, hidden ones counted.
    """
    if not zipfile.is_zipfile(path):
        return []
    with zipfile.ZipFile(path) as archive:
        member = _member(archive, sheet)
        if member is None:
            return []
        xml = archive.read(member)
    found = [Unread(int(row), _column(letters), text.decode()) for letters, row, text in _ERROR.findall(xml)]
    found += [Unread(int(row), _column(letters), "") for letters, row in _PENDING.findall(xml)]
    return sorted(found, key=lambda cell: (cell.row, cell.column))


def _member(archive: zipfile.ZipFile, sheet: int) -> str | None:
    names = archive.namelist()
    if "xl/workbook.xml" not in names or "xl/_rels/workbook.xml.rels" not in names:
        return None
    sheets = _SHEET.findall(archive.read("xl/workbook.xml"))
    if sheet >= len(sheets):
        return None
    for relation in _RELATION.findall(archive.read("xl/_rels/workbook.xml.rels")):
        target = re.search(rb'\bTarget="([^"]+)"', relation)
        if target is not None and b'Id="' + sheets[sheet] + b'"' in relation:
            name = target[1].decode()
            member = name.lstrip("/") if name.startswith("/") else f"xl/{name}"
            return member if member in names else None
    return None


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number - 1
