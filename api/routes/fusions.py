"""多格合一 of a territory's departments' layers."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from api.deps import AppServices, PathTerritory, SignedIn, Transaction
from api.routes.plan_life import PlanEntry
from api.schemas import (
    AnswerBody,
    Bbox,
    Code,
    Geometry,
    JobStarted,
    Metres,
    Point,
    RequestBody,
    Rising,
    Share,
    Text,
)
from api.store import actions, adoptions, fusions, memberships, plans, stored_fusions
from api.store.versions import version_within
from api.workbooks import WORKBOOK, attached
from geo.fusion import FusionProfile
from maps.fusion import write_fusion

router = APIRouter(prefix="/api/territories/{code}/fusion", tags=["修复与合一 Repair and fusion"])

NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"description": "没有这个辖区、版本，或还没有融合"}}

Version = Annotated[
    Text | None, Query(description="版本号；默认现行版本，它没有融合结果时取唯一有结果的", max_length=60)
]
Households = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Degrees = Annotated[float, Query(ge=-180, le=180, allow_inf_nan=False)]


class Profile(RequestBody):
    """Thresholds of a fusion."""

    households: Annotated[tuple[Households, Households], Rising] | None = Field(
        (300.0, 500.0), description="每格户数下限、上限；null：不限"
    )
    noise_width_m: Metres = 10.0
    same_share: Share = 0.6
    contained_share: Share = 0.9
    street_reach_m: Metres = 12.0


class FusionOrder(RequestBody):
    """What to fuse."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "version": "zhuanqiao-v1",
                    "layers": ["party", "order", "civil", "urban"],
                    "leading": "party",
                    "profile": {"households": [300, 500]},
                }
            ]
        },
    )
    version: Annotated[Text, Field(min_length=1, max_length=60)]
    layers: Annotated[list[Code], Field(min_length=2, max_length=8)]
    leading: Code | None = Field(None, description="decides where layers differ; null: they vote")
    pins: dict[Annotated[int, Field(ge=0, le=2**31 - 1)], Code] = Field(
        {}, description="number of a cell → code of the zone of the leading layer that it must go to"
    )
    within: Code | None = Field(None, description="level that no grid may cross", examples=["community"])
    profile: Profile = Profile()  # type: ignore[call-arg]


class FusionPlan(RequestBody):
    """The plan that a fusion's proposal shall become."""

    name: Annotated[Text, Field(min_length=1, max_length=100, examples=["多格合一方案"])]
    level: Code = Field("grid", description="level whose zones the new grids replace", examples=["grid"])
    version: Annotated[
        Text | None, Field(max_length=60, description="版本号，默认同融合概况", examples=["zhuanqiao-v1"])
    ] = None


class ConflictFigures(AnswerBody):
    """Conflicts of one kind."""

    kind: str = Field(examples=["conflict"])
    kind_name: str = Field(examples=["实际分歧"])
    count: int
    length_m: float = Field(description="disputed borders, every metre once")
    area_m2: float
    household: int
    business: int
    institution: int
    people: int


class FusionSummary(AnswerBody):
    """The figures of a fusion."""

    version: str
    layers: list[str]
    leading: str
    options: dict[str, Any]
    agreed_kept: float = Field(description="part of the borders all agree on that the proposal keeps")
    made_at: datetime
    made_by: str
    cells: int
    grids: int
    rule_breaks: int = Field(description="grids that break rules of size")
    conflicts: list[ConflictFigures]
    unassigned: list[dict[str, Any]]


class ConflictEntry(AnswerBody):
    """A place where departments disagree."""

    number: int
    kind: str
    kind_name: str
    departments: list[str]
    codes: dict[str, list[str]] = Field(description="layer → its zones there")
    length_m: float = Field(description="length of the disputed borders in and round the place")
    own_length_m: float = Field(
        description="of these, a border of several places of this kind divided among them: may be added up"
    )
    area_m2: float
    width_m: float | None
    household: int
    business: int
    institution: int
    people: int
    message: str
    message_en: str
    bbox: Bbox
    point: Point
    geometry: Geometry


class ConflictTable(AnswerBody):
    """All conflicts of a fusion, most serious first."""

    version: str
    conflicts: list[ConflictEntry]


class CrosswalkTable(AnswerBody):
    """Old grid → cells → new grid, with shares of area, households, businesses, people."""

    version: str
    crosswalk: list[dict[str, Any]]


class FusionCollection(AnswerBody):
    """The proposed grids as GeoJSON."""

    type: Literal["FeatureCollection"]
    version: str
    features: list[dict[str, Any]]


class CellEntry(AnswerBody):
    """One atomic piece of ground."""

    version: str
    cell: int
    codes: dict[str, str | None] = Field(description="layer → code of its zone there")
    grid: str | None = Field(description="code in the proposal; null: outside the territory")
    reason: str | None
    explanation: str | None
    estate: bool
    inside: bool
    area_m2: float
    household: int
    business: int
    institution: int
    people: int
    people_unknown: int
    geometry: Geometry


@router.post("", status_code=202, summary="多格合一 Fuse", responses=NOT_FOUND)
def fuse(
    code: PathTerritory, body: FusionOrder, session: Transaction, caller: SignedIn, services: AppServices
) -> JobStarted:
    """把几个条线的网格合成一套方案，列出每一处分歧和新旧网格对照。需要规划员角色。"""
    found = version_within(session, code, body.version)
    caller.require("planner", found.territory)
    profile = FusionProfile(**body.profile.model_dump())
    options = fusions.FusionOptions(tuple(body.layers), body.leading, body.pins, body.within, profile)
    work = actions.fusing(found.territory, found.code, options, caller.actor)
    arguments = {**body.model_dump(mode="json"), "version": found.code}
    return JobStarted(job=services.jobs.submit("fuse", arguments, caller.actor, work))


@router.get("", summary="融合概况 A fusion", responses=NOT_FOUND)
def describe(
    code: PathTerritory, session: Transaction, _caller: SignedIn, version: Version = None
) -> FusionSummary:
    """返回最近一次融合的各类分歧统计、主导图层、新网格数。"""
    return FusionSummary(**stored_fusions.fusion_summary(session, code, version))


@router.get("/conflicts", summary="分歧列表 Conflicts", responses=NOT_FOUND)
def conflicts(
    code: PathTerritory, session: Transaction, _caller: SignedIn, version: Version = None
) -> ConflictTable:
    """列出边界不一致的每一处：种类、争议边界长度、面积、涉及的对象和部门、位置。"""
    return ConflictTable(**stored_fusions.conflict_table(session, code, version))


@router.get("/crosswalk", summary="新旧网格对照 Crosswalk", responses=NOT_FOUND)
def crosswalk(
    code: PathTerritory, session: Transaction, _caller: SignedIn, version: Version = None
) -> CrosswalkTable:
    """列出每个旧网格归入哪些新网格，各占多少面积、户、商户、单位、人；每个图层合计不多不少。"""
    return CrosswalkTable(**stored_fusions.crosswalk_table(session, code, version))


@router.get(".xlsx", summary="融合结果 Excel", response_class=Response, responses={**NOT_FOUND, **WORKBOOK})
def download(
    code: PathTerritory, session: Transaction, _caller: SignedIn, version: Version = None
) -> Response:
    """下载 Excel：汇总、新旧对照、分歧、新网格。只有数字，没有个人信息。"""
    info = stored_fusions.fused_version(session, code, version)
    return attached(write_fusion(stored_fusions.report_of(session, info)), f"onegrid-{info.code}-fusion.xlsx")


@router.get("/proposal", summary="融合方案 Proposal", responses=NOT_FOUND)
def proposal(
    code: PathTerritory, session: Transaction, _caller: SignedIn, version: Version = None
) -> FusionCollection:
    """返回新网格 (GeoJSON)，每个网格写明为什么这样划。"""
    return FusionCollection(**stored_fusions.proposal_collection(session, code, version))


@router.post(
    "/plan",
    status_code=201,
    summary="采用融合方案 Adopt the proposal",
    responses={**NOT_FOUND, 422: {"description": "方案跨越上级、留下缺口或会切开下级，附位置"}},
)
def adopt(
    code: PathTerritory, body: FusionPlan, session: Transaction, caller: SignedIn, services: AppServices
) -> PlanEntry:
    """把融合方案变成一个可查看、修改、撤销、发布的方案：该层级的网格换成新网格，对应关系、编码、网格员随之延续。需要规划员角色。"""
    found = stored_fusions.fused_version(session, code, body.version)
    caller.require("planner", found.territory)
    made = adoptions.adopt_fusion(
        session,
        found.territory,
        body.name,
        body.level,
        author=caller.account_id,
        version=found.code,
        rooms=services.rooms,
    )
    plans.note(session, caller.actor, "plan.adopt", made)
    return PlanEntry(**memberships.entry(session, caller, made))


@router.get("/cell", summary="单元 The cell at a place", responses=NOT_FOUND)
def cell(
    code: PathTerritory,
    session: Transaction,
    _caller: SignedIn,
    lon: Degrees,
    lat: Degrees,
    version: Version = None,
) -> CellEntry:
    """返回一个位置所在的单元，其编号可用来固定它的归属 (pins)。"""
    return CellEntry(**stored_fusions.cell_at(session, code, lon, lat, version))
