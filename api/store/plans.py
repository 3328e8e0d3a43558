"""Plans in the database: drafts that planners edit, their changes in order, undo and redo, and publishing.

A plan is a base version and a list of changes. The draft that they make is kept in this process, with its census,
and is made anew when the stored revision is another than the kept one: the database decides, the process remembers.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely
from sqlalchemy import func, select, text, update

from api.store import assignments, audit, bulk, checks, models, versions
from api.store.errors import NotFoundError, StoreError
from api.store.progress import Progress, part, silent
from api.store.territories import boundary_of, find_territory, levels_of
from api.store.zonesets import add_zones, plain, read_zones
from geo.crs import INTERNAL_CRS
from geo.plans import EXCEPTION, Census, Change, Draft, PlanZone, Profile, warnings_of
from geo.records import SUBJECT_KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    from sqlalchemy.orm import Session

    from api.store.versions import VersionInfo
    from geo.plans import ZoneFigures

ROOMS_KEPT = 8
"""Plans whose drafts are kept in memory; a city of ten million households takes some 500 MB each."""


class StaleError(StoreError, ValueError):
    """An edit made on a revision that is no longer the plan's.

    Parameters
    ----------
    revision
        The plan's revision now.
    changes
        What was changed since, as `history` lists it.
    """

    def __init__(self, revision: int, changes: list[dict[str, Any]]) -> None:
        super().__init__(
            f"方案已被他人改到第 {revision} 版。",
            f"the plan is at revision {revision}",
            remedy="页面会取回他人的修改；您改动的网格若未被他人触及，会自动重做。",
        )
        self.revision = revision
        self.changes = changes


class ClosedError(StoreError, ValueError):
    """An edit of a plan that is published or archived, or an undo of nothing."""


@dataclass(frozen=True)
class PlanInfo:
    """A plan as lists show it.

    Parameters
    ----------
    id, name, description, status, revision
        As stored; status is open, archived or published.
    territory
        Code of its territory.
    base
        Code of the version that it is based on.
    """

    id: int
    name: str
    description: str
    status: str
    revision: int
    territory: str
    base: str


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
        room = _furnish(session, plan)
        with self._lock:
            self._rooms[plan.id] = room
            while len(self._rooms) > ROOMS_KEPT:
                self._rooms.popitem(last=False)
        return room

    def leave(self, plan: int) -> None:
        """Forget a room whose draft may differ from what is stored."""
        with self._lock:
            self._rooms.pop(plan, None)


# ---- plans


def create_plan(
    session: Session,
    territory: str,
    name: str,
    description: str = "",
    *,
    base: str | None = None,
    author: int | None,
) -> PlanInfo:
    """Start a plan on a version, by default the one in force.

    Raises
    ------
    NotFoundError
        No such territory or version.
    """
    found = find_territory(session, territory)
    version = versions.get_version(session, base) if base else versions.as_of(session, territory)
    if version.territory_id != found.id:
        raise NotFoundError(
            f"版本 {base} 不属于辖区 {territory}。",
            f"{base} is of another territory",
            remedy="请选择本辖区的版本。",
        )
    row = models.Plan(
        territory_id=found.id,
        base_version_id=version.id,
        name=name,
        description=description,
        created_by=author,
    )
    session.add(row)
    session.flush()
    return get_plan(session, row.id)


def list_plans(session: Session, territory: str) -> list[PlanInfo]:
    """List the plans of a territory, newest first."""
    found = find_territory(session, territory)
    return [_info(*row) for row in session.execute(_plans().where(models.Plan.territory_id == found.id))]


def get_plan(session: Session, number: int, *, lock: bool = False) -> PlanInfo:
    """Return a plan; ``lock`` keeps others from editing it until the transaction ends.

    Raises
    ------
    NotFoundError
        No such plan.
    """
    query = _plans().where(models.Plan.id == number).execution_options(populate_existing=True)
    row = session.execute(query.with_for_update(of=models.Plan) if lock else query).one_or_none()
    if row is None:
        raise NotFoundError(
            f"没有编号为 {number} 的方案。", f"no plan {number}", remedy="请在方案列表中选择。"
        )
    return _info(*row)


def archive_plan(session: Session, number: int) -> PlanInfo:
    """Put a plan away: it can be read, not edited."""
    plan = get_plan(session, number, lock=True)
    session.execute(update(models.Plan).where(models.Plan.id == plan.id).values(status="archived"))
    return get_plan(session, number)


def history(session: Session, number: int, since: int = 0) -> list[dict[str, Any]]:
    """List the changes of a plan after a revision, oldest first: operation, reason, who, when, undone, zones."""
    rows = session.execute(
        text(
            """SELECT c.revision, c.operation, c.reason, c.undone, a.display_name AS made_by, c.made_at,
                      jsonb_path_query_array(c.put, '$[*].code') AS put,
                      jsonb_path_query_array(c.delete, '$[*].code') AS deleted
               FROM change c LEFT JOIN account a ON a.id = c.made_by
               WHERE c.plan_id = :plan AND c.revision > :since ORDER BY c.revision"""
        ),
        {"plan": number, "since": since},
    )
    return [dict(row._mapping) for row in rows]  # noqa: SLF001  SQLAlchemy's public way to a dict


def note(session: Session, actor: audit.Actor, action: str, plan: PlanInfo) -> None:
    """Add an audit event about a plan."""
    audit.record(session, actor, action, f"plan {plan.id}", name=plan.name, revision=plan.revision)


# ---- edits


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
        The change would break law 1.
    """
    plan = _open(session, number, revision)
    room = rooms.enter(session, plan)
    with room.lock:
        change = make(room.draft)
        return _carry_out(session, rooms, plan, room, change, reason=reason, author=author)


def undo(session: Session, rooms: Rooms, number: int, *, revision: int) -> Answer:
    """Take the last change back; every coordinate is restored."""
    plan = _open(session, number, revision)
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
    plan = _open(session, number, revision)
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
    change = _change({"operation": row.operation, "put": row.put, "delete": row.delete})
    return _replay(session, rooms, plan, row, change, undone=False)


def ledger(session: Session, rooms: Rooms, number: int) -> pd.DataFrame:
    """Return the move ledger of a plan: every subject whose zone is another than in the base version."""
    return rooms.enter(session, get_plan(session, number)).census.ledger()


def named_ledger(session: Session, number: int) -> gpd.GeoDataFrame:
    """Return the move ledger of a plan with code, kind, name, address and place of each subject: personal data."""
    moves = _furnish(session, get_plan(session, number)).census.ledger()
    rows = session.execute(
        text(
            """SELECT id, code, name, address, ST_AsBinary(location) AS geometry
               FROM subject WHERE id = ANY(:ids) ORDER BY id"""
        ),
        {"ids": [int(each) for each in moves["subject"].unique()]},
    )
    subjects = bulk.geo_frame(rows)
    found = subjects.merge(moves, left_on="id", right_on="subject", how="inner")
    columns = ["level", "code", "kind", "name", "address", "from_zone", "to_zone", "geometry"]
    return gpd.GeoDataFrame(found[columns], crs=INTERNAL_CRS)


def zones_of(session: Session, rooms: Rooms, number: int, level: str) -> list[tuple[PlanZone, ZoneFigures]]:
    """Return the zones of a level of a plan with their figures."""
    room = rooms.enter(session, get_plan(session, number))
    with room.lock:
        zones = room.draft.at(level)
        return list(zip(zones, room.census.figures(zones), strict=True))


# ---- publishing


def publish_plan(
    session: Session,
    number: int,
    reason: str,
    progress: Progress = silent,
    *,
    account: str | None = None,
    actor: audit.Actor | None = None,
) -> VersionInfo:
    """Publish a plan as a new version, in the caller's one transaction: all of it, or nothing.

    Raises
    ------
    ClosedError
        The plan is not open, or its base is no longer in force.
    NotPublishableError
        Faults without exception, or subjects not reconciled.
    """
    plan = get_plan(session, number, lock=True)
    _refuse_closed(plan)
    current = versions.as_of(session, plan.territory)
    if current.code != plan.base:
        raise ClosedError(
            f"方案基于 {plan.base}，现行版本已是 {current.code}。",
            f"the plan is based on {plan.base}, {current.code} is in force",
            remedy="请基于现行版本新建方案，再重做修改。",
        )
    room = _furnish(session, plan)
    progress(0.2, "写入新版本")
    draft = versions.add_version(session, plan.territory)
    add_zones(session, draft, _frame(room.draft))
    for zone in room.draft.at(EXCEPTION):
        checks.register_exception(
            session,
            plan.territory,
            zone.name,
            str(zone.attributes.get("reason", "")),
            zone.geometry,
            declared=INTERNAL_CRS,
            account=account,
            actor=actor,
        )
    assignments.reassign(session, draft.code, plan.base, part(progress, 0.3, 0.6), actor=actor)
    checks.check(session, draft.code, part(progress, 0.6, 0.9), actor=actor)
    published = versions.publish(session, draft.code, reason, account, actor=actor)
    session.execute(update(models.Plan).where(models.Plan.id == plan.id).values(status="published"))
    progress(1.0, f"已发布 {published.code}")
    return published


# ---- inside


def _plans() -> Any:  # noqa: ANN401  a select of three entities
    return (
        select(models.Plan, models.Territory.code, models.Version.code)
        .join(models.Territory, models.Territory.id == models.Plan.territory_id)
        .join(models.Version, models.Version.id == models.Plan.base_version_id)
        .order_by(models.Plan.id.desc())
    )


def _info(plan: models.Plan, territory: str, base: str) -> PlanInfo:
    return PlanInfo(plan.id, plan.name, plan.description, plan.status, plan.revision, territory, base)


def _refuse_closed(plan: PlanInfo) -> None:
    if plan.status != "open":
        words = {"published": "已发布", "archived": "已归档"}[plan.status]
        raise ClosedError(
            f"方案“{plan.name}”{words}，不能再修改。", f"the plan is {plan.status}", remedy="请新建方案。"
        )


def _open(session: Session, number: int, revision: int) -> PlanInfo:
    plan = get_plan(session, number, lock=True)
    _refuse_closed(plan)
    if plan.revision != revision:
        raise StaleError(plan.revision, history(session, number, since=revision))
    return plan


def _furnish(session: Session, plan: PlanInfo) -> Room:
    version = versions.get_version(session, plan.base)
    levels = [stored.level for stored in levels_of(session, version.territory_id)]
    draft = Draft.from_frame(read_zones(session, version), levels, boundary_of(session, version.territory_id))
    subjects = assignments.read_subjects(session, version.territory_id)
    unknown = subjects["people"] == assignments.NO_PEOPLE
    census = Census(
        subjects["id"],
        np.array(SUBJECT_KINDS, dtype=object)[subjects["kind"]],
        np.where(unknown, np.nan, subjects["people"]),
        subjects["lon"],
        subjects["lat"],
    )
    census.settle(draft)
    rows = session.scalars(
        select(models.Change)
        .where(models.Change.plan_id == plan.id, models.Change.undone.is_(False))
        .order_by(models.Change.revision)
    )
    for row in rows:
        change = _change({"operation": row.operation, "put": row.put, "delete": row.delete})
        census.follow(draft, change, draft.apply(change))
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
    }


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
    )


def _frame(draft: Draft) -> gpd.GeoDataFrame:
    zones: Sequence[PlanZone] = [zone for level in draft.levels for zone in draft.at(level)]
    return gpd.GeoDataFrame(
        {
            "code": [zone.code for zone in zones],
            "name": [zone.name for zone in zones],
            "layer": [draft.levels[zone.level].layer for zone in zones],
            "level": [zone.level for zone in zones],
            "kind": [zone.kind for zone in zones],
            "parent": [zone.parent for zone in zones],
            "staff": [list(zone.staff) for zone in zones],
            "attributes": [dict(zone.attributes) for zone in zones],
        },
        geometry=gpd.GeoSeries([zone.geometry for zone in zones], crs=INTERNAL_CRS),
    )
