"""The synthetic Zhuanqiao 颛桥镇 (Minhang, Shanghai): official names and codes, everything else drawn by chance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.errors import FileFormatError
from geo.records import LEVELS, Place
from geo.samples import names
from geo.samples.departments import dissolve, inject, parts_of, shifted, sketchy
from geo.samples.districts import grids_of, share_out
from geo.samples.estates import build
from geo.samples.subjects import settle
from geo.samples.town import BARRIERS, draw_town, metres_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from shapely import Polygon

    from geo.samples.districts import Districts
    from geo.samples.estates import Estates
    from geo.samples.town import Town

DIVISIONS = Path(__file__).parents[2] / "data" / "boundaries" / "divisions.csv"
"""Official divisions: names and 12-digit statistical codes."""

TOWN_CODE = "310112103"
LEAST_AREA_KM2 = 20.0
MOST_HOUSEHOLDS_PER_KM2 = 3600.0
"""Beyond this density the ground grows: a place of a million households is larger than the real town."""


@dataclass(frozen=True)
class Sample:
    """A synthetic place and the truth about its faults.

    Parameters
    ----------
    place
        The place, as the store loads it.
    injected
        Faults put into the layer ``party``: ``kind, codes, area_m2, width_m, geometry`` (EPSG:4490).
    """

    place: Place
    injected: gpd.GeoDataFrame


def make_zhuanqiao(households: int = 20_000, seed: int = 1, *, divisions: Path = DIVISIONS) -> Sample:
    """Make the synthetic Zhuanqiao, of any size.

    Names and codes of the communities are official; their shapes, the streets, the people and everything else are
    made up (合成示意数据). The same households and seed give the same place.

    Parameters
    ----------
    households
        How many households, from 1,000 to 1,000,000. Up to 72,000 fit the real town's 20 km²; beyond, the ground
        grows with them.
    seed
        Seed of all chance.
    divisions
        Official divisions as CSV with columns ``code, name, level, parent_code``.

    Returns
    -------
    Sample
        Levels ``street, functional, community, grid`` are valid coverages of each other; ``party`` has the faults
        listed in ``injected``; ``order``, ``civil`` and ``urban`` are drawn differently, ``civil`` with omissions.

    Raises
    ------
    FileFormatError
        When ``divisions`` names no community of the town.

    Examples
    --------
    >>> sample = make_zhuanqiao(households=1000)
    >>> int((sample.place.subjects["kind"] == "household").sum())
    1000
    """
    official = _official(divisions)
    communities = official["name"].tolist()
    rng = np.random.default_rng(seed)
    area_km2 = max(LEAST_AREA_KM2, households / MOST_HOUSEHOLDS_PER_KM2)
    urban_share = float(np.clip(households / (area_km2 * 4200.0), 0.2, 0.85))
    town = draw_town(area_km2, urban_share, rng)
    districts = share_out(town, communities, rng)
    estates = build(town, districts, communities, households, rng)
    subjects, addresses, stations, per_block = settle(town, districts, estates, communities, households, rng)
    grid = grids_of(town, districts.community, per_block, estates.dedicated, seed)

    outline = dissolve(town.blocks, np.zeros(len(town.blocks), dtype=np.int64))
    frames = [
        _rows("street", outline, [TOWN_CODE], ["颛桥镇"]),
        _functional(town, districts),
        _rows(
            "community",
            dissolve(town.blocks, districts.community),
            official["code"].tolist(),
            communities,
            parent=[TOWN_CODE] * len(communities),
            staff=[_community_staff(row) for row in range(len(communities))],
        ),
        _grids(town, districts, estates, official, grid, per_block),
    ]
    layers, injected = _departments(town, districts, estates, grid, outline[0], rng)
    frames.extend(layers)
    zones = pd.concat(frames, ignore_index=True)
    lines = [town.lines[row] for row in town.edge_line.tolist()]
    streets = gpd.GeoDataFrame(
        {
            "name": pd.array([line.name or None for line in lines], dtype="str"),
            "kind": pd.array([line.kind for line in lines], dtype="str"),
            "walkable": [line.kind not in BARRIERS for line in lines],
            "attributes": [{} for _ in lines],
        },
        geometry=town.edges,
        crs="EPSG:4490",
    )
    place = Place(
        code="zhuanqiao",
        name="颛桥镇（示意数据）",
        boundary=outline[0],
        levels=tuple(
            replace(LEVELS[code], parent=None) if code == "street" else LEVELS[code]
            for code in ("street", "functional", "community", "grid", "party", "order", "civil", "urban")
        ),
        zones=gpd.GeoDataFrame(zones, geometry="geometry", crs="EPSG:4490"),
        subjects=gpd.GeoDataFrame(subjects, geometry="geometry", crs="EPSG:4490"),
        stations=gpd.GeoDataFrame(stations, geometry="geometry", crs="EPSG:4490"),
        addresses=gpd.GeoDataFrame(addresses, geometry="geometry", crs="EPSG:4490"),
        streets=streets,
        synthetic=True,
        source="合成示意数据：社区名称与编码取自国家统计局统计用区划代码，边界、道路、人口、单位均为程序生成",
        date="2026-01-01",
        notes=_notes(communities, households, area_km2, injected),
    )
    return Sample(place, injected)


def _notes(
    communities: list[str], households: int, area_km2: float, injected: gpd.GeoDataFrame
) -> tuple[str, ...]:
    villages = sum(name.endswith("村委会") for name in communities)
    kinds = "、".join(
        f"{kind} {count}" for kind, count in injected["kind"].value_counts().sort_index().items()
    )
    return (
        "本图为合成示意数据，不是颛桥镇的真实边界、道路、人口或单位；姓名和电话均为虚构。",
        (
            f"社区名称与编码为官方统计用区划代码：居委会 {len(communities) - villages} 个、村委会 {villages} 个；"
            "公开报道称 32 个居委会（含筹建 1 个）、14 个村，两者口径不同，本样例以区划代码为准。"
        ),
        "五个功能片区（颛桥、君莲、田园、北桥、都市）的社区归属为示意。",
        f"规模：{households:,} 户，{area_km2:.0f} 平方公里（面积随户数放大，超出真实镇域时仍沿用同一套社区）。",
        f"党建网格图层中有意放入 {len(injected)} 处已知问题（{kinds}），用于演示检查。",
        "少量住户和商户没有坐标、坐标写反或位于镇外，用于演示未归格原因。",
    )


def _official(divisions: Path) -> pd.DataFrame:
    """Return the town's communities in the official list, in order of code."""
    table = pd.read_csv(divisions, dtype=str)
    table = table[(table["parent_code"] == TOWN_CODE) & (table["level"] == "community")]
    if table.empty:
        raise FileFormatError(
            f"{divisions} 中没有颛桥镇（{TOWN_CODE}）的社区。",
            f"{divisions} has no community of {TOWN_CODE}",
            remedy="请使用项目自带的 data/boundaries/divisions.csv。",
        )
    return table.sort_values("code").reset_index(drop=True)


def _rows(
    level: str,
    geometry: NDArray[Any],
    codes: list[str],
    titles: list[str],
    *,
    parent: list[Any] | None = None,
    kind: list[str] | None = None,
    staff: list[Any] | None = None,
    attributes: list[dict[str, Any]] | None = None,
) -> pd.DataFrame:
    """Return zones of one level with the columns of ``geo.records``."""
    count = len(codes)
    return pd.DataFrame(
        {
            "code": pd.array(codes, dtype="str"),
            "name": pd.array(titles, dtype="str"),
            "layer": pd.array([LEVELS[level].layer] * count, dtype="str"),
            "level": pd.array([level] * count, dtype="str"),
            "kind": pd.array(kind or ["general"] * count, dtype="str"),
            "parent": pd.array(parent or [None] * count, dtype="str"),
            "staff": staff or [[] for _ in range(count)],
            "attributes": attributes or [{} for _ in range(count)],
            "geometry": geometry,
        }
    )


def _functional(town: Town, districts: Districts) -> pd.DataFrame:
    """Return the five functional zones: unions of communities."""
    count = len(names.FUNCTIONAL_ZONES)
    return _rows(
        "functional",
        dissolve(town.blocks, districts.functional),
        [f"GN{number:02d}" for number in range(1, count + 1)],
        [f"{name}片区" for name, _ in names.FUNCTIONAL_ZONES],
        parent=[TOWN_CODE] * count,
        staff=[
            [{"role": "片区长", "name": names.person(40 + n), "phone": names.phone(40 + n)}]
            for n in range(count)
        ],
        attributes=[{"stations": 1} for _ in range(count)],
    )


def _community_staff(row: int) -> list[dict[str, str]]:
    return [{"role": "党组织书记", "name": names.person(60 + row), "phone": names.phone(60 + row)}]


def _grid_staff(serial: int, households: int) -> list[dict[str, str]]:
    """Return staff "1 + 3 + N": a head, three officers, and a helper for every hundred households."""
    roles = ["网格长", "专职网格员", "兼职网格员", "网格指导员"]
    roles += ["微网格员"] * min(6, -(-households // 100))
    first = 200 + serial * 10
    return [
        {"role": role, "name": names.person(first + n), "phone": names.phone(first + n)}
        for n, role in enumerate(roles)
    ]


def _grids(
    town: Town,
    districts: Districts,
    estates: Estates,
    official: pd.DataFrame,
    grid: NDArray[np.int64],
    per_block: NDArray[np.int64],
) -> pd.DataFrame:
    """Return the grids with 15-digit codes, numbered west to east, then north to south, in each community."""
    shapes = dissolve(town.blocks, grid)
    some = np.unique(grid, return_index=True)[1]
    community = districts.community[some]
    alone = estates.dedicated[some]
    load = np.bincount(grid, weights=per_block).astype(int)
    centre = metres_of(shapely.get_coordinates(shapely.centroid(shapes)))
    band = np.round(-centre[:, 1] / 400.0)  # grids of about the same latitude make one row
    order = np.lexsort((centre[:, 0], band, community))
    uses = {use: np.flatnonzero(estates.use == use) for use in ("industry", "mall", "park")}
    titles_of = {
        **{int(block): f"{names.park_name(n)}专属网格" for n, block in enumerate(uses["industry"])},
        **{int(block): f"{names.mall_name(n)}专属网格" for n, block in enumerate(uses["mall"])},
        **{
            int(block): f"{names.short(official['name'][districts.community[block]])}公园专属网格"
            for block in uses["park"]
        },
    }
    codes, titles = [""] * len(shapes), [""] * len(shapes)
    numbers: dict[int, int] = {}
    generals: dict[int, int] = {}
    for row in order.tolist():
        home = int(community[row])
        numbers[home] = numbers.get(home, 0) + 1
        codes[row] = f"{official['code'][home]}{numbers[home]:03d}"
        if alone[row]:
            titles[row] = titles_of[int(some[row])]
        else:
            generals[home] = generals.get(home, 0) + 1
            titles[row] = f"{names.short(official['name'][home])}第{_chinese(generals[home])}网格"
    frame = _rows(
        "grid",
        shapes,
        codes,
        titles,
        parent=[official["code"][row] for row in community.tolist()],
        kind=["dedicated" if flag else "general" for flag in alone.tolist()],
        staff=[_grid_staff(serial, count) for serial, count in enumerate(load.tolist())],
        attributes=[{"functional": f"GN{row + 1:02d}"} for row in districts.functional[some].tolist()],
    )
    return frame.sort_values("code").reset_index(drop=True)


_DIGITS = "零一二三四五六七八九"


def _chinese(number: int) -> str:
    """Return a number from 1 to 999 in Chinese: 3 → 三, 12 → 十二, 105 → 一百零五."""
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    text = f"{_DIGITS[hundreds]}百" if hundreds else ""
    if tens:
        text += ("" if tens == 1 and not hundreds else _DIGITS[tens]) + "十"
    elif hundreds and ones:
        text += "零"
    return text + (_DIGITS[ones] if ones else "")


def _departments(
    town: Town,
    districts: Districts,
    estates: Estates,
    grid: NDArray[np.int64],
    outline: Polygon,
    rng: np.random.Generator,
) -> tuple[list[pd.DataFrame], gpd.GeoDataFrame]:
    """Return the departments' layers and the faults that were put into the party's."""
    party = shifted(town.pairs, grid, 0.10, rng)
    shapes = dissolve(town.blocks, party)
    shapes, codes, injected = inject(shapes, [f"DJ{n:03d}" for n in range(1, len(shapes) + 1)], outline, rng)
    alone = [bool(estates.dedicated[party == label].all()) for label in range(int(party.max()) + 1)]
    kind = ["dedicated" if flag else "general" for flag in alone] + ["general"] * (len(codes) - len(alone))
    frames = [_rows("party", shapes, codes, [f"党建网格{code[2:]}" for code in codes], kind=kind)]

    # the order department's grids are the same in the main, drawn on another base map, some given away
    order = shifted(town.pairs, grid, 0.12, rng)
    shapes = sketchy(dissolve(town.blocks, order), outline, 3.0, rng)
    frames.append(_numbered("order", "ZZ", "综治网格", shapes))

    # the civil department works by community, and has no grids for industrial parks
    civil = shifted(town.pairs, districts.community, 0.05, rng)
    shapes = dissolve(town.blocks, civil)
    industry = town.blocks[estates.use == "industry"]
    if len(industry):
        shapes = shapely.difference(shapes, shapely.multipolygons(list(industry)))
        shapes = shapes[~shapely.is_empty(shapes)]
    frames.append(_numbered("civil", "MZ", "民政网格", shapes))

    # urban management divides grids further, by area and not by people
    plane = shapely.area(shapely.transform(town.blocks, metres_of))
    urban = shifted(town.pairs, parts_of(town, plane, grid, (40_000.0, 80_000.0), 11), 0.03, rng)
    frames.append(_numbered("urban", "CG", "城管网格", dissolve(town.blocks, urban)))
    return frames, injected


def _numbered(level: str, prefix: str, title: str, shapes: NDArray[Any]) -> pd.DataFrame:
    codes = [f"{prefix}{number:04d}" for number in range(1, len(shapes) + 1)]
    return _rows(level, shapes, codes, [f"{title}{code[2:]}" for code in codes])
