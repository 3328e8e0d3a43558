"""The life of a plan: made, described, shared, copied, put away and taken out again, approved, published."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field

from api.deps import AppServices, PathTerritory, SignedIn, Transaction
from api.routes.plans import NOT_FOUND, STALE, PlanNumber
from api.schemas import AnswerBody, JobStarted, Publishing, RequestBody, Text
from api.store import actions, approvals, memberships, plans

router = APIRouter(prefix="/api", tags=["方案 Plans"])

PlanName = Annotated[Text, Field(min_length=1, max_length=100, examples=["2026年网格调整"])]
Description = Annotated[Text, Field(max_length=2000, examples=["兴银居委会新增两个小区"])]
Access = Literal["territory", "members"]


class NewPlan(RequestBody):
    """A plan to be made."""

    territory: Annotated[Text, Field(examples=["zhuanqiao"])]
    name: PlanName
    description: Description = ""
    base: Annotated[
        Text | None, Field(description="基于哪个版本，默认现行版本", examples=["zhuanqiao-v1"])
    ] = None


class NewMember(RequestBody):
    """Whom to share a plan with."""

    account: Annotated[Text, Field(min_length=1, max_length=40, examples=["zhangsan"])]
    role: Literal["viewer", "editor"] = "editor"


class PlanPatch(RequestBody):
    """What is to be another; what is left out stays."""

    name: PlanName | None = None
    description: Description | None = None
    access: Annotated[
        Access | None, Field(description="territory：本辖区规划员可改、人人可看；members：只有成员")
    ] = None
    members: Annotated[list[NewMember] | None, Field(max_length=200, description="全部成员，代替原来的")] = (
        None
    )


class CopyName(RequestBody):
    """Name of the copy."""

    name: PlanName


class Asking(RequestBody):
    """What the approver should know."""

    note: Annotated[Text, Field(max_length=500)] = ""


class Giving(RequestBody):
    """An approval says nothing more."""


class MemberEntry(AnswerBody):
    """Somebody whom a plan is shared with."""

    account: str
    name: str
    role: Literal["viewer", "editor"]


class CandidateEntry(AnswerBody):
    """Somebody whom a plan may be shared with."""

    account: str
    name: str
    may_edit: bool = Field(description="a planner of the territory")


class ApprovalEntry(AnswerBody):
    """How far the approval is."""

    required: bool = Field(description="本单位要求第二人审批")
    state: Literal["none", "asked", "given"]
    asked_by: str | None
    approved_by: str | None
    note: str
    revision: int | None = Field(
        description="the revision that was asked about; another needs a new approval"
    )


class PlanEntry(AnswerBody):
    """A plan."""

    id: int
    name: str
    description: str
    status: Literal["open", "archived", "published"]
    revision: int
    territory: str
    base: str
    access: Access
    created_by: str | None
    created_at: datetime
    updated_at: datetime
    members: list[MemberEntry]
    may_edit: bool = Field(description="this caller may edit it now")
    may_manage: bool = Field(description="this caller may share, archive and reopen it")
    approval: ApprovalEntry


def _entry(session: Transaction, caller: SignedIn, plan: plans.PlanInfo) -> PlanEntry:
    return PlanEntry(**memberships.entry(session, caller, plan))


@router.get("/territories/{code}/plans", summary="方案列表 Plans", responses=NOT_FOUND)
def list_plans(code: PathTerritory, session: Transaction, caller: SignedIn) -> list[PlanEntry]:
    """列出辖区里与您共享的方案，最新的在前。"""
    found = memberships.entries(session, caller, plans.list_plans(session, code))
    return [PlanEntry(**entry) for entry in found]


@router.post("/plans", status_code=201, summary="新建方案 New plan", responses=NOT_FOUND)
def create_plan(body: NewPlan, session: Transaction, caller: SignedIn) -> PlanEntry:
    """基于一个版本新建方案。需要规划员角色。"""
    caller.require("planner", body.territory)
    made = plans.create_plan(
        session, body.territory, body.name, body.description, base=body.base, author=caller.account_id
    )
    plans.note(session, caller.actor, "plan.create", made)
    return _entry(session, caller, made)


@router.get("/plans/{number}", summary="方案 A plan", responses=NOT_FOUND)
def get_plan(number: PlanNumber, session: Transaction, caller: SignedIn) -> PlanEntry:
    """返回一个方案：修订号、共享对象、您能做什么、审批进度。"""
    return _entry(session, caller, memberships.plan_for_reader(session, caller, number))


@router.patch("/plans/{number}", summary="改名、说明、共享 Describe and share", responses=NOT_FOUND)
def patch_plan(number: PlanNumber, body: PlanPatch, session: Transaction, caller: SignedIn) -> PlanEntry:
    """改名称、说明（能编辑的人）；改共享范围与成员（创建人、管理员）。没给出的项不变。"""
    plan = memberships.plan_for_editor(session, caller, number)
    if body.access is not None or body.members is not None:
        memberships.plan_for_manager(session, caller, number)
        members = None if body.members is None else {each.account: each.role for each in body.members}
        plan = memberships.share_plan(session, number, access=body.access, members=members)
        plans.note(session, caller.actor, "plan.share", plan)
    if body.name is not None or body.description is not None:
        plan = plans.describe_plan(session, number, name=body.name, description=body.description)
        plans.note(session, caller.actor, "plan.describe", plan)
    return _entry(session, caller, plan)


@router.get("/plans/{number}/candidates", summary="可共享的账号 Whom to share with", responses=NOT_FOUND)
def list_candidates(number: PlanNumber, session: Transaction, caller: SignedIn) -> list[CandidateEntry]:
    """列出可以加为成员的账号。只有方案的创建人和管理员能看。"""
    plan = memberships.plan_for_manager(session, caller, number)
    return [CandidateEntry(**each) for each in memberships.candidates(session, plan)]


@router.post("/plans/{number}/duplicate", status_code=201, summary="复制方案 Duplicate", responses=NOT_FOUND)
def duplicate_plan(number: PlanNumber, body: CopyName, session: Transaction, caller: SignedIn) -> PlanEntry:
    """复制方案及其全部修改历史，副本归您。需要规划员角色。"""
    plan = memberships.plan_for_reader(session, caller, number)
    caller.require("planner", plan.territory)
    made = plans.duplicate_plan(session, number, body.name, author=caller.account_id)
    plans.note(session, caller.actor, "plan.duplicate", made)
    return _entry(session, caller, made)


@router.delete("/plans/{number}", summary="归档方案 Archive", responses=STALE)
def archive_plan(number: PlanNumber, session: Transaction, caller: SignedIn) -> PlanEntry:
    """归档方案：以后只读，不会丢失。创建人和管理员可以。"""
    plan = memberships.plan_for_manager(session, caller, number)
    plans.note(session, caller.actor, "plan.archive", plan)
    return _entry(session, caller, plans.archive_plan(session, number))


@router.post("/plans/{number}/reopen", summary="重新打开方案 Reopen", responses=STALE)
def reopen_plan(number: PlanNumber, session: Transaction, caller: SignedIn) -> PlanEntry:
    """重新打开已归档的方案。创建人和管理员可以。"""
    plan = memberships.plan_for_manager(session, caller, number)
    plans.note(session, caller.actor, "plan.reopen", plan)
    return _entry(session, caller, plans.reopen_plan(session, number))


@router.post("/plans/{number}/approval/ask", summary="提交审批 Ask for approval", responses=STALE)
def ask_approval(number: PlanNumber, body: Asking, session: Transaction, caller: SignedIn) -> PlanEntry:
    """请第二人审批方案现在的样子；之后再改动须重新提交。能编辑方案的人可以提交。"""
    memberships.plan_for_editor(session, caller, number)
    plan = approvals.ask(session, number, caller.account_id, body.note)
    plans.note(session, caller.actor, "plan.approval.ask", plan)
    return _entry(session, caller, plan)


@router.post("/plans/{number}/approval/give", summary="审批通过 Approve", responses=STALE)
def give_approval(number: PlanNumber, _body: Giving, session: Transaction, caller: SignedIn) -> PlanEntry:
    """审批方案现在的样子。需要发布员角色，且不是提交审批的人；审批人不能再发布它。"""
    memberships.plan_for_publisher(session, caller, number)
    plan = approvals.give(session, number, caller.account_id)
    plans.note(session, caller.actor, "plan.approval.give", plan)
    return _entry(session, caller, plan)


@router.post("/plans/{number}/publish", status_code=202, summary="发布方案 Publish", responses=STALE)
def publish(
    number: PlanNumber, body: Publishing, session: Transaction, caller: SignedIn, services: AppServices
) -> JobStarted:
    """把方案发布为新版本：检查、分配、发布在一个事务里完成。需要发布员角色；本单位要求时须先经第二人审批。"""
    plan = memberships.plan_for_publisher(session, caller, number)
    approvals.refuse_unapproved(session, plan, caller.account_id)
    work = actions.publishing_plan(number, body.reason, caller.name, caller.actor, services.rooms)
    return JobStarted(job=services.jobs.submit("publish", {"plan": number}, caller.actor, work))
