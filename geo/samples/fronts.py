"""Places along the streets of the synthetic town: gates, shop doors, house numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import shapely

from geo.samples.town import metres_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geo.samples.town import Town

FRONT_SETBACK_M = 8.0
"""How far inside its block a door stands."""

_WALKED = {"primary": 3.0, "secondary": 2.5, "tertiary": 2.0, "residential": 1.0}
# how much shops and gates prefer a kind of street, per metre of it


class Fronts:
    """Places along the streets: a point just inside a block, with the street's name and a number.

    Parameters
    ----------
    town
        The town.
    rng
        Source of chance.
    """

    def __init__(self, town: Town, rng: np.random.Generator) -> None:
        self._rng = rng
        self._plane = shapely.transform(town.blocks, metres_of)
        named = np.array([line.name != "" for line in town.lines])
        sides = town.sides
        sides = sides[named[sides[:, 1].astype(int)]]
        self._sides = sides[np.argsort(sides[:, 0], kind="stable")]
        self._starts = np.searchsorted(self._sides[:, 0], np.arange(len(town.blocks) + 1))
        self._length = np.hypot(self._sides[:, 4] - self._sides[:, 2], self._sides[:, 5] - self._sides[:, 3])
        walked = np.array([_WALKED.get(line.kind, 0.0) for line in town.lines])
        self._weight = self._length * walked[self._sides[:, 1].astype(int)]
        self._whole = np.array([line.geometry for line in town.lines], dtype=object)
        self._names = [line.name for line in town.lines]
        self._lanes: set[tuple[str, int]] = set()
        self._doors: dict[tuple[str, int], int] = {}

    def number(self, line: NDArray[np.int64], xy: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return house numbers: they grow by two every eight metres, odd on one side."""
        along = shapely.line_locate_point(self._whole[line], shapely.points(xy))
        ahead = shapely.get_coordinates(shapely.line_interpolate_point(self._whole[line], along + 1.0))
        here = shapely.get_coordinates(shapely.line_interpolate_point(self._whole[line], along))
        way, off = ahead - here, xy - here
        odd = way[:, 0] * off[:, 1] - way[:, 1] * off[:, 0] > 0
        return np.asarray(np.floor(along / 8.0).astype(np.int64) * 2 + np.where(odd, 1, 2))

    def lane(self, block: int) -> tuple[str, int]:
        """Return the street that a block's gate opens to and a lane number (弄) that nothing else has."""
        rows = slice(self._starts[block], self._starts[block + 1])
        if rows.start == rows.stop:
            return "颛桥镇路", self._fresh("颛桥镇路", 1)
        lines = self._sides[rows, 1].astype(int)
        total = np.bincount(lines, weights=self._weight[rows])
        line = int(total.argmax())
        middle = shapely.get_coordinates(shapely.point_on_surface([self._plane[block]]))
        name = self._names[line]
        return name, self._fresh(name, int(self.number(np.array([line]), middle)[0]))

    def _fresh(self, name: str, number: int) -> int:
        while (name, number) in self._lanes:
            number += 2
        self._lanes.add((name, number))
        return number

    def places(self, blocks: NDArray[np.int64]) -> tuple[NDArray[np.float64], list[str]]:
        """Return a point (metres) and an address along a street for every block given."""
        xy = shapely.get_coordinates(shapely.point_on_surface(self._plane[blocks]))
        line = np.full(len(blocks), -1)
        cumulative = np.concatenate([[0.0], np.cumsum(self._weight)])
        lowest, highest = cumulative[self._starts[blocks]], cumulative[self._starts[blocks + 1]]
        for _ in range(4):  # a try in a sharp corner may fall outside its block
            side = np.searchsorted(cumulative, self._rng.uniform(lowest, highest), side="right") - 1
            side = np.clip(side, 0, len(self._sides) - 1)
            x0, y0, x1, y1 = self._sides[side, 2:].T
            share = self._rng.uniform(0.1, 0.9, len(blocks))
            length = np.maximum(self._length[side], 1e-6)
            foot = np.column_stack([x0 + share * (x1 - x0), y0 + share * (y1 - y0)])
            normal = np.column_stack([-(y1 - y0), x1 - x0]) / length[:, None] * FRONT_SETBACK_M
            for sign in (1.0, -1.0):
                tried = foot + sign * normal
                good = (line < 0) & (highest > lowest)
                good &= shapely.contains_properly(self._plane[blocks], shapely.points(tried))
                xy[good] = tried[good]
                line[good] = self._sides[side[good], 1].astype(int)
        numbers = self.number(np.maximum(line, 0), xy)
        texts = []
        for row, number in zip(line.tolist(), numbers.tolist(), strict=True):
            name = self._names[row] if row >= 0 else "颛桥镇路"
            door = self._doors[name, number] = self._doors.get((name, number), 0) + 1
            texts.append(f"{name}{number}号" if door == 1 else f"{name}{number}号{100 + door}室")
        return xy, texts
