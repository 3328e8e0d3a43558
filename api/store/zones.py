"""What the tables say of territories, versions and zones: figures for lists, cards and maps.

Counts come from the assignment run that the version points at; without one they are None, which is shown as 未知 and
never as zero.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from api.store import audit
from api.store.accounts import personal_scope
from api.store.boundaries import bounds_of_stored
from api.store.errors import NotFoundError
from api.store.versions import get_version, list_versions
from geo.records import SUBJECT_KINDS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from api.store.accounts import Caller
    from api.store.versions import VersionInfo

_DIGITS_SHOWN = 3, 4
"""First and last digits of a masked telephone number that stay readable."""


def list_territories(session: Session) -> list[dict[str, Any]]:
    """List territories by code, each with its current version (else its newest draft)."""
    rows = session.execute(
        text("""
            SELECT code, name, synthetic, source, data_date, notes,
                   ARRAY[ST_XMin(boundary), ST_YMin(boundary), ST_XMax(boundary), ST_YMax(boundary)] AS bbox,
                   (SELECT version.code FROM version WHERE territory_id = territory.id AND valid_to IS NULL
                    ORDER BY status = 'published' DESC, number DESC LIMIT 1) AS current_version
            FROM territory ORDER BY code
        """)
    )
    return [dict(row) for row in rows.mappings()]


def list_version_fields(session: Session, territory: str) -> list[dict[str, Any]]:
    """List the versions of a territory, newest first, in the form that answers have.

    Raises
    ------
    NotFoundError
        When there is no such territory.
    """
    return [version_fields(version) for version in list_versions(session, territory)]


def describe_version(session: Session, code: str) -> dict[str, Any]:
    """Describe a version: its layers, reconciliation, faults, stations and coverage."""
    version = get_version(session, code)
    reconciliation = session.scalar(
        text("SELECT reconciliation FROM assignment_run WHERE id = :run"), {"run": version.run_id}
    )
    return {
        **version_fields(version),
        "territory": _find_territory(session, version.territory),
        "checked_at": version.checked_at,
        "layers": _layers(session, version),
        "reconciliation": reconciliation or [],
        "faults": _fault_figures(session, version),
        "stations": session.scalar(
            text("SELECT count(*) FROM station WHERE territory_id = :id"), {"id": version.territory_id}
        ),
        "coverage": _coverage(session, version),
        **_work_done(session, version),
    }


def _work_done(session: Session, version: VersionInfo) -> dict[str, Any]:
    """Say what there is of repairs and fusion, so that nobody has to ask for what is not there."""
    row = session.execute(
        text(
            """SELECT (SELECT made_at FROM repair_run WHERE version_id = :id) AS repair_proposed_at,
                      (SELECT made_at FROM fusion WHERE version_id = :id) AS fused_at,
                      (SELECT jsonb_build_object('base', b.code, 'numbers', a.numbers, 'made_by', a.made_by,
                                                 'made_at', a.made_at, 'undone_at', a.undone_at)
                       FROM repair_acceptance a JOIN version b ON b.id = a.base_version_id
                       WHERE a.version_id = :id) AS repaired"""
        ),
        {"id": version.id},
    )
    return dict(row.mappings().one())


def list_zones(session: Session, code: str, level: str) -> dict[str, Any]:
    """List the zones of a level with their figures; staff by role and name, without telephones.

    Raises
    ------
    NotFoundError
        When there is no such version, or no such level in its territory.
    """
    version = get_version(session, code)
    level_id = _find_level(session, version, level)
    zones = _zones(session, version, level_id)
    for zone in zones:
        del zone["id"]
        zone["staff"] = [{"role": one.get("role"), "name": one.get("name")} for one in zone["staff"]]
    return {"version": version.code, "level": level, "zones": zones}


def describe_zone(
    session: Session, caller: Caller, version_code: str, level: str, code: str
) -> dict[str, Any]:
    """Describe one zone with its geometry, stations, faults and staff.

    Telephones of staff are masked unless the caller may see persons in this zone; showing them is a disclosure.

    Raises
    ------
    NotFoundError
        When there is no such version, level or zone.
    """
    version = get_version(session, version_code)
    found = _zones(session, version, _find_level(session, version, level), code)
    if not found:
        raise NotFoundError(
            f"版本“{version_code}”的层级“{level}”里没有网格“{code}”。",
            f"no zone {code} at level {level} of {version_code}",
            remedy="请核对编码与层级。",
        )
    zone = found[0]
    zone_id = zone.pop("id")
    more = session.execute(
        text("""
            SELECT ST_AsGeoJSON(zone.geom, 8, 0) AS geometry,
                   CASE WHEN EXISTS (
                       SELECT FROM level WHERE level.parent_level_id = zone.level_id AND EXISTS (
                           SELECT FROM zone AS below
                           WHERE below.version_id = zone.version_id AND below.level_id = level.id))
                   THEN (SELECT count(*) FROM zone AS child WHERE child.parent_id = zone.id) END AS children,
                   (SELECT jsonb_build_object('code', parent.code, 'name', parent.name, 'level', level.code)
                    FROM zone AS parent JOIN level ON level.id = parent.level_id WHERE parent.id = zone.parent_id)
                   AS parent,
                   (SELECT coalesce(jsonb_agg(jsonb_build_object('code', station.code, 'name', station.name,
                       'kind', station.kind, 'address', station.address,
                       'point', ARRAY[ST_X(location), ST_Y(location)]) ORDER BY station.code), '[]')
                    FROM station WHERE territory_id = :territory AND ST_Intersects(location, zone.geom))
                   AS stations,
                   (SELECT coalesce(array_agg(number ORDER BY number), '{}') FROM fault
                    WHERE fault.version_id = zone.version_id AND fault.level_id = zone.level_id
                      AND zone.code = ANY(fault.codes)) AS faults
            FROM zone WHERE zone.id = :id
        """),
        {"id": zone_id, "territory": version.territory_id},
    ).mappings()
    details = dict(more.one())
    allowed = personal_scope(session, caller, version.id).covers(zone_id)
    staff = shown_staff(zone["staff"], allowed=allowed)
    if allowed and any(one.get("phone") for one in staff):
        about = f"{version.code}/{level}/{code}"
        audit.record(session, caller.actor, audit.DISCLOSURE, about, shown="staff.phone", persons=len(staff))
    geometry = json.loads(details.pop("geometry"))
    details["bounds"] = bounds_of_stored(session, version.territory_id, zone_id).told
    return {"version": version.code, "level": level, **zone, **details, "staff": staff, "geometry": geometry}


def list_stations(session: Session, code: str) -> dict[str, Any]:
    """List the stations of a version's territory."""
    version = get_version(session, code)
    rows = session.execute(
        text("""
            SELECT code, name, kind, address, ARRAY[ST_X(location), ST_Y(location)] AS point
            FROM station WHERE territory_id = :territory ORDER BY code
        """),
        {"territory": version.territory_id},
    )
    return {"version": version.code, "stations": [dict(row) for row in rows.mappings()]}


def shown_staff(staff: list[dict[str, Any]], *, allowed: bool) -> list[dict[str, Any]]:
    """Return staff as shown to a caller: telephones in full when allowed, else masked.

    Examples
    --------
    >>> shown_staff([{"role": "网格长", "name": "王芳", "phone": "13812345678"}], allowed=False)
    [{'role': '网格长', 'name': '王芳', 'phone': '138****5678'}]
    """
    return [
        {
            "role": one.get("role"),
            "name": one.get("name"),
            "phone": one.get("phone") if allowed else mask_phone(one.get("phone")),
        }
        for one in staff
    ]


def mask_phone(phone: str | None) -> str | None:
    """Hide the middle of a telephone number, and all of a short one.

    Examples
    --------
    >>> mask_phone("13812345678"), mask_phone("110"), mask_phone(None)
    ('138****5678', '****', None)
    """
    if phone is None:
        return None
    first, last = _DIGITS_SHOWN
    return f"{phone[:first]}****{phone[-last:]}" if len(phone) >= first + last + 4 else "****"


def version_fields(version: VersionInfo) -> dict[str, Any]:
    """Return a version in the form that answers have."""
    return {
        "version": version.code,
        "number": version.number,
        "status": version.status,
        "reason": version.reason,
        "valid_from": version.valid_from,
        "valid_to": version.valid_to,
    }


def _find_territory(session: Session, code: str) -> dict[str, Any]:
    row = session.execute(
        text("""
            SELECT code, name, synthetic, source, data_date, notes,
                   ARRAY[ST_XMin(boundary), ST_YMin(boundary), ST_XMax(boundary), ST_YMax(boundary)] AS bbox
            FROM territory WHERE code = :code
        """),
        {"code": code},
    )
    found = row.mappings().first()
    if found is None:
        raise NotFoundError(
            f"没有辖区“{code}”。", f"no territory {code}", remedy="在 /api/territories 查看辖区。"
        )
    return dict(found)


def _find_level(session: Session, version: VersionInfo, level: str) -> int:
    found = session.scalar(
        text("""
            SELECT level.id FROM level JOIN layer ON layer.id = level.layer_id
            WHERE layer.territory_id = :territory AND level.code = :level
        """),
        {"territory": version.territory_id, "level": level},
    )
    if found is None:
        raise NotFoundError(
            f"版本“{version.code}”没有层级“{level}”。",
            f"no level {level} in {version.code}",
            remedy=f"在 /api/versions/{version.code} 查看层级。",
        )
    return int(found)


def _zones(
    session: Session, version: VersionInfo, level_id: int, code: str | None = None
) -> list[dict[str, Any]]:
    rows = session.execute(
        text("""
            SELECT zone.id, zone.code, zone.name, zone.kind, parent.code AS parent,
                   ARRAY[ST_XMin(zone.geom), ST_YMin(zone.geom), ST_XMax(zone.geom), ST_YMax(zone.geom)] AS bbox,
                   zone.area_m2, zone.perimeter_m, zone.staff, figures.counts, figures.people
            FROM zone
            LEFT JOIN zone AS parent ON parent.id = zone.parent_id
            LEFT JOIN LATERAL (
                SELECT jsonb_object_agg(kind, subjects) AS counts,
                       sum(people) FILTER (WHERE kind = 'household')::bigint AS people
                FROM zone_count WHERE zone_count.run_id = :run AND zone_count.zone_id = zone.id
            ) AS figures ON true
            WHERE zone.version_id = :version AND zone.level_id = :level
              AND (CAST(:code AS text) IS NULL OR zone.code = :code)
            ORDER BY zone.code
        """),
        {"version": version.id, "run": version.run_id, "level": level_id, "code": code},
    )
    zones = [dict(row) for row in rows.mappings()]
    # A kind without subjects in a zone has no row: it counts zero once subjects were assigned at all.
    missing = None if version.run_id is None else 0
    for zone in zones:
        counts = zone["counts"] or {}
        zone["counts"] = {kind: counts.get(kind, missing) for kind in SUBJECT_KINDS}
    return zones


def _layers(session: Session, version: VersionInfo) -> list[dict[str, Any]]:
    rows = session.execute(
        text("""
            SELECT layer.code AS layer, layer.name AS layer_name, level.code, level.name, rank, partition,
                   (SELECT count(*) FROM zone WHERE zone.version_id = :version AND zone.level_id = level.id) AS zones
            FROM layer JOIN level ON level.layer_id = layer.id
            WHERE layer.territory_id = :territory
            ORDER BY layer.position, layer.id, rank
        """),
        {"version": version.id, "territory": version.territory_id},
    )
    layers: dict[str, dict[str, Any]] = {}
    for row in rows.mappings():
        if not row["zones"]:
            continue
        layer = layers.setdefault(
            row["layer"], {"code": row["layer"], "name": row["layer_name"], "levels": []}
        )
        layer["levels"].append({key: row[key] for key in ("code", "name", "rank", "partition", "zones")})
    return list(layers.values())


def _fault_figures(session: Session, version: VersionInfo) -> dict[str, Any]:
    rows = session.execute(
        text(
            "SELECT kind, severity, count(*) FROM fault WHERE version_id = :version GROUP BY 1, 2 ORDER BY 3 DESC"
        ),
        {"version": version.id},
    ).all()
    by_kind: dict[str, int] = {}
    for kind, _severity, count in rows:
        by_kind[kind] = by_kind.get(kind, 0) + count
    return {
        "total": sum(by_kind.values()),
        "errors": sum(count for _kind, severity, count in rows if severity == "error"),
        "warnings": sum(count for _kind, severity, count in rows if severity == "warning"),
        "by_kind": by_kind,
    }


def _coverage(session: Session, version: VersionInfo) -> list[dict[str, Any]]:
    rows = session.execute(
        text("""
            SELECT minutes, (reached ->> 'household')::bigint FROM circle
            WHERE version_id = :version AND station_id IS NULL ORDER BY minutes
        """),
        {"version": version.id},
    ).all()
    if not rows:  # a city's households are not counted for nothing
        return []
    total = session.scalar(
        text("SELECT count(*) FROM subject WHERE territory_id = :territory AND kind = 'household'"),
        {"territory": version.territory_id},
    )
    return [
        {
            "minutes": minutes,
            "households_reached": reached,
            "households_total": total,
            "share": reached / total if total and reached is not None else None,
        }
        for minutes, reached in rows
    ]
