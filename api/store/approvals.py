"""A second person's approval of a plan, or of a draft that is no plan, where the office asks for it.

An approval of a plan is of one revision, that of a draft version of its zones as they are: it says that this person has
seen exactly this. Any later edit needs another (`api.store.versions.mark_changed` takes away what a draft had).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert

from api.store import models
from api.store.errors import NotPublishableError
from api.store.plans import ClosedError, get_plan, refuse_closed
from api.store.refusals import ForbiddenError
from api.store.versions import require_draft

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from api.store.plans import PlanInfo
    from api.store.versions import VersionInfo

NONE, ASKED, GIVEN = "none", "asked", "given"


@dataclass(frozen=True)
class Approval:
    """How far the approval of a plan or a draft is.

    Parameters
    ----------
    required
        Whether the office asks for one.
    state
        ``none``, ``asked`` or ``given``, for the plan or draft as it is now.
    asked_by, approved_by
        Display names.
    note
        What the asker said.
    revision
        The revision that the last asking or approval was about: when it is not the plan's, it no longer counts. None
        of a draft.
    """

    required: bool
    state: str
    asked_by: str | None = None
    approved_by: str | None = None
    note: str = ""
    revision: int | None = None


def approvals_of(session: Session, plans: Sequence[PlanInfo]) -> dict[int, Approval]:
    """Return the approvals of plans by plan."""
    rows = session.execute(
        text(
            """SELECT p.id, coalesce(r.approval, false) AS required, v.revision, v.note, v.given_at,
                      v.revision = p.revision AS counts, a.display_name AS asked_by, g.display_name AS given_by
               FROM plan p LEFT JOIN rule_profile r ON r.territory_id = p.territory_id
               LEFT JOIN plan_approval v ON v.plan_id = p.id
               LEFT JOIN account a ON a.id = v.asked_by LEFT JOIN account g ON g.id = v.given_by
               WHERE p.id = ANY(:plans)"""
        ),
        {"plans": [plan.id for plan in plans]},
    )
    found: dict[int, Approval] = {}
    for row in rows:
        state = NONE if not row.counts else GIVEN if row.given_at is not None else ASKED
        found[row.id] = Approval(
            row.required, state, row.asked_by, row.given_by, row.note or "", row.revision
        )
    return found


def ask(session: Session, number: int, account: int, note: str = "") -> PlanInfo:
    """Ask for approval of a plan as it is now, in place of what was asked or given before.

    Raises
    ------
    ClosedError
        The plan is published or archived.
    """
    plan = get_plan(session, number, lock=True)
    refuse_closed(plan)
    values = {
        "revision": plan.revision,
        "note": note,
        "asked_by": account,
        "given_by": None,
        "given_at": None,
    }
    statement = insert(models.PlanApproval).values(plan_id=plan.id, **values)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["plan_id"], set_={**values, "asked_at": text("clock_timestamp()")}
        )
    )
    return plan


def give(session: Session, number: int, account: int) -> PlanInfo:
    """Approve a plan as it is now.

    Raises
    ------
    ClosedError
        The plan is closed, or nobody has asked for the approval of this revision.
    ForbiddenError
        The account asked for it itself.
    """
    plan = get_plan(session, number, lock=True)
    refuse_closed(plan)
    row = session.scalar(
        select(models.PlanApproval)
        .where(models.PlanApproval.plan_id == plan.id)
        .execution_options(populate_existing=True)
    )
    if row is None or row.revision != plan.revision:
        raise ClosedError(
            f"方案“{plan.name}”没有待审批的申请{'' if row is None else '：申请之后方案又改动过'}。",
            "nobody asked for the approval of this revision",
            remedy="请先由规划员提交审批。",
        )
    _give(session, row, account)
    return plan


def _give(session: Session, row: models.PlanApproval | models.VersionApproval, account: int) -> None:
    if row.asked_by == account:
        raise ForbiddenError(
            "提交审批的人不能自己审批。", "who asks may not approve", remedy="请由另一位发布员审批。"
        )
    row.given_by = account
    row.given_at = session.scalar(text("SELECT clock_timestamp()"))
    session.flush()


def refuse_unapproved(session: Session, plan: PlanInfo, publisher: int | None) -> None:
    """Refuse to publish a plan that a second person has to approve and has not.

    Parameters
    ----------
    session
        Where to read.
    plan
        As it is to be published.
    publisher
        Row of the account that publishes; None for the command line.

    Raises
    ------
    NotPublishableError
        No approval of this revision, or only that of the publisher.
    """
    approval = approvals_of(session, [plan])[plan.id]
    if not approval.required:
        return
    if approval.state != GIVEN:
        late = approval.revision is not None and approval.revision != plan.revision
        why = "审批之后方案又改动过" if late and approval.approved_by else "还没有第二人审批"
        raise NotPublishableError(
            f"方案“{plan.name}”不能发布：{why}。",
            "a second person's approval of this revision is missing",
            remedy="请提交审批，由另一位发布员审批后再发布。",
        )
    approver = session.scalar(
        select(models.PlanApproval.given_by).where(models.PlanApproval.plan_id == plan.id)
    )
    if publisher is not None and approver == publisher:
        raise NotPublishableError(
            f"方案“{plan.name}”不能由审批人自己发布。",
            "the approver may not publish",
            remedy="请由另一位发布员发布。",
        )


# ---- drafts that are no plan: loaded from files, or repaired


def approval_of_draft(session: Session, version: VersionInfo) -> Approval:
    """Return the approval of a draft version."""
    row = session.execute(
        text(
            """SELECT coalesce(r.approval, false) AS required, v.version_id, v.note, v.given_at,
                      a.display_name AS asked_by, g.display_name AS given_by
               FROM territory t LEFT JOIN rule_profile r ON r.territory_id = t.id
               LEFT JOIN version_approval v ON v.version_id = :version
               LEFT JOIN account a ON a.id = v.asked_by LEFT JOIN account g ON g.id = v.given_by
               WHERE t.id = :territory"""
        ),
        {"version": version.id, "territory": version.territory_id},
    ).one()
    state = NONE if row.version_id is None else GIVEN if row.given_at is not None else ASKED
    return Approval(row.required, state, row.asked_by, row.given_by, row.note or "")


def ask_for_draft(session: Session, version: VersionInfo, account: int, note: str = "") -> None:
    """Ask for approval of a draft version as it is now, in place of what was asked or given before.

    Raises
    ------
    PublishedError
        It is published.
    """
    require_draft(version)
    values = {"note": note, "asked_by": account, "given_by": None, "given_at": None}
    statement = insert(models.VersionApproval).values(version_id=version.id, **values)
    session.execute(
        statement.on_conflict_do_update(
            index_elements=["version_id"], set_={**values, "asked_at": text("clock_timestamp()")}
        )
    )


def give_to_draft(session: Session, version: VersionInfo, account: int) -> None:
    """Approve a draft version as it is now.

    Raises
    ------
    PublishedError
        It is published.
    NotPublishableError
        Nobody has asked, or the zones have changed since.
    ForbiddenError
        The account asked for it itself.
    """
    require_draft(version)
    row = _locked(session, version)
    if row is None:
        raise NotPublishableError(
            f"草稿 {version.code} 没有待审批的申请，或申请之后又改动过。",
            "nobody asked for the approval of this draft as it is",
            remedy="请先由规划员提交审批。",
        )
    _give(session, row, account)


def refuse_unapproved_draft(session: Session, version: VersionInfo, publisher: int | None) -> None:
    """Refuse to publish a draft version that a second person has to approve and has not.

    Parameters
    ----------
    session
        Its transaction keeps the approval until it ends: nobody changes the zones meanwhile.
    version
        The draft.
    publisher
        Row of the account that publishes; None for the command line.

    Raises
    ------
    NotPublishableError
        No approval of the draft as it is, or only that of the publisher.
    """
    row = _locked(session, version)
    if not approval_of_draft(session, version).required:
        return
    if row is None or row.given_at is None:
        raise NotPublishableError(
            f"草稿 {version.code} 不能发布：还没有第二人审批。",
            "a second person's approval of this draft is missing",
            remedy="请在网页打开这个草稿，点“核对并发布”提交审批，由另一位发布员审批后再发布。",
        )
    if publisher is not None and row.given_by == publisher:
        raise NotPublishableError(
            f"草稿 {version.code} 不能由审批人自己发布。",
            "the approver may not publish",
            remedy="请由另一位发布员发布。",
        )


def _locked(session: Session, version: VersionInfo) -> models.VersionApproval | None:
    """Return what was asked or given for a draft; whoever changes its zones waits for this transaction's end."""
    return session.scalar(
        select(models.VersionApproval)
        .where(models.VersionApproval.version_id == version.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
