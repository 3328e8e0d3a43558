"""The five kinds of record that enter OneGrid, their columns, and the place that they make up.

A *kind* is what a file holds: zones, subjects, stations, addresses or streets. ``COLUMNS`` is the only list of
their columns; readers, checks, documentation and the store all follow it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import geopandas as gpd
    from shapely import MultiPolygon, Polygon

Kind = Literal["zones", "subjects", "stations", "addresses", "streets"]
KINDS: tuple[Kind, ...] = get_args(Kind)

SubjectKind = Literal["household", "business", "institution", "building", "estate", "facility"]
SUBJECT_KINDS: tuple[SubjectKind, ...] = get_args(SubjectKind)
SUBJECT_NAMES: dict[str, str] = {
    "household": "户",
    "business": "商户/企业",
    "institution": "单位",
    "building": "楼栋",
    "estate": "小区",
    "facility": "设施",
}

ZONE_KIND_NAMES: dict[str, str] = {"general": "综合网格", "dedicated": "专属网格"}
"""A dedicated zone is one institution, park or mall, exempt from household thresholds."""

STATION_KINDS = ("center", "zone", "point")
"""The "1+5+N" of service stations: the town's centre, the centres of functional zones, the points."""

UNASSIGNED_NAMES: dict[str, str] = {
    "outside": "辖区外",
    "gap": "缺口内",
    "no_location": "无位置",
    "bad_location": "位置有误",
}
UNASSIGNED_REASONS = tuple(UNASSIGNED_NAMES)
"""Why a subject is in no zone of a level (law 2): outside the territory, in a gap, no or unusable location."""


@dataclass(frozen=True)
class Column:
    """One column of a kind of record.

    Parameters
    ----------
    name
        Name in code.
    meaning
        Chinese meaning, for messages and templates.
    required
        Whether a row without a value is a fault.
    aliases
        Headers that files use for it.
    """

    name: str
    meaning: str
    required: bool = False
    aliases: tuple[str, ...] = ()


_LONLAT = (
    Column("lon", "经度", aliases=("经度", "lng", "longitude", "x", "东经")),
    Column("lat", "纬度", aliases=("纬度", "维度", "latitude", "y", "北纬")),
)
_CODE = Column("code", "编码", required=True, aliases=("编码", "编号", "代码", "网格编码", "id"))
_NAME = Column("name", "名称", required=True, aliases=("名称", "网格名称", "单位名称", "姓名", "户主"))

COLUMNS: dict[Kind, tuple[Column, ...]] = {
    "zones": (
        _CODE,
        _NAME,
        Column("layer", "图层", aliases=("图层", "条线")),
        Column("level", "层级", aliases=("层级", "级别")),
        Column("kind", "类型: general 综合 / dedicated 专属", aliases=("类型", "网格类型")),
        Column("parent", "上级编码", aliases=("上级编码", "上级", "所属社区编码", "parent_code")),
        Column("staff", "人员", aliases=("网格长", "负责人")),
    ),
    "subjects": (
        _CODE,
        Column("kind", "类别", required=True, aliases=("类别", "类型", "对象类型")),
        Column("name", "名称", aliases=_NAME.aliases),
        Column("address", "地址", aliases=("地址", "住址", "详细地址", "addr")),
        Column("people", "人数", aliases=("人数", "人口", "常住人口")),
        *_LONLAT,
    ),
    "stations": (
        _CODE,
        _NAME,
        Column("kind", "类别: center 中心 / zone 片区 / point 站点", aliases=("类别", "类型")),
        Column("address", "地址", aliases=("地址",)),
        *_LONLAT,
    ),
    "addresses": (
        Column("text", "地址", required=True, aliases=("地址", "标准地址", "address", "addr")),
        Column("subject", "所属对象编码", aliases=("对象编码", "所属编码")),
        *_LONLAT,
    ),
    "streets": (
        Column("name", "道路名称", aliases=("道路名称", "名称", "路名")),
        Column("kind", "道路等级 (OSM highway 取值)", aliases=("道路等级", "等级", "highway", "fclass")),
        Column("walkable", "可步行", aliases=("可步行",)),
    ),
}
"""Columns of each kind. Other columns of a file are kept as ``attributes`` (a dict per row)."""


@dataclass(frozen=True)
class Level:
    """One level of a layer.

    Parameters
    ----------
    layer
        Code of the layer: ``admin``, ``functional``, or a department's own (``party``, ``order``, ``civil``,
        ``urban``, ``police``).
    code
        Code of the level, unique in a territory: ``county``, ``street``, ``community``, ``grid``, ``microgrid``,
        ``functional``, or a department's layer's code for its single level.
    name
        Chinese name.
    rank
        1 for the widest level of a layer, growing as zones grow smaller.
    parent
        Code of the level (of any layer) that its zones lie in, or None.
    partition
        Whether law 1 holds for it: its zones are a coverage of their parent, or of the territory. Departments'
        own layers are checked but not held to it.
    """

    layer: str
    code: str
    name: str
    rank: int
    parent: str | None = None
    partition: bool = True


LAYER_NAMES: dict[str, str] = {
    "admin": "行政区划",
    "grid": "网格",
    "functional": "功能片区",
    "party": "党建网格",
    "order": "综治网格",
    "civil": "民政网格",
    "urban": "城管网格",
    "police": "警务网格",
}

LEVELS: dict[str, Level] = {
    "county": Level("admin", "county", "区县", 1),
    "street": Level("admin", "street", "街镇", 2, parent="county"),
    "functional": Level("functional", "functional", "功能片区", 1, parent="street"),
    "community": Level("admin", "community", "社区/村", 3, parent="street"),
    "grid": Level("grid", "grid", "网格", 1, parent="community"),
    "microgrid": Level("grid", "microgrid", "微网格", 2, parent="grid"),
    "party": Level("party", "party", "党建网格", 1, partition=False),
    "order": Level("order", "order", "综治网格", 1, partition=False),
    "civil": Level("civil", "civil", "民政网格", 1, partition=False),
    "urban": Level("urban", "urban", "城管网格", 1, partition=False),
    "police": Level("police", "police", "警务网格", 1, partition=False),
}
"""The levels that OneGrid knows by name. Communities group into functional zones as well as into streets."""


@dataclass(frozen=True)
class Place:
    """Everything known of one territory: what a sample or an OpenStreetMap file yields, what the store loads.

    All frames are in EPSG:4490, quantised to 1e-8 degrees, with a RangeIndex.

    Parameters
    ----------
    code
        Short ASCII code of the territory, such as ``monaco`` or ``zhuanqiao``.
    name
        Name as shown to users.
    boundary
        The polygon that partitions cover.
    levels
        The levels that ``zones`` has, widest first.
    zones
        Columns ``code, name, layer, level, kind, parent, staff, attributes, geometry``; ``staff`` is a list of
        dicts ``{"role", "name", "phone"}``, ``parent`` a code of the parent level or None.
    subjects
        Columns ``code, kind, name, address, people, attributes, geometry``; geometry is a Point, a Polygon
        (building, estate: its point on surface is its location) or None (no location); people is Int64 with NA.
    stations
        Columns ``code, name, kind, address, attributes, geometry`` (Point).
    addresses
        Columns ``text, subject, attributes, geometry`` (Point); subject is a subject's code or None.
    streets
        Columns ``name, kind, walkable, attributes, geometry`` (LineString, noded: lines meet at end points).
    synthetic
        True when people and geometry are made up: every page that shows it says 示意数据.
    source
        Origin and licence in one line, shown on every map.
    date
        Date of the data, ISO 8601.
    notes
        What a reader of its numbers has to know, in Chinese.
    """

    code: str
    name: str
    boundary: Polygon | MultiPolygon
    levels: tuple[Level, ...]
    zones: gpd.GeoDataFrame
    subjects: gpd.GeoDataFrame
    stations: gpd.GeoDataFrame
    addresses: gpd.GeoDataFrame
    streets: gpd.GeoDataFrame
    synthetic: bool
    source: str
    date: str
    notes: tuple[str, ...] = field(default=())
