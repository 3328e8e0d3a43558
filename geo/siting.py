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
    gap
        How far a better choice could still be, as a share of the goal; 0 is proof that there is none.
    """

    chosen: Longs
    station: Longs
    walk_m: Floats
    reached: float
    total: float
    reached_before: float
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
    return _save(sets[:, useful].astype(np.float64), heavy[useful], count, time_limit_s, alike=True)


def _save(
    saved: Floats, weight: Floats, count: int, time_limit_s: float, *, alike: bool = False
) -> tuple[Longs, float]:
    """Choose candidates that save the most: each demand the best of its chosen candidates.

    Variables are the candidates (binary) and what each demand takes. When all candidates save a demand ``alike``,
    one variable per demand is enough (covered or not), else one per demand and candidate.
    """
    many = len(saved)
    row, demand = np.nonzero(saved * weight)
    if not len(row):
        return np.arange(count, dtype=np.int64), 0.0
    ones = np.ones(len(row))
    if alike:
        gain = weight
        # covered ≤ number of chosen candidates that cover it
        limits = hstack(
            [coo_array((-ones, (demand, row)), shape=(len(weight), many)), _identity(len(weight))]
        )
    else:
        gain = saved[row, demand] * weight[demand]
        takes = np.arange(len(row))
        taken = hstack(
            [coo_array((-ones, (takes, row)), shape=(len(row), many)), _identity(len(row))]
        )  # a candidate that is not chosen saves nothing
        once = hstack(
            [
                coo_array((len(weight), many)),
                coo_array((ones, (demand, takes)), shape=(len(weight), len(row))),
            ]
        )
        limits = vstack([taken, once])
    upper = np.zeros(limits.shape[0]) if alike else np.concatenate([np.zeros(len(row)), np.ones(len(weight))])
    exactly = hstack([coo_array(np.ones((1, many))), coo_array((1, len(gain)))])
    scale = float(gain.max())
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
    if result.x is None:  # out of time before any choice was found
        return _greedy(saved * weight, count), 1.0
    chosen = np.sort(np.argsort(-result.x[:many], kind="stable")[:count])
    return chosen, max(0.0, float(result.mip_gap or 0.0))


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
