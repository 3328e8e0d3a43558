"""What jobs do: each function returns the work of one job, to be run in a transaction of its own."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from api.store import assignments, checks, circles, plans

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from api.store.audit import Actor
    from api.store.progress import Progress

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


def publishing_plan(number: int, reason: str, account: str, actor: Actor) -> Work:
    """Publish a plan as a new version; the result names it."""

    def work(session: Session, progress: Progress) -> dict[str, Any]:
        published = plans.publish_plan(session, number, reason, progress, account=account, actor=actor)
        return {"version": published.code}

    return work
