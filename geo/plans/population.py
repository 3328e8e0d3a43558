"""Where the subjects and stations of a place are: sorted by place once, shared by every plan of the territory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from geo.records import SUBJECT_KINDS

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

CELL_DEG = 0.0005
"""Side of the cells that subjects are sorted into: about 50 m, a handful of buildings."""

UNKNOWN = -1
"""People unknown, in the arrays."""

STATION = len(SUBJECT_KINDS)
"""The kind of a service station among subjects: it is counted by zone as they are, and never in a ledger."""

HOUSEHOLD = SUBJECT_KINDS.index("household")


class Population:
    """Subjects and stations, sorted by place. Nothing of it changes, but that `reached` becomes known.

    Parameters
    ----------
    codes
        Code or row number of each subject, (n,).
    kinds
        Kind of each, one of `geo.records.SUBJECT_KINDS`, or its position there (integers), (n,).
    people
        People of each, NaN or negative where unknown, (n,).
    lon, lat
        Degrees, NaN or infinite where unknown, (n,).
    stations
        Lon/lat of service stations, (m, 2).
    """

    def __init__(
        self,
        codes: ArrayLike,
        kinds: ArrayLike,
        people: ArrayLike,
        lon: ArrayLike,
        lat: ArrayLike,
        *,
        stations: ArrayLike = (),
    ) -> None:
        x, y = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
        kind, known, code = _kind_numbers(kinds), _people(people), _codes(codes)
        post = np.asarray(stations, dtype=np.float64).reshape(-1, 2)
        if len(post):
            x, y = np.concatenate([x, post[:, 0]]), np.concatenate([y, post[:, 1]])
            kind = np.concatenate([kind, np.full(len(post), STATION, dtype=np.int8)])
            known = np.concatenate([known, np.full(len(post), UNKNOWN, dtype=np.int32)])
            code = np.concatenate([code, np.full(len(post), 0 if code.dtype != object else "", code.dtype)])
        placed = np.isfinite(x) & np.isfinite(y)
        cell = np.full((2, len(x)), np.iinfo(np.int32).max, dtype=np.int64)
        cell[0, placed], cell[1, placed] = np.floor(y[placed] / CELL_DEG), np.floor(x[placed] / CELL_DEG)
        # Row by row of cells, a range of columns is a range of positions: found by bisection on one key.
        key = (cell[0] << 32) + (cell[1] + (1 << 31))
        order = np.argsort(key, kind="stable")
        self._key = key[order]
        self.codes = code[order]
        self.lon, self.lat = x[order], y[order]
        self.kind, self.people = kind[order], known[order]
        self.reached: NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        """Return the number of subjects and stations."""
        return len(self.kind)

    @property
    def households(self) -> NDArray[np.int64]:
        """Positions of the households."""
        return np.flatnonzero(self.kind == HOUSEHOLD)

    def near(self, boxes: NDArray[np.float64]) -> NDArray[np.int64]:
        """Return the positions of the subjects in any of these boxes (k, 4), in degrees, borders included."""
        found = []
        for west, south, east, north in boxes:
            first, last = int(np.floor(west / CELL_DEG)), int(np.floor(east / CELL_DEG))
            rows = np.arange(
                int(np.floor(south / CELL_DEG)), int(np.floor(north / CELL_DEG)) + 1, dtype=np.int64
            )
            starts = np.searchsorted(self._key, (rows << 32) + (first + (1 << 31)))
            stops = np.searchsorted(self._key, (rows << 32) + (last + (1 << 31)), side="right")
            for start, stop in zip(starts, stops, strict=True):
                part = slice(start, stop)
                inside = (
                    (self.lon[part] >= west)
                    & (self.lon[part] <= east)
                    & (self.lat[part] >= south)
                    & (self.lat[part] <= north)
                )
                found.append(start + np.flatnonzero(inside))
        return np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)


def _kind_numbers(kinds: ArrayLike) -> NDArray[np.int8]:
    given = np.asarray(kinds)
    if np.issubdtype(given.dtype, np.integer):
        return given.astype(np.int8)
    numbers: NDArray[np.int8] = pd.Categorical(given.astype(object), categories=list(SUBJECT_KINDS)).codes
    return numbers.astype(np.int8)


def _people(people: ArrayLike) -> NDArray[np.int32]:
    given = np.asarray(people)
    if np.issubdtype(given.dtype, np.integer):
        return np.where(given < 0, UNKNOWN, given).astype(np.int32)
    given = given.astype(np.float64)
    return np.where(np.isfinite(given) & (given >= 0), given, UNKNOWN).astype(np.int32)


def _codes(codes: ArrayLike) -> NDArray[np.int64] | NDArray[np.object_]:
    given = np.asarray(codes)
    return given.astype(np.int64) if np.issubdtype(given.dtype, np.integer) else given.astype(object)
