"""Addresses: taken apart, normalised, matched; never guessed."""

from __future__ import annotations

from itertools import pairwise

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import Point

from geo.addresses import AddressBook, compare, near_misses, parse, rank
from geo.addresses.text import cleaned, plain
from geo.errors import GeoError


def book(*texts: str) -> AddressBook:
    points = [Point(121.4 + i / 1000, 31.07) for i in range(len(texts))]
    return AddressBook(gpd.GeoDataFrame({"text": list(texts)}, geometry=points, crs="EPSG:4490"))


GOLDEN = {
    # The places of the five accounts, as people write their addresses.
    "上海市闵行区颛桥镇颛兴东路1234弄15号602室": (
        {
            "province": "上海",
            "district": "闵行区",
            "street": "颛桥镇",
            "road": "颛兴东路",
            "lane": "1234",
            "number": "15",
            "room": "602",
        },
        "颛兴东路1234弄15号602室",
    ),
    "山东省青岛市市北区开平路街道阜阳路社区开平路10号": (
        {
            "province": "山东",
            "city": "青岛市",
            "district": "市北区",
            "street": "开平路街道",
            "community": "阜阳路社区",
            "road": "开平路",
            "number": "10",
        },
        "开平路10号",
    ),
    "鲁阳路社区幸福家园": ({"community": "鲁阳路社区", "estate": "幸福家园"}, "幸福家园"),
    "四流南路125号": ({"road": "四流南路", "number": "125"}, "四流南路125号"),
    "盐滩社区四流南路203号": (
        {"community": "盐滩社区", "road": "四流南路", "number": "203"},
        "四流南路203号",
    ),
    "开封路社区第一网格": ({"community": "开封路社区", "estate": "第一网格"}, "开封路社区第1网格"),
    "大同市平城区御东街道文瀛湖社区恒安新区A区12栋3单元501": (
        {
            "city": "大同市",
            "district": "平城区",
            "street": "御东街道",
            "community": "文瀛湖社区",
            "estate": "恒安新区a区",
            "building": "12",
            "unit": "3",
            "room": "501",
        },
        "恒安新区a区12幢3单元501室",
    ),
    "襄阳市张湾街道光华村3组12号": (
        {"city": "襄阳市", "street": "张湾街道", "community": "光华村", "number": "12", "estate": "3组"},
        "光华村3组12号",
    ),
    "都市路2688号": ({"road": "都市路", "number": "2688"}, "都市路2688号"),
    "北京东路12号": ({"road": "北京东路", "number": "12"}, "北京东路12号"),
    "御河西路甲12号院3号楼": ({"road": "御河西路", "number": "12甲", "building": "3"}, "御河西路12甲号3幢"),
    "颛盛路199弄华都大厦A座1201室": (
        {"road": "颛盛路", "lane": "199", "estate": "华都大厦", "building": "a", "room": "1201"},
        "颛盛路199弄a幢1201室",
    ),
    "三门路358弄8号": ({"road": "三门路", "lane": "358", "number": "8"}, "3门路358弄8号"),
    "颛桥3号公路12号": ({"road": "颛桥3号公路", "number": "12"}, "颛桥3号公路12号"),
    "颛桥镇政府": ({"estate": "颛桥镇政府"}, "颛桥镇政府"),
    "闵行区颛桥镇": ({"district": "闵行区", "street": "颛桥镇"}, "颛桥镇"),
    "12bis, Avenue de la Costa, 98000 Monaco": (
        {"city": "monaco", "road": "avenue de la costa", "number": "12bis"},
        "avenue de la costa 12bis号",
    ),
    "5 rue de la Colle, bât B, appt 12": (
        {"road": "rue de la colle", "number": "5", "building": "b", "room": "12"},
        "rue de la colle 5号b幢12室",
    ),
}


@pytest.mark.parametrize("text", GOLDEN)
def test_golden_addresses(text: str) -> None:
    parsed = parse(text)
    parts, key = GOLDEN[text]
    assert parsed.parts == parts
    assert parsed.key == key
    assert parse(parsed.key).key == parsed.key


SAME = [
    (
        "颛兴东路1234弄15号602室",
        "颛兴东路1234弄15号602",
        "颛兴东路１２３４弄１５号６０２室",
        "顓興東路1234弄15號602室",
        "颛兴东路一千二百三十四弄十五号六〇二室",
        "颛兴东路1234弄15-602",
        "颛兴东路 1234弄 15号 602室",
        "颛兴东路1234弄，15号，602户",
        "颛兴东路1234弄（兴银花园）15号602室",
        "颛兴东路1234弄兴银花园15号6楼602室",
        "颛兴东路1234弄15号(602室)",
        "上海闵行区颛桥镇颛建居委会颛兴东路1234弄015号602房",
    ),
    (
        "幸福家园3幢2单元101室",
        "幸福家园3号楼2单元101",
        "幸福家园3栋2单元101户",
        "幸福家园3座2门101室",
        "幸福家园3-2-101",
        "幸福家园3#2单元101室",
        "幸福家园第三幢二单元一〇一室",
    ),
    ("中山北一路1200号3幢5层", "中山北1路1200号3号楼5楼", "中山北一路1200号三栋五F"),
    ("建设路12号之2", "建设路12-2号", "建设路12号附2号", "建设路12号-2"),
    ("青岛市市北区开平路10号", "青岛市北区开平路10号", "开平路10", "开平路拾号".replace("拾", "十")),
    (
        "12 Avenue de la Costa",
        "12, avenue de la Costa",
        "Avenue de la Costa 12",
        "Avenue de la Costa, 12",
        "12 Av. de la Costa",
        "12 AVENUE DE LA COSTA, 98000 MONACO",
        "12 avenue de la Costa 98000 Monaco",
    ),
    ("3 Avenue Saint-Laurent", "3 av. St Laurent", "Avenue Saint Laurent 3"),
    ("1 Promenade Honoré II", "1 promenade honore ii", "Promenade Honore\u0301 II, 1"),
    ("34 b Quai Jean-Charles Rey", "34b, quai Jean Charles Rey"),
    ("12 avenue d'Ostende", "12, Avenue d’Ostende"),
]


@pytest.mark.parametrize("texts", SAME, ids=[texts[0] for texts in SAME])
def test_ways_of_writing_share_a_key(texts: tuple[str, ...]) -> None:
    assert {parse(text).key for text in texts} == {parse(texts[0]).key}


DIFFERENT = [
    ("颛兴东路1234弄15号", "颛兴东路1235弄15号"),
    ("颛兴东路1234弄15号", "颛兴西路1234弄15号"),
    ("颛兴东路1234弄15号", "颛兴东路1234号"),
    ("颛兴东路12号3幢", "颛兴东路12号3单元"),
    ("中山北一路12号", "中山北二路12号"),
    ("12 Avenue de la Costa", "12bis Avenue de la Costa"),
    ("1 Avenue de la Costa", "12 Avenue de la Costa"),
]


@pytest.mark.parametrize("texts", DIFFERENT, ids=[texts[0] for texts in DIFFERENT])
def test_different_addresses_never_match(texts: tuple[str, str]) -> None:
    a, b = (parse(text) for text in texts)
    assert a.key != b.key
    assert compare(a, b) is None
    assert compare(b, a) is None


@settings(deadline=None)
@given(
    st.text(max_size=40)
    | st.text("颛兴东路一二三十百1234弄号幢室-（）() 座Aａ楼層０第附之村组#", max_size=25)
)
def test_any_text_is_cleaned_once_and_parsed(text: str) -> None:
    assert plain(plain(text)) == plain(text)
    assert cleaned(cleaned(text)) == cleaned(text)
    parsed = parse(text)
    assert parse(text) == parsed
    assert parsed.text == text
    for longer, shorter in pairwise([parsed.key, *parsed.prefixes]):
        assert longer.startswith(shorter)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0第第0幢", "0幢"),
        ("颛兴东路第1234弄第15号602室", "颛兴东路1234弄15号602室"),
        ("都市路一百百号", "都市路一百百号"),  # no numeral at all
    ],
)
def test_ordinals_and_numerals_that_are_none(text: str, words: str) -> None:
    assert cleaned(text) == words
    assert cleaned(words) == words
    assert parse(text).key == parse(words).key


road = st.sampled_from(
    ["颛兴东路", "四流南路", "解放大街", "中山北一路", "都市路", "沪闵路", "人民大道", "柳树巷"]
)
estate = st.sampled_from(["兴银花园", "幸福家园", "阳光水岸", "华都大厦", "恒安苑"])
number = st.integers(1, 2_999)
small = st.integers(1, 30)
flat = st.builds(lambda floor, door: floor * 100 + door, st.integers(1, 32), st.integers(1, 8))
prefix = st.sampled_from(["", "上海市", "上海市闵行区", "闵行区颛桥镇", "上海闵行区颛桥镇", "颛桥镇"])
CHINESE = "零一二三四五六七八九"


def numeral(n: int) -> str:
    """Write 1–2,999 as people do: 15 十五, 110 一百一十."""
    out, zero = "", False
    for power, unit in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, n = divmod(n, power)
        if digit:
            out += ("零" if zero and out else "") + CHINESE[digit] + unit
        zero = digit == 0
    return out.removeprefix("一") if out.startswith("一十") else out


def wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


@settings(deadline=None)
@given(prefix, road, number, small, flat, st.integers(0, 5))
def test_renderings_of_a_shanghai_flat_share_a_key(
    before: str, street: str, lane: int, door: int, room: int, style: int
) -> None:
    plain_form = f"{street}{lane}弄{door}号{room}室"
    written = [
        f"{street}{lane}弄{door}号{room}",
        f"{street}{lane}弄{door}-{room}",
        f"{street}{numeral(lane)}弄{numeral(door)}号{room}室",
        wide(plain_form).replace("号", "號"),
        f"{street} {lane}弄（小区内） {door}号 {room // 100}层 {room}室",
        f"{street}{lane}弄兴银花园{door}号{room}户",
    ][style]
    assert parse(before + written).key == parse(plain_form).key
    assert parse(parse(plain_form).key).key == parse(plain_form).key
    assert f"{parse(street).key}{lane}弄{door}号" in parse(before + written).prefixes


@settings(deadline=None)
@given(prefix, estate, small, st.integers(1, 6), flat, st.integers(0, 4))
def test_renderings_of_an_estate_flat_share_a_key(
    before: str, name: str, building: int, unit: int, room: int, style: int
) -> None:
    written = [
        f"{name}{building}号楼{unit}单元{room}",
        f"{name}{building}栋{unit}单元{room}室",
        f"{name}{building}-{unit}-{room}",
        f"{name}{numeral(building)}幢{numeral(unit)}单元{room}室",
        f"{name}{building}座{unit}门{room}户",
    ][style]
    assert parse(before + written).key == f"{name}{building}幢{unit}单元{room}室"


@settings(deadline=None)
@given(st.lists(st.tuples(road, number, small, flat), min_size=1, max_size=25, unique=True), st.data())
def test_a_book_finds_each_of_its_addresses_and_no_other_number(
    known: list[tuple[str, int, int, int]], data: st.DataObject
) -> None:
    texts = [f"{street}{lane}弄{door}号{room}室" for street, lane, door, room in known]
    addresses = book(*texts)
    row = data.draw(st.integers(0, len(texts) - 1))
    found = addresses.match(f"上海市闵行区{texts[row]}")
    assert [(m.row, m.confidence, m.relation) for m in found] == [(row, 1.0, "exact")]
    street, lane, door, room = known[row]
    other = (street, lane + 1, door, room)
    if not any(k[0] == street and k[1] == lane + 1 for k in known):
        assert addresses.match("{}{}弄{}号{}室".format(*other)) == []
        assert addresses.near_misses("{}{}弄{}号{}室".format(*other))[0].confidence < 0.5


def test_the_building_answers_for_a_flat_that_is_not_listed() -> None:
    found = book("颛兴东路1234弄", "颛兴东路1234弄15号", "颛兴东路1234弄16号").match(
        "颛兴东路1234弄15号602室"
    )
    assert [(m.text, m.relation, m.confidence) for m in found] == [("颛兴东路1234弄15号", "inside", 0.8)]
    assert "602室" in found[0].reason
    assert found[0].lon == pytest.approx(121.401)


def test_knowing_the_street_is_not_knowing_the_house() -> None:
    known = book("颛兴东路", "颛兴东路8号")
    assert known.match("颛兴东路1234弄") == []
    assert [m.row for m in known.match("颛兴东路")] == [0]
    assert known.near_misses("颛兴东路9号")[0].text == "颛兴东路8号"


def test_an_address_in_two_districts_is_ambiguous_until_the_district_is_named() -> None:
    known = book("上海市闵行区人民路10号", "上海市浦东新区人民路10号", "上海市闵行区人民路12号")
    assert [(m.row, m.confidence) for m in known.match("人民路10号")] == [(0, 1.0), (1, 1.0)]
    assert [m.row for m in known.match("浦东新区人民路10号")] == [1]
    assert [m.row for m in known.match("上海人民路10号")] == [0, 1]
    assert known.match("徐汇区人民路10号") == []


def test_all_ties_come_back_beyond_the_limit() -> None:
    known = book(*(f"{district}区人民路10号" for district in "甲乙丙丁戊己庚"))
    assert len(known.match("人民路10号", limit=5)) == 7


def test_an_estate_is_found_by_its_name_and_by_its_street() -> None:
    known = book("颛兴东路1234弄兴银花园15号602室", "建设路12号幸福家园3号楼2单元101室")
    for text in ("兴银花园15号602室", "颛兴东路1234弄15号602", "闵行区兴银花园15-602"):
        assert [(m.row, m.confidence) for m in known.match(text)] == [(0, 1.0)], text
    for text in ("幸福家园3-2-101", "建设路12号3幢2单元101室"):
        assert [(m.row, m.confidence) for m in known.match(text)] == [(1, 1.0)], text


def test_search_keys_name_every_place_that_may_be_listed() -> None:
    assert parse("建设路12号幸福家园3号楼101室").search_keys == (
        "建设路12号3幢101室",
        "幸福家园3幢101室",
        "建设路12号3幢",
        "建设路12号",
        "幸福家园3幢",
        "幸福家园",
    )
    assert parse("").search_keys == ()


def test_a_vague_address_stands_for_a_building_or_names_several() -> None:
    flats = [f"颛兴东路1234弄{door}号{room}室" for door in (15, 16) for room in (101, 102, 103)]
    one = book(*flats).match("颛兴东路1234弄15号")
    assert [(m.row, m.relation, m.count) for m in one] == [(0, "contains", 3)]
    assert [(m.row, m.count) for m in book(*flats).match("颛兴东路1234弄")] == [(0, 3), (3, 3)]
    assert book(*flats).match("颛兴东路") == []


def test_a_slip_of_the_pen_is_found_with_less_confidence() -> None:
    known = book("颛兴东路1234弄15号602室", "颛兴西路1234弄15号602室", "颛盛路199弄1号")
    for text, reason in (("专兴东路1234弄15号602室", "读音相同"), ("颛光东路1234弄15号602室", "相近")):
        found = known.match(text)
        assert [m.row for m in found] == [0], text
        assert found[0].relation == "similar"
        assert found[0].confidence < 0.8
        assert reason in found[0].reason
    assert known.match("专兴东路1235弄15号602室") == []


def test_nothing_found_says_so_and_names_neighbours() -> None:
    known = book("开平路10号", "开平路12号", "开封路10号", "四流南路125号")
    assert known.match("开平路11号") == []
    near = known.near_misses("开平路11号")
    assert [m.text for m in near[:2]] == ["开平路10号", "开平路12号"]
    assert all(m.relation == "near" and m.confidence < 0.5 for m in near)
    assert "不是11号" in near[0].reason
    assert known.match("火星大道1号") == []
    assert known.near_misses("火星大道1号") == []
    assert known.match("") == []
    assert known.near_misses("  ") == []


def test_the_four_addresses_of_kaiping_road() -> None:
    known = book(
        "青岛市市北区开平路街道阜阳路社区开平路10号",
        "青岛市市北区开平路街道鲁阳路社区幸福家园",
        "青岛市市北区开平路街道开封路社区四流南路125号",
        "青岛市市北区开平路街道盐滩社区四流南路203号",
    )
    for row, text in enumerate(("开平路10号", "幸福家园", "四流南路125号", "四流南路203号")):
        assert [(m.row, m.confidence) for m in known.match(text)] == [(row, 1.0)]
    assert [m.row for m in known.match("幸福家园3号楼2单元101")] == [1]
    assert known.match("四流南路204号") == []


def test_monaco_addresses_match_in_either_order() -> None:
    known = book(
        "12 Avenue de la Costa, 98000 Monaco", "1 Avenue de la Costa, 98000 Monaco", "4-6 Avenue Albert II"
    )
    for text in ("12, avenue de la Costa", "Avenue de la Costa 12", "12 av de la costa"):
        assert [m.row for m in known.match(text)] == [0], text
    assert [m.row for m in known.match("12 avenue de la Costa, appt 5")] == [0]
    assert known.match("13 avenue de la Costa") == []
    assert [m.text for m in known.near_misses("13 avenue de la Costa", limit=1)] == [
        "12 Avenue de la Costa, 98000 Monaco"
    ]


def test_rank_compares_candidates_of_any_source() -> None:
    texts = ["颛兴东路1235弄15号", "颛桥镇颛兴东路1234弄15号", "颛兴东路1234弄15号602室"]
    assert [(m.row, m.confidence) for m in rank("颛兴东路1234弄15号602室", texts)] == [(2, 1.0)]
    assert [m.row for m in rank("颛兴东路1234弄15号601室", texts)] == [1]
    assert rank("颛兴东路1234弄15号", []) == []
    assert [m.row for m in near_misses("颛兴东路1234弄15号", texts)] == [0]


def test_books_take_frames_without_geometry_and_rows_without_text() -> None:
    known = AddressBook(pd.DataFrame({"text": ["开平路10号", None, float("nan"), " "]}))
    assert len(known) == 4
    found = known.match("开平路10号")
    assert [m.row for m in found] == [0]
    assert np.isnan(found[0].lon)
    assert AddressBook(pd.DataFrame({"text": []})).match("开平路10号") == []
    with pytest.raises(GeoError, match="text"):
        AddressBook(pd.DataFrame({"address": ["开平路10号"]}))


def test_progress_is_told() -> None:
    seen: list[float] = []
    AddressBook(pd.DataFrame({"text": ["开平路10号"] * 3}), progress=seen.append)
    assert seen == [1.0]
