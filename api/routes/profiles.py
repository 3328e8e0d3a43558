"""Rule profiles: what an office asks of its grids."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from api.deps import PathTerritory, SignedIn, Transaction
from api.schemas import AnswerBody, RequestBody, Text
from api.store import profiles
from geo.plans.rules import Rule

router = APIRouter(prefix="/api/territories/{code}/profile", tags=["规则 Rules"])

NOT_FOUND: dict[int | str, dict[str, Any]] = {404: {"description": "没有这个辖区"}}

RuleName = Literal[
    "households",
    "people",
    "area",
    "parts",
    "compactness",
    "stations",
    "share_15min",
    "cut_estate",
    "cut_building",
    "crosses_expressway",
    "crosses_railway",
    "crosses_river",
]
Threshold = Annotated[float | None, Field(ge=0, le=1e12, allow_inf_nan=False)]


class NewRule(BaseModel):
    """A rule at a level; thresholds in the unit of the rule, null: none."""

    model_config = ConfigDict(extra="ignore")  # so that an answer, changed in places, can be sent back

    rule: Annotated[RuleName, Field(examples=["households"])]
    level: Annotated[Text, Field(pattern=r"^[0-9A-Za-z_.-]{1,40}$", examples=["grid"])]
    least: Annotated[Threshold, Field(examples=[300])] = None
    most: Annotated[Threshold, Field(examples=[500])] = None
    on: bool = True
    source: Annotated[Text, Field(max_length=500, examples=["区民政局 2026 年通知"])] = ""
    verified: Annotated[bool, Field(description="false: a broken rule is a note, not a warning")] = False


class RuleEntry(NewRule):
    """A rule, with its name and unit."""

    model_config = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True)

    name: str
    name_en: str
    unit: str


class SegmentEntry(RequestBody):
    """One part of a code."""

    role: Literal["class", "county", "street", "community", "sequence"]
    length: Annotated[int, Field(ge=1, le=20)]
    characters: Literal["digits", "alphanumeric"] = "digits"


class NumberFormat(RequestBody):
    """How codes of grids are made up: a preset by name (DB11, CJT349), or parts of one's own."""

    name: Annotated[Text, Field(min_length=1, max_length=40, examples=["DB11"])]
    segments: Annotated[list[SegmentEntry] | None, Field(max_length=10)] = None


class NewProfile(BaseModel):
    """Edited rules; what is left out stays as it is."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[Text, Field(min_length=1, max_length=100, examples=["颛桥镇网格规则"])] | None = None
    rules: Annotated[list[NewRule], Field(max_length=200)] | None = None
    number_format: NumberFormat | None = None
    approval: Annotated[
        bool | None, Field(description="whether a second person approves a plan before it is published")
    ] = None


class ProfileEntry(AnswerBody):
    """The rules of a territory."""

    code: Annotated[str, Field(description="default, or the territory's code")]
    name: str
    rules: list[RuleEntry]
    number_format: NumberFormat
    approval: bool
    revision: int


@router.get("", summary="规则 Rules", responses=NOT_FOUND)
def get_profile(code: PathTerritory, session: Transaction, _caller: SignedIn) -> ProfileEntry:
    """返回辖区对网格的要求：每条规则的层级、上下限、单位、来源、是否核实。"""
    return ProfileEntry.model_validate(profiles.document_of(profiles.read_profile(session, code)))


@router.put("", summary="修改规则 Edit the rules", responses=NOT_FOUND)
def put_profile(
    code: PathTerritory, body: NewProfile, session: Transaction, caller: SignedIn
) -> ProfileEntry:
    """修改规则、编码格式、是否要求审批；未给出的部分保持不变。记入审计。需要发布员角色。"""
    caller.require("publisher", code)
    stored = profiles.write_profile(
        session,
        code,
        name=body.name,
        rules=None if body.rules is None else [Rule(**rule.model_dump()) for rule in body.rules],
        number_format=None
        if body.number_format is None
        else profiles.code_format(**body.number_format.model_dump()),
        approval=body.approval,
        account_id=caller.account_id,
        actor=caller.actor,
    )
    return ProfileEntry.model_validate(profiles.document_of(stored))
