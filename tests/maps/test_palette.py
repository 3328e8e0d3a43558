"""Classes and colours: the same on the web map and on briefing pages."""

from __future__ import annotations

import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maps import figures
from maps.palette import PALETTE, colour_of, natural_classes, width_of

CASES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "maps/editor/test/classes.json").read_text("utf-8")
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["what"])
def test_classes_equal_those_of_the_web_map(case: dict[str, Any]) -> None:
    found = natural_classes(case["values"], case["most"])
    assert [[one.low, one.high, one.zones] for one in found] == case["classes"]


@given(st.lists(st.one_of(st.none(), st.integers(0, 2000)), max_size=60))
def test_every_known_value_is_in_exactly_one_class(values: list[int | None]) -> None:
    known = [value for value in values if value is not None]
    classes = natural_classes(values)
    assert sum(one.zones for one in classes) == len(known)
    assert len(classes) == min(5, len(set(known)))
    for value in known:
        assert sum(one.low <= value <= one.high for one in classes) == 1
    assert len({one.colour for one in classes}) == len(classes)


@given(st.lists(st.integers(0, 100), min_size=2, max_size=12))
def test_no_other_cut_in_two_has_a_smaller_spread(values: list[int]) -> None:
    values = sorted(values)
    classes = natural_classes(values, 2)
    if len(classes) < 2:
        assert len(set(values)) == 1
        return

    def spread(run: list[int]) -> float:
        mean = sum(run) / len(run)
        return math.fsum((value - mean) ** 2 for value in run)

    found = sum(spread([v for v in values if one.low <= v <= one.high]) for one in classes)
    for cut in range(1, len(values)):
        assert found <= spread(values[:cut]) + spread(values[cut:]) + 1e-6


def test_unknown_has_a_colour_of_its_own() -> None:
    classes = natural_classes([1, 2, 3])
    assert colour_of(classes, None) == PALETTE["unknown"]
    assert colour_of(classes, float("nan")) == PALETTE["unknown"]
    assert PALETTE["unknown"] not in {colour_of(classes, value) for value in (1, 2, 3)}


def test_wider_levels_have_thicker_lines() -> None:
    widths = [width_of(level) for level in ("street", "community", "grid", "microgrid")]
    assert widths == sorted(widths, reverse=True)
    assert len(set(widths)) == 4


def test_classes_can_be_told_apart_without_colour() -> None:
    # Lightness falls from class to class, for print in grey and for colour-blind readers.
    lightness = [
        0.2126 * int(colour[1:3], 16) + 0.7152 * int(colour[3:5], 16) + 0.0722 * int(colour[5:7], 16)
        for colour in PALETTE["classes"]
    ]
    assert lightness == sorted(lightness, reverse=True)
    assert min(a - b for a, b in pairwise(lightness)) > 20


def test_figures_never_turn_unknown_into_zero() -> None:
    assert figures.whole(None) == figures.whole(float("nan")) == "未知"
    assert figures.whole(0) == "0"
    assert figures.area(None) == "未知"
    assert figures.percent(None) == "未知"
    assert figures.percent(0.00001) == "<0.1%"
