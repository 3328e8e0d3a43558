"""The search box: addresses, zones, stations, and subjects for those who may see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from api.store import audit
from api.store.accounts import personal_scope
from api.store.gazetteer import escaped, public_form
from api.store.versions import get_version
from geo.addresses import parse
from geo.records import SUBJECT_NAMES

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from api.store.accounts import Caller

MOST: Final = 8
"""Results of each type."""
FLATS: Final = 40
"""Stored addresses per shown one: a building has many flats, and they are shown as one."""

_ZONES = text("""
    SELECT zone.code, zone.name, level.code AS level, level.name AS level_name,
           ARRAY[ST_X(at), ST_Y(at)] AS point,
           ARRAY[ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom)] AS bbox
    FROM zone JOIN level ON level.id = zone.level_id, LATERAL ST_PointOnSurface(zone.geom) AS at
    WHERE zone.version_id = :version AND (zone.code LIKE :starts OR zone.code LIKE :ends OR zone.name ILIKE :holds)
    ORDER BY zone.code = :words DESC, zone.name = :words DESC, length(zone.name), level.rank, zone.code
    LIMIT :most
""")

_STATIONS = text("""
    SELECT code, name, address, ARRAY[ST_X(location), ST_Y(location)] AS point
    FROM station
    WHERE territory_id = :territory AND (code LIKE :starts OR name ILIKE :holds OR address ILIKE :holds)
    ORDER BY code = :words DESC, name = :words DESC, length(name), code
    LIMIT :most
""")

_ADDRESSES = text("""
    SELECT text, ARRAY[ST_X(location), ST_Y(location)] AS point
    FROM address
    WHERE territory_id = :territory AND normalised LIKE :key
    ORDER BY normalised LIKE :key_starts DESC, length(normalised), normalised
    LIMIT :most
""")

_SUBJECTS = text("""
    SELECT subject.code, subject.kind, subject.name, subject.address, ARRAY[ST_X(location), ST_Y(location)] AS point
    FROM subject
    WHERE territory_id = :territory AND location IS NOT NULL
      AND (subject.code LIKE :starts OR subject.name ILIKE :holds)
      AND (:whole OR EXISTS (
          SELECT FROM zones_of(CAST(:run AS bigint), subject.id) AS own
          WHERE own.zone_id = ANY(CAST(:zones AS bigint[]))
      ))
    ORDER BY subject.name = :words DESC, length(subject.name), subject.code
    LIMIT :most
""")


def search(session: Session, caller: Caller, words: str, version_code: str) -> dict[str, Any]:
    """Find what the words may mean in a version and its territory.

    Addresses are shown without flats. Subjects are searched only where the caller may see persons, and showing them
    is a disclosure.

    Returns
    -------
    dict
        ``version`` and ``results``: zones, stations, addresses, then subjects; best first within each.
    """
    version = get_version(session, version_code)
    scope = personal_scope(session, caller, version.id)
    words = words.strip()
    pattern, key = escaped(words), escaped(parse(words).key)
    values = {
        "version": version.id,
        "territory": version.territory_id,
        "run": version.run_id,
        "words": words,
        "starts": f"{pattern}%",
        "ends": f"%{pattern}",
        "holds": f"%{pattern}%",
        "key": f"%{key}%",
        "key_starts": f"{key}%",
        "most": MOST,
        "whole": scope.whole,
        "zones": sorted(scope.zone_ids),
    }
    results: list[dict[str, Any]] = []
    if words:
        results += [
            {"type": "zone", "title": row.name, "subtitle": f"{row.level_name} {row.code}", "point": row.point,
             "bbox": row.bbox, "level": row.level, "code": row.code}
            for row in session.execute(_ZONES, values)
        ]  # fmt: skip
        results += [
            {"type": "station", "title": row.name, "subtitle": row.address or "服务站", "point": row.point,
             "code": row.code}
            for row in session.execute(_STATIONS, values)
        ]  # fmt: skip
    if key:
        results += _addresses(session, values)
    if words and scope:
        subjects = session.execute(_SUBJECTS, values).all()
        results += [
            {"type": "subject", "title": row.name or row.code,
             "subtitle": " ".join(filter(None, (SUBJECT_NAMES[row.kind], row.address))), "point": row.point,
             "code": row.code}
            for row in subjects
        ]  # fmt: skip
        persons = sum(row.kind == "household" for row in subjects)
        if persons:
            audit.record(
                session, caller.actor, audit.DISCLOSURE, version.code, shown="search", persons=persons
            )
    return {"version": version.code, "results": results}


def _addresses(session: Session, values: dict[str, Any]) -> list[dict[str, Any]]:
    shown: dict[str, dict[str, Any]] = {}
    for row in session.execute(_ADDRESSES, values | {"most": MOST * FLATS}):
        title = public_form(row.text)
        shown.setdefault(title, {"type": "address", "title": title, "subtitle": "地址", "point": row.point})
    return list(shown.values())[:MOST]
