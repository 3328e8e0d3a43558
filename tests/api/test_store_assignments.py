"""Laws 2 and 3 in the store: every subject in one zone per level or with a reason; none lost, none counted twice."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from api.store import assignments, places, versions, zonesets
from api.store.engine import get_engine, make_engine
from api.store.errors import NotFoundError
from geo.records import UNASSIGNED_REASONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

    from geo.records import Place

WEST, SOUTH, SIZE = 121.40, 31.06, 0.02

SETTINGS = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def stored(session: Session, version: str) -> pd.DataFrame:
    """Who is where, as readers see it: by subject's code and level."""
    rows = session.execute(
        text(
            """SELECT s.code AS subject, s.kind, l.code AS level, z.code AS zone, a.reason
               FROM version v CROSS JOIN level l CROSS JOIN LATERAL assigned(v.run_id, l.id) a
               JOIN subject s ON s.id = a.subject_id LEFT JOIN zone z ON z.id = a.zone_id
               WHERE v.code = :version ORDER BY 3, 1"""
        ),
        {"version": version},
    ).all()
    return pd.DataFrame([tuple(row) for row in rows], columns=["subject", "kind", "level", "zone", "reason"])


def assert_reconciled(session: Session, version: str) -> None:
    """Law 2: assigned + unassigned = total, at every level and for every kind, in every place that states it."""
    who = stored(session, version)
    total = session.scalar(text("SELECT count(*) FROM subject"))
    levels = who["level"].unique()
    assert len(who) == total * len(levels)
    assert not who.duplicated(["subject", "level"]).any()
    assert (who["zone"].isna() != who["reason"].isna()).all()
    lines = assignments.get_reconciliation(session, version)
    assert {line["level"] for line in lines} == set(levels)
    for line in lines:
        own = who[(who["level"] == line["level"]) & (who["kind"] == line["kind"])]
        assert line["total"] == len(own)
        assert line["assigned"] == own["zone"].notna().sum()
        assert line["assigned"] + sum(line[reason] for reason in UNASSIGNED_REASONS) == line["total"]
        for reason in UNASSIGNED_REASONS:
            assert line[reason] == (own["reason"] == reason).sum()
    counted = session.execute(
        text(
            """SELECT l.code AS level, z.code AS zone, c.kind, c.subjects FROM zone_count c
               JOIN version v ON v.run_id = c.run_id JOIN zone z ON z.id = c.zone_id JOIN level l ON l.id = z.level_id
               WHERE v.code = :version"""
        ),
        {"version": version},
    ).all()
    expected = who.dropna(subset=["zone"]).groupby(["level", "zone", "kind"]).size().to_dict()
    assert {(row.level, row.zone, row.kind): row.subjects for row in counted} == expected


def test_the_board(session: Session, make_board: Callable[..., Place]) -> None:
    place = make_board()
    places.load_place(session, place)
    session.commit()
    report = assignments.assign(session, "board-v1")
    session.commit()
    assert report.subjects == report.reassigned == 208
    assert_reconciled(session, "board-v1")
    who = stored(session, "board-v1").set_index(["level", "subject"])
    zones = place.zones.set_index("code").geometry
    for subject in place.subjects.itertuples():
        for level in ("community", "grid"):
            line = who.loc[(level, subject.code)]
            if subject.geometry is None:
                assert line.reason == "no_location"
            elif subject.geometry.x < WEST:
                assert line.reason == "outside"
            else:
                assert zones[line.zone].intersects(subject.geometry)


def test_people_are_summed_where_known(session: Session, make_board: Callable[..., Place]) -> None:
    place = make_board(households=40)
    place.subjects["people"] = pd.array([pd.NA] * 20 + [3] * (len(place.subjects) - 20), dtype="Int64")
    places.load_place(session, place)
    assignments.assign(session, "board")
    rows = session.execute(
        text(
            """SELECT c.kind, sum(c.people) AS people, count(*) FILTER (WHERE c.people IS NULL) AS unknown
               FROM zone_count c JOIN zone z ON z.id = c.zone_id JOIN level l ON l.id = z.level_id
               WHERE l.code = 'grid' GROUP BY c.kind"""
        )
    ).all()
    inside = place.subjects[place.subjects.geometry.notna()]
    inside = inside[inside.geometry.x >= WEST]
    for row in rows:
        assert int(row.people) == int(inside[inside["kind"] == row.kind]["people"].sum())
    assert sum(row.unknown for row in rows) > 0


def test_a_gap_is_told_from_the_outside(session: Session, make_board: Callable[..., Place]) -> None:
    place = make_board()
    hole = place.zones[place.zones["code"] == "G0101"].geometry.iloc[0]
    places.load_place(session, place)
    session.execute(text("DELETE FROM zone WHERE code = 'G0101'"))
    assignments.assign(session, "board")
    who = stored(session, "board-v1")
    inside = place.subjects[place.subjects.geometry.notna()]
    inside = set(inside[shapely.contains_properly(hole, inside.geometry.to_numpy())]["code"])
    assert inside
    assert set(who[(who["level"] == "grid") & (who["reason"] == "gap")]["subject"]) == inside
    assert not (who[who["level"] == "community"]["reason"] == "gap").any()
    assert_reconciled(session, "board-v1")


def test_bad_locations_have_their_reason(session: Session, make_board: Callable[..., Place]) -> None:
    place = make_board()
    place.subjects.loc[[0, 1], "geometry"] = [shapely.Point(500, 31), shapely.Point(121.4, 131)]
    places.load_place(session, place)
    assignments.assign(session, "board")
    who = stored(session, "board-v1")
    assert set(who[who["reason"] == "bad_location"]["subject"]) == {"H000000", "H000001"}
    assert_reconciled(session, "board-v1")


def test_no_subjects_is_no_failure(session: Session, make_board: Callable[..., Place]) -> None:
    places.load_place(session, with_points(make_board(), []))
    assert assignments.assign(session, "board").reconciliation == []


def test_a_version_without_zones_is_refused(session: Session, make_board: Callable[..., Place]) -> None:
    places.load_place(session, make_board())
    empty = versions.add_version(session, "board")
    with pytest.raises(NotFoundError, match="没有网格"):
        assignments.assign(session, empty.code)
    with pytest.raises(NotFoundError, match="增量"):
        assignments.reassign(session, "board-v1", empty.code)


def test_readers_see_the_old_run_or_the_new_one(engine: Engine, make_board: Callable[..., Place]) -> None:
    with Session(engine) as session, Session(engine) as reader:
        places.load_place(session, make_board())
        assignments.assign(session, "board")
        session.commit()
        before = stored(reader, "board-v1")
        reader.rollback()
        session.execute(text("UPDATE subject SET location = NULL WHERE code < 'H000100'"))
        assignments.assign(session, "board")
        # The new run is written, but not committed.
        assert stored(reader, "board-v1").equals(before)
        assert_reconciled(reader, "board-v1")  # a reader in the middle of its work holds nobody up:
        session.commit()
        reader.rollback()
        after = stored(reader, "board-v1")
        assert not after.equals(before)
        assert (after[after["level"] == "grid"]["reason"] == "no_location").sum() == 103
        assert_reconciled(reader, "board-v1")


def test_an_undone_assignment_leaves_nothing(session: Session, make_board: Callable[..., Place]) -> None:
    places.load_place(session, make_board())
    session.commit()
    assignments.assign(session, "board")
    session.rollback()
    assert versions.get_version(session, "board").run_id is None
    for table in ("assignment_run", "assignment_level", "assignment_block", "zone_count"):
        assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0


def test_former_runs_go(session: Session, make_board: Callable[..., Place]) -> None:
    places.load_place(session, make_board())
    for _ in range(4):
        assignments.assign(session, "board")
        session.commit()
    # The present one, and the one before for readers that had just read its number.
    for table in ("assignment_level", "assignment_block", "zone_count"):
        runs = session.scalars(text(f"SELECT DISTINCT run_id FROM {table} ORDER BY 1")).all()
        assert len(runs) == 2
        assert runs[-1] == versions.get_version(session, "board").run_id


# ---- laws over random places and changes -------------------------------------------------------------------------


@contextmanager
def loaded(database_factory: Callable[[], Any], place: Place) -> Iterator[Session]:
    with database_factory() as url:
        engine = make_engine(url)
        try:
            with Session(engine) as session:
                places.load_place(session, place)
                session.commit()
                yield session
        finally:
            engine.dispose()


@st.composite
def points(draw: st.DrawFn) -> list[shapely.Geometry | None]:
    """Locations of every sort: inside, on borders, outside, off the globe, none."""
    step = SIZE / 4
    inside = st.tuples(
        st.integers(0, 2_000_000).map(lambda n: round(WEST + n * 1e-8, 8)),
        st.integers(0, 2_000_000).map(lambda n: round(SOUTH + n * 1e-8, 8)),
    ).map(shapely.Point)
    corner = st.tuples(
        st.integers(0, 4).map(lambda n: round(WEST + n * step, 8)),
        st.integers(0, 4).map(lambda n: round(SOUTH + n * step, 8)),
    ).map(shapely.Point)
    outside = st.sampled_from([shapely.Point(0, 0), shapely.Point(121.3, 31.0), shapely.Point(-179.9, -89)])
    bad = st.sampled_from([shapely.Point(181, 0), shapely.Point(0, 91), shapely.Point(1e9, 1e9)])
    return draw(st.lists(st.one_of(inside, corner, outside, bad, st.none()), min_size=1, max_size=40))


@SETTINGS
@given(where=points())
def test_law_2_over_random_subjects(
    database_factory: Callable[[], Any],
    make_board: Callable[..., Place],
    where: list[shapely.Geometry | None],
) -> None:
    place = with_points(make_board(), where)
    with loaded(database_factory, place) as session:
        assignments.assign(session, "board")
        session.commit()
        assert_reconciled(session, "board-v1")
        who = stored(session, "board-v1")
        # One house, one grid; and its grid lies in its community.
        grid = who[who["level"] == "grid"].set_index("subject")["zone"]
        community = who[who["level"] == "community"].set_index("subject")["zone"]
        parents = place.zones.set_index("code")["parent"]
        for subject, zone in grid.dropna().items():
            assert parents[zone] == community[subject]


def with_points(place: Place, where: list[shapely.Geometry | None]) -> Place:
    rows = place.subjects.iloc[: len(where)].copy()
    subjects = gpd.GeoDataFrame(rows.drop(columns="geometry"), geometry=where, crs="EPSG:4490")
    empty = place.addresses.iloc[:0]
    return type(place)(**{**vars(place), "subjects": subjects, "addresses": empty})


@SETTINGS
@given(
    where=points(),
    corner=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    shift=st.tuples(st.integers(-400_000, 400_000), st.integers(-400_000, 400_000)),
)
def test_law_3_over_random_changes(
    database_factory: Callable[[], Any],
    make_board: Callable[..., Place],
    where: list[shapely.Geometry | None],
    corner: tuple[int, int],
    shift: tuple[int, int],
) -> None:
    """A corner of four grids moves: what leaves zones enters others or is unassigned, and the way back restores."""
    place = with_points(make_board(), where)
    with loaded(database_factory, place) as session:
        assignments.assign(session, "board")
        draft = versions.add_version(session, "board", copy_of=versions.get_version(session, "board-v1"))
        move_corner(session, draft, corner, shift)
        report = assignments.reassign(session, draft.code, "board-v1")
        session.commit()
        assert_reconciled(session, draft.code)
        by_change = stored(session, draft.code)
        before = stored(session, "board-v1")
        # The incremental answer is the full answer.
        assignments.assign(session, draft.code)
        session.commit()
        assert stored(session, draft.code).equals(by_change)
        # Conservation: what every zone lost and gained adds up, at each level.
        both = before.merge(by_change, on=["subject", "level"], suffixes=("_before", "_after"))
        assert len(both) == len(before)
        for _, own in both.groupby("level"):
            lost = own["zone_before"].notna() & (own["zone_before"] != own["zone_after"])
            gained = own["zone_after"].notna() & (own["zone_before"] != own["zone_after"])
            stock = own["zone_after"].notna().sum() - own["zone_before"].notna().sum()
            assert gained.sum() - lost.sum() == stock
            assert lost.sum() <= report.reassigned
        # And back again.
        back = versions.add_version(session, "board", copy_of=draft)
        move_corner(session, back, corner, (-shift[0], -shift[1]))
        assignments.reassign(session, back.code, draft.code)
        assert stored(session, back.code).equals(before)


def move_corner(
    session: Session, version: versions.VersionInfo, corner: tuple[int, int], shift: tuple[int, int]
) -> None:
    """Move the corner that four grids share (communities keep their borders: the levels need not agree here)."""
    zones = zonesets.read_zones(session, version, "grid")
    rows = []
    for zone in zones.itertuples():
        grid_row, grid_column = int(zone.code[1:3]), int(zone.code[3:5])
        if grid_column not in {corner[0] - 1, corner[0]} or grid_row not in {corner[1] - 1, corner[1]}:
            continue
        rows.append({"id": zone.id, "geom": f"SRID=4490;{shapely.to_wkt(moved(zone, corner, shift), -1)}"})
    session.execute(text("UPDATE zone SET geom = :geom WHERE id = :id"), rows)


def moved(zone: Any, corner: tuple[int, int], shift: tuple[int, int]) -> shapely.Geometry:
    """Return a grid with its vertex nearest to the corner moved, by whole steps of 1e-8 degrees."""
    ring = shapely.get_coordinates(shapely.get_exterior_ring(shapely.get_parts(zone.geometry)[0]))
    steps = np.round(ring * 1e8).astype(np.int64)
    place = np.array(
        [
            round(round(WEST + corner[0] * SIZE / 4, 8) * 1e8),
            round(round(SOUTH + corner[1] * SIZE / 4, 8) * 1e8),
        ]
    )
    # The corner of this grid that is at, or was moved from, the corner of the board.
    row, column = int(zone.code[1:3]), int(zone.code[3:5])
    south_west = np.array(
        [round(round(WEST + column * SIZE / 4, 8) * 1e8), round(round(SOUTH + row * SIZE / 4, 8) * 1e8)]
    )
    which = 0 if (place == south_west).all() else int(np.argmin(np.abs(steps[:-1] - place).sum(axis=1)))
    steps[which] += shift
    steps[-1] = steps[0]
    return shapely.MultiPolygon([shapely.Polygon(np.round(steps / 1e8, 8))])


def test_engines_are_those_of_the_settings(database: str) -> None:
    assert f"/{get_engine().url.database}?" in database
