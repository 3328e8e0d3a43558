"""Edits of plans: computed on the kept draft, stored with their inverses, undone, redone, and foreseen."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import func, select, text, update

from api.store import lineages, models
from api.store.plans import ClosedError, PlanInfo, StaleError, get_plan, history, open_plan, refuse_closed
from api.store.rooms import Room, Rooms, change_of, furnish, stored
from geo.plans import EXCEPTION, Change, Draft, Flow, PlanZone, Step, Warned, ZoneFigures, warnings_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.orm import Session

    from geo.plans.draft import Key

__all__ = [
    "Answer",
    "Room",
    "Rooms",
    "ZoneList",
    "ZoneState",
    "edit",
    "furnish",
    "preview",
    "redo",
    "undo",
    "zones_of",
    "zones_written",
]

_TOUCHED = text(
    """SELECT DISTINCT zone ->> 'code'
       FROM change c
       CROSS JOIN LATERAL jsonb_array_elements(
           c.put || c.delete || (c.inverse -> 'put') || (c.inverse -> 'delete')
       ) AS zone
       WHERE c.plan_id = :plan AND c.touched > :since AND zone ->> 'level' = :level ORDER BY 1"""
)


@dataclass(frozen=True)
class ZoneState:
    """A zone of a plan, with its figures and the rules that it breaks."""

    zone: PlanZone
    figures: ZoneFigures
    warned: tuple[Warned, ...]


@dataclass(frozen=True)
class ZoneList:
    """Zones of a plan at its revision; ``deleted`` and ``pending`` as in `Answer`."""

    plan: PlanInfo
    zones: tuple[ZoneState, ...]
    deleted: tuple[Key, ...]
    pending: tuple[str, ...]


@dataclass(frozen=True)
class Answer:
    """What an edit did, or would do.

    Parameters
    ----------
    plan
        The plan, at its new revision; at the one it has, for a preview.
    zones
        Zones put in place.
    deleted
        Keys (level, code) of zones that are gone.
    flows
        The ledger's delta: how many subjects go from where to where.
    pending
        Names of figures that are still being computed.
    """

    plan: PlanInfo
    zones: tuple[ZoneState, ...]
    deleted: tuple[Key, ...]
    flows: tuple[Flow, ...]
    pending: tuple[str, ...]

    @property
    def warnings(self) -> list[str]:
        """Rules that the zones break, in Chinese."""
        return [warned.zh for state in self.zones for warned in state.warned]


def edit(
    session: Session,
    rooms: Rooms,
    number: int,
    make: Callable[[Draft], Change],
    *,
    revision: int,
    key: str | None = None,
    reason: str = "",
    author: int | None = None,
) -> Answer:
    """Make an edit: computed on the kept draft, stored with its inverse, answered with figures and ledger.

    Parameters
    ----------
    session
        Its transaction stores the change.
    rooms
        The drafts of this process; they follow when the transaction is committed.
    number
        The plan.
    make
        The operation: draft to change.
    revision
        The revision that the planner saw.
    key
        Made up by the sender: an edit that is sent again, because its answer was lost, is made once.
    reason, author
        Why and who, kept with the change.

    Raises
    ------
    MadeError
        The plan has an edit of this key already, though it may have been undone since.
    StaleError
        Somebody else edited in between.
    ClosedError
        The plan is published or archived.
    RefusedError
        The change would break law 1, or use a retired code again.
    """
    plan = open_plan(session, number, revision, key)
    room = rooms.enter(session, plan)
    change = make(room.draft)
    lineages.refuse_retired(session, plan, room.draft, change)
    trial = _try(room, change)
    session.add(
        models.Change(
            plan_id=plan.id,
            revision=plan.revision + 1,
            touched=plan.revision + 1,
            key=key,
            operation=change.operation,
            reason=reason,
            made_by=author,
            inverse={**stored(trial.inverse), "operation": trial.inverse.operation},
            **stored(change),
        )
    )
    return _carried_out(session, rooms, plan, trial)


def preview(
    session: Session, rooms: Rooms, plan: PlanInfo, make: Callable[[Draft], Change], *, revision: int
) -> Answer:
    """Say what an edit would do: nothing is stored or changed, and nobody's edit waits for it.

    Parameters
    ----------
    session, rooms
        Where to read, and the drafts of this process.
    plan
        The plan as just read.
    make, revision
        As for `edit`.

    Raises
    ------
    StaleError
        The plan is at another revision than the planner saw.
    ClosedError
        The plan is published or archived.
    RefusedError
        The change would break law 1, or use a retired code again.
    """
    refuse_closed(plan)
    if plan.revision != revision:
        raise StaleError(plan.revision, history(session, plan.id, since=revision))
    room = rooms.enter(session, plan)
    change = make(room.draft)
    lineages.refuse_retired(session, plan, room.draft, change)
    answer = _answered(plan, _try(room, change))
    if not rooms.is_current(room):
        # Somebody's edit was committed while this was computed: the figures may be of both.
        now = get_plan(session, plan.id)
        raise StaleError(now.revision, history(session, plan.id, since=revision))
    return answer


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
    # Inverses stored before lineage was kept have none.
    kept = row.inverse.get("lineage", [])
    inverse = change_of(row.inverse["operation"], row.inverse["put"], row.inverse["delete"], kept)
    return _replay(session, rooms, plan, row, inverse, undone=True)


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
    change = change_of(row.operation, row.put, row.delete, row.lineage)
    return _replay(session, rooms, plan, row, change, undone=False)


def zones_of(
    session: Session, rooms: Rooms, number: int, level: str, *, since: int | None = None
) -> ZoneList:
    """Return the zones of a level of a plan with their figures and warnings.

    Parameters
    ----------
    session, rooms, number, level
        The plan, and the level.
    since
        Only the zones that were changed after this revision, and those that are gone since.
    """
    plan = get_plan(session, number)
    room = rooms.enter(session, plan)
    if since is None:
        return ZoneList(plan, tuple(_states(room, room.draft.at(level), None)), (), tuple(room.pending))
    touched = session.scalars(_TOUCHED, {"plan": number, "since": since, "level": level}).all()
    standing = [room.draft.zone(level, code) for code in touched if (level, code) in room.draft]
    gone = tuple((level, code) for code in touched if (level, code) not in room.draft)
    return ZoneList(plan, tuple(_states(room, standing, None)), gone, tuple(room.pending))


def zones_written(
    session: Session, rooms: Rooms, number: int, level: str, write: Callable[[ZoneList], bytes]
) -> bytes:
    """Return what ``write`` makes of the zones of a level: written once for each revision of the plan.

    Parameters
    ----------
    session, rooms, number, level
        As for `zones_of`.
    write
        Makes the answer; nothing but the zones goes into it.
    """
    room = rooms.enter(session, get_plan(session, number))
    key = (level, room.census.rules, *room.pending)
    kept = room.written.get(key)
    if kept is None:
        kept = write(zones_of(session, rooms, number, level))
        if rooms.is_current(room):
            room.written[key] = kept
    return kept


# ---- inside


@dataclass(frozen=True)
class _Trial:
    """A change made on a copy of a room's draft."""

    room: Room
    after: Draft
    change: Change
    inverse: Change
    step: Step


def _try(room: Room, change: Change) -> _Trial:
    after = room.draft.copy()
    inverse = after.apply(change)
    return _Trial(room, after, change, inverse, room.census.foresee(after, change, inverse))


def _replay(
    session: Session, rooms: Rooms, plan: PlanInfo, row: models.Change, change: Change, *, undone: bool
) -> Answer:
    trial = _try(rooms.enter(session, plan), change)
    row.undone, row.touched = undone, plan.revision + 1
    return _carried_out(session, rooms, plan, trial)


def _carried_out(session: Session, rooms: Rooms, plan: PlanInfo, trial: _Trial) -> Answer:
    session.execute(update(models.Plan).where(models.Plan.id == plan.id).values(revision=plan.revision + 1))
    session.flush()
    answer = _answered(replace(plan, revision=plan.revision + 1), trial)
    rooms.promise(session, replace(trial.room, revision=plan.revision + 1, draft=trial.after), trial.step)
    return answer


def _answered(plan: PlanInfo, trial: _Trial) -> Answer:
    zones = [zone for zone in trial.change.put if zone.level != EXCEPTION]
    return Answer(
        plan,
        tuple(_states(trial.room, zones, trial.step)),
        trial.change.delete,
        tuple(trial.room.census.flows(trial.step)),
        tuple(trial.room.pending),
    )


def _states(room: Room, zones: Sequence[PlanZone], step: Step | None) -> list[ZoneState]:
    figures = room.census.figures(zones, step)
    warned: defaultdict[Key, list[Warned]] = defaultdict(list)
    for zone, figure in zip(zones, figures, strict=True):
        warned[zone.key] += warnings_of([zone], [figure], room.census.profile)
    return [
        ZoneState(zone, figure, tuple(warned[zone.key])) for zone, figure in zip(zones, figures, strict=True)
    ]
