"""What requests and answers about repairs and fusions hold."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from api.schemas import AnswerBody, Bbox, Geometry, Point, RequestBody, Text

Code = Annotated[Text, Field(min_length=1, max_length=40)]
Number = Annotated[int, Field(ge=1, le=2**31 - 1)]
Metres = Annotated[float, Field(ge=0, le=1e6, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Households = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]


class RepairOrder(RequestBody):
    """How to repair; nothing needs to be said."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "levels": ["grid"],
                    "strategies": {"gap": "most_households"},
                    "decisions": {"7": "310112103001017", "9": "exception"},
                }
            ]
        },
    )
    levels: list[Code] = Field(
        [], max_length=20, description="levels to look at; none: all that must be coverages"
    )
    strategies: dict[Code, Code] = Field({}, description="kind of fault → strategy")
    decisions: dict[Number, Code] = Field(
        {}, description="number of a fault → strategy, or code of the zone that shall have the land"
    )
    priority: list[Code] = Field(
        [], max_length=1000, description="codes of zones or layers, the most important first"
    )
    max_change: Share = Field(0.1, description="largest share of a zone's area that repairs may change")
    max_gap_width_m: Metres = Field(25.0, description="a wider gap is left until somebody decides")


class AreaChange(AnswerBody):
    """A zone's area before and after."""

    code: str
    before_m2: float
    after_m2: float


class Declining(AnswerBody):
    """Who does not want a proposal."""

    by: str
    at: datetime


class RepairProposal(AnswerBody):
    """What a repair would do about one fault, or why it leaves it."""

    number: int = Field(description="number of the fault on the map")
    level: str
    kind: str = Field(examples=["gap"])
    kind_name: str = Field(examples=["缺口"])
    status: Literal["proposed", "refused"]
    action: str | None = Field(examples=["longest_border"])
    action_name: str | None = Field(examples=["归最长边界的邻格"])
    recipient: str | None = Field(description="code of the zone that would have the land")
    codes: list[str]
    area_m2: float
    changes: list[AreaChange]
    households: int | None
    people: int | None
    message: str = Field(description="what it does, or why not")
    message_en: str
    declined: Declining | None = Field(description="marked as not wanted: not applied")
    bbox: Bbox | None
    point: Point | None
    geometry: Geometry


class AcceptanceEntry(AnswerBody):
    """What was accepted of the proposals."""

    version: str = Field(description="the draft")
    numbers: list[int]
    made_by: str
    made_at: datetime
    undone_at: datetime | None


class RepairTable(AnswerBody):
    """The proposals of a version."""

    version: str
    made_at: datetime
    made_by: str
    stale: bool = Field(description="zones, exceptions or boundary changed since: propose again")
    options: dict[str, Any]
    proposals: list[RepairProposal]
    acceptances: list[AcceptanceEntry]


class Acceptance(RequestBody):
    """Which proposals to apply."""

    numbers: Annotated[list[Number], Field(min_length=1, max_length=100_000, examples=[[1, 2, 5]])]


class Declined(Acceptance):
    """Which proposals are not wanted."""

    declined: bool = Field(default=True, description="false takes the mark back")


class Profile(RequestBody):
    """Thresholds of a fusion."""

    households: Annotated[list[Households], Field(min_length=2, max_length=2)] | None = Field(
        [300.0, 500.0], description="least and most households of a grid; null: any"
    )
    noise_width_m: Metres = 10.0
    same_share: Share = 0.6
    contained_share: Share = 0.9
    street_reach_m: Metres = 12.0


class FusionOrder(RequestBody):
    """What to fuse."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "version": "zhuanqiao-v1",
                    "layers": ["party", "order", "civil", "urban"],
                    "leading": "party",
                    "profile": {"households": [300, 500]},
                }
            ]
        },
    )
    version: Annotated[Text, Field(min_length=1, max_length=60)]
    layers: Annotated[list[Code], Field(min_length=2, max_length=8)]
    leading: Code | None = Field(None, description="decides where layers differ; null: they vote")
    pins: dict[Annotated[int, Field(ge=0, le=2**31 - 1)], Code] = Field(
        {}, description="number of a cell → code of the zone of the leading layer that it must go to"
    )
    within: Code | None = Field(None, description="level that no grid may cross", examples=["community"])
    profile: Profile = Profile()  # type: ignore[call-arg]


class FusionPlan(RequestBody):
    """The plan that a fusion's proposal shall become."""

    name: Annotated[Text, Field(min_length=1, max_length=100, examples=["多格合一方案"])]
    level: Code = Field("grid", description="level whose zones the new grids replace", examples=["grid"])
    version: Annotated[
        Text | None, Field(max_length=60, description="版本号，默认最新版本", examples=["zhuanqiao-v1"])
    ] = None


class ConflictFigures(AnswerBody):
    """Conflicts of one kind."""

    kind: str = Field(examples=["conflict"])
    kind_name: str = Field(examples=["实际分歧"])
    count: int
    length_m: float
    area_m2: float
    household: int
    business: int
    institution: int
    people: int


class FusionSummary(AnswerBody):
    """The figures of a fusion."""

    version: str
    layers: list[str]
    leading: str
    options: dict[str, Any]
    agreed_kept: float = Field(description="part of the borders all agree on that the proposal keeps")
    made_at: datetime
    made_by: str
    cells: int
    grids: int
    rule_breaks: int = Field(description="grids that break rules of size")
    conflicts: list[ConflictFigures]
    unassigned: list[dict[str, Any]]


class ConflictEntry(AnswerBody):
    """A place where departments disagree."""

    number: int
    kind: str
    kind_name: str
    departments: list[str]
    codes: dict[str, list[str]] = Field(description="layer → its zones there")
    length_m: float = Field(description="length of the disputed borders")
    area_m2: float
    width_m: float | None
    household: int
    business: int
    institution: int
    people: int
    message: str
    message_en: str
    bbox: Bbox
    point: Point
    geometry: Geometry


class ConflictTable(AnswerBody):
    """All conflicts of a fusion, most serious first."""

    version: str
    conflicts: list[ConflictEntry]


class CrosswalkTable(AnswerBody):
    """Old grid → cells → new grid, with shares of area, households, businesses, people."""

    version: str
    crosswalk: list[dict[str, Any]]


class FusionCollection(AnswerBody):
    """The proposed grids as GeoJSON."""

    type: Literal["FeatureCollection"]
    version: str
    features: list[dict[str, Any]]


class CellEntry(AnswerBody):
    """One atomic piece of ground."""

    version: str
    cell: int
    codes: dict[str, str | None] = Field(description="layer → code of its zone there")
    grid: str | None = Field(description="code in the proposal; null: outside the territory")
    reason: str | None
    explanation: str | None
    estate: bool
    inside: bool
    area_m2: float
    household: int
    business: int
    institution: int
    people: int
    people_unknown: int
    geometry: Geometry
