"""Where people enter streets: places snapped onto them, the straight pieces that streets are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from geo import walks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int32]

CELL_M = 100.0
"""Cell size of the grid that finds the nearest street."""

_MOST_CELLS = 4_000_000


MAX_ACCESS_M = 300.0
"""Farther than this from any walkable street, a place has no walk: half of a large Chinese block (unverified)."""


@dataclass(frozen=True)
class Nodes:
    """Where streets meet or end: node ``i`` is at ``lon[i], lat[i]`` (degrees, EPSG:4490)."""

    lon: Floats
    lat: Floats

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self.lon)


@dataclass(frozen=True)
class Snaps:
    """Places snapped onto the network, one row per place.

    Parameters
    ----------
    edge
        Row of the nearest walkable edge; −1 where there is no location or no street near enough.
    offset_m
        Way along the edge from its ``from_node`` to the nearest point (in meters).
    access_m
        Straight line between the place and that point (in meters); inf where ``edge`` is −1.
    """

    edge: Ints
    offset_m: Floats
    access_m: Floats

    def __len__(self) -> int:
        """Return the number of places."""
        return len(self.edge)

    @property
    def plain(self) -> walks.Places:
        """The places as compiled loops take them."""
        return walks.Places(self.edge, self.offset_m, self.access_m)

    def take(self, rows: NDArray[Any]) -> Snaps:
        """Return the chosen rows, in that order."""
        return Snaps(self.edge[rows], self.offset_m[rows], self.access_m[rows])


@dataclass(frozen=True)
class StreetPieces:
    """Straight pieces of edges in metres, sorted by edge, and the grid of cells that finds them.

    Piece ``i`` runs from ``(x1[i], y1[i])`` to ``(x2[i], y2[i])``; it begins ``before_m[i]`` along edge ``edge[i]``
    and is ``length_m[i]`` long. Pieces of cell ``c`` are ``members[starts[c]:starts[c + 1]]``.
    """

    x1: Floats
    y1: Floats
    x2: Floats
    y2: Floats
    edge: Ints
    before_m: Floats
    length_m: Floats
    west: float
    south: float
    size: float
    columns: int
    rows: int
    starts: NDArray[np.int64]
    members: Ints

    @classmethod
    def of(cls, lines: NDArray[np.object_], numbers: NDArray[np.int64], lengths_m: Floats) -> StreetPieces:
        """Index lines.

        Parameters
        ----------
        lines
            LineStrings in a metric reference.
        numbers
            Their edges, ascending.
        lengths_m
            Length of every edge by number: offsets follow it where the drawn line differs in its last bits.
        """
        coords, line = shapely.get_coordinates(lines, return_index=True)
        joined = line[1:] == line[:-1]
        a, b = coords[:-1][joined], coords[1:][joined]
        length = np.hypot(*(b - a).T)
        edge = numbers[line[:-1][joined]].astype(np.int32)
        keep = length > 0
        a, b, length, edge = a[keep], b[keep], length[keep], edge[keep]
        summed = np.cumsum(length)
        begins = np.searchsorted(edge, edge)
        before = summed - length - (summed[begins] - length[begins])
        drawn = np.bincount(edge, weights=length, minlength=len(lengths_m))
        scale = (lengths_m / np.where(drawn > 0, drawn, 1.0))[edge]
        x1, y1, x2, y2 = (np.ascontiguousarray(v) for v in (a[:, 0], a[:, 1], b[:, 0], b[:, 1]))
        west, south, east, north = shapely.total_bounds(lines) if len(a) else (0.0, 0.0, 0.0, 0.0)
        wide, high = float(east - west), float(north - south)
        size = max(CELL_M, (wide * high / _MOST_CELLS) ** 0.5, (wide + high) / _MOST_CELLS)
        columns, rows = int(wide // size) + 1, int(high // size) + 1
        starts = np.zeros(columns * rows + 1, dtype=np.int64)
        grid = (float(west), float(south), size, columns, rows)
        walks.cells_of_segments(x1, y1, x2, y2, *grid, starts, np.empty(0, dtype=np.int32))
        starts = np.cumsum(starts)
        members = np.empty(int(starts[-1]), dtype=np.int32)
        if len(members):
            walks.cells_of_segments(x1, y1, x2, y2, *grid, starts.copy(), members)
        return cls(x1, y1, x2, y2, edge, before * scale, length * scale, *grid, starts, members)

    def nearest(self, x: Floats, y: Floats, limit_m: float) -> tuple[Ints, Floats, Floats]:
        """Find the nearest edge of points (in meters).

        Returns
        -------
        tuple of ndarray
            Edge (−1: none within ``limit_m``, or no location), offset along it and distance (inf: none).
        """
        found, far = np.empty(len(x), dtype=np.int32), np.empty((len(x), 2))

        def work(a: int, b: int) -> None:
            walks.nearest_segments(
                x[a:b], y[a:b], float(limit_m), self.x1, self.y1, self.x2, self.y2, self.west, self.south,
                self.size, self.columns, self.rows, self.starts, self.members, found[a:b], far[a:b],
            )  # fmt: skip

        walks.in_threads(work, len(x), smallest=2_000)
        if not len(self.edge):
            return found, np.zeros(len(x)), np.full(len(x), np.inf)
        edge = np.where(found >= 0, self.edge[found], np.int32(-1)).astype(np.int32)
        offset = np.where(found >= 0, self.before_m[found] + far[:, 1] * self.length_m[found], 0.0)
        return edge, offset, far[:, 0].copy()

    def between(self, edge: NDArray[np.int64], begin_m: Floats, end_m: Floats) -> NDArray[np.object_]:
        """Cut pieces of edges between two offsets each.

        Returns
        -------
        ndarray
            Straight LineStrings, in all what lies between ``begin_m`` and ``end_m`` of each edge.
        """
        first, last = np.searchsorted(self.edge, edge), np.searchsorted(self.edge, edge, side="right")
        sizes = last - first
        wish = np.repeat(np.arange(len(edge)), sizes)
        piece = np.arange(len(wish)) - np.repeat(np.cumsum(sizes) - sizes, sizes) + np.repeat(first, sizes)
        length = self.length_m[piece]
        low = np.clip((begin_m[wish] - self.before_m[piece]) / length, 0.0, 1.0)
        high = np.clip((end_m[wish] - self.before_m[piece]) / length, 0.0, 1.0)
        keep = high > low
        piece, low, high = piece[keep], low[keep], high[keep]
        dx, dy = self.x2[piece] - self.x1[piece], self.y2[piece] - self.y1[piece]
        coords = np.empty((len(piece), 2, 2))
        coords[:, 0, 0], coords[:, 0, 1] = self.x1[piece] + low * dx, self.y1[piece] + low * dy
        coords[:, 1, 0], coords[:, 1, 1] = self.x1[piece] + high * dx, self.y1[piece] + high * dy
        return np.asarray(shapely.linestrings(coords), dtype=object)
