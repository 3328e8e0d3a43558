"""Codes of zones over time: which stand, which are retired and never used again, what became of each.

A code is retired once a published version had it and the present one has not. Of a plan: once any published version
had it and the plan has not.
"""

from __future__ import annotations

import re
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from api.store import bulk
from api.store.errors import NotFoundError
from api.store.territories import find_territory, levels_of
from geo.errors import CodeFormatError, RefusedError
from geo.plans import EXCEPTION

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from api.store.plans import PlanInfo
    from api.store.versions import VersionInfo
    from geo.plans import Change, Draft
    from geo.plans.draft import Key
    from geo.plans.lineage import Succession

SHOWN_CODES = 5


def codes_of(session: Session, territory: str, level: str) -> dict[str, Any]:
    """Return the codes of a level: ``taken`` by the ``version`` in force (None before the first), and ``retired``.

    Raises
    ------
    NotFoundError
        No such territory or level.
    """
    found = find_territory(session, territory)
    if level not in {stored.code for stored in levels_of(session, found.id)}:
        raise NotFoundError(
            f"辖区“{territory}”没有层级“{level}”。", f"no level {level!r}", remedy="请核对层级编码。"
        )
    rows = session.execute(
        text(
            """SELECT z.code, bool_or(v.valid_to IS NULL) AS taken
               FROM zone z JOIN version v ON v.id = z.version_id JOIN level l ON l.id = z.level_id
               WHERE v.territory_id = :territory AND v.status = 'published' AND l.code = :level
               GROUP BY z.code ORDER BY z.code"""
        ),
        {"territory": found.id, "level": level},
    ).all()
    in_force = session.scalar(
        text(
            "SELECT code FROM version WHERE territory_id = :id AND status = 'published' AND valid_to IS NULL"
        ),
        {"id": found.id},
    )
    return {
        "version": in_force,
        "taken": [row.code for row in rows if row.taken],
        "retired": [row.code for row in rows if not row.taken],
    }


def used_codes(session: Session, territory_id: int, codes: Iterable[str]) -> set[Key]:
    """Return those of some codes that a published version of a territory has or had, with their levels."""
    rows = session.execute(
        text(
            """SELECT DISTINCT l.code AS level, z.code
               FROM version v JOIN zone z ON z.version_id = v.id JOIN level l ON l.id = z.level_id
               WHERE v.territory_id = :territory AND v.status = 'published' AND z.code = ANY(:codes)"""
        ),
        {"territory": territory_id, "codes": list(codes)},
    )
    return {(row.level, row.code) for row in rows}


def refuse_retired(session: Session, plan: PlanInfo, draft: Draft, change: Change) -> None:
    """Refuse a change of a draft that would use a retired code for a new zone.

    Raises
    ------
    RefusedError
        With the place of the zone.
    """
    new = [zone for zone in change.put if zone.level != EXCEPTION and zone.key not in draft]
    used = used_codes(session, plan.territory_id, {zone.code for zone in new}) if new else set()
    for zone in new:
        if zone.key in used:
            raise RefusedError(
                f"编码 {zone.code} 已经停用，不能再给新的网格使用。",
                f"the code {zone.code} is retired",
                place=zone.geometry,
                remedy="请换用从未用过的编码，例如系统拟好的下一个。",
            )


def next_codes(
    session: Session, plan: PlanInfo, draft: Draft, level: str, beside: str, count: int
) -> list[str]:
    """Return free codes for new zones beside one: of its form, numbered on from the highest, never a retired one.

    Parameters
    ----------
    session
        Where to read.
    plan, draft
        The plan and its zones.
    level, beside
        The zone.
    count
        How many.

    Raises
    ------
    RefusedError
        The plan has no such zone.
    CodeFormatError
        There are no more codes of this form.
    """
    zone = draft.zone(level, beside)
    stem, digits = _form(zone.code, zone.parent)
    rows = session.scalars(
        text(
            """SELECT DISTINCT z.code FROM version v JOIN zone z ON z.version_id = v.id
               JOIN level l ON l.id = z.level_id
               WHERE v.territory_id = :territory AND v.status = 'published' AND l.code = :level
               AND starts_with(z.code, :stem)"""
        ),
        {"territory": plan.territory_id, "level": level, "stem": stem},
    )
    known = {*rows, *(other.code for other in draft.at(level))}
    numbers = {
        int(rest) for code in known if code.startswith(stem) and re.fullmatch(r"[0-9]+", rest := code[len(stem) :])
    }  # fmt: skip
    highest = max(numbers, default=0)
    # On from the highest; when these run out, those between that nobody ever had.
    free = chain(
        range(highest + 1, 10**digits), (number for number in range(1, highest) if number not in numbers)
    )
    codes = [f"{stem}{number:0{digits}d}" for number in islice(free, count)]
    if len(codes) < count:
        raise CodeFormatError(
            f"“{stem}”开头的 {digits} 位顺序号只剩 {len(codes)} 个，不够 {count} 个。",
            f"only {len(codes)} codes left that begin with {stem!r}",
            remedy="请换用顺序号更长的编码格式，或调整社区划分。",
        )
    return codes


def _form(code: str, parent: str | None) -> tuple[str, int]:
    """Return what a code begins with, its parent's code where it does, and how many digits its number has."""
    if parent and code.startswith(parent) and re.fullmatch(r"[0-9]+", code[len(parent) :]):
        return parent, len(code) - len(parent)
    digits = re.search(r"[0-9]*$", code)
    number = digits.group() if digits else ""
    if not number:
        return f"{code}-", 1
    return code[: len(code) - len(number)], len(number)


def store_lineage(session: Session, version: VersionInfo, plan: PlanInfo, found: Iterable[Succession]) -> int:
    """Keep what became of codes when a version was made of a plan; return how many rows.

    Raises
    ------
    RefusedError
        A retired code would be used again.
    """
    found = list(found)
    fresh = {(each.level, each.new) for each in found if each.new is not None}
    base = set(
        session.execute(
            text(
                """SELECT l.code, z.code FROM zone z JOIN level l ON l.id = z.level_id
                   JOIN version v ON v.id = z.version_id WHERE v.code = :base"""
            ),
            {"base": plan.base},
        ).all()
    )
    fresh = {key for key in fresh if key not in base}
    again = sorted(code for _, code in fresh & used_codes(session, plan.territory_id, {c for _, c in fresh}))
    if again:
        raise RefusedError(
            f"编码 {'、'.join(again[:SHOWN_CODES])} 已经停用，不能再用。",
            f"retired codes would be used again: {again[:SHOWN_CODES]}",
            remedy="请在方案中给这些网格换用从未用过的编码。",
        )
    levels = {stored.code: stored.id for stored in levels_of(session, version.territory_id)}
    return bulk.copy_columns(
        session,
        "lineage",
        {
            "level_id": (levels[each.level] for each in found),
            "from_code": (each.old for each in found),
            "to_code": (each.new for each in found),
            "operation": (each.operation for each in found),
        },
        version_id=version.id,
    )


def lineage_of(session: Session, version: VersionInfo) -> list[dict[str, Any]]:
    """List what became of codes when a version was published: ``level, from, to, operation``."""
    rows = session.execute(
        text(
            """SELECT l.code AS level, e.from_code, e.to_code, e.operation
               FROM lineage e JOIN level l ON l.id = e.level_id WHERE e.version_id = :version
               ORDER BY e.id"""
        ),
        {"version": version.id},
    )
    return [
        {"level": row.level, "from": row.from_code, "to": row.to_code, "operation": row.operation}
        for row in rows
    ]
