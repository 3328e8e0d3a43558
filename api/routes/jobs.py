"""Work in the background."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import Field

from api.deps import SignedIn, Transaction
from api.schemas import AnswerBody
from api.store import jobs

router = APIRouter(prefix="/api/jobs", tags=["任务 Jobs"])


class JobEntry(AnswerBody):
    """How far a job is."""

    id: int
    kind: str = Field(examples=["assign"])
    status: Literal["waiting", "running", "done", "failed"]
    percent: int = Field(examples=[40])
    message: str = Field(description="what is being done, or why it failed", examples=["分配 网格"])
    result: dict[str, Any] | None = Field(
        description="set when done", examples=[{"version": "zhuanqiao-v1", "assigned": 20000}]
    )


@router.get(
    "/{number}", summary="任务进度 Progress of a job", responses={404: {"description": "没有这个任务"}}
)
def get_job(
    number: Annotated[int, Path(ge=1, le=2**63 - 1)], session: Transaction, caller: SignedIn
) -> JobEntry:
    """返回任务的进度与结果。服务中途停止的任务显示为失败（服务重启），不会留下做了一半的结果。"""
    state = jobs.get_job(session, number, caller)
    return JobEntry(
        id=state.id,
        kind=state.kind,
        status=state.status,
        percent=state.percent,
        message=state.message,
        result=state.result,
    )
