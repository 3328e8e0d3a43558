"""Subjects, addresses and stations of the synthetic town."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from geo.samples import names
from geo.samples.estates import estate_outline
from geo.samples.fronts import Fronts
from geo.samples.town import lonlat_of, metres_of, to_lonlat

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from geo.samples.districts import Districts
    from geo.samples.estates import Estates
    from geo.samples.town import Town

UNKNOWN_PEOPLE_SHARE = 0.02
NO_LOCATION_SHARE = 0.002
HOUSEHOLDS_PER_BUSINESS = 14
HOUSEHOLDS_PER_INSTITUTION = 400
HOUSEHOLDS_PER_FACILITY = 180


@dataclass
class Records:
    """Columns of subjects, gathered kind by kind."""

    code: list[Any]
    kind: list[Any]
    name: list[Any]
    address: list[Any]
    people: list[Any]
    attributes: list[Any]
    geometry: list[Any]

    def add(
        self,
        kind: str,
        code: list[str],
        name: list[Any],
        address: list[Any],
        geometry: NDArray[Any],
        attributes: list[dict[str, Any]],
        people: pd.arrays.IntegerArray | None = None,
    ) -> None:
        """Append subjects of one kind."""
        self.code.append(code)
        self.kind.append([kind] * len(code))
        self.name.append(name)
        self.address.append(address)
        self.geometry.append(geometry)
        self.attributes.append(attributes)
        self.people.append(people if people is not None else pd.array([pd.NA] * len(code), dtype="Int64"))


def settle(
    town: Town,
    districts: Districts,
    estates: Estates,
    communities: list[str],
    households: int,
    rng: np.random.Generator,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, NDArray[np.int64]]:
    """Return subjects, addresses and stations (frames with a ``geometry`` column) and the households of each block."""
    fronts = Fronts(town, rng)
    records = Records([], [], [], [], [], [], [])
    texts: list[list[str]] = []
    owners: list[list[Any]] = []
    spots: list[NDArray[Any]] = []

    lanes = _add_estates(records, town, districts, estates, communities, fronts)
    texts.append([address for _, address in lanes.values()])
    owners.append([code for code, _ in lanes.values()])
    spots.append(_middle(records.geometry[0]))

    doors = _add_buildings(records, estates, lanes, fronts)
    texts.append(doors)
    owners.append(records.code[-1])
    spots.append(_middle(records.geometry[-1]))

    per_block, true_spots = _add_households(records, estates, doors, households, len(town.blocks), rng)
    texts.append(records.address[-1])
    owners.append(records.code[-1])
    spots.append(true_spots)

    _add_businesses(records, estates, fronts, households, rng)
    _add_institutions(records, districts, estates, communities, fronts, households, rng)
    for kind in (-2, -1):
        texts.append(records.address[kind])
        owners.append(records.code[kind])
        spots.append(records.geometry[kind])
    _add_facilities(records, districts, estates, communities, fronts, households, rng)
    stations = _stations(town, districts, estates, communities, fronts)
    flat = [item for part in texts for item in part]
    addresses = pd.DataFrame(
        {
            "text": pd.array(flat, dtype="str"),
            "subject": pd.array([item for part in owners for item in part], dtype="str"),
            "attributes": _nothing(len(flat)),
            "geometry": np.concatenate(spots),
        }
    )
    addresses = addresses[~shapely.is_missing(addresses["geometry"].to_numpy())]
    addresses = addresses.drop_duplicates("text").reset_index(drop=True)
    subjects = pd.DataFrame(
        {
            column: pd.array([item for part in getattr(records, column) for item in part], dtype="str")
            for column in ("code", "kind", "name", "address")
        }
    )
    subjects["people"] = pd.concat([pd.Series(part) for part in records.people], ignore_index=True)
    subjects["attributes"] = [item for part in records.attributes for item in part]
    subjects["geometry"] = np.concatenate(records.geometry)
    return subjects, addresses, stations, per_block


def _middle(shapes: NDArray[Any]) -> NDArray[Any]:
    """Return a quantised point inside each polygon."""
    xy = np.round(shapely.get_coordinates(shapely.point_on_surface(shapes)), 8)
    return np.asarray(shapely.points(xy))


def _nothing(count: int) -> list[dict[str, Any]]:
    return [{} for _ in range(count)]


def _add_estates(
    records: Records,
    town: Town,
    districts: Districts,
    estates: Estates,
    communities: list[str],
    fronts: Fronts,
) -> dict[int, tuple[str, str]]:
    """Add one estate for every built-up block; return code and address by block."""
    blocks = np.flatnonzero(np.isin(estates.use.astype(str), ("estate", "village")))
    blocks = blocks[np.lexsort((districts.remoteness_m[blocks], districts.community[blocks]))]
    plane = shapely.transform(town.blocks[blocks], metres_of)
    grounds = to_lonlat(np.array([estate_outline(block) for block in plane], dtype=object))
    spare = iter(names.estate_names())
    seen: dict[int, int] = {}
    lanes: dict[int, tuple[str, str]] = {}
    titles = []
    for serial, block in enumerate(blocks.tolist(), start=1):
        community = int(districts.community[block])
        order = seen[community] = seen.get(community, 0) + 1
        home = names.short(communities[community])
        if estates.use[block] == "village":
            title = address = f"{home}{order}组"
        else:
            road, lane = fronts.lane(block)
            address = f"{road}{lane}弄"
            if order <= len(names.ESTATE_SUFFIXES):
                title = home + names.ESTATE_SUFFIXES[order - 1]
            else:
                title = next(spare, f"{home}第{order}小区")
        titles.append(title)
        lanes[block] = (f"E{serial:05d}", address)
    records.add(
        "estate",
        [code for code, _ in lanes.values()],
        titles,
        [address for _, address in lanes.values()],
        grounds,
        [{"use": str(estates.use[block])} for block in blocks.tolist()],
    )
    return lanes


_PUBLIC_USE = {"mall": "商业", "industry": "厂房", "school": "学校"}


def _add_buildings(
    records: Records, estates: Estates, lanes: dict[int, tuple[str, str]], fronts: Fronts
) -> list[str]:
    """Add the buildings; return their door addresses."""
    other: dict[int, str] = {}
    ordinal: dict[int, int] = {}
    doors, codes, attributes = [], [], []
    for serial, (block, rooms, per_floor) in enumerate(
        zip(estates.block.tolist(), estates.rooms.tolist(), estates.per_floor.tolist(), strict=True), start=1
    ):
        number = ordinal[block] = ordinal.get(block, 0) + 1
        if block in lanes:
            estate, place = lanes[block]
            extra: dict[str, Any] = {"estate": estate, "use": "住宅", "floors": rooms // per_floor}
        else:
            if block not in other:
                road, lane = fronts.lane(block)
                other[block] = f"{road}{lane}弄"
            place = other[block]
            extra = {"use": _PUBLIC_USE[str(estates.use[block])]}
        doors.append(f"{place}{number}号")
        codes.append(f"B{serial:06d}")
        attributes.append(extra)
    footprints = to_lonlat(np.asarray(shapely.polygons(estates.corners)))
    records.add("building", codes, [None] * len(codes), doors, footprints, attributes)
    return doors


def _add_households(
    records: Records,
    estates: Estates,
    doors: list[str],
    households: int,
    blocks: int,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[Any]]:
    """Add the households to rooms; return their number per block and where they really live."""
    lived = np.flatnonzero(estates.rooms > 0)
    total = int(estates.rooms.sum())
    room = np.sort(rng.choice(total, size=households, replace=False))
    first = np.concatenate([[0], np.cumsum(estates.rooms[lived])])
    slot = np.searchsorted(first, room, side="right") - 1
    building = lived[slot]
    local = room - first[slot]
    floor, door = np.divmod(local, estates.per_floor[building])
    a, b, _, d = estates.corners[building].transpose(1, 0, 2)
    share = (door + rng.uniform(0.2, 0.8, households)) / estates.per_floor[building]
    depth = rng.uniform(0.15, 0.85, households)
    xy = a + (0.03 + 0.94 * share)[:, None] * (b - a) + depth[:, None] * (d - a)
    points = np.asarray(shapely.points(lonlat_of(xy)))

    numbers = ((floor + 1) * 100 + door + 1).tolist()
    single = (estates.per_floor[building] == 1).tolist()
    address = [
        doors[row] if alone else f"{doors[row]}{number}室"
        for row, number, alone in zip(building.tolist(), numbers, single, strict=True)
    ]
    people = pd.array(
        rng.choice([1, 2, 3, 4, 5, 6], size=households, p=[0.2, 0.28, 0.28, 0.13, 0.09, 0.02]), dtype="Int64"
    )
    people[rng.random(households) < UNKNOWN_PEOPLE_SHARE] = pd.NA
    located = points.copy()
    strange = rng.permutation(households)
    lost = max(3, int(households * NO_LOCATION_SHARE))
    located[strange[:lost]] = None
    bad, away = strange[lost : lost + 4], strange[lost + 4 : lost + 10]
    # what registers really hold: longitude and latitude exchanged, or a zero that meant "unknown"
    located[bad[:2]] = shapely.points(lonlat_of(xy[bad[:2]])[:, ::-1])
    located[bad[2:]] = shapely.points(np.zeros((len(bad[2:]), 2)))
    # and a household that is registered here but lives beyond the town's border
    reach = float(np.abs(estates.corners).max()) * 1.5
    turn = rng.uniform(0.0, 2.0 * np.pi, len(away))
    located[away] = shapely.points(
        lonlat_of(np.column_stack([np.cos(turn), np.sin(turn)]) * (reach + 1500.0))
    )

    # one dict per building, shared by its households: a million separate ones would cost 200 MB
    shared: list[dict[str, Any]] = [{"building": f"B{row + 1:06d}"} for row in range(len(doors))]
    width = max(6, len(str(households)))
    records.add(
        "household",
        [f"H{serial:0{width}d}" for serial in range(1, households + 1)],
        [names.person(serial) for serial in range(households)],
        address,
        located,
        [shared[row] for row in building.tolist()],
        people,
    )
    return np.bincount(estates.block[building], minlength=blocks).astype(np.int64), points


def _choose(
    estates: Estates, uses: dict[str, float], count: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return blocks drawn by the weight of their use."""
    weight = np.array([uses.get(str(use), 0.0) for use in estates.use])
    if weight.sum() == 0.0:
        weight = np.ones(len(weight))
    return np.asarray(rng.choice(len(weight), size=count, p=weight / weight.sum()))


def _add_businesses(
    records: Records,
    estates: Estates,
    fronts: Fronts,
    households: int,
    rng: np.random.Generator,
) -> None:
    """Add shops along the streets and firms in the industrial parks."""
    count = max(10, households // HOUSEHOLDS_PER_BUSINESS)
    blocks = _choose(
        estates, {"estate": 1.0, "mall": 12.0, "industry": 4.0, "village": 0.4, "school": 0.3}, count, rng
    )
    xy, address = fronts.places(blocks)
    shops, words, firms = names.SHOP_KINDS, names.SHOP_WORDS, names.FIRM_KINDS
    pick = rng.integers(0, 10_000, count).tolist()
    title = []
    for number, block in zip(pick, blocks.tolist(), strict=True):
        if estates.use[block] == "industry":
            title.append(f"示例{words[number % len(words)]}{firms[number % len(firms)]}")
        else:
            title.append(f"{words[number // 16 % len(words)]}{shops[number % 16]}")
    points = np.asarray(shapely.points(lonlat_of(xy)))
    lost = rng.permutation(count)
    points[lost[: max(1, int(count * NO_LOCATION_SHARE))]] = None
    records.add(
        "business",
        [f"S{serial:06d}" for serial in range(1, count + 1)],
        title,
        address,
        points,
        _nothing(count),
    )


def _add_institutions(
    records: Records,
    districts: Districts,
    estates: Estates,
    communities: list[str],
    fronts: Fronts,
    households: int,
    rng: np.random.Generator,
) -> None:
    """Add the committees' offices, schools, industrial parks and other institutions: all of them located."""
    offices = _office_blocks(districts, estates, len(communities))
    parks = np.flatnonzero(estates.use == "industry")
    schools = np.flatnonzero(estates.use == "school")
    others = _choose(
        estates, {"estate": 1.0, "village": 0.3, "field": 0.1}, households // HOUSEHOLDS_PER_INSTITUTION, rng
    )
    blocks = np.concatenate([offices, parks, schools, others])
    xy, address = fronts.places(blocks)
    homes = [names.short(communities[int(districts.community[block])]) for block in blocks]
    pick = rng.integers(0, len(names.INSTITUTION_KINDS), len(blocks)).tolist()
    title, attributes = [], []
    for row, home in enumerate(homes):
        if row < len(offices):
            title.append(communities[row])
            attributes.append({"use": "居村委"})
        elif row < len(offices) + len(parks):
            title.append(names.park_name(row - len(offices)))
            attributes.append({"use": "产业园区"})
        elif row < len(offices) + len(parks) + len(schools):
            title.append(f"{home}第{row}学校")
            attributes.append({"use": "学校"})
        else:
            title.append(home + names.INSTITUTION_KINDS[pick[row]])
            attributes.append({"use": "单位"})
    records.add(
        "institution",
        [f"I{serial:05d}" for serial in range(1, len(blocks) + 1)],
        title,
        address,
        np.asarray(shapely.points(lonlat_of(xy))),
        attributes,
    )


def _add_facilities(
    records: Records,
    districts: Districts,
    estates: Estates,
    communities: list[str],
    fronts: Fronts,
    households: int,
    rng: np.random.Generator,
) -> None:
    """Add public facilities along the streets."""
    count = max(8, households // HOUSEHOLDS_PER_FACILITY)
    blocks = _choose(estates, {"estate": 1.0, "park": 3.0, "village": 0.5, "mall": 2.0}, count, rng)
    xy, address = fronts.places(blocks)
    title = []
    for serial, block in enumerate(blocks.tolist()):
        home = names.short(communities[int(districts.community[block])])
        title.append(home + names.FACILITY_KINDS[serial % len(names.FACILITY_KINDS)])
    records.add(
        "facility",
        [f"F{serial:05d}" for serial in range(1, count + 1)],
        title,
        address,
        np.asarray(shapely.points(lonlat_of(xy))),
        _nothing(count),
    )


def _office_blocks(districts: Districts, estates: Estates, communities: int) -> NDArray[np.int64]:
    """Return the innermost built-up block of each community."""
    lived = np.isin(estates.use.astype(str), ("estate", "village"))
    order = np.lexsort((districts.remoteness_m, ~lived, districts.community))
    starts = np.searchsorted(districts.community[order], np.arange(communities))
    return np.asarray(order[starts])


def _stations(
    town: Town, districts: Districts, estates: Estates, communities: list[str], fronts: Fronts
) -> pd.DataFrame:
    """Return the stations 1 + 5 + N."""
    lived = np.flatnonzero(estates.use == "estate")
    hubs = [int(lived[np.hypot(*(districts.centre[lived] - core).T).argmin()]) for core in town.cores]
    offices = _office_blocks(districts, estates, len(communities))
    parks = np.flatnonzero(estates.use == "industry")
    malls = np.flatnonzero(estates.use == "mall")
    blocks = np.concatenate([[hubs[0]], hubs, offices, parks, malls]).astype(np.int64)
    xy, address = fronts.places(blocks)
    title = [
        "颛桥镇党群服务中心",
        *(f"{zone}片区党群服务中心" for zone, _ in names.FUNCTIONAL_ZONES),
        *(f"{names.short(name)}党群服务站" for name in communities),
        *(f"{names.park_name(serial)}党群服务站" for serial in range(len(parks))),
        *(f"{names.mall_name(serial)}党群服务站" for serial in range(len(malls))),
    ]
    kind = ["center", *["zone"] * len(hubs), *["point"] * (len(blocks) - 1 - len(hubs))]
    return pd.DataFrame(
        {
            "code": pd.array([f"ST{serial:03d}" for serial in range(1, len(blocks) + 1)], dtype="str"),
            "name": pd.array(title, dtype="str"),
            "kind": pd.array(kind, dtype="str"),
            "address": pd.array(address, dtype="str"),
            "attributes": _nothing(len(blocks)),
            "geometry": shapely.points(lonlat_of(xy)),
        }
    )
