"""The gate in front of every route: who calls, whether a write comes from our own pages, and what browsers may do.

Closed by default: a path that is not listed in `is_open` needs a session or a key, also when no route answers it.
Being in front of the routes, the gate refuses before a byte of an upload is read.
"""

from __future__ import annotations

import time
from dataclasses import replace
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from secrets import compare_digest
from typing import TYPE_CHECKING, Final

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse

from api.errors import PROBLEM, CsrfError, problem_of, too_large, unexpected
from api.store.credentials import caller_of_key, caller_of_session
from api.store.refusals import InvalidRequestError, SignInError
from api.store.transactions import transaction
from geo.errors import GeoError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from api.services import Services
    from api.store.accounts import Caller

COOKIE: Final = "onegrid_session"
CSRF_HEADER: Final = "X-CSRF-Token"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})

_POLICY: Final = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self' 'unsafe-inline'; font-src 'self' data:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Scripts only from our own files. Styles may be inline: OpenLayers sets them on elements."""

SELF_CONTAINED_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:; font-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "sandbox allow-scripts allow-popups allow-downloads allow-modals"
)
"""For pages with everything inlined: scripts run, but in an origin of their own and without any network."""

_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(self), camera=(), microphone=()",
    "Cache-Control": "no-store",
}
"""Set unless a route says otherwise; answers may hold personal data, so nothing is kept by default."""

_log = structlog.get_logger(__name__)


def is_open(method: str, path: str) -> bool:
    """Whether a request needs no sign-in."""
    if method in {"GET", "HEAD"}:
        return path in {"/healthz", "/sign-in", "/favicon.ico"} or path.startswith("/static/")
    return method == "POST" and path == "/api/session"


class Gate:
    """ASGI middleware that lets in callers who proved who they are, as ``request.state.caller``.

    Parameters
    ----------
    app
        What lies behind the gate.
    services
        Database and settings.
    """

    def __init__(self, app: ASGIApp, services: Services) -> None:
        self.app = app
        self.services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status, begun = time.perf_counter(), 500, False
        instead: bytes | None = None

        async def send_with_headers(message: Message) -> None:
            nonlocal status, begun, instead
            if message["type"] == "http.response.body" and instead is not None:
                message = {**message, "body": instead, "more_body": False}
                instead = b""
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                headers = MutableHeaders(scope=message)
                if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE and headers.get("content-type") != PROBLEM:
                    # Starlette's limit of bodies answers by itself, in plain text.
                    instead = bytes(too_large().body)
                    headers.update({"Content-Type": PROBLEM, "Content-Length": str(len(instead))})
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._admit(scope, receive, send_with_headers)
        except Exception as error:
            if begun:
                raise
            await unexpected(error)(scope, receive, send_with_headers)
        finally:
            caller: Caller | None = scope.get("state", {}).get("caller")
            # The path only: queries hold addresses and one-time links.
            _log.info(
                "request",
                method=scope["method"],
                path=scope["path"],
                status=status,
                ms=round((time.perf_counter() - started) * 1000, 1),
                account=caller.name if caller else None,
            )

    async def _admit(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path = scope["method"], scope["path"]
        if "\0" in path or b"%00" in scope["query_string"]:
            await problem_of(_no_text())(scope, receive, send)
            return
        if not is_open(method, path):
            headers = Headers(scope=scope)
            try:
                caller = await run_in_threadpool(self._caller, headers)
                _check_csrf(caller, method, headers)
            except GeoError as error:
                if path == "/" and isinstance(error, SignInError):
                    await RedirectResponse("/sign-in", 303)(scope, receive, send)
                else:
                    await problem_of(error)(scope, receive, send)
                return
            client = scope["client"][0] if scope.get("client") else None
            scope.setdefault("state", {})["caller"] = replace(caller, client=client)
        await self.app(scope, receive, send)

    def _caller(self, headers: Headers) -> Caller:
        scheme, _, key = headers.get("authorization", "").partition(" ")
        token = cookie_token(headers)
        with transaction(self.services.engine) as session:
            if scheme.lower() == "bearer" and key:
                return caller_of_key(session, key.strip())
            if token:
                return caller_of_session(session, token, idle_minutes=self.services.settings.idle_minutes)
        raise SignInError(
            "请先登录。", "sign in first", remedy="打开 /sign-in，或在请求头 Authorization 里给出密钥。"
        )


def cookie_token(headers: Headers) -> str | None:
    """Return the session's token from the cookies of a request."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return found.value if found is not None else None


def _no_text() -> InvalidRequestError:
    # PostgreSQL's text cannot hold it, and no address, code or name has it.
    return InvalidRequestError(
        "网址里有空字符（%00）。", "the address holds a NUL character", remedy="请删去 %00。"
    )


def _check_csrf(caller: Caller, method: str, headers: Headers) -> None:
    if method in SAFE_METHODS or caller.csrf_token is None:
        return
    given = headers.get(CSRF_HEADER, "")
    if not compare_digest(given.encode(), caller.csrf_token.encode()):
        raise CsrfError(
            "写操作缺少防伪令牌，或令牌已过期。",
            f"a write needs the header {CSRF_HEADER}",
            remedy=f"请刷新页面；程序调用请用密钥，或把 GET /api/session 的 csrf_token 放进请求头 {CSRF_HEADER}。",
        )
