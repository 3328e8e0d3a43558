"""Zone codes: formats, faults, numbering, lineage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo.codes import CJT349, DB11, PRESETS, Lineage, Segment, ZoneCodeFormat, check, number, retire
from geo.errors import CodeFormatError

if TYPE_CHECKING:
    from geo.codes import Reason

COMMUNITY = "310112103001"


def test_presets_have_the_lengths_of_their_standards() -> None:
    assert [(f.length, f.sequence_length) for f in PRESETS.values()] == [(15, 3), (20, 2)]
    assert DB11.split("310112103001007") == {
        "county": "310112",
        "street": "103",
        "community": "001",
        "sequence": "007",
    }
    assert CJT349.compose(COMMUNITY, 5, "010101") == "010101310112103001" + "05"


@given(st.integers(1, 999))
def test_what_is_composed_is_sound(sequence: int) -> None:
    code = DB11.compose(COMMUNITY, sequence)
    assert check([code], [COMMUNITY]).empty
    assert int(DB11.split(code)["sequence"]) == sequence


def test_every_fault_is_found_at_once() -> None:
    codes = [
        "310112103001001",
        "310112103001001",
        "31011210300100",
        "31011210300100A",
        None,
        "310112103002001",
        "310112103001000",
        "310112103001009",
    ]
    faults = check(codes, [COMMUNITY] * len(codes), retired={"310112103001009"})
    found = faults.groupby(level=0).problem.agg(list).to_dict()
    assert found == {
        1: ["duplicate"],
        2: ["length"],
        3: ["characters"],
        4: ["missing"],
        5: ["prefix"],
        6: ["sequence"],
        7: ["retired"],
    }
    assert faults[["message", "remedy"]].map(len).to_numpy().all()


def test_no_codes_no_faults() -> None:
    assert check([]).empty
    assert list(check([]).columns) == ["code", "problem", "message", "remedy"]


def _grid(size: int) -> gpd.GeoDataFrame:
    """Squares of 0.005 degrees, row by row from the south-west."""
    cells = [
        shapely.box(121.4 + i * 0.005, 31.07 + j * 0.005, 121.4 + (i + 1) * 0.005, 31.07 + (j + 1) * 0.005)
        for j in range(size)
        for i in range(size)
    ]
    return gpd.GeoDataFrame({"parent": COMMUNITY}, index=range(len(cells)), geometry=cells, crs="EPSG:4490")


def test_numbering_runs_west_to_east_then_north_to_south() -> None:
    """Number four squares, drawn as they lie.

    ===  ===
    001  003
    002  004
    ===  ===
    """
    codes = number(_grid(2))
    assert [code[-3:] for code in codes] == ["002", "004", "001", "003"]


def test_numbering_skips_codes_in_use_and_retired_ones() -> None:
    codes = number(_grid(2), taken={COMMUNITY + "001"}, retired={COMMUNITY + "003"})
    assert sorted(code[-3:] for code in codes) == ["002", "004", "005", "006"]


def test_each_parent_is_numbered_from_one() -> None:
    zones = _grid(2)
    zones["parent"] = ["310112103001", "310112103001", "310112103002", "310112103002"]
    assert sorted(number(zones)) == [f"31011210300{c}00{s}" for c in (1, 2) for s in (1, 2)]


def test_overflow_orphans_and_misfits_are_refused() -> None:
    small = ZoneCodeFormat("试验", (Segment("community", 12), Segment("sequence", 1)))
    with pytest.raises(CodeFormatError, match="超出"):
        number(_grid(4), code_format=small)
    with pytest.raises(CodeFormatError, match="没有上级编码"):
        number(_grid(1).assign(parent=None))
    with pytest.raises(CodeFormatError, match="位"):
        number(_grid(1).assign(parent="3101"))
    with pytest.raises(CodeFormatError):
        DB11.split("123")


def test_formats_need_one_sequence_at_the_end() -> None:
    with pytest.raises(CodeFormatError):
        ZoneCodeFormat("坏", (Segment("sequence", 3), Segment("community", 3)))
    with pytest.raises(CodeFormatError):
        ZoneCodeFormat("坏", (Segment("sequence", 0),))


def test_lineage_keeps_what_became_of_a_code() -> None:
    history = retire(Lineage(), "A", ["B", "C"], "split")
    history = history.retire("B", ["D"], "merge").retire("C", ["D"], "merge").retire("D", [], "abolish")
    assert history.descendants("A") == ()
    assert history.ancestors("D") == ("C", "B", "A")
    assert history.retired == {"A", "B", "C", "D"}


@pytest.mark.parametrize(
    ("code", "heirs", "reason"),
    [
        ("A", ["X"], "renumber"),
        ("B", ["A"], "renumber"),
        ("B", ["B"], "renumber"),
        ("B", ["X"], "split"),
        ("B", [], "merge"),
        ("B", ["X"], "abolish"),
    ],
)
def test_retired_codes_are_never_used_again(code: str, heirs: list[str], reason: Reason) -> None:
    history = Lineage().retire("A", ["B", "C"], "split")
    with pytest.raises(CodeFormatError):
        history.retire(code, heirs, reason)
