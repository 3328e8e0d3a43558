"""Faults that the last check found."""

from fastapi import APIRouter

from api.deps import PathVersion, SignedIn, Transaction
from api.schemas import FaultTable
from api.store import findings

router = APIRouter(prefix="/api/versions/{version}", tags=["网格 Zones"])


@router.get("/faults", summary="问题列表 Faults", responses={404: {"description": "没有这个版本"}})
def list_faults(version: PathVersion, session: Transaction, _caller: SignedIn) -> FaultTable:
    """列出最近一次检查发现的缺口、重叠、缝隙等问题，编号与地图上一致。"""
    return FaultTable(**findings.fault_table(session, version))
