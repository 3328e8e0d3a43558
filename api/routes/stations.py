"""Service stations."""

from fastapi import APIRouter

from api.deps import PathVersion, SignedIn, Transaction
from api.schemas import AnswerBody, StationEntry, VersionCode
from api.store import zones

router = APIRouter(prefix="/api/versions/{version}", tags=["服务站与服务圈 Stations and circles"])


class StationTable(AnswerBody):
    """The stations of a version's territory."""

    version: VersionCode
    stations: list[StationEntry]


@router.get("/stations", summary="服务站 Stations", responses={404: {"description": "没有这个版本"}})
def list_stations(version: PathVersion, session: Transaction, _caller: SignedIn) -> StationTable:
    """列出该版本所在辖区的服务站：中心、片区、站点（“1+5+N”）。"""
    return StationTable(**zones.list_stations(session, version))
