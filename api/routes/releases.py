"""A draft on its way into force: what it would change, a second person's approval, publishing."""

from typing import Any

from fastapi import APIRouter
from pydantic import Field

from api.deps import PathVersion, SignedIn, Transaction
from api.routes.ledgers import Move
from api.routes.plan_life import ApprovalEntry, Asking, Giving
from api.schemas import AnswerBody, LevelCode, Publishing, VersionSummary
from api.store import approvals, audit, releases, versions, zones

router = APIRouter(prefix="/api/versions/{version}", tags=["辖区与版本 Territories and versions"])

RESPONSES: dict[int | str, dict[str, Any]] = {
    404: {"description": "没有这个版本"},
    409: {"description": "已发布，或还不能发布"},
}


class LevelChange(AnswerBody):
    """How many zones of a level a draft changes."""

    level: LevelCode
    name: str = Field(examples=["网格"])
    new: int
    gone: int
    redrawn: int = Field(description="其他坐标 another ground")
    described: int = Field(description="同样的边界，名称、性质、上级、人员或属性不同")
    same: int


class FaultCount(AnswerBody):
    """Faults of the last check."""

    errors: int
    warnings: int


class Readiness(AnswerBody):
    """What publishing a draft would do, and what stands against it."""

    version: str = Field(examples=["zhuanqiao-v2"])
    in_force: str | None = Field(
        description="将被取代的现行版本；null：还没有发布过", examples=["zhuanqiao-v1"]
    )
    levels: list[LevelChange]
    moves: list[Move] | None = Field(description="谁换网格；null：还没有分配，不知道")
    faults_before: FaultCount | None = Field(description="现行版本；null：没有检查过")
    faults_after: FaultCount | None = Field(description="草稿；null：还没有检查")
    obstacles: list[str] = Field(description="还不能发布的原因；空：可以发布")
    approval: ApprovalEntry


@router.get("/readiness", summary="发布准备 Readiness", responses=RESPONSES)
def get_readiness(version: PathVersion, session: Transaction, _caller: SignedIn) -> Readiness:
    """返回发布一个草稿会带来什么：各层级改动的网格、迁移的对象、问题的增减，还缺什么，审批进度。"""
    return Readiness(**releases.readiness(session, version))


@router.post("/approval/ask", summary="草稿提交审批 Ask for approval", responses=RESPONSES)
def ask_approval(version: PathVersion, body: Asking, session: Transaction, caller: SignedIn) -> Readiness:
    """请第二人审批草稿现在的样子；网格再有改动须重新提交。需要规划员角色。"""
    found = versions.get_version(session, version)
    caller.require("planner", found.territory)
    approvals.ask_for_draft(session, found, caller.account_id, body.note)
    audit.record(session, caller.actor, "version.approval.ask", found.code)
    return Readiness(**releases.readiness(session, found.code))


@router.post("/approval/give", summary="草稿审批通过 Approve", responses=RESPONSES)
def give_approval(version: PathVersion, _body: Giving, session: Transaction, caller: SignedIn) -> Readiness:
    """审批草稿现在的样子。需要发布员角色，且不是提交审批的人；审批人不能再发布它。"""
    found = versions.get_version(session, version)
    caller.require("publisher", found.territory)
    approvals.give_to_draft(session, found, caller.account_id)
    audit.record(session, caller.actor, "version.approval.give", found.code)
    return Readiness(**releases.readiness(session, found.code))


@router.post("/publish", summary="发布 Publish", responses=RESPONSES)
def publish(version: PathVersion, body: Publishing, session: Transaction, caller: SignedIn) -> VersionSummary:
    """发布一个草稿版本，即刻生效，上一版本同时失效。需要发布员角色；检查与分配都要先通过，本单位要求时须先经第二人审批。"""
    found = versions.get_version(session, version)
    caller.require("publisher", found.territory)
    published = releases.publish_draft(session, found.code, body.reason, caller.name, actor=caller.actor)
    return VersionSummary(**zones.version_fields(published))
