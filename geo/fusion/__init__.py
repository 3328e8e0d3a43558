"""多格合一: several departments' grids over one territory reconciled into one partition.

``fuse`` cuts the ground into atomic *cells* by every border of every layer. From the cells everything follows: the
*crosswalk* from each old grid to the new ones, the *conflicts* where borders disagree, and the *proposal*, one
partition made of whole cells. Cells are never cut again, so nothing is lost or counted twice (law 3).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.crs import INTERNAL_CRS
from geo.errors import ZonesError
from geo.fusion.cells import COUNTS, Cells, count_subjects, cut, united
from geo.fusion.conflicts import KINDS, find_conflicts, survey
from geo.fusion.layers import Layer, read_layers
from geo.fusion.profile import DEFAULT_PROFILE, FusionProfile
from geo.fusion.proposal import explain, kept_share, propose, ranking
from geo.fusion.units import NAMES, REASONS, Draft
from geo.partition import runs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from shapely import MultiPolygon, Polygon

__all__ = ["KINDS", "REASONS", "Fusion", "FusionProfile", "fuse", "layer_column"]

_CELL_COLUMNS = (
    "cell", "estate", "inside", "grid", "reason", "explanation", "area_m2", *COUNTS, "geometry"
)  # fmt: skip

_FILE_COLUMNS = ("fid", "geom")
"""Columns that a GeoPackage has by itself; like spreadsheets it does not tell capitals from small letters."""


@dataclass(frozen=True)
class Fusion:
    """What came of a fusion. All frames are in EPSG:4490.

    Parameters
    ----------
    cells
        Atomic pieces: ``cell`` (number, from 0), one column per layer (`layer_column`) with the code there or None,
        ``estate`` (whether it is part of an estate or building that some border cuts), ``inside``, ``grid`` (code of
        the proposal, None outside the territory), ``reason``, ``explanation``, ``area_m2``, the counts, ``geometry``.
    crosswalk
        One row per old grid and new grid that share ground: ``layer, code, new, cells, area_m2, area_share`` and for
        each count its number and its share of the old grid's. ``code`` is None for ground without a grid of the layer,
        ``new`` None outside the territory; a zone that other zones of its layer cover whole has one row without cells.
        In every layer each count adds up to that of ``cells``, to the unit.
    conflicts
        Places where borders disagree; see ``geo.fusion.conflicts.find_conflicts``.
    proposal
        New grids: ``code, name, kind, leading`` (zone of the leading layer it comes from, if any), ``sources`` (old
        grids of each layer, most ground first), ``cells, area_m2``, the counts, ``rule`` (how it breaks the rules of
        size and why nothing better was found; empty when it does not, or when no household is known),
        ``explanation``, ``geometry``. A valid coverage, each grid in one piece.
    unassigned
        Subjects in no cell: ``kind, reason, count, people``.
    leading
        Code of the leading layer, and whether the planner set it.
    agreed_kept
        Part of the length of borders on which all layers that cover both sides agree, two at least, that the proposal
        keeps: estates and buildings may move such a border, and a piece that is cut off may join across one.
    """

    cells: gpd.GeoDataFrame
    crosswalk: pd.DataFrame
    conflicts: gpd.GeoDataFrame
    proposal: gpd.GeoDataFrame
    unassigned: pd.DataFrame = field(default_factory=pd.DataFrame)
    leading: str = ""
    agreed_kept: float = 1.0


def fuse(  # noqa: PLR0913  everything after the layers is optional and by keyword
    layers: Mapping[str, gpd.GeoDataFrame],
    *,
    boundary: Polygon | MultiPolygon | None = None,
    estates: gpd.GeoDataFrame | None = None,
    buildings: gpd.GeoDataFrame | None = None,
    streets: gpd.GeoDataFrame | None = None,
    subjects: gpd.GeoDataFrame | None = None,
    parents: gpd.GeoDataFrame | None = None,
    leading: str | None = None,
    pins: Mapping[int, str] | None = None,
    profile: FusionProfile = DEFAULT_PROFILE,
) -> Fusion:
    """Reconcile two to eight layers of grids into one proposal, and say where they disagree.

    Parameters
    ----------
    layers
        Code of each layer → its zones: column ``code`` and polygons; ``kind`` (``dedicated`` zones are exempt from
        rules of size) where known. Gaps, overlaps and omissions are allowed and reported, invalid rings are not.
        Ground that several zones of a layer claim counts for the first by row, as in ``geo.assignment``. The order of
        layers decides only between equals.
    boundary
        The territory in EPSG:4490, with holes and of several parts if need be. Ground of it that no layer covers
        becomes cells too; zones beyond it are kept as cells that the proposal leaves out. Without it, the proposal
        covers what some layer covers.
    estates, buildings
        Polygons that the proposal does not cut, each part of a multipolygon by itself; only the borders of the
        territory and of parents may, which are not fusion's to move. Rows that are no polygons are passed over.
    streets
        Lines that borders should follow where layers differ, like the edges of estates.
    subjects
        Columns ``kind``, ``people``; households, businesses and institutions are counted, each in one cell: on a
        border in that immediately east, else north, on the outline of the territory in one inside. Who has no
        location, a bad one, or lies outside every layer is in ``unassigned``.
    parents
        Zones (communities, say) that no proposed grid may cross.
    leading
        Code of the layer that decides where layers differ. None lets them vote.
    pins
        Number of a cell (as in ``cells`` of the same input) → code of the zone of the leading layer it must go to,
        with the estate it is part of. Naming pins needs ``leading``.
    profile
        Thresholds.

    Returns
    -------
    Fusion
        Cells, crosswalk, conflicts and proposal.

    Raises
    ------
    ZonesError
        When layers cannot be overlaid: fewer than two, more than eight, empty, without or with double codes, not
        polygons, without area, invalid rings, coordinates that are no degrees, more than 20 degrees apart (one across
        the antimeridian is); all faults of all layers, with their codes. When names of layers cannot be told apart;
        when ``leading`` or a pin names what does not exist, when pins contradict each other or would tear a grid; when
        the boundary is no valid polygon or no layer lies in it; when subjects have no kind, or people are no numbers.
    UndeclaredReferenceError
        When a frame has no reference. Frames may have different ones: each is brought to EPSG:4490.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import box
    >>> party = gpd.GeoDataFrame({"code": ["A", "B"]}, geometry=[box(121, 31, 121.01, 31.01),
    ...     box(121.01, 31, 121.02, 31.01)], crs="EPSG:4490")
    >>> order = gpd.GeoDataFrame({"code": ["X"]}, geometry=[box(121, 31, 121.02, 31.01)], crs="EPSG:4490")
    >>> fused = fuse({"party": party, "order": order})
    >>> fused.conflicts["kind"].tolist(), fused.proposal["code"].tolist()
    (['grain'], ['RH0001', 'RH0002'])
    """
    _check_names(list(layers))
    read = read_layers(layers)
    names = [layer.code for layer in read]
    _check_choices(read, names, leading, pins or {})
    cells = cut(
        read,
        boundary=boundary,
        estates=estates,
        buildings=buildings,
        parents=parents,
        streets=streets,
        street_reach_m=profile.street_reach_m,
    )
    _check_cells(cells, pins or {})
    unassigned = count_subjects(cells, subjects)
    order = ranking(cells, profile)
    first = names.index(leading) if leading is not None else order[0]
    found = survey(cells, profile)
    draft = propose(
        cells,
        first,
        others=[layer for layer in order if layer != first],
        decided=leading is not None,
        noise=found.noise,
        pins=pins or {},
        profile=profile,
    )
    number = draft.group[draft.unit]
    proposal, codes = _proposal(cells, draft, number, first)
    return Fusion(
        cells=_cells(cells, draft, codes),
        crosswalk=_crosswalk(cells, codes),
        conflicts=find_conflicts(cells, found),
        proposal=proposal,
        unassigned=unassigned,
        leading=names[first],
        agreed_kept=kept_share(cells, draft),
    )


def _check_names(names: list[str]) -> None:
    """Refuse names of layers that would be no columns of their own: GeoPackage tells no capitals from small letters."""
    columns = [layer_column(name).lower() if isinstance(name, str) else "" for name in names]
    wrong = [
        name
        for name, column in zip(names, columns, strict=True)
        if not column.strip() or columns.count(column) > 1
    ]
    if wrong:
        listed = "、".join(f"“{name}”" for name in wrong)
        raise ZonesError(
            f"图层名称 {listed} 是空的，或彼此分不开（大小写不算不同）。",
            f"names of layers that are empty or cannot be told apart: {wrong}",
            remedy="请给每个图层一个不同的名称，例如 party、order。",
        )


def _check_choices(
    read: tuple[Layer, ...], names: list[str], leading: str | None, pins: Mapping[int, str]
) -> None:
    if leading is not None and leading not in names:
        raise ZonesError(
            f"主导图层“{leading}”不在参与融合的图层中。",
            f"leading layer {leading} is not among {names}",
            remedy=f"可选：{'、'.join(names)}。",
        )
    if pins and leading is None:
        raise ZonesError(
            "固定单元需要先指定主导图层。",
            "pins need a leading layer",
            remedy="请设置 leading。",
        )
    if pins:
        known = set(read[names.index(str(leading))].codes.tolist())
        unknown = sorted({str(code) for code in pins.values()} - known)
        if unknown:
            raise ZonesError(
                f"固定单元指向的网格不存在：{'、'.join(unknown[:5])}。",
                f"pins name zones that do not exist: {unknown[:5]}",
                remedy="请使用主导图层的网格编码。",
            )


def _check_cells(cells: Cells, pins: Mapping[int, str]) -> None:
    count = len(cells.shapes)
    strange = [cell for cell in pins if isinstance(cell, bool) or cell not in range(count)]
    if strange:
        raise ZonesError(
            f"固定的单元编号不存在：{strange[:5]}。",
            f"pins name cells that do not exist: {strange[:5]}",
            remedy=f"单元编号为 0 到 {count - 1}，图层变化后编号会变化。",
        )
    beyond = [cell for cell in pins if not cells.inside[cell]]
    if beyond:
        raise ZonesError(
            f"固定的单元在辖区之外：{beyond[:5]}。",
            f"pins name cells beyond the territory: {beyond[:5]}",
            remedy="方案只包括辖区以内的单元，请取消这些固定单元。",
        )


def _proposal(
    cells: Cells, draft: Draft, number: NDArray[np.int64], leading: int
) -> tuple[gpd.GeoDataFrame, NDArray[Any]]:
    """Return the new grids, and the code of the grid of each cell (None outside)."""
    order = np.argsort(number, kind="stable")
    order = order[number[order] >= 0]
    counts = cells.counts.to_numpy()
    why = draft.why
    rows: list[dict[str, Any]] = []
    for run in runs(number[order]):
        members = order[run]
        base = layer, zone = draft.base[int(number[members[0]])]
        row: dict[str, Any] = {
            "kind": "dedicated" if cells.dedicated(base) else "general",
            "leading": [str(cells.layers[layer].codes[zone])] if layer == leading else [],
            "sources": _sources(cells, members),
            "cells": members.tolist(),
            "area_m2": float(cells.area_m2[members].sum()),
            **dict(zip(COUNTS, counts[members].sum(axis=0).tolist(), strict=True)),
            "geometry": united(cells, members),
        }
        row["rule"] = draft.rules.get(int(number[members[0]]), "")
        areas = np.bincount(why[members], weights=cells.area_m2[members], minlength=len(NAMES))
        row["explanation"] = explain(cells, leading, base, row, dict(zip(NAMES, areas.tolist(), strict=True)))
        rows.append(row)
    corners = shapely.bounds(np.array([row["geometry"] for row in rows], dtype=object)).reshape(-1, 4)
    rank = np.lexsort((-corners[:, 3], corners[:, 0])).tolist()
    codes = np.full(len(cells.shapes), None, dtype=object)
    sorted_rows = []
    for serial, place in enumerate(rank, start=1):
        row = rows[place]
        code = f"RH{serial:04d}"
        codes[row["cells"]] = code
        sorted_rows.append({"code": code, "name": f"融合网格{serial:04d}", **row})
    columns = [
        "code",
        "name",
        "kind",
        "leading",
        "sources",
        "cells",
        "area_m2",
        *COUNTS,
        "rule",
        "explanation",
        "geometry",
    ]
    frame = pd.DataFrame(sorted_rows, columns=columns)
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=INTERNAL_CRS), codes


def _sources(cells: Cells, members: NDArray[np.int64]) -> dict[str, list[str]]:
    """Return the old grids of each layer that a new grid has ground of, most ground first."""
    out = {}
    for number, layer in enumerate(cells.layers):
        zone = cells.zone[members, number]
        there = zone >= 0
        values, inverse = np.unique(zone[there], return_inverse=True)
        area = np.bincount(inverse.reshape(-1), weights=cells.area_m2[members][there], minlength=len(values))
        out[layer.code] = layer.codes[values[np.argsort(-area, kind="stable")]].tolist()
    return out


def layer_column(code: str) -> str:
    """Return the name of the column of a layer's codes in ``Fusion.cells``."""
    return f"layer_{code}" if code.lower() in (*_CELL_COLUMNS, *_FILE_COLUMNS) else code


def _cells(cells: Cells, draft: Draft, codes: NDArray[Any]) -> gpd.GeoDataFrame:
    """Return the cells as a frame."""
    reason = np.array(NAMES, dtype=object)[draft.why]
    reason[codes == None] = None  # noqa: E711  an array of objects
    frame = pd.DataFrame({"cell": np.arange(len(cells.shapes))})
    for number, layer in enumerate(cells.layers):
        known = _or_none(layer.codes)
        frame[layer_column(layer.code)] = known[cells.zone[:, number]]
    frame["estate"] = cells.estate >= 0
    frame["inside"] = cells.inside
    frame["grid"] = codes
    frame["reason"] = reason
    frame["explanation"] = [REASONS.get(name) for name in reason]
    frame["area_m2"] = cells.area_m2
    frame = pd.concat([frame, cells.counts], axis=1)
    return gpd.GeoDataFrame(frame, geometry=cells.shapes, crs=INTERNAL_CRS)


def _or_none(codes: NDArray[Any]) -> NDArray[Any]:
    """Return codes with None at the end, where -1 looks."""
    return np.array([*codes.tolist(), None], dtype=object)


def _crosswalk(cells: Cells, codes: NDArray[Any]) -> pd.DataFrame:
    """Return old grid → cells → new grid with figures that add up."""
    new, new_row = np.unique(np.where(codes == None, "", codes).astype(str), return_inverse=True)  # noqa: E711
    new_row = new_row.reshape(-1)
    tables = []
    for number, layer in enumerate(cells.layers):
        zone = cells.zone[:, number]
        base = np.int64(len(new))
        keys, inverse = np.unique((zone + 1) * base + new_row, return_inverse=True)
        inverse = inverse.reshape(-1)
        order = np.argsort(inverse, kind="stable")
        cuts = np.searchsorted(inverse[order], np.arange(1, len(keys)))
        old = keys // base - 1
        table = pd.DataFrame(
            {
                "layer": layer.code,
                "code": _or_none(layer.codes)[old],
                "new": _or_none(new)[np.where(new[keys % base] == "", len(new), keys % base)],
                "cells": [part.tolist() for part in np.split(order, cuts)],
                "area_m2": np.bincount(inverse, weights=cells.area_m2, minlength=len(keys)),
            }
        )
        for name in COUNTS:
            summed = np.bincount(inverse, weights=cells.counts[name].to_numpy(), minlength=len(keys))
            table[name] = np.round(summed).astype(np.int64)
        covered = sorted(set(range(len(layer.codes))) - set(old.tolist()))
        if covered:
            empty = pd.DataFrame({"layer": layer.code, "code": layer.codes[covered], "new": None})
            empty["cells"] = [[] for _ in covered]
            for name in ("area_m2", *COUNTS):
                empty[name] = 0
            table = pd.concat([table, empty.astype({"area_m2": float})], ignore_index=True)
        group = np.concatenate([old, covered]).astype(np.int64) + 1
        for name in ("area_m2", *COUNTS):
            whole = np.bincount(group, weights=table[name].to_numpy(dtype=float))[group]
            share = np.divide(
                table[name].to_numpy(dtype=float), whole, out=np.full(len(table), np.nan), where=whole > 0
            )
            table["area_share" if name == "area_m2" else f"{name}_share"] = share
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
