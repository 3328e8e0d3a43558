"""划格建议: grids drawn along street blocks, looked at, and adopted as a plan."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import ConfigDict, Field

from api.deps import AppServices, PathTerritory, SignedIn, Transaction
from api.routes.plan_life import PlanEntry
from api.schemas import AnswerBody, Code, JobStarted, RequestBody, Rising, Text
from api.store import actions, memberships, partitions, plans
from api.store.versions import version_within

router = APIRouter(prefix="/api", tags=["方案 Plans"])

NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"description": "没有这个辖区、版本或划格建议"}}
REFUSED: dict[int | str, dict[str, Any]] = {**NOT_FOUND, 422: {"description": "不能采用，附原因和位置"}}

Number = Annotated[int, Path(ge=1, le=2**62)]
Version = Annotated[Text | None, Query(description="版本号，默认最新版本", max_length=60)]

Households = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]


class ProposalOrder(RequestBody):
    """What is asked of a proposal; nothing needs to be said."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"level": "grid", "households": [300, 500], "keep": 0.5, "seed": 1}]},
    )

    version: Annotated[Text | None, Field(max_length=60, description="默认最新版本")] = None
    level: Code = "grid"
    within: Annotated[Code | None, Field(description="新网格不得跨越的上级层级，默认为该层级的上级")] = None
    zones: Annotated[int | None, Field(ge=1, le=100_000, description="综合网格数")] = None
    households: Annotated[
        Annotated[tuple[Households, Households], Rising] | None,
        Field(description="每格户数下限、上限，默认按辖区规则"),
    ] = None
    keep: Annotated[float, Field(ge=0, le=1, allow_inf_nan=False, description="0 重新划分，1 尽量少变动")] = (
        0.0
    )
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)] = 1


class Least(AnswerBody):
    """Households of general zones."""

    least: int
    most: int
    mean: float


class ProposalEntry(AnswerBody):
    """A proposal and how good it is."""

    id: int
    territory: str
    version: str
    level: str
    options: dict[str, Any]
    zones: int
    general: int
    dedicated: int
    balance: float = Field(description="most households of a general zone by their mean; 1 is perfect")
    compactness: float = Field(description="Polsby-Popper, mean; 1 is a circle")
    compactness_least: float
    cut_estates: int
    cut_buildings: int
    across_parents: int = Field(description="estates and buildings that a border of the level above cuts")
    inside_barriers_m: float = Field(description="metres of expressway, railway and river inside zones")
    households: Least
    in_band: int | None = Field(
        description="general zones within the limits; null: a number of zones was asked"
    )
    moved_households: int | None
    changed_share: float | None
    messages: list[str]
    made_by: str
    made_at: str


class ZoneCollection(AnswerBody):
    """Zones of a proposal, GeoJSON."""

    type: str
    proposal: int
    version: str
    features: list[dict[str, Any]]


class Adoption(RequestBody):
    """The plan to be made."""

    name: Annotated[Text, Field(min_length=1, max_length=100, examples=["均衡网格建议"])]


@router.post(
    "/territories/{code}/proposals", status_code=202, summary="生成划格建议 Propose", responses=NOT_FOUND
)
def propose(
    code: PathTerritory, body: ProposalOrder, session: Transaction, caller: SignedIn, services: AppServices
) -> JobStarted:
    """沿街区划出均衡、相连、紧凑的网格，不切小区和楼栋；完成后任务结果给出建议编号。需要规划员角色。"""
    found = version_within(session, code, body.version)
    caller.require("planner", found.territory)
    request = partitions.PartitionRequest(
        body.level, body.within, body.zones, body.households, body.keep, body.seed
    )
    work = actions.proposing_partition(found.territory, found.code, request, caller.actor)
    arguments = {**body.model_dump(mode="json"), "version": found.code}
    return JobStarted(job=services.jobs.submit("propose", arguments, caller.actor, work))


@router.get("/territories/{code}/proposals", summary="划格建议列表 Proposals", responses=NOT_FOUND)
def list_proposals(
    code: PathTerritory, session: Transaction, _caller: SignedIn, version: Version = None
) -> list[ProposalEntry]:
    """列出一个版本的划格建议，最新的在前。"""
    return [ProposalEntry(**row) for row in partitions.list_proposals(session, code, version)]


@router.get("/proposals/{number}", summary="划格建议 A proposal", responses=NOT_FOUND)
def get_proposal(number: Number, session: Transaction, _caller: SignedIn) -> ProposalEntry:
    """返回划格建议的指标：均衡、紧凑、切分小区数、户数、需要变更网格的户数。"""
    return ProposalEntry(**partitions.describe(session, number))


@router.get("/proposals/{number}/zones.geojson", summary="划格建议的网格 Its zones", responses=NOT_FOUND)
def get_zones(number: Number, session: Transaction, _caller: SignedIn) -> ZoneCollection:
    """返回建议的网格 (GeoJSON)，每个网格带户数、紧凑度和超出上下限的原因。"""
    return ZoneCollection(**partitions.zone_collection(session, number))


@router.post("/proposals/{number}/plan", status_code=201, summary="采用划格建议 Adopt", responses=REFUSED)
def adopt(
    number: Number, body: Adoption, session: Transaction, caller: SignedIn, services: AppServices
) -> PlanEntry:
    """以建议新建方案：方案只有这一次修改，可以继续修改、撤销、发布。需要规划员角色。"""
    caller.require("planner", partitions.territory_of(session, number))
    made = partitions.adopt_proposal(
        session, number, body.name, author=caller.account_id, rooms=services.rooms
    )
    plans.note(session, caller.actor, "plan.adopt", made)
    return PlanEntry(**memberships.entry(session, caller, made))
