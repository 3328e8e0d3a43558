"""Service circles."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from api.deps import PathVersion, SignedIn, Transaction
from api.schemas import AnswerBody, Geometry, VersionCode
from api.store import findings

router = APIRouter(prefix="/api/versions/{version}", tags=["服务站与服务圈 Stations and circles"])


class CircleEntry(AnswerBody):
    """十五分钟服务圈."""

    station: str | None = Field(description="null: all stations together", examples=["S01"])
    minutes: int = Field(examples=[15])
    walk_speed_mps: float
    reached: dict[str, int | None] = Field(
        description="subjects by kind, and people", examples=[{"household": 3120, "people": 7805}]
    )
    share: float | None = Field(description="of all households")
    geometry: Geometry


class CircleTable(AnswerBody):
    """Service circles."""

    version: VersionCode
    circles: list[CircleEntry]


@router.get("/circles", summary="服务圈 Circles", responses={404: {"description": "没有这个版本或服务站"}})
def list_circles(
    version: PathVersion,
    session: Transaction,
    _caller: SignedIn,
    station: Annotated[
        str | None,
        Query(
            description="服务站编码；all 为全部服务站合并；不给则全部列出", examples=["all"], max_length=40
        ),
    ] = None,
) -> CircleTable:
    """返回按路网计算的 5、10、15 分钟服务圈，大圈在前，各带覆盖的户数与占比。"""
    return CircleTable(**findings.circle_table(session, version, station))
