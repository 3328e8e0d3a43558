"""Gaps registered as legitimate."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import ConfigDict, Field

from api.deps import PathTerritory, SignedIn, Transaction
from api.schemas import AnswerBody, Geometry, RequestBody, Text
from api.store import exceptions, findings

router = APIRouter(prefix="/api/territories/{code}/exceptions", tags=["网格 Zones"])

NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"description": "没有这个辖区"}}


class ExceptionEntry(AnswerBody):
    """豁免: a gap registered as legitimate."""

    id: int
    name: str = Field(examples=["六磊塘"])
    reason: str = Field(examples=["河道水面，由水务部门管理"])
    registered_at: datetime
    area_m2: float
    geometry: Geometry


class NewException(RequestBody):
    """A gap to register as legitimate."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "六磊塘",
                    "reason": "河道水面，由水务部门管理",
                    "geometry": {
                        "type": "Polygon",
                        "coordinates": [[[121.4, 31.07], [121.41, 31.07], [121.41, 31.071], [121.4, 31.07]]],
                    },
                }
            ]
        },
    )
    name: Annotated[Text, Field(min_length=1, max_length=100)]
    reason: Annotated[Text, Field(min_length=1, max_length=500)]
    geometry: dict[str, Any] = Field(description="GeoJSON Polygon or MultiPolygon")
    crs: Annotated[Text, Field(max_length=20, description="坐标系：EPSG:n、GCJ-02 或 BD-09")] = "EPSG:4490"


@router.get("", summary="豁免列表 Exceptions", responses=NOT_FOUND)
def list_exceptions(code: PathTerritory, session: Transaction, _caller: SignedIn) -> list[ExceptionEntry]:
    """列出登记为正当的缺口：河湖、外单位用地等。"""
    return [
        ExceptionEntry(**row) for row in findings.exception_entries(exceptions.list_exceptions(session, code))
    ]


@router.post("", status_code=201, summary="登记豁免 Register an exception", responses=NOT_FOUND)
def register_exception(
    code: PathTerritory, body: NewException, session: Transaction, caller: SignedIn
) -> ExceptionEntry:
    """登记一处正当的缺口，以后的检查都不再报告它。需要规划员角色。"""
    caller.require("planner", code)
    made = exceptions.register_exception(
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
