"""Where the next stations should stand, from what is stored of a territory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sqlalchemy import text

from api.store import bulk
from api.store.errors import NotFoundError
from api.store.networks import read_network, read_stations
from api.store.progress import Progress, silent
from api.store.versions import get_version
from geo.siting import site_stations

if TYPE_CHECKING:
    import geopandas as gpd
    from sqlalchemy.orm import Session

CANDIDATE_KINDS = ("institution", "facility", "estate")
"""Where a station could be housed; see RULES: by location, people and service radius."""


@dataclass(frozen=True)
class SitingReport:
    """The choice and what it achieves.

    Parameters
    ----------
    version
        Version whose territory it is for.
    chosen
        Chosen candidates: ``code, kind, name, address, geometry``, EPSG:4490.
    reached_before, reached
        Households within reach of the existing stations, of these and the chosen.
    beyond, off_streets, unlocated
        The other households: a longer walk away, without a street near enough, without a location. With ``reached``
        they add up to ``total``.
    total
        Households of the territory.
    gap
        How far a better choice could still be, as a share of the goal; 0 is proof that there is none.
    """

    version: str
    chosen: gpd.GeoDataFrame
    reached_before: int
    reached: int
    beyond: int
    off_streets: int
    unlocated: int
    total: int
    gap: float


def choose_stations(
    session: Session,
    version: str,
    count: int,
    progress: Progress = silent,
    *,
    goal: Literal["coverage", "walk"] = "coverage",
    minutes: float = 15.0,
    walk_speed_mps: float = 1.0,
) -> SitingReport:
    """Choose ``count`` new stations among institutions, facilities and estates, beside those that stand.

    Raises
    ------
    NotFoundError
        No such version, no streets, or no candidates.
    SitingError
        More stations to choose than candidates.
    """
    info = get_version(session, version)
    progress(0.1, "读取路网")
    network = read_network(session, info.territory_id)
    candidates = _places(session, info.territory_id, CANDIDATE_KINDS)
    if not len(candidates):
        raise NotFoundError(
            "该辖区没有可作候选点的单位、设施或小区。",
            "the territory has no institutions, facilities or estates",
            remedy="请先加载单位、设施或小区: onegrid load --kind subjects。",
        )
    households = _places(session, info.territory_id, ("household",))
    progress(0.3, f"在 {len(candidates)} 个候选点中选择 {count} 个")
    choice = site_stations(
        network,
        candidates,
        households,
        count,
        goal=goal,
        existing=read_stations(session, info.territory_id),
        minutes=minutes,
        walk_speed_mps=walk_speed_mps,
    )
    progress(1.0, "选址完成")
    total = session.scalar(
        text("SELECT count(*) FROM subject WHERE territory_id = :territory AND kind = 'household'"),
        {"territory": info.territory_id},
    )
    reached, off_streets = int(choice.reached), int(choice.off_streets)
    return SitingReport(
        version=info.code,
        chosen=candidates.iloc[choice.chosen].reset_index(drop=True),
        reached_before=int(choice.reached_before),
        reached=reached,
        beyond=len(households) - reached - off_streets,
        off_streets=off_streets,
        unlocated=int(total or 0) - len(households),
        total=int(total or 0),
        gap=choice.gap,
    )


def _places(session: Session, territory_id: int, kinds: tuple[str, ...]) -> gpd.GeoDataFrame:
    rows = session.execute(
        text(
            """SELECT code, kind, name, address, ST_AsBinary(location) AS geometry FROM subject
               WHERE territory_id = :territory AND kind = ANY(:kinds) AND location IS NOT NULL ORDER BY id"""
        ),
        {"territory": territory_id, "kinds": list(kinds)},
    )
    return bulk.geo_frame(rows)
