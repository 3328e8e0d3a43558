"""Which grid is it in, and who looks after it."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import ConfigDict, Field

from api.deps import AppServices, LookupCaller, Transaction
from api.schemas import (
    AnswerBody,
    LevelCode,
    LookupProblem,
    NearMiss,
    Point,
    RequestBody,
    Staff,
    Text,
    ZoneCode,
)
from api.store import lookups
from api.store.refusals import InvalidRequestError

router = APIRouter(prefix="/api", tags=["查询 Lookup"])

ROWS_PER_COUNT = 100
"""So many rows of a batch count as one lookup against the limit."""

Coordinate = Annotated[float, Field(allow_inf_nan=False)]
AsOf = Annotated[
    date | datetime | None,
    Query(description="按当日（或当时）有效的版本回答", examples=["2026-03-01"]),
]


class FoundZone(AnswerBody):
    """A zone that holds the place."""

    layer: str = Field(examples=["grid"])
    level: LevelCode
    level_name: str = Field(examples=["网格"])
    code: ZoneCode
    name: str = Field(examples=["兴银第三网格"])
    parent: str | None = Field(examples=["310112103001"])
    staff: list[Staff]
    edge_m: float = Field(description="from the place to the zone's edge, metres")


class NearestStation(AnswerBody):
    """The nearest station."""

    code: str = Field(examples=["S01"])
    name: str = Field(examples=["颛桥镇党群服务中心"])
    walk_m: float | None = Field(description="on the streets, metres; null: no street leads there")
    straight_m: float | None = Field(description="straight line (初筛), in place of a walk")


class Match(AnswerBody):
    """One place that the query may mean."""

    text: str | None = Field(
        description="the known address; without the flat for those who may not see it",
        examples=["银都路191号"],
    )
    confidence: float
    point: Point
    zones: list[FoundZone]
    station: NearestStation | None
    unassigned: dict[str, str] = Field(
        description="partition levels without a zone here, and why: outside, gap", examples=[{"grid": "gap"}]
    )


class LookupAnswer(AnswerBody):
    """Which zones is it in."""

    version: str | None = Field(examples=["zhuanqiao-v1"])
    query: dict[str, Any] = Field(description="as asked", examples=[{"address": "银都路191号"}])
    ambiguous: bool = Field(
        description="several places in different zones, or within 3 metres of an edge", examples=[False]
    )
    matches: list[Match]


class LookupQuery(RequestBody):
    """An address, or lon and lat."""

    id: Annotated[Text, Field(max_length=100)] | None = None
    address: Annotated[Text, Field(min_length=1, max_length=200)] | None = None
    lon: Coordinate | None = None
    lat: Coordinate | None = None


class BatchLookup(RequestBody):
    """Many queries at once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "queries": [
                        {"id": "1", "address": "银都路191号"},
                        {"id": "2", "lon": 121.4, "lat": 31.07},
                    ],
                    "crs": "EPSG:4490",
                    "territory": "zhuanqiao",
                }
            ]
        },
    )
    queries: list[LookupQuery] = Field(min_length=1, description="每条给 address，或 lon 与 lat；id 原样返回")
    crs: Annotated[Text, Field(max_length=20, description="坐标系：EPSG:n、GCJ-02 或 BD-09")] = "EPSG:4490"
    territory: Annotated[Text, Field(max_length=40)] | None = Field(
        None, description="辖区编码；不给则自动判断"
    )
    as_of: date | datetime | None = Field(None, description="按当日（或当时）有效的版本回答")


class BatchResult(LookupAnswer):
    """The answer to one query of a batch."""

    id: str | None = Field(description="as given", examples=["1"])
    problem: str | None = Field(description="null: found", examples=["没有找到这个地址。"])
    near_misses: list[NearMiss]


class BatchAnswer(AnswerBody):
    """The answers in the order of the queries."""

    version: str | None = Field(
        description="of all results; null when they differ", examples=["zhuanqiao-v1"]
    )
    results: list[BatchResult]


@router.get(
    "/lookup",
    summary="查网格 Look up one",
    responses={404: {"model": LookupProblem, "description": "没有找到，附相近地址"}, 429: {}},
    openapi_extra={"x-example": {"territory": "zhuanqiao", "address": "银都路191号"}},
)
def look_up(
    session: Transaction,
    caller: LookupCaller,
    address: Annotated[
        str | None,
        Query(description="地址", examples=["银都路191号"], max_length=200, pattern=r"^[^\x00]*$"),
    ] = None,
    lon: Annotated[
        float | None, Query(description="经度或东坐标", examples=[121.4023], allow_inf_nan=False)
    ] = None,
    lat: Annotated[
        float | None, Query(description="纬度或北坐标", examples=[31.0712], allow_inf_nan=False)
    ] = None,
    crs: Annotated[str, Query(description="坐标系：EPSG:n、GCJ-02 或 BD-09", max_length=20)] = "EPSG:4490",
    territory: Annotated[
        str | None, Query(description="辖区编码；不给则自动判断", examples=["zhuanqiao"], max_length=40)
    ] = None,
    as_of: AsOf = None,
) -> LookupAnswer:
    """按地址或坐标查询所在的各层级网格、负责人、最近的服务站与到边界的距离。多个地点都符合时全部返回。"""
    query = lookups.Query(address=address, lon=lon, lat=lat)
    how = lookups.Lookup(crs=crs, territory=territory, as_of=moment(as_of))
    return LookupAnswer(**lookups.look_up(session, caller, query, how))


@router.post(
    "/lookup", summary="批量查网格 Look up many", responses={404: {"description": "没有辖区或版本"}, 429: {}}
)
def look_up_many(
    body: BatchLookup, session: Transaction, caller: LookupCaller, services: AppServices
) -> BatchAnswer:
    """一次查询许多地址或坐标，按原顺序回答；查不到的在各自的结果里说明。"""
    most = services.settings.batch_rows
    if len(body.queries) > most:
        raise InvalidRequestError(
            f"一次最多查询 {most} 条。", f"at most {most} queries at once", remedy="请分批查询。"
        )
    services.limit(
        "lookup", services.settings.lookups_per_minute, caller.name, cost=len(body.queries) // ROWS_PER_COUNT
    )
    queries = [lookups.Query(one.address, one.lon, one.lat, one.id) for one in body.queries]
    how = lookups.Lookup(crs=body.crs, territory=body.territory, as_of=moment(body.as_of))
    return BatchAnswer(**lookups.look_up_many(session, caller, queries, how))


def moment(as_of: date | datetime | None) -> datetime | None:
    """Return the moment that ``as_of`` means: a day means its last instant, in the service's own time zone."""
    if as_of is None:
        return None
    if isinstance(as_of, datetime):
        return as_of if as_of.tzinfo is not None else as_of.astimezone()
    if as_of == date.max:
        return datetime.combine(as_of, time.max, UTC)
    return datetime.combine(as_of + timedelta(days=1), time.min).astimezone() - timedelta(microseconds=1)
