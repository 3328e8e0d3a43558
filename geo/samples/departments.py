"""Departments' own layers: drawn for another purpose, at another grain, and in one case with known faults."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from geo.partition import components, contiguous_parts
from geo.samples.town import Town, lonlat_of, metres_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely import Polygon
    from shapely.geometry.base import BaseGeometry

    Vertex = tuple[float, ...]

GAP_WIDTHS_M = (1.5, 4.0, 9.0, 20.0)
OVERLAP_WIDTHS_M = (0.08, 0.4, 2.0, 5.0, 10.0, 18.0)
SLIVER_WIDTHS_M = (0.05, 0.05, 0.1, 0.2, 0.3, 0.5)
"""Gaps narrower than a metre: nobody meant them."""

INLETS = 3
APART_M = 60.0
"""Injected faults keep this distance from each other, so that each can be told from the next."""


def dissolve(blocks: NDArray[Any], labels: NDArray[np.int64]) -> NDArray[Any]:
    """Unite blocks by label (0, 1, … without holes); every vertex on a border stays."""
    order = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[order], np.arange(labels.max() + 2))
    merged = [shapely.coverage_union_all(blocks[order[start:stop]]) for start, stop in pairwise(starts)]
    return np.array([_plain(shape) for shape in merged], dtype=object)


def _plain(shape: BaseGeometry) -> BaseGeometry:
    """Return the polygon of a one-part collection."""
    parts = shapely.get_parts([shape])
    return cast("BaseGeometry", parts[0]) if len(parts) == 1 else shapely.MultiPolygon(list(parts))


def shifted(
    pairs: NDArray[np.int64], labels: NDArray[np.int64], share: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Give a share of the border blocks to a neighbouring zone where both zones stay in one piece."""
    labels = labels.copy()
    a, b = pairs.T
    neighbours: dict[int, list[int]] = defaultdict(list)
    for left, right in pairs.tolist():
        neighbours[left].append(right)
        neighbours[right].append(left)
    border = np.unique(np.concatenate([a, b])[np.tile(labels[a] != labels[b], 2)])
    for block in rng.permutation(border)[: int(share * len(border))].tolist():
        mine = labels[block]
        others = sorted({int(labels[other]) for other in neighbours[block]} - {int(mine)})
        rest = np.flatnonzero(labels == mine)
        rest = rest[rest != block]
        if not others or len(rest) == 0:
            continue
        position = np.full(len(labels), -1, dtype=np.int64)
        position[rest] = np.arange(len(rest))
        near = position[np.array([[left, right] for left in rest.tolist() for right in neighbours[left]])]
        near = near[(near >= 0).all(axis=1)]
        if components(len(rest), near).max() == 0:
            labels[block] = others[int(rng.integers(len(others)))]
    return np.asarray(np.unique(labels, return_inverse=True)[1].reshape(-1))


def parts_of(
    town: Town, weights: NDArray[Any], within: NDArray[np.int64], limits: tuple[float, float], seed: int
) -> NDArray[np.int64]:
    """Divide each of the zones given by label into connected parts of some weight."""
    joined = within[town.pairs[:, 0]] == within[town.pairs[:, 1]]
    strength = town.pair_length_m / town.pair_cost**2
    low, high = limits
    return contiguous_parts(
        weights, town.pairs[joined], strength=strength[joined], low=low, high=high, seed=seed
    )


def sketchy(zones: NDArray[Any], outline: Polygon, swing_m: float, rng: np.random.Generator) -> NDArray[Any]:
    """Redraw borders some metres off, as from another base map: smoothly, and not on the outer border.

    The displacement bends over hundreds of metres, so that it turns no polygon inside out and neighbours
    keep sharing their vertices.
    """
    phase = rng.uniform(0.0, 6.28, 4)
    ring = cKDTree(metres_of(shapely.get_coordinates(shapely.segmentize(outline, 1e-4))))

    def displace(lonlat: NDArray[np.float64]) -> NDArray[np.float64]:
        xy = metres_of(lonlat)
        x, y = xy.T
        fade = np.minimum(1.0, ring.query(xy)[0] / 120.0)
        moved = np.column_stack(
            [
                np.sin(x / 131.0 + phase[0]) + np.cos(y / 173.0 + phase[1]),
                np.cos(x / 149.0 + phase[2]) + np.sin(y / 113.0 + phase[3]),
            ]
        )
        far = fade > 0.0
        out = lonlat.copy()
        out[far] = lonlat_of(xy[far] + 0.5 * swing_m * moved[far] * fade[far, None])
        return out

    return np.asarray(shapely.transform(zones, displace))


class Faults:
    """Injects known faults into a coverage.

    Parameters
    ----------
    zones
        Polygons of a valid coverage in lon/lat.
    codes
        Their codes.
    outline
        The territory.
    rng
        Source of chance.
    """

    def __init__(
        self, zones: NDArray[Any], codes: list[str], outline: Polygon, rng: np.random.Generator
    ) -> None:
        self.zones = zones.copy()
        self.codes = list(codes)
        self._rng = rng
        self._outer = {tuple(xy) for xy in shapely.get_coordinates(outline).tolist()}
        self._used: list[NDArray[np.float64]] = []
        self._rows: list[dict[str, Any]] = []
        self._borders = self._shared_segments()

    def _shared_segments(self) -> NDArray[np.float64]:
        """Return segments shared by two zones: x0, y0, x1, y1 (lon/lat), left row, right row, in chance order."""
        owners: dict[tuple[tuple[float, ...], ...], list[int]] = defaultdict(list)
        for row, zone in enumerate(self.zones):
            for ring in (zone.exterior, *zone.interiors):
                points = [tuple(xy) for xy in shapely.get_coordinates(ring).tolist()]
                for start, end in pairwise(points):
                    owners[min(start, end), max(start, end)].append(row)
        shared = [[*start, *end, *rows] for (start, end), rows in owners.items() if len(set(rows)) == 2]  # noqa: PLR2004
        return self._rng.permutation(np.array(shared)) if shared else np.zeros((0, 6))

    def _free(self, xy: NDArray[np.float64]) -> bool:
        return all(np.hypot(*(xy - other)) > APART_M for other in self._used)

    def _note(self, kind: str, rows: list[int], shape: BaseGeometry, width_m: float) -> None:
        plane = shapely.transform(shape, metres_of)
        self._used.append(np.array(plane.centroid.coords[0]))
        self._rows.append(
            {
                "kind": kind,
                "codes": [self.codes[row] for row in rows],
                "area_m2": round(float(plane.area), 3),
                "width_m": width_m,
                "geometry": shape,
            }
        )

    def _split(self, row: int, start: Vertex, end: Vertex, between: list[Vertex]) -> Polygon:
        """Return a zone with more vertices on its segment from start to end."""

        def ring(line: BaseGeometry) -> list[Vertex]:
            points = [tuple(xy) for xy in shapely.get_coordinates(line).tolist()]
            out = []
            for here, there in pairwise(points):
                out.append(here)
                if (here, there) == (start, end):
                    out.extend(between)
                elif (there, here) == (start, end):
                    out.extend(between[::-1])
            return out

        zone = cast("Polygon", self.zones[row])
        return shapely.Polygon(ring(zone.exterior), [ring(hole) for hole in zone.interiors])

    def _strip(self, width_m: float, shortest_m: float, longest_m: float) -> tuple[int, int, Polygon] | None:
        """Find a border and draw a strip of a width along it: zone that it lies in, the other zone, the strip.

        The two ends of the strip become vertices of both zones, so that nothing but the strip is wrong there.
        """
        for x0, y0, x1, y1, left, right in self._borders.tolist():
            start, end = (x0, y0), (x1, y1)
            ends = metres_of(np.array([start, end]))
            length = float(np.hypot(*(ends[1] - ends[0])))
            if length < shortest_m / 0.6 or not self._free(ends.mean(axis=0)):
                continue
            span = min(0.6 * length, longest_m) / length
            p, q = ends[0] + (0.5 + span / 2 * np.array([[-1.0], [1.0]])) * (ends[1] - ends[0])
            normal = np.array([-(q - p)[1], (q - p)[0]]) / np.hypot(*(q - p)) * width_m
            taper = (q - p) * 0.1
            for row, other in ((int(left), int(right)), (int(right), int(left))):
                for sign in (1.0, -1.0):
                    corners = lonlat_of(
                        np.array([p, q, q - taper + sign * normal, p + taper + sign * normal])
                    )
                    strip = shapely.Polygon(corners)
                    if not strip.is_valid or strip.area == 0.0:
                        continue
                    between = [tuple(xy) for xy in corners[:2].tolist()]
                    zone = self._split(row, start, end, between)
                    rest = shapely.difference(zone, strip)
                    inner = shapely.Point(corners[2:].mean(axis=0))
                    if not zone.contains(inner) or rest.geom_type != "Polygon" or not zone.covers(strip):
                        continue
                    if shapely.get_num_coordinates(rest) != shapely.get_num_coordinates(zone) + 2:
                        continue
                    self.zones[other] = self._split(other, start, end, between)
                    self.zones[row] = zone
                    self._borders = self._borders[
                        ~(self._borders[:, :4] == np.array([x0, y0, x1, y1])).all(axis=1)
                    ]
                    return row, other, strip
        return None

    def gap(self, width_m: float, *, kind: str = "gap", shortest_m: float = 12.0) -> None:
        """Take a strip along a border away from one zone."""
        found = self._strip(width_m, shortest_m, 90.0)
        if found is not None:
            row, other, strip = found
            self.zones[row] = shapely.difference(self.zones[row], strip)
            self._note(kind, [row, other], strip, width_m)

    def overlap(self, width_m: float) -> None:
        """Give a strip along a border to the other zone as well."""
        found = self._strip(width_m, 12.0, 90.0)
        if found is not None:
            row, other, strip = found
            self.zones[other] = shapely.union(self.zones[other], strip)
            self._note("overlap", [row, other], strip, width_m)

    def stray(self) -> None:
        """Give a piece of one zone, away from any border with it, to another: it becomes a detached part."""
        found = self._strip(14.0, 30.0, 60.0)
        if found is None:
            return
        row, other, strip = found
        far = [
            number
            for number in range(len(self.zones))
            if number not in (row, other) and shapely.distance(self.zones[number], strip) > 0.005  # noqa: PLR2004
        ]
        owner = min(far, key=lambda number: float(shapely.distance(self.zones[number], strip)))
        self.zones[row] = shapely.difference(self.zones[row], strip)
        self.zones[owner] = shapely.MultiPolygon([self.zones[owner], strip])
        self._note("stray", [owner], strip, 14.0)

    def inlet(self) -> None:
        """Cut a wedge where a border between two zones reaches the outline: open to the outside."""
        for x0, y0, x1, y1, left, right in self._borders.tolist():
            for root, far in (((x0, y0), (x1, y1)), ((x1, y1), (x0, y0))):
                if root not in self._outer or far in self._outer:
                    continue
                if not self._free(metres_of(np.array([root]))[0]):
                    continue
                for row, other in ((int(left), int(right)), (int(right), int(left))):
                    if self.zones[row].geom_type != "Polygon":
                        continue
                    ring = [
                        tuple(xy) for xy in shapely.get_coordinates(self.zones[row].exterior)[:-1].tolist()
                    ]
                    at = ring.index(root) if root in ring else -1
                    mouths = [ring[(at + step) % len(ring)] for step in (1, -1)] if at >= 0 else []
                    for mouth in mouths:
                        if mouth not in self._outer:
                            continue
                        wedge = shapely.Polygon([root, mouth, far])
                        rest = shapely.difference(self.zones[row], wedge)
                        if (
                            wedge.area == 0.0
                            or not self.zones[row].covers(wedge)
                            or rest.geom_type != "Polygon"
                            or len(rest.exterior.coords) != len(ring)
                        ):
                            continue
                        width_m = float(np.hypot(*np.diff(metres_of(np.array([root, mouth])), axis=0)[0]))
                        self.zones[row] = rest
                        self._note("inlet", [row, other], wedge, round(width_m, 3))
                        self._borders = self._borders[
                            ~(self._borders[:, :4] == np.array([x0, y0, x1, y1])).all(axis=1)
                        ]
                        return

    def duplicate(self, code: str) -> None:
        """Register a zone a second time under another code."""
        row = self._quiet()
        self.zones = np.concatenate([self.zones, self.zones[[row]]])
        self.codes.append(code)
        self._note("duplicate", [row, len(self.codes) - 1], self.zones[row], 0.0)

    def contained(self, code: str) -> None:
        """Register a zone that lies wholly inside another."""
        row = self._quiet()
        middle = metres_of(shapely.get_coordinates(shapely.point_on_surface([self.zones[row]])))
        disc = shapely.Point(*middle[0]).buffer(18.0, quad_segs=4)
        inside = shapely.transform(disc, lonlat_of)
        self.zones = np.concatenate([self.zones, [inside]])
        self.codes.append(code)
        self._note("contained", [len(self.codes) - 1, row], inside, 36.0)

    def _quiet(self) -> int:
        """Return the smallest zone that no fault touches yet."""
        touched = {code for note in self._rows for code in note["codes"]}
        area = shapely.area(self.zones)
        for row in np.argsort(area).tolist():
            roomy = shapely.transform(self.zones[row], metres_of).buffer(-25.0)
            if self.codes[row] not in touched and not roomy.is_empty:
                return int(row)
        return int(area.argmax())

    def frame(self) -> gpd.GeoDataFrame:
        """Return what was injected, one row per fault."""
        columns = ["kind", "codes", "area_m2", "width_m", "geometry"]
        rows = pd.DataFrame(self._rows, columns=columns)
        return gpd.GeoDataFrame(rows, geometry="geometry", crs="EPSG:4490")


def inject(
    zones: NDArray[Any], codes: list[str], outline: Polygon, rng: np.random.Generator
) -> tuple[NDArray[Any], list[str], gpd.GeoDataFrame]:
    """Return zones and codes with known faults of every kind, and the list of those faults."""
    faults = Faults(zones, codes, outline, rng)
    for _ in range(INLETS):
        faults.inlet()
    for width_m in sorted(GAP_WIDTHS_M, reverse=True):
        faults.gap(width_m)
    for width_m in sorted(OVERLAP_WIDTHS_M, reverse=True):
        faults.overlap(width_m)
    for width_m in SLIVER_WIDTHS_M:
        faults.gap(width_m, kind="sliver", shortest_m=25.0)
    faults.stray()
    faults.duplicate("DJ901")
    faults.contained("DJ902")
    return faults.zones, faults.codes, faults.frame()
