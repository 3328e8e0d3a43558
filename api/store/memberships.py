"""Who may read, edit and manage a plan.

A plan of a whole *territory* is read by everybody who is signed in and edited by the territory's planners. A plan of
*members* is read by those whom it is shared with, and edited by the editors among them who are planners of the
territory. Its owner (who made it) and admins manage it: share, archive, reopen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select, text, update

from api.store import approvals, models
from api.store.accounts import as_caller, find_account
from api.store.plans import get_plan
from api.store.refusals import ForbiddenError, InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from api.store.accounts import Caller
    from api.store.plans import PlanInfo

TERRITORY, MEMBERS = "territory", "members"
VIEWER, EDITOR = "viewer", "editor"


@dataclass(frozen=True)
class Member:
    """Somebody whom a plan is shared with.

    Parameters
    ----------
    account, name
        Name and display name of the account.
    role
        ``viewer`` or ``editor``.
    """

    account: str
    name: str
    role: str


@dataclass(frozen=True)
class Rights:
    """What a caller may do with a plan, whether or not it is open."""

    read: bool
    edit: bool
    manage: bool


def rights_of(caller: Caller, plan: PlanInfo, members: Sequence[Member]) -> Rights:
    """Return what a caller may do with a plan that is shared with these members."""
    planner = _is_planner(caller, plan.territory)
    if caller.role == "admin":
        return Rights(read=True, edit=True, manage=True)
    # A plan made at the terminal has no owner: it is its territory's.
    owner = caller.account_id == plan.owner or (plan.owner is None and planner)
    role = next((member.role for member in members if member.account == caller.name), None)
    shared = plan.access == TERRITORY
    return Rights(
        read=shared or owner or role is not None,
        edit=planner and (shared or owner or role == EDITOR),
        manage=planner and owner,
    )


def members_of(session: Session, plans: Sequence[int]) -> dict[int, list[Member]]:
    """Return the members of plans by plan, in the order of their names."""
    rows = session.execute(
        select(models.PlanMember.plan_id, models.Account.name, models.Account.display_name, models.PlanMember.role)
        .join(models.Account, models.Account.id == models.PlanMember.account_id)
        .where(models.PlanMember.plan_id.in_(plans))
        .order_by(models.Account.name)
    )  # fmt: skip
    found: dict[int, list[Member]] = {plan: [] for plan in plans}
    for row in rows:
        found[row.plan_id].append(Member(row.name, row.display_name, row.role))
    return found


def plan_for_reader(session: Session, caller: Caller, number: int) -> PlanInfo:
    """Return a plan that the caller may read.

    Raises
    ------
    NotFoundError
        No such plan.
    ForbiddenError
        It is shared with others only.
    """
    plan = get_plan(session, number)
    if not _rights(session, caller, plan).read:
        raise ForbiddenError(
            f"方案“{plan.name}”只与指定成员共享。",
            "the plan is shared with its members only",
            remedy="请联系方案的创建人把您加为成员。",
        )
    return plan


def plan_for_editor(session: Session, caller: Caller, number: int) -> PlanInfo:
    """Return a plan that the caller may edit (which may be closed all the same).

    Raises
    ------
    NotFoundError
        No such plan.
    ForbiddenError
        The caller is no planner of the territory, or no editor of the plan.
    """
    plan = plan_for_reader(session, caller, number)
    caller.require("planner", plan.territory)
    if not _rights(session, caller, plan).edit:
        raise ForbiddenError(
            f"您只能查看方案“{plan.name}”。",
            "a viewer of the plan may not edit it",
            remedy="请联系方案的创建人把您的成员角色改为“编辑”。",
        )
    return plan


def plan_for_manager(session: Session, caller: Caller, number: int) -> PlanInfo:
    """Return a plan that the caller may share, archive and reopen.

    Raises
    ------
    NotFoundError
        No such plan.
    ForbiddenError
        It is somebody else's.
    """
    plan = plan_for_reader(session, caller, number)
    caller.require("planner", plan.territory)
    if not _rights(session, caller, plan).manage:
        raise ForbiddenError(
            f"只有方案“{plan.name}”的创建人和管理员可以共享、归档或重新打开它。",
            "only the owner of the plan and admins manage it",
            remedy="请联系方案的创建人；也可以复制一份自己的方案。",
        )
    return plan


def plan_for_publisher(session: Session, caller: Caller, number: int) -> PlanInfo:
    """Return a plan that the caller may approve or publish.

    Raises
    ------
    NotFoundError
        No such plan.
    ForbiddenError
        The caller is no publisher of the territory, or the plan is shared with others only.
    """
    plan = plan_for_reader(session, caller, number)
    caller.require("publisher", plan.territory)
    return plan


def share_plan(
    session: Session, number: int, *, access: str | None = None, members: Mapping[str, str] | None = None
) -> PlanInfo:
    """Say who shares a plan; None leaves what is there.

    Parameters
    ----------
    session
        Its transaction.
    number
        The plan.
    access
        ``territory`` or ``members``.
    members
        Role (``viewer``, ``editor``) by name of account: the whole list.

    Raises
    ------
    NotFoundError
        No such plan or account.
    InvalidRequestError
        An editor is no planner of the territory, or an account is closed.
    """
    plan = get_plan(session, number, lock=True)
    if members is not None:
        session.execute(delete(models.PlanMember).where(models.PlanMember.plan_id == plan.id))
        for name, role in members.items():
            account = find_account(session, name)
            able = role == VIEWER or _is_planner(as_caller(session, account), plan.territory)
            if not (account.active and able):
                raise InvalidRequestError(
                    f"账号“{name}”{'不是本辖区的规划员，不能设为“编辑”' if account.active else '已停用'}。",
                    f"{name} cannot be {role} of the plan",
                    remedy="可设为“查看”，或请管理员调整其角色与授权。",
                )
            session.add(models.PlanMember(plan_id=plan.id, account_id=account.id, role=role))
        session.flush()
    # Also when only the members differ: whoever watches the plan hears of it.
    values = {"access": access or plan.access}
    session.execute(update(models.Plan).where(models.Plan.id == plan.id).values(**values))
    return get_plan(session, number)


def candidates(session: Session, plan: PlanInfo) -> list[dict[str, Any]]:
    """List the accounts that a plan may be shared with: ``account, name, may_edit``, by name."""
    rows = session.execute(
        text(
            """SELECT a.name, a.display_name,
                      a.role = 'admin' OR (a.role <> 'viewer' AND EXISTS (
                          SELECT FROM "grant" g WHERE g.account_id = a.id AND g.territory_id = :territory
                          AND g.zone_code IS NULL)) AS may_edit
               FROM account a WHERE a.active AND a.id IS DISTINCT FROM CAST(:owner AS int8) ORDER BY a.name"""
        ),
        {"territory": plan.territory_id, "owner": plan.owner},
    )
    return [{"account": row.name, "name": row.display_name, "may_edit": row.may_edit} for row in rows]


def entries(session: Session, caller: Caller, plans: Sequence[PlanInfo]) -> list[dict[str, Any]]:
    """Return plans as a caller sees them, without those that are not shared with the caller.

    Returns
    -------
    list of dict
        ``id, name, description, status, revision, territory, base, access, created_by`` (display name),
        ``created_at, updated_at, members, may_edit`` (now: the plan is open, too), ``may_manage, approval``.
    """
    numbers = [plan.id for plan in plans]
    shared = members_of(session, numbers)
    approved = approvals.approvals_of(session, plans)
    owners = {plan.owner for plan in plans}
    names = dict(
        session.execute(
            select(models.Account.id, models.Account.display_name).where(models.Account.id.in_(owners))
        ).all()
    )
    found = []
    for plan in plans:
        rights = rights_of(caller, plan, shared[plan.id])
        if rights.read:
            found.append(
                {
                    "id": plan.id,
                    "name": plan.name,
                    "description": plan.description,
                    "status": plan.status,
                    "revision": plan.revision,
                    "territory": plan.territory,
                    "base": plan.base,
                    "access": plan.access,
                    "created_by": None if plan.owner is None else names.get(plan.owner),
                    "created_at": plan.created_at,
                    "updated_at": plan.updated_at,
                    "members": [vars(member) for member in shared[plan.id]],
                    "may_edit": rights.edit and plan.status == "open",
                    "may_manage": rights.manage,
                    "approval": vars(approved[plan.id]),
                }
            )
    return found


def entry(session: Session, caller: Caller, plan: PlanInfo) -> dict[str, Any]:
    """Return one plan as `entries` does."""
    return entries(session, caller, [plan])[0]


def _rights(session: Session, caller: Caller, plan: PlanInfo) -> Rights:
    # Asked with each edit and preview: whom a territory's plan is shared with need not be looked up.
    members = members_of(session, [plan.id])[plan.id] if plan.access == MEMBERS else []
    return rights_of(caller, plan, members)


def _is_planner(caller: Caller, territory: str) -> bool:
    try:
        caller.require("planner", territory)
    except ForbiddenError:
        return False
    return True
