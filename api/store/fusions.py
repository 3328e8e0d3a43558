"""多格合一 of a version: departments' layers fused by the kernel, stored, and read as answers and frames."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
import shapely
from psycopg.types.json import Jsonb
from sqlalchemy import select, text

from api.store import audit, bulk, models
from api.store.errors import NotFoundError
from api.store.located import read_footprints, read_located
from api.store.networks import read_streets
from api.store.progress import Progress, silent
from api.store.refusals import InvalidRequestError
from api.store.territories import boundary_of, find_territory, levels_of
from api.store.versions import VersionInfo, list_versions, version_within
from api.store.zonesets import column, columns, documents, features, plain, read_zones
from geo.fusion import KINDS, REASONS, Fusion, FusionProfile, fuse, layer_column
from geo.records import LAYER_NAMES
from maps.fusion import FusionReport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import geopandas as gpd
    from sqlalchemy import RowMapping
    from sqlalchemy.orm import Session

T = TypeVar("T")

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
        As :func:`fusion_summary`.

    Raises
    ------
    NotFoundError
        No such territory, version, layer or level.
    InvalidRequestError
        The version is another territory's, or a pinned cell is no longer the ground that the stored fusion numbered.
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
        subjects=read_located(session, info.territory_id),
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
    return fusion_summary(session, territory, info.code)


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
            **columns(conflicts, "kind", "length_m", "area_m2", "width_m", *COUNTS, "message", "message_en"),
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


def fused_version(session: Session, territory: str, version: str | None = None) -> VersionInfo:
    """Return the version whose fusion is asked for: the one that is named; else the one in force; else the only one.

    Raises
    ------
    NotFoundError
        No such territory or version; or none is named, and the version in force has no fusion while several others
        have: the message names them.
    InvalidRequestError
        The version is another territory's.
    """
    if version is not None:
        return version_within(session, territory, version)
    fused = _fused(session, find_territory(session, territory).id)
    there = [each for each in list_versions(session, territory) if each.code in fused]
    in_force = [each for each in there if not each.is_draft and each.valid_to is None]
    if in_force or len(there) == 1:
        return (in_force or there)[0]
    if not there:
        return version_within(session, territory, None)
    raise NotFoundError(
        f"辖区“{territory}”的现行版本没有融合结果，另有 {len(there)} 个版本有。",
        f"the version of {territory!r} in force was not fused, {len(there)} others were",
        remedy=f"请指明版本 (version=…): {'、'.join(each.code for each in there)}。",
    )


def _fused(session: Session, territory_id: int) -> list[str]:
    """Return the codes of a territory's versions that have a fusion, newest first."""
    query = (
        select(models.Version.code)
        .join(models.Fusion, models.Fusion.version_id == models.Version.id)
        .where(models.Version.territory_id == territory_id)
        .order_by(models.Version.number.desc())
    )
    return list(session.scalars(query))


def _fusion(session: Session, version: VersionInfo) -> models.Fusion:
    found = session.scalar(select(models.Fusion).where(models.Fusion.version_id == version.id))
    if found is None:
        fused = "、".join(_fused(session, version.territory_id))
        raise NotFoundError(
            f"版本 {version.code} 还没有融合结果。",
            f"no fusion of {version.code}",
            remedy=f"请先融合: onegrid fuse {version.code} --layers …，"
            f"或 POST /api/territories/{version.territory}/fusion。"
            + (f"已有融合结果的版本: {fused}。" if fused else ""),
        )
    return found


def _read(session: Session, version: VersionInfo, read: Callable[[models.Fusion], T]) -> T:
    """Return what is read of the fusion of a version by several statements, all of the same one.

    Each statement sees what is committed by then, and a fusion takes the place of another whole: as long as the one
    that was found is still there, everything read since was its own.
    """
    while True:
        found = _fusion(session, version)
        answer = read(found)
        if session.scalar(select(models.Fusion.id).where(models.Fusion.id == found.id)) is not None:
            return answer


def fusion_summary(session: Session, territory: str, version: str | None = None) -> dict[str, Any]:
    """Return the figures of a stored fusion.

    Returns
    -------
    dict
        ``version, layers, leading, options, agreed_kept`` (part of the length of agreed borders that the proposal
        keeps), ``made_at, made_by, cells, grids, rule_breaks`` (grids that break rules of size), ``conflicts`` (per
        kind: ``kind, count, length_m, area_m2``, counts) and ``unassigned``.

    Raises
    ------
    NotFoundError
        No such territory or version, or no fusion of it.
    """
    info = fused_version(session, territory, version)
    return _read(session, info, lambda found: _summary(session, info, found))


def _summary(session: Session, info: VersionInfo, found: models.Fusion) -> dict[str, Any]:
    kinds = session.execute(
        text(
            """SELECT kind, count(*) AS count, sum(length_m) AS length_m, sum(area_m2) AS area_m2,
                      sum(household)::bigint AS household, sum(business)::bigint AS business,
                      sum(institution)::bigint AS institution, sum(people)::bigint AS people
               FROM fusion_conflict WHERE fusion_id = :id GROUP BY kind ORDER BY min(number)"""
        ),
        {"id": found.id},
    ).mappings()
    figures = session.execute(
        text(
            """SELECT (SELECT count(*) FROM fusion_cell WHERE fusion_id = :id) AS cells, count(*) AS grids,
                      count(*) FILTER (WHERE rule <> '') AS rule_breaks
               FROM fusion_grid WHERE fusion_id = :id"""
        ),
        {"id": found.id},
    ).mappings()
    return {
        "version": info.code,
        "layers": list(found.layers),
        "leading": found.leading,
        "options": found.options,
        "agreed_kept": found.agreed_kept,
        "made_at": found.made_at.isoformat(),
        "made_by": found.made_by,
        **figures.one(),
        "conflicts": [{**row, "kind_name": KINDS[row["kind"]][0]} for row in kinds],
        "unassigned": list(found.unassigned),
    }


def read_fusion(session: Session, territory: str, version: str | None = None) -> Fusion:
    """Read a stored fusion as the frames that the kernel made.

    Raises
    ------
    NotFoundError
        No such territory or version, or no fusion of it.
    """
    return _read(session, fused_version(session, territory, version), lambda found: _frames(session, found))


def _frames(session: Session, found: models.Fusion) -> Fusion:
    cells = _frame(session, found.id, "fusion_cell", "cell")
    codes = pd.DataFrame(cells.pop("codes").tolist(), columns=list(found.layers), dtype=object)
    for position, name in enumerate(found.layers, start=1):
        cells.insert(position, layer_column(name), codes[name])
    cells["explanation"] = [REASONS.get(reason) for reason in cells["reason"]]
    return Fusion(
        cells=cells,
        crosswalk=pd.DataFrame(found.crosswalk),
        conflicts=_frame(session, found.id, "fusion_conflict", "number"),
        proposal=_frame(session, found.id, "fusion_grid", "code"),
        unassigned=pd.DataFrame(found.unassigned),
        leading=found.leading,
        agreed_kept=found.agreed_kept,
    )


def report_of(session: Session, info: VersionInfo) -> FusionReport:
    """Return what a workbook says of the stored fusion of a version.

    Raises
    ------
    NotFoundError
        There is none.
    """
    found, fused = _read(session, info, lambda found: (found, _frames(session, found)))
    options = found.options
    span = options["profile"]["households"]
    levels = levels_of(session, info.territory_id)
    names = {each.code: each.level.name for each in levels}
    # A layer that was named by itself is that of its levels.
    of_layer = {
        layer: [each for each in levels if layer in (each.code, each.level.layer)] for layer in found.layers
    }
    zones = session.execute(
        text("SELECT level_id, code, name FROM zone WHERE version_id = :id AND level_id = ANY(:levels)"),
        {"id": info.id, "levels": [each.id for some in of_layer.values() for each in some]},
    ).all()
    status = "" if info.valid_from else "（草稿，未发布）"
    return FusionReport(
        source=[("辖区", find_territory(session, info.territory).name), ("版本", info.code + status)],
        fused=fused,
        layers={layer: names.get(layer) or LAYER_NAMES.get(layer, layer) for layer in found.layers},
        zone_names={
            layer: {zone.code: zone.name for zone in zones if zone.level_id in {each.id for each in some}}
            for layer, some in of_layer.items()
        },
        decided=options["leading"] is not None,
        within=names.get(options["within"], options["within"]),
        pins={int(cell): code for cell, code in options["pins"].items()},
        profile=FusionProfile(
            **{**options["profile"], "households": None if span is None else (span[0], span[1])}
        ),
        fused_at=found.made_at,
        made_at=datetime.now(UTC),
    )


def _frame(session: Session, fusion_id: int, table: str, order: str) -> gpd.GeoDataFrame:
    rows = session.execute(
        text(
            f"SELECT *, ST_AsBinary(geom) AS geometry FROM {table} WHERE fusion_id = :id ORDER BY {order}"  # noqa: S608
        ),
        {"id": fusion_id},
    )
    return bulk.geo_frame(rows).drop(columns=["id", "fusion_id", "geom"], errors="ignore")


def conflict_table(session: Session, territory: str, version: str | None = None) -> dict[str, Any]:
    """Return the conflicts of a stored fusion by number, with GeoJSON."""
    info = fused_version(session, territory, version)
    return {"version": info.code, "conflicts": _read(session, info, lambda found: _conflicts(session, found))}


def _conflicts(session: Session, found: models.Fusion) -> list[dict[str, Any]]:
    rows = session.execute(
        text(
            """SELECT number, kind, departments, codes, length_m, area_m2, width_m, household, business, institution,
                      people, message, message_en,
                      ARRAY[ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom)] AS bbox,
                      (SELECT ARRAY[ST_X(at), ST_Y(at)] FROM (SELECT ST_PointOnSurface(geom) AS at) AS p) AS point,
                      ST_AsGeoJSON(geom, 8, 0) AS geometry
               FROM fusion_conflict WHERE fusion_id = :id ORDER BY number"""
        ),
        {"id": found.id},
    ).mappings()
    return [
        {**row, "kind_name": KINDS[row["kind"]][0], "geometry": json.loads(row["geometry"])} for row in rows
    ]


def crosswalk_table(session: Session, territory: str, version: str | None = None) -> dict[str, Any]:
    """Return the crosswalk of a stored fusion: old grid, new grid, cells and shares."""
    info = fused_version(session, territory, version)
    return {"version": info.code, "crosswalk": list(_fusion(session, info).crosswalk)}


def proposal_collection(session: Session, territory: str, version: str | None = None) -> dict[str, Any]:
    """Return the proposed grids of a stored fusion as a GeoJSON FeatureCollection with the version id."""
    info = fused_version(session, territory, version)
    grids = _read(session, info, lambda found: _grids(session, found))
    return {"type": "FeatureCollection", "version": info.code, "features": grids}


def _grids(session: Session, found: models.Fusion) -> list[dict[str, Any]]:
    rows = session.execute(
        text(
            """SELECT code, name, kind, "leading", sources, cells, area_m2, household, business, institution, people,
                      people_unknown, rule, explanation, ST_AsGeoJSON(geom, 8, 0) AS geometry
               FROM fusion_grid WHERE fusion_id = :id ORDER BY code"""
        ),
        {"id": found.id},
    ).mappings()
    return features(rows)


def cell_at(
    session: Session, territory: str, lon: float, lat: float, version: str | None = None
) -> dict[str, Any]:
    """Return the cell of a stored fusion at a place, for pinning it.

    Raises
    ------
    NotFoundError
        No fusion, or no cell there.
    """
    info = fused_version(session, territory, version)
    row = _read(session, info, lambda found: _cell(session, found, lon, lat))
    if row is None:
        raise NotFoundError(
            f"{lon:.6f}, {lat:.6f} 不在任何单元里。", "no cell there", remedy="请在辖区范围内取点。"
        )
    return {
        "version": info.code,
        **row,
        "explanation": REASONS.get(row["reason"] or ""),
        "geometry": json.loads(row["geometry"]),
    }


def _cell(session: Session, found: models.Fusion, lon: float, lat: float) -> RowMapping | None:
    return (
        session.execute(
            text(
                """SELECT cell, codes, grid, reason, estate, inside, area_m2, household, business, institution, people,
                          people_unknown, ST_AsGeoJSON(geom, 8, 0) AS geometry
                   FROM fusion_cell
                   WHERE fusion_id = :id AND ST_Intersects(geom, ST_SetSRID(ST_MakePoint(:lon, :lat), 4490))
                   ORDER BY cell LIMIT 1"""
            ),
            {"id": found.id, "lon": lon, "lat": lat},
        )
        .mappings()
        .first()
    )
