"""Broken rules: the warnings that follow from a profile and the figures of zones.

What is unknown (未知) breaks no rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import shapely

from geo.plans.rules import CROSSINGS, CUTS, KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from geo.plans.census import ZoneFigures
    from geo.plans.draft import PlanZone
    from geo.plans.ground import Cut
    from geo.plans.rules import Profile, Rule, Severity

NAMES_SHOWN = 3
"""Estates or buildings that a sentence names; the rest it counts."""


@dataclass(frozen=True)
class Warned:
    """One broken rule.

    Parameters
    ----------
    code
        The zone.
    rule
        One of `KINDS`.
    zh, en
        The warning, as the planner reads it.
    severity
        A note where the rule's numbers are not verified.
    codes
        Estates or buildings that are cut.
    place
        Where, in lon/lat; None: the zone as a whole.
    """

    code: str
    rule: str
    zh: str
    en: str
    severity: Severity = "warning"
    codes: tuple[str, ...] = ()
    place: shapely.Geometry | None = None


def warnings_of(zones: Iterable[PlanZone], figures: Iterable[ZoneFigures], profile: Profile) -> list[Warned]:
    """Return the rules that zones break. Dedicated zones are exempt from rules of size.

    Parameters
    ----------
    zones, figures
        Zones and their figures, in the same order.
    profile
        The rules.
    """
    found: list[Warned] = []
    for zone, figure in zip(zones, figures, strict=True):
        for name, kind in KINDS.items():
            rule = profile.rule(zone.level, name)
            if rule is None or (kind.size and zone.kind == "dedicated"):
                continue
            judge = _JUDGES.get(name)
            found += _measured(zone, figure, rule) if judge is None else judge(zone, figure, rule)
    return found


# ---- one kind of rule each

_VALUES: dict[str, Callable[[ZoneFigures], float | None]] = {
    "households": lambda figure: figure.counts["household"],
    "people": lambda figure: figure.people,
    "area": lambda figure: figure.area_m2,
    "stations": lambda figure: figure.stations,
}


def _measured(zone: PlanZone, figure: ZoneFigures, rule: Rule) -> list[Warned]:
    value = _VALUES[rule.rule](figure)
    if value is None:
        return []
    kind = rule.kind
    if rule.least is not None and value < rule.least:
        off = _number(rule.least - value, kind.decimals)
        return [_warned(zone, rule, f"少 {off} {kind.unit}", f"{off} {kind.unit_en} too few")]
    if rule.most is not None and value > rule.most:
        off = _number(value - rule.most, kind.decimals)
        return [_warned(zone, rule, f"超 {off} {kind.unit}", f"{off} {kind.unit_en} too many")]
    return []


def _parts(zone: PlanZone, figure: ZoneFigures, rule: Rule) -> list[Warned]:
    if rule.most is None or figure.parts <= rule.most:
        return []
    words = (f"分成 {figure.parts} 块，互不相连", f"has {figure.parts} parts that do not touch")
    return [_warned(zone, rule, *words, place=figure.strays)]


def _compactness(zone: PlanZone, figure: ZoneFigures, rule: Rule) -> list[Warned]:
    if rule.least is None or figure.compactness >= rule.least:
        return []
    told = f"{figure.compactness:.2f}"
    return [_warned(zone, rule, f"形状狭长 (紧凑度 {told})", f"is drawn out (compactness {told})")]


def _share(zone: PlanZone, figure: ZoneFigures, rule: Rule) -> list[Warned]:
    if rule.least is None or figure.share_15min is None or figure.share_15min * 100 >= rule.least:
        return []
    told, asked = f"{figure.share_15min:.0%}", f"{rule.least:.0f}%"
    return [
        _warned(
            zone,
            rule,
            f"只有 {told} 的户在步行 15 分钟内到得了服务站，要求 {asked}",
            f"only {told} of households are within 15 minutes' walk of a station, {asked} are asked for",
        )
    ]


def _cut(zone: PlanZone, figure: ZoneFigures, rule: Rule) -> list[Warned]:
    found = [cut for cut in figure.cuts if cut.rule == rule.rule]
    if not found:
        return []
    estate = rule.rule == "cut_estate"
    what, what_en = ("小区", "estates") if estate else ("楼栋", "buildings")
    shown = "、".join(cut.name for cut in found[:NAMES_SHOWN])
    more = f" 等 {len(found)} 处" if len(found) > NAMES_SHOWN else ""
    return [
        _warned(
            zone,
            rule,
            f"的边界切开{what} {shown}{more}",
            f"cuts {len(found)} {what_en}: {', '.join(cut.code for cut in found[:NAMES_SHOWN])}",
            codes=tuple(cut.code for cut in found),
            place=_together(found),
        )
    ]


def _crossed(zone: PlanZone, figure: ZoneFigures, rule: Rule) -> list[Warned]:
    found = [cut for cut in figure.cuts if cut.rule == rule.rule]
    if not found:
        return []
    names = "、".join(dict.fromkeys(cut.name for cut in found))
    what_en = {"expressway": "an expressway", "railway": "a railway", "river": "a river"}[
        rule.rule.removeprefix("crosses_")
    ]
    return [_warned(zone, rule, f"被{names}分割", f"is divided by {what_en}", place=_together(found))]


_JUDGES: dict[str, Callable[[PlanZone, ZoneFigures, Rule], list[Warned]]] = {
    "parts": _parts,
    "compactness": _compactness,
    "share_15min": _share,
    **dict.fromkeys(CUTS, _cut),
    **dict.fromkeys(CROSSINGS, _crossed),
}


def _together(found: list[Cut]) -> shapely.Geometry:
    return shapely.GeometryCollection([cut.place for cut in found]) if len(found) > 1 else found[0].place


def _warned(
    zone: PlanZone,
    rule: Rule,
    zh: str,
    en: str,
    *,
    codes: tuple[str, ...] = (),
    place: shapely.Geometry | None = None,
) -> Warned:
    return Warned(zone.code, rule.rule, f"{zone.name} {zh}", f"{zone.code} {en}", rule.severity, codes, place)


def _number(value: float, decimals: int) -> str:
    return f"{value:,.{decimals}f}"
