"""多格合一 of a version: departments' layers fused by the kernel and stored."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import shapely
from psycopg.types.json import Jsonb
from sqlalchemy import select, text

from api.store import audit, bulk, models, stored_fusions
from api.store.errors import NotFoundError
from api.store.located import read_everyone, read_footprints
from api.store.networks import read_streets
from api.store.progress import Progress, silent
from api.store.refusals import InvalidRequestError
from api.store.territories import boundary_of, levels_of
from api.store.versions import VersionInfo, version_within
from api.store.zonesets import column, columns, documents, plain, read_zones
from geo.fusion import Fusion, FusionProfile, fuse, layer_column

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from sqlalchemy.orm import Session

COUNTS = ("household", "business", "institution", "people")

SUMS = (*COUNTS, "people_unknown")
"""Figures of cells and grids: people are summed over households whose number is known."""


@dataclass(frozen=True)
class FusionOptions:
    """What a planner chooses for a fusion.

    Parameters
    ----------
    layers
        Codes of two to eight layers (or of levels, where a layer has several).
    leading
        The one that decides where they differ; None lets them vote.
    pins
        Cell of the stored fusion of the same input → code of the zone of the leading layer that it must go to.
    within
        Level whose zones no proposed grid may cross, such as ``community``; None: none.
    profile
        Thresholds.
    """

    layers: tuple[str, ...]
    leading: str | None = None
    pins: dict[int, str] = field(default_factory=dict)
    within: str | None = None
    profile: FusionProfile = field(default_factory=FusionProfile)


def compute_fusion(
    session: Session,
    territory: str,
    version: str,
    options: FusionOptions,
    progress: Progress = silent,
    *,
    actor: audit.Actor | None = None,
) -> dict[str, Any]:
    """Fuse layers of a version and store cells, crosswalk, conflicts and proposal in place of the former ones.

    Parameters
    ----------
    session
        Its transaction holds the result.
    territory
        Code of the territory.
    version
        Code of one of its versions.
    options
        What to fuse, and how.
    progress
        Told how far it is.
    actor
        Who asks, for the audit trail.

    Returns
    -------
    dict
        As `api.store.stored_fusions.fusion_summary`.

    Raises
    ------
    NotFoundError
        No such territory, version, layer or level.
    InvalidRequestError
        The version is another territory's, a layer is named twice, or a pinned cell is no longer the ground that the
        stored fusion numbered.
    ZonesError
        From the kernel: layers that cannot be overlaid, a leading layer or pin that does not exist.
    """
    info = version_within(session, territory, version)
    actor = actor or audit.Actor()
    progress(0.02, "读取各条线网格")
    levels = _levels(session, info, options.layers)
    layers = {name: read_zones(session, info, level) for name, level in levels.items()}
    parents = None
    if options.within is not None:
        parents = read_zones(session, info, _levels(session, info, (options.within,))[options.within])
    footprints = read_footprints(session, info.territory_id)
    streets = read_streets(session, info.territory_id)
    progress(0.15, f"叠加 {len(layers)} 个条线")
    fused = fuse(
        layers,
        boundary=boundary_of(session, info.territory_id),
        estates=footprints[footprints["kind"] == "estate"],
        buildings=footprints[footprints["kind"] == "building"],
        streets=streets if len(streets) else None,
        subjects=read_everyone(session, info.territory_id),
        parents=parents,
        leading=options.leading,
        pins=options.pins or None,
        profile=options.profile,
    )
    _check_pinned_ground(session, info, options.pins, fused)
    progress(0.85, "保存融合结果")
    session.execute(text("DELETE FROM fusion WHERE version_id = :id"), {"id": info.id})
    row = models.Fusion(
        version_id=info.id,
        layers=list(options.layers),
        leading=fused.leading,
        options=plain({**asdict(options), "pins": {str(cell): code for cell, code in options.pins.items()}}),
        agreed_kept=float(fused.agreed_kept),
        crosswalk=_records(fused.crosswalk),
        unassigned=_records(fused.unassigned),
        made_by=actor.account,
    )
    session.add(row)
    session.flush()
    _copy(session, row.id, fused, options.layers)
    audit.record(
        session,
        actor,
        "fusion.compute",
        info.code,
        layers=list(options.layers),
        conflicts=len(fused.conflicts),
        grids=len(fused.proposal),
    )
    progress(1.0, f"融合完成: {len(fused.conflicts)} 处分歧，{len(fused.proposal)} 个新网格")
    return stored_fusions.fusion_summary(session, territory, info.code)


def _check_pinned_ground(
    session: Session, version: VersionInfo, pins: Mapping[int, str], fused: Fusion
) -> None:
    """Refuse pins whose numbers mean other ground than in the stored fusion, where the planner read them.

    Other layers, another level not to cross or an estate loaded meanwhile number the cells anew. Where nothing is
    stored, the numbers are taken as they are.
    """
    if (
        not pins
        or session.scalar(select(models.Fusion.id).where(models.Fusion.version_id == version.id)) is None
    ):
        return
    rows = session.execute(
        text(
            """SELECT c.cell, ST_AsBinary(c.geom) FROM fusion_cell c JOIN fusion f ON f.id = c.fusion_id
               WHERE f.version_id = :id AND c.cell = ANY(:cells)"""
        ),
        {"id": version.id, "cells": list(pins)},
    )
    before = {cell: shapely.from_wkb(bytes(ground)) for cell, ground in rows}
    now = fused.cells.set_index("cell").geometry
    moved = sorted(cell for cell in pins if cell not in before or not before[cell].equals(now[cell]))
    if moved:
        raise InvalidRequestError(
            f"单元编号已经变化，指定的单元 {'、'.join(map(str, moved[:5]))} 已不是原来那块地，没有合一。",
            f"cells {moved[:5]} are other ground than in the stored fusion",
            remedy="图层、上级范围或小区楼栋与上次合一时不同。请先取消这些指定并重新合一，再在地图上指定。",
        )


def _levels(session: Session, version: VersionInfo, names: tuple[str, ...]) -> dict[str, str]:
    """Return the level that each name means: a level, or a layer with a single one."""
    rows = session.execute(
        text("SELECT DISTINCT level_id FROM zone WHERE version_id = :id"), {"id": version.id}
    )
    filled = set(rows.scalars())
    there = [level for level in levels_of(session, version.territory_id) if level.id in filled]
    codes = {level.code for level in there}
    found: dict[str, str] = {}
    for name in names:
        of_layer = [level.code for level in there if level.level.layer == name]
        if name in codes:
            found[name] = name
        elif len(of_layer) == 1:
            found[name] = of_layer[0]
        else:
            raise NotFoundError(
                f"版本 {version.code} 没有图层“{name}”，或它有多个层级。",
                f"{version.code} has no layer {name!r}, or it has several levels",
                remedy=f"可用: {'、'.join(level.code for level in there)}。",
            )
    chosen = [found[name] for name in names]
    twice = [name for name in dict.fromkeys(names) if chosen.count(found[name]) > 1]
    if twice:
        raise InvalidRequestError(
            f"同一图层给了不止一次: {'、'.join(twice)}。",
            f"layers given more than once: {twice}",
            remedy="每个图层只写一次。",
        )
    return found


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    records: Any = plain(frame.astype(object).to_dict("records"))
    return list(records)


def _copy(session: Session, fusion_id: int, fused: Fusion, layers: tuple[str, ...]) -> None:
    conflicts, grids, cells = fused.conflicts, fused.proposal, fused.cells
    bulk.copy_columns(
        session,
        "fusion_conflict",
        {
            "number": range(1, len(conflicts) + 1),
            "departments": map(list, conflicts["departments"]),
            "codes": documents(conflicts, "codes", {}),
            **columns(
                conflicts,
                "kind",
                "length_m",
                "own_length_m",
                "area_m2",
                "width_m",
                *COUNTS,
                "message",
                "message_en",
            ),
            "geom": bulk.to_ewkb(conflicts.geometry),
        },
        fusion_id=fusion_id,
    )
    bulk.copy_columns(
        session,
        "fusion_grid",
        {
            "leading": map(list, grids["leading"]),
            "sources": documents(grids, "sources", {}),
            "cells": ([int(cell) for cell in each] for each in grids["cells"]),
            **columns(grids, "code", "name", "kind", "area_m2", *SUMS, "rule", "explanation"),
            "geom": bulk.to_ewkb(grids.geometry),
        },
        fusion_id=fusion_id,
    )
    codes = zip(*(column(cells, layer_column(name)) for name in layers), strict=True)
    bulk.copy_columns(
        session,
        "fusion_cell",
        {
            "codes": (Jsonb(dict(zip(layers, each, strict=True))) for each in codes),
            **columns(cells, "cell", "grid", "reason", "estate", "inside", "area_m2", *SUMS),
            "geom": bulk.to_ewkb(cells.geometry),
        },
        fusion_id=fusion_id,
    )
