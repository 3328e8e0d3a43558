"""The move ledger of a plan: summed, by zone, by edit, on the map, with names, and as it was published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import shapely
from sqlalchemy import text

from api.store import audit, bulk, models, versions
from api.store.accounts import personal_scope
from api.store.assignments import get_reconciliation
from api.store.plans import get_plan
from api.store.rooms import Room, Rooms, changes_of
from api.store.territories import levels_of
from api.store.zonesets import column
from geo.plans import ledger as sums
from maps.ledger import LedgerData

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import Session

    from api.store.accounts import Caller, PersonalScope
    from api.store.plans import PlanInfo
    from api.store.versions import VersionInfo
    from geo.plans import Change, Draft

POINTS_MOST = 100_000
"""Points that one answer for the map holds; the rest is counted."""


@dataclass(frozen=True)
class Ledger:
    """The move ledger of a plan, with the reasons.

    Parameters
    ----------
    plan
        The plan and its revision.
    moves
        One row per subject and level, with the ``revision`` of the edit that moved it last.
    edits
        Each standing edit: ``revision, operation, reason, made_by, made_at`` and its ``moves``, a frame.
    changes
        The same edits as the kernel knows them.
    draft
        The zones that they lead to.
    """

    plan: PlanInfo
    moves: pd.DataFrame
    edits: list[dict[str, Any]]
    changes: list[Change]
    draft: Draft


def current_moves(session: Session, rooms: Rooms, plan: PlanInfo) -> tuple[PlanInfo, Room, pd.DataFrame]:
    """Return a plan as it is now with its room, and who moves by it."""
    while True:
        room = rooms.enter(session, plan)
        moves = room.census.ledger()
        if rooms.is_current(room):
            return plan, room, moves
        # Somebody's edit was committed meanwhile: what was read may be of both.
        plan = get_plan(session, plan.id)


def trace(session: Session, plan: PlanInfo, rooms: Rooms | None = None) -> Ledger:
    """Make the edits of a plan once more, from its base version, and note who moves by each.

    Parameters
    ----------
    session
        Where to read.
    plan
        The plan.
    rooms
        The drafts of this process: its base need not be read again.
    """
    room = (rooms or Rooms()).start(session, plan)
    names = _authors(session, plan)
    edits: list[dict[str, Any]] = []
    changes: list[Change] = []
    for row, change in changes_of(session, plan):
        changes.append(change)
        edits.append(
            {
                "revision": row.revision,
                "operation": row.operation,
                "reason": row.reason,
                "made_by": names.get(row.made_by),
                "made_at": row.made_at,
                "moves": room.census.follow(room.draft, change, room.draft.apply(change)),
            }
        )
    moves = sums.with_revisions(room.census.ledger(), [(edit["revision"], edit["moves"]) for edit in edits])
    return Ledger(plan, moves, edits, changes, room.draft)


def _authors(session: Session, plan: PlanInfo) -> dict[int | None, str]:
    rows = session.execute(
        text(
            """SELECT DISTINCT a.id, a.display_name FROM change c JOIN account a ON a.id = c.made_by
               WHERE c.plan_id = :plan"""
        ),
        {"plan": plan.id},
    )
    return {row.id: row.display_name for row in rows}


# ---- sums


def by_edit(ledger: Ledger) -> list[dict[str, Any]]:
    """Say what each edit moved (``moves``), and how much of the whole ledger it accounts for (``counted``).

    A subject that several edits moved is counted for the last of them, so that ``counted`` adds up to the ledger.
    """
    counted = ledger.moves.groupby(["revision", "level", "kind"], sort=True).size().reset_index()
    told: dict[int, list[dict[str, Any]]] = {}
    for revision, level, kind, count in counted.itertuples(index=False, name=None):
        told.setdefault(int(revision), []).append({"level": level, "kind": kind, "subjects": int(count)})
    return [
        {**edit, "moves": sums.summed(edit["moves"]), "counted": told.get(edit["revision"], [])}
        for edit in ledger.edits
    ]


def by_zone(session: Session, plan: PlanInfo, moves: pd.DataFrame, draft: Draft) -> list[dict[str, Any]]:
    """Balance each zone that gains or loses: ``level, code, name, kind, before, leaving, coming, after``."""
    base = versions.get_version(session, plan.base)
    names = _zone_names(session, base)
    names |= {zone.key: zone.name for level in draft.levels for zone in draft.at(level)}
    table = sums.by_zone(moves, _counts(session, base))
    keys = zip(table["level"], table["code"], strict=True)
    table["name"] = [names.get(key) for key in keys]
    return [{str(field): value for field, value in row.items()} for row in table.to_dict("records")]


def totals(session: Session, plan: PlanInfo, moves: pd.DataFrame) -> list[dict[str, Any]]:
    """Balance each level and kind of subject, before and after. See `geo.plans.ledger.totals`."""
    rows = session.execute(
        text("SELECT kind, count(*) FROM subject WHERE territory_id = :id GROUP BY kind"),
        {"id": plan.territory_id},
    )
    present = {str(row[0]): int(row[1]) for row in rows}
    return sums.totals(moves, get_reconciliation(session, plan.base), present)


def _counts(session: Session, version: VersionInfo) -> pd.DataFrame:
    rows = session.execute(
        text(
            """SELECT l.code AS level, z.code, c.kind, c.subjects
               FROM zone_count c JOIN zone z ON z.id = c.zone_id JOIN level l ON l.id = z.level_id
               WHERE c.run_id = :run"""
        ),
        {"run": version.run_id},
    )
    return pd.DataFrame([tuple(row) for row in rows], columns=["level", "code", "kind", "subjects"])


def _zone_names(session: Session, version: VersionInfo) -> dict[tuple[str, str], str]:
    rows = session.execute(
        text(
            """SELECT l.code AS level, z.code, z.name FROM zone z JOIN level l ON l.id = z.level_id
               WHERE z.version_id = :version"""
        ),
        {"version": version.id},
    )
    return {(row.level, row.code): row.name for row in rows}


# ---- on the map


def points(session: Session, moves: pd.DataFrame, level: str, most: int = POINTS_MOST) -> dict[str, Any]:
    """Return the places of the subjects that move at a level as GeoJSON: ``kind, from, to``, and nobody's name.

    Returns
    -------
    dict
        A FeatureCollection with ``total`` and ``left_out``: how many there are, and how many are not in it.
    """
    here = moves[moves["level"] == level]
    shown = here.iloc[:most]
    places = _places(session, shown["subject"])
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": list(places[subject])},
            "properties": {"kind": kind, "from": _code(old), "to": _code(new)},
        }
        for subject, kind, old, new in zip(
            shown["subject"], shown["kind"], shown["from_zone"], shown["to_zone"], strict=True
        )
        if subject in places
    ]
    return {
        "type": "FeatureCollection",
        "features": features,
        "total": len(here),
        "left_out": len(here) - len(features),
    }


def flows(
    session: Session, plan: PlanInfo, moves: pd.DataFrame, draft: Draft, level: str
) -> list[dict[str, Any]]:
    """Return who goes from which zone to which at a level: ``from, to, counts, from_point, to_point`` (lon/lat).

    A zone's point lies in it: as it was for ``from``, as it is to be for ``to``. The largest flow comes first.
    """
    here = moves[moves["level"] == level]
    counted = here.groupby(["from_zone", "to_zone", "kind"], dropna=False, sort=True).size().reset_index()
    found: dict[tuple[str | None, str | None], dict[str, int]] = {}
    for old, new, kind, count in counted.itertuples(index=False, name=None):
        found.setdefault((_code(old), _code(new)), {})[kind] = int(count)
    was = _zone_points(session, plan, level, {old for old, _ in found if old is not None})
    now = {
        new: _inside(draft.zone(level, new).geometry)
        for _, new in found
        if new is not None and (level, new) in draft
    }
    rows = [
        {
            "from": old,
            "to": new,
            "counts": counts,
            "from_point": was.get(old) if old is not None else None,
            "to_point": now.get(new) if new is not None else None,
        }
        for (old, new), counts in found.items()
    ]
    return sorted(rows, key=lambda row: -sum(row["counts"].values()))


def _zone_points(
    session: Session, plan: PlanInfo, level: str, codes: Iterable[str]
) -> dict[str, list[float]]:
    rows = session.execute(
        text(
            """SELECT z.code, ST_AsBinary(z.geom) AS geometry FROM zone z JOIN level l ON l.id = z.level_id
               JOIN version v ON v.id = z.version_id
               WHERE v.code = :base AND l.code = :level AND z.code = ANY(:codes)"""
        ),
        {"base": plan.base, "level": level, "codes": list(codes)},
    )
    return {row.code: _inside(shapely.from_wkb(bytes(row.geometry))) for row in rows}


def _inside(shape: shapely.Geometry) -> list[float]:
    point = shapely.point_on_surface(shape)
    return [float(shapely.get_x(point)), float(shapely.get_y(point))]


def _places(session: Session, subjects: Iterable[Any]) -> dict[int, tuple[float, float]]:
    rows = session.execute(
        text(
            """SELECT id, ST_X(location) AS lon, ST_Y(location) AS lat FROM subject
               WHERE id = ANY(:ids) AND location IS NOT NULL"""
        ),
        {"ids": [int(each) for each in subjects]},
    )
    return {row.id: (row.lon, row.lat) for row in rows}


def _code(value: object) -> str | None:
    return value if isinstance(value, str) else None


# ---- with names


def named(session: Session, ledger: Ledger, caller: Caller | None) -> pd.DataFrame:
    """Return every move with the code of its subject, and with name and address where the caller may see persons.

    Parameters
    ----------
    session
        Its transaction holds the audit event of the disclosure.
    ledger
        The ledger.
    caller
        Who asks; None for the command line, which owns the database.

    Returns
    -------
    DataFrame
        ``level, kind, code, name, address, from_zone, from_name, to_zone, to_name, revision``, in the order of level,
        way and code; name and address are None where they may not be seen.
    """
    base = versions.get_version(session, ledger.plan.base)
    scope = None if caller is None else personal_scope(session, caller, base.id)
    was = _zone_names(session, base)
    now = {zone.key: zone.name for level in ledger.draft.levels for zone in ledger.draft.at(level)}
    frame = ledger.moves.merge(_subjects(session, ledger.moves["subject"]), on="subject", how="left")
    for way, names in (("from", was), ("to", now)):
        keys = zip(frame["level"], frame[f"{way}_zone"], strict=True)
        frame[f"{way}_name"] = [names.get(key) for key in keys]
    visible = _visible(session, base, frame, scope)
    frame.loc[~visible, ["name", "address"]] = None
    if visible.any():
        actor = caller.actor if caller is not None else audit.Actor()
        about = f"plan {ledger.plan.id}"
        audit.record(session, actor, audit.DISCLOSURE, about, shown="ledger", persons=int(visible.sum()))
    columns = ["level", "kind", "code", "name", "address", "from_zone", "from_name", "to_zone", "to_name"]
    frame = frame[[*columns, "revision"]]
    return frame.sort_values(["level", "from_zone", "to_zone", "code"], ignore_index=True)


def _subjects(session: Session, subjects: Iterable[Any]) -> pd.DataFrame:
    rows = session.execute(
        text("SELECT id, code, name, address FROM subject WHERE id = ANY(:ids)"),
        {"ids": sorted({int(each) for each in subjects})},
    )
    return pd.DataFrame(
        [tuple(row) for row in rows], columns=["subject", "code", "name", "address"], dtype=object
    )


def _visible(
    session: Session, base: VersionInfo, frame: pd.DataFrame, scope: PersonalScope | None
) -> pd.Series[bool]:
    """Tell of which rows the persons may be shown: everywhere, or by the zone that they are in now."""
    if scope is None or scope.whole or not scope:
        return pd.Series(scope is None or scope.whole, index=frame.index, dtype=bool)
    rows = session.execute(
        text(
            """SELECT l.code AS level, z.code FROM zone z JOIN level l ON l.id = z.level_id
               WHERE z.version_id = :version AND z.id = ANY(:zones)"""
        ),
        {"version": base.id, "zones": list(scope.zone_ids)},
    )
    seen = {(row.level, row.code) for row in rows}
    keys = zip(frame["level"], frame["from_zone"], strict=True)
    return pd.Series([key in seen for key in keys], index=frame.index, dtype=bool)


def gather_ledger(
    session: Session, plan: PlanInfo, caller: Caller | None, rooms: Rooms | None = None
) -> LedgerData:
    """Return everything that the workbook of a plan's ledger says. See `named` for who sees names."""
    ledger = trace(session, plan, rooms)
    territory = session.get_one(models.Territory, plan.territory_id)
    return LedgerData(
        plan=plan.name,
        number=plan.id,
        revision=plan.revision,
        base=plan.base,
        territory=territory.name,
        made_at=datetime.now(UTC),
        level_names={stored.code: stored.level.name for stored in levels_of(session, territory.id)},
        totals=totals(session, plan, ledger.moves),
        zones=by_zone(session, plan, ledger.moves, ledger.draft),
        edits=by_edit(ledger),
        details=named(session, ledger, caller),
    )


# ---- as published


def store_moves(session: Session, version: VersionInfo, moves: pd.DataFrame) -> int:
    """Keep with a version who moved by its publication; return how many.

    Parameters
    ----------
    session
        Its transaction holds them.
    version
        The version that comes into force.
    moves
        ``level, subject, kind, from_zone, to_zone, revision`` (of the plan's edit; NA: it was no plan).
    """
    levels = {stored.code: stored.id for stored in levels_of(session, version.territory_id)}
    return bulk.copy_columns(
        session,
        "version_move",
        {
            "level_id": (levels[level] for level in moves["level"]),
            "subject_id": moves["subject"].astype(int),
            "kind": moves["kind"],
            "from_code": map(_code, moves["from_zone"]),
            "to_code": map(_code, moves["to_zone"]),
            "revision": column(moves, "revision"),
        },
        version_id=version.id,
    )


def published_ledger(session: Session, version: VersionInfo) -> dict[str, Any]:
    """Return the ledger that was published with a version.

    Returns
    -------
    dict
        ``version, reason, plan`` (number, or None when the version was not made of a plan), ``base`` (the version that
        the moves are counted from; None when there is none or nobody moved), ``moves`` (``level, kind, from, to,
        subjects``), ``edits`` (``revision, operation, reason, made_by, made_at, counted``).
    """
    plan = session.execute(
        text(
            """SELECT p.id, b.code AS base FROM plan p JOIN version b ON b.id = p.base_version_id
               WHERE p.version_id = :version"""
        ),
        {"version": version.id},
    ).one_or_none()
    replaced = session.scalar(
        text(
            """SELECT b.code FROM version v JOIN version b ON b.territory_id = v.territory_id
                   AND b.status = 'published' AND b.valid_to = v.valid_from
               WHERE v.id = :version AND EXISTS (SELECT FROM version_move m WHERE m.version_id = v.id)"""
        ),
        {"version": version.id},
    )
    moves = session.execute(
        text(
            """SELECT l.code AS level, m.kind, m.from_code AS "from", m.to_code AS "to", count(*) AS subjects
               FROM version_move m JOIN level l ON l.id = m.level_id WHERE m.version_id = :version
               GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4"""
        ),
        {"version": version.id},
    )
    edits = session.execute(
        text(
            """SELECT c.revision, c.operation, c.reason, a.display_name AS made_by, c.made_at,
                      (SELECT count(*) FROM version_move m
                       WHERE m.version_id = :version AND m.revision = c.revision) AS counted
               FROM change c JOIN plan p ON p.id = c.plan_id LEFT JOIN account a ON a.id = c.made_by
               WHERE p.version_id = :version AND NOT c.undone ORDER BY c.revision"""
        ),
        {"version": version.id},
    )
    return {
        "version": version.code,
        "reason": version.reason,
        "plan": None if plan is None else plan.id,
        "base": replaced if plan is None else plan.base,
        "moves": [dict(row._mapping) for row in moves],  # noqa: SLF001  SQLAlchemy's public way to a dict
        "edits": [dict(row._mapping) for row in edits],  # noqa: SLF001
    }
