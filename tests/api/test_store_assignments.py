"""Laws 2 and 3 in the store: every subject in one zone per level or with a reason; none lost, none counted twice."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
import shapely
from sqlalchemy import text
from sqlalchemy.orm import Session

from api.store import assignments, places, versions
from api.store.engine import get_engine
from api.store.errors import NotFoundError, StoreError
from api.store.runs import Slots, read_level, write_run
from api.store.subject_blocks import read_subjects
from geo.records import UNASSIGNED_REASONS
from tests.api.boards import WEST, assert_reconciled, move_corner, stored, with_points

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from geo.records import Place


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
        assert session.scalar(text(f"SELECT count(*) FROM {table}")) == 0  # noqa: S608


def test_former_runs_go(session: Session, make_board: Callable[..., Place]) -> None:
    places.load_place(session, make_board())
    for _ in range(4):
        assignments.assign(session, "board")
        session.commit()
    # The present one, and the one before for readers that had just read its number.
    for table in ("assignment_level", "assignment_block", "zone_count"):
        runs = session.scalars(text(f"SELECT DISTINCT run_id FROM {table} ORDER BY 1")).all()  # noqa: S608
        assert len(runs) == 2
        assert runs[-1] == versions.get_version(session, "board").run_id


# ---- the same as PostGIS, by SQL and by arrays -------------------------------------------------------------------


def test_off_borders_it_is_what_st_contains_says(session: Session, make_board: Callable[..., Place]) -> None:
    places.load_place(session, make_board(households=500))
    assignments.assign(session, "board")
    differ, compared, borders = session.execute(
        text(
            """SELECT count(*) FILTER (WHERE NOT b.touched AND a.zone_id IS DISTINCT FROM c.id),
                      count(*) FILTER (WHERE NOT b.touched AND c.id IS NOT NULL), count(*) FILTER (WHERE b.touched)
               FROM version v CROSS JOIN level l CROSS JOIN LATERAL assigned(v.run_id, l.id) a
               JOIN subject s ON s.id = a.subject_id
               LEFT JOIN zone c ON c.version_id = v.id AND c.level_id = l.id AND ST_Contains(c.geom, s.location)
               CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM zone z WHERE z.version_id = v.id AND z.level_id = l.id
                   AND ST_Intersects(ST_Boundary(z.geom), s.location)) AS touched) b"""
        )
    ).one()
    assert compared > 900
    assert differ == 0
    assert borders < compared


def test_one_subject_and_all_of_them_by_sql_and_by_arrays(
    session: Session, make_board: Callable[..., Place]
) -> None:
    places.load_place(session, make_board())
    # Numbers far apart, and some that nobody has.
    session.execute(text("DELETE FROM subject WHERE id % 5 = 0"))
    session.execute(
        text(
            """INSERT INTO subject (id, territory_id, code, kind, location) OVERRIDING SYSTEM VALUE
               SELECT 8191 + n * 3000, id, 'far' || n, 'business', ST_SetSRID(ST_Point(121.405, 31.065), 4490)
               FROM territory, generate_series(0, 9) n"""
        )
    )
    run = assignments.assign(session, "board").run_id
    rows = session.execute(
        text(
            "SELECT l.id AS level, a.* FROM level l CROSS JOIN LATERAL assigned(:run, l.id) a ORDER BY 1, 2"
        ),
        {"run": run},
    ).all()
    assert len(rows) == 2 * (session.scalar(text("SELECT count(*) FROM subject")) or 0)
    each = session.execute(
        text(
            """SELECT z.level_id AS level, s.id, z.zone_id, z.reason
               FROM subject s CROSS JOIN LATERAL zones_of(:run, s.id) z ORDER BY 1, 2"""
        ),
        {"run": run},
    ).all()
    assert [tuple(row) for row in each] == [tuple(row) for row in rows]
    for level in {row.level for row in rows}:
        ids, found = read_level(session, run, level)
        own = [row for row in rows if row.level == level]
        assert ids.tolist() == [row.subject_id for row in own]
        assert found.zones.tolist() == [-1 if row.zone_id is None else row.zone_id for row in own]
        assert ["", *UNASSIGNED_REASONS][max(found.reasons)] in {row.reason for row in own}
    for nobody in (0, 5, 8190, 10**9):
        assert not session.execute(
            text("SELECT * FROM zones_of(:run, :id)"), {"run": run, "id": nobody}
        ).all()
    assert not session.execute(text("SELECT * FROM zones_of(NULL, 1)")).all()


def test_nobody_can_be_left_out(session: Session, make_board: Callable[..., Place]) -> None:
    places.load_place(session, make_board())
    version = versions.get_version(session, "board")
    subjects = read_subjects(session, version.territory_id)
    slots = np.full(len(subjects), -1, dtype=np.int32)
    slots[7] = 0
    level = session.scalar(text("SELECT min(id) FROM level")) or 0
    with pytest.raises(StoreError, match="既没有网格也没有原因"):
        write_run(session, version.id, subjects, {level: ("grid", Slots(np.empty(0, dtype=np.int64), slots))})


# ---- what is assigned again, and what is not -----------------------------------------------------------------------


def moved_draft(session: Session) -> versions.VersionInfo:
    draft = versions.add_version(session, "board", copy_of=versions.get_version(session, "board-v1"))
    move_corner(session, draft, (1, 1), (40_000, 40_000))
    return draft


def test_only_who_can_have_moved_is_located_again(session: Session, make_board: Callable[..., Place]) -> None:
    places.load_place(session, make_board(households=1000))
    assignments.assign(session, "board")
    same = versions.add_version(session, "board", copy_of=versions.get_version(session, "board-v1"))
    assert assignments.reassign(session, same.code, "board-v1").reassigned == 0
    assert_reconciled(session, same.code)
    draft = moved_draft(session)
    report = assignments.reassign(session, draft.code, "board-v1")
    assert 0 < report.reassigned < report.subjects / 2
    assert_reconciled(session, draft.code)


def test_subjects_written_since_are_located_again(session: Session, make_board: Callable[..., Place]) -> None:
    """The former run does not know that a subject was moved, lost, found or removed: reassigning finds out."""
    places.load_place(session, make_board())
    assignments.assign(session, "board")
    session.commit()
    for statement in (
        "UPDATE subject SET location = ST_SetSRID(ST_Point(121.4199, 31.0799), 4490) WHERE code = 'H000001'",
        "UPDATE subject SET location = NULL WHERE code = 'H000002'",
        "DELETE FROM subject WHERE code = 'H000003'",
        """INSERT INTO subject (territory_id, code, kind, location)
           SELECT id, 'late', 'business', ST_SetSRID(ST_Point(121.4001, 31.0601), 4490) FROM territory""",
    ):
        session.execute(text(statement))
        draft = moved_draft(session)
        assignments.reassign(session, draft.code, "board-v1")
        assert_reconciled(session, draft.code)
        by_change = stored(session, draft.code)
        assignments.assign(session, draft.code)
        assert stored(session, draft.code).equals(by_change)


def test_zones_that_come_go_or_change_places(session: Session, make_board: Callable[..., Place]) -> None:
    places.load_place(session, make_board())
    assignments.assign(session, "board")
    for statement in (
        "DELETE FROM zone WHERE version_id = :version AND code = 'G0101'",
        "UPDATE zone SET code = 'renamed' WHERE version_id = :version AND code = 'G0102'",
        # Two zones over one another: who is in both is decided by their order.
        """UPDATE zone SET geom = (SELECT geom FROM zone WHERE version_id = :version AND code = 'G0202')
           WHERE version_id = :version AND code = 'G0203'""",
        # One that goes and comes back is the last of them.
        """WITH gone AS (DELETE FROM zone WHERE version_id = :version AND code = 'G0202' RETURNING *)
           INSERT INTO zone (version_id, level_id, parent_id, code, name, area_m2, perimeter_m, geom)
           SELECT version_id, level_id, parent_id, code, name, area_m2, perimeter_m,
                  ST_Multi(ST_Expand(geom, 0.001)) FROM gone""",
        "DELETE FROM zone WHERE version_id = :version AND code <> 'G0303' AND parent_id IS NOT NULL",
    ):
        draft = versions.add_version(session, "board", copy_of=versions.get_version(session, "board-v1"))
        session.execute(text(statement), {"version": draft.id})
        assignments.reassign(session, draft.code, "board-v1")
        assert_reconciled(session, draft.code)
        by_change = stored(session, draft.code)
        assignments.assign(session, draft.code)
        assert stored(session, draft.code).equals(by_change)


def test_many_changed_zones_are_a_full_assignment(
    session: Session, make_board: Callable[..., Place], monkeypatch: pytest.MonkeyPatch
) -> None:
    places.load_place(session, make_board())
    assignments.assign(session, "board")
    monkeypatch.setattr(assignments, "MOST_CHANGED", 3)
    draft = moved_draft(session)  # moves a corner of four
    report = assignments.reassign(session, draft.code, "board-v1")
    assert report.reassigned == report.subjects
    by_change = stored(session, draft.code)
    assignments.assign(session, draft.code)
    assert stored(session, draft.code).equals(by_change)


# ---- readers meanwhile -----------------------------------------------------------------------------------------------


def test_a_reader_never_sees_a_half(engine: Engine, make_board: Callable[..., Place]) -> None:
    """While runs replace one another, whoever reads sees one of them whole, in one statement or in several."""
    with Session(engine) as session:
        places.load_place(session, make_board())
        assignments.assign(session, "board")
        session.commit()
    seen: list[tuple[int, int]] = []
    done, started = threading.Event(), threading.Event()

    def read() -> None:
        with Session(engine) as reader:
            while not (done.is_set() and len(seen) > 1):
                reader.connection(execution_options={"isolation_level": "REPEATABLE READ"})
                who = stored(reader, "board-v1")
                assert_reconciled(reader, "board-v1")
                lost = int((who["reason"] == "no_location").sum())
                seen.append((len(who), lost))
                reader.rollback()
                started.set()

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        assert started.wait(60) or reading.result()
        with Session(engine) as session:
            for turn in range(8):
                place = "NULL" if turn % 2 else "ST_SetSRID(ST_Point(121.405, 31.065), 4490)"
                session.execute(text(f"UPDATE subject SET location = {place}"))  # noqa: S608  one of two constants
                assignments.assign(session, "board")
                session.commit()
        done.set()
        reading.result()
    before, whole = seen[0][1], 2 * 208
    assert {size for size, _ in seen} == {whole}
    assert {lost for _, lost in seen} <= {before, 0, whole}


def test_engines_are_those_of_the_settings(database: str) -> None:
    assert f"/{get_engine().url.database}?" in database
