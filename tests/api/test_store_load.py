"""A place goes into the store and comes out the same; whatever is wrong leaves nothing behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest
import shapely
from sqlalchemy import text

from api.store import places, versions, zonesets
from api.store.errors import DuplicateError
from api.store.networks import read_network, read_stations
from geo.errors import ZonesError

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from geo.records import Place


def test_place_round_trip(session: Session, make_board: Callable[..., Place]) -> None:
    place = make_board()
    told: list[float] = []
    report = places.load_place(session, place, lambda fraction, _: told.append(fraction))
    session.commit()
    assert report.version == "board-v1"
    assert report.counts == {
        "zones": 20,
        "subjects": 208,
        "stations": 2,
        "addresses": 205,
        "streets": len(place.streets),
    }
    assert places.counts_of(session, "board") == report.counts
    assert told == sorted(told)
    assert told[-1] == 1.0
    zones = zonesets.read_zones(session, versions.get_version(session, "board-v1"))
    expected = place.zones.set_index("code")
    for zone in zones.itertuples():
        given = expected.loc[zone.code]
        assert shapely.get_parts(zone.geometry)[0].equals_exact(given.geometry, 0.0)
        assert (zone.name, zone.level, zone.layer, zone.parent) == (
            given["name"],
            given.level,
            given.layer,
            None if pd.isna(given.parent) else given.parent,
        )
        assert zone.staff == given.staff
    grid = zones[zones.level == "grid"]
    assert grid["area_m2"].sum() == pytest.approx(
        zones[zones.level == "community"]["area_m2"].sum(), rel=1e-9
    )
    territory = session.execute(text("SELECT * FROM territory")).one()
    assert (territory.metric_srid, territory.synthetic, territory.notes) == (4549, True, ["测试用"])


def test_subjects_keep_what_is_unknown(session: Session, make_board: Callable[..., Place]) -> None:
    place = make_board()
    places.load_place(session, place)
    rows = session.execute(text("SELECT code, people, ST_AsBinary(location) AS at FROM subject")).all()
    stored = {row.code: row for row in rows}
    for given in place.subjects.itertuples():
        row = stored[given.code]
        assert row.people == (None if pd.isna(given.people) else given.people)
        assert (row.at is None) == (given.geometry is None)
        if row.at is not None:
            assert shapely.from_wkb(bytes(row.at)).equals_exact(given.geometry, 0.0)


def test_buildings_keep_footprint_and_get_a_point_inside(
    session: Session, make_board: Callable[..., Place]
) -> None:
    place = make_board(households=10)
    west, south = 121.401, 31.061  # an L, whose centroid is outside
    corner = [(0, 0), (0.004, 0), (0.004, 0.0005), (0.0005, 0.0005), (0.0005, 0.004), (0, 0.004)]
    shape = shapely.Polygon([(west + x, south + y) for x, y in corner])
    place.subjects.loc[0, "kind"] = "building"
    place.subjects.loc[[0], "geometry"] = [shape]
    place.subjects.loc[[1], "geometry"] = [shapely.Point(500.0, 31.0)]
    places.load_place(session, place)
    row = session.execute(
        text("""SELECT ST_Contains(footprint, location) AS inside, ST_NumGeometries(footprint) AS parts
                FROM subject WHERE code = 'H000000'""")
    ).one()
    assert tuple(row) == (True, 1)
    bad = session.execute(text("SELECT location, attributes FROM subject WHERE code = 'H000001'")).one()
    assert bad.location is None
    assert bad.attributes == {"bad_location": "POINT (500 31)"}


def test_network_and_stations_come_back(session: Session, make_board: Callable[..., Place]) -> None:
    place = make_board()
    places.load_place(session, place)
    territory = session.scalar(text("SELECT id FROM territory"))
    network = read_network(session, territory)
    assert len(network.edges) == len(place.streets)
    assert network.edges["length_m"].gt(0).all()
    assert read_stations(session, territory)["code"].tolist() == ["S1", "S2"]


def test_second_load_is_refused_and_replace_replaces(
    session: Session, make_board: Callable[..., Place]
) -> None:
    places.load_place(session, make_board())
    session.commit()
    with pytest.raises(DuplicateError, match="board"):
        places.load_place(session, make_board())
    session.rollback()
    places.load_place(session, make_board(households=20), replace=True)
    session.commit()
    assert places.counts_of(session, "board")["subjects"] == 28


def test_a_duplicate_code_leaves_nothing(session: Session, make_board: Callable[..., Place]) -> None:
    place = make_board()
    place.subjects.loc[7, "code"] = "H000003"
    with pytest.raises(DuplicateError, match="H000003"):
        places.load_place(session, place)
    session.rollback()
    assert not places.is_loaded(session, "board")


def test_bad_zones_are_named(session: Session, make_board: Callable[..., Place]) -> None:
    place = make_board()
    place.zones.loc[5, "parent"] = "C99"
    with pytest.raises(ZonesError, match="C99"):
        places.load_place(session, place)
    session.rollback()
    place = make_board()
    place.zones.loc[[5], "geometry"] = [shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])]
    with pytest.raises(ZonesError, match=place.zones.loc[5, "code"]):
        places.load_place(session, place)


def test_parents_are_found_by_place_when_not_named(
    session: Session, make_board: Callable[..., Place]
) -> None:
    place = make_board()
    given = place.zones["parent"].copy()
    place.zones["parent"] = None
    places.load_place(session, place)
    zones = zonesets.read_zones(session, versions.get_version(session, "board"))
    assert zones.set_index("code")["parent"].fillna("").to_dict() == dict(
        zip(place.zones["code"], given.fillna(""), strict=True)
    )
