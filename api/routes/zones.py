"""Zones of a version: tables and cards."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from api.deps import LookupCaller, PathLevel, PathVersion, PathZone, SignedIn, Transaction
from api.schemas import (
    AnswerBody,
    Bbox,
    Counts,
    Geometry,
    LevelCode,
    Staff,
    StaffName,
    StationEntry,
    VersionCode,
    ZoneBounds,
    ZoneCode,
)
from api.store import zones

router = APIRouter(prefix="/api/versions/{version}/zones", tags=["网格 Zones"])

NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"description": "没有这个版本、层级或网格"}}


class _ZoneFigures(AnswerBody):
    code: ZoneCode
    name: str = Field(examples=["兴银第三网格"])
    kind: str = Field(description="general 综合, dedicated 专属", examples=["general"])
    bbox: Bbox
    area_m2: float
    perimeter_m: float
    counts: Counts
    people: int | None = Field(description="residents; null: 未知")


class ZoneEntry(_ZoneFigures):
    """A zone in a table."""

    parent: str | None = Field(examples=["310112103001"])
    staff: list[StaffName]


class ZoneTable(AnswerBody):
    """The zones of one level."""

    version: VersionCode
    level: LevelCode
    zones: list[ZoneEntry]


class ParentZone(AnswerBody):
    """The zone above."""

    code: str = Field(examples=["310112103001"])
    name: str = Field(examples=["兴银居委会"])
    level: str = Field(examples=["community"])


class ZoneDetails(_ZoneFigures):
    """One zone with everything about it."""

    version: VersionCode
    level: LevelCode
    parent: ParentZone | None
    children: int | None = Field(description="下级网格数；null：没有以它为上级的层级（如功能片区）")
    bounds: ZoneBounds
    stations: list[StationEntry]
    faults: list[int] = Field(description="numbers of the faults that name it")
    staff: list[Staff]
    geometry: Geometry


@router.get("", summary="网格表 Zones of a level", responses=NOT_FOUND)
def list_zones(
    version: PathVersion,
    session: Transaction,
    _caller: SignedIn,
    level: Annotated[str, Query(description="层级编码", examples=["grid"], max_length=40)],
) -> ZoneTable:
    """列出一个层级的全部网格：编码、名称、面积、各类管理对象数、人数（户籍口径以数据为准，null 为未知）。"""
    return ZoneTable(**zones.list_zones(session, version, level))


@router.get("/{level}/{code}", summary="网格详情 One zone", responses={**NOT_FOUND, 429: {}})
def describe_zone(
    version: PathVersion, level: PathLevel, code: PathZone, session: Transaction, caller: LookupCaller
) -> ZoneDetails:
    """返回一个网格的边界、人员、服务站与问题编号。无权限者看到的电话是脱敏的；看到完整电话会记入审计。"""
    return ZoneDetails(**zones.describe_zone(session, caller, version, level, code))
