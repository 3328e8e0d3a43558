"""Who is in which zone of a draft, kept up to date edit by edit, and the move ledger.

Only subjects that an edit can have moved are located again, so an edit costs the same in a town of a hundred thousand
households and in a city of ten million.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.assignment import ZoneIndex, changed_boxes
from geo.crs import INTERNAL_CRS, to_metric
from geo.records import SUBJECT_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import ArrayLike, NDArray

    from geo.plans.draft import Change, Draft, PlanZone

CELL_DEG = 0.0005
"""Side of the cells that subjects are sorted into: about 50 m, a handful of buildings."""

NOWHERE = -1


@dataclass(frozen=True)
class ZoneFigures:
    """The figures of one zone.

    Parameters
    ----------
    code
        Its code.
    counts
        Subjects by kind.
    people
        Sum over the subjects whose people are known; None when nobody's are.
    area_m2, perimeter_m
        Measured in the metric reference of the place.
    compactness
        Polsby-Popper: 4π·area / perimeter², 1 for a circle.
    parts
        Number of pieces.
    """

    code: str
    counts: dict[str, int]
    people: int | None
    area_m2: float
    perimeter_m: float
    compactness: float
    parts: int


class Census:
    """Subjects of a place, sorted by place, and the zone of each at every level of a draft.

    Parameters
    ----------
    codes
        Code of each subject, (n,).
    kinds
        Kind of each, one of `geo.records.SUBJECT_KINDS`, (n,).
    people
        People of each, NaN where unknown, (n,).
    lon, lat
        Degrees, NaN where unknown, (n,).
    """

    def __init__(
        self, codes: ArrayLike, kinds: ArrayLike, people: ArrayLike, lon: ArrayLike, lat: ArrayLike
    ) -> None:
        x, y = np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64)
        placed = np.isfinite(x) & np.isfinite(y)
        column = np.where(placed, np.floor(np.where(placed, x, 0) / CELL_DEG), np.iinfo(np.int32).max).astype(
            np.int64
        )
        row = np.where(placed, np.floor(np.where(placed, y, 0) / CELL_DEG), np.iinfo(np.int32).max).astype(
            np.int64
        )
        order = np.lexsort((column, row))
        self.codes = np.asarray(codes, dtype=object)[order]
        self.lon, self.lat = x[order], y[order]
        self._kind = pd.Categorical(
            np.asarray(kinds, dtype=object)[order], categories=list(SUBJECT_KINDS)
        ).codes
        self._people = np.asarray(people, dtype=np.float64)[order]
        # Row by row of cells, a range of columns is a range of positions: found by bisection on one key.
        self._key = (row[order] << 32) + (column[order] + (1 << 31))
        self._names: dict[str, list[str]] = {}
        self._number: dict[str, dict[str, int]] = {}
        self._home: dict[str, NDArray[np.int32]] = {}
        self._moved: dict[str, dict[int, int]] = {}

    def __len__(self) -> int:
        """Return the number of subjects."""
        return len(self.codes)

    def settle(self, draft: Draft, levels: Iterable[str] | None = None) -> None:
        """Locate every subject in the zones of a draft: the base that the ledger compares with."""
        for level in levels or draft.levels:
            zones = draft.at(level)
            self._names[level] = [zone.code for zone in zones]
            self._number[level] = {code: number for number, code in enumerate(self._names[level])}
            if zones:
                self._home[level] = ZoneIndex(_frame(zones)).locate(self.lon, self.lat)
            else:
                self._home[level] = np.full(len(self), NOWHERE, dtype=np.int32)
            self._moved[level] = {}

    def follow(self, draft: Draft, change: Change, inverse: Change) -> pd.DataFrame:
        """Bring homes up to date after ``draft.apply(change)`` returned ``inverse``.

        Returns
        -------
        DataFrame
            One row per subject that moved: ``level, subject, kind, people, from_zone, to_zone`` (None: in no zone).
        """
        frames = []
        for level in dict.fromkeys(level for level, _ in change.keys if level in self._home):
            before = [zone for zone in inverse.put if zone.level == level]
            after = [zone for zone in change.put if zone.level == level]
            rows = self.near(changed_boxes(_frame(before), _frame(after)))
            now = np.full(len(rows), NOWHERE, dtype=np.int32)
            if len(rows):
                reach = shapely.box(
                    self.lon[rows].min(), self.lat[rows].min(), self.lon[rows].max(), self.lat[rows].max()
                )
                around = draft.touching(level, reach)
                if around:
                    found = ZoneIndex(_frame(around)).locate(self.lon[rows], self.lat[rows])
                    numbers = np.array([self._numbered(level, zone.code) for zone in around], dtype=np.int32)
                    now = np.where(found >= 0, numbers[found], NOWHERE).astype(np.int32)
            was = self._home[level][rows]
            different = was != now
            frames.append(self._moves(level, rows[different], was[different], now[different]))
            self._move(level, rows[different], was[different], now[different])
        return (
            pd.concat(frames, ignore_index=True)
            if frames
            else self._moves("", np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int32))
        )

    def ledger(self) -> pd.DataFrame:
        """Return the move ledger: every subject whose zone is another than when `settle` was called."""
        frames = []
        for level, moved in self._moved.items():
            rows = np.array(sorted(moved), dtype=np.int64)
            was = np.array([moved[row] for row in rows], dtype=np.int32)
            frames.append(self._moves(level, rows, was, self._home[level][rows]))
        return pd.concat(frames, ignore_index=True)

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

    def figures(self, zones: Sequence[PlanZone]) -> list[ZoneFigures]:
        """Return the figures of zones of the draft that was followed last."""
        if not zones:
            return []
        metric = to_metric(gpd.GeoSeries([zone.geometry for zone in zones], crs=INTERNAL_CRS))
        figures = []
        for zone, shape in zip(zones, metric, strict=True):
            rows = self.near(np.array([zone.geometry.bounds]))
            rows = rows[self._home[zone.level][rows] == self._numbered(zone.level, zone.code)]
            known = self._people[rows]
            figures.append(
                ZoneFigures(
                    code=zone.code,
                    counts={
                        kind: int(count)
                        for kind, count in zip(
                            SUBJECT_KINDS,
                            np.bincount(self._kind[rows], minlength=len(SUBJECT_KINDS)),
                            strict=True,
                        )
                    },
                    people=int(np.nansum(known)) if np.isfinite(known).any() else None,
                    area_m2=float(shape.area),
                    perimeter_m=float(shape.length),
                    compactness=float(4 * np.pi * shape.area / shape.length**2),
                    parts=len(shapely.get_parts(shape)),
                )
            )
        return figures

    def home(self, level: str) -> NDArray[np.object_]:
        """Return the code of each subject's zone at a level, None where it is in none."""
        names = np.array([*self._names[level], None], dtype=object)
        return names[self._home[level]]

    def _numbered(self, level: str, code: str) -> int:
        numbers = self._number[level]
        if code not in numbers:
            numbers[code] = len(self._names[level])
            self._names[level].append(code)
        return numbers[code]

    def _move(
        self, level: str, rows: NDArray[np.int64], was: NDArray[np.int32], now: NDArray[np.int32]
    ) -> None:
        moved = self._moved[level]
        for row, old, new in zip(rows.tolist(), was.tolist(), now.tolist(), strict=True):
            if moved.setdefault(row, old) == new:
                del moved[row]
        self._home[level][rows] = now

    def _moves(
        self, level: str, rows: NDArray[np.int64], was: NDArray[np.int32], now: NDArray[np.int32]
    ) -> pd.DataFrame:
        names = np.array([*self._names.get(level, ()), None], dtype=object)
        return pd.DataFrame(
            {
                "level": np.full(len(rows), level, dtype=object),
                "subject": self.codes[rows],
                "kind": np.array([*SUBJECT_KINDS], dtype=object)[self._kind[rows]],
                "people": self._people[rows],
                "from_zone": names[was],
                "to_zone": names[now],
            }
        )


def _frame(zones: Sequence[PlanZone]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        {"code": [zone.code for zone in zones]},
        geometry=gpd.GeoSeries([zone.geometry for zone in zones], crs=INTERNAL_CRS),
    )
