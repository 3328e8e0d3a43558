"""The copy of subjects in blocks: the same as ``subject``, whoever wrote it, however, and whoever reads meanwhile."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.orm import Session

from api.store import assignments, places, territories
from api.store.engine import make_engine
from api.store.subject_blocks import NO_PEOPLE, SPAN_BITS, read_subjects, refresh
from geo.records import SUBJECT_KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

    from geo.records import Place


def territory_of(session: Session) -> int:
    return int(session.scalar(text("SELECT id FROM territory")) or 0)


def assert_true(session: Session, territory: int | None = None) -> None:
    """The arrays say what the table says at this moment."""
    territory = territory_of(session) if territory is None else territory
    subjects = read_subjects(session, territory)
    rows = session.execute(
        text(
            """SELECT id, kind, people, ST_X(location) AS lon, ST_Y(location) AS lat,
                      attributes ? 'bad_location' AS bad
               FROM subject WHERE territory_id = :territory ORDER BY id"""
        ),
        {"territory": territory},
    ).all()
    assert subjects.ids.tolist() == [row.id for row in rows]
    assert subjects.kind_names.tolist() == [row.kind for row in rows]
    assert subjects.people.tolist() == [NO_PEOPLE if row.people is None else row.people for row in rows]
    absent = [np.inf if row.bad else np.nan for row in rows]
    for name in ("lon", "lat"):
        expected = [
            none if getattr(row, name) is None else getattr(row, name)
            for row, none in zip(rows, absent, strict=True)
        ]
        assert np.array_equal(getattr(subjects, name), np.array(expected, dtype=float), equal_nan=True)
    # Every subject is in exactly one block, and in the right one.
    assert np.array_equal(
        np.concatenate(
            [np.arange(0), *(np.arange(each.rows.start, each.rows.stop) for each in subjects.blocks)]
        ),
        np.arange(len(subjects)),
    )
    for block in subjects.blocks:
        assert (subjects.ids[block.rows] >> SPAN_BITS == block.position).all()


def spread(session: Session, blocks: int = 3, each: int = 5) -> None:
    """Add subjects whose numbers lie in several blocks."""
    session.execute(
        text(
            """INSERT INTO subject (id, territory_id, code, kind, people, location) OVERRIDING SYSTEM VALUE
               SELECT (b << 13) + n * 7, t.id, 'S' || b || '-' || n, 'household', n,
                      ST_SetSRID(ST_Point(121.401 + n * 0.001, 31.061 + b * 0.001), 4490)
               FROM territory t, generate_series(10, 9 + :blocks) b, generate_series(1, :each) n"""
        ),
        {"blocks": blocks, "each": each},
    )


@pytest.fixture
def board(session: Session, make_board: Callable[..., Place]) -> int:
    places.load_place(session, make_board())
    spread(session)
    read_subjects(session, territory_of(session))
    session.commit()
    return territory_of(session)


WRITES = {
    "insert": "INSERT INTO subject (territory_id, code, kind) SELECT id, 'late', 'business' FROM territory",
    "move": "UPDATE subject SET location = ST_SetSRID(ST_Point(121.4055, 31.0655), 4490) WHERE code = 'S10-2'",
    "lose": "UPDATE subject SET location = NULL WHERE code = 'S11-1'",
    "spoil": """UPDATE subject SET location = NULL, attributes = '{"bad_location": "POINT (999 31)"}'
                WHERE code = 'S11-2'""",
    "kind": "UPDATE subject SET kind = 'facility', people = NULL WHERE code LIKE 'S12%'",
    "delete": "DELETE FROM subject WHERE code = 'S12-3'",
    "delete a block": "DELETE FROM subject WHERE code LIKE 'S11%'",
    "delete all": "DELETE FROM subject",
    "upsert": """INSERT INTO subject (territory_id, code, kind) SELECT id, 'S10-1', 'estate' FROM territory
                 ON CONFLICT (territory_id, code) DO UPDATE SET kind = 'estate', location = NULL""",
    "merge": """MERGE INTO subject USING (VALUES ('S10-1')) AS gone (code) ON gone.code = subject.code
                WHEN MATCHED THEN DELETE""",
    "truncate": "TRUNCATE subject CASCADE",
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_raw_sql_is_noticed(session: Session, board: int, write: str) -> None:
    before = {block.position: block.id for block in read_subjects(session, board).blocks}
    assert None not in before.values()
    session.execute(text(write))
    assert_true(session, board)
    session.commit()
    assert_true(session, board)
    # What was read anew is stored, and nothing else was.
    assert session.scalar(text("SELECT count(*) FROM subject_mark")) == 0
    after = {block.position: block.id for block in read_subjects(session, board).blocks}
    assert before != after
    if "S1" in write and "upsert" not in write:
        assert len(set(before.items()) & set(after.items())) >= len(before) - 1


def test_copy_is_noticed(session: Session, board: int) -> None:
    raw = session.connection().connection.driver_connection
    assert raw is not None
    with raw.cursor().copy("COPY subject (territory_id, code, kind) FROM STDIN") as copy:
        copy.write_row((board, "copied", "business"))
    assert_true(session, board)


def test_an_undone_write_leaves_the_copy_as_it_was(session: Session, board: int) -> None:
    before = read_subjects(session, board)
    with session.begin_nested() as inner:
        session.execute(text("DELETE FROM subject"))
        assert len(read_subjects(session, board)) == 0
        inner.rollback()
    assert_true(session, board)
    assert [block.id for block in read_subjects(session, board).blocks] == [each.id for each in before.blocks]


def test_a_load_leaves_nothing_to_do(session: Session, make_board: Callable[..., Place]) -> None:
    places.load_place(session, make_board())
    assert session.scalar(text("SELECT count(*) FROM subject_mark")) == 0
    assert session.scalar(text("SELECT sum(subjects) FROM subject_block")) == 208
    assert_true(session)


def test_territories_keep_apart(session: Session, make_board: Callable[..., Place]) -> None:
    """Two territories share the numbers of a block; one goes, with everything that is kept for it."""
    for code in ("one", "two"):
        places.load_place(session, make_board(code=code))
    ids = session.scalars(text("SELECT id FROM territory ORDER BY id")).all()
    for territory in ids:
        assert_true(session, territory)
    session.execute(
        text(
            "UPDATE subject SET territory_id = :two, code = 'moved' WHERE code = 'H000003' AND territory_id = :one"
        ),
        {"one": ids[0], "two": ids[1]},
    )
    for territory in ids:
        assert_true(session, territory)
    session.commit()
    territories.remove_territory(session, "one")
    session.commit()
    kept = session.scalars(
        text("SELECT territory_id FROM subject_block UNION SELECT territory_id FROM subject_mark")
    )
    assert set(kept) <= {ids[1]}
    assert_true(session, ids[1])


# ---- several at once ---------------------------------------------------------------------------------------------


def test_who_reads_while_another_stores_waits_for_nobody(
    engine: Engine, session: Session, board: int
) -> None:
    session.execute(text(WRITES["move"]))
    session.commit()
    with Session(engine) as storing, Session(engine) as reading:
        refresh(storing, board)  # holds the lock, not committed
        reading.execute(text("SET lock_timeout = '5s'"))
        subjects = read_subjects(reading, board)
        assert [block.position for block in subjects.blocks if block.id is None] == [10]
        assert_true(reading, board)
        storing.commit()
        assert_true(reading, board)
        assert all(block.id is not None for block in read_subjects(reading, board).blocks)


def test_a_change_that_was_not_seen_outlives_the_copy(engine: Engine, session: Session, board: int) -> None:
    """A writer commits after the copy was read and before it is committed: its mark stays."""
    session.execute(text(WRITES["move"]))
    session.commit()
    with Session(engine) as writing, Session(engine) as storing:
        writing.execute(text(WRITES["kind"]))
        writing.execute(text("UPDATE subject SET people = 77 WHERE code = 'S10-1'"))
        read_subjects(storing, board)
        writing.commit()
        storing.commit()
    assert session.scalar(text("SELECT count(*) FROM subject_mark")) > 0
    assert_true(session, board)
    session.commit()
    assert session.scalar(text("SELECT count(*) FROM subject_mark")) == 0


def test_uncommitted_changes_are_their_writers_own(engine: Engine, session: Session, board: int) -> None:
    with Session(engine) as writing:
        writing.execute(text(WRITES["delete all"]))
        assert len(read_subjects(writing, board)) == 0
        assert len(read_subjects(session, board)) == 223
        assert_true(session, board)
        writing.rollback()
    assert_true(session, board)


@contextmanager
def filled(database_factory: Callable[[], Any], place: Place) -> Iterator[Engine]:
    with database_factory() as url:
        engine = make_engine(url)
        try:
            with Session(engine) as session:
                places.load_place(session, place)
                spread(session)
                session.commit()
            yield engine
        finally:
            engine.dispose()


STEPS = st.lists(
    st.tuples(
        st.sampled_from([0, 1]),
        st.sampled_from(["insert", "move", "delete", "read", "commit", "rollback"]),
        st.integers(10, 12),
        st.integers(1, 5),
    ),
    max_size=25,
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=STEPS)
def test_two_transactions_in_any_order(
    database_factory: Callable[[], Any],
    make_board: Callable[..., Place],
    steps: list[tuple[int, str, int, int]],
) -> None:
    """Whatever two transactions write, read, commit and undo in turn, each reads what the table says to it."""
    with filled(database_factory, make_board(households=20)) as engine:
        with Session(engine) as one, Session(engine) as other:
            both = (one, other)
            mine: dict[
                tuple[int, int], int
            ] = {}  # rows that a transaction holds: the other leaves them alone
            for serial, (who, what, block, number) in enumerate(steps):
                session, place = both[who], (block, number)
                if what == "read":
                    assert_true(session)
                elif what in {"commit", "rollback"}:
                    getattr(session, what)()
                    mine = {row: holder for row, holder in mine.items() if holder != who}
                elif what == "insert":
                    session.execute(
                        text(
                            """INSERT INTO subject (id, territory_id, code, kind) OVERRIDING SYSTEM VALUE
                               SELECT (:block << 13) + 4000 + :serial, id, 'N' || :serial, 'business' FROM territory"""
                        ),
                        {"block": block, "serial": serial},
                    )
                elif mine.setdefault(place, who) == who:
                    change = (
                        "DELETE FROM subject" if what == "delete" else "UPDATE subject SET location = NULL"
                    )
                    session.execute(text(f"{change} WHERE code = :code"), {"code": f"S{block}-{number}"})
            one.commit()
            other.commit()
        with Session(engine) as session:
            assert_true(session)
            assignments.assign(session, "board")
            session.commit()
            assert_true(session)


def test_kinds_keep_their_numbers() -> None:
    """Blocks hold the numbers of kinds: a new kind comes last."""
    assert SUBJECT_KINDS == ("household", "business", "institution", "building", "estate", "facility")
