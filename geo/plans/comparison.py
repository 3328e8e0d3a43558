"""Two states of a level beside each other: which zones are the same, whose border moved, and what ground went where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.crs import INTERNAL_CRS, to_metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from geo.plans.draft import PlanZone

SAME, MOVED_BORDER, NEW, GONE, RENAMED = "same", "moved_border", "new", "gone", "renamed"

NOISE_M2: Final = 0.01
"""Pieces of ground under this area come of rounding vertices into common borders; they are not shown."""


@dataclass(frozen=True)
class ZoneComparison:
    """One code in both states.

    Parameters
    ----------
    code
        The code.
    change
        ``same``, ``moved_border``, ``new``, ``gone`` or ``renamed`` (nothing else is another).
    area_gained_m2, area_lost_m2
        Ground that it got from others or from nobody, and that it gave.
    """

    code: str
    change: str
    area_gained_m2: float
    area_lost_m2: float


def compare(
    before: Sequence[PlanZone], after: Sequence[PlanZone]
) -> tuple[list[ZoneComparison], gpd.GeoDataFrame]:
    """Compare the zones of a level in two states.

    Only zones whose coordinates differ are overlaid: two states of a city that differ in one border cost little.

    Parameters
    ----------
    before, after
        Zones of one level.

    Returns
    -------
    zones
        One entry per code of either, in the order of codes.
    pieces
        Ground that went from a zone to another: ``from_zone, to_zone`` (None: nobody's), ``area_m2, geometry``
        (lon/lat), the largest first.
    """
    was, now = {zone.code: zone for zone in before}, {zone.code: zone for zone in after}
    redrawn = {code for code in was.keys() & now.keys() if not _same_ground(was[code], now[code])}
    old = [was[code] for code in sorted(redrawn | (was.keys() - now.keys()))]
    new = [now[code] for code in sorted(redrawn | (now.keys() - was.keys()))]
    pieces = _pieces(old, new)
    gained = pieces.groupby("to_zone")["area_m2"].sum()
    lost = pieces.groupby("from_zone")["area_m2"].sum()
    zones = []
    for code in sorted(was.keys() | now.keys()):
        gain, loss = float(gained.get(code, 0.0)), float(lost.get(code, 0.0))
        if code not in was:
            change = NEW
        elif code not in now:
            change = GONE
        elif gain or loss:
            change = MOVED_BORDER
        else:
            change = SAME if was[code].name == now[code].name else RENAMED
        zones.append(ZoneComparison(code, change, gain, loss))
    return zones, pieces


def _same_ground(one: PlanZone, other: PlanZone) -> bool:
    return bool(
        shapely.equals_identical(one.geometry, other.geometry)
        or shapely.equals_identical(shapely.normalize(one.geometry), shapely.normalize(other.geometry))
    )


def _pieces(old: Sequence[PlanZone], new: Sequence[PlanZone]) -> gpd.GeoDataFrame:
    olds, news = _shapes(old), _shapes(new)
    rows, others = (
        shapely.STRtree(news).query(olds, predicate="intersects")
        if len(olds) and len(news)
        else (np.empty(0, np.int64), np.empty(0, np.int64))
    )
    differ = np.array(
        [old[row].code != new[other].code for row, other in zip(rows, others, strict=True)], dtype=bool
    )
    rows, others = rows[differ], others[differ]
    shared = shapely.intersection(olds[rows], news[others])
    left = shapely.difference(olds, shapely.union_all(news)) if len(olds) else olds
    come = shapely.difference(news, shapely.union_all(olds)) if len(news) else news
    frame = pd.DataFrame(
        {
            "from_zone": [*(old[row].code for row in rows), *(zone.code for zone in old), *[None] * len(new)],
            "to_zone": [*(new[row].code for row in others), *[None] * len(old), *(zone.code for zone in new)],
        },
        dtype=object,
    )
    ground = gpd.GeoSeries(_polygons(np.concatenate([shared, left, come])), crs=INTERNAL_CRS)
    frame["area_m2"] = to_metric(ground).area.to_numpy() if len(ground) else np.empty(0)
    pieces = gpd.GeoDataFrame(frame, geometry=ground.to_numpy(), crs=INTERNAL_CRS)
    pieces = pieces[pieces["area_m2"] > NOISE_M2]
    return pieces.sort_values("area_m2", ascending=False, kind="stable", ignore_index=True)


def _shapes(zones: Sequence[PlanZone]) -> NDArray[np.object_]:
    return np.array([zone.geometry for zone in zones], dtype=object)


def _polygons(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return what of each shape is ground: lines and points where borders only touch are left out."""
    found = np.empty(len(shapes), dtype=object)
    for row, shape in enumerate(shapes):
        parts = shapely.get_parts(shape)
        # A collection may hold collections no deeper than this: intersections of polygons give flat ones.
        kept = parts[shapely.get_dimensions(parts) == 2]  # noqa: PLR2004  polygons
        found[row] = kept[0] if len(kept) == 1 else shapely.MultiPolygon(list(kept))
    return found
