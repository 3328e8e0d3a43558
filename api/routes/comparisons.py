"""Versions compared with one another, and a plan with its base; codes that are free and codes that are retired."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from api.deps import AppServices, PathTerritory, PathVersion, QueryLevel, SignedIn, Transaction
from api.edits import Code
from api.routes.ledgers import Move
from api.routes.plans import NOT_FOUND, PlanNumber
from api.schemas import AnswerBody, Counts, RequestBody, Text
from api.store import comparisons, lineages, memberships

router = APIRouter(prefix="/api", tags=["比较 Comparing"])

NO_SUCH: dict[int | str, dict[str, Any]] = {404: {"description": "没有这个版本、辖区或层级"}}
MOST_CODES = 1000


class ComparedFigures(AnswerBody):
    """A zone in one of the two states."""

    name: str
    kind: str
    parent: str | None
    counts: Counts
    people: int | None
    area_m2: float
    perimeter_m: float


class ComparedZone(AnswerBody):
    """A zone in both."""

    code: str
    name: str
    change: Literal["same", "moved_border", "new", "gone", "renamed"]
    a: ComparedFigures | None
    b: ComparedFigures | None
    area_gained_m2: float
    area_lost_m2: float


class Comparison(AnswerBody):
    """Two states of a level."""

    a: str = Field(examples=["zhuanqiao-v1"])
    b: str = Field(examples=["zhuanqiao-v2"])
    level: str
    zones: list[ComparedZone]
    moves: list[Move]
    differences: dict[str, Any] = Field(description="GeoJSON: ground that went from a zone to another")


class CodeTable(AnswerBody):
    """Codes of a level over time."""

    version: str | None = Field(description="现行版本；null：还没有发布过", examples=["zhuanqiao-v1"])
    taken: list[str] = Field(description="现行版本用着的", examples=[["310112103001001"]])
    retired: list[str] = Field(description="曾经使用、已停用，不能再用")


class NewCodes(RequestBody):
    """How many codes, and of which form."""

    level: Annotated[Text, Field(max_length=40, examples=["grid"])]
    beside: Annotated[Code, Field(description="在哪个网格旁边新增：编码形式随它")]
    count: Annotated[int, Field(ge=1, le=MOST_CODES)] = 1


@router.get("/versions/{a}/compare/{b}", summary="比较两个版本 Compare", responses=NO_SUCH)
def compare_versions(
    a: PathVersion, b: PathVersion, session: Transaction, _caller: SignedIn, level: QueryLevel = "grid"
) -> Comparison:
    """比较同一辖区两个版本的一个层级：哪些网格未变、移界、新增、消失、改名，哪块地归了谁，谁换了网格。"""
    return Comparison(**comparisons.compare_versions(session, a, b, level))


@router.get("/plans/{number}/compare", summary="方案与现状 Compare with the base", responses=NOT_FOUND)
def compare_plan(
    number: PlanNumber,
    session: Transaction,
    caller: SignedIn,
    services: AppServices,
    level: QueryLevel = "grid",
) -> Comparison:
    """比较方案与它所基于的版本，内容同版本之间的比较。"""
    plan = memberships.plan_for_reader(session, caller, number)
    return Comparison(**comparisons.compare_plan(session, services.rooms, plan, level))


@router.get("/territories/{code}/codes", summary="已用与停用的编码 Codes", responses=NO_SUCH)
def list_codes(
    code: PathTerritory,
    session: Transaction,
    _caller: SignedIn,
    level: Annotated[Text, Query(description="层级编码", max_length=40, examples=["grid"])],
) -> CodeTable:
    """列出一个层级现行的编码，和曾经使用、已经停用的编码；停用的编码不会再分配。"""
    return CodeTable(**lineages.codes_of(session, code, level))


@router.post("/plans/{number}/codes/next", summary="可用的新编码 Free codes", responses=NOT_FOUND)
def next_codes(
    number: PlanNumber, body: NewCodes, session: Transaction, caller: SignedIn, services: AppServices
) -> list[str]:
    """给出与某网格同样形式的新编码：方案里没有用过，也从未发布过。不会占用它们。"""
    plan = memberships.plan_for_reader(session, caller, number)
    draft = services.rooms.enter(session, plan).draft
    return lineages.next_codes(session, plan, draft, body.level, body.beside, body.count)
