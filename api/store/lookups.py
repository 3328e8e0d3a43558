"""Which zones is this place in, who looks after it, and which station is nearest: by point or address, one or many."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlalchemy import text

from api.store import audit
from api.store.accounts import Caller, personal_scope
from api.store.errors import NotFoundError
from api.store.gazetteer import FoundAddress, find_addresses, public_form
from api.store.indexes import FoundStation, FoundZone, station_index, version_index
from api.store.refusals import AddressNotFoundError, InvalidRequestError, NoVersionError
from api.store.territories import find_territory
from api.store.versions import VersionInfo, as_of, get_version
from api.store.zones import shown_staff
from geo.crs import INTERNAL_CRS, lonlat_to_internal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from api.store.accounts import PersonalScope

EDGE_M: Final = 3.0
"""A point nearer than this to a zone's edge may belong to the other side: house numbers are no surveyed points."""


@dataclass(frozen=True)
class Query:
    """One thing to look up: an address, or a point.

    Parameters
    ----------
    address
        Text of an address; None for a point.
    lon, lat
        The point in the reference that the lookup declares; None for an address.
    id
        The caller's own name for it, given back.
    """

    address: str | None = None
    lon: float | None = None
    lat: float | None = None
    id: str | None = None


@dataclass(frozen=True)
class Lookup:
    """How to look up.

    Parameters
    ----------
    crs
        Reference of points: ``EPSG:n``, ``GCJ-02`` or ``BD-09``.
    territory
        Code of the territory; None for the one that has the place.
    as_of
        By the version in force then; None for the current one.
    """

    crs: str = INTERNAL_CRS
    territory: str | None = None
    as_of: datetime | None = None


@dataclass
class _Place:
    text: str | None
    confidence: float
    lon: float
    lat: float
    subject_id: int | None = None


@dataclass
class _Found:
    """What one query named in one version: places, else near misses."""

    places: list[_Place] = field(default_factory=list)
    near: list[FoundAddress] = field(default_factory=list)


def look_up(session: Session, caller: Caller, query: Query, how: Lookup) -> dict[str, Any]:
    """Look up one address or point.

    Raises
    ------
    AddressNotFoundError
        For an address that matches nothing; with the best near misses.
    NotFoundError
        For an unknown territory, or a point that no territory holds when none was named.
    NoVersionError
        When nothing was in force at the date.
    InvalidRequestError
        For neither or both of address and point, or a point that cannot be.
    """
    result = look_up_many(session, caller, [query], how)["results"][0]
    if result["problem"] is None:
        return {key: result[key] for key in ("version", "query", "ambiguous", "matches")}
    if query.address is None:
        raise NotFoundError(
            result["problem"], "no territory holds this point", remedy="请核对坐标与坐标系（crs）。"
        )
    raise AddressNotFoundError(
        result["problem"],
        "no known address matches",
        near_misses=result["near_misses"],
        remedy="可从相近地址中选择，或改用坐标查询。"
        if result["near_misses"]
        else "请核对地址，或改用坐标查询。",
    )


def look_up_many(session: Session, caller: Caller, queries: Sequence[Query], how: Lookup) -> dict[str, Any]:
    """Look up many addresses and points at once; what cannot be found says so in its own result.

    Returns
    -------
    dict
        ``version``: of all results, None when they differ; ``results``: in the order of the queries.
    """
    _check(queries)
    versions = _versions(session, how)
    found: list[tuple[VersionInfo, _Found] | None] = [None] * len(queries)
    _find_points(session, versions, queries, how, found)
    _find_texts(session, versions, queries, found)
    results: list[dict[str, Any]] = [
        {
            "id": query.id,
            "version": versions[0].code if len(versions) == 1 else None,
            "query": _echo(query, how),
            "ambiguous": False,
            "matches": [],
            "problem": "这个点不在任何辖区内。" if query.address is None else "没有找到这个地址。",
            "near_misses": [],
        }
        for query in queries
    ]
    for version in versions:
        rows = [row for row, one in enumerate(found) if one is not None and one[0].id == version.id]
        _describe(session, caller, version, rows, found, results)
    codes = {result["version"] for result in results}
    return {"version": codes.pop() if len(codes) == 1 else None, "results": results}


def warm(session: Session) -> None:
    """Make what lookups keep in memory, by one question to each territory."""
    nobody = Caller(0, "", "", "viewer")
    for version in _versions(session, Lookup()):
        at = session.execute(
            text(
                "SELECT ST_X(at), ST_Y(at) FROM territory, ST_PointOnSurface(boundary) AS at WHERE id = :id"
            ),
            {"id": version.territory_id},
        ).one()
        queries = [Query(lon=at[0], lat=at[1]), Query(address="1")]
        look_up_many(session, nobody, queries, Lookup(territory=version.territory))


def _check(queries: Sequence[Query]) -> None:
    for number, query in enumerate(queries, 1):
        by_point = query.lon is not None and query.lat is not None
        by_text = bool(query.address and query.address.strip())
        half = (query.lon is None) != (query.lat is None)
        if by_point == by_text or half:
            raise InvalidRequestError(
                f"第 {number} 条查询要么给地址（address），要么给坐标（lon 与 lat）。",
                f"query {number} needs either an address or lon and lat",
                remedy="例如 ?address=银都路191号 或 ?lon=121.4&lat=31.07。",
            )


def _versions(session: Session, how: Lookup) -> list[VersionInfo]:
    """Return the version to ask in each territory that comes into question."""
    if how.territory is not None:
        find_territory(session, how.territory)
        codes = [how.territory]
    else:
        codes = list(session.scalars(text("SELECT code FROM territory ORDER BY code")))
    versions: list[VersionInfo] = []
    for code in codes:
        try:
            versions.append(as_of(session, code, how.as_of))
        except NotFoundError as error:
            if how.as_of is None:
                # Before the first publishing the draft is all there is; its version id says which it was.
                versions.append(get_version(session, code))
            elif how.territory is not None:
                raise NoVersionError(error.zh, error.en, remedy=error.remedy) from error
    if not versions and how.as_of is not None:
        raise NoVersionError(
            f"{how.as_of:%Y-%m-%d %H:%M} 还没有发布过任何版本。",
            f"nothing was published by {how.as_of}",
            remedy="请换一个日期。",
        )
    if not versions:
        raise NoVersionError(
            "没有可查询的版本。", "there is no version to ask", remedy="请先加载并发布网格。"
        )
    return versions


def _find_points(
    session: Session,
    versions: list[VersionInfo],
    queries: Sequence[Query],
    how: Lookup,
    found: list[tuple[VersionInfo, _Found] | None],
) -> None:
    rows = np.array([row for row, query in enumerate(queries) if query.address is None], dtype=np.int64)
    if not len(rows):
        return
    lon = np.array([queries[row].lon for row in rows], dtype=np.float64)
    lat = np.array([queries[row].lat for row in rows], dtype=np.float64)
    if how.crs != INTERNAL_CRS:
        lon, lat = lonlat_to_internal(lon, lat, how.crs)
    bad = ~(np.isfinite(lon) & np.isfinite(lat) & (np.abs(lon) <= 180) & (np.abs(lat) <= 90))  # noqa: PLR2004  the globe
    if bad.any():
        raise InvalidRequestError(
            f"第 {int(rows[bad][0]) + 1} 条查询的坐标不是 {how.crs} 中可能的坐标。",
            f"query {int(rows[bad][0]) + 1}: no possible coordinates in {how.crs}",
            remedy="请核对数值与 crs 参数。",
        )
    for version in versions:
        # A territory named by the caller answers for every point: outside of it is an answer, too.
        here = np.ones(len(rows), dtype=bool)
        if how.territory is None:
            here = version_index(session, version).territory.locate(lon, lat) >= 0
        for at in np.flatnonzero(here):
            if found[rows[at]] is None:
                found[rows[at]] = version, _Found([_Place(None, 1.0, float(lon[at]), float(lat[at]))])


def _find_texts(
    session: Session,
    versions: list[VersionInfo],
    queries: Sequence[Query],
    found: list[tuple[VersionInfo, _Found] | None],
) -> None:
    rows = [row for row, query in enumerate(queries) if query.address is not None]
    if not rows:
        return
    texts = [str(queries[row].address) for row in rows]
    for version in versions:
        answers = find_addresses(session, version.territory_id, texts)
        for row, (matches, near) in zip(rows, answers, strict=True):
            new = _Found(
                [_Place(one.text, one.confidence, one.lon, one.lat, one.subject_id) for one in matches], near
            )
            if not (matches or near):
                continue
            old = found[row]
            if old is None or _best(new) > _best(old[1]):
                found[row] = version, new


def _best(found: _Found) -> tuple[bool, float]:
    """Rank what territories found for one text: a match before a near miss, then by confidence."""
    candidates = found.places or found.near
    return bool(found.places), max((one.confidence for one in candidates), default=0.0)


def _describe(
    session: Session,
    caller: Caller,
    version: VersionInfo,
    rows: list[int],
    found: list[tuple[VersionInfo, _Found] | None],
    results: list[dict[str, Any]],
) -> None:
    """Fill in the results of the queries that one version answers."""
    scope = personal_scope(session, caller, version.id)
    owners: list[int] = []
    places: list[_Place] = []
    for row in rows:
        answer = found[row]
        if answer is None:
            continue
        results[row]["version"] = version.code
        results[row]["near_misses"] = _near_misses(answer[1].near)
        owners += [row] * len(answer[1].places)
        places += answer[1].places
    lon, lat = np.array([one.lon for one in places]), np.array([one.lat for one in places])
    zones, unassigned = version_index(session, version).find(lon, lat)
    stations = station_index(session, version.territory_id).nearest(lon, lat)
    shown = 0
    for row, place, inside, reasons, station in zip(owners, places, zones, unassigned, stations, strict=True):
        match, disclosed = _match(place, inside, reasons, station, scope)
        shown += disclosed
        result = results[row]
        if match not in result["matches"]:
            result["matches"].append(match)
        result["problem"] = None
    for row in rows:
        results[row]["ambiguous"] = _ambiguous(results[row]["matches"])
    if shown:
        audit.record(session, caller.actor, audit.DISCLOSURE, version.code, shown="lookup", persons=shown)


def _match(
    place: _Place,
    inside: list[FoundZone],
    reasons: dict[str, str],
    station: FoundStation | None,
    scope: PersonalScope,
) -> tuple[dict[str, Any], int]:
    """Return one match, and how many persons' data it discloses."""
    persons = 0
    zones = []
    for zone in inside:
        allowed = scope.covers(zone.id)
        persons += sum(1 for one in zone.staff if one.get("phone")) if allowed else 0
        zones.append(
            {
                "layer": zone.layer,
                "level": zone.level,
                "level_name": zone.level_name,
                "code": zone.code,
                "name": zone.name,
                "parent": zone.parent,
                "staff": shown_staff(zone.staff, allowed=allowed),
                "edge_m": zone.edge_m,
            }
        )
    # A flat is a household's: it is named only to those who may see persons in the zone that it is in.
    allowed = scope.whole or any(scope.covers(zone.id) for zone in inside)
    shown = place.text
    if shown is not None and not allowed:
        shown = public_form(shown)
    elif shown is not None and shown != public_form(shown):
        persons += 1
    nearest = None
    if station is not None:
        nearest = {
            "code": station.code,
            "name": station.name,
            "walk_m": station.walk_m,
            "straight_m": station.straight_m,
        }
    return {
        "text": shown,
        "confidence": round(place.confidence, 3),
        "point": [place.lon, place.lat],
        "zones": zones,
        "station": nearest,
        "unassigned": reasons,
    }, persons


def _ambiguous(matches: list[dict[str, Any]]) -> bool:
    """Whether a person should look: several places in different zones, or a place within metres of an edge."""
    answers = {tuple((zone["level"], zone["code"]) for zone in match["zones"]) for match in matches}
    near_edge = any(zone["edge_m"] < EDGE_M for match in matches for zone in match["zones"])
    return len(answers) > 1 or near_edge


def _near_misses(near: list[FoundAddress]) -> list[dict[str, Any]]:
    """Return near misses, always without flats: nobody asked for these households."""
    best: dict[str, float] = {}
    for one in near:
        shown = public_form(one.text)
        best[shown] = max(best.get(shown, 0.0), round(one.confidence, 3))
    return [{"text": shown, "confidence": confidence} for shown, confidence in best.items()]


def _echo(query: Query, how: Lookup) -> dict[str, Any]:
    if query.address is not None:
        return {"address": query.address}
    return {"lon": query.lon, "lat": query.lat, "crs": how.crs}
