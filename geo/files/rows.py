"""Values of rows: from a file's headings and words to the columns of a kind of record, with every fault found."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from geo.files.encodings import DAMAGED
from geo.files.extracts import WALKABLE
from geo.files.faults import ERROR_CELL
from geo.files.formulas import ERROR_VALUE
from geo.files.shapes import numbers
from geo.files.words import KIND_WORDS, LAYER_WORDS, LEVEL_WORDS, PHONE_HEADINGS, TRUTH_WORDS, plain
from geo.records import COLUMNS, LAYER_NAMES, LEVELS, STATION_KINDS, SUBJECT_NAMES

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from numpy.typing import NDArray

    from geo.files.faults import FaultList, Mask, Rows
    from geo.records import Kind

    Objects = NDArray[np.object_]

CODE_PATTERN = r"[0-9A-Za-z_.-]{1,40}"
"""What a code of a territory, a zone or a station may be; a subject's may be anything."""

OWN_CODE_PATTERN = r"[0-9A-Za-z_.一-鿿-]{1,40}"
"""What departments call the zones of layers of their own, which no standard numbers: ``MZ-莘庄-07``."""

OWN_LEVELS = [level.code for level in LEVELS.values() if not level.partition]
"""Levels of departments' own layers, which no official rule numbers."""

CODED: tuple[Kind, ...] = ("zones", "subjects", "stations")
_MERGE_AFTER = 8
_EXACT_IN_DOUBLE = 1e15
"""From here on a number stored as floating point is no longer sure of its last digits."""

_WHOLE_NUMBERS_END = 2.0**63
_MOST_PEOPLE = 2**31 - 1
_ROUNDED = r"[0-9](?:\.[0-9]+)?[eE]\+?[0-9]+|[0-9]{9,}\.0"
"""What a spreadsheet, or a program, makes of a long code that it takes for a number."""
_CODES = ("code", "parent", "subject")
_FULL_WIDTH = "[０-９Ａ-Ｚａ-ｚ]"
_TEXT_MARK = r"^(?:'(.+)|=\"(.+)\")$"
"""What keeps a spreadsheet from taking a code for a number: ``'0123`` and ``="0123"`` mean ``0123``."""
_ERROR = rf"\s*(?:{ERROR_VALUE.pattern})\s*"
_DAMAGE = f"[{DAMAGED}\0]"
_SUSPICIOUS = f"[{DAMAGED}\0#:]"
"""In every cell that is damaged or an error, and found many times faster than these."""
_DATED = (
    r"\d{1,2}月\d{1,2}日|(?:19|20)\d\d/\d{1,2}/\d{1,2}"
    r"|(?:{0})-\d{1,2}|\d{1,2}-(?:{0})".replace("{0}", "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec")
)
"""What Excel makes of ``12-3``, saved as text."""
_TOTAL = r"\s*[合总小共]\s*计(?:数|[:：].*)?\s*"
_TOTALS_STAND_IN = 3
"""Columns, from the first: in wide tables the word stands at the left."""
_PHONE = re.compile(r"(?<!\d)(1\d{10}|0\d{2,3}-?\d{7,8})(?!\d)")
_ALLOWED: dict[Kind, str] = {
    "zones": "综合、专属",
    "subjects": "、".join(SUBJECT_NAMES.values()),
    "stations": "中心、片区、站点",
}


@dataclass
class SeenCodes:
    """Codes met so far in a file and those that exist already, in 16 bytes each: files may be long.

    Parameters
    ----------
    existing
        Codes that the store has.
    """

    existing: Collection[str] = ()
    _hashes: list[NDArray[np.uint64]] = field(default_factory=list)
    _rows: list[NDArray[np.int64]] = field(default_factory=list)
    _existing: pd.Index[str] | None = None

    def check(
        self, codes: pd.Series[str], keys: pd.Series[str], rows: Rows, column: str, faults: FaultList
    ) -> None:
        """Report codes that the store has, or whose keys were met before in this file (any chunk of it)."""
        if self._existing is None:
            self._existing = pd.Index(list(self.existing), dtype="str")
        there = codes.notna().to_numpy()
        texts, at = codes[there], rows[there]
        if len(self._existing):
            known = texts.isin(self._existing).to_numpy()
            remedy = "请改用新的编码；若要更新已有数据，请先删除或使用更新功能。"
            faults.add(at[known], column, texts[known], "编码已存在于数据库", remedy)
        unique = keys[there]
        first: pd.Series[int] = pd.Series(at, index=texts.index).groupby(unique).transform("min")
        hashes = pd.util.hash_array(unique.to_numpy(dtype=object)).astype(np.uint64)
        earliest: Rows = np.array(first, dtype=np.int64)
        for seen, seen_rows in zip(self._hashes, self._rows, strict=True):
            place = np.searchsorted(seen, hashes)
            hit = (place < len(seen)) & (seen[np.minimum(place, len(seen) - 1)] == hashes)
            earliest[hit] = np.minimum(earliest[hit], seen_rows[place[hit]])
        again = earliest < at
        problems = [f"编码重复，与第 {row} 行相同" for row in earliest[again]]
        faults.add(at[again], column, texts[again], problems, "请删去重复的行，或改正编码。")
        self._remember(hashes, earliest)

    def _remember(self, hashes: NDArray[np.uint64], rows: NDArray[np.int64]) -> None:
        if len(hashes) == 0:
            return
        self._hashes.append(hashes)
        self._rows.append(rows)
        parts = len(self._hashes) > _MERGE_AFTER
        merged = np.concatenate(self._hashes) if parts else hashes
        merged_rows = np.concatenate(self._rows) if parts else rows
        order = np.lexsort((merged_rows, merged))
        merged, merged_rows = merged[order], merged_rows[order]
        if parts:
            self._hashes, self._rows = [merged], [merged_rows]
        else:
            self._hashes[-1], self._rows[-1] = merged, merged_rows


def as_text(values: pd.Series[Any]) -> pd.Series[str]:
    """Return a column as stripped text, missing where empty or infinite; whole floats lose their ``.0``."""
    missing = values.isna()
    if pd.api.types.is_float_dtype(values.dtype):
        missing |= np.isinf(values)
        whole = ~missing & (values == values.round()) & (values.abs() < _WHOLE_NUMBERS_END)
        texts = values.astype("str")
        texts[whole] = values[whole].astype("int64").astype("str")
    else:
        texts = values.astype("str").str.strip()
    return texts.mask(missing | (texts == ""))


def readable(table: pd.DataFrame, rows: Rows, faults: FaultList) -> pd.DataFrame:
    """Report text whose bytes did not fit the file's encoding, and errors saved as text; return these as blanks."""
    columns = []
    for heading, values in table.items():
        columns.append(values)
        if not (pd.api.types.is_string_dtype(values.dtype) or values.dtype == object):
            continue
        texts = values.astype("str")
        at = np.flatnonzero(texts.str.contains(_SUSPICIOUS, regex=True).fillna(value=False))
        damaged = at[texts.iloc[at].str.contains(_DAMAGE, regex=True).to_numpy(dtype=bool)]
        faults.add(
            rows[damaged],
            str(heading),
            values.iloc[damaged],
            "这一格的字节与整个文件的编码不符（UTF-8 与 GBK 混用，或已损坏、含空字符）",
            "请用同一种编码重新保存文件（建议 UTF-8），并核对这一行。",
        )
        wrong = at[texts.iloc[at].str.fullmatch(_ERROR).to_numpy(dtype=bool)]
        if len(wrong):
            faults.add(rows[wrong], str(heading), values.iloc[wrong], *ERROR_CELL)
            columns[-1] = values.mask(np.isin(np.arange(len(values)), wrong))
    return pd.concat(columns, axis=1) if columns else table


def no_records(table: pd.DataFrame, rows: Rows, faults: FaultList) -> Mask:
    """Report rows of a table that are no records, and return which: totals, and headings that stand there again."""
    none: Mask = np.zeros(len(table), dtype=bool)
    headings = list(table.columns)
    for heading in headings[:_TOTALS_STAND_IN]:
        texts = table[heading]
        total = texts.str.contains("计", regex=False).fillna(value=False).to_numpy(dtype=bool) & ~none
        total[total] = texts[total].str.fullmatch(_TOTAL).to_numpy(dtype=bool)
        faults.add(rows[total], heading, texts[total], "这是合计，不是一条记录", "请删去这一行。")
        none |= total
    again: Mask = np.full(len(table), len(headings) > 1)
    for heading in headings[:2]:
        at = np.flatnonzero(again)
        again[at] = (table[heading].iloc[at].str.strip() == heading).to_numpy(dtype=bool)
    shown = [headings[0]] * int(again.sum())
    faults.add(rows[again], headings[0] if headings else "", shown, "这一行又是表头", "请删去这一行。")
    return none | again


def _inexact(values: pd.Series[Any]) -> Mask:
    """Return where a column of numbers holds one that may have lost digits."""
    if not pd.api.types.is_numeric_dtype(values.dtype):
        return np.zeros(len(values), dtype=bool)
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    # Of whole numbers, GDAL puts the ends of the range where a file has more digits.
    limit = _EXACT_IN_DOUBLE if pd.api.types.is_float_dtype(values.dtype) else _WHOLE_NUMBERS_END
    lost: Mask = np.abs(numbers) >= limit
    return lost


@dataclass
class RowReader:
    """Turns raw tables of one file into the columns of one kind.

    Parameters
    ----------
    kind
        Kind of record.
    found, constants
        Which heading is which column, and values that every row gets.
    level
        Level of zones whose file does not say.
    seen
        Codes met so far.
    lenient
        Names may be missing, codes may repeat and be of any form: the zones are read to be checked or fused.
    """

    kind: Kind
    found: Mapping[str, str]
    constants: Mapping[str, str]
    level: str | None
    seen: SeenCodes
    lenient: bool = False

    def read(self, table: pd.DataFrame, rows: Rows, faults: FaultList) -> pd.DataFrame:
        """Return the columns of the kind (without lon, lat) and ``attributes``; faults are added to ``faults``."""
        texts = {
            c.name: self._column(table, c.name) for c in COLUMNS[self.kind] if c.name not in ("lon", "lat")
        }
        for column in COLUMNS[self.kind]:
            needed = column.required and not (self.lenient and column.name == "name")
            if needed and column.name in texts and self._has(column.name):
                empty = texts[column.name].isna().to_numpy()
                heading = self._heading(column.name)
                faults.add(
                    rows[empty],
                    heading,
                    [""] * int(empty.sum()),
                    f"缺少{_meaning(column.meaning)}",
                    "这是必填项，请补上。",
                )
        if "code" in texts:
            self._codes(texts, table, rows, faults)
        result = pd.DataFrame({name: _objects(text) for name, text in texts.items()}, index=range(len(rows)))
        if self.kind in KIND_WORDS:
            result["kind"] = self._kinds(texts["kind"], rows, faults)
        if self.kind == "zones":
            result["level"] = self._levels(texts["level"], rows, faults)
            result["layer"] = self._layers(texts["layer"], result["level"], rows, faults)
            result["staff"] = pd.Series(_staff(result["staff"], table), dtype=object)
        elif self.kind == "subjects":
            result["people"] = self._people(table, rows, faults)
        elif self.kind == "streets":
            result["kind"] = result["kind"].where(result["kind"].notna(), "unclassified")
            result["walkable"] = self._walkable(texts["walkable"], result["kind"], rows, faults)
        result["attributes"] = pd.Series(self._attributes(table), dtype=object)
        return result

    def _has(self, name: str) -> bool:
        return name in self.found or name in self.constants

    def _heading(self, name: str) -> str:
        return self.found.get(name, name)

    def _column(self, table: pd.DataFrame, name: str) -> pd.Series[str]:
        if name in self.found:
            texts = as_text(table[self.found[name]])
            return texts.str.replace(_TEXT_MARK, r"\1\2", regex=True) if name in _CODES else texts
        return pd.Series([self.constants.get(name)] * len(table), dtype="str")

    def _codes(
        self, texts: dict[str, pd.Series[str]], table: pd.DataFrame, rows: Rows, faults: FaultList
    ) -> None:
        codes, heading = texts["code"], self._heading("code")
        rounded = codes.fillna("").str.fullmatch(_ROUNDED).to_numpy(dtype=bool)
        if "code" in self.found:
            rounded = rounded | _inexact(table[self.found["code"]])
        remedy = "请在原来的系统里把编码列按“文本”导出；用 Excel 时先把该列设为“文本”格式再录入。"
        faults.add(rows[rounded], heading, codes[rounded], "编码被当成了数字，末尾的数字可能已经丢失", remedy)
        dated = codes.fillna("").str.fullmatch(_DATED).to_numpy(dtype=bool)
        problem = "编码像是被 Excel 变成了日期（例如“12-3”变成 12 月 3 日）"
        faults.add(rows[dated], heading, codes[dated], problem, "请把该列设为“文本”格式后重新录入。")
        there = codes.notna().to_numpy() & ~rounded & ~dated & (not self.lenient)
        wide = there & codes.fillna("").str.contains(_FULL_WIDTH, regex=True).to_numpy(dtype=bool)
        faults.add(rows[wide], heading, codes[wide], "编码里有全角的数字或字母", "请改成半角。")
        if self.kind != "subjects":
            fit = codes.fillna("").str.fullmatch(CODE_PATTERN).to_numpy(dtype=bool)
            remedy = "编码只能用数字、英文字母、点、下划线和连字符，最多 40 个字符。"
            if self.kind == "zones":
                own = self._level_codes(texts["level"]).isin(OWN_LEVELS)
                fit = fit | (own & codes.fillna("").str.fullmatch(OWN_CODE_PATTERN)).to_numpy(dtype=bool)
                remedy += (
                    "部门自有网格（党建、综治、民政、城管、警务）的编码可含汉字，请指明其层级，如 civil。"
                )
            odd = there & ~fit & ~wide
            faults.add(rows[odd], heading, codes[odd], "编码格式不对", remedy)
        key = codes
        if self.kind == "zones" and self._has("level"):
            # A code is unique within a level: a dedicated community may be its own grid.
            key = codes.where(texts["level"].isna(), texts["level"].fillna("") + " " + codes)
        if not self.lenient:
            self.seen.check(codes, key, rows, heading, faults)

    def _kinds(self, texts: pd.Series[str], rows: Rows, faults: FaultList) -> Objects:
        words = KIND_WORDS[self.kind]
        given = texts.str.lower().str.replace(" ", "", regex=False)
        mapped = given.map(words)
        bad = (texts.notna() & mapped.isna()).to_numpy()
        remedy = f"可填：{_ALLOWED[self.kind]}。"
        faults.add(rows[bad], self._heading("kind"), texts[bad], "不认识的类别", remedy)
        default = {"zones": "general", "stations": STATION_KINDS[-1]}.get(self.kind)
        return _objects(mapped.where(texts.notna(), default) if default else mapped)

    def _levels(self, texts: pd.Series[str], rows: Rows, faults: FaultList) -> Objects:
        mapped = self._level_codes(texts)
        bad = (texts.notna() & mapped.isna()).to_numpy()
        remedy = f"可填：{'、'.join(level.name for level in LEVELS.values())}。"
        faults.add(rows[bad], self._heading("level"), texts[bad], "不认识的层级", remedy)
        if self.level is None and self._has("level"):
            none = texts.isna().to_numpy()
            faults.add(rows[none], self._heading("level"), [""] * int(none.sum()), "缺少层级", remedy)
        return _objects(mapped)

    def _level_codes(self, texts: pd.Series[str]) -> pd.Series[Any]:
        """Return the levels that rows name, or that of the file; missing where it is unknown."""
        mapped = texts.str.replace(" ", "", regex=False).map(LEVEL_WORDS)
        return mapped.where(texts.notna(), self.level)

    def _layers(
        self, texts: pd.Series[str], levels: pd.Series[Any], rows: Rows, faults: FaultList
    ) -> Objects:
        mapped = texts.str.replace(" ", "", regex=False).map(LAYER_WORDS)
        bad = (texts.notna() & mapped.isna()).to_numpy()
        remedy = f"可填：{'、'.join(LAYER_NAMES.values())}；或留空，由层级决定。"
        faults.add(rows[bad], self._heading("layer"), texts[bad], "不认识的图层", remedy)
        of_level = levels.map({code: level.layer for code, level in LEVELS.items()})
        return _objects(mapped.astype(object).where(texts.notna(), of_level))

    def _people(self, table: pd.DataFrame, rows: Rows, faults: FaultList) -> pd.api.extensions.ExtensionArray:
        if "people" not in self.found:
            values = pd.Series([self.constants.get("people")] * len(table), dtype="str")
            heading = "people"
        else:
            heading = self.found["people"]
            values = table[heading]
        people, _ = numbers(values, rows, heading, faults)
        bad = (people < 0) | (people > _MOST_PEOPLE) | (people != np.floor(people)) & np.isfinite(people)
        faults.add(
            rows[bad],
            heading,
            values[bad],
            "人数应为不小于 0、不大于 21 亿的整数",
            "请改正；不清楚就留空（未知，不是 0）。",
        )
        known = np.isfinite(people) & ~bad
        return pd.arrays.IntegerArray(np.where(known, people, 0).astype(np.int64), ~known)

    def _walkable(
        self, texts: pd.Series[str], kinds: pd.Series[Any], rows: Rows, faults: FaultList
    ) -> Objects:
        mapped = texts.str.lower().map(TRUTH_WORDS)
        bad = (texts.notna() & mapped.isna()).to_numpy()
        faults.add(rows[bad], self._heading("walkable"), texts[bad], "不认识的值", "请填“是”或“否”。")
        # Kinds that are no OSM value (a department's own classes) are taken as walkable unless said otherwise.
        by_kind = kinds.isin(list(WALKABLE)) | ~kinds.astype("str").str.contains(
            "motorway|trunk|高速|快速", regex=True
        )
        return np.array(
            [m if g else k for m, g, k in zip(mapped, texts.notna(), by_kind, strict=True)], dtype=object
        )

    def _attributes(self, table: pd.DataFrame) -> list[dict[str, Any]]:
        """Return the other columns as a dict per row; a column ``attributes`` of JSON is taken apart."""
        used = set(self.found.values())
        others = [
            heading for heading in table.columns if heading not in used and plain(heading) != "attributes"
        ]
        columns = [_objects(table[heading]) for heading in others]
        names = [str(heading) for heading in others]
        result: list[dict[str, Any]] = [{} for _ in range(len(table))]
        if columns:
            result = [
                {n: _plain_value(v) for n, v in zip(names, line, strict=True) if v is not None and v != ""}
                for line in zip(*columns, strict=True)
            ]
        packed = next((heading for heading in table.columns if plain(heading) == "attributes"), None)
        if packed is not None:
            for row, cell in zip(result, table[packed], strict=True):
                row.update(_unpack(cell))
        return result


def _meaning(text: str) -> str:
    return text.split(":", maxsplit=1)[0].split("：", maxsplit=1)[0]


def _objects(values: pd.Series[Any]) -> Objects:
    objects = values.astype(object)
    result: Objects = objects.where(objects.notna(), None).to_numpy(dtype=object)
    return result


def _plain_value(value: Any) -> Any:  # noqa: ANN401  a cell
    if isinstance(value, np.generic):
        return value.item()
    return value if isinstance(value, str | int | float | bool) else str(value)


def _unpack(cell: Any) -> dict[str, Any]:  # noqa: ANN401  a cell
    if isinstance(cell, dict):
        return cell
    try:
        value = json.loads(cell) if isinstance(cell, str) and cell else {}
    except json.JSONDecodeError:
        value = {"attributes": cell}
    return value if isinstance(value, dict) else {"attributes": value}


def _staff(cells: pd.Series[Any], table: pd.DataFrame) -> list[list[dict[str, str]]]:
    """Return staff as lists of ``{"role", "name", "phone"}``: from JSON, or a head's name with a telephone."""
    heading = next((h for h in table.columns if plain(h) in PHONE_HEADINGS), None)
    phones = [None] * len(table) if heading is None else list(_objects(as_text(table[heading])))
    return [_staff_of(cell, phone) for cell, phone in zip(cells, phones, strict=True)]


def _staff_of(cell: Any, phone: str | None) -> list[dict[str, str]]:  # noqa: ANN401  a cell
    if isinstance(cell, list | np.ndarray):
        return [dict(person) for person in cell]
    if not cell:
        return []
    text = str(cell).strip()
    if text.startswith("["):
        try:
            people = json.loads(text)
        except json.JSONDecodeError:
            people = None
        if isinstance(people, list) and all(isinstance(person, dict) for person in people):
            return people
    found = _PHONE.search(text)
    name = _PHONE.sub("", text).strip(" ,，;；:：()（）") or text
    return [{"role": "网格长", "name": name, "phone": phone or (found[1] if found else "")}]
