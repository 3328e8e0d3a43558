"""The audit trail, for admins."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field

from api.deps import SignedIn, Transaction
from api.schemas import AnswerBody
from api.store import audit

router = APIRouter(prefix="/api/audit", tags=["审计 Audit"])


class AuditEntry(AnswerBody):
    """One line of the audit trail."""

    id: int
    at: datetime
    account: str = Field(examples=["zhangsan"])
    action: str = Field(examples=["disclosure"])
    object: str = Field(examples=["zhuanqiao-v1"])
    detail: dict[str, Any] = Field(examples=[{"shown": "lookup", "persons": 1}])
    client: str | None = Field(examples=["10.1.2.3"])


class AuditTable(AnswerBody):
    """Events, newest first."""

    events: list[AuditEntry]


@router.get("", summary="审计记录 Audit trail")
def list_events(
    session: Transaction,
    caller: SignedIn,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[int | None, Query(description="只要编号更小的", ge=1, le=2**63 - 1)] = None,
    account: Annotated[str | None, Query(max_length=40, pattern=r"^[^\x00]*$")] = None,
    action: Annotated[
        str | None, Query(examples=["disclosure"], max_length=40, pattern=r"^[^\x00]*$")
    ] = None,
) -> AuditTable:
    """列出登录、写操作与个人信息查看记录，最新的在前。需要管理员角色。"""
    caller.require("admin")
    events = audit.list_events(session, limit=limit, before=before, account=account, action=action)
    return AuditTable(events=[AuditEntry(**vars(event)) for event in events])
