"""One version: its figures, and what is done to it as jobs."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from api.deps import AppServices, PathVersion, SignedIn, Transaction
from api.schemas import (
    AnswerBody,
    JobStarted,
    LevelCode,
    SubjectKind,
    TerritoryEntry,
    VersionSummary,
)
from api.store import actions, versions, zones

router = APIRouter(prefix="/api/versions/{version}", tags=["辖区与版本 Territories and versions"])

NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"description": "没有这个版本"}}


class LevelSummary(AnswerBody):
    """层级."""

    code: str = Field(examples=["grid"])
    name: str = Field(examples=["网格"])
    rank: int
    partition: bool = Field(description="its zones must be a coverage of their parents")
    zones: int


class LayerSummary(AnswerBody):
    """图层."""

    code: str = Field(examples=["grid"])
    name: str = Field(examples=["网格"])
    levels: list[LevelSummary]


class Reconciliation(AnswerBody):
    """assigned + outside + gap + no_location + bad_location = total."""

    level: LevelCode
    kind: SubjectKind
    total: int
    assigned: int
    outside: int
    gap: int
    no_location: int
    bad_location: int


class FaultFigures(AnswerBody):
    """Faults of the last check."""

    total: int
    errors: int
    warnings: int
    by_kind: dict[str, int] = Field(examples=[{"gap": 3, "overlap": 2}])


class CoverageFigures(AnswerBody):
    """Households within so many minutes' walk of any station."""

    minutes: int
    households_reached: int | None
    households_total: int
    share: float | None


class AcceptedRepair(AnswerBody):
    """Repairs that were accepted into a draft."""

    base: str = Field(description="version that was repaired", examples=["zhuanqiao-v1"])
    numbers: list[int] = Field(description="numbers of the faults that were repaired")
    made_by: str = Field(examples=["张三"])
    made_at: datetime
    undone_at: datetime | None


class VersionDetails(VersionSummary):
    """A version with its figures."""

    territory: TerritoryEntry
    checked_at: datetime | None
    layers: list[LayerSummary]
    reconciliation: list[Reconciliation]
    faults: FaultFigures
    stations: int
    coverage: list[CoverageFigures]
    map_approval: str = Field(
        description="审图号, or the words that stand in for it", examples=["内部工作用图"]
    )
    repair_proposed_at: datetime | None = Field(description="null: no repair was proposed yet")
    repaired: AcceptedRepair | None = Field(description="set on a draft that repairs were accepted into")
    fused_at: datetime | None = Field(description="null: no fusion yet")


@router.get("", summary="版本详情 A version", responses=NOT_FOUND)
def describe_version(
    version: PathVersion, session: Transaction, _caller: SignedIn, services: AppServices
) -> VersionDetails:
    """返回一个版本的图层与层级、分配核对表、问题统计、服务站与覆盖率。"""
    details = zones.describe_version(session, version)
    return VersionDetails(**details, map_approval=services.settings.map_approval)


@router.post("/assign", status_code=202, summary="分配管理对象 Assign", responses=NOT_FOUND)
def assign(version: PathVersion, session: Transaction, caller: SignedIn, services: AppServices) -> JobStarted:
    """把辖区的全部管理对象分配到该版本各层级的网格，并核对总数。需要规划员角色。"""
    found = versions.get_version(session, version)
    caller.require("planner", found.territory)
    work = actions.assignment(found.code, caller.actor)
    return JobStarted(job=services.jobs.submit("assign", {"version": found.code}, caller.actor, work))


@router.post("/check", status_code=202, summary="检查问题 Check", responses=NOT_FOUND)
def check(version: PathVersion, session: Transaction, caller: SignedIn, services: AppServices) -> JobStarted:
    """查找该版本各层级的缺口、重叠、缝隙等问题，已登记的豁免除外。需要规划员角色。"""
    found = versions.get_version(session, version)
    caller.require("planner", found.territory)
    work = actions.checking(found.code, caller.actor)
    return JobStarted(job=services.jobs.submit("check", {"version": found.code}, caller.actor, work))


@router.post("/circles", status_code=202, summary="计算服务圈 Service circles", responses=NOT_FOUND)
def circles(
    version: PathVersion, session: Transaction, caller: SignedIn, services: AppServices
) -> JobStarted:
    """按路网计算每个服务站 5、10、15 分钟的服务圈与覆盖户数。需要规划员角色。"""
    found = versions.get_version(session, version)
    caller.require("planner", found.territory)
    work = actions.circling(found.code, services.settings.walk_speed_mps, caller.actor)
    return JobStarted(job=services.jobs.submit("circles", {"version": found.code}, caller.actor, work))
