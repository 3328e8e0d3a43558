"""What happens in a plan, told as it happens: server-sent events, and who works where."""

import asyncio
import json
from collections.abc import AsyncIterator
from time import monotonic
from typing import Annotated, Any, Final

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from pydantic import Field
from starlette.concurrency import run_in_threadpool

from api.deps import AppServices, SignedIn, Transaction
from api.routes.plans import NOT_FOUND, PlanNumber
from api.schemas import AnswerBody, RequestBody, Text
from api.services import Services
from api.store import comments, memberships, plans
from api.store.errors import NotFoundError
from api.store.transactions import transaction
from api.watching import CLOSE, RESUME, Watcher

router = APIRouter(prefix="/api/plans/{number}", tags=["方案协作 Working together"])

STREAM_S: Final = 300.0
"""How long one stream lasts: then the browser opens the next, and the gate looks again at who asks."""

PING_S: Final = 10.0
"""Silence after which a line without meaning is sent, so that nothing on the way takes the stream for dead."""

RETRY_MS: Final = 200
"""How soon a browser opens the next stream."""


class Place(RequestBody):
    """The zone that somebody has in hand; nothing: none."""

    level: Annotated[Text | None, Field(max_length=40, examples=["grid"])] = None
    code: Annotated[Text | None, Field(max_length=40, examples=["310112103008001"])] = None


class ZoneInHand(AnswerBody):
    """A zone by key and name."""

    level: str
    code: str
    name: str


class Presence(AnswerBody):
    """Somebody who works in the plan."""

    account: str = Field(examples=["zhangsan"])
    name: str = Field(examples=["张三"])
    at: ZoneInHand | None


class PresenceTable(AnswerBody):
    """Who works in the plan."""

    who: list[Presence]


@router.post("/presence", summary="我在这里 I am here", responses=NOT_FOUND)
def be_present(
    number: PlanNumber, body: Place, session: Transaction, caller: SignedIn, services: AppServices
) -> PresenceTable:
    """告知正在方案中工作，以及手上是哪个网格；40 秒没有音讯即视为离开。返回现在有谁。"""
    plan = memberships.plan_for_reader(session, caller, number)
    at = None
    if body.level and body.code:
        name = plans.zone_name(session, plan, body.level, body.code)
        at = {"level": body.level, "code": body.code, "name": name}
    who = services.watching.see(plan.id, caller.name, caller.display_name, at)
    return PresenceTable(who=[Presence(**one) for one in who])


@router.get(
    "/events",
    summary="方案动态 Events",
    response_class=Response,
    responses={
        **NOT_FOUND,
        200: {"description": "事件流", "content": {"text/event-stream": {"schema": {"type": "string"}}}},
    },
)
def events(
    number: PlanNumber, session: Transaction, caller: SignedIn, services: AppServices
) -> StreamingResponse:
    """以服务器推送事件 (SSE) 告知：`revision`（修订号、状态）、`comments`（批注数）、`approval`、`presence`（谁在哪）。

    连接五分钟后结束，浏览器会自动重连；重连后先收到当前状态。
    """
    plan = memberships.plan_for_reader(session, caller, number)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(_stream(services, plan.id), media_type="text/event-stream", headers=headers)


async def _stream(services: Services, plan: int) -> AsyncIterator[str]:
    end = monotonic() + STREAM_S
    yield f"retry: {RETRY_MS}\n\n"
    here: list[dict[str, Any]] | None = None
    with services.watching.watch(services.engine, plan) as watcher:
        while (left := end - monotonic()) > 0:
            news = await _news(watcher, min(left, PING_S))
            if CLOSE in news:
                return
            if news.pop(RESUME, None) is not None:
                try:
                    news = await run_in_threadpool(_state, services, plan) | news
                except NotFoundError:
                    return
            news.pop("presence", None)
            who = services.watching.who(plan)
            if who != here:
                here = who
                news["presence"] = {"who": who}
            yield (
                "".join(
                    f"event: {event}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n"
                    for event, data in news.items()
                )
                or ": \n\n"
            )


async def _news(watcher: Watcher, timeout_s: float) -> dict[str, dict[str, Any]]:
    try:
        return await asyncio.wait_for(watcher.news(), timeout_s)
    except TimeoutError:
        return {}


def _state(services: Services, number: int) -> dict[str, dict[str, Any]]:
    with transaction(services.engine) as session:
        plan = plans.get_plan(session, number)
        return {
            "revision": {"revision": plan.revision, "status": plan.status},
            "comments": comments.count_comments(session, number),
        }
