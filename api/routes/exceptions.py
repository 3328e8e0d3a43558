"""Gaps registered as legitimate."""

from typing import Any

from fastapi import APIRouter

from api.deps import PathTerritory, SignedIn, Transaction
from api.schemas import ExceptionEntry, NewException
from api.store import checks, findings

router = APIRouter(prefix="/api/territories/{code}/exceptions", tags=["网格 Zones"])

NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"description": "没有这个辖区"}}


@router.get("", summary="豁免列表 Exceptions", responses=NOT_FOUND)
def list_exceptions(code: PathTerritory, session: Transaction, _caller: SignedIn) -> list[ExceptionEntry]:
    """列出登记为正当的缺口：河湖、外单位用地等。"""
    return [
        ExceptionEntry(**row) for row in findings.exception_entries(checks.list_exceptions(session, code))
    ]


@router.post("", status_code=201, summary="登记豁免 Register an exception", responses=NOT_FOUND)
def register_exception(
    code: PathTerritory, body: NewException, session: Transaction, caller: SignedIn
) -> ExceptionEntry:
    """登记一处正当的缺口，以后的检查都不再报告它。需要规划员角色。"""
    caller.require("planner", code)
    made = checks.register_exception(
        session,
        code,
        body.name,
        body.reason,
        findings.polygon_of(body.geometry),
        declared=body.crs,
        account=caller.name,
        actor=caller.actor,
    )
    return ExceptionEntry(**findings.exception_entries([made])[0])
