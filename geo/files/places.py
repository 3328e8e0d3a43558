"""From an OpenStreetMap file to a ``Place``: what counts as a household, a business, an address, a station.

Every rule that a reader of the numbers has to know is a sentence of ``Place.notes``.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.crs import INTERNAL_CRS, quantise, to_metric
from geo.errors import ZonesError
from geo.files.extracts import Boundary, Extract, Feature, is_walkable, read_extract, street_pieces
from geo.files.tags import FACILITIES, HOMES, INSTITUTIONS, KEPT_TAGS, LEISURE, PUBLIC_OFFICES, STATIONS
from geo.records import LEVELS, Place

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SOURCE = "© OpenStreetMap contributors, ODbL 1.0"

_CLOSED_TO_PUBLIC = ("no", "private")
_SAME_PLACE_M = 100.0
_LETTERS = {
    "household": "H",
    "business": "S",
    "institution": "I",
    "building": "B",
    "estate": "E",
    "facility": "F",
}


def read_osm(
    path: Path | str,
    *,
    code: str,
    name: str,
    name_en: str | None = None,
    commune_level: str = "8",
    ward_level: str = "10",
) -> Place:
    """Read a place from an OpenStreetMap file.

    Parameters
    ----------
    path
        .osm.pbf or .osm.
    code, name
        Of the territory.
    name_en
        Name of the territory in Latin letters; goes into the commune's attributes.
    commune_level, ward_level
        ``admin_level`` of the zones of level ``street`` and of level ``community``.

    Returns
    -------
    Place
        Real data, no staff. The territory is the commune; where the file lacks a part of the commune's border,
        it is the union of the wards whose borders are complete, and the notes say so: no border is made up.

    Raises
    ------
    FileFormatError
        When the file cannot be read.
    ZonesError
        When no ward's border is complete in it.

    Examples
    --------
    >>> place = read_osm("data/boundaries/monaco.osm.pbf", code="monaco", name="摩纳哥")
    >>> sorted(place.zones.query("level == 'community'").name)[:2]
    ['Fontvieille', 'La Condamine']
    """
    extract = read_extract(path)
    notes: list[str] = []
    zones = _zones(extract, code, name_en or name, (commune_level, ward_level), notes)
    boundary = zones.geometry[zones.level == "street"].union_all()
    subjects = _subjects(extract, notes)
    addresses = _addresses(extract, subjects, notes)
    stations = _stations(extract, boundary, notes)
    streets = _streets(extract, notes)
    if extract.broken:
        notes.append(f"{len(extract.broken)} 个面的边线在文件中不闭合或自交，没有载入。")
    levels = (
        dataclasses.replace(LEVELS["street"], name="市镇", parent=None),
        dataclasses.replace(LEVELS["community"], name="城区"),
    )
    return Place(
        code=code,
        name=name,
        boundary=boundary,
        levels=levels,
        zones=zones,
        subjects=subjects,
        stations=stations,
        addresses=addresses,
        streets=streets,
        synthetic=False,
        source=SOURCE,
        date=extract.date,
        notes=tuple(notes),
    )


def _frame(rows: Iterable[dict[str, Any]], columns: list[str], geometry: Iterable[Any]) -> gpd.GeoDataFrame:
    frame = pd.DataFrame(list(rows), columns=columns).astype(object)
    frame = frame.where(frame.notna(), None)
    shapes = np.array([*geometry, None], dtype=object)[:-1]
    return gpd.GeoDataFrame(frame, geometry=quantise(shapes), crs=INTERNAL_CRS)


def _zone(code: str, name: str, level: str, parent: str | None, attributes: dict[str, str]) -> dict[str, Any]:
    return {
        "code": code,
        "name": name,
        "layer": "admin",
        "level": level,
        "kind": "general",
        "parent": parent,
        "staff": [],
        "attributes": attributes,
    }


def _label(tags: dict[str, str], osm: str) -> str:
    return tags.get("name:zh") or tags.get("name") or osm


def _zone_code(boundary: Boundary) -> str:
    tags = boundary.tags
    return tags.get("ref") or tags.get("ISO3166-2") or boundary.osm


def _zones(
    extract: Extract, code: str, name: str, levels: tuple[str, str], notes: list[str]
) -> gpd.GeoDataFrame:
    commune_level, ward_level = levels
    wards = [b for b in extract.boundaries if b.tags.get("admin_level") == ward_level]
    complete = [ward for ward in wards if ward.geometry is not None]
    if not complete:
        raise ZonesError(
            f"“{extract.path.name}”里没有边界完整的 admin_level={ward_level} 行政区。",
            f"no administrative relation of level {ward_level} is complete in {extract.path.name}",
            remedy="请换一份完整包含该行政区的摘录，或指定另一个 admin_level。",
        )
    ids = {ward.osm for ward in wards}
    communes = [
        b
        for b in extract.boundaries
        if b.tags.get("admin_level") == commune_level and ids.intersection(b.subareas)
    ]
    shapes = _coverage(quantise(np.array([ward.geometry for ward in complete], dtype=object)), notes)
    commune = communes[0] if communes else None
    whole = shapely.coverage_union_all(shapes)
    if commune is not None and commune.geometry is not None:
        whole, shapes = _fit(quantise(commune.geometry), shapes, notes)
    else:
        missing = "、".join(_label(ward.tags, ward.osm) for ward in wards if ward.geometry is None) or "无"
        notes.append(
            f"摘录中市镇（admin_level={commune_level}）外边界不完整，不补画：辖区取边界完整的 "
            f"{len(complete)} 个城区（admin_level={ward_level}）之并；"
            f"边界不完整而未收入的城区：{missing}，其中的对象计为辖区外。"
        )
    commune_name = name if commune is None else _label(commune.tags, name)
    commune_tags = {"name_en": name} | ({} if commune is None else {"osm": commune.osm})
    rows = [_zone(code, commune_name, "street", None, commune_tags)]
    for ward in complete:
        kept = {"osm": ward.osm} | {k: ward.tags[k] for k in ("alt_name", "wikidata") if k in ward.tags}
        rows.append(_zone(_zone_code(ward), _label(ward.tags, ward.osm), "community", code, kept))
    return _frame(rows, list(rows[0]), [whole, *shapes])


def _coverage(shapes: Any, notes: list[str]) -> Any:  # noqa: ANN401  arrays of geometries
    if shapely.coverage_is_valid(shapes):
        notes.append("各城区相邻边界在原始数据中即逐点一致，未作改动。")
        return shapes
    cleaned = quantise(_clean(shapes))
    moved_m2 = [
        to_metric(gpd.GeoSeries([a, b], crs=INTERNAL_CRS)) for a, b in zip(shapes, cleaned, strict=True)
    ]
    largest_m2 = max(pair.iloc[0].symmetric_difference(pair.iloc[1]).area for pair in moved_m2)
    notes.append(
        f"城区边界在原始数据中有缝隙或重叠，已按覆盖规则整理，单个城区最多变动 {largest_m2:,.0f} 平方米。"
    )
    return cleaned


def _clean(shapes: Any) -> Any:  # noqa: ANN401  arrays of geometries
    return shapely.coverage_clean(shapes)  # type: ignore[attr-defined]  # newer than its stubs


def _fit(commune: Any, shapes: Any, notes: list[str]) -> tuple[Any, Any]:  # noqa: ANN401  arrays of geometries
    clipped = quantise(shapely.intersection(shapes, commune))
    if not shapely.equals(clipped, shapes).all():
        notes.append("城区超出市镇边界的部分已按市镇边界裁剪。")
        shapes = clipped if shapely.coverage_is_valid(clipped) else quantise(_clean(clipped))
    union = shapely.coverage_union_all(shapes)
    # Where the wards fill the commune, their union is the commune with every vertex that a ward has.
    return (union if shapely.equals(union, commune) else commune), shapes


def _address(tags: dict[str, str]) -> str | None:
    street = tags.get("addr:street") or tags.get("addr:place")
    number = tags.get("addr:housenumber")
    return f"{number} {street}" if street and number else None


def _subject_kinds(feature: Feature, homes: set[str]) -> list[str]:
    """Return the kinds of subject that one object is; a tower with flats and a shop is three."""
    tags, kinds = feature.tags, []
    amenity, office = tags.get("amenity"), tags.get("office")
    if feature.is_area and tags.get("building", "no") not in ("no", "construction", "ruins", "demolished"):
        kinds.append("building")
    if feature.osm in homes:
        kinds.append("household")
    if amenity in INSTITUTIONS or office in PUBLIC_OFFICES:
        kinds.append("institution")
    elif tags.get("shop", "vacant") not in ("vacant", "no") or (office is not None and office != "no"):
        kinds.append("business")
    elif _is_facility(tags):
        kinds.append("facility")
    if feature.is_area and tags.get("landuse") == "residential" and "name" in tags:
        kinds.append("estate")
    return kinds


def _is_facility(tags: dict[str, str]) -> bool:
    named = tags.get("amenity") in FACILITIES or tags.get("tourism") == "museum"
    leisure = tags.get("leisure") in LEISURE and "name" in tags
    return (named or leisure) and tags.get("access") not in _CLOSED_TO_PUBLIC


def _homes(extract: Extract) -> tuple[set[str], int, int]:
    """Return the ids of residential buildings, how many by their own tag, how many by the land they stand on."""
    buildings = [f for f in extract.features if f.is_area and "building" in f.tags]
    tagged = {
        f.osm
        for f in buildings
        if f.tags["building"] in HOMES or "building:flats" in f.tags or "residential" in f.tags
    }
    land = [f.geometry for f in extract.features if f.is_area and f.tags.get("landuse") == "residential"]
    unsaid = [
        f
        for f in buildings
        if f.tags["building"] == "yes"
        and f.osm not in tagged
        and not {"shop", "office", "amenity", "tourism"} & set(f.tags)
    ]
    by_land: set[str] = set()
    if land and unsaid:
        rows, _ = shapely.STRtree(land).query([f.point for f in unsaid], predicate="within")
        by_land = {unsaid[row].osm for row in rows}
    return tagged | by_land, len(tagged), len(by_land)


def _subjects(extract: Extract, notes: list[str]) -> gpd.GeoDataFrame:
    homes, tagged, by_land = _homes(extract)
    rows: list[dict[str, Any]] = []
    shapes: list[shapely.Geometry] = []
    for feature in extract.features:
        for kind in _subject_kinds(feature, homes):
            tags = feature.tags
            kept = {"osm": feature.osm} | {key: tags[key] for key in KEPT_TAGS if key in tags}
            rows.append(
                {
                    "code": f"{_LETTERS[kind]}-{feature.osm}",
                    "kind": kind,
                    "name": tags.get("name:zh") or tags.get("name"),
                    "address": _address(tags),
                    "people": None,
                    "attributes": kept,
                }
            )
            shapes.append(feature.geometry if kind in ("building", "estate") else feature.point)
    frame = _frame(rows, ["code", "kind", "name", "address", "people", "attributes"], shapes)
    frame["people"] = pd.array([None] * len(frame), dtype="Int64")
    unknown = sum(f.is_area and f.tags.get("building") == "yes" for f in extract.features) - by_land
    notes.append(
        "户：每栋住宅楼计一户（OpenStreetMap 没有户数，也没有人口）。"
        f"住宅楼指 building 标签为住宅类的 {tagged} 栋，"
        f"以及位于住宅用地（landuse=residential）内、用途未标注的 {by_land} 栋；"
        f"另有 {unknown} 栋 building=yes 用途不明，只作楼栋，不计户。"
    )
    notes.append(
        "商户/企业：shop 与 office（政府、使领馆、国际组织等公共机构计为单位）；餐饮、酒店、银行未计入商户。"
        "单位：学校、医院、警察局、法院、图书馆等；设施：停车场、剧院、公园等；小区：有名称的住宅用地。"
        "文件范围略大于辖区，辖区外的对象照样载入并计为“辖区外”。"
    )
    return frame


def _addresses(extract: Extract, subjects: gpd.GeoDataFrame, notes: list[str]) -> gpd.GeoDataFrame:
    codes = set(subjects.code)
    numbered = [f for f in extract.features if "addr:housenumber" in f.tags]
    usable = [f for f in numbered if _address(f.tags)]
    # A building before a shop in it: the building is what the number belongs to.
    usable.sort(key=lambda f: not f.is_area)
    places = quantise(np.array([*(f.point for f in usable), None], dtype=object)[:-1])
    metric = to_metric(gpd.GeoSeries(places, crs=INTERNAL_CRS)) if usable else gpd.GeoSeries()
    kept: dict[str, list[int]] = {}
    for row, feature in enumerate(usable):
        rows = kept.setdefault(_address(feature.tags) or "", [])
        if all(metric.iloc[row].distance(metric.iloc[other]) > _SAME_PLACE_M for other in rows):
            rows.append(row)
    chosen = sorted(row for rows in kept.values() for row in rows)
    records = []
    for row in chosen:
        feature = usable[row]
        owner = next((c for letter in "HBISF" if (c := f"{letter}-{feature.osm}") in codes), None)
        records.append({"text": _address(feature.tags), "subject": owner, "attributes": {"osm": feature.osm}})
    notes.append(
        f"地址：{len(numbered)} 个门牌中，{len(numbered) - len(usable)} 个没有街名，未载入；同一门牌在 "
        f"{_SAME_PLACE_M:.0f} 米内重复标注的只留一条，共 {len(chosen)} 条。"
    )
    return _frame(records, ["text", "subject", "attributes"], [places[row] for row in chosen])


def _stations(extract: Extract, boundary: shapely.Geometry, notes: list[str]) -> gpd.GeoDataFrame:
    shapely.prepare(boundary)
    named = [
        f
        for f in extract.features
        if f.tags.get("amenity") in STATIONS and "name" in f.tags and shapely.covers(boundary, f.point)
    ]
    named.sort(key=lambda f: (STATIONS.index(f.tags["amenity"]), f.osm))
    seen: set[tuple[str, str]] = set()
    rows: list[dict[str, Any]] = []
    shapes: list[shapely.Geometry] = []
    for feature in named:
        tags = feature.tags
        if (tags["amenity"], tags["name"]) in seen:  # mapped twice, as a point and as a building
            continue
        seen.add((tags["amenity"], tags["name"]))
        centre = tags["amenity"] == "townhall" and not any(row["kind"] == "center" for row in rows)
        rows.append(
            {
                "code": feature.osm,
                "name": _label(tags, feature.osm),
                "kind": "center" if centre else "point",
                "address": _address(tags),
                "attributes": {"osm": feature.osm, "amenity": tags["amenity"]},
            }
        )
        shapes.append(feature.point)
    notes.append(
        f"服务站：以辖区内有名称的市政厅（中心）、警察局、邮局、图书馆等 {len(rows)} 处代替，并非党群服务站。"
    )
    return _frame(rows, ["code", "name", "kind", "address", "attributes"], shapes)


def _streets(extract: Extract, notes: list[str]) -> gpd.GeoDataFrame:
    rows, shapes = [], []
    for osm, tags, piece in street_pieces(extract):
        rows.append(
            {
                "name": tags.get("name:zh") or tags.get("name"),
                "kind": tags["highway"],
                "walkable": is_walkable(tags),
                "attributes": {"osm": osm},
            }
        )
        shapes.append(shapely.LineString(piece))
    frame = _frame(rows, ["name", "kind", "walkable", "attributes"], shapes)
    frame["walkable"] = frame["walkable"].astype(bool)
    notes.append("道路：按 OpenStreetMap 的公共节点打断；禁止步行或私人道路标为不可步行，不参与步行计算。")
    return frame
