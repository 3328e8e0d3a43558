"""Plans: drafts that planners edit, undo and compare."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Response
from pydantic import Field

from api import drawing
from api.deps import AppServices, SignedIn, Transaction
from api.edits import Edit
from api.schemas import AnswerBody, RequestBody, Text
from api.store import drafts, memberships, plans

router = APIRouter(prefix="/api", tags=["方案 Plans"])

PlanNumber = Annotated[int, Path(ge=1, le=2**62)]
NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"description": "没有这个方案"}}
STALE: dict[int | str, dict[str, Any]] = {**NOT_FOUND, 409: {"description": "已被他人修改，或方案已关闭"}}
ZONES: dict[int | str, dict[str, Any]] = {**NOT_FOUND, 200: {"model": drawing.PlanZones}}
EDITED: dict[int | str, dict[str, Any]] = {**STALE, 200: {"model": drawing.EditAnswer}}


class NewPreview(RequestBody):
    """An edit to be tried on a revision."""

    revision: Annotated[int, Field(ge=0, le=2**62, description="the revision that the planner sees")]
    edit: Edit


class NewEdit(RequestBody):
    """An edit, made on a revision."""

    revision: Annotated[int, Field(ge=0, le=2**62, description="the revision that the planner saw")]
    edit: Edit
    key: Annotated[
        str | None,
        Field(
            pattern=r"^[!-~]{1,64}$",
            description="made up by the caller, another for each edit: sent again with it, an edit is made once",
            examples=["1795357495216.4f1c2a"],
        ),
    ] = None
    reason: Annotated[Text, Field(max_length=500)] = ""


class OnRevision(RequestBody):
    """An undo or redo, made on a revision."""

    revision: Annotated[int, Field(ge=0, le=2**62)]


class ChangeEntry(AnswerBody):
    """One edit as it was made."""

    revision: int
    key: str | None = Field(description="made up by who sent it", examples=["1795357495216.4f1c2a"])
    operation: str = Field(examples=["merge"])
    reason: str
    undone: bool
    made_by: str | None = Field(examples=["张三"])
    made_at: datetime
    put: list[str] = Field(
        description="codes of the zones that it made or changed", examples=[["310112103001001"]]
    )
    deleted: list[str] = Field(
        description="codes of the zones that it took away", examples=[["310112103001002"]]
    )


class ChangeTable(AnswerBody):
    """The edits of a plan, oldest first."""

    plan: int
    revision: int
    changes: list[ChangeEntry]


@router.get("/plans/{number}/changes", summary="修改历史 History", responses=NOT_FOUND)
def list_changes(
    number: PlanNumber,
    session: Transaction,
    caller: SignedIn,
    since: Annotated[int, Query(description="只要这个修订号之后的", ge=0, le=2**62)] = 0,
) -> ChangeTable:
    """列出某修订号之后的修改：谁、何时、为何、动了哪些网格。"""
    plan = memberships.plan_for_reader(session, caller, number)
    changes = [ChangeEntry(**each) for each in plans.history(session, number, since)]
    return ChangeTable(plan=plan.id, revision=plan.revision, changes=changes)


@router.get("/plans/{number}/zones", summary="方案中的网格 Zones of a plan", responses=ZONES)
def list_zones(
    number: PlanNumber,
    session: Transaction,
    caller: SignedIn,
    services: AppServices,
    *,
    level: Text = "grid",
    since: Annotated[
        int | None, Query(ge=0, le=2**62, description="only zones changed after this revision")
    ] = None,
    accept_encoding: Annotated[str, Header(include_in_schema=False)] = "",
    if_none_match: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """返回方案某一层级的网格，含图形、户数、人数、面积等指标和违反的规则；给出 since 时只返回该修订号之后变动的。"""
    memberships.plan_for_reader(session, caller, number)
    if since is not None:
        return drawing.zones_answer(drafts.zones_of(session, services.rooms, number, level, since=since))
    packed = drafts.zones_written(session, services.rooms, number, level, drawing.packed_zones)
    return drawing.packed_answer(packed, accept_encoding, if_none_match)


@router.post("/plans/{number}/preview", summary="预览修改 Preview", responses=EDITED)
def preview(
    number: PlanNumber, body: NewPreview, session: Transaction, caller: SignedIn, services: AppServices
) -> Response:
    """说明一次修改会带来什么：变动的网格、指标、提示和迁移情况。什么都不保存，修订号不变。需要规划员角色。"""
    plan = memberships.plan_for_editor(session, caller, number)
    answer = drafts.preview(session, services.rooms, plan, body.edit.change, revision=body.revision)
    return drawing.edit_answer(answer)


@router.post("/plans/{number}/edits", summary="修改方案 Edit", responses=EDITED)
def edit(
    number: PlanNumber, body: NewEdit, session: Transaction, caller: SignedIn, services: AppServices
) -> Response:
    """做一次修改，返回变动的网格、指标、提示和迁移情况。

    修订号过期时返回 409；带上自编的 key，重发也只做一次。需要规划员角色。
    """
    memberships.plan_for_editor(session, caller, number)
    answer = drafts.edit(
        session,
        services.rooms,
        number,
        body.edit.change,
        revision=body.revision,
        key=body.key,
        reason=body.reason,
        author=caller.account_id,
    )
    plans.note(session, caller.actor, f"plan.{body.edit.operation}", answer.plan)
    return drawing.edit_answer(answer)


@router.post("/plans/{number}/undo", summary="撤销 Undo", responses=EDITED)
def undo(
    number: PlanNumber, body: OnRevision, session: Transaction, caller: SignedIn, services: AppServices
) -> Response:
    """撤销最近一次修改，坐标完全还原。需要规划员角色。"""
    memberships.plan_for_editor(session, caller, number)
    answer = drafts.undo(session, services.rooms, number, revision=body.revision)
    plans.note(session, caller.actor, "plan.undo", answer.plan)
    return drawing.edit_answer(answer)


@router.post("/plans/{number}/redo", summary="重做 Redo", responses=EDITED)
def redo(
    number: PlanNumber, body: OnRevision, session: Transaction, caller: SignedIn, services: AppServices
) -> Response:
    """重做刚撤销的修改。需要规划员角色。"""
    memberships.plan_for_editor(session, caller, number)
    answer = drafts.redo(session, services.rooms, number, revision=body.revision)
    plans.note(session, caller.actor, "plan.redo", answer.plan)
    return drawing.edit_answer(answer)
