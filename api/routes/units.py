"""What lies at a place of a plan and can be given to a zone as a whole."""

from typing import Annotated, Any, Literal

import shapely
from fastapi import APIRouter, Query

from api.deps import SignedIn, Transaction
from api.routes.plans import NOT_FOUND, PlanNumber
from api.schemas import AnswerBody
from api.store import accounts, memberships, units, versions

router = APIRouter(prefix="/api/plans/{number}", tags=["方案 Plans"])


class UnitEntry(AnswerBody):
    """街块、小区或楼栋。"""

    kind: Literal["estate", "building", "block"]
    name: str | None
    geometry: dict[str, Any]


@router.get("/units", summary="可划的单元 Unit at a place", responses=NOT_FOUND)
def unit_at(
    number: PlanNumber,
    session: Transaction,
    caller: SignedIn,
    lon: Annotated[float, Query(ge=-180, le=180, allow_inf_nan=False, examples=[121.4023])],
    lat: Annotated[float, Query(ge=-90, le=90, allow_inf_nan=False, examples=[31.0712])],
    kind: Literal["auto", "estate", "building", "block"] = "auto",
) -> UnitEntry | None:
    """返回某点所在的小区、街块或楼栋，供整块划入网格；没有则为 null。"""
    plan = memberships.plan_for_reader(session, caller, number)
    version = versions.get_version(session, plan.base)
    names = accounts.personal_scope(session, caller, version.id).whole
    unit = units.unit_at(session, version.territory_id, lon, lat, kind, names=names)
    if unit is None:
        return None
    geometry = shapely.geometry.mapping(unit.geometry)
    return UnitEntry(kind=unit.kind, name=unit.name, geometry=geometry)
