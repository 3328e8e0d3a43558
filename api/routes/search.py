"""The search box."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from api.deps import LookupCaller, Transaction
from api.schemas import AnswerBody, Bbox, LevelCode, Point, VersionCode, ZoneCode
from api.store import searches

router = APIRouter(prefix="/api", tags=["查询 Lookup"])


class SearchResult(AnswerBody):
    """Something that the words may mean."""

    type: Literal["address", "zone", "station", "subject"]
    title: str = Field(examples=["银都路191号"])
    subtitle: str = Field(examples=["兴银第三网格"])
    point: Point
    bbox: Bbox | None = None
    level: LevelCode | None = None
    code: ZoneCode | None = None


class SearchAnswer(AnswerBody):
    """What was found, best first."""

    version: VersionCode
    results: list[SearchResult]


@router.get("/search", summary="搜索 Search", responses={404: {"description": "没有这个版本"}, 429: {}})
def search(
    session: Transaction,
    caller: LookupCaller,
    q: Annotated[
        str,
        Query(
            description="地址、编码、名称",
            examples=["银都路"],
            min_length=1,
            max_length=100,
            pattern=r"^[^\x00]*$",
        ),
    ],
    version: Annotated[str, Query(description="版本编码", examples=["zhuanqiao-v1"], max_length=60)],
) -> SearchAnswer:
    """搜索地址（不含户室）、网格、服务站；有个人信息权限者还可搜索其范围内的管理对象。"""
    return SearchAnswer(**searches.search(session, caller, q, version))
