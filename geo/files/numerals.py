"""Numbers of an .xlsx that Excel shows with zeros before them: 101 in the format ``000000`` is the code 000101."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from geo.files.formulas import OfficeOpenCells, parsed, sheet_member

if TYPE_CHECKING:
    from pathlib import Path

_STYLES = "xl/styles.xml"
_PADDED = re.compile(r"(0{2,})(?:_.)?(?:;.*)?")
"""Format of whole numbers of so many digits at least, with what is said of negative ones."""


def padded_cells(path: Path, sheet: int) -> dict[tuple[int, int], int]:
    """Return the cells of one sheet whose numbers are shown with zeros before them: row and column, from 0 on → digits.

    Parameters
    ----------
    path
        A workbook; only in .xlsx and .xlsm are such cells found.
    sheet
        Position of the sheet, hidden ones counted.
    """
    if not zipfile.is_zipfile(path):
        return {}
    with zipfile.ZipFile(path) as archive:
        if _STYLES not in archive.namelist():
            return {}
        digits = parsed(archive, _STYLES, _Styles()).digits()
        if not digits:
            return {}
        return parsed(archive, sheet_member(archive, sheet), _Padded(digits)).found


@dataclass
class _Styles:
    """Formats of numbers (ECMA-376-1, 18.8.30) and which of them each style of cells has (18.8.10)."""

    _formats: dict[str, int] = field(default_factory=dict)
    _of_style: list[str] = field(default_factory=list)
    _inside: bool = False

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Note a format, or a style."""
        name = tag.rpartition("}")[2]
        if name == "numFmt" and (zeros := _PADDED.fullmatch(attributes.get("formatCode", ""))):
            self._formats[attributes["numFmtId"]] = len(zeros[1])
        elif name == "cellXfs":
            self._inside = True
        elif name == "xf" and self._inside:
            self._of_style.append(attributes.get("numFmtId", ""))

    def end(self, tag: str) -> None:
        """Leave the list of styles."""
        if tag.endswith("}cellXfs"):
            self._inside = False

    def digits(self) -> dict[str, int]:
        """Return the digits of each style that pads."""
        return {
            str(number): self._formats[each]
            for number, each in enumerate(self._of_style)
            if each in self._formats
        }


@dataclass
class _Padded(OfficeOpenCells):
    """Numbers of a sheet in styles that pad."""

    digits: dict[str, int]
    found: dict[tuple[int, int], int] = field(default_factory=dict)

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        """Note the cell."""
        self.follow(tag, attributes)
        if tag.endswith("}c") and attributes.get("s") in self.digits and attributes.get("t", "n") == "n":
            self.found[self.row - 1, self.column()] = self.digits[attributes["s"]]
