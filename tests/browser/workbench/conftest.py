"""A town with a plan on it for each test of the workbench."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import shapely

if TYPE_CHECKING:
    from collections.abc import Callable

    from geo.records import Place
    from tests.browser.towns import Town


def _functional(place: Place) -> dict[str, dict[str, shapely.Polygon]]:
    """Group the communities into a southern and a northern functional zone."""
    communities = place.zones.set_index("code").geometry
    groups = {"F1": ["C00", "C01"], "F2": ["C10", "C11"]}
    return {
        "functional": {
            code: shapely.coverage_union_all(communities[members].to_numpy())
            for code, members in groups.items()
        }
    }


@pytest.fixture
def office(make_town: Callable[..., Town]) -> Town:
    """Return a town in two functional zones with a plan on it, which its pages open."""
    town = make_town(_functional)
    plan = {"territory": town.code, "name": "2026年调整"}
    made = town.send(town.sign_in("planner"), "/api/plans", plan)
    return replace(town, plan=made["id"])
