"""Guarded repair of a version: proposals, acceptance into a new draft, undo."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from api.deps import AppServices, PathVersion, SignedIn, Transaction
from api.schemas import AnswerBody, Bbox, Code, Geometry, JobStarted, Metres, Point, RequestBody, Share
from api.store import acceptances, actions, repairs, versions

router = APIRouter(prefix="/api/versions/{version}/repair", tags=["修复与合一 Repair and fusion"])

NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"description": "没有这个版本，或没有修复建议"}}
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]


class RepairOrder(RequestBody):
    """How to repair; nothing needs to be said."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "levels": ["grid"],
                    "strategies": {"gap": "most_households"},
                    "decisions": {"7": "310112103001017", "9": "exception"},
                }
            ]
        },
    )
    levels: list[Code] = Field(
        [], max_length=20, description="levels to look at; none: all that must be coverages"
    )
    strategies: dict[Code, Code] = Field({}, description="kind of fault → strategy")
    decisions: dict[Number, Code] = Field(
        {}, description="number of a fault → strategy, or code of the zone that shall have the land"
    )
    priority: list[Code] = Field(
        [], max_length=1000, description="codes of zones or layers, the most important first"
    )
    max_change: Share = Field(0.1, description="largest share of a zone's area that repairs may change")
    max_gap_width_m: Metres = Field(25.0, description="a wider gap is left until somebody decides")


class AreaChange(AnswerBody):
    """A zone's area before and after."""

    code: str
    before_m2: float
    after_m2: float


class Declining(AnswerBody):
    """Who does not want a proposal."""

    by: str
    at: datetime


class RepairProposal(AnswerBody):
    """What a repair would do about one fault, or why it leaves it."""

    number: int = Field(description="number of the fault on the map")
    level: str
    kind: str = Field(examples=["gap"])
    kind_name: str = Field(examples=["缺口"])
    status: Literal["proposed", "refused"]
    action: str | None = Field(examples=["longest_border"])
    action_name: str | None = Field(examples=["归最长边界的邻格"])
    recipient: str | None = Field(description="code of the zone that would have the land")
    codes: list[str]
    area_m2: float
    changes: list[AreaChange]
    households: int | None
    people: int | None
    message: str = Field(description="what it does, or why not")
    message_en: str
    declined: Declining | None = Field(description="marked as not wanted: not applied")
    bbox: Bbox | None
    point: Point | None
    geometry: Geometry


class AcceptanceEntry(AnswerBody):
    """What was accepted of the proposals."""

    version: str = Field(description="the draft")
    numbers: list[int]
    made_by: str
    made_at: datetime
    undone_at: datetime | None


class RepairTable(AnswerBody):
    """The proposals of a version."""

    version: str
    made_at: datetime
    made_by: str
    stale: bool = Field(description="zones, exceptions or boundary changed since: propose again")
    options: dict[str, Any]
    proposals: list[RepairProposal]
    acceptances: list[AcceptanceEntry]


class Acceptance(RequestBody):
    """Which proposals to apply."""

    numbers: Annotated[list[Number], Field(min_length=1, max_length=100_000, examples=[[1, 2, 5]])]


class Declined(Acceptance):
    """Which proposals are not wanted."""

    declined: bool = Field(default=True, description="false takes the mark back")


@router.post("", status_code=202, summary="提出修复建议 Propose a repair", responses=NOT_FOUND)
def propose(
    version: PathVersion,
    session: Transaction,
    caller: SignedIn,
    services: AppServices,
    body: RepairOrder | None = None,
) -> JobStarted:
    """先检查，再逐处说明怎样修复、归谁、影响多少户和人；什么也不改。任务结果与 GET 相同。需要规划员角色。"""
    found = versions.get_version(session, version)
    caller.require("planner", found.territory)
    asked = body or RepairOrder()  # type: ignore[call-arg]
    options = repairs.RepairOptions.restored(asked.model_dump())
    work = actions.proposing_repair(found.code, options, caller.actor)
    arguments = {"version": found.code, **asked.model_dump(mode="json")}
    return JobStarted(job=services.jobs.submit("repair", arguments, caller.actor, work))


@router.get("", summary="修复建议 Proposals", responses=NOT_FOUND)
def list_proposals(version: PathVersion, session: Transaction, _caller: SignedIn) -> RepairTable:
    """列出最近一次提出的修复建议，编号与问题列表一致；不能自动处理的写明原因。"""
    return RepairTable(**repairs.repair_answer(repairs.repair_table(session, version)))


@router.post("/decline", summary="不采纳 Decline proposals", responses=NOT_FOUND)
def decline(version: PathVersion, body: Declined, session: Transaction, caller: SignedIn) -> RepairTable:
    """把建议标记为不采纳，接受时不执行；``declined: false`` 取消标记。需要规划员角色。"""
    found = versions.get_version(session, version)
    caller.require("planner", found.territory)
    table = acceptances.decline(session, found.code, body.numbers, declined=body.declined, actor=caller.actor)
    return RepairTable(**repairs.repair_answer(table))


@router.post("/accept", status_code=202, summary="接受修复建议 Accept proposals", responses=NOT_FOUND)
def accept(
    version: PathVersion, body: Acceptance, session: Transaction, caller: SignedIn, services: AppServices
) -> JobStarted:
    """把接受的建议写进一个新的草稿版本（已发布的版本不变），重新检查并分配；不能执行的列出原因。需要规划员角色。"""
    found = versions.get_version(session, version)
    caller.require("planner", found.territory)
    repairs.repair_table(session, found.code)
    work = actions.accepting_repair(found.code, tuple(body.numbers), caller.actor)
    arguments = {"version": found.code, "numbers": body.numbers}
    return JobStarted(job=services.jobs.submit("repair-accept", arguments, caller.actor, work))


@router.post(
    "/undo",
    status_code=202,
    summary="撤销修复 Undo",
    responses={**NOT_FOUND, 409: {"description": "草稿已经发布"}},
)
def undo(version: PathVersion, session: Transaction, caller: SignedIn, services: AppServices) -> JobStarted:
    """撤销接受到这个草稿里的修复：每个坐标都恢复原样，登记的豁免一并撤销。需要规划员角色。"""
    found = versions.require_draft(versions.get_version(session, version))
    caller.require("planner", found.territory)
    work = actions.undoing_repair(found.code, caller.actor)
    return JobStarted(job=services.jobs.submit("repair-undo", {"version": found.code}, caller.actor, work))
