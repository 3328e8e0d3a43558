"""New codes for the zones of a plan, to be looked at before they are given."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from api.deps import AppServices, SignedIn, Transaction
from api.routes.plans import NOT_FOUND, PlanNumber
from api.schemas import AnswerBody, Text
from api.store import memberships
from api.store.renumbering import renumbering

router = APIRouter(prefix="/api", tags=["方案 Plans"])


class Renumbering(AnswerBody):
    """Old code → new code, in the order of the new ones."""

    plan: int
    revision: int
    codes: dict[str, str] = Field(examples=[{"310112103001007": "310112103001001"}])


@router.get("/plans/{number}/renumbering", summary="重新编码预览 Renumbering", responses=NOT_FOUND)
def preview(
    number: PlanNumber,
    session: Transaction,
    caller: SignedIn,
    services: AppServices,
    *,
    level: Annotated[Text, Query(max_length=40)] = "grid",
    parent: Annotated[Text | None, Query(max_length=40, description="只编这个上级之下的，默认全部")] = None,
) -> Renumbering:
    """给出按由西向东、由北向南重新编码的结果，不改方案；编码格式取自规则，退役编码不再使用。"""
    plan = memberships.plan_for_reader(session, caller, number)
    draft = services.rooms.enter(session, plan).draft
    return Renumbering(
        plan=plan.id, revision=plan.revision, codes=renumbering(session, plan, draft, level, parent)
    )
