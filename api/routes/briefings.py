"""Briefing pages: one self-contained file each."""

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import HTMLResponse

from api.deps import AppServices, PathVersion, SignedIn, Transaction
from api.gate import SELF_CONTAINED_POLICY
from api.store.briefings import gather_briefing
from maps.briefing import write_briefing

router = APIRouter(prefix="/api/briefings", tags=["地图 Map"])


@router.get(
    "/{version}.html",
    summary="简报页面 Briefing page",
    response_class=Response,
    responses={
        200: {"content": {"text/html": {"schema": {"type": "string"}}}},
        404: {"description": "没有这个版本或层级"},
    },
)
def get_briefing(
    version: PathVersion,
    session: Transaction,
    _caller: SignedIn,
    services: AppServices,
    level: Annotated[
        str | None, Query(description="层级编码；不给则用最细的层级", examples=["grid"], max_length=40)
    ] = None,
) -> HTMLResponse:
    """返回一个自包含的网页：网格、服务圈、问题、统计表与图例，离线可打开、可打印。只有数字，没有个人信息。"""
    data = gather_briefing(session, version, level, map_approval=services.settings.map_approval)
    headers = {"Content-Security-Policy": SELF_CONTAINED_POLICY}
    return HTMLResponse(write_briefing(data), headers=headers)
