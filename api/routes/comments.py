"""Comments on a plan, pinned on the map."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import Field

from api.deps import SignedIn, Transaction
from api.routes.plans import NOT_FOUND, STALE, PlanNumber
from api.schemas import AnswerBody, Point, RequestBody, Text
from api.store import comments, memberships, plans

router = APIRouter(prefix="/api/plans/{number}/comments", tags=["方案协作 Working together"])

CommentNumber = Annotated[int, Path(ge=1, le=2**62)]
Words = Annotated[Text, Field(min_length=1, max_length=2000, examples=["这里应归三网格，楼门朝南"])]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)]


class NewComment(RequestBody):
    """A comment to be pinned."""

    text: Words
    point: Annotated[
        tuple[Longitude, Latitude], Field(description="lon/lat EPSG:4490", examples=[[121.4, 31.07]])
    ]


class NewReply(RequestBody):
    """An answer."""

    text: Words


class ReplyEntry(AnswerBody):
    """An answer."""

    text: str
    author: str | None
    made_at: datetime


class CommentEntry(AnswerBody):
    """批注."""

    id: int
    text: str
    point: Point
    author: str | None
    made_at: datetime
    resolved_by: str | None
    resolved_at: datetime | None
    replies: list[ReplyEntry]


def _entry(comment: dict[str, Any]) -> CommentEntry:
    return CommentEntry(**comment)


@router.get("", summary="批注 Comments", responses=NOT_FOUND)
def list_comments(number: PlanNumber, session: Transaction, caller: SignedIn) -> list[CommentEntry]:
    """列出方案的批注及回复，先写的在前。"""
    memberships.plan_for_reader(session, caller, number)
    return [_entry(comment) for comment in comments.list_comments(session, number)]


@router.post("", status_code=201, summary="写批注 Comment", responses=STALE)
def add_comment(number: PlanNumber, body: NewComment, session: Transaction, caller: SignedIn) -> CommentEntry:
    """在地图上钉一条批注。能看到方案的人都可以写。"""
    plan = memberships.plan_for_reader(session, caller, number)
    made = comments.add_comment(session, number, body.text, body.point, author=caller.account_id)
    plans.note(session, caller.actor, "plan.comment", plan)
    return _entry(made)


@router.post("/{comment}/replies", status_code=201, summary="回复批注 Reply", responses=STALE)
def reply(
    number: PlanNumber, comment: CommentNumber, body: NewReply, session: Transaction, caller: SignedIn
) -> CommentEntry:
    """回复一条批注。能看到方案的人都可以回复。"""
    plan = memberships.plan_for_reader(session, caller, number)
    made = comments.reply(session, number, comment, body.text, author=caller.account_id)
    plans.note(session, caller.actor, "plan.reply", plan)
    return _entry(made)


@router.post("/{comment}/resolve", summary="标记批注已解决 Resolve", responses=STALE)
def resolve(
    number: PlanNumber, comment: CommentNumber, session: Transaction, caller: SignedIn
) -> CommentEntry:
    """标记为已解决。需要能编辑方案，或是批注的作者。"""
    _require_voice(session, caller, number, comment)
    return _entry(comments.resolve(session, number, comment, account=caller.account_id))


@router.post("/{comment}/reopen", summary="重新打开批注 Reopen", responses=STALE)
def reopen(
    number: PlanNumber, comment: CommentNumber, session: Transaction, caller: SignedIn
) -> CommentEntry:
    """去掉已解决的标记。需要能编辑方案，或是批注的作者。"""
    _require_voice(session, caller, number, comment)
    return _entry(comments.reopen(session, number, comment))


def _require_voice(session: Transaction, caller: SignedIn, number: int, comment: int) -> None:
    """Let the author of a comment pass, and whoever may edit the plan."""
    memberships.plan_for_reader(session, caller, number)
    if comments.find_comment(session, number, comment).made_by != caller.account_id:
        memberships.plan_for_editor(session, caller, number)
