"""Where the next stations should stand: exact choices on walking distances, and proof that none is better.

Two goals, both with the stations that already stand counted in (:mod:`geo.network` defines the walk):

- ``coverage``: as many people as possible within reach (the maximal covering location problem, Church and ReVelle
  1974).
- ``walk``: the most metres of walking saved, a walk longer than the reach counting as long as the reach (the p-median
  problem, Hakimi 1964, with walks cut off at the reach: those out of reach can neither hide nor dominate).

Both are solved as mixed integer programmes by HiGHS, and the answer carries the remaining gap: 0 is proof.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, hstack, vstack

from geo.circles import WALK_SPEED_MPS
from geo.errors import SitingError
from geo.network import MAX_ACCESS_M, StreetNetwork

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Longs = NDArray[np.int64]

Goal = Literal["coverage", "walk"]

TIME_LIMIT_S = 60.0
_PROVEN = 1e-6
_FIRST_NEAREST = 8
_SMALLEST_STEP = 0.01
_PATIENCE = 12


@dataclass(frozen=True)
class Siting:
    """Chosen candidates and what they achieve.

    Parameters
    ----------
    chosen
        Row positions of the chosen candidates, ascending.
    station
        Per demand: −1 nobody within reach; below the number of existing stations, that one; else the number of
        existing stations plus the row of the chosen candidate that is nearest.
    walk_m
        Per demand: the walk to it (in meters), inf where nobody is within reach.
    reached, total
        Weight of the demand within reach, and of all demand.
    reached_before
        Weight within reach of the existing stations alone.
    off_streets
        Weight of the demand that has no street near enough, or no location.
    gap
        How far a better choice could still be, as a share of the goal; 0 is proof that there is none.
    """

    chosen: Longs
    station: Longs
    walk_m: Floats
    reached: float
    total: float
    reached_before: float
    off_streets: float
    gap: float

    @property
    def proven(self) -> bool:
        """Whether no other choice is better."""
        return self.gap <= _PROVEN


def site_stations(  # noqa: PLR0913  each a choice of the planner's
    network: StreetNetwork,
    candidates: gpd.GeoDataFrame,
    demand: gpd.GeoDataFrame,
    count: int,
    *,
    goal: Goal = "coverage",
    existing: gpd.GeoDataFrame | None = None,
    weights: ArrayLike | None = None,
    minutes: float = 15.0,
    walk_speed_mps: float = WALK_SPEED_MPS,
    max_access_m: float = MAX_ACCESS_M,
    time_limit_s: float = TIME_LIMIT_S,
) -> Siting:
    """Choose where new stations should stand.

    Parameters
    ----------
    network
        The streets.
    candidates
        Places where a station could stand (points, polygons).
    demand
        Whom stations are for, such as households (points, polygons; without location: never reached).
    count
        How many to choose.
    goal
        ``coverage`` or ``walk``, see above.
    existing
        Stations that stand already.
    weights
        Weight of each demand, such as its people; 1 each without.
    minutes, walk_speed_mps
        The reach.
    max_access_m
        Farthest street from any of the places (in meters).
    time_limit_s
        After so long the best choice found is returned with its gap.

    Returns
    -------
    Siting
        The choice.

    Raises
    ------
    SitingError
        When there are fewer candidates than stations to choose, or weights are negative or not one per demand.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import LineString, Point
    >>> line = gpd.GeoSeries([LineString([(121.40, 31.07), (121.44, 31.07)])], crs="EPSG:4490")
    >>> network = StreetNetwork.from_lines(line.to_frame("geometry"))
    >>> def places(*lons):
    ...     return gpd.GeoDataFrame(geometry=[Point(lon, 31.07) for lon in lons], crs="EPSG:4490")
    >>> choice = site_stations(network, places(121.40, 121.42), places(121.41, 121.42, 121.425), 1)
    >>> choice.chosen.tolist(), choice.reached, choice.proven
    ([1], 2.0, True)
    """
    weight = np.ones(len(demand)) if weights is None else np.asarray(weights, dtype=np.float64)
    _check(count, len(candidates), weight, len(demand))
    reach_m = minutes * 60.0 * walk_speed_mps
    # Flats of one building share a point: one demand with their weight.
    snapped = network.snap(demand, max_access_m=max_access_m)
    spots = np.column_stack(
        [snapped.edge, snapped.offset_m, np.where(snapped.edge < 0, 0.0, snapped.access_m)]
    )
    unique, first, group = np.unique(spots, axis=0, return_index=True, return_inverse=True)
    places, heavy = snapped.take(first), _summed(group, weight, len(unique))
    new_m = network.distances_m(network.snap(candidates, max_access_m=max_access_m), reach_m, places)
    now_m = np.full((0, len(places)), np.inf)
    if existing is not None and len(existing):
        now_m = network.distances_m(network.snap(existing, max_access_m=max_access_m), reach_m, places)
    before_m = now_m.min(axis=0, initial=np.inf)
    if goal == "coverage":
        chosen, gap = _cover(np.isfinite(new_m) & np.isinf(before_m), heavy, count, time_limit_s)
    else:
        saved = np.minimum(before_m, reach_m) - np.minimum(new_m, reach_m)
        chosen, gap = _save(np.maximum(saved, 0.0), heavy, count, time_limit_s)
    walks = np.vstack([now_m, new_m[chosen]])
    best = walks.argmin(axis=0)
    walk_m = walks.min(axis=0)
    numbers = np.concatenate([np.arange(len(now_m)), len(now_m) + chosen])
    station = np.where(np.isfinite(walk_m), numbers[best], -1)
    return Siting(
        chosen=chosen,
        station=station[group.ravel()],
        walk_m=walk_m[group.ravel()],
        reached=float(heavy[np.isfinite(walk_m)].sum()),
        total=float(heavy.sum()),
        reached_before=float(heavy[np.isfinite(before_m)].sum()),
        off_streets=float(heavy[places.edge < 0].sum()),
        gap=gap,
    )


def _check(count: int, candidates: int, weight: Floats, demand: int) -> None:
    if not 1 <= count <= candidates:
        raise SitingError(
            f"要选 {count} 个站点，候选点有 {candidates} 个。",
            f"{count} stations to choose from {candidates} candidates",
            remedy="请增加候选点，或减少要新建的站点数（至少 1 个）。",
        )
    if weight.shape != (demand,) or not (np.isfinite(weight) & (weight >= 0)).all():
        raise SitingError(
            "权重必须与服务对象一一对应，且不能为负数或空值。",
            "weights must be one per demand, finite and not negative",
            remedy="人数未知的户请先填 1，或不给权重。",
        )


def _summed(group: Longs, weight: Floats, groups: int) -> Floats:
    return np.asarray(np.bincount(group.ravel(), weights=weight, minlength=groups), dtype=np.float64)


def _cover(covers: NDArray[np.bool_], weight: Floats, count: int, time_limit_s: float) -> tuple[Longs, float]:
    """Choose candidates that cover the most weight; ``covers`` is (candidates, demand)."""
    # Demands that the same candidates cover are one: a city shrinks to its overlaps.
    packed = np.packbits(covers, axis=0)
    _, first, group = np.unique(packed, axis=1, return_index=True, return_inverse=True)
    sets, heavy = covers[:, first], _summed(group, weight, len(first))
    useful = sets.any(axis=0) & (heavy > 0)
    sets, heavy = sets[:, useful], heavy[useful]
    if not len(heavy):
        return np.arange(count, dtype=np.int64), 0.0
    chosen, gap = _most(sets, heavy, count, time_limit_s)
    if gap > _PROVEN:  # out of time: what greedy choice and swaps find may be better
        value = sets * heavy
        swapped = _swapped(value, _greedy(value, count))
        if value[swapped].max(axis=0).sum() > value[chosen].max(axis=0).sum():
            chosen = swapped
    return chosen, gap


def _most(covers: NDArray[np.bool_], weight: Floats, count: int, time_limit_s: float) -> tuple[Longs, float]:
    """Solve maximal covering: per demand one variable that no more than its chosen candidates can lift to 1."""
    many, size = covers.shape
    row, demand = np.nonzero(covers)
    lifted = hstack([coo_array((-np.ones(len(row)), (demand, row)), shape=(size, many)), _identity(size)])
    return _solved(many, weight, lifted, np.zeros(size), count, time_limit_s)[:2]


def _save(saved: Floats, weight: Floats, count: int, time_limit_s: float) -> tuple[Longs, float]:
    """Choose candidates that save the most; each demand goes to the best of those chosen.

    The first choice comes from greedy choice and swaps; prices on demands bound how much better another can be, and
    rule most candidates out. What is left is an integer programme, and there the few best candidates of each
    demand have a variable, and one more stands for all others with the saving of the next best: that can only
    promise too much. Where a solution uses it, the demand gets more candidates, and the programme is solved again
    (García, Labbé and Marín 2011).
    """
    value = saved * weight
    value = value[:, value.any(axis=0)]
    chosen = _swapped(value, _greedy(value, count))
    if not value.shape[1]:
        return chosen, 0.0
    best, until = float(value[chosen].max(axis=0).sum()), monotonic() + time_limit_s
    bound, kept = _bounded(value, count, best, monotonic() + time_limit_s / 3)
    if kept.sum() < count:
        return chosen, 0.0
    # A better choice, if there is one, uses none of the candidates that are not kept.
    few = value[kept]
    order = np.argsort(-few, axis=0, kind="stable")
    ranked = np.take_along_axis(few, order, axis=0)
    near = np.full(value.shape[1], min(_FIRST_NEAREST, len(few)))
    while bound - best > _PROVEN * best and (left := until - monotonic()) > 0:
        found, promised, at_most = _relaxed(order, ranked, near, count, left)
        bound = min(bound, max(at_most, best))
        reached = few[found].max(axis=0)
        if reached.sum() > best:
            chosen, best = np.flatnonzero(kept)[found], float(reached.sum())
        short = promised > reached + _PROVEN
        if not short.any():
            break
        near[short] = np.minimum(near[short] * 2, len(few))
    return chosen, max(0.0, (bound - best) / best)


def _bounded(value: Floats, count: int, best: float, until: float) -> tuple[float, NDArray[np.bool_]]:
    """Bound what any choice can save, and tell which candidates a better one than ``best`` could use.

    Lagrangian relaxation of "each demand is saved once" by subgradient steps (Cornuéjols, Fisher and Nemhauser 1977):
    with prices for serving each demand, a candidate is worth what it saves above them, and the best choice is the
    candidates worth most.
    """
    price = np.partition(value, -2, axis=0)[-2] if len(value) > 1 else np.zeros(value.shape[1])
    bound, kept, step, waited = np.inf, np.ones(len(value), dtype=bool), 2.0, 0
    while step > _SMALLEST_STEP and monotonic() < until:
        above = np.maximum(value - price, 0.0)
        worth = above.sum(axis=1)
        order = np.argsort(-worth, kind="stable")
        total = float(price.sum() + worth[order[:count]].sum())
        if total < bound:
            bound, waited = total, 0
        else:
            waited += 1
            if waited == _PATIENCE:
                step, waited = step / 2.0, 0
        # Forcing a candidate in costs the difference to the last one chosen.
        kept &= (
            total - (worth[order[count - 1]] - worth) >= best * (1.0 - _PROVEN)
            if count < len(value)
            else True
        )
        if bound - best <= _PROVEN * best:
            break
        slope = 1.0 - (above[order[:count]] > 0).sum(axis=0)
        size = float((slope**2).sum())
        if size == 0.0:
            break
        price = np.maximum(price - step * (total - best) / size * slope, 0.0)
    return bound, kept


def _relaxed(
    order: Longs, ranked: Floats, near: Longs, count: int, time_limit_s: float
) -> tuple[Longs, Floats, float]:
    """Solve the programme in which demand ``i`` sees its ``near[i]`` best candidates and one for all others."""
    many, size = ranked.shape
    seen = (np.arange(many)[:, None] < near) & (ranked > 0)
    rank, demand = np.nonzero(seen)
    candidate, takes = order[rank, demand], np.arange(len(rank))
    ones = np.ones(len(rank))
    others = np.where(near < many, ranked[np.minimum(near, many - 1), np.arange(size)], 0.0)
    only_chosen = hstack(
        [
            coo_array((-ones, (takes, candidate)), shape=(len(rank), many)),
            _identity(len(rank)),
            coo_array((len(rank), size)),
        ]
    )
    once = hstack(
        [
            coo_array((size, many)),
            coo_array((ones, (demand, takes)), shape=(size, len(rank))),
            _identity(size),
        ]
    )
    upper = np.concatenate([np.zeros(len(rank)), np.ones(size)])
    gain = np.concatenate([ranked[rank, demand], others])
    chosen, _, taken, at_most = _solved(many, gain, vstack([only_chosen, once]), upper, count, time_limit_s)
    promised = np.bincount(demand, weights=taken[: len(rank)] * gain[: len(rank)], minlength=size)
    return chosen, promised + taken[len(rank) :] * others, at_most


def _solved(
    many: int, gain: Floats, limits: coo_array, upper: Floats, count: int, time_limit_s: float
) -> tuple[Longs, float, Floats, float]:
    """Maximise gains of what ``count`` of the candidates allow; return choice, gap, what is taken and the bound."""
    scale = float(gain.max())
    exactly = hstack([coo_array(np.ones((1, many))), coo_array((1, len(gain)))])
    result = milp(
        np.concatenate([np.zeros(many), -gain / scale]),
        integrality=np.concatenate([np.ones(many), np.zeros(len(gain))]),
        bounds=Bounds(0.0, 1.0),
        constraints=[
            LinearConstraint(limits.tocsc(), -np.inf, upper),
            LinearConstraint(exactly.tocsc(), count, count),
        ],
        options={"time_limit": time_limit_s, "mip_rel_gap": 0.0},
    )
    bound = np.inf if result.mip_dual_bound is None else -float(result.mip_dual_bound) * scale
    if result.x is None:  # out of time before any choice was found
        return np.arange(count, dtype=np.int64), 1.0, np.zeros(len(gain)), bound
    chosen = np.sort(np.argsort(-result.x[:many], kind="stable")[:count])
    return chosen, max(0.0, float(result.mip_gap or 0.0)), result.x[many:], bound


def _identity(size: int) -> coo_array:
    at = np.arange(size)
    return coo_array((np.ones(size), (at, at)), shape=(size, size))


def _greedy(value: Floats, count: int) -> Longs:
    """Choose the candidate that adds most, again and again."""
    best = np.zeros(value.shape[1])
    chosen: list[int] = []
    for _ in range(count):
        added = np.maximum(value - best, 0.0).sum(axis=1)
        added[chosen] = -1.0
        chosen.append(int(added.argmax()))
        best = np.maximum(best, value[chosen[-1]])
    return np.array(sorted(chosen), dtype=np.int64)


def _swapped(value: Floats, chosen: Longs) -> Longs:
    """Swap a chosen candidate for another as long as that adds to the sum (Teitz and Bart 1968)."""
    now = list(chosen)
    total = value[now].max(axis=0, initial=0.0).sum()
    improved = True
    while improved:
        improved = False
        for place in range(len(now)):
            rest = now[:place] + now[place + 1 :]
            base = value[rest].max(axis=0, initial=0.0)
            sums = base.sum() + np.maximum(value - base, 0.0).sum(axis=1)
            sums[rest] = -1.0
            other = int(sums.argmax())
            if sums[other] > total * (1 + 1e-12) and other != now[place]:
                now[place], total, improved = other, sums[other], True
    return np.array(sorted(now), dtype=np.int64)
