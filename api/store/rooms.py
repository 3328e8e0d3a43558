"""The drafts of plans, kept in this process with their census.

A draft is made anew when the stored revision is another than the kept one: the database decides, the process
remembers. What plans of one base share (who lives where, what stands there) is kept once. Nothing in a room changes but
when an edit has been committed, so that previews and readers need no lock.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from sqlalchemy import event, select, text

from api.store import bulk, models, versions
from api.store.located import read_footprints
from api.store.networks import read_network, read_stations
from api.store.profiles import profile_revision, read_profile
from api.store.subject_blocks import read_subjects
from api.store.territories import boundary_of, levels_of
from api.store.transactions import transaction
from api.store.zonesets import plain, read_zones
from geo.circles import WALK_SPEED_MPS, nearest_stations
from geo.crs import metric_crs
from geo.plans import Census, Change, Draft, Ground, PlanZone, Population, Step
from geo.plans.ground import CROSSED

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session

    from api.store.plans import PlanInfo

ROOMS_KEPT = 16
"""Plans whose drafts are kept: each costs 4 bytes per subject and level that it edits."""

BASES_KEPT = 2
"""Base versions that are kept: each costs some 60 bytes per subject."""

AT_ONCE = 200_000
"""Up to so many subjects walks to stations are computed while a plan opens (a second); beyond, in the background."""

MINUTES = 15
COMMIT_S = 30.0
"""How long a reader waits for a commit that the database shows already."""


@dataclass(frozen=True)
class Room:
    """A plan at one revision.

    Parameters
    ----------
    plan, revision
        Its number and revision.
    draft
        Its zones; never changed.
    census
        Who is in which of them; the same one from revision to revision.
    base
        What it shares with other plans.
    written
        Answers about it that were written already, kept as long as the room is at this revision.
    """

    plan: int
    revision: int
    draft: Draft
    census: Census
    base: Base
    written: dict[Hashable, bytes] = field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def pending(self) -> list[str]:
        """Names of the figures that are still being computed."""
        return [] if self.base.walks.done.is_set() else ["share_15min"]


@dataclass
class Walks:
    """Whether the households within fifteen minutes' walk of a station are known yet."""

    done: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None


@dataclass(frozen=True)
class Base:
    """A base version, with its census as settled."""

    draft: Draft
    census: Census
    territory_id: int
    territory: str
    walks: Walks


@dataclass
class Promise:
    """The room that will be when a transaction is committed."""

    room: Room
    step: Step
    session: Session
    settled: threading.Event = field(default_factory=threading.Event)
    kept: bool = False
    committed: bool = False


class Rooms:
    """The rooms of this process, least used ones dropped first.

    Parameters
    ----------
    walk_speed_mps
        Walking speed (in meters per second) of the fifteen minutes; None: walks are not asked.
    """

    def __init__(self, walk_speed_mps: float | None = WALK_SPEED_MPS) -> None:
        self._walk_speed_mps = walk_speed_mps
        self._rooms: OrderedDict[int, Room] = OrderedDict()
        self._promises: dict[int, Promise] = {}
        self._bases: OrderedDict[tuple[Any, ...], Base] = OrderedDict()
        self._lock = threading.Lock()
        self._making: defaultdict[object, threading.Lock] = defaultdict(threading.Lock)

    def enter(self, session: Session, plan: PlanInfo) -> Room:
        """Return the room of a plan at its revision."""
        room = self._kept(session, plan)
        if room is None:
            with self._making[plan.id]:
                room = self._kept(session, plan)
                if room is None:
                    room = self._furnished(session, plan)
                    self._keep(room)
        rules = profile_revision(session, room.base.territory_id)
        if rules != room.census.rules:
            room.census.judge_by(read_profile(session, room.base.territory).profile, rules)
        return room

    def start(self, session: Session, plan: PlanInfo) -> Room:
        """Return a room with the base of a plan and none of its changes, for whoever makes them once more."""
        base = self._base(session, plan)
        return Room(plan.id, 0, base.draft.copy(), base.census.twin(), base)

    def promise(self, session: Session, room: Room, step: Step) -> None:
        """Let a room take the place of the former one when the session commits, and not if it does not."""
        promise = Promise(room, step, session)
        with self._lock:
            self._promises[room.plan] = promise

        def committed(_session: Session) -> None:
            if _session.get_nested_transaction() is None and not promise.settled.is_set():
                promise.committed = True
                self._fulfil(promise)

        def ended(_session: Session, transaction: Any) -> None:  # noqa: ANN401  SQLAlchemy's SessionTransaction
            if transaction.parent is None:
                self._settle(promise)

        event.listen(session, "after_commit", committed)
        event.listen(session, "after_transaction_end", ended)

    def is_current(self, room: Room) -> bool:
        """Whether nothing was committed since a room was entered."""
        return self._rooms.get(room.plan) is room

    def leave(self, plan: int) -> None:
        """Forget a room."""
        with self._lock:
            self._rooms.pop(plan, None)

    # ---- inside

    def _kept(self, session: Session, plan: PlanInfo) -> Room | None:
        while True:
            with self._lock:
                room, promise = self._rooms.get(plan.id), self._promises.get(plan.id)
                if room is not None and room.revision == plan.revision:
                    self._rooms.move_to_end(plan.id)
                    return room
            if promise is None or promise.room.revision != plan.revision:
                return None
            if promise.session is session:
                # A second edit in one transaction: it is kept before it is committed, and forgotten if it is not.
                self._fulfil(promise)
            elif not promise.settled.wait(COMMIT_S):
                return None

    def _keep(self, room: Room) -> None:
        with self._lock:
            self._rooms[room.plan] = room
            self._rooms.move_to_end(room.plan)
            while len(self._rooms) > ROOMS_KEPT:
                self._rooms.popitem(last=False)

    def _fulfil(self, promise: Promise) -> None:
        if not promise.kept:
            promise.kept = True
            with self._lock:
                # Out of the way while its census changes: whoever previews finds that the room is not current.
                self._rooms.pop(promise.room.plan, None)
            promise.room.census.take(promise.step)
            self._keep(promise.room)

    def _settle(self, promise: Promise) -> None:
        """End a promise with its transaction; later ones of the session are none of its business."""
        with self._lock:
            if self._promises.get(promise.room.plan) is promise:
                del self._promises[promise.room.plan]
        if promise.kept and not promise.committed:
            self.leave(promise.room.plan)
        promise.settled.set()

    def _furnished(self, session: Session, plan: PlanInfo) -> Room:
        base = self._base(session, plan)
        draft, census = base.draft.copy(), base.census.twin()
        for _, change in changes_of(session, plan):
            census.take(census.foresee(draft, change, draft.apply(change)))
        return Room(plan.id, plan.revision, draft, census, base)

    def _base(self, session: Session, plan: PlanInfo) -> Base:
        key = (plan.base, *_loads(session, plan.territory))
        with self._making[key]:
            with self._lock:
                base = self._bases.get(key)
            if base is None:
                base = _read_base(session, plan, self._walk_speed_mps)
            with self._lock:
                self._bases[key] = base
                self._bases.move_to_end(key)
                while len(self._bases) > BASES_KEPT:
                    self._bases.popitem(last=False)
        return base


def furnish(session: Session, plan: PlanInfo) -> Room:
    """Make the draft and census of a plan from its base version, its subjects and its changes, and keep nothing."""
    return Rooms(walk_speed_mps=None).enter(session, plan)


# ---- stored changes


def stored(change: Change) -> dict[str, Any]:
    """Return a change as the table keeps it."""
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


def change_of(
    operation: str,
    put: list[dict[str, Any]],
    delete: list[dict[str, Any]],
    lineage: Sequence[Mapping[str, Any]] = (),
) -> Change:
    """Return a change that was stored."""
    return Change(
        operation,
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
            for item in put
        ),
        tuple((item["level"], item["code"]) for item in delete),
        tuple((tuple(pair["from"]), tuple(pair["to"])) for pair in lineage),
    )


def changes_of(session: Session, plan: PlanInfo) -> Iterator[tuple[models.Change, Change]]:
    """Yield the standing changes of a plan in order: as they are stored, and as the kernel knows them."""
    rows = session.scalars(
        select(models.Change)
        .where(models.Change.plan_id == plan.id, models.Change.undone.is_(False))
        .order_by(models.Change.revision)
    )
    for row in rows:
        yield row, change_of(row.operation, row.put, row.delete, row.lineage)


# ---- bases


def _loads(session: Session, territory: str) -> tuple[int, ...]:
    """Return what tells whether subjects, stations or streets were loaded since."""
    last = session.scalar(
        text(
            """SELECT max(id) FROM audit_event WHERE object = :territory
               AND action IN ('place.load', 'subjects.load', 'stations.load', 'streets.load')"""
        ),
        {"territory": territory},
    )
    return (last or 0,)


def _read_base(session: Session, plan: PlanInfo, walk_speed_mps: float | None) -> Base:
    version = versions.get_version(session, plan.base)
    territory = version.territory_id
    levels = [each.level for each in levels_of(session, territory)]
    draft = Draft.from_frame(read_zones(session, version), levels, boundary_of(session, territory))
    subjects = read_subjects(session, territory)
    posts = read_stations(session, territory)
    population = Population(
        subjects.ids,
        subjects.kinds,
        subjects.people,
        subjects.lon,
        subjects.lat,
        stations=shapely.get_coordinates(posts.geometry.to_numpy()),
    )
    del subjects
    ground = Ground(
        read_footprints(session, territory),
        _read_lines(session, territory),
        crs=metric_crs(draft.boundary),
    )
    profile = read_profile(session, plan.territory)
    census = Census(population, ground=ground, profile=profile.profile, rules=profile.revision)
    walks = Walks()
    asked = _Asked(territory, population, posts, MINUTES * 60 * (walk_speed_mps or 0.0))
    if not len(posts) or walk_speed_mps is None:
        walks.done.set()
    elif len(population) <= AT_ONCE:
        population.reached = _reached(session, asked)
        walks.done.set()
    census.settle(draft)
    if not walks.done.is_set():
        engine: Engine = session.get_bind()  # type: ignore[assignment]
        walks.thread = threading.Thread(target=_walk, args=(engine, asked, walks), daemon=True)
        walks.thread.start()
    return Base(draft, census, territory, plan.territory, walks)


def _read_lines(session: Session, territory: int) -> gpd.GeoDataFrame:
    rows = session.execute(
        text(
            """SELECT kind, name, ST_AsBinary(geom) AS geometry FROM street_edge
               WHERE territory_id = :territory AND kind = ANY(:kinds) ORDER BY id"""
        ),
        {"territory": territory, "kinds": list(CROSSED)},
    )
    return bulk.geo_frame(rows)


@dataclass(frozen=True)
class _Asked:
    """Which households are within a walk (in meters) of a station of a territory."""

    territory: int
    population: Population
    posts: gpd.GeoDataFrame
    limit_m: float


def _walk(engine: Engine, asked: _Asked, walks: Walks) -> None:
    try:
        with transaction(engine) as session:
            asked.population.reached = _reached(session, asked)
    finally:
        walks.done.set()


def _reached(session: Session, asked: _Asked) -> NDArray[np.bool_] | None:
    """Return which subjects are households within the walk; None without streets."""
    there = session.scalar(
        text("SELECT EXISTS (SELECT FROM street_edge WHERE territory_id = :territory)"),
        {"territory": asked.territory},
    )
    if not there:
        return None
    people = asked.population
    homes = people.households
    network = read_network(session, asked.territory)
    row, _ = nearest_stations(
        network, asked.posts, people.lon[homes], people.lat[homes], limit_m=asked.limit_m
    )
    reached = np.zeros(len(people), dtype=bool)
    reached[homes[row >= 0]] = True
    return reached
