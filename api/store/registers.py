"""台账: what a register says of the zones of a version or of a plan, and names and staff taken back from one."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import geopandas as gpd
import shapely
from sqlalchemy import text

from api.store import audit
from api.store.boundaries import bounds_of_drawn
from api.store.errors import NotFoundError
from api.store.networks import read_stations
from api.store.plans import get_plan
from api.store.territories import boundary_of, levels_of
from api.store.versions import get_version
from api.store.zones import mask_phone
from api.store.zonesets import read_zones
from geo.crs import INTERNAL_CRS
from geo.files.workbooks import BEIJING
from geo.plans import Draft, PlanZone
from geo.records import ZONE_KIND_NAMES
from maps.register import Register, staff_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.orm import Session

    from api.store.plans import PlanInfo
    from api.store.rooms import Rooms
    from api.store.versions import VersionInfo

TOLD: Final = ("流动人口", "重点场所", "党支部", "备注")
"""Columns that only the office can tell: taken from what it loaded with its zones."""

PENDING: Final = "待发布"


def register_of_version(session: Session, code: str, level: str, actor: audit.Actor) -> Register:
    """Return the register of a level of a version; that it was taken is an audit event.

    Raises
    ------
    NotFoundError
        No such version, or no zones of the level in it.
    """
    version = get_version(session, code)
    levels = [each.level for each in levels_of(session, version.territory_id)]
    draft = Draft.from_frame(read_zones(session, version), levels, boundary_of(session, version.territory_id))
    zones = _zones_at(draft, level, version.code)
    counted = _counted(session, version, level)
    status = "" if version.valid_from else "（草稿，未发布）"
    source = [("版本", version.code + status), ("生效日期", _day(version.valid_from) or PENDING)]
    dates = _dates(session, version, level)
    figures = [counted.get(zone.code, {}) for zone in zones]
    rows = _rows(session, version.territory_id, draft, zones, figures)
    for row, zone in zip(rows, zones, strict=True):
        row["启用日期"], row["变更日期"] = dates.get(zone.code, (PENDING, PENDING))
    audit.record(session, actor, "version.export", version.code, what="register", level=level, rows=len(rows))
    return _register(session, version.territory_id, level, source, rows)


def register_of_plan(
    session: Session, rooms: Rooms, plan: PlanInfo, level: str, actor: audit.Actor
) -> Register:
    """Return the register of a level as a plan draws it; zones that it changes are 待发布.

    Raises
    ------
    NotFoundError
        No zones of the level in it.
    """
    while True:
        room = rooms.enter(session, plan)
        zones = _zones_at(room.draft, level, f"plan {plan.id}")
        figures = room.census.figures(zones)
        if rooms.is_current(room):
            break
        # Somebody's edit was committed meanwhile: what was read may be of both.
        plan = get_plan(session, plan.id)
    base = get_version(session, plan.base)
    dates = _dates(session, base, level)
    before = room.base.draft
    counted = [
        {**{_COUNTS[kind]: number for kind, number in each.counts.items() if kind in _COUNTS},
         "常住人口": each.people, "面积(平方米)": round(each.area_m2)}
        for each in figures
    ]  # fmt: skip
    rows = _rows(session, plan.territory_id, room.draft, zones, counted)
    for row, zone in zip(rows, zones, strict=True):
        since, changed = dates.get(zone.code, (PENDING, PENDING))
        same = zone.key in before and zone.same_as(before.zone(*zone.key))
        row["启用日期"], row["变更日期"] = since, changed if same else PENDING
    source = [
        ("方案", f"{plan.id} {plan.name}"),
        ("修订", f"第 {plan.revision} 版（未发布）"),
        ("基于版本", plan.base),
    ]
    about = f"plan {plan.id}"
    audit.record(session, actor, "plan.export", about, what="register", level=level, rows=len(rows))
    return _register(session, plan.territory_id, level, source, rows)


_COUNTS: Final = {"building": "楼栋数", "household": "户数", "business": "商户数", "institution": "单位数"}


def _register(
    session: Session,
    territory_id: int,
    level: str,
    source: Sequence[tuple[str, str]],
    rows: Sequence[Mapping[str, Any]],
) -> Register:
    name = session.scalar(text("SELECT name FROM territory WHERE id = :id"), {"id": territory_id})
    names = {each.code: each.level.name for each in levels_of(session, territory_id)}
    return Register(str(name), names[level], source, datetime.now(UTC), rows)


def _zones_at(draft: Draft, level: str, where: str) -> list[PlanZone]:
    zones = sorted(draft.at(level), key=lambda zone: zone.code) if level in draft.levels else []
    if not zones:
        raise NotFoundError(
            f"{where} 里没有层级“{level}”的网格。",
            f"no zones of level {level!r} in {where}",
            remedy="请核对层级，例如 grid（网格）、community（社区）。",
        )
    return zones


def _counted(session: Session, version: VersionInfo, level: str) -> dict[str, dict[str, Any]]:
    """Return the figures of the zones of a level; without an assignment none is known but the area."""
    rows = session.execute(
        text(
            """SELECT z.code, z.area_m2, c.kind, c.subjects, c.people
               FROM zone z JOIN level l ON l.id = z.level_id
               LEFT JOIN zone_count c ON c.zone_id = z.id AND c.run_id = :run
               WHERE z.version_id = :version AND l.code = :level"""
        ),
        {"version": version.id, "run": version.run_id, "level": level},
    )
    # Assigned and nobody there is zero; not assigned is unknown.
    blank = dict.fromkeys(_COUNTS.values(), None if version.run_id is None else 0)
    found: defaultdict[str, dict[str, Any]] = defaultdict(lambda: dict(blank))
    for code, area, kind, subjects, people in rows:
        found[code]["面积(平方米)"] = round(area)
        if kind in _COUNTS:
            found[code][_COUNTS[kind]] = subjects
        if kind == "household":
            found[code]["常住人口"] = people
    return found


def _rows(
    session: Session,
    territory_id: int,
    draft: Draft,
    zones: Sequence[PlanZone],
    figures: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    level = zones[0].level
    around = bounds_of_drawn(session, territory_id, zones, of=[zone.code for zone in zones])
    points = gpd.GeoSeries(shapely.point_on_surface([zone.geometry for zone in zones]), crs=INTERNAL_CRS)
    posts = _posts(session, territory_id, zones)
    above = {
        heading: _names_above(draft, points, code)
        for heading, code in (
            ("区县", "county"),
            ("街镇", "street"),
            ("片区", "functional"),
            ("社区", "community"),
        )
        if code != level
    }
    rows: list[dict[str, Any]] = []
    for number, (zone, counted) in enumerate(zip(zones, figures, strict=True)):
        staff = [{**person, "phone": mask_phone(person.get("phone") or None)} for person in zone.staff]
        rows.append(
            {
                **{heading: names[number] for heading, names in above.items()},
                "网格编码": zone.code,
                "名称": zone.name,
                "类型": ZONE_KIND_NAMES.get(zone.kind, zone.kind),
                "四至(东/南/西/北)": around[zone.code].zh,
                **counted,
                **staff_words(staff),
                "服务站": posts[number],
                **{heading: zone.attributes.get(heading) for heading in TOLD},
            }
        )
    return rows


def _names_above(draft: Draft, points: gpd.GeoSeries, level: str) -> list[str | None]:
    """Return the name of the zone of a level that each point is in."""
    there = draft.at(level) if level in draft.levels else []
    found: list[str | None] = [None] * len(points)
    if there:
        at, which = shapely.STRtree([zone.geometry for zone in there]).query(
            points.to_numpy(), predicate="intersects"
        )
        for row, zone in zip(at, which, strict=True):
            found[row] = there[zone].name
    return found


def _posts(session: Session, territory_id: int, zones: Sequence[PlanZone]) -> list[str | None]:
    """Return the names of the stations in each zone; unknown where the place has none at all."""
    posts = read_stations(session, territory_id)
    if not len(posts):
        return [None] * len(zones)
    names: list[list[str]] = [[] for _ in zones]
    at, zone = shapely.STRtree([each.geometry for each in zones]).query(
        posts.geometry.to_numpy(), predicate="intersects"
    )
    for post, row in zip(at, zone, strict=True):
        names[row].append(str(posts["name"].iloc[post]))
    return ["、".join(each) or "无" for each in names]


def _dates(session: Session, version: VersionInfo, level: str) -> dict[str, tuple[str, str]]:
    """Return since when each code is in force, and since when as it is: by the versions published up to this one."""
    rows = session.execute(
        text(
            """SELECT z.code, v.valid_from, md5(ST_AsBinary(z.geom)) || z.name || z.kind || z.staff::text AS mark
               FROM zone z JOIN version v ON v.id = z.version_id JOIN level l ON l.id = z.level_id
               WHERE v.territory_id = :territory AND v.valid_from IS NOT NULL AND v.number <= :number
                 AND l.code = :level
               ORDER BY v.valid_from, v.number"""
        ),
        {"territory": version.territory_id, "number": version.number, "level": level},
    )
    found: dict[str, tuple[str, str]] = {}
    marks: dict[str, str] = {}
    for code, since, mark in rows:
        day = _day(since)
        first, changed = found.get(code, (day, day))
        found[code] = (first, changed if marks.get(code, mark) == mark else day)
        marks[code] = mark
    return found


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment.astimezone(BEIJING):%Y-%m-%d}"
