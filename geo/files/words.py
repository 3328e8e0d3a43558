"""The words that offices write, and what they mean in code: headings, kinds, levels, yes and no."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from geo.errors import FileFormatError
from geo.records import COLUMNS, KINDS, LAYER_NAMES, LEVELS, SUBJECT_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from geo.records import Kind

GEOMETRY_HEADINGS = (
    "geometry",
    "geom",
    "the_geom",
    "wkt",
    "geojson",
    "wkb",
    "几何",
    "图形",
    "坐标串",
    "边界",
)
"""Headings of a column of WKT, GeoJSON or hexadecimal WKB in a table."""

_NUMBERED = re.compile(r"\.\d+$")

PHONE_HEADINGS = ("phone", "联系电话", "电话", "手机", "手机号", "联系方式")

SUBJECT_WORDS: dict[str, str] = {
    **{kind: kind for kind in SUBJECT_KINDS},
    **dict.fromkeys(("户", "居民", "居民户", "住户", "家庭", "家庭户", "人户", "户籍"), "household"),
    **dict.fromkeys(
        (
            "商户",
            "企业",
            "商户/企业",
            "商铺",
            "店铺",
            "门店",
            "沿街商铺",
            "个体工商户",
            "个体户",
            "公司",
            "商业",
        ),
        "business",
    ),
    **dict.fromkeys(
        ("单位", "机关", "事业单位", "机关单位", "机构", "学校", "医院", "驻区单位", "社会组织", "园区"),
        "institution",
    ),
    **dict.fromkeys(("楼栋", "楼", "楼幢", "幢", "栋", "建筑", "建筑物", "房屋", "楼宇"), "building"),
    **dict.fromkeys(("小区", "住宅小区", "居住小区", "院落", "小区/院落"), "estate"),
    **dict.fromkeys(("设施", "公共设施", "部件", "公园", "停车场", "场所"), "facility"),
}

ZONE_WORDS: dict[str, str] = {
    "general": "general",
    "dedicated": "dedicated",
    **dict.fromkeys(("综合", "综合网格", "普通", "普通网格", "一般", "一般网格", "基础网格"), "general"),
    **dict.fromkeys(("专属", "专属网格", "专门网格", "专属型"), "dedicated"),
}

STATION_WORDS: dict[str, str] = {
    "center": "center",
    "zone": "zone",
    "point": "point",
    **dict.fromkeys(("中心", "镇中心", "街道中心", "总站", "党群服务中心", "社区党群服务中心"), "center"),
    **dict.fromkeys(("片区", "片区中心", "片区站", "分中心", "功能片区"), "zone"),
    **dict.fromkeys(
        ("站点", "点", "点位", "服务点", "服务站", "驿站", "党群服务站", "党群服务点", "红帆驿站"), "point"
    ),
}

KIND_WORDS: dict[Kind, dict[str, str]] = {
    "zones": ZONE_WORDS,
    "subjects": SUBJECT_WORDS,
    "stations": STATION_WORDS,
}

LEVEL_WORDS: dict[str, str] = {
    **{code: code for code in LEVELS},
    **{level.name: code for code, level in LEVELS.items()},
    **dict.fromkeys(("区", "县", "区县", "区/县", "县级"), "county"),
    **dict.fromkeys(("街道", "镇", "乡", "乡镇", "街镇", "街道/镇"), "street"),
    **dict.fromkeys(("社区", "村", "居委会", "村委会", "居村", "社区/村"), "community"),
    **dict.fromkeys(("基础网格", "综合网格"), "grid"),
    **dict.fromkeys(("微格",), "microgrid"),
    **dict.fromkeys(("片区",), "functional"),
}
LAYER_WORDS: dict[str, str] = {
    **{code: code for code in LAYER_NAMES},
    **{name: code for code, name in LAYER_NAMES.items()},
    **dict.fromkeys(("党建",), "party"),
    **dict.fromkeys(("综治", "平安"), "order"),
    **dict.fromkeys(("民政",), "civil"),
    **dict.fromkeys(("城管", "城市管理"), "urban"),
    **dict.fromkeys(("警务", "公安"), "police"),
}
TRUTH_WORDS: dict[str, bool] = {
    **dict.fromkeys(("true", "1", "是", "y", "yes", "t", "可", "能", "√"), True),
    **dict.fromkeys(("false", "0", "否", "n", "no", "f", "不可", "不能", "×"), False),
}


def plain(heading: str) -> str:
    """Return a heading as headings are compared: lower case, no spaces, no unit or remark in brackets.

    Examples
    --------
    >>> plain(" 经度（度） ")
    '经度'
    """
    text = (
        str(heading)
        .strip()
        .strip("\ufeff*＊")
        .lower()
        .replace(" ", "")
        .replace("\u3000", "")
        .replace("\n", "")
    )
    for bracket in ("(", "（", "[", "【"):
        text = text.split(bracket)[0] or text
    return text


@cache
def _known_headings() -> frozenset[str]:
    names = {
        plain(name) for kind in KINDS for column in COLUMNS[kind] for name in (column.name, *column.aliases)
    }
    return frozenset(names | set(GEOMETRY_HEADINGS))


def is_heading(text: str) -> bool:
    """Whether a cell's text is a heading that some kind of record knows."""
    return plain(text) in _known_headings()


@dataclass(frozen=True)
class Matched:
    """Which heading of a file is which column.

    Parameters
    ----------
    found
        ``{column: heading}``: a column takes the heading that is its own name before one of its aliases, in the order
        of the aliases.
    constants
        ``{column: value}`` of the columns that every row has the same value of.
    absent
        Headings that the user names and the file does not have.
    twins
        ``{column: headings}`` where several headings read the same: their order does not decide which is meant.
    """

    found: dict[str, str]
    constants: dict[str, str]
    absent: list[str]
    twins: dict[str, list[str]]


def match_headings(headings: Sequence[str], kind: Kind, given: Mapping[str, str] | None) -> Matched:
    """Find which heading of a file is which column.

    Parameters
    ----------
    headings
        Of the file, each once (``unique_names``).
    kind
        Of its records.
    given
        What the user says: ``{"code": "房屋编号"}``; ``{"kind": "=household"}`` gives every row that value.
    """
    by_plain: dict[str, list[str]] = {}
    for heading in headings:
        stem = _NUMBERED.sub("", heading)
        by_plain.setdefault(plain(stem if stem in headings else heading), []).append(heading)
    constants = {name: heading[1:] for name, heading in (given or {}).items() if heading.startswith("=")}
    named = {name: heading for name, heading in (given or {}).items() if name not in constants}
    found: dict[str, str] = {}
    twins: dict[str, list[str]] = {}
    for name, heading in named.items():
        alike = [heading] if heading in headings else by_plain.get(plain(heading), [])
        if alike:
            found[name] = alike[0]
        if len(alike) > 1:
            twins[name] = alike
    absent = [heading for name, heading in named.items() if name not in found]
    candidates = [(c.name, (c.name, *c.aliases)) for c in COLUMNS[kind]] + [("geometry", GEOMETRY_HEADINGS)]
    for name, aliases in candidates:
        if name in found or name in constants:
            continue
        free = (by_plain[plain(alias)] for alias in aliases if plain(alias) in by_plain)
        alike = next((alike for alike in free if not set(alike) & set(found.values())), [])
        if alike:
            found[name] = alike[0]
        if len(alike) > 1:
            twins[name] = alike
    return Matched(found, constants, absent, twins)


def named_columns(given: Iterable[str], kind: Kind) -> dict[str, str]:
    """Return what a user says of a file's headings, for `match_headings`.

    Parameters
    ----------
    given
        ``编码=房屋编号``: which heading is a column, named by its own name or an alias; ``类别==户``: the value of
        every row.
    kind
        Of the file's records.

    Raises
    ------
    FileFormatError
        One is no pair, or names no column of this kind.

    Examples
    --------
    >>> named_columns(["编码=房屋编号", "类别==户"], "subjects")
    {'code': '房屋编号', 'kind': '=户'}
    """
    names = {plain(word): each.name for each in COLUMNS[kind] for word in (each.name, *each.aliases)}
    names |= {plain(word): "geometry" for word in GEOMETRY_HEADINGS}
    found: dict[str, str] = {}
    for text in given:
        name, sign, heading = text.partition("=")
        if plain(name) not in names or not sign or not heading.strip("= "):
            raise FileFormatError(
                f"列的说明“{text}”写法不对。",
                f"{text!r} is no pair of a column and a heading",
                remedy="例如 编码=房屋编号；每一行都相同的值写两个等号: 类别==户。可指明的列: "
                + "、".join(dict.fromkeys([*(each.name for each in COLUMNS[kind]), "geometry"]))
                + "。",
            )
        found[names[plain(name)]] = heading.strip()
    return found
