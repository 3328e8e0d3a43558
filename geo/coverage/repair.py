"""Guarded repair: proposals, what was done to whom, what was refused, and the way back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.coverage.guards import Guards, Refusal
from geo.coverage.requests import Request, with_geometries
from geo.coverage.work import Work

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    import shapely

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
        One row per fault that was dealt with, with what followed from it: ``number`` (its row in ``find_faults``),
        ``kind``, ``strategy`` (``settled`` when repairs beside it had already done it), ``codes`` of the zones
        concerned, ``recipient`` (code, or None), ``area_m2`` that changed hands, ``changes`` (code → square meters
        before and after, for each zone that gained or lost land), ``households`` and ``people`` on the land that
        changed hands (missing when no subjects were given), ``message``, ``message_en`` and ``geometry`` (the fault).
    refused
        One row per fault that was left: ``number`` (missing where it only arose from a repair), ``kind``, ``codes``,
        ``area_m2``, ``reason``, ``reason_en``, ``geometry``.
    exceptions
        Gaps to be registered as exceptions (strategy ``exception``): give them to ``find_faults``. Its index holds the
        ``number`` of the fault that each is, or follows from.
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
        return with_geometries(self.zones, self.inverse)


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
        """Return the repair with the accepted actions (their ``number``) and what follows from them, or with all."""
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
        code of the zone that shall have it. A named zone also lifts the limit on the width of gaps. Numbers of cuts,
        which only people can settle, and numbers that no fault has are passed over.
    priority
        Codes of zones, or of layers (column ``layer``), the most important first: it keeps what overlaps, unless
        ``strategies`` or ``decisions`` say otherwise. Overlaps of zones that it does not name are done as without it.
    guards
        Limits; ``Guards()`` when None.

    Returns
    -------
    Proposal

    Raises
    ------
    ZonesError
        As ``find_faults``; also for an unknown kind, strategy or code, and a strategy that counts households without
        ``subjects``.
    MixedReferenceError
        When another frame is in another reference than ``zones``.
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
    gap wider than ``Guards.max_gap_width_m`` is left as real unless somebody decided about it. None comes to lie in a
    second parent: where ``parents`` divide the land of a fault, each zone gets what lies in its own. What a guard stops
    is tried with the next best recipient, and refused with the reason when none is left. Afterwards ``find_faults``
    finds nothing that was repaired, a second repair changes nothing, and ``Repair.undone`` restores every coordinate.

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

    A second repair starts from what the first has left, and measures the cap anew. What it would still do is done at
    once, so that it changes nothing. Where that would change a zone by more than the cap, its faults and all that hang
    together with them are left as they are: a second repair comes to the same end.
    """
    begun = Work(request, accepted)
    held: dict[int, Refusal] = {}
    while True:
        work = _within_cap(begun, held)
        beyond: dict[int, Refusal] = {}
        while work.blocked.keys() > held.keys() and not beyond:
            work, done = _within_cap(work, held), work.done
            if work.done == done:
                break
            beyond = work.beyond_cap(begun)
        if not beyond:
            work.close()
            return _outcome(request, work)
        held |= begun.connected(beyond)


def _within_cap(before: Work, held: Mapping[int, Refusal]) -> Work:
    """Return the work after rounds that change no zone by more than the cap.

    Where all repairs of a zone together would, none of its faults is repaired: to stop half-way would make the outcome
    depend on the order.
    """
    blocked = dict(held)
    while True:
        work = before.continued(blocked)
        beyond = work.beyond_cap(before)
        if not beyond:
            return work
        blocked |= beyond


def _outcome(request: Request, work: Work) -> Repair:
    """Return what was done; geometries that nobody touched come back as the same objects."""
    frame, changed = request.zones, work.changed()
    given = np.asarray(frame.geometry.array, dtype=object)
    return Repair(
        zones=with_geometries(frame, changed),
        actions=_table([work.actions[number] for number in sorted(work.actions)], ACTION_COLUMNS, frame.crs),
        refused=_table(work.refused, REFUSED_COLUMNS, frame.crs),
        exceptions=gpd.GeoSeries(
            [place for _, place in work.exceptions],
            index=pd.Index([number for number, _ in work.exceptions], dtype=np.int64),
            crs=frame.crs,
        ),
        inverse={row: given[row] for row in changed},
    )


def _table(rows: list[dict[str, Any]], columns: Sequence[str], crs: Any) -> gpd.GeoDataFrame:  # noqa: ANN401
    table = pd.DataFrame(rows, columns=list(columns))
    for column in ("number", "households", "people"):
        if column in table.columns:
            table[column] = table[column].astype("Int64")
    if "recipient" in table.columns:  # None beside texts would become NaN
        table["recipient"] = pd.Series([row["recipient"] for row in rows], dtype=object)
    return gpd.GeoDataFrame(table, geometry="geometry", crs=crs)
