"""What a version holds, as frames that go to files. Counts only: no person's name, address or telephone."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pandas as pd
from sqlalchemy import text

from api.store import audit
from api.store.checks import list_faults
from api.store.circles import list_circles
from api.store.errors import NotFoundError
from api.store.networks import read_stations
from api.store.versions import get_version
from api.store.zonesets import read_zones
from geo.records import SUBJECT_KINDS

if TYPE_CHECKING:
    import geopandas as gpd
    from sqlalchemy.orm import Session

    from api.store.versions import VersionInfo


def read_export(
    session: Session,
    version: str,
    what: str = "zones",
    *,
    level: str | None = None,
    actor: audit.Actor | None = None,
) -> gpd.GeoDataFrame:
    """Return a frame with the version id in every row (law 5).

    Parameters
    ----------
    session
        Where to read; its transaction holds the audit event.
    version
        Code of the version.
    what
        ``zones`` (with counts by kind), ``counts`` (the same without staff), ``faults``, ``circles``, ``stations``.
    level
        For zones: one level only.
    actor
        Who asks.

    Raises
    ------
    NotFoundError
        No such version, level or content.
    """
    info = get_version(session, version)
    if what in {"zones", "counts"}:
        frame = _zones(session, info, level)
        if what == "counts":
            frame = frame.drop(columns=["staff", "attributes"])
    elif what == "faults":
        frame = list_faults(session, info.code)
        frame["codes"] = [" ".join(codes) for codes in frame["codes"]]
    elif what == "circles":
        frame = list_circles(session, info.code)
        reached = pd.DataFrame(list(frame.pop("reached"))).add_prefix("reached_")
        frame = frame.join(reached)
        frame["station"] = frame["station"].fillna("all")
    elif what == "stations":
        frame = read_stations(session, info.territory_id).drop(columns="id")
    else:
        raise NotFoundError(
            f"不能导出“{what}”。",
            f"unknown export {what!r}",
            remedy="可选: zones counts faults circles stations",
        )
    if not len(frame):
        raise NotFoundError(
            f"版本 {info.code} 没有可导出的内容。",
            f"nothing to export from {info.code}",
            remedy="请检查层级，或先检查、计算服务圈。",
        )
    frame.insert(0, "version", info.code)
    audit.record(session, actor or audit.Actor(), "version.export", info.code, what=what, rows=len(frame))
    return frame


def _zones(session: Session, version: VersionInfo, level: str | None) -> gpd.GeoDataFrame:
    zones = read_zones(session, version, level)
    rows = session.execute(
        text("SELECT zone_id, kind, subjects, people FROM zone_count WHERE run_id = :run"),
        {"run": version.run_id},
    ).all()
    counts = pd.DataFrame([tuple(row) for row in rows], columns=["zone_id", "kind", "subjects", "people"])
    for kind in SUBJECT_KINDS:
        own = counts[counts["kind"] == kind].set_index("zone_id")["subjects"]
        # Not assigned is unknown; assigned and nobody there is zero.
        zones[kind] = (
            zones["id"].map(own).astype("Int64")
            if version.run_id is None
            else zones["id"].map(own).fillna(0).astype("Int64")
        )
    people = counts[counts["kind"] == "household"].set_index("zone_id")["people"]
    zones["people"] = zones["id"].map(people).astype("Int64")
    # Names and roles are the office's own; telephones stay in the database.
    zones["staff"] = [
        json.dumps(
            [{"role": each.get("role"), "name": each.get("name")} for each in staff], ensure_ascii=False
        )
        for staff in zones["staff"]
    ]
    zones["attributes"] = [json.dumps(each, ensure_ascii=False) for each in zones["attributes"]]
    return zones.drop(columns=["id", "parent_id"])
