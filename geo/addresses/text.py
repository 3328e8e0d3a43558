"""Cleaning of address text: one way to write what people write in many.

Full-width and compatibility forms, letter case, accents and traditional characters become one form by a table of
single characters, so cleaning a text again changes nothing.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache

import cn2an
import opencc

_NUMERALS = "〇零一二三四五六七八九十百千"
_DIGITS = {c: str(i) for i, c in enumerate("〇一二三四五六七八九")} | {"零": "0"}
_UNITS = "号|弄|支弄|幢|栋|座|单元|层|楼|室|户|房|门|组|队|#|f(?![a-z])"
_NAMES = "路|街|道|巷|胡同|村|期|区|坊|苑|网格"

_NUMBER_BEFORE_UNIT = re.compile(f"[{_NUMERALS}]+(?=(?:{_UNITS})(?!路|街|道|巷|村|桥|里))")  # not in 三门路
_NUMBER_AT_END = re.compile(f"(?<=[号弄幢栋座元层楼])[{_NUMERALS}]+$")
_NUMBER_IN_NAME = re.compile(f"[{_NUMERALS}]+(?=(?:{_UNITS}|{_NAMES}))")
_BRACKETS = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]|【([^【】]*)】|〔([^〔〕]*)〕|「([^「」]*)」")
_BREAK = re.compile(r"[^0-9a-z#\u3400-\u9fff\U00020000-\U0003ffff]+")
_HAN = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]")
_SUB_NUMBER = re.compile(r"([0-9]+)号\s*-\s*([0-9]{1,2})(?![0-9室号幢栋座单层楼a-z#-])")  # 12号-2 is 12-2号
_ORDINAL = re.compile("第(?=[0-9]+(?:弄|号|幢|栋|座|单元|层|楼|室|组))")
_ZEROS = re.compile(r"(?<![0-9a-z])0+(?=[0-9])")


@cache
def _table() -> dict[int, str]:
    """Map each character of the basic plane to its plain form."""
    converter = opencc.OpenCC("t2s")
    han = [chr(c) for c in range(0x3400, 0xA000)]
    plain = converter.convert("\n".join(han)).split("\n")
    simple = {a: b for a, b in zip(han, plain, strict=True) if len(b) == 1}
    table: dict[int, str] = {}
    for code in range(0x10000):
        char = chr(code)
        if unicodedata.category(char) == "Cs":  # half of a pair is no character
            table[code] = ""
            continue
        folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", char).casefold())
        folded = "".join(c for c in folded if not unicodedata.combining(c)).casefold()
        folded = "".join(simple.get(c, c) for c in folded)
        folded = "".join(simple.get(c, c) for c in folded)  # a few simplified forms have a simpler one
        if folded != char:
            table[code] = folded
    # Dashes of every kind mean the same between numbers.
    for dash in "‐‑‒–—―−－﹣~～〜":
        table[ord(dash)] = "-"
    for zero in "〇○◯":
        table[ord(zero)] = "零"
    return table


def plain(text: str) -> str:
    """Return text in its plain form: half width, lower case, no accents, simplified characters.

    Examples
    --------
    >>> plain("顓興東路１２３４弄 Ａ座")
    '颛兴东路1234弄 a座'
    """
    return text.translate(_table())


def is_chinese(text: str) -> bool:
    """Tell whether a text holds a Chinese character."""
    return _HAN.search(text) is not None


@lru_cache(maxsize=65_536)
def _number(numeral: str) -> str:
    """Write a Chinese numeral in Arabic digits; what is no number stays."""
    if not any(c in "十百千" for c in numeral):
        return "".join(_DIGITS[c] for c in numeral)
    try:
        return str(int(cn2an.cn2an(numeral, "normal")))
    except (ValueError, KeyError):  # KeyError: cn2an's own slip on strings such as 一百百
        return numeral


def cleaned(text: str) -> str:
    """Return a Chinese address without spaces and punctuation, numbers before units in Arabic digits.

    Brackets are opened when they hold a number, dropped with what they hold otherwise: (602室), （近地铁）.
    A space or punctuation mark between two numbers is a hyphen: ``15 602`` → ``15-602``.

    Examples
    --------
    >>> cleaned("颛兴东路 一千二百三十四弄（兴银花园）十五号，六〇二室")
    '颛兴东路1234弄15号602室'
    """
    text = plain(text)
    for _ in range(3):  # brackets inside brackets
        opened = _BRACKETS.sub(_bracket, text)
        if opened == text:
            break
        text = opened
    text = _SUB_NUMBER.sub(r"\1-\2号", text)
    pieces = _BREAK.split(text)
    out = ""
    for piece in pieces:
        if not piece:
            continue
        if out and out[-1].isascii() and piece[0].isascii() and out[-1] != "#":
            out += "-"
        out += piece
    out = _NUMBER_BEFORE_UNIT.sub(lambda m: _number(m[0]), out)
    out = _NUMBER_AT_END.sub(lambda m: _number(m[0]), out)
    # Until nothing changes: without its 第 a number may join the one before, with a zero in front or a 第 there too.
    while (shorter := _ZEROS.sub("", _ORDINAL.sub("", out))) != out:
        out = shorter
    return out


def _bracket(match: re.Match[str]) -> str:
    inside = next((group for group in match.groups() if group is not None), "")
    return f" {inside} " if re.search(r"[0-9]", inside) else " "


def named(name: str) -> str:
    """Return a name with its numerals in Arabic digits: 中山北一路 and 中山北1路 are one street."""
    return _NUMBER_IN_NAME.sub(lambda m: _number(m[0]), name)
