"""Pages for people: the map, the sign-in page, one-time links; and the sign of life."""

from html import escape
from pathlib import Path
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse

import maps
from api.deps import AppServices, Client, SignedIn, Transaction
from api.routes.sessions import set_cookie
from api.schemas import AnswerBody
from api.store import credentials
from api.store.refusals import SignInError

STATIC = Path(maps.__file__).parent / "static"

router = APIRouter(tags=["页面 Pages"])

_REFUSED = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8"><title>登录 · OneGrid 一网格</title>
<link rel="stylesheet" href="/static/sign-in.css"></head>
<body class="sign-in"><main><h1>OneGrid 一网格</h1><p class="problem" role="alert">{zh}{remedy}</p>
<p><a href="/sign-in">用账号登录 <span lang="en">Sign in</span></a></p></main></body></html>
"""


class Health(AnswerBody):
    """The service and its database answer."""

    status: Literal["ok"] = "ok"


@router.get("/healthz", summary="存活检查 Sign of life")
def healthz(session: Transaction) -> Health:
    """服务与数据库都应答时返回 ok。这是唯一不需要登录的接口。"""
    credentials.ping(session)
    return Health()


@router.get("/", include_in_schema=False)
def show_map(_caller: SignedIn) -> FileResponse:
    """Show the web map."""
    return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})


@router.get("/sign-in", include_in_schema=False)
def show_sign_in(
    session: Transaction,
    services: AppServices,
    client: Client,
    token: Annotated[str | None, Query(max_length=100)] = None,
) -> Response:
    """Show the sign-in page, or sign in by a one-time link and go to the map."""
    if token is None:
        return FileResponse(STATIC / "sign-in.html", headers={"Cache-Control": "no-cache"})
    services.limit("sign-in", services.settings.sign_in_per_minute, client)
    try:
        signed_in = credentials.sign_in_by_link(session, token, client=client)
    except SignInError as error:
        return HTMLResponse(_REFUSED.format(zh=escape(error.zh), remedy=escape(error.remedy)), 401)
    response = RedirectResponse("/", 303)
    set_cookie(response, services, signed_in.token)
    return response
