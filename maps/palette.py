"""Colours, line widths and classes that the web map and the briefing pages share.

One file, ``maps/editor/palette.json``, feeds both, so that a printed page is recognisably the same map.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

PALETTE: dict[str, Any] = json.loads((Path(__file__).parent / "editor" / "palette.json").read_text("utf-8"))

CLASSES_MOST = 5
"""More classes than five cannot be told apart on paper."""

_MIDDLE_OF_ONE = 2


@dataclass(frozen=True)
class ValueClass:
    """One class of a choropleth.

    Parameters
    ----------
    low
        Smallest value in it.
    high
        Largest value in it.
    zones
        How many zones have a value in it.
    colour
        Its colour, ``#rrggbb``.
    """

    low: float
    high: float
    zones: int
    colour: str


def natural_classes(values: Iterable[float | None], most: int = CLASSES_MOST) -> list[ValueClass]:
    """Split values into the classes that differ least inside.

    Classes are the runs of the sorted values with the smallest sum of squared deviations from their means
    (Fisher 1958, Jenks 1977). Equal values stay together; unknown ones (None, NaN) are in none.
    ``maps/editor/src/classes.js`` does the same for the web map.

    Parameters
    ----------
    values
        One value per zone.
    most
        Largest number of classes.

    Returns
    -------
    list of ValueClass
        In growing order; empty when no value is known.

    Examples
    --------
    >>> [(c.low, c.high, c.zones) for c in natural_classes([1, 2, 50, 52, None], most=2)]
    [(1.0, 2.0, 2), (50.0, 52.0, 2)]
    """
    known = np.array([value for value in values if value is not None], dtype=float)
    distinct, weights = np.unique(known[np.isfinite(known)], return_counts=True)
    count = min(most, len(distinct))
    if count == 0:
        return []
    off = distinct - distinct[0]  # about the first value, so that digits are not lost
    n = np.concatenate([[0.0], np.cumsum(weights)])
    s = np.concatenate([[0.0], np.cumsum(weights * off)])
    q = np.concatenate([[0.0], np.cumsum(weights * off * off)])

    def cost(first: Any, end: int) -> Any:  # noqa: ANN401  an index or an array of them
        total = s[end + 1] - s[first]
        return q[end + 1] - q[first] - total * total / (n[end + 1] - n[first])

    best = np.array([cost(0, end) for end in range(len(distinct))])
    starts = [np.zeros(len(distinct), dtype=int)]
    for classes in range(1, count):
        following = np.full(len(distinct), np.inf)
        start = np.zeros(len(distinct), dtype=int)
        for end in range(classes, len(distinct)):
            first = np.arange(classes, end + 1)
            totals = best[first - 1] + cost(first, end)
            pick = int(np.argmin(totals))
            following[end], start[end] = totals[pick], first[pick]
        best = following
        starts.append(start)
    runs: list[tuple[int, int]] = []
    end = len(distinct) - 1
    for start in reversed(starts):
        runs.insert(0, (int(start[end]), end))
        end = int(start[end]) - 1
    return [
        ValueClass(
            float(distinct[first]),
            float(distinct[last]),
            int(weights[first : last + 1].sum()),
            _colour(index, count),
        )
        for index, (first, last) in enumerate(runs)
    ]


def colour_of(classes: list[ValueClass], value: float | None) -> str:
    """Return the colour of a value's class, or that of unknown values.

    Parameters
    ----------
    classes
        From ``natural_classes``.
    value
        A zone's value; None or NaN is unknown.

    Returns
    -------
    str
        ``#rrggbb``.
    """
    if value is not None:
        for one in classes:
            if one.low <= value <= one.high:
                return one.colour
    return str(PALETTE["unknown"])


def width_of(level: str) -> float:
    """Return the width of a level's borders, in pixels: wider levels have thicker lines."""
    widths = PALETTE["level_width"]
    return float(widths.get(level, widths["other"]))


def _colour(index: int, count: int) -> str:
    """Take colours from both ends of the scale when there are fewer classes than colours."""
    colours: list[str] = PALETTE["classes"]
    if count == 1:
        return colours[_MIDDLE_OF_ONE]
    # Half up, as JavaScript's Math.round does: both pages give a class the same colour.
    return colours[int(index * (len(colours) - 1) / (count - 1) + 0.5)]
