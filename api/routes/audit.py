"""The audit trail, for admins."""

from typing import Annotated

from fastapi import APIRouter, Query

from api.deps import SignedIn, Transaction
from api.schemas import AuditEntry, AuditTable
from api.store import audit

router = APIRouter(prefix="/api/audit", tags=["审计 Audit"])


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
