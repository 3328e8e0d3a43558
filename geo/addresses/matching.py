"""Comparing a wanted address with known ones: what is the same, what contains it, what only looks like it.

Numbers are compared exactly: 1234弄 is never 1235弄. Names may differ by a slip of the pen or a homophone, never in a
numeral or a direction: 颛兴东路 is never 颛兴西路. Provinces, cities and districts that both name must agree.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from pypinyin import lazy_pinyin
from rapidfuzz import fuzz
from rapidfuzz.distance import DamerauLevenshtein

from geo.addresses.parsing import ParsedAddress, parse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Relation = Literal["exact", "inside", "contains", "similar", "near"]

MOST_TIES = 200
"""Matches with the best confidence are all returned, up to so many."""

_DISTINCT = re.compile(r"[东西南北中上下前后内外左右新老大小0-9甲乙丙丁]")
_SUFFIX = re.compile(
    r"(?:省|市|区|县|旗|街道|镇|乡|社区居民委员会|社区居委会|社区|居民委员会|居委会|居委|村民委员会|村委会|村委|村)$"
)
_SAME = 100.0
_SIMILAR = 75.0
_NEAR = 60.0


@dataclass(frozen=True)
class Match:
    """A known address that answers a wanted one.

    Parameters
    ----------
    text
        The known address, as it was given.
    row
        Its row position among those compared.
    confidence
        1.0: the same address. Below: see ``reason``. Several matches with one confidence are ambiguous.
    reason
        Why, in Chinese.
    relation
        ``exact``; ``inside``: the wanted address lies in this one (a building whose flat is not listed);
        ``contains``: this one lies in the wanted address; ``similar``: another name, same numbers; ``near``: not
        this address, but one like it.
    count
        How many known addresses it stands for (``contains``: flats of one building).
    lon, lat
        Where it is (degrees, EPSG:4490), NaN where nobody knows.
    """

    text: str
    row: int
    confidence: float
    reason: str
    relation: Relation
    count: int = 1
    lon: float = float("nan")
    lat: float = float("nan")


@lru_cache(maxsize=65_536)
def _sound(name: str) -> tuple[str, ...]:
    return tuple(lazy_pinyin(name))


def name_likeness(wanted: str, known: str) -> tuple[float, str]:
    """Compare two names of places.

    Returns
    -------
    tuple
        0–100 and the reason in Chinese; 0 where numerals or directions differ.

    Examples
    --------
    >>> name_likeness("专兴东路", "颛兴东路")
    (95.0, '读音相同')
    >>> name_likeness("颛兴西路", "颛兴东路")[0]
    0.0
    """
    if wanted == known:
        return 100.0, "名称相同"
    if _DISTINCT.findall(wanted) != _DISTINCT.findall(known):
        return 0.0, "方位或序号不同"
    if _sound(wanted) == _sound(known):
        return 95.0, "读音相同"
    slips = DamerauLevenshtein.distance(wanted, known)
    return float(fuzz.ratio(wanted, known)), f"名称相近（相差 {slips} 字）"


def _stem(name: str) -> str:
    return _SUFFIX.sub("", name) or name


def _locality(wanted: ParsedAddress, known: ParsedAddress) -> tuple[float, str]:
    """Weigh how the localities agree: 1 where nothing contradicts, 0 where they are elsewhere."""
    factor, reason = 1.0, ""
    for part, mine in wanted.locality.items():
        theirs = known.locality.get(part)
        if theirs is None:
            continue
        a, b = _stem(mine), _stem(theirs)
        if a == b or a in b or b in a:
            continue
        # A street number is unique in a district whatever community somebody believes it to be in.
        if part in ("province", "city", "district") or not (wanted.road and wanted.numbers):
            return 0.0, f"{theirs}不是{mine}"
        factor, reason = factor * 0.9, f"；登记在{theirs}，不是{mine}"
    return factor, reason


def _told(known: ParsedAddress) -> tuple[ParsedAddress, ...]:
    """Return a known address as its street and as its estate tell it; what is known is not guessed at."""
    return (known,) if known.inner is None else (known, known.inner)


def compare(wanted: ParsedAddress, known: ParsedAddress) -> tuple[Relation, float, str] | None:
    """Compare a wanted address with a known one.

    Returns
    -------
    tuple or None
        Relation, confidence and reason in Chinese; None where the known address is no answer.

    Examples
    --------
    >>> from geo.addresses import parse
    >>> compare(parse("颛兴东路1234弄15号602室"), parse("上海市闵行区颛兴东路1234弄15号"))
    ('inside', 0.8, '未登记 602室，定位到 15号')
    >>> compare(parse("颛兴东路1234弄15号"), parse("颛兴东路1235弄15号")) is None
    True
    """
    factor, elsewhere = _locality(wanted, known)
    if factor == 0.0:
        return None
    best: tuple[Relation, float, str] | None = None
    for mine in wanted.views:
        for theirs in _told(known):
            found = _related(mine, theirs)
            if found is not None and (best is None or found[1] > best[1]):
                best = found
    if best is None:
        return None
    if (
        wanted.estate
        and known.estate
        and wanted.road
        and known.road
        and name_likeness(wanted.estate, known.estate)[0] < _SIMILAR
    ):
        factor, elsewhere = factor * 0.95, elsewhere + f"；登记的小区名是{known.estate}"
    return best[0], round(best[1] * factor, 4), best[2] + elsewhere


def _related(wanted: ParsedAddress, known: ParsedAddress) -> tuple[Relation, float, str] | None:
    if not wanted.name or not known.name:
        return ("exact", 1.0, "地址一致") if wanted.key == known.key != "" else None
    likeness, why = name_likeness(wanted.name, known.name)
    shared = min(len(wanted.numbers), len(known.numbers))
    if likeness < _SIMILAR or wanted.numbers[:shared] != known.numbers[:shared]:
        return None
    # A street contains its houses, but knowing the street is not knowing the house, nor is one that sounds like it.
    street_only = shared == 0 and any(view.road and not view.estate_first for view in (wanted, known))
    if street_only and (likeness < _SAME or len(wanted.numbers) != len(known.numbers)):
        return None
    relation, confidence, reason = _by_numbers(wanted, known, shared)
    if likeness < _SAME:
        reason = f"{why}：{known.name}，请核对；{reason}"
        return "similar", round(0.8 * confidence * likeness / 100.0, 4), reason
    return relation, confidence, reason


def _by_numbers(wanted: ParsedAddress, known: ParsedAddress, shared: int) -> tuple[Relation, float, str]:
    """Relate two addresses at one named place whose first ``shared`` numbers agree."""
    missing, below = wanted.numbers[shared:], known.numbers[shared:]
    if missing:
        confidence = max(0.3, 0.9 - 0.1 * len(missing) - (0.0 if shared else 0.2))
        place = known.numbers[-1] if shared else known.name
        return "inside", round(confidence, 4), f"未登记 {''.join(missing)}，定位到 {place}"
    if below:
        return "contains", 0.75 if shared else 0.6, f"地址不够具体，其下登记有 {''.join(below)}"
    return "exact", 1.0, "地址一致"


def nearness(wanted: ParsedAddress, known: ParsedAddress) -> tuple[float, str]:
    """Say how much a known address that is no answer looks like the wanted one: below 0.5, and why."""
    likeness, why = 0.0, ""
    for mine in wanted.views:
        for theirs in _told(known):
            score, reason = name_likeness(mine.name, theirs.name)
            score = (
                score or fuzz.ratio(mine.name, theirs.name) * 0.9
            )  # another direction or numeral is still near
            if score > likeness:
                likeness, why = score, reason
    if likeness < _NEAR:
        return 0.0, ""
    pairs = list(zip(wanted.numbers, known.numbers, strict=False))
    shared = next((i for i, (a, b) in enumerate(pairs) if a != b), len(pairs))
    reasons = [why] if likeness < _SAME else []
    apart = 1.0
    if shared < len(pairs):
        apart = _apart(*pairs[shared])
        reasons.append(f"是{pairs[shared][1]}，不是{pairs[shared][0]}")
    elif wanted.numbers and not known.numbers:
        reasons.append("没有登记门牌号")
    deeper = abs(len(wanted.numbers) - len(known.numbers))
    score = (
        0.3 * likeness / 100.0
        - 0.01 * deeper
        + 0.12 * shared / max(len(wanted.numbers), 1)
        + 0.07 * (1.0 - apart)
    )
    elsewhere = _locality(wanted, known)[1].strip("；")
    return round(score, 4), "；".join([*reasons, *([elsewhere] if elsewhere else [])])


def _apart(a: str, b: str) -> float:
    """Say how far two numbers are apart: 0 the same, 1 far."""
    x, y = re.search(r"\d+", a), re.search(r"\d+", b)
    if not (x and y):
        return 1.0
    return min(1.0, abs(int(x[0]) - int(y[0])) / 100.0)


def rank(
    query: str | ParsedAddress, candidates: Iterable[str | ParsedAddress], *, limit: int = 5
) -> list[Match]:
    """Rank known addresses that answer a wanted one.

    Parameters
    ----------
    query
        The wanted address.
    candidates
        Known addresses, any number; those that are no answer are left out.
    limit
        How many to return. Those that share the best confidence are all returned: the address is ambiguous.

    Returns
    -------
    list of Match
        Best first, then in the order given; only the best relation (exact before inside before contains before
        similar).

    Examples
    --------
    >>> rank("开平路10号", ["开平路12号", "青岛市市北区开平路10号"])[0].row
    1
    """
    wanted = parse(query) if isinstance(query, str) else query
    found: list[tuple[Match, ParsedAddress]] = []
    for row, candidate in enumerate(candidates):
        known = parse(candidate) if isinstance(candidate, str) else candidate
        answer = compare(wanted, known)
        if answer is not None:
            relation, confidence, reason = answer
            found.append((Match(known.text, row, confidence, reason, relation), known))
    return _best(wanted, found, limit)


_ORDER: dict[Relation, int] = {"exact": 0, "inside": 1, "contains": 2, "similar": 3, "near": 4}


def _best(wanted: ParsedAddress, found: list[tuple[Match, ParsedAddress]], limit: int) -> list[Match]:
    if not found:
        return []
    first = min(_ORDER[match.relation] for match, _ in found)
    chosen = [(match, known) for match, known in found if _ORDER[match.relation] == first]
    if first == _ORDER["inside"]:
        # Of places inside each other the smallest says where the address is.
        best = max(match.confidence for match, _ in chosen)
        chosen = [(match, known) for match, known in chosen if match.confidence == best]
    matches = _grouped(wanted, chosen) if first == _ORDER["contains"] else [match for match, _ in chosen]
    matches.sort(key=lambda match: (-match.confidence, match.row))
    ties = sum(match.confidence == matches[0].confidence for match in matches)
    return matches[: max(limit, min(ties, MOST_TIES))]


def _grouped(wanted: ParsedAddress, found: list[tuple[Match, ParsedAddress]]) -> list[Match]:
    """Let one match stand for all flats of a building: they are one place, its buildings are several."""
    groups: dict[tuple[object, ...], list[Match]] = {}
    for match, known in found:
        view = min(_told(known), key=lambda v: v.name != wanted.name)
        below = view.numbers[len(wanted.numbers) :]
        outside = below[0] if below[0].endswith(("弄", "号", "幢")) else ""
        groups.setdefault((tuple(known.locality.items()), outside), []).append(match)
    return [
        replace(
            group[0],
            count=len(group),
            reason=group[0].reason if len(group) == 1 else f"地址不够具体，其下登记有 {len(group)} 个地址",
        )
        for group in groups.values()
    ]


def near_misses(
    query: str | ParsedAddress, candidates: Sequence[str | ParsedAddress], *, limit: int = 5
) -> list[Match]:
    """Rank known addresses that are not the wanted one but look like it; confidence is below 0.5.

    Parameters
    ----------
    query, candidates, limit
        As for :func:`rank`; here ``limit`` is strict.
    """
    wanted = parse(query) if isinstance(query, str) else query
    found: list[Match] = []
    for row, candidate in enumerate(candidates):
        known = parse(candidate) if isinstance(candidate, str) else candidate
        if compare(wanted, known) is not None:
            continue
        score, reason = nearness(wanted, known)
        if score > 0.0:
            found.append(Match(known.text, row, score, reason, "near"))
    found.sort(key=lambda match: (-match.confidence, match.row))
    return found[:limit]
