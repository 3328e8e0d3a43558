"""The drafts of plans: kept in this process with their census, edited, undone, redone, and read.

A draft is made anew when the stored revision is another than the kept one: the database decides, the process
remembers.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from sqlalchemy import func, select, update

from api.store import lineages, models, versions
from api.store.plans import ClosedError, PlanInfo, get_plan, open_plan
from api.store.subject_blocks import read_subjects
from api.store.territories import boundary_of, levels_of
from api.store.zonesets import plain, read_zones
from geo.plans import EXCEPTION, Census, Change, Draft, PlanZone, Profile, warnings_of

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    from sqlalchemy.orm import Session

    from geo.plans import ZoneFigures
    from geo.plans.draft import Key

ROOMS_KEPT = 8
"""Plans whose drafts are kept in memory; a city of ten million households takes some 500 MB each."""


@dataclass
class Room:
    """The draft of a plan in this process."""

    revision: int
    draft: Draft
    census: Census
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(frozen=True)
class Answer:
    """What an edit did.

    Parameters
    ----------
    plan
        The plan, at its new revision.
    zones
        Zones put in place.
    deleted
        Keys (level, code) of zones that are gone.
    figures
        Figures of the zones put in place, in their order.
    warnings
        Rules that they break, in Chinese.
    moves
        The ledger's delta: one row per subject that changed zone.
    """

    plan: PlanInfo
    zones: tuple[PlanZone, ...]
    deleted: tuple[tuple[str, str], ...]
    figures: list[ZoneFigures]
    warnings: list[str]
    moves: pd.DataFrame


class Rooms:
    """The drafts kept in this process, least used ones dropped first."""

    def __init__(self) -> None:
        self._rooms: OrderedDict[int, Room] = OrderedDict()
        self._lock = threading.Lock()

    def enter(self, session: Session, plan: PlanInfo) -> Room:
        """Return the room of a plan at its stored revision."""
        with self._lock:
            room = self._rooms.get(plan.id)
            if room is not None and room.revision == plan.revision:
                self._rooms.move_to_end(plan.id)
                return room
        room = furnish(session, plan)
        with self._lock:
            self._rooms[plan.id] = room
            while len(self._rooms) > ROOMS_KEPT:
                self._rooms.popitem(last=False)
        return room

    def leave(self, plan: int) -> None:
        """Forget a room whose draft may differ from what is stored."""
        with self._lock:
            self._rooms.pop(plan, None)


def edit(
    session: Session,
    rooms: Rooms,
    number: int,
    make: Callable[[Draft], Change],
    *,
    revision: int,
    reason: str = "",
    author: int | None = None,
) -> Answer:
    """Make an edit: computed on the kept draft, stored with its inverse, answered with figures and ledger.

    Parameters
    ----------
    session
        Its transaction stores the change.
    rooms
        The drafts of this process.
    number
        The plan.
    make
        The operation: draft to change.
    revision
        The revision that the planner saw.
    reason, author
        Why and who, kept with the change.

    Raises
    ------
    StaleError
        Somebody else edited in between.
    ClosedError
        The plan is published or archived.
    RefusedError
        The change would break law 1, or use a retired code again.
    """
    plan = open_plan(session, number, revision)
    room = rooms.enter(session, plan)
    with room.lock:
        change = make(room.draft)
        lineages.refuse_retired(session, plan, room.draft, change)
        return _carry_out(session, rooms, plan, room, change, reason=reason, author=author)


def undo(session: Session, rooms: Rooms, number: int, *, revision: int) -> Answer:
    """Take the last change back; every coordinate is restored."""
    plan = open_plan(session, number, revision)
    row = session.scalar(
        select(models.Change)
        .where(models.Change.plan_id == number, models.Change.undone.is_(False))
        .order_by(models.Change.revision.desc())
        .limit(1)
    )
    if row is None:
        raise ClosedError("没有可撤销的修改。", "nothing to undo", remedy="方案已是最初的样子。")
    return _replay(session, rooms, plan, row, _change(row.inverse), undone=True)


def redo(session: Session, rooms: Rooms, number: int, *, revision: int) -> Answer:
    """Make the first undone change again; what was undone before another edit stays undone."""
    plan = open_plan(session, number, revision)
    standing = (
        select(func.coalesce(func.max(models.Change.revision), 0))
        .where(models.Change.plan_id == number, models.Change.undone.is_(False))
        .scalar_subquery()
    )
    row = session.scalar(
        select(models.Change)
        .where(
            models.Change.plan_id == number, models.Change.undone.is_(True), models.Change.revision > standing
        )
        .order_by(models.Change.revision)
        .limit(1)
    )
    if row is None:
        raise ClosedError("没有可重做的修改。", "nothing to redo", remedy="")
    return _replay(session, rooms, plan, row, _done(row), undone=False)


def ledger(session: Session, rooms: Rooms, number: int) -> pd.DataFrame:
    """Return the move ledger of a plan: every subject whose zone is another than in the base version."""
    return rooms.enter(session, get_plan(session, number)).census.ledger()


def zones_of(session: Session, rooms: Rooms, number: int, level: str) -> list[tuple[PlanZone, ZoneFigures]]:
    """Return the zones of a level of a plan with their figures."""
    room = rooms.enter(session, get_plan(session, number))
    with room.lock:
        zones = room.draft.at(level)
        return list(zip(zones, room.census.figures(zones), strict=True))


def furnish(
    session: Session,
    plan: PlanInfo,
    told: Callable[[models.Change, Change, pd.DataFrame], None] | None = None,
) -> Room:
    """Make the draft and census of a plan from its base version, its subjects and its changes.

    Parameters
    ----------
    session
        Where to read.
    plan
        The plan.
    told
        Called with every standing change, in order, as stored and as done, and with the moves that it made.
    """
    version = versions.get_version(session, plan.base)
    levels = [stored.level for stored in levels_of(session, version.territory_id)]
    draft = Draft.from_frame(read_zones(session, version), levels, boundary_of(session, version.territory_id))
    subjects = read_subjects(session, version.territory_id)
    census = Census(
        subjects.ids,
        subjects.kind_names,
        np.where(subjects.people_unknown, np.nan, subjects.people),
        subjects.lon,
        subjects.lat,
    )
    census.settle(draft)
    rows = session.scalars(
        select(models.Change)
        .where(models.Change.plan_id == plan.id, models.Change.undone.is_(False))
        .order_by(models.Change.revision)
    )
    for row in rows:
        change = _done(row)
        moves = census.follow(draft, change, draft.apply(change))
        if told is not None:
            told(row, change, moves)
    return Room(plan.revision, draft, census)


def _carry_out(
    session: Session,
    rooms: Rooms,
    plan: PlanInfo,
    room: Room,
    change: Change,
    *,
    reason: str,
    author: int | None,
) -> Answer:
    inverse = room.draft.apply(change)
    try:
        moves = room.census.follow(room.draft, change, inverse)
        session.add(
            models.Change(
                plan_id=plan.id,
                revision=plan.revision + 1,
                touched=plan.revision + 1,
                operation=change.operation,
                reason=reason,
                made_by=author,
                inverse={**_stored(inverse), "operation": inverse.operation},
                **_stored(change),
            )
        )
        return _answered(session, plan, room, change, moves)
    except BaseException:
        rooms.leave(plan.id)
        raise


def _replay(
    session: Session, rooms: Rooms, plan: PlanInfo, row: models.Change, change: Change, *, undone: bool
) -> Answer:
    room = rooms.enter(session, plan)
    with room.lock:
        try:
            moves = room.census.follow(room.draft, change, room.draft.apply(change))
            row.undone = undone
            row.touched = plan.revision + 1
            return _answered(session, plan, room, change, moves)
        except BaseException:
            rooms.leave(plan.id)
            raise


def _answered(session: Session, plan: PlanInfo, room: Room, change: Change, moves: pd.DataFrame) -> Answer:
    session.execute(update(models.Plan).where(models.Plan.id == plan.id).values(revision=plan.revision + 1))
    session.flush()
    room.revision = plan.revision + 1
    zones = tuple(zone for zone in change.put if zone.level != EXCEPTION)
    figures = room.census.figures(zones)
    graded = [(zone, figure) for zone, figure in zip(zones, figures, strict=True) if zone.level == "grid"]
    warned = warnings_of([zone for zone, _ in graded], [figure for _, figure in graded], Profile())
    return Answer(
        get_plan(session, plan.id), zones, change.delete, figures, [each.zh for each in warned], moves
    )


def _stored(change: Change) -> dict[str, Any]:
    return {
        "put": [
            {
                "level": zone.level,
                "code": zone.code,
                "name": zone.name,
                "kind": zone.kind,
                "parent": zone.parent,
                "staff": plain(list(zone.staff)),
                "attributes": plain(dict(zone.attributes)),
                "wkb": shapely.to_wkb(zone.geometry, hex=True),
            }
            for zone in change.put
        ],
        "delete": [{"level": level, "code": code} for level, code in change.delete],
        "lineage": [{"from": list(old), "to": list(new)} for old, new in change.lineage],
    }


def _done(row: models.Change) -> Change:
    return _change({"operation": row.operation, "put": row.put, "delete": row.delete, "lineage": row.lineage})


def _change(stored: dict[str, Any]) -> Change:
    return Change(
        stored["operation"],
        tuple(
            PlanZone(
                item["level"],
                item["code"],
                item["name"],
                shapely.from_wkb(item["wkb"]),
                item["kind"],
                item["parent"],
                tuple(item["staff"]),
                item["attributes"],
            )
            for item in stored["put"]
        ),
        tuple((item["level"], item["code"]) for item in stored["delete"]),
        # Inverses stored before lineage was kept have none.
        tuple((_key(pair["from"]), _key(pair["to"])) for pair in stored.get("lineage", ())),
    )


def _key(stored: list[str]) -> Key:
    level, code = stored
    return level, code
