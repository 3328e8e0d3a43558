"""Checking: the faults of every level of a version, stored with their numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from sqlalchemy import text

from api.store import audit, bulk
from api.store.exceptions import exception_areas
from api.store.located import read_footprints
from api.store.networks import read_streets
from api.store.profiles import read_profile
from api.store.progress import Progress, silent
from api.store.subject_blocks import read_subjects
from api.store.territories import boundary_of, levels_of
from api.store.versions import VersionInfo, get_version
from api.store.zonesets import column, columns, read_zones
from geo.coverage import find_faults
from geo.coverage.findings import Tolerances
from geo.crs import INTERNAL_CRS
from geo.plans.ground import CROSSED, CUT
from geo.records import SUBJECT_KINDS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from geo.plans import Profile

BARRIER_KINDS = ("motorway", "trunk", "rail", "railway", "river")
"""Streets (OpenStreetMap's words) that a grid should not be cut by: expressways, railways, rivers."""


@dataclass(frozen=True)
class CheckReport:
    """What a check found.

    Parameters
    ----------
    version
        Code of the version.
    errors, warnings
        How many faults of each severity.
    by_kind
        How many of each kind.
    by_level
        How many at each level.
    """

    version: str
    errors: int
    warnings: int
    by_kind: dict[str, int]
    by_level: dict[str, int]

    @property
    def total(self) -> int:
        """Return how many faults there are."""
        return self.errors + self.warnings


def check(
    session: Session,
    version: str,
    progress: Progress = silent,
    *,
    actor: audit.Actor | None = None,
) -> CheckReport:
    """Find the faults of every level of a version and store them in place of those found before.

    Each level is held against the territory and against the level above; registered exceptions are honoured; estates
    and buildings with a footprint, expressways, railways and rivers must not be cut unless the office's rules say so.

    Parameters
    ----------
    session
        Its transaction holds the result.
    version
        Code of the version.
    progress
        Told how far it is.
    actor
        Who asks, for the audit trail.

    Raises
    ------
    NotFoundError
        No such version.
    ZonesError
        From the kernel: zones that cannot be worked on.
    """
    info = get_version(session, version)
    session.execute(text("SELECT 1 FROM version WHERE id = :id FOR UPDATE"), {"id": info.id})
    boundary = gpd.GeoSeries([boundary_of(session, info.territory_id)], crs=INTERNAL_CRS)
    exceptions = exception_areas(session, info.territory_id)
    located, footprints = _subjects_for_check(session, info)
    barriers = read_streets(session, info.territory_id, BARRIER_KINDS)
    profile = read_profile(session, info.territory).profile
    levels = levels_of(session, info.territory_id)
    zones = {level.code: read_zones(session, info, level.code) for level in levels}
    found: list[pd.DataFrame] = []
    by_level: dict[str, int] = {}
    for position, level in enumerate(levels):
        progress(0.1 + 0.8 * position / len(levels), f"检查{level.level.name}")
        if not len(zones[level.code]):
            continue
        parents = zones.get(level.level.parent or "")
        faults = find_faults(
            zones[level.code],
            boundary,
            parents=parents if parents is not None and len(parents) else None,
            exceptions=exceptions,
            subjects=located,
            **_asked(profile, level.code, footprints, barriers),
            noun=level.level.name,
        )
        by_level[level.code] = len(faults)
        found.append(faults.to_crs(INTERNAL_CRS).assign(level_id=level.id))
    whole = pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=["severity", "kind"])
    progress(0.95, "保存检查结果")
    session.execute(text("DELETE FROM fault WHERE version_id = :id"), {"id": info.id})
    if len(whole):
        _copy_faults(session, info, gpd.GeoDataFrame(whole, geometry="geometry", crs=INTERNAL_CRS))
    session.execute(text("UPDATE version SET checked_at = clock_timestamp() WHERE id = :id"), {"id": info.id})
    severities = whole["severity"].value_counts()
    report = CheckReport(
        info.code,
        int(severities.get("error", 0)),
        int(severities.get("warning", 0)),
        {str(kind): int(count) for kind, count in whole["kind"].value_counts().items()},
        by_level,
    )
    audit.record(session, actor or audit.Actor(), "version.check", info.code, errors=report.errors)
    progress(1.0, f"检查完成: {report.errors} 处错误, {report.warnings} 处提示")
    return report


def _asked(
    profile: Profile, level: str, footprints: gpd.GeoDataFrame, barriers: gpd.GeoDataFrame
) -> dict[str, Any]:
    """Return what should not be cut at a level, and how wide a piece counts: as its rules say, else by default."""
    widths: dict[str, float] = {}
    frames: dict[str, gpd.GeoDataFrame] = {}
    for kind, rule in CUT.items():
        stated = profile.stated(level, rule)
        asked = stated is None or stated.on
        frames[kind] = footprints[(footprints["kind"] == kind).to_numpy() & asked]
        if stated is not None and stated.most is not None:
            widths[rule] = stated.most
    crossings = {kind: profile.stated(level, rule) for kind, rule in CROSSED.items()}
    followed = [kind for kind, stated in crossings.items() if stated is None or stated.on]
    lines = barriers[barriers["kind"].isin(followed).to_numpy()]
    narrowest = [stated.most for stated in crossings.values() if stated and stated.on and stated.most]
    return {
        "estates": frames["estate"],
        "buildings": frames["building"],
        "barriers": lines if len(lines) else None,
        "cut_m": widths,
        "barrier_m": min(narrowest, default=Tolerances().barrier_m),
    }


def _copy_faults(session: Session, version: VersionInfo, faults: gpd.GeoDataFrame) -> None:
    bulk.copy_columns(
        session,
        "fault",
        {
            "number": range(1, len(faults) + 1),
            "codes": (list(map(str, codes)) for codes in faults["codes"]),
            **columns(faults, "level_id", "kind", "severity", "area_m2", "width_m", "message", "message_en"),
            "subjects": (None if value is None else int(value) for value in column(faults, "subjects")),
            "geom": bulk.to_ewkb(faults.geometry),
        },
        version_id=version.id,
    )


def _subjects_for_check(session: Session, version: VersionInfo) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Return where the people and firms are, and the footprints that must not be cut."""
    subjects = read_subjects(session, version.territory_id)
    lived_in = [kind not in CUT for kind in SUBJECT_KINDS]
    chosen = subjects.placed & np.array(lived_in)[subjects.kinds]
    points = shapely.points(subjects.lon[chosen], subjects.lat[chosen])
    located = gpd.GeoDataFrame(geometry=points, crs=INTERNAL_CRS)
    return located, read_footprints(session, version.territory_id)


def list_faults(session: Session, version: str) -> gpd.GeoDataFrame:
    """List the stored faults of a version by number.

    Returns
    -------
    GeoDataFrame
        Columns ``number, layer, level, kind, severity, codes, area_m2, width_m, subjects, message, message_en,
        geometry``, EPSG:4490.
    """
    info = get_version(session, version)
    rows = session.execute(
        text(
            """SELECT f.number, y.code AS layer, l.code AS level, f.kind, f.severity, f.codes, f.area_m2, f.width_m,
                      f.subjects, f.message, f.message_en, ST_AsBinary(f.geom) AS geometry
               FROM fault f JOIN level l ON l.id = f.level_id JOIN layer y ON y.id = l.layer_id
               WHERE f.version_id = :version ORDER BY f.number"""
        ),
        {"version": info.id},
    )
    return bulk.geo_frame(rows)


def count_faults(session: Session, version: VersionInfo) -> dict[str, int]:
    """Count the faults of the last check of a version: ``errors, warnings``."""
    row = session.execute(
        text(
            """SELECT count(*) FILTER (WHERE severity = 'error') AS errors,
                      count(*) FILTER (WHERE severity = 'warning') AS warnings
               FROM fault WHERE version_id = :id"""
        ),
        {"id": version.id},
    ).one()
    return {"errors": row.errors, "warnings": row.warnings}
