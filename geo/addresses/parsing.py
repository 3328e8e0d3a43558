"""The grammar of addresses.

Chinese: 省 > 市 > 区县 > 街道/镇 > 社区/村 > 路/街/巷 > 弄 > 号 > 小区 > 楼栋 (幢/栋/座/号楼) > 单元 > 楼层 > 户室.
In Shanghai 弄 numbers an estate and 号 a building inside it. Plain European: street and number in either order, then
postcode and town. What is left over (a shop's name, 对面) is ``rest`` and compared with nothing.

**Key.** Two ways of writing one address have one key. It begins at the most specific *named* place (the street;
without one the estate, the village, the community…), because people leave out province, city and street office at
will, and every number in it ends with its unit, so that the key of a building is a prefix of the keys of its flats:
``颛兴东路1234弄15号`` and ``颛兴东路1234弄15号602室``. Whether two addresses with one key are in the same city is
told by ``locality``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from geo.addresses.european import european_parts, is_european_key
from geo.addresses.patterns import (
    ATTACHED,
    CITY,
    CITY_BEFORE_WARD,
    COMMUNITY,
    DISTRICT,
    LANE,
    NAME,
    NAME_UNITS,
    NUMBER,
    PROVINCE,
    ROAD,
    SLOT,
    STREET,
    TOKEN,
)
from geo.addresses.text import cleaned, is_chinese, named

Kind = Literal["unit", "building", "number", "street", "place", "area", "other"]

LOCALITY = ("province", "city", "district", "street", "community")
NUMBERS = ("lane", "sublane", "number", "building", "unit", "floor", "room")
_SUFFIX = {
    "lane": "弄",
    "sublane": "支弄",
    "number": "号",
    "building": "幢",
    "unit": "单元",
    "floor": "层",
    "room": "室",
}


@dataclass(frozen=True)
class ParsedAddress:
    """An address taken apart. Parts that it does not name are empty.

    Parameters
    ----------
    text
        As given.
    province, city, district, street, community
        省, 市, 区县, 街道/镇/乡, 社区/村: the locality.
    road
        路, 街, 巷…; the last of several.
    lane, sublane, number
        弄 (or 巷 with a number), 支弄, 门牌号: digits, perhaps a letter or ``-`` in them, without the unit.
    estate
        小区, or any other name: 大厦, 公司, 学校.
    building, unit, floor, room
        楼栋, 单元, 楼层, 户室, without their units.
    rest
        What is left over.
    """

    text: str
    province: str = ""
    city: str = ""
    district: str = ""
    street: str = ""
    community: str = ""
    road: str = ""
    lane: str = ""
    sublane: str = ""
    number: str = ""
    estate: str = ""
    building: str = ""
    unit: str = ""
    floor: str = ""
    room: str = ""
    rest: str = ""
    latin: bool = field(default=False, repr=False)
    estate_first: bool = field(default=False, repr=False)

    @cached_property
    def name(self) -> str:
        """The named place that numbers count from: street, estate, community…, numerals in Arabic digits."""
        if self.road:
            inner = self.estate if self.estate_first or not (self.lane or self.number) else ""
            return named(self.road + inner)
        area = self.community or self.street or self.district or self.city or self.province
        if self.estate:
            # 政府, 3组 or 第五网格 alone names nothing: with the place before it, it does.
            return named(self.estate if _is_name(self.estate) else area + self.estate)
        return named(area or self.rest)

    @cached_property
    def numbers(self) -> tuple[str, ...]:
        """The numbers with their units, from the widest: ``("1234弄", "15号", "602室")``.

        A floor that the room's number repeats is left out.
        """
        skip = self.floor and len(self.room) > 2 and self.room.startswith(self.floor)  # noqa: PLR2004  602: 6楼
        return tuple(
            getattr(self, part) + _SUFFIX[part]
            for part in NUMBERS
            if getattr(self, part) and not (part == "floor" and skip)
        )

    @cached_property
    def key(self) -> str:
        """The normalised form: one for all ways of writing the address."""
        return self._joined(len(self.numbers))

    def _joined(self, count: int) -> str:
        # Street names in Latin letters may end in digits (quai antoine 1er).
        space = " " if self.latin and self.name and count else ""
        return self.name + space + "".join(self.numbers[:count])

    @cached_property
    def other_key(self) -> str | None:
        """The key that begins at the estate, where the address names a street number and an estate both."""
        if not (self.road and self.estate and _is_name(self.estate)) or self.latin:
            return None
        # In 颛兴东路1234弄兴银花园15号 the 弄 is the estate; in 建设路12号幸福家园3幢 the 号 is.
        inside = NUMBERS[2:] if self.lane or self.estate_first else NUMBERS[3:]
        tail = [number for number in self.numbers if _part_of(number) in inside]
        return named(self.estate) + "".join(tail)

    @cached_property
    def inner(self) -> ParsedAddress | None:
        """The address as its estate tells it: :attr:`other_key` taken apart, with the same locality."""
        if self.other_key is None:
            return None
        locality: dict[str, Any] = self.locality
        return replace(parse(self.other_key), **locality)

    @cached_property
    def views(self) -> tuple[ParsedAddress, ...]:
        """All readings of the address: itself, as its estate tells it, and 兴银花园15-602 with 15 as a 号."""
        guess = None
        if self.estate and not (self.road or self.number or self.unit) and _BARE_PAIR.search(self.text):
            guess = replace(self, number=self.building, building="")
        return tuple(view for view in (self, self.inner, guess) if view is not None)

    @cached_property
    def prefixes(self) -> tuple[str, ...]:
        """Keys of the places that contain this one, from the smallest: flat → building → estate."""
        # A street contains its houses, but knowing the street is not knowing the house.
        least = 1 if self.road and not self.estate_first else 0
        return tuple(
            self._joined(count) for count in range(len(self.numbers) - 1, least - 1, -1) if self.name
        )

    @cached_property
    def search_keys(self) -> tuple[str, ...]:
        """Keys under which the address, or a place that contains it, may be known: in all readings, best first."""
        own = [view.key for view in self.views]
        wider = [prefix for view in self.views for prefix in view.prefixes]
        return tuple(key for key in dict.fromkeys([*own, *wider]) if key)

    @cached_property
    def locality(self) -> dict[str, str]:
        """The parts of the locality that are given, by name of the part."""
        return {part: getattr(self, part) for part in LOCALITY if getattr(self, part)}

    @property
    def parts(self) -> dict[str, str]:
        """All parts that are given, from the widest, by name."""
        names = (*LOCALITY, "road", *NUMBERS[:3], "estate", *NUMBERS[3:], "rest")
        return {part: getattr(self, part) for part in names if getattr(self, part)}

    @property
    def kind(self) -> Kind:
        """How narrow the address is."""
        if self.room:
            return "unit"
        if self.building or self.unit or self.floor:
            return "building"
        if self.number or self.lane:
            return "number"
        if self.road:
            return "street"
        if self.estate:
            return "place"
        return "area" if self.locality else "other"


_NAME_LENGTH = 3
_BARE_PAIR = re.compile(r"[^0-9-][0-9]+\s*[-－—]\s*[0-9]+\s*[室户房]?\s*$")


def _is_name(estate: str) -> bool:
    return len(estate) >= _NAME_LENGTH and not estate.startswith("第") and not estate[0].isdigit()


def _part_of(number: str) -> str:
    return next(part for part in ("sublane", *NUMBERS) if number.endswith(_SUFFIX[part]))


def parse(text: str) -> ParsedAddress:
    """Take an address apart.

    Parameters
    ----------
    text
        An address as people write it. Never fails: what no rule understands is ``rest``.

    Returns
    -------
    ParsedAddress
        Its parts, ``key`` and ``kind``.

    Examples
    --------
    >>> parse("上海市闵行区颛桥镇颛兴东路1234弄15号602室").key
    '颛兴东路1234弄15号602室'
    >>> parse("顓興東路１２３４弄十五號六〇二").key
    '颛兴东路1234弄15号602室'
    >>> parse("12, avenue de la Costa").key == parse("Avenue de la Costa 12").key
    True
    """
    if not is_chinese(text) or is_european_key(text):
        found: dict[str, Any] = european_parts(text)
        return ParsedAddress(text=text, latin=True, **found)
    body = ATTACHED.sub(r"\1-\2号", cleaned(text))
    parts: dict[str, str] = {}
    at = _locality(body, parts)
    at = _roads(body, at, parts)
    _inside(body, at, parts)
    first = bool(
        parts.pop("_inside", "") and parts.get("road") and parts.get("estate") and not parts.get("lane")
    )
    given: dict[str, Any] = {**parts, "estate_first": first}
    return ParsedAddress(text=text, **given)


def _locality(body: str, parts: dict[str, str]) -> int:
    """Read province to community; return where they end."""
    at = 0
    if found := PROVINCE.match(body):
        parts["province"] = next(group for group in found.groups() if group)
        at = found.end()
    if found := CITY_BEFORE_WARD.match(body, at) or CITY.match(body, at):
        parts["city"] = found[0]
        at = found.end()
    if found := DISTRICT.match(body, at):
        parts["district"] = found[0]
        at = found.end()
    if found := STREET.match(body, at):
        parts["street"] = found[0].removesuffix("办事处")
        at = found.end()
    if found := COMMUNITY.match(body, at):
        parts["community"] = found[0]
        at = found.end()
    return at


def _roads(body: str, at: int, parts: dict[str, str]) -> int:
    """Read streets (the last counts), lane and house number; return where they end."""
    while found := ROAD.match(body, at):
        parts["road"] = found[0]
        at = found.end()
    if not parts.get("road"):
        return at
    if found := LANE.match(body, at):
        parts["lane"], parts["sublane"] = found[1], found[3] or ""
        at = found.end()
    if found := NUMBER.match(body, at):
        parts["number"] = found[2] + (found[1] or found[3] or found[4] or "")
        at = found.end()
    return at


def _inside(body: str, at: int, parts: dict[str, str]) -> None:
    """Read what is inside an estate or behind a house number: names, then tokens with and without units."""
    bare: list[str] = []
    names: list[str] = []
    begun = False
    while at < len(body):
        if body[at] in "-#":
            at += 1
            continue
        if (token := TOKEN.match(body, at)) and token.end() > at:
            begun = True
            _token(token[1], token[2] or "", bare, names, parts, last=token.end() == len(body))
            at = token.end()
        elif found := NAME.match(body, at):
            _settle(bare, parts)
            _name(found[0], names, parts, begun=begun)
            at = found.end()
        else:
            names.append(body[at])
            at += 1
    _settle(bare, parts)
    if names:
        parts["rest"] = "".join(names)


def _name(name: str, names: list[str], parts: dict[str, str], *, begun: bool) -> None:
    """File a name: the estate when it comes before all numbers inside, otherwise what is left over."""
    inside = begun and any(parts.get(slot) for slot in ("building", "unit", "floor", "room"))
    if parts.get("estate") or inside or (begun and not parts.get("road") and not parts.get("number")):
        names.append(name)
    else:
        parts["estate"] = name


def _token(
    number: str, unit: str, bare: list[str], names: list[str], parts: dict[str, str], *, last: bool
) -> None:
    """File a number by its unit; without one it waits for what follows."""
    if not unit:
        bare.append(number)
    elif unit in NAME_UNITS:
        _settle(bare, parts)
        parts["estate"] = parts.get("estate", "") + number + unit
    elif unit == "楼":
        # 幸福家园3楼2单元 is a building, 15号3楼 and 3楼 at the end a floor.
        slot = "building" if not last and not parts.get("building") and not parts.get("number") else "floor"
        _fill(slot, number, bare, names, parts)
    elif unit == "号":
        _house(number, bare, names, parts)
    else:
        _fill(SLOT[unit], number, bare, names, parts)


def _house(number: str, bare: list[str], names: list[str], parts: dict[str, str]) -> None:
    """File N号: the house number, or the room behind a building (15幢602号)."""
    if parts.get("building") or parts.get("unit") or parts.get("number"):
        _fill("room", number, bare, names, parts)
    else:
        parts["number"] = "-".join([*bare, number])
        bare.clear()
        parts["_inside"] = "yes"


def _fill(slot: str, number: str, bare: list[str], names: list[str], parts: dict[str, str]) -> None:
    _settle(bare, parts, before=slot)
    if slot == "building" and parts.get(slot) and not parts.get("unit"):
        slot = "unit"  # 2幢B座
    if parts.get(slot):
        names.append(number + _SUFFIX[slot])
    else:
        parts[slot] = number


def _settle(bare: list[str], parts: dict[str, str], *, before: str = "") -> None:
    """Give numbers without units their places: 15-602 behind a lane is 15号602室, 3-2-602 in an estate 3幢2单元602室.

    Parameters
    ----------
    bare
        The numbers, in order. Emptied.
    parts
        What is known; filled.
    before
        The slot of the number that follows them with a unit: they are wider than it.
    """
    if not bare:
        return
    order = ["building", "unit", "room"]
    if parts.get("road") and not parts.get("number") and not parts.get("building"):
        order = ["number", "unit", "room"] if parts.get("lane") else ["number", "building", "unit", "room"]
    if before in order:
        order = order[: order.index(before)]
    elif before == "floor":
        order = order[:-1]
    free = [slot for slot in order if not parts.get(slot)]
    first = free[0] if free else ""
    if len(bare) == 2 and first == "number" and not before and not parts.get("lane"):  # noqa: PLR2004
        # 中山路15-602 has a room; 中山路15-2 is a number of its own.
        free = ["number", "room"] if len(bare[1]) > 2 else ["number"]  # noqa: PLR2004
        if free == ["number"]:
            bare[:] = ["-".join(bare)]
    elif len(bare) < len(free) and not before:
        # Too few numbers for all slots: the widest and the narrowest are what people write.
        free = _likely(free, bare, parts)
    parts.update(zip(free, bare, strict=False))
    if len(bare) > len(free):
        parts["rest"] = "-".join([*([parts["rest"]] if parts.get("rest") else []), *bare[len(free) :]])
    bare.clear()


def _likely(free: list[str], bare: list[str], parts: dict[str, str]) -> list[str]:
    """Choose the slots of one or two bare numbers at the end of an address."""
    if free[0] == "number":
        return ["number", *free[-(len(bare) - 1) :]] if len(bare) > 1 else ["number"]
    inside = bool(parts.get("number") or parts.get("building"))
    if len(bare) == 1:
        return ["room"] if inside or parts.get("unit") or len(bare[0]) > 2 else ["building"]  # noqa: PLR2004
    if inside and parts.get("lane"):
        return ["unit", "room"]
    return [free[0], "room"]
