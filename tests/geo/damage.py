"""Coverages with natural-looking borders, and every kind of fault injected into them, each known exactly.

A city of ``side`` x ``side`` zones about 300 m wide. Neighbours share every vertex. Each zone is a ring of
``4 * (steps + 1)`` vertices, so that a fault can be made by moving the vertices of one neighbour only.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

LONLAT = CRS.from_epsg(4490)
CELL_M = 300.0
ORIGIN = (121.40, 31.07)
M_PER_LON, M_PER_LAT = 95_400.0, 110_870.0
SHAPES = ("overlap", "gap", "sliver", "near_miss", "invalid", "duplicate", "contained", "stray")
NESTED = ("crossing_levels",)
CUTS = ("cut_estate", "cut_building", "cut_barrier")
RIM = ("inlet", "uncovered", "outside_parent")


@dataclass
class Damage:
    """A city with known faults.

    Parameters
    ----------
    zones, boundary, parents, estates, buildings, barriers
        As ``find_faults`` takes them, EPSG:4490.
    injected
        Columns ``kind, codes, width_m, geometry`` (a point of the place).
    """

    zones: gpd.GeoDataFrame
    boundary: shapely.Geometry
    parents: gpd.GeoDataFrame
    estates: gpd.GeoDataFrame
    buildings: gpd.GeoDataFrame
    barriers: gpd.GeoDataFrame
    injected: pd.DataFrame = field(default_factory=pd.DataFrame)


def lonlat(metres: Floats) -> Floats:
    """Return metres (…, 2) as lon/lat on the grid of 1e-8 degrees on which everything stands."""
    return np.round(metres / (M_PER_LON, M_PER_LAT) + ORIGIN, 8)


def _chains(side: int, steps: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Return horizontal chains (row, column, step, 2) and vertical ones, end nodes included, jittered alike."""
    count = side + 1
    nodes = np.stack(np.meshgrid(np.arange(count), np.arange(count), indexing="xy"), axis=-1) * CELL_M
    nodes = nodes + rng.uniform(-25, 25, nodes.shape)
    share = np.linspace(0, 1, steps + 2)[None, None, :, None]

    def between(start: Floats, end: Floats) -> Floats:
        line = start[:, :, None] * (1 - share) + end[:, :, None] * share
        sway = rng.uniform(-4, 4, line.shape)
        sway[:, :, [0, -1]] = 0
        return line + sway

    return between(nodes[:, :-1], nodes[:, 1:]), between(nodes[:-1], nodes[1:])


def rings(side: int, steps: int, seed: int) -> Floats:
    """Return the open rings (side * side, 4 * (steps + 1), 2) of a city in metres, counter-clockwise."""
    across, upward = _chains(side, steps, np.random.default_rng(seed))
    south, north = across[:-1], across[1:]
    west, east = upward[:, :-1], upward[:, 1:]
    ring = np.concatenate([south[:, :, :-1], east[:, :, :-1], north[:, :, :0:-1], west[:, :, :0:-1]], axis=2)
    return ring.reshape(side * side, 4 * (steps + 1), 2)


def polygons(ring: Floats) -> NDArray[np.object_]:
    """Return rings in metres as polygons in lon/lat."""
    placed = lonlat(ring)
    return shapely.polygons(np.concatenate([placed, placed[:, :1]], axis=1))


def _frame(
    shapes: list[shapely.Geometry] | NDArray[np.object_], codes: list[str], **more: object
) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"code": codes, **more}, geometry=list(shapes), crs=LONLAT)


def _outline(ring: Floats, side: int, steps: int) -> Floats:
    """Return the outer border of the city as one open ring."""
    k = steps + 1
    grid = ring.reshape(side, side, 4 * k, 2)
    south = grid[0, :, :k].reshape(-1, 2)
    east = grid[:, -1, k : 2 * k].reshape(-1, 2)
    north = grid[-1, ::-1, 2 * k : 3 * k].reshape(-1, 2)
    west = grid[::-1, 0, 3 * k :].reshape(-1, 2)
    return np.concatenate([south, east, north, west])


def city(side: int, steps: int = 9, seed: int = 1) -> Damage:
    """Return a city without faults; parents are west and east halves."""
    return damaged(side, 0, steps=steps, seed=seed)


def damaged(side: int, faults: int, *, steps: int = 9, seed: int = 1, kinds: tuple[str, ...] = ()) -> Damage:
    """Return a city with so many faults, of each kind in turn, 0.05 to 20 m wide, at least two zones apart."""
    rng = np.random.default_rng([seed, 7])
    ring = rings(side, steps, seed)
    k = steps + 1
    outline = _outline(ring, side, steps)
    codes = [f"{310112103001 + row // 500:012d}{row % 500 + 1:03d}" for row in range(side * side)]
    half = side // 2
    # The border between the two parents: the chain west of column `half`, read upward.
    middle = ring.reshape(side, side, 4 * k, 2)[:, half, 3 * k :][:, ::-1]
    foot = ring.reshape(side, side, 4 * k, 2)[0, half, 0]
    rim = np.concatenate([foot[None], middle.reshape(-1, 2)])
    work = _Work(side, steps, ring, codes, rng)
    wanted = kinds or (*SHAPES, *NESTED, *CUTS, *RIM)
    # A city has less rim than inside: a kind that finds no more room leaves its turn to the next.
    turns = itertools.islice((kind for kind in itertools.cycle(wanted) if work.room(kind)), faults)
    for kind in turns:
        cell = work.free(kind)
        width = float(np.exp(rng.uniform(np.log(0.05), np.log(20))))
        work.inject(kind, cell, width, rim)
    shapes = polygons(work.ring)
    shapes = np.array(
        [*[work.replaced.get(at, shape) for at, shape in enumerate(shapes)], *work.added], dtype=object
    )
    return Damage(
        zones=_frame(shapes, [*codes, *work.added_codes]),
        boundary=shapely.Polygon(lonlat(outline)),
        parents=_frame(_halves(outline, rim), ["west", "east"]),
        estates=_frame(work.things["estate"], [f"E{at}" for at in range(len(work.things["estate"]))]),
        buildings=_frame(work.things["building"], [f"B{at}" for at in range(len(work.things["building"]))]),
        barriers=_frame(work.lines, [f"L{at}" for at in range(len(work.lines))], kind="motorway"),
        injected=pd.DataFrame(work.injected, columns=["kind", "codes", "width_m", "geometry"]),
    )


def _halves(outline: Floats, rim: Floats) -> list[shapely.Geometry]:
    at = {tuple(point): number for number, point in enumerate(outline)}
    low, high = at[tuple(rim[0])], at[tuple(rim[-1])]
    west = np.concatenate([outline[high:], outline[:low], rim])[:-1]
    east = np.concatenate([outline[low:high], rim[::-1]])[:-1]
    return [shapely.Polygon(lonlat(west)), shapely.Polygon(lonlat(east))]


class _Work:
    """A city under damage; every zone is touched by one fault at most, and so are its neighbours."""

    def __init__(
        self, side: int, steps: int, ring: Floats, codes: list[str], rng: np.random.Generator
    ) -> None:
        self.side, self.k, self.ring, self.codes, self.rng = side, steps + 1, ring.copy(), codes, rng
        self.before = ring
        spots = [(row, col) for row in range(0, side, 3) for col in range(0, side, 3)]
        half = side // 2
        # Parents meet west of column `half`: only crossings of levels may be there.
        inner = [(r, c) for r, c in spots if 0 < r < side - 2 and 0 < c < side - 2 and abs(c - half) > 2]
        self.pools = {
            "inner": [inner[at] for at in rng.permutation(len(inner))],
            "rim": [(0, c) for c in range(3, side - 3, 3) if abs(c - half) > 2],
            "nested": [(r, half) for r in range(3, side - 3, 3)],
        }
        self.added: list[shapely.Geometry] = []
        self.added_codes: list[str] = []
        self.replaced: dict[int, shapely.Geometry] = {}
        self.things: dict[str, list[shapely.Geometry]] = {"estate": [], "building": []}
        self.lines: list[shapely.Geometry] = []
        self.injected: list[tuple[str, frozenset[str], float, shapely.Point]] = []
        for row, col in spots:
            middle = ring[row * side + col].mean(axis=0)
            self.things["estate"].append(self._square(np.subtract(middle, 70), 60))
            self.things["building"].append(self._square(np.add(middle, 70), 15))

    def _pool(self, kind: str) -> list[tuple[int, int]]:
        return self.pools["rim" if kind in RIM else "nested" if kind in NESTED else "inner"]

    def room(self, kind: str) -> bool:
        """Return whether a cell is left for this kind."""
        return bool(self._pool(kind))

    def free(self, kind: str) -> tuple[int, int]:
        """Return a cell not yet used, for this kind."""
        return self._pool(kind).pop()

    def _square(self, centre: Floats, size: float) -> shapely.Geometry:
        x, y = centre
        h = size / 2
        return shapely.Polygon(
            lonlat(np.array([[x - h, y - h], [x + h, y - h], [x + h, y + h], [x - h, y + h]]))
        )

    def note(self, kind: str, codes: list[str], width: float, place: Floats) -> None:
        """Remember what was injected."""
        self.injected.append((kind, frozenset(codes), width, shapely.Point(lonlat(place))))

    def inject(  # noqa: C901, PLR0912, PLR0915  one short recipe per kind
        self, kind: str, cell: tuple[int, int], width: float, rim: Floats
    ) -> None:
        """Damage one cell."""
        row, col = cell
        at = row * self.side + col
        code, east = self.codes[at], self.codes[(at + 1) % len(self.codes)]
        k, ring = self.k, self.ring
        middle = k + k // 2
        match kind:
            case "overlap" | "gap" | "sliver" | "near_miss":
                if kind == "sliver":
                    width = 0.05 + width % 0.85
                if kind == "gap":
                    width = max(width, 1.5)
                if kind == "near_miss":
                    width = 0.004 + width % 0.012
                moved = slice(k + 2, 2 * k - 2)  # a strip, not a wedge: it is as wide as it says
                ring[at, moved, 0] += width if kind == "overlap" else -width
                self.note(kind, [code, east], width, (ring[at, middle] + self.before[at, middle]) / 2)
            case "inlet":
                width = min(width, 0.6 * CELL_M / k)
                ring[at, k + 1 : k + 4, 0] -= width
                along = ring[at, k - 1] - ring[at, k]  # the mouth stays on the rim
                ring[at, k] += along * width / np.hypot(*along)
                self.note(kind, [code, east], width, (ring[at, k + 1] + self.before[at, k + 1]) / 2)
            case "uncovered" | "outside_parent":
                moved = slice(2, k - 2)
                ring[at, moved, 1] += width if kind == "uncovered" else -width
                self.note(kind, [code], width, (ring[at, k // 2] + self.before[at, k // 2]) / 2)
            case "duplicate":
                self._add(polygons(self.ring[at : at + 1])[0], kind, at, width)
            case "contained":
                size = max(width, 0.5)
                self._add(self._square(ring[at].mean(axis=0), size), kind, at, size)
            case "invalid":
                low, high = ring[at, middle - 1], ring[at, middle + 2]
                ring[at, middle] = low + (high - low) * 2 / 3 + (width, 0)
                ring[at, middle + 1] = (
                    low + (high - low) / 3 + (width, 0)
                )  # back again: the border crosses itself
                self.note(kind, [code], width, ring[at, middle])
            case "stray":
                size = max(width, 0.5)
                centre = self.before[at + 1].mean(axis=0)
                piece = self._square(centre, size)
                own, other = polygons(ring[[at, at + 1]])
                self.replaced[at] = shapely.MultiPolygon([own, piece])
                self.replaced[at + 1] = shapely.Polygon(other.exterior, [piece.exterior])
                self.note(kind, [code], size, centre)
            case "crossing_levels":
                start = row * k + 1
                rim[start + 2 : start + k - 1, 0] += width
                self.note(kind, [code], width, rim[start + k // 2] - (width / 2, 0))
            case "cut_estate" | "cut_building":
                place = self.before[at, middle]
                self.things[kind[4:]].append(self._square(place, 20 + 2 * width))
                self.note(kind, [code, east], width, place)
            case "cut_barrier":
                south, north = ring[at, k // 2], ring[at, 2 * k + k // 2]
                self.lines.append(shapely.LineString(lonlat(np.array([south, north]))))
                self.note(kind, [code], width, (south + north) / 2)

    def _add(self, shape: shapely.Geometry, kind: str, at: int, width: float) -> None:
        code = f"X{len(self.added):04d}"
        self.added.append(shape)
        self.added_codes.append(code)
        self.note(kind, [code, self.codes[at]], width, self.ring[at].mean(axis=0))
