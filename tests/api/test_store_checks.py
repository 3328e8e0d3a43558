"""Faults and circles are stored, numbered, honest about exceptions, and made anew by the next check."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import shapely
from sqlalchemy import text

from api.store import checks, circles, exceptions, exports, places, versions
from api.store.errors import NotFoundError, StoreError
from geo.errors import UnknownReferenceError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from geo.records import Place


@pytest.fixture
def board(session: Session, make_board: Callable[..., Place]) -> Place:
    place = make_board()
    places.load_place(session, place)
    session.commit()
    return place


def test_a_clean_board_has_no_faults(session: Session, board: Place) -> None:
    report = checks.check(session, board.code)
    assert (report.total, report.by_level) == (0, {"community": 0, "grid": 0})
    assert len(checks.list_faults(session, board.code)) == 0
    assert versions.get_version(session, board.code).checked_at is not None


def test_a_gap_is_found_numbered_and_excused(session: Session, board: Place) -> None:
    hole = board.zones[board.zones["code"] == "G0101"].geometry.iloc[0]
    session.execute(text("DELETE FROM zone WHERE code = 'G0101'"))
    report = checks.check(session, board.code)
    faults = checks.list_faults(session, board.code)
    assert report.errors == len(faults) == 1
    fault = faults.iloc[0]
    assert (fault.number, fault.level, fault.severity) == (1, "grid", "error")
    assert fault.geometry.symmetric_difference(hole).area < 1e-12
    inside = board.subjects[board.subjects.geometry.notna() & (board.subjects["kind"] != "building")]
    assert fault.subjects == shapely.contains_properly(hole, inside.geometry.to_numpy()).sum()
    registered = exceptions.register_exception(session, board.code, "人工湖", "水面", hole)
    assert [each.name for each in exceptions.list_exceptions(session, board.code)] == ["人工湖"]
    assert registered.area.equals(hole)
    assert checks.check(session, board.code).total == 0


def test_an_exception_needs_a_place_a_name_and_a_reference(session: Session, board: Place) -> None:
    square = board.boundary
    with pytest.raises(StoreError, match="名称和原因"):
        exceptions.register_exception(session, board.code, " ", "水面", square)
    with pytest.raises(StoreError, match="面"):
        exceptions.register_exception(session, board.code, "湖", "水面", shapely.Point(0, 0).buffer(0))
    with pytest.raises(UnknownReferenceError):
        exceptions.register_exception(session, board.code, "湖", "水面", square, declared="")


def test_checking_again_replaces(session: Session, board: Place) -> None:
    session.execute(text("DELETE FROM zone WHERE code = 'G0101'"))
    for _ in range(2):
        checks.check(session, board.code)
    assert len(checks.list_faults(session, board.code)) == 1


def test_circles_are_stored_for_each_station_and_for_all(session: Session, board: Place) -> None:
    report = circles.compute_circles(session, board.code)
    assert (report.stations, report.circles) == (2, 9)
    stored = circles.list_circles(session, board.code)
    assert stored["station"].to_list() == ["S1"] * 3 + ["S2"] * 3 + [None] * 3
    assert stored["minutes"].to_list() == [5, 10, 15] * 3
    together = circles.list_circles(session, board.code, "all")
    for minutes, row in zip((5, 10, 15), together.itertuples(), strict=True):
        own = stored[(stored["minutes"] == minutes) & stored["station"].notna()]
        # Nobody is counted twice, nobody that one station reaches is left out.
        reached = [each["household"] for each in own["reached"]]
        assert max(reached) <= row.reached["household"] <= sum(reached)
    line = report.coverage[-1]
    assert line.households_total == (board.subjects["kind"] == "household").sum()
    assert line.share == line.households_reached / line.households_total
    # A slower walk reaches fewer, and replaces what was stored.
    slower = circles.compute_circles(session, board.code, walk_speed_mps=0.5)
    assert slower.coverage[-1].households_reached < line.households_reached
    assert len(circles.list_circles(session, board.code)) == 9


def test_circles_need_stations_and_streets(session: Session, board: Place) -> None:
    session.execute(text("DELETE FROM street_edge"))
    with pytest.raises(NotFoundError, match="道路"):
        circles.compute_circles(session, board.code)
    session.execute(text("DELETE FROM station"))
    with pytest.raises(NotFoundError, match="服务站"):
        circles.compute_circles(session, board.code)


def test_exports_carry_the_version_and_no_telephone(session: Session, board: Place) -> None:
    circles.compute_circles(session, board.code)
    zones = exports.read_export(session, board.code, level="grid")
    assert set(zones["version"]) == {"board-v1"}
    assert len(zones) == 16
    assert not zones["staff"].str.contains("138").any()
    assert zones["household"].isna().all()  # not assigned: unknown, not zero
    assert len(exports.read_export(session, board.code, "circles")) == 9
    assert len(exports.read_export(session, board.code, "stations")) == 2
    with pytest.raises(NotFoundError):
        exports.read_export(session, board.code, "faults")
    with pytest.raises(NotFoundError):
        exports.read_export(session, board.code, "people")
