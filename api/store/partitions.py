"""划格建议: grids drawn along street blocks for a version, stored with their figures, adopted as a plan."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import shapely
from sqlalchemy import select, text

from api.store import adoptions, audit, bulk, models, profiles
from api.store.errors import NotFoundError
from api.store.exceptions import exception_areas
from api.store.located import read_footprints, read_located
from api.store.networks import read_streets
from api.store.progress import Progress, part, silent
from api.store.refusals import InvalidRequestError
from api.store.territories import boundary_of, levels_of
from api.store.versions import version_within
from api.store.zonesets import columns, documents, features, plain, read_zones
from geo.crs import INTERNAL_CRS
from geo.partition import Place, Proposal, ProposalOptions, propose

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from api.store.drafts import Rooms
    from api.store.plans import PlanInfo
    from api.store.versions import VersionInfo

KEPT = 20
"""Proposals kept of a version: the oldest go when more are made."""


@dataclass(frozen=True)
class PartitionRequest:
    """What a planner asks.

    Parameters
    ----------
    level
        Level to draw.
    within
        Level whose zones no new zone crosses; None: the level's own parent, where the version has it (law 1).
    grids, households, keep, seed
        As in `geo.partition.ProposalOptions`; neither of the first two: the limits of the territory's profile.
    """

    level: str = "grid"
    within: str | None = None
    grids: int | None = None
    households: tuple[float, float] | None = None
    keep: float = 0.0
    seed: int = 1


def compute_proposal(
    session: Session,
    territory: str,
    version: str | None,
    request: PartitionRequest,
    progress: Progress = silent,
    *,
    actor: audit.Actor | None = None,
) -> int:
    """Draw a proposal for a version and store it.

    Parameters
    ----------
    session
        Its transaction holds the proposal.
    territory
        Code of the territory.
    version
        Code of one of its versions, by default the newest.
    request
        What is asked.
    progress
        Told how far it is.
    actor
        Who asks, for the audit trail.

    Returns
    -------
    int
        Number of the proposal.

    Raises
    ------
    NotFoundError
        No such territory, version or level.
    InvalidRequestError
        The version is another territory's, or the level takes no limits of households and none were given.
    ZonesError
        From the kernel: nothing to divide, contradicting wishes.
    """
    info = version_within(session, territory, version)
    made = make_proposal(session, info, request, part(progress, 0.0, 0.9))
    progress(0.92, "保存划格建议")
    number = store_proposal(session, info, request, made, actor=actor)
    progress(1.0, f"划格建议 {number}: {made.figures.zones} 个网格")
    return number


def store_proposal(
    session: Session,
    info: VersionInfo,
    request: PartitionRequest,
    made: Proposal,
    *,
    actor: audit.Actor | None = None,
) -> int:
    """Store a proposal that was drawn for a version, and return its number."""
    actor = actor or audit.Actor()
    row = models.PartitionProposal(
        version_id=info.id,
        level=request.level,
        options=plain(asdict(request)),
        figures=figures_of(made, request),
        messages=list(made.messages),
        made_by=actor.account,
    )
    session.add(row)
    session.flush()
    _copy(session, row.id, made)
    _forget_old(session, info)
    audit.record(
        session,
        actor,
        "partition.propose",
        info.code,
        proposal=row.id,
        zones=made.figures.zones,
        level=request.level,
    )
    return row.id


def make_proposal(
    session: Session, info: VersionInfo, request: PartitionRequest, progress: Progress = silent
) -> Proposal:
    """Draw a proposal for a version, without storing it; raises as `compute_proposal`."""
    progress(0.02, "读取道路、小区、楼栋、住户")
    levels = {each.code: each.level for each in levels_of(session, info.territory_id)}
    if request.level not in levels or not levels[request.level].partition:
        usable = "、".join(code for code, level in levels.items() if level.partition)
        raise NotFoundError(
            f"版本 {info.code} 没有可以划分的层级“{request.level}”。",
            f"{info.code} has no level {request.level!r} to divide",
            remedy=f"可用: {usable}。",
        )
    located = read_located(session, info.territory_id)
    footprints = read_footprints(session, info.territory_id)
    streets = read_streets(session, info.territory_id)
    place = Place(
        boundary=boundary_of(session, info.territory_id),
        parents=_parents(session, info, request, levels[request.level].parent, set(levels)),
        current=read_zones(session, info, request.level),
        streets=streets if len(streets) else None,
        estates=footprints[footprints["kind"] == "estate"],
        buildings=footprints[footprints["kind"] == "building"],
        households=located[located["kind"] == "household"],
        exceptions=exception_areas(session, info.territory_id),
    )
    options = ProposalOptions(
        grids=request.grids,
        households=request.households or (None if request.grids else _limits(session, info, request.level)),
        keep=request.keep,
        seed=request.seed,
    )
    return propose(
        place,
        options,
        level=request.level,
        retired=_codes_used(session, info, request.level),
        progress=part(progress, 0.15, 1.0),
    )


def _parents(
    session: Session, info: VersionInfo, request: PartitionRequest, own: str | None, known: set[str]
) -> gpd.GeoDataFrame | None:
    name = request.within or own
    if name is None or name not in known:
        if request.within is not None:
            raise NotFoundError(
                f"版本 {info.code} 没有层级“{request.within}”。",
                f"{info.code} has no level {request.within!r}",
                remedy=f"可用: {'、'.join(sorted(known))}。",
            )
        return None
    zones = read_zones(session, info, name)
    return zones if len(zones) else None


def _limits(session: Session, info: VersionInfo, level: str) -> tuple[float, float]:
    """Return the limits of households of the territory's profile."""
    band = profiles.read_profile(session, info.territory).profile.band(level, "households")
    least, most = band or (None, None)
    if not least or not most:
        raise InvalidRequestError(
            f"规则里没有层级“{level}”的户数上下限。",
            f"no limits of households for level {level!r}",
            remedy="请给出网格数，或每格户数上下限，例如 300-500。",
        )
    return float(least), float(most)


def _codes_used(session: Session, info: VersionInfo, level: str) -> frozenset[str]:
    """Return codes that a level had in other versions and has not in this one: retired, never given out again."""
    codes = session.scalars(
        text(
            """SELECT DISTINCT z.code FROM zone z JOIN level l ON l.id = z.level_id
               JOIN version v ON v.id = z.version_id
               WHERE v.territory_id = :territory AND l.code = :level AND v.id <> :version"""
        ),
        {"territory": info.territory_id, "level": level, "version": info.id},
    )
    return frozenset(codes)


def figures_of(made: Proposal, request: PartitionRequest) -> dict[str, Any]:
    """Return the figures of a proposal as answers show them."""
    figures = made.figures
    least, most, mean = figures.households
    return {
        "zones": figures.zones,
        "general": figures.general,
        "dedicated": figures.dedicated,
        "balance": round(figures.balance, 4),
        "compactness": round(figures.compactness, 4),
        "compactness_least": round(figures.compactness_least, 4),
        "cut_estates": figures.cut_estates,
        "cut_buildings": figures.cut_buildings,
        "across_parents": figures.across_parents,
        "inside_barriers_m": round(figures.inside_barriers_m, 1),
        "households": {"least": least, "most": most, "mean": round(mean, 1)},
        "in_band": figures.in_band if request.grids is None else None,
        "moved_households": figures.moved_households,
        "changed_share": None if figures.changed_share is None else round(figures.changed_share, 4),
    }


def _copy(session: Session, proposal: int, made: Proposal) -> None:
    figures = ("household", "area_m2", "compactness")
    bulk.copy_columns(
        session,
        "partition_zone",
        {
            **columns(made.zones, "code", "name", "kind", "parent", "before", *figures, "note"),
            "attributes": documents(made.zones, "attributes", {}),
            "geom": bulk.to_ewkb(made.zones.geometry),
        },
        proposal_id=proposal,
    )


def _forget_old(session: Session, info: VersionInfo) -> None:
    session.execute(
        text(
            """DELETE FROM partition_proposal WHERE version_id = :version AND id NOT IN (
                   SELECT id FROM partition_proposal WHERE version_id = :version ORDER BY id DESC LIMIT :kept)"""
        ),
        {"version": info.id, "kept": KEPT},
    )


def _find(session: Session, number: int) -> tuple[models.PartitionProposal, str, str]:
    """Return a proposal, the code of its version and that of its territory."""
    found = session.execute(
        select(models.PartitionProposal, models.Version.code, models.Territory.code)
        .join(models.Version, models.Version.id == models.PartitionProposal.version_id)
        .join(models.Territory, models.Territory.id == models.Version.territory_id)
        .where(models.PartitionProposal.id == number)
    ).one_or_none()
    if found is None:
        raise NotFoundError(
            f"没有编号为 {number} 的划格建议。",
            f"no proposal {number}",
            remedy="它可能已被更新的建议取代，请重新生成。",
        )
    row, version, territory = found
    return row, version, territory


def territory_of(session: Session, number: int) -> str:
    """Return the code of the territory of a proposal.

    Raises
    ------
    NotFoundError
        No such proposal.
    """
    return _find(session, number)[2]


def describe(session: Session, number: int) -> dict[str, Any]:
    """Return a proposal's figures, options and messages.

    Raises
    ------
    NotFoundError
        No such proposal.
    """
    row, version, territory = _find(session, number)
    return {
        "id": row.id,
        "territory": territory,
        "version": version,
        "level": row.level,
        "options": row.options,
        **row.figures,
        "messages": list(row.messages),
        "made_by": row.made_by,
        "made_at": row.made_at.isoformat(),
    }


def list_proposals(session: Session, territory: str, version: str | None = None) -> list[dict[str, Any]]:
    """Return the proposals of a version, by default the newest, latest first.

    Raises
    ------
    NotFoundError
        No such territory or version.
    """
    info = version_within(session, territory, version)
    numbers = session.scalars(
        select(models.PartitionProposal.id)
        .where(models.PartitionProposal.version_id == info.id)
        .order_by(models.PartitionProposal.id.desc())
    ).all()
    return [describe(session, number) for number in numbers]


def zone_collection(session: Session, number: int) -> dict[str, Any]:
    """Return the zones of a proposal as a GeoJSON FeatureCollection with the version id.

    Raises
    ------
    NotFoundError
        No such proposal.
    """
    row, version, _ = _find(session, number)
    zones = session.execute(
        text(
            """SELECT code, name, kind, parent, before, household, area_m2, compactness, note,
                      ST_AsGeoJSON(geom, 8, 0) AS geometry
               FROM partition_zone WHERE proposal_id = :id ORDER BY code"""
        ),
        {"id": row.id},
    ).mappings()
    return {
        "type": "FeatureCollection",
        "proposal": row.id,
        "version": version,
        "features": features(zones),
    }


def read_proposal(session: Session, number: int) -> gpd.GeoDataFrame:
    """Return the zones of a proposal as a frame: ``code, name, kind, parent, attributes, …, geometry``.

    Raises
    ------
    NotFoundError
        No such proposal.
    """
    row, _, _ = _find(session, number)
    rows = session.execute(
        text(
            """SELECT code, name, kind, parent, before, household, area_m2, compactness, note, attributes,
                      ST_AsBinary(geom) AS geometry
               FROM partition_zone WHERE proposal_id = :id ORDER BY code"""
        ),
        {"id": row.id},
    )
    frame = bulk.geo_frame(rows)
    shapes = frame.geometry.to_numpy()
    single = shapely.get_num_geometries(shapes) == 1
    shapes[single] = shapely.get_geometry(shapes[single], 0)
    return frame.set_geometry(gpd.GeoSeries(shapes, crs=INTERNAL_CRS))


def adopt_proposal(
    session: Session,
    number: int,
    name: str,
    *,
    author: int | None,
    rooms: Rooms | None = None,
) -> PlanInfo:
    """Make a plan whose one change carries a proposal, on the version that it was drawn for.

    Raises
    ------
    NotFoundError
        No such proposal.
    RefusedError
        The proposal no longer fits the version (law 1); there is no plan then.
    """
    row, version, territory = _find(session, number)
    zones = read_proposal(session, number)
    return adoptions.adopt(
        session,
        territory,
        name,
        row.level,
        zones[["code", "name", "kind", "geometry"]],
        reason=f"采用划格建议 {row.id}",
        author=author,
        base=version,
        description=f"由 {version} 的划格建议 {row.id} 生成，共 {len(zones)} 个网格，"
        f"户数最多与平均之比 {row.figures['balance']:.2f}，切分小区 {row.figures['cut_estates']} 个。",
        rooms=rooms,
    )
