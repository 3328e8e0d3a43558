"""What requests and answers of several routes hold, the source of ``/docs``; those of one stand in its file."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

Bbox = Annotated[list[float], Field(min_length=4, max_length=4, examples=[[121.37, 31.03, 121.44, 31.1]])]
Point = Annotated[list[float], Field(min_length=2, max_length=2, examples=[[121.4023, 31.0712]])]
Geometry = Annotated[
    dict[str, Any], Field(description="GeoJSON, EPSG:4490", examples=[{"type": "MultiPolygon"}])
]
Counts = Annotated[
    dict[str, int | None],
    Field(description="per kind of subject; null: 未知", examples=[{"household": 412, "business": 23}]),
]
VersionCode = Annotated[str, Field(examples=["zhuanqiao-v1"])]
LevelCode = Annotated[str, Field(examples=["grid"])]
ZoneCode = Annotated[str, Field(examples=["310112103001001"])]
SubjectKind = Annotated[str, Field(examples=["household"])]
# PostgreSQL's text cannot hold NUL: refused here with a reason rather than there with an error.
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
Code = Annotated[Text, Field(min_length=1, max_length=40)]
Metres = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


def _rising(limits: tuple[float, float]) -> tuple[float, float]:
    if limits[0] > limits[1]:
        raise ValueError("应先写下限、后写上限，例如 [300, 500]")
    return limits


Rising = AfterValidator(_rising)
"""Of two limits: the first is not above the second."""


class AnswerBody(BaseModel):
    """What a service answers: every field is there."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)


class RequestBody(BaseModel):
    """What is asked of the service: fields that it does not know are refused."""

    model_config = ConfigDict(extra="forbid")


class Problem(AnswerBody):
    """RFC 9457 problem document."""

    type: str = Field(examples=["urn:onegrid:problem:not-found"])
    title: str = Field(examples=["没有找到"])
    status: int = Field(examples=[404])
    detail: str = Field(examples=["没有版本“monaco-v9”。"])
    detail_en: str | None = Field(None, examples=["no version monaco-v9"])
    remedy: str | None = Field(None, examples=["在 /api/territories 查看辖区及其版本。"])


class TerritoryEntry(AnswerBody):
    """辖区."""

    code: str = Field(examples=["zhuanqiao"])
    name: str = Field(examples=["颛桥镇"])
    synthetic: bool = Field(description="true: 示意数据")
    source: str = Field(examples=["民政局区划数据 2026 版"])
    data_date: str = Field(examples=["2026-03-01"])
    notes: list[str] = Field(examples=[["人口为户籍口径"]])
    bbox: Bbox


class VersionSummary(AnswerBody):
    """版本."""

    version: VersionCode
    number: int
    status: str = Field(examples=["published"])
    reason: str = Field(examples=["2026年网格调整，街道办会议通过"])
    valid_from: datetime | None
    valid_to: datetime | None


class StaffName(AnswerBody):
    """A person in charge, by role and name."""

    role: str | None = Field(examples=["网格长"])
    name: str | None = Field(examples=["王芳"])


class Staff(StaffName):
    """A person in charge; the telephone is masked for those who may not see it."""

    phone: str | None = Field(examples=["138****5678"])


class StationEntry(AnswerBody):
    """服务站."""

    code: str = Field(examples=["S01"])
    name: str = Field(examples=["颛桥镇党群服务中心"])
    kind: str = Field(description="center, zone, point", examples=["center"])
    address: str | None = Field(examples=["银都路191号"])
    point: Point


class ZoneBounds(AnswerBody):
    """四至: what bounds a zone on its four sides, along the most of a side first."""

    east: list[str] = Field(examples=[["沪闵路"]])
    south: list[str]
    west: list[str]
    north: list[str]
    text: str = Field(examples=["东至沪闵路，南至北松公路，西至中春路，北至春申塘"])


class NearMiss(AnswerBody):
    """A known address that comes near."""

    text: str = Field(examples=["银都路193号"])
    confidence: float = Field(examples=[0.9])


class LookupProblem(Problem):
    """An address that matches nothing."""

    near_misses: list[NearMiss] = []


class JobStarted(AnswerBody):
    """The job that does it; ask GET /api/jobs/{id}."""

    job: int


class Publishing(RequestBody):
    """Why a version is published."""

    reason: Annotated[Text, Field(min_length=1, max_length=500, examples=["2026年网格调整，街道办会议通过"])]
