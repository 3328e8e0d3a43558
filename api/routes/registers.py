"""台账 of a version or a plan as Excel, and what bounds a zone of a plan."""

from typing import Any

from fastapi import APIRouter, Response

from api.deps import AppServices, PathLevel, PathVersion, PathZone, QueryLevel, SignedIn, Transaction
from api.routes.plans import NOT_FOUND, PlanNumber
from api.schemas import ZoneBounds
from api.store import boundaries, memberships, registers
from api.workbooks import WORKBOOK, attached
from maps.register import write_register

router = APIRouter(prefix="/api", tags=["台账 Registers"])

FILE: dict[int | str, dict[str, Any]] = {404: {"description": "没有这个版本、方案或层级"}, **WORKBOOK}


@router.get(
    "/versions/{version}/register.xlsx",
    summary="版本台账 Register",
    response_class=Response,
    responses=FILE,
)
def version_register(
    version: PathVersion, session: Transaction, caller: SignedIn, level: QueryLevel = "grid"
) -> Response:
    """下载一个层级的网格台账（Excel）：四至、面积、各类数量、人员、启用与变更日期。电话一律脱敏；下载会记入审计。"""
    written = write_register(registers.register_of_version(session, version, level, caller.actor))
    return attached(written, f"onegrid-{version}-{level}-register.xlsx")


@router.get(
    "/plans/{number}/register.xlsx", summary="方案台账 Register", response_class=Response, responses=FILE
)
def plan_register(
    number: PlanNumber,
    session: Transaction,
    caller: SignedIn,
    services: AppServices,
    level: QueryLevel = "grid",
) -> Response:
    """下载方案当前修订的网格台账（Excel），列与版本台账相同；改动过的网格变更日期为“待发布”。下载会记入审计。"""
    plan = memberships.plan_for_reader(session, caller, number)
    register = registers.register_of_plan(session, services.rooms, plan, level, caller.actor)
    name = f"onegrid-plan-{number}-r{plan.revision}-{level}-register.xlsx"
    return attached(write_register(register), name)


@router.get(
    "/plans/{number}/zones/{level}/{code}/bounds",
    summary="方案中网格的四至 Bounds",
    responses={**NOT_FOUND, 404: {"description": "没有这个方案、层级或网格"}},
)
def plan_bounds(
    number: PlanNumber,
    level: PathLevel,
    code: PathZone,
    session: Transaction,
    caller: SignedIn,
    services: AppServices,
) -> ZoneBounds:
    """返回方案中一个网格东、南、西、北各以哪条道路或哪个网格为界。"""
    plan = memberships.plan_for_reader(session, caller, number)
    found = boundaries.bounds_in_plan(session, services.rooms, plan, level, code)
    return ZoneBounds(**found.told)
