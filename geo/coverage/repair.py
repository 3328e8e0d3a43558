"""Guarded repair: proposals, what was done to whom, what was refused, and the way back."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.coverage.guards import Guards, Refusal
from geo.coverage.requests import Request
from geo.coverage.work import Work

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import shapely

_ROUNDS = 8
"""How often the zones that changed are looked at again."""

ACTION_COLUMNS = (
    "number",
    "kind",
    "strategy",
    "codes",
    "recipient",
    "area_m2",
    "changes",
    "households",
    "people",
    "message",
    "message_en",
    "geometry",
)
REFUSED_COLUMNS = ("number", "kind", "codes", "area_m2", "reason", "reason_en", "geometry")


@dataclass(frozen=True)
class Repair:
    """What a repair did.

    Parameters
    ----------
    zones
        The repaired zones: the rows, columns and index of the input; only geometries differ.
    actions
        One row per fault that was dealt with: ``number`` (for ``Proposal.apply``), ``kind``, ``strategy``, ``codes`` of
        the zones concerned, ``recipient`` (code, or None), ``area_m2`` that changed hands, ``changes`` (code → square
        meters before and after, for each zone whose area changed), ``households`` and ``people`` affected (missing
        when no subjects were given), ``message``, ``message_en`` and ``geometry``.
    refused
        One row per fault that was left: ``number``, ``kind``, ``codes``, ``area_m2``, ``reason``, ``reason_en``,
        ``geometry``.
    exceptions
        Gaps to be registered as exceptions (strategy ``exception``): give them to ``find_faults``.
    inverse
        Row position → geometry before: every one that changed.
    """

    zones: gpd.GeoDataFrame
    actions: gpd.GeoDataFrame
    refused: gpd.GeoDataFrame
    exceptions: gpd.GeoSeries
    inverse: Mapping[int, shapely.Geometry | None]

    def undone(self) -> gpd.GeoDataFrame:
        """Return the zones as they were, each coordinate restored."""
        return _with_geometries(self.zones, self.inverse)


@dataclass(frozen=True)
class Proposal:
    """What a repair would do: nothing is changed before ``apply``.

    Parameters
    ----------
    zones
        As given.
    actions, refused
        As in ``Repair``.
    """

    zones: gpd.GeoDataFrame
    actions: gpd.GeoDataFrame
    refused: gpd.GeoDataFrame
    _request: Request = field(repr=False)
    _whole: Repair = field(repr=False)

    def apply(self, accepted: Collection[int] | None = None) -> Repair:
        """Return the repair with the accepted actions (their ``number``), or with all."""
        return self._whole if accepted is None else _carried_out(self._request, frozenset(accepted))


def propose(  # noqa: PLR0913  as many as a planner can decide about
    zones: gpd.GeoDataFrame,
    boundary: Any = None,  # noqa: ANN401  a polygon, a GeoSeries or a GeoDataFrame
    *,
    parents: gpd.GeoDataFrame | None = None,
    exceptions: Any = None,  # noqa: ANN401
    subjects: gpd.GeoDataFrame | None = None,
    strategies: Mapping[str, str] | None = None,
    decisions: Mapping[int, str] | None = None,
    priority: Sequence[str] | None = None,
    guards: Guards | None = None,
) -> Proposal:
    """Say what a repair would do, fault by fault.

    Parameters
    ----------
    zones, boundary, parents, exceptions
        As in ``find_faults``.
    subjects
        Households, for the strategies that count them and for who is affected. Column ``people`` is summed.
    strategies
        Kind of fault → what to do: ``longest_border`` (give the land to the neighbour with which it shares most of its
        outline), ``most_households``, ``fewest_households``, ``priority``, ``exception`` (register the gap, change
        nothing), ``refuse``, or the code of a zone. What is not named is done by ``geo.coverage.DEFAULTS``.
    decisions
        Number of a fault (its row in ``find_faults(zones, boundary, parents=…, exceptions=…)``) → a strategy or the
        code of the zone that shall have it. A named zone also lifts the limit on the width of gaps.
    priority
        Codes of zones, or of layers (column ``layer``), the most important first: it keeps what overlaps.
    guards
        Limits; ``Guards()`` when None.

    Returns
    -------
    Proposal

    Raises
    ------
    ZonesError
        As ``find_faults``; also for an unknown strategy or code, and a strategy that counts households without
        ``subjects``.
    """
    request = Request(
        zones,
        boundary,
        parents,
        exceptions,
        subjects,
        strategies or {},
        decisions or {},
        priority,
        guards or Guards(),
    )
    whole = _carried_out(request, None)
    return Proposal(zones, whole.actions, whole.refused, request, whole)


def repair(  # noqa: PLR0913  as many as a planner can decide about
    zones: gpd.GeoDataFrame,
    boundary: Any = None,  # noqa: ANN401  a polygon, a GeoSeries or a GeoDataFrame
    *,
    parents: gpd.GeoDataFrame | None = None,
    exceptions: Any = None,  # noqa: ANN401
    subjects: gpd.GeoDataFrame | None = None,
    strategies: Mapping[str, str] | None = None,
    decisions: Mapping[int, str] | None = None,
    priority: Sequence[str] | None = None,
    guards: Guards | None = None,
) -> Repair:
    """Repair a coverage within guards: every action that ``propose`` proposes is done.

    No zone vanishes, none falls into more pieces, none changes by more of its area than ``Guards.max_change``, and a
    gap wider than ``Guards.max_gap_width_m`` is left as real unless somebody decided about it. What a guard stops is
    tried with the next best recipient, and refused with the reason when none is left. Afterwards ``find_faults`` finds
    nothing that was repaired, a second repair changes nothing, and ``Repair.undone`` restores every coordinate.

    Parameters
    ----------
    zones, boundary, parents, exceptions
        As in ``find_faults``.
    subjects, strategies, decisions, priority, guards
        As in ``propose``.

    Returns
    -------
    Repair

    Raises
    ------
    ZonesError
        As ``propose``.

    Examples
    --------
    >>> import geopandas as gpd, shapely
    >>> zones = gpd.GeoDataFrame(
    ...     {"code": ["A", "B"]},
    ...     geometry=[shapely.box(121.40, 31.07, 121.40301, 31.073), shapely.box(121.403, 31.07, 121.406, 31.073)],
    ...     crs="EPSG:4490",
    ... )
    >>> done = repair(zones)
    >>> done.actions[["kind", "codes", "recipient"]].values.tolist()
    [['overlap', ['A', 'B'], 'A']]
    >>> done.undone().equals(zones)
    True
    """
    return propose(
        zones,
        boundary,
        parents=parents,
        exceptions=exceptions,
        subjects=subjects,
        strategies=strategies,
        decisions=decisions,
        priority=priority,
        guards=guards,
    ).apply()


def _carried_out(request: Request, accepted: frozenset[int] | None) -> Repair:
    """Repair what is accepted, or everything; numbers do not depend on what is accepted.

    Where all repairs of a zone together would change it by more than the cap, none of its faults is repaired: to
    stop half-way would make the outcome depend on the order, and a second repair go on where the first stopped.
    """
    blocked: dict[int, Refusal] = {}
    while True:
        work = _attempt(request, accepted, blocked)
        beyond = work.beyond_cap()
        if not beyond:
            return _outcome(request, work)
        blocked |= beyond


def _attempt(request: Request, accepted: frozenset[int] | None, blocked: Mapping[int, Refusal]) -> Work:
    taken, found = request.found_in(request.zones)
    request.check(taken)
    work = Work(request, taken, blocked)
    numbered = list(enumerate(found))
    for number, finding in numbered:
        if accepted is not None and number not in accepted:
            work.leave(finding)
    work.round([(number, one) for number, one in numbered if accepted is None or number in accepted])
    after = len(numbered)
    # What follows from a crossing border shows only when it is mended, closing one place can leave a crumb at its
    # end, and what could not be done may now be possible: go on until a round changes nothing.
    done = 0
    for _ in range(_ROUNDS):
        if len(work.actions) == done:
            break
        done = len(work.actions)
        frame = _with_geometries(request.zones, {row: work.shapes[row] for row in work.touched})
        work.zones, found = request.found_in(frame)
        known = work.numbers_of_refused()
        work.refused = []
        later = [one for one in found if not work.is_left(one)]
        fresh = itertools.count(after)
        work.round(
            [(known[key] if (key := (one.kind, one.rows)) in known else next(fresh), one) for one in later]
        )
        after = next(fresh)
    return work


def _outcome(request: Request, work: Work) -> Repair:
    """Return what was done; geometries that nobody touched come back as the same objects."""
    frame, rows = request.zones, sorted(work.touched)
    given = np.asarray(frame.geometry.array, dtype=object)
    return Repair(
        zones=_with_geometries(frame, {row: work.shapes[row] for row in rows}),
        actions=_table(work.actions, ACTION_COLUMNS, frame.crs),
        refused=_table(work.refused, REFUSED_COLUMNS, frame.crs),
        exceptions=gpd.GeoSeries(work.exceptions, crs=frame.crs),
        inverse={row: given[row] for row in rows},
    )


def _with_geometries(
    frame: gpd.GeoDataFrame, changed: Mapping[int, shapely.Geometry | None]
) -> gpd.GeoDataFrame:
    geometries = np.asarray(frame.geometry.array, dtype=object).copy()
    for row, shape in changed.items():
        geometries[row] = shape
    result = frame.copy()
    result[frame.geometry.name] = gpd.GeoSeries(list(geometries), index=frame.index, crs=frame.crs)
    return result


def _table(rows: list[dict[str, Any]], columns: Sequence[str], crs: Any) -> gpd.GeoDataFrame:  # noqa: ANN401
    table = pd.DataFrame(rows, columns=list(columns))
    for column in ("households", "people"):
        if column in table.columns:
            table[column] = table[column].astype("Int64")
    return gpd.GeoDataFrame(table, geometry="geometry", crs=crs)
