"""Layers of grids drawn as letters, and what a fusion makes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import box

from geo.fusion import KINDS, REASONS, FusionProfile

if TYPE_CHECKING:
    from geo.fusion import Fusion

STEP = 0.002  # degrees: a drawn square is about 190 m wide and 222 m high
NO_SIZES = FusionProfile(households=None)
COUNTS = ("household", "business", "institution", "people", "people_unknown")


def drawn(codes: str) -> gpd.GeoDataFrame:
    """Read a layer from a drawing: one letter per square, a dot for no grid; rows north to south."""
    rows = codes.split()
    squares: dict[str, list[Any]] = {}
    for up, row in enumerate(reversed(rows)):
        for right, letter in enumerate(row):
            if letter != ".":
                west, south = 121.0 + right * STEP, 31.0 + up * STEP
                squares.setdefault(letter, []).append(box(west, south, west + STEP, south + STEP))
    shapes = [shapely.union_all(parts, grid_size=1e-8) for parts in squares.values()]
    return gpd.GeoDataFrame({"code": list(squares)}, geometry=np.array(shapes, dtype=object), crs="EPSG:4490")


def at(right: float, up: float) -> shapely.Point:
    return shapely.Point(121.0 + right * STEP, 31.0 + up * STEP)


def households(*places: tuple[float, float, int]) -> gpd.GeoDataFrame:
    """Put some households at each place (squares east, squares north, how many)."""
    points = [at(right, up) for right, up, count in places for _ in range(count)]
    people = pd.array([2] * len(points), dtype="Int64")
    return gpd.GeoDataFrame({"kind": "household", "people": people}, geometry=points, crs="EPSG:4490")


def together(fused: Fusion, *spots: tuple[float, float]) -> bool:
    """Whether places are in one proposed grid."""
    tree = shapely.STRtree(fused.proposal.geometry.to_numpy())
    homes = {int(tree.query(at(right, up), predicate="within")[0]) for right, up in spots}
    return len(homes) == 1


def check_laws(fused: Fusion, layers: dict[str, gpd.GeoDataFrame], subjects: gpd.GeoDataFrame | None) -> None:
    """Check what holds for every fusion."""
    cells, proposal, crosswalk = fused.cells, fused.proposal, fused.crosswalk
    assert shapely.coverage_is_valid(cells.geometry.to_numpy())
    grids = proposal.geometry.to_numpy()
    assert shapely.is_valid(grids).all()
    assert shapely.coverage_is_valid(grids)
    assert set(shapely.get_type_id(grids)) <= {3}  # each in one piece
    # the proposal is its cells: all cells inside, each once
    listed = sorted(cell for members in proposal["cells"] for cell in members)
    assert listed == cells.index[cells["inside"]].tolist()
    assert cells.loc[~cells["inside"], "grid"].isna().all()
    # every layer's crosswalk adds up to the cells, and those to the subjects, to the unit
    for name in COUNTS:
        assert set(crosswalk.groupby("layer")[name].sum()) == {cells[name].sum()}
        assert proposal[name].sum() == cells.loc[cells["inside"], name].sum()
    assert np.allclose(crosswalk.groupby("layer")["area_m2"].sum(), cells["area_m2"].sum(), rtol=1e-12)
    for layer, frame in layers.items():
        rows = crosswalk[crosswalk["layer"] == layer]
        assert set(frame["code"]) == set(rows["code"].dropna())
        assert sorted(cell for members in rows["cells"] for cell in members) == cells["cell"].tolist()
        shares = rows.dropna(subset=["area_share"]).groupby("code")["area_share"].sum()
        assert np.allclose(shares, 1.0)
    if subjects is not None:
        counted = subjects["kind"].isin(["household", "business", "institution"])
        inside = sum(cells[kind].sum() for kind in ("household", "business", "institution"))
        assert inside + fused.unassigned["count"].sum() == counted.sum()
        people = subjects.loc[subjects["kind"] == "household", "people"]
        assert cells["people"].sum() + fused.unassigned["people"].sum() == people.fillna(0).sum()
    # every choice is explained
    assert set(cells["reason"].dropna()) <= set(REASONS)
    assert (cells["explanation"].notna() == cells["inside"]).all()
    assert proposal["explanation"].str.endswith("。").all()
    assert set(fused.conflicts["kind"]) <= set(KINDS)
    # a piece of ground is in one serious conflict at most
    serious = fused.conflicts[fused.conflicts["kind"].isin(["overlap", "conflict", "missing", "noise"])]
    places = serious.geometry.to_numpy()
    assert shapely.area(shapely.union_all(places)) == pytest.approx(shapely.area(places).sum(), abs=1e-14)
    assert serious["household"].sum() <= cells["household"].sum()
