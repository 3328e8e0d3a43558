"""Guarded repair of a version: proposals by the number of the fault on the map, acceptance into a new draft, undo.

A published version never changes: what is accepted goes into a new draft that starts as its copy. The draft keeps
the inverse, so that one call restores every coordinate.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import shapely
from shapely.geometry import mapping
from sqlalchemy import select, text

from api.store import audit, bulk, checks, models
from api.store.errors import NotFoundError
from api.store.exceptions import exception_areas
from api.store.findings import FAULT_NAMES
from api.store.located import read_located
from api.store.progress import Progress, part, silent
from api.store.refusals import InvalidRequestError
from api.store.territories import StoredLevel, boundary_of, levels_of
from api.store.versions import VersionInfo, get_version
from api.store.zonesets import columns, documents, read_zones
from geo.coverage import KINDS, STRATEGIES, Guards, propose
from geo.crs import INTERNAL_CRS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

    from geo.coverage import Proposal

SHOWN_CODES = 5

DECLINED = "declined"
"""Key beside the stored options of a run: number of a proposal → who does not want it, and since when."""

STRATEGY_NAMES = {
    "longest_border": "归最长边界的邻格",
    "most_households": "归户数最多的邻格",
    "fewest_households": "归户数最少的邻格",
    "priority": "按优先顺序",
    "exception": "登记为豁免",
    "refuse": "不处理",
    "mend": "理顺边界",
    "settled": "随旁边的修复解决",
}
"""What each strategy is called in tables; a zone's code stands for itself."""


@dataclass(frozen=True)
class RepairOptions:
    """How to repair.

    Parameters
    ----------
    levels
        Codes of levels to look at; empty: those that law 1 holds for.
    strategies
        Kind of fault → strategy of ``geo.coverage.STRATEGIES``; what is not named is done by its ``DEFAULTS``.
    decisions
        Number of a fault on the map → strategy, or the code of the zone that shall have the land.
    priority
        Codes of zones or layers, the most important first.
    max_change
        Largest share of a zone's area that repairs may give or take.
    max_gap_width_m
        A wider gap (in meters) is left until somebody decides.
    """

    levels: tuple[str, ...] = ()
    strategies: dict[str, str] = field(default_factory=dict)
    decisions: dict[int, str] = field(default_factory=dict)
    priority: tuple[str, ...] = ()
    max_change: float = Guards().max_change
    max_gap_width_m: float = Guards().max_gap_width_m

    @property
    def guards(self) -> Guards:
        """Return the limits for the kernel."""
        return Guards(self.max_change, self.max_gap_width_m)

    @classmethod
    def restored(cls, stored: Mapping[str, Any]) -> RepairOptions:
        """Return the options that a run was made with."""
        decisions = {int(number): name for number, name in stored["decisions"].items()}
        lists = {name: tuple(stored[name]) for name in ("levels", "priority")}
        own = {name: value for name, value in stored.items() if name != DECLINED}
        return cls(**{**own, **lists, "decisions": decisions})


@dataclass(frozen=True)
class LevelProposal:
    """The faults of one level: the number on the map of each of the kernel's numbers."""

    stored: StoredLevel
    numbers: tuple[int, ...]
    proposal: Proposal


def propose_repair(
    session: Session,
    version: str,
    options: RepairOptions | None = None,
    progress: Progress = silent,
    *,
    actor: audit.Actor | None = None,
) -> dict[str, Any]:
    """Check a version and store, fault by fault, what a repair would do; nothing is changed.

    Parameters
    ----------
    session
        Its transaction holds the proposals, in place of those made before.
    version
        Code of the version, draft or published.
    options
        How to repair.
    progress
        Told how far it is.
    actor
        Who asks, for the audit trail.

    Returns
    -------
    dict
        As :func:`repair_table`.

    Raises
    ------
    NotFoundError
        No such version, level or fault.
    InvalidRequestError
        An unknown kind of fault or strategy.
    ZonesError
        From the kernel.
    """
    options = options or RepairOptions()
    _check_options(options)
    actor = actor or audit.Actor()
    checks.check(session, version, part(progress, 0.0, 0.4), actor=actor)
    info = get_version(session, version)
    found = kernel_proposals(session, info, options, part(progress, 0.4, 0.95))
    digest = _digest(session, info)
    kept = _kept_declined(session, info, digest)
    session.execute(text("DELETE FROM repair_run WHERE version_id = :id"), {"id": info.id})
    run = models.RepairRun(
        version_id=info.id,
        options={**_stored_options(options), DECLINED: kept},
        digest=digest,
        made_by=actor.account,
    )
    session.add(run)
    session.flush()
    for level in found:
        _copy(session, run.id, level)
    audit.record(
        session,
        actor,
        "repair.propose",
        info.code,
        proposed=sum(len(level.proposal.actions) for level in found),
        refused=sum(len(level.proposal.refused) for level in found),
    )
    progress(1.0, "修复建议完成")
    return repair_table(session, info.code)


def _check_options(options: RepairOptions) -> None:
    unknown = sorted(set(options.strategies) - set(KINDS))
    if unknown:
        raise InvalidRequestError(
            f"没有这样的问题种类: {'、'.join(unknown)}。",
            f"unknown kinds of fault: {unknown}",
            remedy=f"可用: {'、'.join(KINDS)}。",
        )
    strange = sorted(set(options.strategies.values()) - set(STRATEGIES))
    if strange:
        raise InvalidRequestError(
            f"没有这样的处理办法: {'、'.join(strange)}。",
            f"unknown strategies: {strange}",
            remedy=f"可用: {'、'.join(STRATEGIES)}；指定接收网格请按问题编号逐处决定。",
        )


def _kept_declined(session: Session, version: VersionInfo, digest: str) -> dict[str, Any]:
    """Return what was declined of the former proposals: the same faults have the same numbers."""
    former = session.scalar(select(models.RepairRun).where(models.RepairRun.version_id == version.id))
    if former is None or former.digest != digest:
        return {}
    return dict(former.options.get(DECLINED, {}))


def _stored_options(options: RepairOptions) -> dict[str, Any]:
    stored = asdict(options)
    return {**stored, "decisions": {str(number): name for number, name in options.decisions.items()}}


def kernel_proposals(
    session: Session, version: VersionInfo, options: RepairOptions, progress: Progress
) -> list[LevelProposal]:
    """Ask the kernel level by level; the faults of the last check give the numbers."""
    levels = levels_of(session, version.territory_id)
    zones = {level.code: read_zones(session, version, level.code) for level in levels}
    chosen = _chosen(levels, zones, options.levels)
    numbers = _fault_numbers(session, version)
    lost = sorted(set(options.decisions) - {number for each in numbers.values() for number in each})
    if lost:
        raise NotFoundError(
            f"没有编号为 {'、'.join(map(str, lost[:SHOWN_CODES]))} 的可修复的问题。",
            f"no faults numbered {lost[:SHOWN_CODES]} that can be repaired",
            remedy="编号见最近一次检查的问题列表；小区、楼栋被切割和道路穿过要靠调整边界解决。",
        )
    boundary = gpd.GeoSeries([boundary_of(session, version.territory_id)], crs=INTERNAL_CRS)
    exceptions = exception_areas(session, version.territory_id)
    subjects = read_located(session, version.territory_id)
    found = []
    for position, level in enumerate(chosen):
        progress(position / len(chosen), f"{level.level.name}: 提出修复建议")
        own = numbers.get(level.id, ())
        place = {number: row for row, number in enumerate(own)}
        above = zones.get(level.level.parent or "")
        proposal = propose(
            zones[level.code],
            boundary,
            parents=above if above is not None and len(above) else None,
            exceptions=exceptions,
            subjects=subjects,
            strategies=options.strategies,
            decisions={place[number]: name for number, name in options.decisions.items() if number in place},
            priority=options.priority or None,
            guards=options.guards,
        )
        found.append(LevelProposal(level, own, proposal))
    return found


def _chosen(
    levels: list[StoredLevel], zones: Mapping[str, gpd.GeoDataFrame], named: tuple[str, ...]
) -> list[StoredLevel]:
    lost = sorted(set(named) - {level.code for level in levels})
    if lost:
        raise NotFoundError(
            f"没有层级“{'、'.join(lost)}”。",
            f"no levels {lost}",
            remedy=f"现有层级: {'、'.join(level.code for level in levels)}。",
        )
    # A department's own layer is checked but not held to law 1: it is repaired when it is named.
    wanted = [level for level in levels if (level.code in named if named else level.level.partition)]
    return [level for level in wanted if len(zones[level.code])]


def _fault_numbers(session: Session, version: VersionInfo) -> dict[int, tuple[int, ...]]:
    """Return the numbers of the stored faults of each level that a repair looks at, in the kernel's order."""
    rows = session.execute(
        text(
            """SELECT level_id, number FROM fault WHERE version_id = :id AND kind NOT LIKE 'cut%' ORDER BY number"""
        ),
        {"id": version.id},
    )
    numbers: dict[int, list[int]] = {}
    for level, number in rows:
        numbers.setdefault(level, []).append(number)
    return {level: tuple(each) for level, each in numbers.items()}


def _digest(session: Session, version: VersionInfo) -> str:
    """Return a digest of everything that a proposal depends on, so that one about other zones is not applied."""
    return str(
        session.scalar(
            text(
                """
                SELECT encode(sha256(convert_to(concat_ws('/',
                    (SELECT string_agg(concat_ws(' ', z.level_id, z.code, p.code, md5(ST_AsEWKB(z.geom))), ','
                                       ORDER BY z.id)
                     FROM zone z LEFT JOIN zone p ON p.id = z.parent_id WHERE z.version_id = :version),
                    (SELECT string_agg(md5(ST_AsEWKB(geom)), ',' ORDER BY id)
                     FROM gap_exception WHERE territory_id = :territory),
                    (SELECT md5(ST_AsEWKB(boundary)) FROM territory WHERE id = :territory)
                ), 'UTF8')), 'hex')
                """
            ),
            {"version": version.id, "territory": version.territory_id},
        )
    )


def _copy(session: Session, run_id: int, level: LevelProposal) -> None:
    proposal = level.proposal
    for status, frame, words in (
        ("proposed", proposal.actions, "message"),
        ("refused", proposal.refused, "reason"),
    ):
        # What only arose from a repair has no number; the check of the draft finds it.
        rows = frame[frame["number"].notna()]
        bulk.copy_columns(
            session,
            "repair_proposal",
            {
                "number": (level.numbers[number] for number in rows["number"]),
                "codes": (list(map(str, codes)) for codes in rows["codes"]),
                "changes": documents(rows, "changes", {}),
                **columns(rows, "kind", "strategy", "recipient", "area_m2", "households", "people"),
                "message": rows[words],
                "message_en": rows[f"{words}_en"],
                "geom": bulk.to_ewkb(rows.geometry),
            },
            run_id=run_id,
            level_id=level.stored.id,
            status=status,
        )


def repair_table(session: Session, version: str) -> dict[str, Any]:
    """Return the stored proposals of a version, by number, and what was accepted of them.

    Returns
    -------
    dict
        ``version, made_at, made_by, stale`` (the zones or exceptions changed since), ``options``, ``proposals`` (each
        with ``number, level, status, kind, strategy, codes, recipient, area_m2, changes, households, people, message,
        message_en, declined`` (``by, at`` of who does not want it, or None) and ``geometry`` as a Shapely geometry) and
        ``acceptances``.

    Raises
    ------
    NotFoundError
        No such version, or nothing was proposed for it yet.
    """
    info = get_version(session, version)
    run = run_of(session, info)
    rows = session.execute(
        text(
            """SELECT p.number, l.code AS level, p.status, p.kind, p.strategy, p.codes, p.recipient, p.area_m2,
                      p.changes, p.households, p.people, p.message, p.message_en, ST_AsBinary(p.geom) AS geometry
               FROM repair_proposal p JOIN level l ON l.id = p.level_id WHERE p.run_id = :run ORDER BY p.number"""
        ),
        {"run": run.id},
    ).mappings()
    declined = run.options.get(DECLINED, {})
    return {
        "version": info.code,
        "made_at": run.made_at,
        "made_by": run.made_by,
        "stale": run.digest != _digest(session, info),
        "options": {name: value for name, value in run.options.items() if name != DECLINED},
        "proposals": [
            {
                **row,
                "declined": declined.get(str(row["number"])),
                "geometry": shapely.from_wkb(bytes(row["geometry"])),
            }
            for row in rows
        ],
        "acceptances": _acceptances(session, info),
    }


def run_of(session: Session, version: VersionInfo) -> models.RepairRun:
    """Return the stored proposals of a version.

    Raises
    ------
    NotFoundError
        None were made yet.
    """
    run = session.scalar(select(models.RepairRun).where(models.RepairRun.version_id == version.id))
    if run is None:
        raise NotFoundError(
            f"版本 {version.code} 还没有修复建议。",
            f"no repair was proposed for {version.code}",
            remedy=f"请先提出: onegrid repair {version.code}，或 POST /api/versions/{version.code}/repair。",
        )
    return run


def _acceptances(session: Session, version: VersionInfo) -> list[dict[str, Any]]:
    rows = session.execute(
        text(
            """SELECT v.code AS version, a.numbers, a.made_by, a.made_at, a.undone_at
               FROM repair_acceptance a JOIN version v ON v.id = a.version_id
               WHERE a.base_version_id = :id ORDER BY a.id"""
        ),
        {"id": version.id},
    ).mappings()
    return [dict(row) for row in rows]


def repair_answer(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return :func:`repair_table` as JSON: geometries as GeoJSON, times as text, words for kinds and actions."""
    proposals = []
    for row in table["proposals"]:
        shape, placed = row["geometry"], not row["geometry"].is_empty
        at = shapely.point_on_surface(shape)
        proposals.append(
            {
                **{name: value for name, value in row.items() if name != "strategy"},
                "kind_name": FAULT_NAMES.get(row["kind"], row["kind"]),
                "action": row["strategy"],
                "action_name": STRATEGY_NAMES.get(row["strategy"] or "", row["strategy"]),
                "changes": [
                    {"code": code, "before_m2": before, "after_m2": after}
                    for code, (before, after) in row["changes"].items()
                ],
                "bbox": list(shape.bounds) if placed else None,
                "point": [at.x, at.y] if placed else None,
                "geometry": mapping(shape),
            }
        )
    acceptances = [
        {**row, "made_at": row["made_at"].isoformat(),
         "undone_at": None if row["undone_at"] is None else row["undone_at"].isoformat()}
        for row in table["acceptances"]
    ]  # fmt: skip
    made_at = table["made_at"].isoformat()
    return {**table, "made_at": made_at, "proposals": proposals, "acceptances": acceptances}


def proposal_frame(table: Mapping[str, Any]) -> gpd.GeoDataFrame:
    """Return the proposals of :func:`repair_table` as a frame for a file, in EPSG:4490."""
    rows = [{**row, "declined": row["declined"] is not None} for row in table["proposals"]]
    frame = pd.DataFrame(rows).assign(version=table["version"])
    return gpd.GeoDataFrame(frame, geometry="geometry", crs=INTERNAL_CRS)
