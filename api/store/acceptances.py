"""Accepted repairs: applied to a new draft that keeps the inverse, and taken back from it; declined ones."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import shapely
from sqlalchemy import select, text

from api.store import assignments, audit, bulk, checks, exceptions, models
from api.store.errors import NotFoundError
from api.store.progress import Progress, part, silent
from api.store.refusals import InvalidRequestError
from api.store.repairs import (
    DECLINED,
    LevelProposal,
    RepairOptions,
    kernel_proposals,
    repair_table,
    run_of,
)
from api.store.territories import levels_of
from api.store.versions import VersionInfo, add_version, get_version, mark_changed, require_draft
from api.store.zonesets import plain, read_zones
from geo.crs import INTERNAL_CRS, to_metric
from geo.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy.orm import Session

    from geo.coverage import Repair

SHOWN_CODES = 5


def accept_repair(
    session: Session,
    version: str,
    numbers: Collection[int],
    progress: Progress = silent,
    *,
    actor: audit.Actor | None = None,
) -> dict[str, Any]:
    """Apply accepted proposals to a new draft that is a copy of the version, check it and assign it.

    Parameters
    ----------
    session
        Its transaction holds the draft.
    version
        Code of the version that the proposals are about.
    numbers
        Numbers of accepted proposals.
    progress
        Told how far it is.
    actor
        Who accepts, for the audit trail.

    Returns
    -------
    dict
        ``version`` (the draft), ``base``, ``accepted`` (numbers that were applied), ``refused`` (``number, reason,
        reason_en``: refused by a guard, or not what was proposed when the others are left out), ``zones`` (how many
        changed), ``exceptions`` (registered), ``faults_before``, ``faults_after`` (``errors``, ``warnings``).

    Raises
    ------
    NotFoundError
        No such version or proposal.
    InvalidRequestError
        No number was given.
    RefusedError
        Zones, exceptions or the boundary have changed since the proposals were made, or nothing of what was accepted
        can be done.
    """
    info = get_version(session, version)
    table = repair_table(session, info.code)
    proposed = {row["number"]: row for row in table["proposals"]}
    _check_acceptance(info, table, proposed, numbers)
    actor = actor or audit.Actor()
    found = kernel_proposals(
        session, info, RepairOptions.restored(table["options"]), part(progress, 0.0, 0.4)
    )
    done: list[tuple[LevelProposal, Repair]] = []
    refused = [
        _refusal(number, proposed[number]["message"], proposed[number]["message_en"])
        for number in sorted(numbers)
        if proposed[number]["status"] == "refused"
    ]
    unwanted = {number for number in numbers if proposed[number]["declined"]}
    refused += [_refusal(number, "已标记为不采纳", "marked as not wanted") for number in sorted(unwanted)]
    for level in found:
        repair, left = _applied(level, set(numbers) - unwanted, proposed)
        refused += left
        if len(repair.actions):
            done.append((level, repair))
    if not done:
        raise RefusedError(
            f"接受的建议都不能执行: {refused[0]['reason']}。",
            f"nothing of what was accepted can be done: {refused[0]['reason_en']}",
            remedy="请改选其他建议，或先指定归属后重新提出。",
        )
    progress(0.5, "写入新的草稿版本")
    draft = add_version(session, info.territory, copy_of=info)
    accepted = sorted(level.numbers[number] for level, repair in done for number in repair.actions["number"])
    changed = [change for level, repair in done for change in _changes(level, repair)]
    _put(session, draft, changed, "after")
    registered = _register_exceptions(session, info, done, actor)
    session.add(
        models.RepairAcceptance(
            version_id=draft.id,
            base_version_id=info.id,
            numbers=accepted,
            inverse={"zones": changed, "exceptions": registered},
            made_by=actor.account,
        )
    )
    before = checks.count_faults(session, info)
    audit.record(session, actor, "repair.accept", draft.code, base=info.code, numbers=accepted)
    _refresh(session, draft, info, part(progress, 0.5, 1.0), actor)
    return {
        "version": draft.code,
        "base": info.code,
        "accepted": accepted,
        "refused": sorted(refused, key=lambda row: row["number"]),
        "zones": len(changed),
        "exceptions": len(registered),
        "faults_before": before,
        "faults_after": checks.count_faults(session, draft),
    }


def decline(
    session: Session,
    version: str,
    numbers: Collection[int],
    *,
    declined: bool = True,
    actor: audit.Actor | None = None,
) -> dict[str, Any]:
    """Mark proposals as not wanted, or take the mark back; what is declined is not applied when it is accepted.

    Parameters
    ----------
    session
        Its transaction holds the marks.
    version
        Code of the version that the proposals are about.
    numbers
        Numbers of proposals.
    declined
        False takes the mark back.
    actor
        Who declines, for the mark and the audit trail.

    Returns
    -------
    dict
        As :func:`repair_table`.

    Raises
    ------
    NotFoundError
        No such version or proposal.
    """
    info = get_version(session, version)
    run = session.get_one(models.RepairRun, run_of(session, info).id, with_for_update=True)
    known = set(
        session.scalars(select(models.RepairProposal.number).where(models.RepairProposal.run_id == run.id))
    )
    _require_proposals(numbers, known)
    actor = actor or audit.Actor()
    marks = dict(run.options.get(DECLINED, {}))
    for number in numbers:
        if declined:
            marks[str(number)] = {"by": actor.account, "at": datetime.now(UTC).isoformat()}
        else:
            marks.pop(str(number), None)
    run.options = {**run.options, DECLINED: marks}
    session.flush()
    audit.record(session, actor, "repair.decline", info.code, numbers=sorted(numbers), declined=declined)
    return repair_table(session, info.code)


def _require_proposals(numbers: Collection[int], known: Collection[int]) -> None:
    """Refuse numbers of which there is no proposal.

    Raises
    ------
    NotFoundError
        Some are not known.
    """
    lost = sorted(set(numbers) - set(known))
    if lost:
        raise NotFoundError(
            f"没有编号为 {'、'.join(map(str, lost[:SHOWN_CODES]))} 的修复建议。",
            f"no proposals numbered {lost[:SHOWN_CODES]}",
            remedy="编号见修复建议列表；切割小区、楼栋等提示需要人工调整边界。",
        )


def _check_acceptance(
    version: VersionInfo,
    table: Mapping[str, Any],
    proposed: Mapping[int, Mapping[str, Any]],
    numbers: Collection[int],
) -> None:
    if table["stale"]:
        raise RefusedError(
            f"版本 {version.code} 的网格、豁免或边界在提出建议之后已有变化。",
            f"the zones or exceptions of {version.code} have changed since the proposals were made",
            remedy="请重新提出修复建议，再选择接受哪些。",
        )
    if not numbers:
        raise InvalidRequestError(
            "没有选择任何建议。", "no proposal was chosen", remedy="请给出要接受的编号。"
        )
    _require_proposals(numbers, proposed)


def _applied(
    level: LevelProposal, numbers: set[int], proposed: Mapping[int, Mapping[str, Any]]
) -> tuple[Repair, list[dict[str, Any]]]:
    """Apply what is accepted at a level; what would come out other than proposed is left out, with the reason.

    A guard counts all repairs of a zone together: with others left out, the land of a fault may go to another zone than
    the planner has seen. That is not what was accepted.
    """
    kernel = {number: row for row, number in enumerate(level.numbers)}
    wanted = {
        kernel[number]
        for number in numbers
        if number in kernel and proposed.get(number, {}).get("status") == "proposed"
    }
    refused: list[dict[str, Any]] = []
    while True:
        repair = level.proposal.apply(wanted)
        done = {row["number"]: row for row in repair.actions.to_dict("records")}
        why = {row["number"]: row for row in repair.refused.to_dict("records")}
        other = []
        for number in sorted(wanted):
            shown = proposed[level.numbers[number]]
            made = done.get(number)
            if made is None:
                left = why.get(
                    number, {"reason": "与其他建议一起处理后已不存在", "reason_en": "no longer there"}
                )
                other.append((number, left["reason"], left["reason_en"]))
            elif (made["strategy"], plain(made["recipient"])) != (shown["strategy"], shown["recipient"]):
                other.append(
                    (number, "只接受一部分建议时，这块地会归另一个网格", "another zone would have it")
                )
        if not other:
            return repair, refused
        refused += [_refusal(level.numbers[number], reason, english) for number, reason, english in other]
        wanted -= {number for number, _, _ in other}


def _refusal(number: int, reason: str, reason_en: str) -> dict[str, Any]:
    return {"number": number, "reason": reason, "reason_en": reason_en}


def _changes(level: LevelProposal, repair: Repair) -> list[dict[str, str]]:
    """Return each zone that changed with its geometry before and after, as hexadecimal WKB."""
    codes = repair.zones["code"].to_numpy()
    after = repair.zones.geometry.to_numpy()
    return [
        {
            "level": level.stored.code,
            "code": str(codes[row]),
            "before": shapely.to_wkb(bulk.to_multi([shape])[0], hex=True),
            "after": shapely.to_wkb(bulk.to_multi([after[row]])[0], hex=True),
        }
        for row, shape in repair.inverse.items()
    ]


def _put(session: Session, version: VersionInfo, changes: list[dict[str, str]], which: str) -> None:
    """Give zones of a draft their geometry ``before`` or ``after``, measured."""
    if not changes:
        return
    shapes = shapely.from_wkb([bytes.fromhex(change[which]) for change in changes])
    srid = session.scalar(
        text("SELECT metric_srid FROM territory WHERE id = :id"), {"id": version.territory_id}
    )
    measured = to_metric(gpd.GeoSeries(shapes, crs=INTERNAL_CRS), f"EPSG:{srid}")
    levels = {level.code: level.id for level in levels_of(session, version.territory_id)}
    session.execute(
        text(
            """UPDATE zone SET geom = ST_GeomFromEWKB(:geom), area_m2 = :area, perimeter_m = :perimeter
               WHERE version_id = :version AND level_id = :level AND code = :code"""
        ),
        [
            {"version": version.id, "level": levels[change["level"]], "code": change["code"], "geom": geom,
             "area": float(area), "perimeter": float(perimeter)}
            for change, geom, area, perimeter in zip(
                changes, bulk.to_ewkb(shapes), measured.area, measured.length, strict=True
            )
        ],
    )  # fmt: skip


def _register_exceptions(
    session: Session, version: VersionInfo, done: list[tuple[LevelProposal, Repair]], actor: audit.Actor
) -> list[int]:
    registered = []
    for level, repair in done:
        for number, place in repair.exceptions.items():
            made = exceptions.register_exception(
                session,
                version.territory,
                f"{version.code} 第 {level.numbers[number]} 处",
                "接受修复建议时登记",
                place,
                account=actor.account,
                actor=actor,
            )
            registered.append(made.id)
    return registered


def _refresh(
    session: Session, draft: VersionInfo, base: VersionInfo, progress: Progress, actor: audit.Actor
) -> None:
    """Check a draft whose zones changed, and assign it where its base is assigned."""
    checks.check(session, draft.code, part(progress, 0.0, 0.5), actor=actor)
    if base.run_id is not None:
        assignments.reassign(session, draft.code, base.code, part(progress, 0.5, 1.0), actor=actor)


def undo_repair(
    session: Session, version: str, progress: Progress = silent, *, actor: audit.Actor | None = None
) -> dict[str, Any]:
    """Take back what was accepted into a draft: every coordinate as it was, exceptions removed.

    Parameters
    ----------
    session
        Its transaction holds the restored zones.
    version
        Code of the draft.
    progress
        Told how far it is.
    actor
        Who undoes, for the audit trail.

    Returns
    -------
    dict
        ``version, base, restored`` (zones), ``exceptions`` (removed), ``numbers`` (of the proposals taken back).

    Raises
    ------
    NotFoundError
        No such version, or nothing to undo.
    PublishedError
        It was published meanwhile.
    RefusedError
        A repaired zone was changed again since, or is gone: restoring it would lose that change.
    """
    info = require_draft(get_version(session, version))
    made = session.scalar(
        select(models.RepairAcceptance)
        .where(models.RepairAcceptance.version_id == info.id, models.RepairAcceptance.undone_at.is_(None))
        .with_for_update()
    )
    if made is None:
        raise NotFoundError(
            f"草稿 {info.code} 没有可撤销的修复。",
            f"nothing to undo in {info.code}",
            remedy="只有接受修复建议得到的草稿可以撤销，且只能撤销一次。",
        )
    actor = actor or audit.Actor()
    changes, registered = made.inverse["zones"], made.inverse["exceptions"]
    _refuse_changed(session, info, changes)
    _put(session, info, changes, "before")
    session.execute(text("DELETE FROM gap_exception WHERE id = ANY(:ids)"), {"ids": registered})
    session.execute(
        text("UPDATE repair_acceptance SET undone_at = clock_timestamp() WHERE id = :id"), {"id": made.id}
    )
    mark_changed(session, info)
    base = _version_of(session, made.base_version_id)
    audit.record(session, actor, "repair.undo", info.code, base=base.code, numbers=made.numbers)
    _refresh(session, info, base, progress, actor)
    return {
        "version": info.code,
        "base": base.code,
        "restored": len(changes),
        "exceptions": len(registered),
        "numbers": list(made.numbers),
    }


def _version_of(session: Session, version_id: int) -> VersionInfo:
    return get_version(session, session.get_one(models.Version, version_id).code)


def _refuse_changed(session: Session, version: VersionInfo, changes: list[dict[str, str]]) -> None:
    zones = read_zones(session, version)
    now = dict(zip(zip(zones["level"], zones["code"], strict=True), zones.geometry, strict=True))
    lost = []
    for change in changes:
        shape = now.get((change["level"], change["code"]))
        if shape is None or not shapely.equals_identical(shape, shapely.from_wkb(change["after"])):
            lost.append(change["code"])
    if lost:
        shown = "、".join(lost[:SHOWN_CODES]) + ("…" if len(lost) > SHOWN_CODES else "")
        raise RefusedError(
            f"网格 {shown} 在修复之后又改动过，撤销会丢掉后来的改动。",
            f"zones were changed again after the repair: {lost[:SHOWN_CODES]}",
            remedy="请先撤销后来的改动，或基于原版本重新接受。",
        )
