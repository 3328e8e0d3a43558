"""Completeness: every injected fault is found, and nothing else; a clean city has none."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.coverage import KINDS, find_faults
from tests.geo.damage import LONLAT, Damage, city, damaged

NEAR_DEG = 4e-4
"""40 m: an injected fault's own place, and no other's, lies so near."""


def unmatched(damage: Damage) -> tuple[list[str], list[str]]:
    """Return the injected faults that were not found, and the found ones that were not injected."""
    faults = find_faults(
        damage.zones,
        damage.boundary,
        parents=damage.parents,
        estates=damage.estates,
        buildings=damage.buildings,
        barriers=damage.barriers,
    )
    left = list(range(len(faults)))
    missing = []
    for injected in damage.injected.itertuples():
        hits = [
            at
            for at in left
            if faults.kind[at] == injected.kind
            and injected.codes <= set(faults.codes[at])
            and faults.geometry[at].distance(injected.geometry) < NEAR_DEG
        ]
        if hits:
            left.remove(hits[0])
        else:
            missing.append(f"{injected.kind} {set(injected.codes)} {injected.width_m:.3f} m")
    return missing, [faults.message[at] for at in left]


def test_500_faults_of_every_kind_in_50_000_zones_are_found_and_nothing_else() -> None:
    damage = damaged(224, 500, seed=1)
    assert len(damage.zones) >= 50_000
    assert len(damage.injected) == 500
    assert set(damage.injected.kind) == set(KINDS)
    assert unmatched(damage) == ([], [])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_faults_of_any_city_are_found_and_nothing_else(seed: int) -> None:
    damage = damaged(24, 45, seed=seed)
    assert unmatched(damage) == ([], [])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), side=st.integers(1, 12), steps=st.integers(1, 12))
def test_a_clean_city_has_no_fault(seed: int, side: int, steps: int) -> None:
    clean = city(side, steps, seed)
    assert shapely.coverage_is_valid(clean.zones.geometry.array)
    assert find_faults(clean.zones).empty
    assert find_faults(clean.zones, clean.boundary).empty


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_gaps_and_overlaps_add_up(seed: int) -> None:
    """Whatever happens to a coverage: zones = territory + overlaps + outside - uncovered, in area."""
    rng = np.random.default_rng(seed)
    zones = city(4, 3, seed).zones
    territory = zones.union_all()
    shaken = zones.copy()
    for row in rng.choice(len(zones), 2, replace=False):
        x, y = rng.uniform(-3e-4, 3e-4, 2)
        shaken.loc[row, "geometry"] = shapely.transform(
            zones.geometry[row], lambda points, move=(x, y): np.round(points + move, 8)
        )
    faults = find_faults(shaken, territory, inlet_width_m=0)
    area = pd.Series(shapely.area(faults.geometry.array)).groupby(faults.kind).sum()
    doubled = area.get("overlap", 0) + area.get("contained", 0) + area.get("duplicate", 0)
    empty = sum(area.get(kind, 0) for kind in ("gap", "sliver", "uncovered"))
    # Where three zones meet, a place counts once in their sum beyond the second, but in three pairs.
    thrice = sum(
        one.intersection(two).intersection(three).area
        for at, one in enumerate(shaken.geometry)
        for number, two in enumerate(shaken.geometry[:at])
        for three in shaken.geometry[:number]
        if one.intersects(two) and two.intersects(three)
    )
    # Outside the territory a place may be in two zones too, and is one place.
    outside = shapely.union_all(faults.geometry.array[faults.kind == "outside_parent"]).area
    total = territory.area + doubled - thrice + outside - empty
    assert shapely.area(shaken.geometry.array).sum() == pytest.approx(total, rel=1e-6)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=3, max_size=9))
def test_a_ring_is_invalid_exactly_when_shapely_says_so(corners: list[tuple[int, int]]) -> None:
    """The quick check lets no ring pass that the full one does not."""
    ring = shapely.Polygon([(round(121.4 + x * 1e-3, 8), round(31.07 + y * 1e-3, 8)) for x, y in corners])
    zones = gpd.GeoDataFrame({"code": ["a"]}, geometry=[ring], crs=LONLAT)
    assert ("invalid" in find_faults(zones).kind.tolist()) == (not ring.is_valid)


@pytest.mark.parametrize("vertices", [1_000_000, 10_000_000])
def test_a_polygon_of_millions_of_vertices_is_checked(vertices: int) -> None:
    """It takes time and memory in proportion to its vertices, also with a boundary that has as many."""
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    radius = 0.05 * (1 + 0.2 * np.sin(40 * angle))
    shape = shapely.Polygon(
        np.stack([121.4 + radius * np.cos(angle), 31.07 + radius * np.sin(angle)], axis=1)
    )
    zones = gpd.GeoDataFrame({"code": ["a"]}, geometry=[shape], crs=LONLAT)
    assert find_faults(zones).empty
    assert find_faults(zones, shape).empty
