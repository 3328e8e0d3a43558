"""What is wrong with the rows of a file: collected column by column, reported all at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geo.errors import BadRecordsError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]
    Rows = NDArray[np.int64]

FAULT_COLUMNS = ["file", "row", "column", "value", "problem", "remedy"]
ERROR_CELL = "单元格是出错值", "请改正公式，或直接填写实际的值。"
"""Problem and remedy of a cell such as ``#N/A``."""

_LONGEST_VALUE = 80


@dataclass(frozen=True)
class Loaded:
    """What a file, or one chunk of it, gave.

    Parameters
    ----------
    frame
        The good rows, with the columns of their kind (``geo.records``), ``attributes`` and ``geometry``; EPSG:4490,
        rounded to 1e-8 degrees, RangeIndex.
    rejected
        Faults of the rows left out: ``file, row, column, value, problem, remedy``, and ``record``, the row's text.
        Empty unless bad rows were to be skipped.
    warnings
        Sentences in Chinese: what was changed on the way (heights dropped, curves straightened, axes swapped) and
        what looks wrong (data far from the territory).
    """

    frame: gpd.GeoDataFrame
    rejected: pd.DataFrame
    warnings: tuple[str, ...] = ()


@dataclass
class FaultList:
    """Faults of one file, gathered while it is read.

    Parameters
    ----------
    file
        Name shown in every fault.
    header
        Row of the headings; 0 where they are no row.
    """

    file: str
    header: int = 0
    _parts: list[pd.DataFrame] = field(default_factory=list)
    fatal: bool = False

    def add(
        self, rows: Rows, column: str, values: Iterable[object], problem: str | Sequence[str], remedy: str
    ) -> None:
        """Add one fault per row.

        Parameters
        ----------
        rows
            Spreadsheet row numbers.
        column
            Heading of the file, or the canonical name where the file has none.
        values
            The offending values, as long as ``rows``.
        problem, remedy
            In Chinese; the problem may differ by row.
        """
        if len(rows) == 0:
            return
        shown = ["" if _is_missing(value) else str(value)[:_LONGEST_VALUE] for value in values]
        part = pd.DataFrame({"file": self.file, "row": np.asarray(rows, dtype=np.int64), "column": column})
        part["value"] = shown
        part["problem"] = problem if isinstance(problem, str) else list(problem)
        part["remedy"] = remedy
        self._parts.append(part)

    def add_lines(self, lines: Iterable[tuple[int, str, str, str, str]]) -> None:
        """Add what the reader of the format found: ``(row, column, value, problem, remedy)``."""
        for row, column, value, problem, remedy in lines:
            self.add(np.array([row]), column, [value], problem, remedy)

    def add_fatal(self, column: str, value: object, problem: str, remedy: str) -> None:
        """Add a fault of the file as a whole, at its headings, which no skipping of rows can mend."""
        self.add(np.array([self.header]), column, [value], problem, remedy)
        self.fatal = True

    def __len__(self) -> int:
        """Return the number of faults."""
        return sum(len(part) for part in self._parts)

    def frame(self) -> pd.DataFrame:
        """Return all faults by row."""
        if not self._parts:
            return empty_faults()
        return pd.concat(self._parts, ignore_index=True).sort_values("row", kind="stable", ignore_index=True)

    def bad_rows(self) -> Rows:
        """Return the rows with a fault, ascending."""
        if not self._parts:
            return np.empty(0, dtype=np.int64)
        return np.unique(np.concatenate([part["row"].to_numpy() for part in self._parts]))


def empty_faults() -> pd.DataFrame:
    """Return a table of no faults."""
    return pd.DataFrame(
        {name: pd.Series(dtype="int64" if name == "row" else "str") for name in FAULT_COLUMNS}
    )


def bad_records(file: str, parts: Sequence[pd.DataFrame], *, mendable: bool = True) -> BadRecordsError:
    """Return the error that tells all faults of a file.

    Parameters
    ----------
    file
        Its name.
    parts
        The faults, one frame at least.
    mendable
        Whether rows can be skipped: not where something is wrong with the file as a whole.
    """
    faults = pd.concat(parts, ignore_index=True)
    rows = faults["row"].nunique()
    much = f"有 {rows:,} 行不合格" if mendable else "不能读取"
    skip = "；载入和分配时可加 --skip-bad-rows 跳过不合格的行" if mendable else ""
    return BadRecordsError(
        f"“{file}”{much}，共 {len(faults):,} 处问题；第一处：{_told(faults.iloc[0])}。",
        f"{len(faults):,} faults in {rows:,} rows of {file}",
        faults=faults,
        remedy=f"请按清单改正后重试{skip}。",
    )


def _told(fault: pd.Series[Any]) -> str:
    place = f"第 {fault['row']} 行" if fault["row"] else ""
    column = f"“{fault['column']}”列：" if fault["column"] else "："
    value = f"（{fault['value']}）" if fault["value"] else ""
    return f"{place}{column}{fault['problem']}{value}"


def _is_missing(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and value != value)  # noqa: PLR0124  NaN
