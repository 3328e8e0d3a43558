"""Zone codes: their format, checking them, numbering zones, and what becomes of codes when zones change.

Default (Beijing DB11): 15 characters, 6 county + 3 street + 3 community + 3 sequence; the first twelve are the
statistics bureau's division code. CJ/T 349-2010: 6 class + 6 county + 3 street + 3 community + 2 sequence. A retired
code is never used again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
import shapely

from geo.crs import metric_crs, to_metric
from geo.errors import CodeFormatError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    import geopandas as gpd

SegmentRole = Literal["class", "county", "street", "community", "sequence"]
CHARACTERS = {"digits": r"[0-9]", "alphanumeric": r"[0-9A-Z]"}
FAULT_COLUMNS = ["code", "problem", "message", "remedy"]
_ROW_BAND_M = 50.0
"""Zones whose western ends are this close are of one column, and are numbered from north to south in it."""


@dataclass(frozen=True)
class Segment:
    """One part of a code.

    Parameters
    ----------
    role
        What it stands for.
    length
        Number of characters.
    characters
        ``digits`` or ``alphanumeric`` (digits and capitals).
    """

    role: SegmentRole
    length: int
    characters: Literal["digits", "alphanumeric"] = "digits"


@dataclass(frozen=True)
class ZoneCodeFormat:
    """How codes of one level are made up.

    Parameters
    ----------
    name
        Name of the format, for messages.
    segments
        Its parts in order; the last one is the sequence.

    Raises
    ------
    CodeFormatError
        When there is no sequence at the end, or a part has no length.

    Examples
    --------
    >>> DB11.length, DB11.sequence_length
    (15, 3)
    >>> DB11.compose("310112103001", 7)
    '310112103001007'
    """

    name: str
    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        """Refuse a format that cannot number anything."""
        roles = [segment.role for segment in self.segments]
        if not roles or roles[-1] != "sequence" or roles.count("sequence") != 1:
            raise CodeFormatError(
                f"编码格式“{self.name}”的最后一段应是顺序号，且只能有一段顺序号。",
                "a code format ends with its one sequence",
                remedy="请把顺序号放在最后。",
            )
        if any(segment.length < 1 for segment in self.segments):
            raise CodeFormatError(
                f"编码格式“{self.name}”有长度不足 1 的段。",
                "a segment without length",
                remedy="每一段至少 1 位。",
            )

    @property
    def length(self) -> int:
        """Number of characters of a code."""
        return sum(segment.length for segment in self.segments)

    @property
    def sequence_length(self) -> int:
        """Number of characters of the sequence."""
        return self.segments[-1].length

    @property
    def capacity(self) -> int:
        """How many zones one parent can have: sequences 1 to 99…9."""
        return int(10**self.sequence_length) - 1

    @property
    def pattern(self) -> str:
        """Regular expression that a whole code matches."""
        return "".join(f"{CHARACTERS[s.characters]}{{{s.length}}}" for s in self.segments)

    def split(self, code: str) -> dict[str, str]:
        """Return a code's parts by role.

        Raises
        ------
        CodeFormatError
            When the code has another length.
        """
        if len(code) != self.length:
            raise CodeFormatError(
                f"编码“{code}”是 {len(code)} 位，应为 {self.length} 位（{self.name}）。",
                f"code {code!r} has not {self.length} characters",
                remedy="请改正编码，或换一种编码格式。",
            )
        ends = np.cumsum([segment.length for segment in self.segments])
        return {s.role: code[end - s.length : end] for s, end in zip(self.segments, ends, strict=True)}

    def prefix(self, parent: str, zone_class: str = "") -> str:
        """Return what codes under a parent begin with.

        Parameters
        ----------
        parent
            Division code of the containing community: of the length of the segments between class and sequence.
        zone_class
            Value of a ``class`` segment, where the format has one.

        Raises
        ------
        CodeFormatError
            When the two do not fill the format.
        """
        prefix = zone_class + parent
        if len(prefix) != self.length - self.sequence_length:
            raise CodeFormatError(
                f"上级编码“{parent}”{f'与大类“{zone_class}”' if zone_class else ''}共 {len(prefix)} 位，"
                f"“{self.name}”要求 {self.length - self.sequence_length} 位。",
                f"prefix {prefix!r} does not fit {self.name}",
                remedy="请使用完整的社区编码（12 位统计用区划代码），或换一种编码格式。",
            )
        return prefix

    def compose(self, parent: str, sequence: int, zone_class: str = "") -> str:
        """Return the code of the zone with this sequence under a parent.

        Raises
        ------
        CodeFormatError
            When the sequence does not fit (overflow), or the parent does not.
        """
        if not 1 <= sequence <= self.capacity:
            raise CodeFormatError(
                f"“{parent}”下的顺序号 {sequence} 超出 1–{self.capacity}，编码已用完。",
                f"sequence {sequence} overflows {self.name}",
                remedy="请换用顺序号更长的编码格式，或调整社区划分。",
            )
        return f"{self.prefix(parent, zone_class)}{sequence:0{self.sequence_length}d}"


DB11 = ZoneCodeFormat(
    "DB11（北京市地方标准，15 位）",
    (Segment("county", 6), Segment("street", 3), Segment("community", 3), Segment("sequence", 3)),
)
CJT349 = ZoneCodeFormat(
    "CJ/T 349-2010（20 位）",
    (
        Segment("class", 6),
        Segment("county", 6),
        Segment("street", 3),
        Segment("community", 3),
        Segment("sequence", 2),
    ),
)
PRESETS: dict[str, ZoneCodeFormat] = {"DB11": DB11, "CJT349": CJT349}


def check(
    codes: Iterable[str | None],
    parents: Iterable[str | None] | None = None,
    *,
    code_format: ZoneCodeFormat = DB11,
    retired: Collection[str] = (),
    zone_class: str = "",
) -> pd.DataFrame:
    """Find what is wrong with zone codes.

    Parameters
    ----------
    codes
        One per zone.
    parents
        Code of the community that contains each; None does not check prefixes.
    code_format
        Format to hold them to.
    retired
        Codes that were used once.
    zone_class
        Value of a ``class`` segment that prefixes must have.

    Returns
    -------
    DataFrame
        One row per fault, indexed by position in ``codes``: ``code``, ``problem`` (``missing``, ``length``,
        ``characters``, ``prefix``, ``sequence``, ``duplicate``, ``retired``), ``message`` and ``remedy`` in Chinese.

    Examples
    --------
    >>> check(["310112103001001", "310112103001001", "31011210300100"]).problem.to_list()
    ['duplicate', 'length']
    """
    series: pd.Series[str] = pd.Series(list(codes), dtype="str").str.strip()
    there = series.notna() & (series != "")
    text = series.where(there, "")
    sized = there & (text.str.len() == code_format.length)
    fitting = sized & text.str.fullmatch(code_format.pattern)
    parts = [_fault(series, ~there, "missing", "没有编码", "请填写编码，或用自动编号。")]
    expected = f"应为 {code_format.length} 位（{code_format.name}）"
    parts.append(
        _fault(series, there & ~sized, "length", f"长度不对，{expected}", "请补齐或删去多余的字符。")
    )
    parts.append(
        _fault(series, sized & ~fitting, "characters", "含有不允许的字符", "请只用格式规定的数字或大写字母。")
    )
    if parents is not None:
        above = zone_class + pd.Series(list(parents), dtype="str").str.strip()
        known = fitting & above.notna()
        wrong = known & pd.Series(
            [not code.startswith(prefix) for code, prefix in zip(text, above.fillna(""), strict=True)],
            dtype=bool,
        )
        remedy = "请核对网格所在的社区，或重新编号。"
        parts.append(_fault(series, wrong, "prefix", "前缀与所在社区的编码不符", remedy))
    zero = fitting & (text.str[-code_format.sequence_length :] == "0" * code_format.sequence_length)
    parts.append(_fault(series, zero, "sequence", "顺序号为零", "顺序号从 1 开始。"))
    again = there & text.duplicated(keep="first")
    parts.append(_fault(series, again, "duplicate", "编码重复", "请给其中一个网格重新编号。"))
    used = there & text.isin(list(retired))
    parts.append(_fault(series, used, "retired", "编码曾经使用、已经停用，不能再用", "请改用新的编码。"))
    return pd.concat(parts).sort_index(kind="stable")


def _fault(
    codes: pd.Series[str], where: pd.Series[bool], problem: str, message: str, remedy: str
) -> pd.DataFrame:
    bad = codes[where.to_numpy(dtype=bool)]
    shown = bad.astype(object).where(bad.notna(), None)
    table = pd.DataFrame(
        {"code": shown, "problem": problem, "message": message, "remedy": remedy}, index=bad.index
    )
    return table.astype(object)


def number(
    zones: gpd.GeoDataFrame,
    *,
    parent: str = "parent",
    code_format: ZoneCodeFormat = DB11,
    taken: Collection[str] = (),
    retired: Collection[str] = (),
    zone_class: str = "",
) -> pd.Series[str]:
    """Give zones codes from west to east, then from north to south, within each parent.

    Zones are put in columns by where their point on surface lies: columns run from west to east, each reaching
    at most 50 m east of its westernmost zone; within a column zones run from north to south.

    Parameters
    ----------
    zones
        With a column of parents' codes.
    parent
        That column.
    code_format
        Format of the codes.
    taken, retired
        Codes in use elsewhere, and codes that were used once: neither is given out.
    zone_class
        Value of a ``class`` segment, where the format has one.

    Returns
    -------
    Series
        Codes, same index.

    Raises
    ------
    CodeFormatError
        When a zone has no parent, a parent's code does not fit the format, or the sequence overflows.
    """
    orphans = zones.index[zones[parent].isna()]
    if len(orphans):
        raise CodeFormatError(
            f"有 {len(orphans)} 个网格没有上级编码，无法编号。",
            f"{len(orphans)} zones without a parent",
            remedy="请先确定每个网格所在的社区。",
        )
    used = set(taken) | set(retired)
    result: pd.Series[str] = pd.Series(index=zones.index, dtype=object)
    if zones.empty:
        return result
    points = shapely.point_on_surface(to_metric(zones.geometry, metric_crs(zones)).to_numpy())
    east_m, north_m = shapely.get_x(points), shapely.get_y(points)
    for code, positions in zones.reset_index(drop=True).groupby(parent, sort=True).indices.items():
        sequence = 0
        for position in _west_to_east(east_m[positions], north_m[positions]):
            sequence += 1
            while (candidate := code_format.compose(str(code), sequence, zone_class)) in used:
                sequence += 1
            result.iloc[positions[position]] = candidate
    return result


def _west_to_east(east_m: np.ndarray, north_m: np.ndarray) -> list[int]:
    order = np.argsort(east_m, kind="stable")
    columns: list[list[int]] = []
    for position in order:
        if columns and east_m[position] - east_m[columns[-1][0]] <= _ROW_BAND_M:
            columns[-1].append(int(position))
        else:
            columns.append([int(position)])
    return [i for column in columns for i in sorted(column, key=lambda i: (-north_m[i], east_m[i]))]


Reason = Literal["split", "merge", "renumber", "abolish"]
_REASONS = ("split", "merge", "renumber", "abolish")


@dataclass(frozen=True)
class Lineage:
    """Which codes were retired and what came of them. Immutable: ``retire`` returns a new one.

    Parameters
    ----------
    events
        ``(retired code, successors, reason)`` in order of time.

    Examples
    --------
    >>> history = Lineage().retire("A1", ["A2", "A3"], "split").retire("A3", ["A4"], "renumber")
    >>> history.descendants("A1"), history.ancestors("A4")
    (('A2', 'A4'), ('A3', 'A1'))
    """

    events: tuple[tuple[str, tuple[str, ...], str], ...] = ()
    _retired: frozenset[str] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        """Derive the set of retired codes."""
        object.__setattr__(self, "_retired", frozenset(code for code, _, _ in self.events))

    @property
    def retired(self) -> frozenset[str]:
        """Codes that must not be used again."""
        return self._retired

    def retire(self, code: str, successors: Iterable[str], reason: Reason) -> Lineage:
        """Retire a code in favour of others.

        Parameters
        ----------
        code
            The code that ends.
        successors
            The codes that take its place; none when its zone is abolished.
        reason
            ``split``, ``merge``, ``renumber`` or ``abolish``.

        Raises
        ------
        CodeFormatError
            When the code is retired already, a successor is a retired code or the code itself, or the number of
            successors contradicts the reason.
        """
        heirs = tuple(dict.fromkeys(successors))
        reused = [heir for heir in heirs if heir in self._retired or heir == code]
        fits = {
            "split": len(heirs) > 1,
            "merge": len(heirs) == 1,
            "renumber": len(heirs) == 1,
            "abolish": not heirs,
        }
        if code in self._retired:
            says = f"编码“{code}”已经停用。"
        elif reused:
            says = f"“{code}”的后继编码“{'、'.join(reused)}”是停用的编码，不能再用。"
        elif reason not in _REASONS or not fits[reason]:
            says = f"“{code}”以“{reason}”停用，后继编码却有 {len(heirs)} 个。"
        else:
            return Lineage((*self.events, (code, heirs, reason)))
        raise CodeFormatError(says, f"cannot retire {code!r}", remedy="请使用从未用过的编码。")

    def descendants(self, code: str) -> tuple[str, ...]:
        """Return the codes in use today that a code became; itself when it is not retired."""
        heirs: Mapping[str, tuple[str, ...]] = {old: new for old, new, _ in self.events}
        if code not in heirs:
            return (code,)
        found = [leaf for heir in heirs[code] for leaf in self.descendants(heir)]
        return tuple(dict.fromkeys(found))

    def ancestors(self, code: str) -> tuple[str, ...]:
        """Return the retired codes that a code came from, the latest first."""
        direct = [old for old, new, _ in reversed(self.events) if code in new]
        older = [ancestor for old in direct for ancestor in self.ancestors(old)]
        return tuple(dict.fromkeys([*direct, *older]))


def retire(lineage: Lineage, code: str, successors: Iterable[str], reason: Reason) -> Lineage:
    """Retire a code: ``Lineage.retire`` as a function."""
    return lineage.retire(code, successors, reason)
