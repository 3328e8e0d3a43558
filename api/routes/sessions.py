"""Signing in and out, and one's own password."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import Field

from api.deps import AppServices, Client, SignedIn, Transaction
from api.gate import COOKIE, cookie_token
from api.schemas import AnswerBody, RequestBody, Text
from api.store import credentials
from api.store.accounts import Caller

router = APIRouter(prefix="/api", tags=["登录 Session"])


class Credentials(RequestBody):
    """Name and password."""

    name: Annotated[Text, Field(min_length=1, max_length=40, examples=["zhangsan"])]
    password: Annotated[Text, Field(min_length=1, max_length=200, examples=["correct-Horse-7"])]


class Me(AnswerBody):
    """Who is signed in."""

    name: str = Field(examples=["zhangsan"])
    display_name: str = Field(examples=["张三"])
    role: str = Field(description="viewer, planner, publisher, admin", examples=["planner"])
    csrf_token: str | None = Field(
        description="for the header X-CSRF-Token of writes; null for keys", examples=["0mXq4w…"]
    )
    personal_data: bool = Field(description="may see persons somewhere")


class NewPassword(RequestBody):
    """A new password; the current one unless the account has none yet."""

    current: Annotated[Text, Field(max_length=200, examples=["correct-Horse-6"])] | None = None
    new: Annotated[Text, Field(min_length=1, max_length=200, examples=["correct-Horse-7"])]


def set_cookie(response: Response, services: AppServices, token: str) -> None:
    """Give a browser its session: out of reach of scripts, not sent by other sites' forms."""
    hours = credentials.SESSION_HOURS
    response.set_cookie(
        COOKIE,
        token,
        max_age=hours * 3600,
        httponly=True,
        samesite="lax",
        secure=services.settings.secure_cookies,
    )


def me(caller: Caller) -> Me:
    """Return what a caller may know of itself."""
    return Me(
        name=caller.name,
        display_name=caller.display_name,
        role=caller.role,
        csrf_token=caller.csrf_token,
        personal_data=caller.personal_data,
    )


@router.post(
    "/session",
    summary="登录 Sign in",
    responses={401: {"description": "用户名或密码不正确"}, 423: {"description": "账号已锁定"}, 429: {}},
)
def sign_in(
    body: Credentials, response: Response, session: Transaction, services: AppServices, client: Client
) -> Me:
    """用账号与密码登录，回答里带 Cookie。连续输错五次，账号锁定一刻钟。"""
    settings = services.settings
    services.limit("sign-in", settings.sign_in_per_minute, client)
    signed_in = credentials.sign_in(
        session,
        body.name,
        body.password,
        tries=settings.lockout_tries,
        lockout_minutes=settings.lockout_minutes,
        client=client,
    )
    set_cookie(response, services, signed_in.token)
    return me(signed_in.caller)


@router.get("/session", summary="我是谁 Who am I")
def who_am_i(caller: SignedIn) -> Me:
    """返回当前账号、角色，以及写操作要带的防伪令牌。"""
    return me(caller)


@router.delete("/session", status_code=204, summary="退出 Sign out")
def sign_out(request: Request, response: Response, session: Transaction, caller: SignedIn) -> None:
    """结束浏览器的登录。用密钥调用时没有可结束的登录，什么也不做。"""
    token = cookie_token(request.headers)
    if token is not None and caller.csrf_token is not None:
        credentials.sign_out(session, token, caller.actor)
    response.delete_cookie(COOKIE)


@router.put(
    "/session/password", status_code=204, summary="修改密码 Change password", responses={423: {}, 429: {}}
)
def change_password(
    body: NewPassword, response: Response, session: Transaction, caller: SignedIn, services: AppServices
) -> None:
    """设置自己的新密码；已有密码的账号要先给出当前密码。此后所有浏览器都要重新登录。"""
    services.limit("sign-in", services.settings.sign_in_per_minute, caller.client or caller.name)
    credentials.change_password(
        session,
        caller,
        body.current,
        body.new,
        tries=services.settings.lockout_tries,
        lockout_minutes=services.settings.lockout_minutes,
    )
    response.delete_cookie(COOKIE)
