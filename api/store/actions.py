"""What jobs do: each function returns the work of one job, to be run in a transaction of its own."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from api.store import acceptances, assignments, checks, circles, fusions, partitions, publishing, repairs

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from api.store.audit import Actor
    from api.store.progress import Progress
    from api.store.rooms import Rooms

    Work = Callable[[Session, Progress], dict[str, Any]]


def assignment(version: str, actor: Actor) -> Work:
    """Assign the subjects of a version; the result is its reconciliation."""

    def work(session: Session, progress: Progress) -> dict[str, Any]:
        return asdict(assignments.assign(session, version, progress, actor=actor))

    return work


def checking(version: str, actor: Actor) -> Work:
    """Find the faults of a version; the result counts them."""

    def work(session: Session, progress: Progress) -> dict[str, Any]:
        report = checks.check(session, version, progress, actor=actor)
        return {**asdict(report), "total": report.total}

    return work


def circling(version: str, walk_speed_mps: float, actor: Actor) -> Work:
    """Draw the service circles of a version; the result is its coverage."""

    def work(session: Session, progress: Progress) -> dict[str, Any]:
        report = circles.compute_circles(
            session, version, progress, walk_speed_mps=walk_speed_mps, actor=actor
        )
        lines = [{**asdict(line), "share": line.share} for line in report.coverage]
        return {**asdict(report), "coverage": lines}

    return work


def publishing_plan(number: int, reason: str, account: str, actor: Actor, rooms: Rooms | None = None) -> Work:
    """Publish a plan as a new version; the result names it."""

    def work(session: Session, progress: Progress) -> dict[str, Any]:
        published = publishing.publish_plan(
            session, number, reason, progress, account=account, actor=actor, rooms=rooms
        )
        return {"version": published.code}

    return work


def proposing_repair(version: str, options: repairs.RepairOptions, actor: Actor) -> Work:
    """Say what a repair of a version would do; the result lists the proposals."""

    def work(session: Session, progress: Progress) -> dict[str, Any]:
        found = repairs.propose_repair(session, version, options, progress, actor=actor)
        return repairs.repair_answer(found)

    return work


def accepting_repair(version: str, numbers: tuple[int, ...], actor: Actor) -> Work:
    """Apply accepted proposals to a new draft; the result names it and what was refused."""

    def work(session: Session, progress: Progress) -> dict[str, Any]:
        return acceptances.accept_repair(session, version, numbers, progress, actor=actor)

    return work


def undoing_repair(version: str, actor: Actor) -> Work:
    """Take back what was accepted into a draft."""

    def work(session: Session, progress: Progress) -> dict[str, Any]:
        return acceptances.undo_repair(session, version, progress, actor=actor)

    return work


def fusing(territory: str, version: str, options: fusions.FusionOptions, actor: Actor) -> Work:
    """Fuse departments' layers of a version; the result is the figures."""

    def work(session: Session, progress: Progress) -> dict[str, Any]:
        return fusions.compute_fusion(session, territory, version, options, progress, actor=actor)

    return work


def proposing_partition(
    territory: str, version: str, request: partitions.PartitionRequest, actor: Actor
) -> Work:
    """Draw grids along street blocks for a version; the result names the proposal."""

    def work(session: Session, progress: Progress) -> dict[str, Any]:
        number = partitions.compute_proposal(session, territory, version, request, progress, actor=actor)
        return {"proposal": number}

    return work
