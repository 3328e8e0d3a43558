"""Failures as RFC 9457 problem documents: error class to HTTP status in one table, Chinese titles, no stack traces."""

import json
import secrets
from http import HTTPStatus
from typing import Any, Final

import shapely
import structlog
from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from api.store.errors import (
    ClusterError,
    DuplicateError,
    NotFoundError,
    NotPublishableError,
    PublishedError,
    SchemaError,
)
from api.store.plans import ClosedError, MadeError, StaleError
from api.store.refusals import (
    AddressNotFoundError,
    ForbiddenError,
    InvalidRequestError,
    LockedError,
    SignInError,
    WeakPasswordError,
)
from geo.errors import BadRecordsError, GeoError, RefusedError

PROBLEM: Final = "application/problem+json"

FAULTS_SHOWN: Final = 200
"""Faulty rows of a file that a problem lists; the rest is counted."""


class TooManyRequestsError(GeoError):
    """More requests than the limit allows.

    Parameters
    ----------
    retry_after_s
        Seconds until the next one may come.
    """

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("请求过于频繁。", "too many requests", remedy=f"请在 {retry_after_s} 秒后重试。")
        self.retry_after_s = retry_after_s


class CsrfError(ForbiddenError):
    """A write with a cookie but without the token that only the site's own pages know."""


STATUS: Final[tuple[tuple[type[GeoError], int, str], ...]] = (
    (AddressNotFoundError, 404, "没有找到地址"),
    (NotFoundError, 404, "没有找到"),
    (LockedError, 423, "账号已锁定"),
    (SignInError, 401, "需要登录"),
    (CsrfError, 403, "缺少防伪令牌"),
    (ForbiddenError, 403, "没有权限"),
    (TooManyRequestsError, 429, "请求过于频繁"),
    (DuplicateError, 409, "已经存在"),
    (PublishedError, 409, "版本已发布"),
    (NotPublishableError, 409, "不能发布"),
    (MadeError, 409, "修改已经保存"),
    (StaleError, 409, "方案已被他人修改"),
    (ClosedError, 409, "方案不能修改"),
    (RefusedError, 422, "修改被拒绝"),
    (WeakPasswordError, 422, "密码太简单"),
    (InvalidRequestError, 422, "请求无法处理"),
    (ClusterError, 503, "数据库不可用"),
    (SchemaError, 503, "数据库不可用"),
    (GeoError, 422, "数据无法处理"),
)
"""First match counts: narrower classes stand before wider ones."""

TITLES: Final = {
    400: "请求格式不正确",
    401: "需要登录",
    403: "没有权限",
    404: "没有找到",
    405: "不支持此方法",
    413: "上传内容过大",
    415: "不支持的内容类型",
    422: "参数不正确",
    423: "账号已锁定",
    429: "请求过于频繁",
    500: "内部错误",
}

_DETAILS: Final = {
    400: ("请求内容无法解析。", "请检查 JSON 或表单的格式与编码。"),
    404: ("没有这个地址。", "可用的接口见 /docs。"),
    405: ("这个地址不支持此方法。", "可用的方法见 /docs。"),
    413: ("上传内容超过上限。", "请拆分文件，或请管理员调整 ONEGRID_UPLOAD_MB。"),
}

_MEANINGS: Final = {
    "missing": "缺少必填项",
    "int_parsing": "应为整数",
    "int_type": "应为整数",
    "int_from_float": "应为整数",
    "float_parsing": "应为数字",
    "float_type": "应为数字",
    "finite_number": "应为有限的数字",
    "bool_parsing": "应为 true 或 false",
    "bool_type": "应为 true 或 false",
    "string_type": "应为文本",
    "list_type": "应为列表",
    "dict_type": "应为对象",
    "model_type": "应为对象",
    "model_attributes_type": "应为对象",
    "enum": "不在可选值中",
    "literal_error": "不在可选值中",
    "json_invalid": "不是有效的 JSON",
    "extra_forbidden": "不认识的字段",
}

_log = structlog.get_logger(__name__)


def problem(
    status: int,
    title: str,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    **more: Any,  # noqa: ANN401  JSON
) -> JSONResponse:
    """Return a problem document.

    Parameters
    ----------
    status
        HTTP status.
    title
        What kind of problem, in Chinese, the same for every occurrence.
    detail
        What happened this time.
    headers
        Further headers.
    more
        Members of this kind of problem; None is left out.
    """
    members = {key: value for key, value in more.items() if value not in (None, "")}
    slug = HTTPStatus(status).phrase.lower().replace(" ", "-")
    body = {
        "type": f"urn:onegrid:problem:{slug}",
        "title": title,
        "status": status,
        "detail": detail,
        **members,
    }
    return JSONResponse(body, status, headers=headers, media_type=PROBLEM)


def problem_of(error: GeoError) -> JSONResponse:
    """Return the problem document of a failure that a user can understand and mend."""
    status, title = next((status, title) for kind, status, title in STATUS if isinstance(error, kind))
    more: dict[str, Any] = {"detail_en": error.en, "remedy": error.remedy}
    headers: dict[str, str] = {}
    if isinstance(error, AddressNotFoundError):
        more["near_misses"] = error.near_misses
    if isinstance(error, StaleError):
        more |= {"revision": error.revision, "changes": jsonable_encoder(error.changes)}
        more["made"] = isinstance(error, MadeError)
    if isinstance(error, RefusedError) and error.place is not None and not error.place.is_empty:
        more["place"] = json.loads(shapely.to_geojson(error.place))
    if isinstance(error, TooManyRequestsError):
        headers["Retry-After"] = str(error.retry_after_s)
    if isinstance(error, BadRecordsError):
        rows = error.faults.head(FAULTS_SHOWN).astype(object)
        more |= {
            "faults": rows.where(rows.notna(), None).to_dict("records"),
            "faults_total": len(error.faults),
        }
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(status, title, error.zh, headers=headers or None, **more)


def too_large() -> JSONResponse:
    """Return the problem of a body that is larger than allowed."""
    detail, remedy = _DETAILS[413]
    return problem(413, TITLES[413], detail, remedy=remedy)


def unexpected(error: Exception) -> JSONResponse:
    """Log a failure of the program and return a problem that names the log line, and nothing of the inside."""
    number = secrets.token_hex(6)
    _log.error("unexpected failure", number=number, exc_info=error)
    return problem(
        500,
        TITLES[500],
        f"服务出错，编号 {number}。",
        remedy="请把编号告诉管理员，日志里有详情。",
        number=number,
    )


def _on_geo_error(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, GeoError):
        raise TypeError from error
    return problem_of(error)


def _on_http(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise TypeError from error
    status = error.status_code
    detail, remedy = _DETAILS.get(status, (str(error.detail), ""))
    title = TITLES.get(status, HTTPStatus(status).phrase)
    return problem(status, title, detail, headers=dict(error.headers or {}) or None, remedy=remedy)


def _on_invalid(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise TypeError from error
    # Values are not repeated: an address or a password would end up in logs of whoever stands between.
    faults = [
        {
            "where": ".".join(str(part) for part in one["loc"]),
            "problem": _meaning(one),
            "problem_en": str(one["msg"]),
        }
        for one in error.errors()
    ]
    detail = "；".join(f"{fault['where']}：{fault['problem']}" for fault in faults[:5])
    return problem(422, TITLES[422], detail, faults=faults, remedy="各参数的含义与示例见 /docs。")


def _meaning(fault: dict[str, Any]) -> str:
    kind, limits = str(fault["type"]), fault.get("ctx") or {}
    if kind in _MEANINGS:
        expected = limits.get("expected")
        return f"{_MEANINGS[kind]}：{expected}" if expected else _MEANINGS[kind]
    for name, words in (
        ("ge", "应不小于"), ("gt", "应大于"), ("le", "应不大于"), ("lt", "应小于"),
        ("min_length", "长度应不小于"), ("max_length", "长度应不大于"),
    ):  # fmt: skip
        if name in limits:
            return f"{words} {limits[name]}"
    if kind.startswith(("date", "datetime")):
        return "应为日期，如 2026-03-01"
    if kind == "value_error":  # our own validators say it in Chinese
        return str(limits["error"])
    return "格式不正确"


def add_handlers(app: FastAPI) -> None:
    """Make every failure of an app a problem document."""
    app.add_exception_handler(GeoError, _on_geo_error)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
