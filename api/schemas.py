"""What requests and answers hold, with examples: the source of ``/docs``."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

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


class Health(AnswerBody):
    """The service and its database answer."""

    status: Literal["ok"] = "ok"


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


class TerritoryEntry(AnswerBody):
    """辖区."""

    code: str = Field(examples=["zhuanqiao"])
    name: str = Field(examples=["颛桥镇"])
    synthetic: bool = Field(description="true: 示意数据")
    source: str = Field(examples=["民政局区划数据 2026 版"])
    data_date: str = Field(examples=["2026-03-01"])
    notes: list[str] = Field(examples=[["人口为户籍口径"]])
    bbox: Bbox


class TerritorySummary(TerritoryEntry):
    """A territory in the list."""

    current_version: str | None = Field(examples=["zhuanqiao-v1"])


class VersionSummary(AnswerBody):
    """版本."""

    version: VersionCode
    number: int
    status: str = Field(examples=["published"])
    reason: str = Field(examples=["2026年网格调整，街道办会议通过"])
    valid_from: datetime | None
    valid_to: datetime | None


class LevelSummary(AnswerBody):
    """层级."""

    code: str = Field(examples=["grid"])
    name: str = Field(examples=["网格"])
    rank: int
    partition: bool = Field(description="its zones must be a coverage of their parents")
    zones: int


class LayerSummary(AnswerBody):
    """图层."""

    code: str = Field(examples=["grid"])
    name: str = Field(examples=["网格"])
    levels: list[LevelSummary]


class Reconciliation(AnswerBody):
    """assigned + outside + gap + no_location + bad_location = total."""

    level: LevelCode
    kind: SubjectKind
    total: int
    assigned: int
    outside: int
    gap: int
    no_location: int
    bad_location: int


class FaultFigures(AnswerBody):
    """Faults of the last check."""

    total: int
    errors: int
    warnings: int
    by_kind: dict[str, int] = Field(examples=[{"gap": 3, "overlap": 2}])


class CoverageFigures(AnswerBody):
    """Households within so many minutes' walk of any station."""

    minutes: int
    households_reached: int | None
    households_total: int
    share: float | None


class AcceptedRepair(AnswerBody):
    """Repairs that were accepted into a draft."""

    base: str = Field(description="version that was repaired", examples=["zhuanqiao-v1"])
    numbers: list[int] = Field(description="numbers of the faults that were repaired")
    made_by: str = Field(examples=["张三"])
    made_at: datetime
    undone_at: datetime | None


class VersionDetails(VersionSummary):
    """A version with its figures."""

    territory: TerritoryEntry
    checked_at: datetime | None
    layers: list[LayerSummary]
    reconciliation: list[Reconciliation]
    faults: FaultFigures
    stations: int
    coverage: list[CoverageFigures]
    map_approval: str = Field(
        description="审图号, or the words that stand in for it", examples=["内部工作用图"]
    )
    repair_proposed_at: datetime | None = Field(description="null: no repair was proposed yet")
    repaired: AcceptedRepair | None = Field(description="set on a draft that repairs were accepted into")
    fused_at: datetime | None = Field(description="null: no fusion yet")


class StaffName(AnswerBody):
    """A person in charge, by role and name."""

    role: str | None = Field(examples=["网格长"])
    name: str | None = Field(examples=["王芳"])


class Staff(StaffName):
    """A person in charge; the telephone is masked for those who may not see it."""

    phone: str | None = Field(examples=["138****5678"])


class _ZoneFigures(AnswerBody):
    code: ZoneCode
    name: str = Field(examples=["兴银第三网格"])
    kind: str = Field(description="general 综合, dedicated 专属", examples=["general"])
    bbox: Bbox
    area_m2: float
    perimeter_m: float
    counts: Counts
    people: int | None = Field(description="residents; null: 未知")


class ZoneEntry(_ZoneFigures):
    """A zone in a table."""

    parent: str | None = Field(examples=["310112103001"])
    staff: list[StaffName]


class ZoneTable(AnswerBody):
    """The zones of one level."""

    version: VersionCode
    level: LevelCode
    zones: list[ZoneEntry]


class ParentZone(AnswerBody):
    """The zone above."""

    code: str = Field(examples=["310112103001"])
    name: str = Field(examples=["兴银居委会"])
    level: str = Field(examples=["community"])


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


class ZoneDetails(_ZoneFigures):
    """One zone with everything about it."""

    version: VersionCode
    level: LevelCode
    parent: ParentZone | None
    children: int
    bounds: ZoneBounds
    stations: list[StationEntry]
    faults: list[int] = Field(description="numbers of the faults that name it")
    staff: list[Staff]
    geometry: Geometry


class StationTable(AnswerBody):
    """The stations of a version's territory."""

    version: VersionCode
    stations: list[StationEntry]


class FaultEntry(AnswerBody):
    """One fault."""

    number: int
    level: LevelCode
    kind: str = Field(examples=["gap"])
    kind_name: str = Field(examples=["缺口"])
    severity: str = Field(description="error, warning", examples=["error"])
    codes: list[ZoneCode]
    area_m2: float
    width_m: float
    subjects: int | None
    message: str = Field(examples=["兴银第三网格与兴银第四网格之间有缺口"])
    message_en: str = Field(examples=["gap between two grids"])
    bbox: Bbox
    point: Point
    geometry: Geometry


class FaultTable(AnswerBody):
    """The faults of the last check."""

    version: VersionCode
    faults: list[FaultEntry]


class CircleEntry(AnswerBody):
    """十五分钟服务圈."""

    station: str | None = Field(description="null: all stations together", examples=["S01"])
    minutes: int = Field(examples=[15])
    walk_speed_mps: float
    reached: dict[str, int | None] = Field(
        description="subjects by kind, and people", examples=[{"household": 3120, "people": 7805}]
    )
    share: float | None = Field(description="of all households")
    geometry: Geometry


class CircleTable(AnswerBody):
    """Service circles."""

    version: VersionCode
    circles: list[CircleEntry]


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


class NearMiss(AnswerBody):
    """A known address that comes near."""

    text: str = Field(examples=["银都路193号"])
    confidence: float = Field(examples=[0.9])


class LookupAnswer(AnswerBody):
    """Which zones is it in."""

    version: str | None = Field(examples=["zhuanqiao-v1"])
    query: dict[str, Any] = Field(description="as asked", examples=[{"address": "银都路191号"}])
    ambiguous: bool = Field(
        description="several places in different zones, or within 3 metres of an edge", examples=[False]
    )
    matches: list[Match]


class LookupProblem(Problem):
    """An address that matches nothing."""

    near_misses: list[NearMiss] = []


Coordinate = Annotated[float, Field(allow_inf_nan=False)]


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


class JobStarted(AnswerBody):
    """The job that does it; ask GET /api/jobs/{id}."""

    job: int


class JobEntry(AnswerBody):
    """How far a job is."""

    id: int
    kind: str = Field(examples=["assign"])
    status: Literal["waiting", "running", "done", "failed"]
    percent: int = Field(examples=[40])
    message: str = Field(description="what is being done, or why it failed", examples=["分配 网格"])
    result: dict[str, Any] | None = Field(
        description="set when done", examples=[{"version": "zhuanqiao-v1", "assigned": 20000}]
    )


class ExceptionEntry(AnswerBody):
    """豁免: a gap registered as legitimate."""

    id: int
    name: str = Field(examples=["六磊塘"])
    reason: str = Field(examples=["河道水面，由水务部门管理"])
    registered_at: datetime
    area_m2: float
    geometry: Geometry


class NewException(RequestBody):
    """A gap to register as legitimate."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "六磊塘",
                    "reason": "河道水面，由水务部门管理",
                    "geometry": {
                        "type": "Polygon",
                        "coordinates": [[[121.4, 31.07], [121.41, 31.07], [121.41, 31.071], [121.4, 31.07]]],
                    },
                }
            ]
        },
    )
    name: Annotated[Text, Field(min_length=1, max_length=100)]
    reason: Annotated[Text, Field(min_length=1, max_length=500)]
    geometry: dict[str, Any] = Field(description="GeoJSON Polygon or MultiPolygon")
    crs: Annotated[Text, Field(max_length=20, description="坐标系：EPSG:n、GCJ-02 或 BD-09")] = "EPSG:4490"


class Publishing(RequestBody):
    """Why a version is published."""

    reason: Annotated[Text, Field(min_length=1, max_length=500, examples=["2026年网格调整，街道办会议通过"])]


class AuditEntry(AnswerBody):
    """One line of the audit trail."""

    id: int
    at: datetime
    account: str = Field(examples=["zhangsan"])
    action: str = Field(examples=["disclosure"])
    object: str = Field(examples=["zhuanqiao-v1"])
    detail: dict[str, Any] = Field(examples=[{"shown": "lookup", "persons": 1}])
    client: str | None = Field(examples=["10.1.2.3"])


class AuditTable(AnswerBody):
    """Events, newest first."""

    events: list[AuditEntry]
