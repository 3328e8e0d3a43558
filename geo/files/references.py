"""The reference of one file: what is declared of it, and what its numbers say about that."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from pyproj import CRS

from geo.crs import declaration_fault, reference
from geo.errors import UnknownReferenceError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geo.files.faults import FaultList, Mask

    Floats = NDArray[np.float64]

_BRACKETS = re.compile(r"[(（\[【](.+?)[)）\]】]")
_SHIFTED_BOUNDS = (72.0, 0.8, 138.0, 56.0)
_AROUND_DEG = 3.0
"""How far outside of the area that a projected reference is made for its coordinates may lie: a neighbouring zone."""


def named_reference(heading: str) -> str | CRS | None:
    """Return the reference that the brackets of a heading name, as in ``经度（GCJ-02）``; None where they name none."""
    inside = _BRACKETS.search(heading)
    try:
        return None if inside is None else reference(inside[1])
    except UnknownReferenceError:
        return None


@dataclass
class Reference:
    """The reference of one file and what was found out about it, kept over its chunks.

    Parameters
    ----------
    declared
        As the user says, or the EPSG code that the file names; None while unknown.
    swap
        x and y of the file are northing and easting.
    warnings
        Sentences in Chinese.
    """

    declared: str | None
    swap: bool = False
    warnings: list[str] = field(default_factory=list)
    known: bool = False

    def examine(self, x: Floats, y: Floats, columns: tuple[str, str], faults: FaultList) -> None:
        """Judge the declaration by the numbers, once: swap surveyors' axes, or report what makes it impossible."""
        if self.known or self.declared is None or not (np.isfinite(x) & np.isfinite(y)).any():
            return
        self.known = True
        fault = declaration_fault(x, y, self.declared)
        if fault is None:
            return
        what, sentence = fault
        if what == "swapped" and isinstance(reference(self.declared), CRS) and not self.geographic:
            self.swap = True
            self.warnings.append(f"{sentence}已按测量习惯对调（x 为北、y 为东）。")
            return
        remedy = {
            "swapped": "请对调经度列与纬度列（经度在前，中国境内约 73–135；纬度约 3–54）。",
            "zone": "请改用正确的 EPSG 代码。",
            "metres": "请改用与数值相符的 EPSG 代码。",
        }[what]
        faults.add_fatal("、".join(dict.fromkeys(columns)), self.declared, sentence, remedy)

    @property
    def geographic(self) -> bool:
        """Whether x and y are degrees."""
        named = reference(self.declared or "EPSG:4490")
        return isinstance(named, str) or bool(named.is_geographic)

    def outside(self, lon: Floats, lat: Floats) -> Mask:
        """Return where places cannot have been meant by projected coordinates; NaN is not."""
        named = reference(self.declared or "EPSG:4490")
        area = None if isinstance(named, str) or named.is_geographic else named.area_of_use
        if area is None:
            return np.zeros(len(lon), dtype=bool)
        west, south, east, north = area.bounds
        wide, high = (west - _AROUND_DEG, east + _AROUND_DEG), (south - _AROUND_DEG, north + _AROUND_DEG)
        return (lon < wide[0]) | (lon > wide[1]) | (lat < high[0]) | (lat > high[1])

    def out_of_range(self, x: Floats, y: Floats) -> Mask:
        """Return where coordinates cannot be of this reference; NaN is not."""
        if not self.geographic:
            return np.isinf(x) | np.isinf(y)
        west, south, east, north = (-180.0, -90.0, 180.0, 90.0)
        if isinstance(reference(self.declared or "EPSG:4490"), str):
            west, south, east, north = _SHIFTED_BOUNDS
        return (x < west) | (x > east) | (y < south) | (y > north)
