"""What became of zone codes between a version and the plan made of it: split, merged, deleted, renumbered, carved.

Operations say themselves who took over from whom (`Change.lineage`). Where one does not, such as a carved zone or one
that was painted over, the ground does: a zone comes from those whose ground it has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import shapely

from geo.plans.draft import EXCEPTION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from geo.plans.draft import Change, Draft, Key, PlanZone

NOISE = 0.01
"""Shared ground under this part of the smaller zone is noise of drawing: nothing follows from it."""

TRACE = 1e-9
"""Zones that an operation named share more than this part of the smaller one, or they have no ground in common."""

REDRAWN, ABOLISHED = "redraw", "abolish"
"""What became of a code when no operation says it: others have its ground, or nobody has."""


@dataclass(frozen=True)
class Succession:
    """One step of lineage between two versions.

    Parameters
    ----------
    level
        Level of both codes.
    old
        Code in the version before; None for a zone drawn where nothing was.
    new
        Code in the version after; None for a zone abolished without heir.
    operation
        What the planner did, such as ``split``.
    """

    level: str
    old: str | None
    new: str | None
    operation: str


def successions(draft: Draft, changes: Iterable[Change]) -> list[Succession]:
    """Return what became of codes, by making changes one after the other.

    Parameters
    ----------
    draft
        The zones of the version before; it is changed into those after.
    changes
        In order.

    Returns
    -------
    list of Succession
        By level, new and old code: one for each code that is gone or new and each of its heirs or ancestors. A zone
        that only moved its border, or that kept its code, has none of its own.
    """
    base = {zone.key: zone for level in draft.levels for zone in draft.at(level)}
    origins: dict[Key, dict[Key, str]] = {key: {key: ""} for key in base}
    drawn: dict[Key, str] = {}
    for change in changes:
        _follow(draft, change, origins, drawn)
    found: dict[tuple[str, str | None, str | None], str] = {}
    left = {key for key in base if key not in draft}
    for level in draft.levels:
        for zone in draft.at(level):
            for old, operation in origins.get(zone.key, {}).items():
                # An ancestor that stays and keeps its code is one of new codes only.
                tells = zone.key not in base or old not in draft or operation == "renumber"
                if tells and old != zone.key and _shared(base[old], zone) > TRACE:
                    found[(level, old[1], zone.code)] = operation
                    left.discard(old)
            if zone.key not in base and not origins.get(zone.key):
                found[(level, None, zone.code)] = drawn[zone.key]
    for level, code in left:
        gone = base[(level, code)]
        heirs = [zone for zone in draft.touching(level, gone.geometry) if _shared(gone, zone) > NOISE]
        found |= {(level, code, zone.code): REDRAWN for zone in heirs}
        if not heirs:
            found[(level, code, None)] = ABOLISHED
    ordered = sorted(found.items(), key=lambda item: (item[0][0], item[0][2] or "", item[0][1] or ""))
    return [Succession(level, old, new, operation) for (level, old, new), operation in ordered]


def _follow(draft: Draft, change: Change, origins: dict[Key, dict[Key, str]], drawn: dict[Key, str]) -> None:
    """Apply a change and bring up to date which zones of the version before each zone comes from, and by what."""
    taken_over: dict[Key, dict[Key, str]] = {}
    for old, new in change.lineage:
        for ancestor, operation in origins.get(old, {}).items():
            taken_over.setdefault(new, {})[ancestor] = operation if old == new else change.operation
    for zone in change.put:
        if zone.key not in draft and zone.key not in taken_over and zone.level != EXCEPTION:
            sources = [old for old in draft.touching(zone.level, zone.geometry) if _shared(old, zone) > NOISE]
            taken_over[zone.key] = {
                ancestor: change.operation for old in sources for ancestor in origins.get(old.key, {})
            }
            drawn[zone.key] = change.operation
    heard = {old for old, _ in change.lineage}
    silent = [
        (draft.zone(*key), origins.get(key, {}))
        for key in change.delete
        if key not in heard and key[0] != EXCEPTION
    ]
    draft.apply(change)
    for key in change.delete:
        origins.pop(key, None)
    origins.update(taken_over)
    for zone, ancestors in silent:
        for heir in draft.touching(zone.level, zone.geometry):
            if _shared(zone, heir) > NOISE:
                mine = origins.setdefault(heir.key, {})
                for ancestor in ancestors:
                    mine.setdefault(ancestor, change.operation)


def _shared(one: PlanZone, other: PlanZone) -> float:
    """Return the ground that two zones share, as part of the smaller one."""
    shared = shapely.area(shapely.intersection(one.geometry, other.geometry))
    return float(shared / min(shapely.area(one.geometry), shapely.area(other.geometry)))
