"""Laws 2 and 3 in the store, over random places and changes."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import shapely
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from api.store import assignments, places, versions
from api.store.engine import make_engine
from tests.api.boards import SIZE, SOUTH, WEST, assert_reconciled, move_corner, stored, with_points

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from geo.records import Place

SETTINGS = settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


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
