"""Proposals of grids: from streets, estates, buildings and households to a balanced, contiguous, compact partition."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.coverage.plane import Plane
from geo.crs import INTERNAL_CRS
from geo.errors import ZonesError
from geo.partition.blocks import Blocks, lay_blocks, summed
from geo.partition.dividing import located
from geo.partition.figures import Figures, measured
from geo.partition.graph import components
from geo.partition.ground import without_loose_nodes
from geo.partition.naming import named
from geo.partition.place import Place, Setting, shapes_of, union_of
from geo.partition.rules import ProposalOptions
from geo.partition.search import Graph, Wishes, divide

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Geometries = NDArray[np.object_]

_GROUND_SHARE = 0.1
"""Weight of ground beside households when it is told which old zone a grid goes on from."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """A partition that a planner may adopt.

    Parameters
    ----------
    zones
        All zones of the level: ``code, name, layer, level, kind, parent, staff, attributes`` as in
        `geo.records.Place.zones`, ``household``, ``area_m2``, ``compactness`` (Polsby-Popper), ``before`` (code of the
        zone that most of its households were in, or None), ``note`` (why it is outside the limits; empty: it is not),
        ``geometry`` (EPSG:4490, a coverage).
    blocks
        The blocks: ``zone``, ``household``, ``geometry``.
    figures
        Balance, compactness, what is cut, who moves.
    messages
        What a planner has to know, in Chinese.
    """

    zones: gpd.GeoDataFrame
    blocks: gpd.GeoDataFrame
    figures: Figures
    messages: tuple[str, ...] = field(default=())


def propose(
    place: Place,
    options: ProposalOptions | None = None,
    *,
    level: str = "grid",
    taken: Collection[str] = (),
    retired: Collection[str] = (),
    progress: Callable[[float, str], None] | None = None,
) -> Proposal:
    """Propose grids along street blocks.

    Parameters
    ----------
    place
        Ground, streets, estates, buildings, households.
    options
        How many grids or how large, and what matters.
    level
        Level of the zones, for codes and the column ``level``.
    taken, retired
        Codes in use elsewhere or used once: none of them is given out.
    progress
        Told how far it is.

    Returns
    -------
    Proposal
        Zones fill the parents exactly but for exceptions, are in one piece each, cut no estate and no building but
        those that a parent's own border cuts. The same place, options and seed give the same proposal.

    Raises
    ------
    ZonesError
        Without ground, with neither a number of grids nor limits, or with limits that contradict each other.

    Examples
    --------
    >>> square = shapely.box(121.40, 31.06, 121.41, 31.07)
    >>> lines = [shapely.LineString([(121.405, 31.06), (121.405, 31.07)])]
    >>> streets = gpd.GeoDataFrame({"kind": ["primary"]}, geometry=lines, crs="EPSG:4490")
    >>> found = propose(Place(square, streets=streets), ProposalOptions(grids=2))
    >>> len(found.zones), found.figures.cut_estates
    (2, 0)
    """
    options = options or ProposalOptions()
    tell = progress or _silent
    _refuse_contradictions(options)
    setting = Setting.of(place, keep=options.keep > 0.0)
    given, plane = setting.given, Plane.of(setting.parents)
    # where nobody lives, ground is what is shared out
    by_ground = len(given.lon) == 0
    free = float(plane.areas_m2(given.parents).sum() - plane.areas_m2(given.fixed).sum())
    target = _target(options, free if by_ground else float(len(given.lon)))
    tell(0.05, "由道路围合街区")
    blocks = lay_blocks(
        given,
        plane,
        options.blocks,
        most=np.inf if by_ground else options.blocks.piece_share * target,
        seed=options.seed,
    )
    if not blocks.block.max(initial=-1) >= 0:
        raise ZonesError(
            "没有可以划分的地块: 辖区全部由专属网格或豁免范围占据。",
            "no ground to divide",
            remedy="请检查辖区边界、专属网格和豁免范围。",
        )
    tell(0.35, f"{int(blocks.block.max()) + 1:,} 个街区，开始划分")
    weight = blocks.area_m2 if by_ground else blocks.households
    old = _old_of_blocks(blocks, setting, plane)
    parts, messages = _divided(blocks, weight, old, options, tell)
    tell(0.9, "编号、核对")
    zones = _zones(setting, blocks, parts, keep=options.keep, level=level, used=(taken, retired))
    zones, figures, more = measured(zones, blocks, place, setting.general, options)
    return Proposal(zones, _shown(blocks, parts, zones), figures, (*messages, *more))


def _silent(_share: float, _message: str) -> None:
    """Tell nobody."""


def _refuse_contradictions(options: ProposalOptions) -> None:
    limits = options.households
    if options.grids is None and limits is None:
        raise ZonesError(
            "没有说明划成多少个网格，也没有说明每格户数。",
            "neither a number of grids nor limits of households",
            remedy="请给出网格数，或每格户数上下限，例如 300-500。",
        )
    if options.grids is not None and options.grids < 1:
        raise ZonesError("网格数至少为 1。", "the number of grids is below 1", remedy="请改正网格数。")
    if limits is not None and not 0 < limits[0] <= limits[1]:
        raise ZonesError(
            f"户数上下限 {limits[0]:g}-{limits[1]:g} 不对。",
            f"limits {limits} are no range",
            remedy="下限应大于 0 且不超过上限，例如 300-500。",
        )
    if not 0.0 <= options.keep <= 1.0:
        raise ZonesError(
            f"“尽量少变动”的程度 {options.keep:g} 不在 0 到 1 之间。",
            f"keep {options.keep} is not within 0 and 1",
            remedy="0 为重新划分，1 为尽量不动。",
        )


def _target(options: ProposalOptions, total: float) -> float:
    """Return the wanted weight of a grid."""
    if options.grids is not None:
        return max(total / options.grids, 1e-9)
    assert options.households is not None  # noqa: S101  refused before
    return sum(options.households) / 2.0


def _old_of_blocks(blocks: Blocks, setting: Setting, plane: Plane) -> Floats:
    """Return how much of each block was in each old zone: households, and a little for ground."""
    shapes, given = shapes_of(setting.general), setting.given
    shared = np.zeros((len(blocks.households), len(shapes)))
    if not len(shapes):
        return shared
    free = np.flatnonzero(blocks.block >= 0)
    inner = shapely.get_coordinates(shapely.point_on_surface(blocks.faces[free]))
    zone = located(shapes, *inner.T)
    area = plane.areas_m2(blocks.faces[free])
    known = zone >= 0
    share = _GROUND_SHARE * (float(blocks.households.sum()) or 1.0) / float(area.sum())
    np.add.at(shared, (blocks.block[free][known], zone[known]), area[known] * share)
    was = located(shapes, given.lon, given.lat)
    both = (was >= 0) & (blocks.house >= 0)
    np.add.at(shared, (blocks.house[both], was[both]), 1.0)
    return shared


def _divided(
    blocks: Blocks,
    weight: Floats,
    old: Floats,
    options: ProposalOptions,
    tell: Callable[[float, str], None],
) -> tuple[Ints, list[str]]:
    """Return the grid of each block, numbered over all parents, and what was impossible."""
    piece = components(len(weight), blocks.pairs)
    pieces = int(piece.max()) + 1
    members = [np.flatnonzero(piece == number) for number in range(pieces)]
    load = summed(piece, weight, pieces)
    messages: list[str] = []
    limits = options.households if options.grids is None else None
    counts: list[list[int]]
    if options.grids is not None:
        shares = apportion(load, np.array([len(rows) for rows in members]), options.grids)
        if int(shares.sum()) != options.grids:
            messages.append(
                f"要求 {options.grids} 个网格，实际 {int(shares.sum())} 个: "
                f"共有 {pieces} 片互不相连的地块，每片至少一个网格，且街区不可再分。"
            )
        counts = [[int(share)] for share in shares]
    else:
        assert limits is not None  # noqa: S101  refused before
        counts = [_fitting(float(total), limits) for total in load]
    parts = np.full(len(weight), -1, dtype=np.int64)
    used = 0
    for number, rows in enumerate(members):
        graph = _graph(blocks, rows, weight, old)
        tries = counts[number]
        if options.keep > 0.0 and options.grids is None and limits is not None:
            tries = _near_old(tries, graph, float(load[number]), limits)
        best = None
        for count in tries:
            wishes = _wishes(float(load[number]), count, limits, options)
            # a large piece of ground has many ways to be improved from one start, a small one few
            starts = max(1, min(options.starts, 1500 // max(1, len(rows))))
            found = divide(graph, wishes, count, starts=starts, seed=options.seed)
            cost = found.total() / found.count
            if best is None or cost < best[0] - 1e-9:
                best = (cost, found)
        assert best is not None  # noqa: S101  there is at least one count
        parts[rows] = best[1].part + used
        used += best[1].count
        tell(0.35 + 0.55 * (number + 1) / pieces, f"划分 {number + 1}/{pieces}")
    return parts, messages


def apportion(load: Floats, most: Ints, count: int) -> Ints:
    """Share out a number of grids among pieces of ground: at least one each, then by the largest load per grid.

    Parameters
    ----------
    load
        Households of each piece.
    most
        Blocks of each piece: it cannot have more grids.
    count
        Grids in all.

    Examples
    --------
    >>> apportion(np.array([900.0, 300.0, 10.0]), np.array([9, 9, 9]), 5).tolist()
    [3, 1, 1]
    """
    shares = np.ones(len(load), dtype=np.int64)
    for _ in range(count - len(load)):
        # Webster's divisors: the next grid goes where the mean stays nearest to that of the others
        quotient = np.where(shares < most, (load + 1e-9) / (shares + 0.5), -1.0)
        row = int(quotient.argmax())
        if quotient[row] < 0.0:
            break
        shares[row] += 1
    return shares


def _fitting(total: float, limits: tuple[float, float]) -> list[int]:
    """Return numbers of grids worth trying for a piece of ground: means within the limits, near their middle."""
    low, high = limits
    wanted = max(1, round(2.0 * total / (low + high)))
    least, most = max(1, int(np.ceil(total / high))), max(1, int(total // low))
    if least > most:  # no number fits: the nearest on either side
        return sorted({least, most})
    return sorted({min(max(number, least), most) for number in (wanted - 1, wanted, wanted + 1)})


def _near_old(tries: list[int], graph: Graph, total: float, limits: tuple[float, float]) -> list[int]:
    """Return the numbers to try with the number of old zones there among them, where that fits the limits."""
    there = int((graph.old.sum(axis=0) > 0.01 * total).sum())
    least, most = max(1, int(np.ceil(total / limits[1]))), max(1, int(total // limits[0]))
    if there and min(least, most) <= there <= max(least, most):
        return sorted({*tries, there})
    return tries


def _wishes(total: float, count: int, limits: tuple[float, float] | None, options: ProposalOptions) -> Wishes:
    low, high = limits if limits is not None else (0.0, np.inf)
    return Wishes(
        target=max(total / count, 1e-9),
        low=low,
        high=high,
        balance=options.balance,
        shape=options.shape,
        along=options.along,
        limits=options.limits,
        keep=8.0 * options.keep,
    )


def _graph(blocks: Blocks, rows: Ints, weight: Floats, old: Floats) -> Graph:
    place = np.full(len(weight), -1, dtype=np.int64)
    place[rows] = np.arange(len(rows))
    inner = place[blocks.pairs[:, 0]] >= 0
    there = old[rows]
    return Graph(
        weight=weight[rows],
        area_m2=blocks.area_m2[rows],
        perimeter_m=blocks.perimeter_m[rows],
        pairs=place[blocks.pairs[inner]],
        length_m=blocks.length_m[inner],
        tie_m=blocks.tie_m[inner],
        old=np.ascontiguousarray(there[:, there.sum(axis=0) > 0.0]),  # loops are compiled for one layout
    )


def _zones(
    setting: Setting,
    blocks: Blocks,
    parts: Ints,
    *,
    keep: float,
    level: str,
    used: tuple[Collection[str], Collection[str]],
) -> gpd.GeoDataFrame:
    """Make zones of parts, give them codes, and put those that stay beside them."""
    dedicated, count = setting.dedicated, int(parts.max()) + 1
    label = np.where(blocks.block >= 0, np.append(parts, -1)[blocks.block], -1)
    stays = (blocks.fixed >= 0) & (blocks.fixed < len(dedicated)) & (blocks.block < 0)
    label = np.where(stays, count + blocks.fixed, label)
    order = np.argsort(label, kind="stable")
    starts = np.searchsorted(label[order], np.arange(count + len(dedicated) + 1))
    shapes = np.array(
        [union_of(blocks.faces[order[begin:end]]) for begin, end in pairwise(starts.tolist())], dtype=object
    )
    there = ~shapely.is_missing(shapes)
    cleaned = without_loose_nodes(shapes[there], blocks.given)
    home = np.zeros(count, dtype=np.int64)
    home[parts] = blocks.parent
    zones = named(
        cleaned[:count],
        home,
        setting.parents,
        setting.general,
        setting.place.households,
        keep=keep,
        level=level,
        used=({*used[0], *dedicated["code"]}, used[1]),
    )
    if len(dedicated):
        whole = dedicated.iloc[np.flatnonzero(there[count:])].reset_index(drop=True)
        whole = whole.set_geometry(gpd.GeoSeries(cleaned[count:], crs=INTERNAL_CRS)).assign(
            before=whole["code"], layer=zones["layer"].iloc[0], level=level
        )
        zones = pd.concat(
            [zones, whole[[name for name in zones.columns if name in whole]]], ignore_index=True
        )
    return gpd.GeoDataFrame(zones, geometry="geometry", crs=INTERNAL_CRS)


def _shown(blocks: Blocks, parts: Ints, zones: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the blocks as a planner looks at them."""
    order = np.argsort(blocks.block, kind="stable")
    order = order[blocks.block[order] >= 0]
    starts = np.searchsorted(blocks.block[order], np.arange(len(parts) + 1))
    shapes = [union_of(blocks.faces[order[begin:end]]) for begin, end in pairwise(starts.tolist())]
    return gpd.GeoDataFrame(
        {"zone": zones["code"].to_numpy()[parts], "household": blocks.households.astype(np.int64)},
        geometry=np.array(shapes, dtype=object),
        crs=INTERNAL_CRS,
    )
