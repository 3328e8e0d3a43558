"""Rule profiles: what an office asks of its grids, as data that it edits, and the warnings that follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from geo.plans.census import ZoneFigures
    from geo.plans.draft import PlanZone


@dataclass(frozen=True)
class Profile:
    """Thresholds for the zones of one level. A None is no threshold.

    The defaults are Zhejiang's community grid: 300-500 households, 800-1,500 people (see the README's sources).

    Parameters
    ----------
    households, people
        Least and most.
    parts
        Most pieces of a zone.
    compactness
        Least Polsby-Popper compactness.
    """

    households: tuple[int, int] | None = (300, 500)
    people: tuple[int, int] | None = (800, 1500)
    parts: int | None = 1
    compactness: float | None = 0.1


@dataclass(frozen=True)
class Warned:
    """One broken rule.

    Parameters
    ----------
    code
        The zone.
    rule
        ``households``, ``people``, ``parts`` or ``compactness``.
    zh, en
        The warning, as the planner reads it.
    """

    code: str
    rule: str
    zh: str
    en: str


def warnings_of(zones: Iterable[PlanZone], figures: Iterable[ZoneFigures], profile: Profile) -> list[Warned]:
    """Return the rules that zones break. Dedicated zones are exempt from the counts of households and people.

    Parameters
    ----------
    zones, figures
        Zones and their figures, in the same order.
    profile
        The rules.
    """
    found: list[Warned] = []
    for zone, figure in zip(zones, figures, strict=True):
        if zone.kind == "general":
            found += _within(
                zone, "households", figure.counts["household"], profile.households, "户", "households"
            )
            if figure.people is not None:
                found += _within(zone, "people", figure.people, profile.people, "人", "people")
        if profile.parts is not None and figure.parts > profile.parts:
            found.append(
                Warned(
                    zone.code,
                    "parts",
                    f"{zone.name} 分成 {figure.parts} 块",
                    f"{zone.code} has {figure.parts} parts",
                )
            )
        if profile.compactness is not None and figure.compactness < profile.compactness:
            found.append(
                Warned(
                    zone.code,
                    "compactness",
                    f"{zone.name} 形状狭长 (紧凑度 {figure.compactness:.2f})",
                    f"{zone.code} is drawn out (compactness {figure.compactness:.2f})",
                )
            )
    return found


def _within(
    zone: PlanZone, rule: str, count: int, bounds: tuple[int, int] | None, zh: str, en: str
) -> list[Warned]:
    if bounds is None:
        return []
    least, most = bounds
    if count < least:
        return [
            Warned(
                zone.code,
                rule,
                f"{zone.name} 少 {least - count} {zh}",
                f"{zone.code}: {least - count} {en} too few",
            )
        ]
    if count > most:
        return [
            Warned(
                zone.code,
                rule,
                f"{zone.name} 超 {count - most} {zh}",
                f"{zone.code}: {count - most} {en} too many",
            )
        ]
    return []
