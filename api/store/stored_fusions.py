"""The stored fusion of a version, read as answers, as the kernel's frames and for a workbook."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import pandas as pd
from sqlalchemy import select, text

from api.store import bulk, models
from api.store.errors import NotFoundError
from api.store.territories import find_territory, levels_of
from api.store.versions import VersionInfo, list_versions, version_within
from api.store.zonesets import features
from geo.fusion import KINDS, REASONS, Fusion, FusionProfile, layer_column
from geo.records import LAYER_NAMES
from maps.fusion import FusionReport

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd
    from sqlalchemy import RowMapping
    from sqlalchemy.orm import Session

T = TypeVar("T")


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
            """SELECT kind, count(*) AS count, sum(own_length_m) AS length_m, sum(area_m2) AS area_m2,
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
            """SELECT number, kind, departments, codes, length_m, own_length_m, area_m2, width_m, household, business,
                      institution, people, message, message_en,
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
