"""The move ledger of a plan: sums, Excel, points and flows on the map; and as it was published."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Response
from pydantic import ConfigDict, Field

from api.deps import AppServices, PathVersion, QueryLevel, SignedIn, Transaction
from api.routes.plans import NOT_FOUND, PlanNumber
from api.schemas import AnswerBody, Counts, Point
from api.store import ledgers, lineages, memberships, versions
from api.workbooks import WORKBOOK, attached
from geo.plans import ledger as sums
from maps.ledger import write_ledger

router = APIRouter(prefix="/api", tags=["迁移清单 Moves"])

NO_VERSION: dict[int | str, dict[str, Any]] = {404: {"description": "没有这个版本"}}


class Move(AnswerBody):
    """So many subjects of a kind that go from a zone (null: none) to a zone (null: none)."""

    model_config = ConfigDict(populate_by_name=True)

    level: str
    kind: str
    from_zone: str | None = Field(alias="from")
    to_zone: str | None = Field(alias="to")
    subjects: int


class Total(AnswerBody):
    """The balance of a kind at a level: nobody is lost, nobody counted twice."""

    level: str
    kind: str
    total: int
    moved: int
    into_none: int
    from_none: int
    assigned_before: int
    assigned_after: int
    unassigned_before: int
    unassigned_after: int
    balanced: bool


class Counted(AnswerBody):
    """How much of the ledger an edit accounts for."""

    level: str
    kind: str
    subjects: int


class EditMoves(AnswerBody):
    """What an edit moved, and how much of the ledger it accounts for as the last that moved a subject."""

    revision: int
    operation: str
    reason: str
    made_by: str | None
    made_at: datetime
    moves: list[Move]
    counted: list[Counted]


class ZoneBalance(AnswerBody):
    """before - leaving + coming = after."""

    level: str
    code: str
    name: str | None
    kind: str
    before: int
    leaving: int
    coming: int
    after: int


class LedgerAnswer(AnswerBody):
    """迁移清单, summed."""

    plan: int
    revision: int
    base: str
    moves: list[Move]
    totals: list[Total]
    edits: list[EditMoves] | None = None
    zones: list[ZoneBalance] | None = None


class MovePoints(AnswerBody):
    """Places of those who move: GeoJSON."""

    type: Literal["FeatureCollection"]
    plan: int
    revision: int
    level: str = Field(examples=["grid"])
    total: int
    left_out: int = Field(description="beyond the limit, or without a place")
    features: list[dict[str, Any]] = Field(
        examples=[
            [
                {
                    "type": "Feature",
                    "geometry": {"type": "Point", "coordinates": [121.4023, 31.0712]},
                    "properties": {"kind": "household", "from": "310112103001001", "to": "310112103001002"},
                }
            ]
        ]
    )


class PlanFlow(AnswerBody):
    """Who goes from a zone to a zone."""

    model_config = ConfigDict(populate_by_name=True)

    from_zone: str | None = Field(alias="from")
    to_zone: str | None = Field(alias="to")
    counts: Counts
    from_point: Point | None
    to_point: Point | None


class FlowTable(AnswerBody):
    """All flows of a level."""

    plan: int
    revision: int
    level: str
    flows: list[PlanFlow]


class PublishedEdit(AnswerBody):
    """An edit of the plan that became the version, and how many moves it accounts for."""

    revision: int
    operation: str
    reason: str
    made_by: str | None
    made_at: datetime
    counted: int


class PublishedLedger(AnswerBody):
    """迁移清单 as it was published."""

    version: str
    reason: str
    plan: int | None
    base: str | None
    moves: list[Move]
    edits: list[PublishedEdit]


class LineageEntry(AnswerBody):
    """What became of a code."""

    model_config = ConfigDict(populate_by_name=True)

    level: str
    from_code: str | None = Field(alias="from", description="null: drawn where nothing was")
    to_code: str | None = Field(alias="to", description="null: abolished without heir")
    operation: str = Field(examples=["split"])


class LineageTable(AnswerBody):
    """What became of codes when a version was published."""

    version: str = Field(examples=["zhuanqiao-v2"])
    lineage: list[LineageEntry]


@router.get("/plans/{number}/ledger", summary="迁移清单 Move ledger", responses=NOT_FOUND)
def get_ledger(
    number: PlanNumber,
    session: Transaction,
    caller: SignedIn,
    services: AppServices,
    by: Annotated[
        Literal["edit", "zone"] | None, Query(description="edit：另按每次修改；zone：另按网格")
    ] = None,
) -> LedgerAnswer:
    """按层级、类别、从哪个网格到哪个网格，统计方案会让多少对象迁移；总数守恒。只有数字，没有个人信息。"""
    plan = memberships.plan_for_reader(session, caller, number)
    edits = zones = None
    if by is None:
        plan, _, moves = ledgers.current_moves(session, services.rooms, plan)
    else:
        ledger = ledgers.trace(session, plan, services.rooms)
        moves = ledger.moves
        if by == "edit":
            edits = [EditMoves(**each) for each in ledgers.by_edit(ledger)]
        else:
            balances = ledgers.by_zone(session, plan, moves, ledger.draft)
            zones = [ZoneBalance(**each) for each in balances]
    return LedgerAnswer(
        plan=plan.id,
        revision=plan.revision,
        base=plan.base,
        moves=[Move(**each) for each in sums.summed(moves)],
        totals=[Total(**each) for each in ledgers.totals(session, plan, moves)],
        edits=edits,
        zones=zones,
    )


@router.get(
    "/plans/{number}/ledger.xlsx",
    summary="迁移清单 Excel",
    response_class=Response,
    responses={**NOT_FOUND, **WORKBOOK},
)
def download_ledger(
    number: PlanNumber, session: Transaction, caller: SignedIn, services: AppServices
) -> Response:
    """下载 Excel：汇总、按网格、按修改、明细。有个人信息权限者的明细含名称与地址，会记入审计；其他人只有编码与类别。"""
    plan = memberships.plan_for_reader(session, caller, number)
    written = write_ledger(ledgers.gather_ledger(session, plan, caller, services.rooms))
    return attached(written, f"onegrid-plan-{plan.id}-r{plan.revision}-ledger.xlsx")


@router.get("/plans/{number}/moves.geojson", summary="迁移对象的位置 Points", responses=NOT_FOUND)
def list_points(
    number: PlanNumber,
    session: Transaction,
    caller: SignedIn,
    services: AppServices,
    level: QueryLevel = "grid",
    limit: Annotated[int, Query(ge=1, le=ledgers.POINTS_MOST)] = ledgers.POINTS_MOST,
) -> MovePoints:
    """返回会换网格的对象的位置（GeoJSON）：类别、从、到，没有名称。超出 limit 的个数见 `left_out`。"""
    plan = memberships.plan_for_reader(session, caller, number)
    plan, _, moves = ledgers.current_moves(session, services.rooms, plan)
    found = ledgers.points(session, moves, level, limit)
    return MovePoints(**found, plan=plan.id, revision=plan.revision, level=level)


@router.get("/plans/{number}/flows", summary="迁移流向 Flows", responses=NOT_FOUND)
def list_flows(
    number: PlanNumber,
    session: Transaction,
    caller: SignedIn,
    services: AppServices,
    level: QueryLevel = "grid",
) -> FlowTable:
    """返回从网格到网格的迁移：各类对象数，和可画箭头的两点。多的在前。"""
    plan = memberships.plan_for_reader(session, caller, number)
    plan, room, moves = ledgers.current_moves(session, services.rooms, plan)
    found = ledgers.flows(session, plan, moves, room.draft, level)
    flows = [PlanFlow(**each) for each in found]
    return FlowTable(plan=plan.id, revision=plan.revision, level=level, flows=flows)


@router.get("/versions/{version}/ledger", summary="发布时的迁移清单 Published moves", responses=NO_VERSION)
def published_ledger(version: PathVersion, session: Transaction, _caller: SignedIn) -> PublishedLedger:
    """返回随版本保存的迁移清单：发布原因、从哪到哪多少、各次修改各占多少。"""
    found = ledgers.published_ledger(session, versions.get_version(session, version))
    return PublishedLedger(**found)


@router.get("/versions/{version}/lineage", summary="编码沿革 Lineage", responses=NO_VERSION)
def get_lineage(version: PathVersion, session: Transaction, _caller: SignedIn) -> LineageTable:
    """返回发布该版本时各编码的去向：拆分、合并、删除、重新编码、划出。"""
    info = versions.get_version(session, version)
    lineage = [LineageEntry(**each) for each in lineages.lineage_of(session, info)]
    return LineageTable(version=info.code, lineage=lineage)
