"""Excel workbooks of several sheets, made in memory: what a service sends to a browser."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta, timezone
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
from openpyxl.utils import get_column_letter

from geo.files.writing import fill_sheet

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import pandas as pd

WIDE, NARROW = 24, 12
"""Widths of columns, in letters."""

BEIJING = timezone(timedelta(hours=8), "北京时间")
"""The time of China, wherever the machine stands."""


def moment(at: datetime) -> str:
    """Return a moment as offices write it, in Beijing time.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> moment(datetime(2026, 1, 31, 20, 5, tzinfo=UTC))
    '2026-02-01 04:05'
    """
    return f"{at.astimezone(BEIJING):%Y-%m-%d %H:%M}"


@dataclass(frozen=True)
class Sheet:
    """One sheet of a workbook.

    Parameters
    ----------
    name
        On its tab.
    table
        What stands in it; text stays text, so that no digit of a code is lost.
    head
        Lines above the table: a word, and what it is.
    wide
        Columns that hold names, codes or sentences.
    """

    name: str
    table: pd.DataFrame
    head: Sequence[tuple[str, object]] = ()
    wide: frozenset[str] = frozenset()


def workbook(sheets: Sequence[Sheet]) -> bytes:
    """Return an .xlsx file with these sheets.

    Raises
    ------
    FileFormatError
        A sheet has too many rows, or a cell too many letters, for Excel.
    """
    book: Any = openpyxl.Workbook(write_only=True)
    for each in sheets:
        sheet = book.create_sheet(each.name)
        for number, column in enumerate(each.table.columns, 1):
            width = WIDE if column in each.wide else NARROW
            sheet.column_dimensions[get_column_letter(number)].width = width
        fill_sheet(sheet, each.table, Path(f"{each.name}.xlsx"), head=each.head)
    written = BytesIO()
    book.save(written)
    return written.getvalue()
