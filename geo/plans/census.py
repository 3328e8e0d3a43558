"""Who is in which zone of a draft, kept up to date edit by edit, the figures of zones, and the move ledger.

Only subjects that an edit can have moved are located again, and counts are sums that an edit adds to and takes from:
so an edit costs the same in a town of a hundred thousand households and in a city of ten million.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.assignment import ZoneIndex, boxes_between
from geo.plans.ground import Cut, Ground, Measure
from geo.plans.population import HOUSEHOLD, STATION, UNKNOWN, Population
from geo.plans.rules import Profile
from geo.records import SUBJECT_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from geo.plans.draft import Change, Draft, Key, PlanZone

    Ints = NDArray[np.int32]
    Rows = NDArray[np.int64]

NOWHERE = -1

# What is summed per zone: subjects of each kind, stations, people known, subjects whose people are known, and
# households within fifteen minutes' walk.
_PEOPLE, _KNOWN, _REACHED = STATION + 1, STATION + 2, STATION + 3
_SUMS = STATION + 4


@dataclass(frozen=True)
class ZoneFigures:
    """The figures of one zone.

    Parameters
    ----------
    code
        Its code.
    counts
        Subjects by kind.
    people
        Sum over the subjects whose people are known; None when nobody's are.
    area_m2, perimeter_m
        Measured in the metric reference of the place.
    compactness
        Polsby-Popper: 4π·area / perimeter², 1 for a circle.
    parts
        Number of pieces.
    stations
        Service stations in it.
    share_15min
        Share of its households within fifteen minutes' walk of a station; None where that is not known, or without
        households.
    strays
        All pieces but the largest; None for a zone of one piece.
    cuts
        Estates and buildings that its border cuts, and lines that divide it.
    """

    code: str
    counts: dict[str, int]
    people: int | None
    area_m2: float
    perimeter_m: float
    compactness: float
    parts: int
    stations: int = 0
    share_15min: float | None = None
    strays: shapely.Geometry | None = None
    cuts: tuple[Cut, ...] = ()


@dataclass(frozen=True)
class Flow:
    """How many subjects of a kind go from a zone to another (None: no zone) of a level."""

    level: str
    kind: str
    from_zone: str | None
    to_zone: str | None
    subjects: int


@dataclass(frozen=True)
class _Moves:
    """Subjects of one level that change zone: their positions, and the numbers of the zones before and after."""

    rows: Rows
    was: Ints
    now: Ints


@dataclass(frozen=True)
class Step:
    """What a change does to a census that has not taken it yet.

    Parameters
    ----------
    moves
        Who moves, by level.
    fresh
        Codes that are new at a level, in the order of their numbers.
    sums
        What is added to the sums of a zone, by level and number.
    counted
        Whether households within fifteen minutes' walk were known then.
    """

    moves: dict[str, _Moves] = field(default_factory=dict)
    fresh: dict[str, list[str]] = field(default_factory=dict)
    sums: dict[tuple[str, int], NDArray[np.int64]] = field(default_factory=dict)
    counted: bool = False


class Census:
    """The zone of each subject of a population at every level of a draft.

    Parameters
    ----------
    population
        Who there is.
    ground
        What stands there, for the measures of zones.
    profile
        The rules of the office: they say which measures are asked.
    rules
        Revision of those rules.
    """

    def __init__(
        self,
        population: Population,
        *,
        ground: Ground | None = None,
        profile: Profile | None = None,
        rules: int = 0,
    ) -> None:
        self.population = population
        self.ground = ground or Ground()
        self.profile = profile or Profile()
        self.rules = rules
        self._changing = threading.Lock()
        self._counted = population.reached is not None
        self._names: dict[str, list[str]] = {}
        self._number: dict[str, dict[str, int]] = {}
        self._settled: dict[str, int] = {}
        self._base: dict[str, Ints] = {}
        self._home: dict[str, Ints] = {}
        self._sums: dict[str, NDArray[np.int64]] = {}
        self._measured: dict[Key, tuple[PlanZone, Measure]] = {}

    @classmethod
    def of(
        cls, codes: ArrayLike, kinds: ArrayLike, people: ArrayLike, lon: ArrayLike, lat: ArrayLike
    ) -> Census:
        """Make the census of subjects given as for `Population`."""
        return cls(Population(codes, kinds, people, lon, lat))

    def __len__(self) -> int:
        """Return the number of subjects."""
        return int((self.population.kind != STATION).sum())

    def settle(self, draft: Draft, levels: Iterable[str] | None = None) -> None:
        """Locate every subject in the zones of a draft: the base that the ledger compares with."""
        who = self.population
        for level in levels or draft.levels:
            zones = draft.at(level)
            self._names[level] = [zone.code for zone in zones]
            self._settled[level] = len(zones)
            self._number[level] = {code: number for number, code in enumerate(self._names[level])}
            if zones:
                self._base[level] = _index(zones).locate(who.lon, who.lat)
            else:
                self._base[level] = np.full(len(who), NOWHERE, dtype=np.int32)
            self._home[level] = self._base[level]
            self._sums[level] = self._summed(self._base[level], len(zones))

    def twin(self) -> Census:
        """Return a census as it was when settled, for another plan of the same base: what is equal is shared."""
        twin = Census(self.population, ground=self.ground, profile=self.profile, rules=self.rules)
        twin._measured = dict(self._measured)
        for level, base in self._base.items():
            twin._names[level] = self._names[level][: self._settled[level]]
            twin._settled[level] = self._settled[level]
            twin._number[level] = {code: number for number, code in enumerate(twin._names[level])}
            twin._base[level] = twin._home[level] = base
            twin._sums[level] = self._summed(base, len(twin._names[level]))
        return twin

    # ---- a change

    def foresee(self, draft: Draft, change: Change, inverse: Change) -> Step:
        """Return what a change does, and change nothing: `take` does it.

        Parameters
        ----------
        draft
            The draft after the change.
        change
            The change.
        inverse
            What ``draft.apply(change)`` returned.
        """
        self._count_reached()
        step = Step(counted=self._counted)
        for level in dict.fromkeys(level for level, _ in change.keys if level in self._home):
            before = {zone.code: zone.geometry for zone in inverse.put if zone.level == level}
            after = {zone.code: zone.geometry for zone in change.put if zone.level == level}
            step.fresh[level] = [code for code in after if code not in self._number[level]]
            rows = self.population.near(boxes_between(before, after))
            now = self._located(draft, level, rows, step)
            was = self._home[level][rows]
            moved = was != now
            step.moves[level] = _Moves(rows[moved], was[moved], now[moved])
            self._add_up(step, level)
        return step

    def take(self, step: Step) -> None:
        """Bring homes and sums up to date."""
        with self._changing:
            self._take(step)

    def _take(self, step: Step) -> None:
        for level, fresh in step.fresh.items():
            for code in fresh:
                self._number[level][code] = len(self._names[level])
                self._names[level].append(code)
            blank = np.zeros((len(fresh), _SUMS), dtype=np.int64)
            self._sums[level] = (
                np.concatenate([self._sums[level], blank]) if len(fresh) else self._sums[level]
            )
        for level, moves in step.moves.items():
            if len(moves.rows) and self._home[level] is self._base[level]:
                self._home[level] = self._base[level].copy()
            self._home[level][moves.rows] = moves.now
        for (level, number), sums in step.sums.items():
            self._sums[level][number] += sums
        if self._counted and not step.counted:
            self._recount()

    def follow(self, draft: Draft, change: Change, inverse: Change) -> pd.DataFrame:
        """Foresee and take a change after ``draft.apply(change)`` returned ``inverse``.

        Returns
        -------
        DataFrame
            As of `moves`.
        """
        step = self.foresee(draft, change, inverse)
        found = self.moves(step)
        self.take(step)
        return found

    def moves(self, step: Step) -> pd.DataFrame:
        """Return who moves in a step.

        Returns
        -------
        DataFrame
            One row per subject that moved: ``level, subject, kind, people, from_zone, to_zone`` (None: in no zone).
        """
        frames = [self._told(level, moves, step) for level, moves in step.moves.items()]
        return pd.concat(frames, ignore_index=True) if frames else self._told("", _nobody(), step)

    def flows(self, step: Step) -> list[Flow]:
        """Return how many move in a step, by level, kind, and zones before and after."""
        found = []
        for level, moves in step.moves.items():
            names = self._names_with(level, step)
            kinds = self.population.kind[moves.rows]
            subjects = kinds != STATION
            keys = np.column_stack([kinds[subjects], moves.was[subjects], moves.now[subjects]])
            every, times = np.unique(keys, axis=0, return_counts=True)
            found += [
                Flow(level, SUBJECT_KINDS[kind], names[was], names[now], int(count))
                for (kind, was, now), count in zip(every.tolist(), times, strict=True)
            ]
        return found

    # ---- what is known

    def ledger(self) -> pd.DataFrame:
        """Return the move ledger: every subject whose zone is another than when `settle` was called."""
        frames = []
        for level, base in self._base.items():
            home = self._home[level]
            rows = np.empty(0, dtype=np.int64) if home is base else np.flatnonzero(base != home)
            frames.append(self._told(level, _Moves(rows, base[rows], home[rows]), Step()))
        return pd.concat(frames, ignore_index=True)

    def figures(self, zones: Sequence[PlanZone], step: Step | None = None) -> list[ZoneFigures]:
        """Return the figures of zones of the draft that was followed last, or that a step leads to."""
        self._count_reached()
        measures = self._measures(zones, keep=step is None)
        return [self._figures(zone, measure, step) for zone, measure in zip(zones, measures, strict=True)]

    def home(self, level: str) -> NDArray[np.object_]:
        """Return the code of each subject's zone at a level, None where it is in none."""
        names = np.array([*self._names[level], None], dtype=object)
        return names[self._home[level]]

    def judge_by(self, profile: Profile, rules: int) -> None:
        """Follow other rules, of another revision: what they ask of the ground is measured anew."""
        self._measured = {}
        self.profile, self.rules = profile, rules

    # ---- inside

    def _located(self, draft: Draft, level: str, rows: Rows, step: Step) -> Ints:
        now = np.full(len(rows), NOWHERE, dtype=np.int32)
        if not len(rows):
            return now
        lon, lat = self.population.lon[rows], self.population.lat[rows]
        around = draft.touching(level, shapely.box(lon.min(), lat.min(), lon.max(), lat.max()))
        if around:
            found = _index(around).locate(lon, lat)
            numbers = np.array([self._numbered(level, zone.code, step) for zone in around], dtype=np.int32)
            now = np.where(found >= 0, numbers[found], NOWHERE).astype(np.int32)
        return now

    def _add_up(self, step: Step, level: str) -> None:
        moves, who = step.moves[level], self.population
        people = who.people[moves.rows]
        reached = np.zeros(len(people), dtype=bool) if who.reached is None else who.reached[moves.rows]
        for numbers, sign in ((moves.was, -1), (moves.now, 1)):
            for number in np.unique(numbers):
                if number == NOWHERE:
                    continue
                chosen = numbers == number
                part = np.zeros(_SUMS, dtype=np.int64)
                part[: STATION + 1] = np.bincount(who.kind[moves.rows[chosen]], minlength=STATION + 1)
                known = people[chosen] != UNKNOWN
                part[_PEOPLE], part[_KNOWN] = people[chosen][known].sum(dtype=np.int64), known.sum()
                part[_REACHED] = reached[chosen].sum()
                key = (level, int(number))
                step.sums[key] = step.sums.get(key, np.zeros(_SUMS, dtype=np.int64)) + sign * part

    def _summed(self, home: Ints, zones: int) -> NDArray[np.int64]:
        who = self.population
        sums = np.zeros((zones, _SUMS), dtype=np.int64)
        inside = home >= 0
        place = home[inside].astype(np.int64)
        both = np.bincount(place * (STATION + 1) + who.kind[inside], minlength=zones * (STATION + 1))
        sums[:, : STATION + 1] = both.reshape(zones, STATION + 1)
        known = who.people[inside] != UNKNOWN
        sums[:, _KNOWN] = np.bincount(place[known], minlength=zones)
        sums[:, _PEOPLE] = np.bincount(place[known], weights=who.people[inside][known], minlength=zones)
        sums[:, _REACHED] = self._reached_of(home, zones)
        return sums

    def _count_reached(self) -> None:
        """Count the households within fifteen minutes' walk once the population knows them."""
        if self._counted or self.population.reached is None:
            return
        with self._changing:
            self._recount()
            self._counted = True

    def _recount(self) -> None:
        for level, home in self._home.items():
            self._sums[level][:, _REACHED] = self._reached_of(home, len(self._names[level]))

    def _reached_of(self, home: Ints, zones: int) -> NDArray[np.int64]:
        reached = self.population.reached
        if reached is None:
            return np.zeros(zones, dtype=np.int64)
        return np.bincount(home[reached & (home >= 0)], minlength=zones)[:zones].astype(np.int64)

    def _numbered(self, level: str, code: str, step: Step | None) -> int:
        number = self._number[level].get(code)
        if number is None and step is not None:
            number = len(self._names[level]) + step.fresh[level].index(code)
        if number is None:
            raise KeyError(code)
        return number

    def _names_with(self, level: str, step: Step) -> NDArray[np.object_]:
        # None last: a subject in no zone has the number -1.
        return np.array([*self._names.get(level, ()), *step.fresh.get(level, ()), None], dtype=object)

    def _measures(self, zones: Sequence[PlanZone], *, keep: bool) -> list[Measure]:
        known = {
            zone.key: kept[1]
            for zone in zones
            if (kept := self._measured.get(zone.key)) is not None and kept[0] is zone
        }
        new = [zone for zone in zones if zone.key not in known]
        for zone, measure in zip(new, self.ground.measure(new, self.profile), strict=True):
            known[zone.key] = measure
            if keep:
                self._measured[zone.key] = (zone, measure)
        return [known[zone.key] for zone in zones]

    def _figures(self, zone: PlanZone, measure: Measure, step: Step | None) -> ZoneFigures:
        number = self._numbered(zone.level, zone.code, step)
        stored = self._sums[zone.level]
        sums: Any = stored[number] if number < len(stored) else np.zeros(_SUMS, dtype=np.int64)
        if step is not None:
            sums = sums + step.sums.get((zone.level, number), 0)
        households = int(sums[HOUSEHOLD])
        share = (
            None if self.population.reached is None or not households else int(sums[_REACHED]) / households
        )
        return ZoneFigures(
            code=zone.code,
            counts={kind: int(sums[position]) for position, kind in enumerate(SUBJECT_KINDS)},
            people=int(sums[_PEOPLE]) if sums[_KNOWN] else None,
            area_m2=measure.area_m2,
            perimeter_m=measure.perimeter_m,
            compactness=measure.compactness,
            parts=measure.parts,
            stations=int(sums[STATION]),
            share_15min=share,
            strays=measure.strays,
            cuts=measure.cuts,
        )

    def _told(self, level: str, moves: _Moves, step: Step) -> pd.DataFrame:
        names, who = self._names_with(level, step), self.population
        subjects = who.kind[moves.rows] != STATION
        rows, was, now = moves.rows[subjects], moves.was[subjects], moves.now[subjects]
        people = who.people[rows].astype(np.float64)
        people[people == UNKNOWN] = np.nan
        return pd.DataFrame(
            {
                "level": np.full(len(rows), level, dtype=object),
                "subject": who.codes[rows],
                "kind": np.array([*SUBJECT_KINDS], dtype=object)[who.kind[rows]],
                "people": people,
                "from_zone": names[was],
                "to_zone": names[now],
            }
        )


def _nobody() -> _Moves:
    return _Moves(np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int32))


def _index(zones: Sequence[PlanZone]) -> ZoneIndex:
    # A bare column: a frame takes longer to make than the index of a few zones.
    return ZoneIndex(gpd.GeoSeries([zone.geometry for zone in zones]))
