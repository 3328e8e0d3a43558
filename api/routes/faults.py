"""Faults that the last check found."""

from fastapi import APIRouter
from pydantic import Field

from api.deps import PathVersion, SignedIn, Transaction
from api.schemas import AnswerBody, Bbox, Geometry, LevelCode, Point, VersionCode, ZoneCode
from api.store import findings

router = APIRouter(prefix="/api/versions/{version}", tags=["网格 Zones"])


class FaultEntry(AnswerBody):
    """One fault."""

    number: int
    level: LevelCode
    kind: str = Field(examples=["gap"])
    kind_name: str = Field(examples=["缺口"])
    severity: str = Field(description="error, warning", examples=["error"])
    codes: list[ZoneCode]
    area_m2: float
    width_m: float
    subjects: int | None
    message: str = Field(examples=["兴银第三网格与兴银第四网格之间有缺口"])
    message_en: str = Field(examples=["gap between two grids"])
    bbox: Bbox
    point: Point
    geometry: Geometry


class FaultTable(AnswerBody):
    """The faults of the last check."""

    version: VersionCode
    faults: list[FaultEntry]


@router.get("/faults", summary="问题列表 Faults", responses={404: {"description": "没有这个版本"}})
def list_faults(version: PathVersion, session: Transaction, _caller: SignedIn) -> FaultTable:
    """列出最近一次检查发现的缺口、重叠、缝隙等问题，编号与地图上一致。"""
    return FaultTable(**findings.fault_table(session, version))
