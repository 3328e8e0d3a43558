"""Runs that were stored a row per subject are the same runs after the upgrade to blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from alembic import command
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from api.store import assignments, schema, versions
from api.store.engine import make_engine
from api.store.runs import read_level
from api.store.subject_blocks import read_subjects

if TYPE_CHECKING:
    from collections.abc import Iterator

BEFORE = "0005"

# Two levels of two zones each beside one another, subjects in three blocks with gaps between their numbers, two runs:
# the one that readers follow, and the one before it.
OLD = """
    INSERT INTO territory (code, name, boundary, metric_srid, synthetic, source, data_date)
    VALUES ('t', '甲', 'SRID=4490;MULTIPOLYGON(((0 0,4 0,4 1,0 1,0 0)))', 4549, true, '', '2026-01-01');
    INSERT INTO layer (territory_id, code, name) SELECT id, 'grid', '网格' FROM territory;
    INSERT INTO level (layer_id, code, name, rank, partition)
    SELECT y.id, l.code, l.code, l.rank, true
    FROM layer y, (VALUES ('grid', 2), ('community', 1)) AS l (code, rank);
    INSERT INTO version (territory_id, number, code) SELECT id, 1, 't-v1' FROM territory;
    INSERT INTO zone (version_id, level_id, code, name, area_m2, perimeter_m, geom)
    SELECT v.id, l.id, l.code || x, '甲', 1, 4, ST_Multi(ST_MakeEnvelope(x, 0, x + 1, 1, 4490))
    FROM version v, level l, generate_series(0, 1) x ORDER BY l.code, x;
    INSERT INTO subject (id, territory_id, code, kind, people, location, attributes) OVERRIDING SYSTEM VALUE
    SELECT n, t.id, 'S' || n, CASE WHEN n % 2 = 0 THEN 'household' ELSE 'business' END, n % 5,
           CASE WHEN n % 11 < 9 THEN ST_SetSRID(ST_Point((n % 9) * 0.4 + 0.1, 0.5), 4490) END,
           CASE WHEN n % 11 = 10 THEN '{"bad_location": "POINT (999 0)"}' ELSE '{}' END::jsonb
    FROM territory t, generate_series(8000, 20000, 37) n;
    INSERT INTO assignment_run (version_id, reconciliation) SELECT id, '[]' FROM version;
    INSERT INTO assignment_run (version_id, reconciliation) SELECT id, '[]' FROM version;
    DO $$
    DECLARE
        run bigint;
    BEGIN
        FOR run IN SELECT id FROM assignment_run ORDER BY id LOOP
            EXECUTE format('CREATE TABLE assignment_%s PARTITION OF assignment FOR VALUES IN (%s)', run, run);
            INSERT INTO assignment (run_id, level_id, subject_id, zone_id, reason)
            SELECT run, l.id, s.id, z.id,
                   CASE WHEN z.id IS NULL THEN
                       CASE WHEN s.location IS NOT NULL THEN 'gap' WHEN s.id % 11 = 10 THEN 'bad_location'
                            ELSE 'no_location' END END
            FROM subject s CROSS JOIN level l
            LEFT JOIN zone z ON z.level_id = l.id AND ST_Contains(z.geom, s.location);
        END LOOP;
        UPDATE version SET run_id = (SELECT max(id) FROM assignment_run);
    END $$;
"""


@pytest.fixture
def old(empty_database: str) -> Iterator[Engine]:
    engine = make_engine(empty_database)
    try:
        schema.upgrade(engine, BEFORE)
        with engine.begin() as connection:
            connection.execute(text(OLD))
        yield engine
    finally:
        engine.dispose()


def test_runs_are_converted(old: Engine) -> None:
    with old.connect() as connection:
        rows = connection.execute(
            text("SELECT run_id, level_id, subject_id, zone_id, reason FROM assignment ORDER BY 1, 2, 3")
        ).all()
    assert {row.reason for row in rows} == {None, "gap", "no_location", "bad_location"}
    schema.upgrade(old)
    with Session(old) as session:
        assert session.scalar(text("SELECT to_regclass('assignment') IS NULL"))
        assert not session.scalars(
            text("SELECT relname FROM pg_class WHERE relname ~ '^assignment_[0-9]+'")
        ).all()
        listed = session.execute(
            text(
                """SELECT r.id, l.id, a.* FROM assignment_run r CROSS JOIN level l
                   CROSS JOIN LATERAL assigned(r.id, l.id) a ORDER BY 1, 2, 3"""
            )
        ).all()
        assert [tuple(row) for row in listed] == [tuple(row) for row in rows]
        for run, level in {(row.run_id, row.level_id) for row in rows}:
            ids, found = read_level(session, run, level)
            own = [row for row in rows if (row.run_id, row.level_id) == (run, level)]
            assert ids.tolist() == [row.subject_id for row in own]
            assert found.zones.tolist() == [-1 if row.zone_id is None else row.zone_id for row in own]
            names = (None, "outside", "gap", "no_location", "bad_location")
            assert [names[code] for code in found.reasons] == [row.reason for row in own]
        info = versions.get_version(session, "t-v1")
        assert info.run_id == max(row.run_id for row in rows)
        # And it works on from there: a full assignment says the same.
        subjects = read_subjects(session, info.territory_id)
        assert set(subjects.ids.tolist()) == {row.subject_id for row in rows}
        report = assignments.assign(session, "t-v1")
        now = session.execute(
            text("""SELECT l.id, a.* FROM level l CROSS JOIN LATERAL assigned(:run, l.id) a ORDER BY 1, 2"""),
            {"run": report.run_id},
        ).all()
        assert [tuple(row) for row in now] == [tuple(row)[1:] for row in rows if row.run_id == info.run_id]


def test_the_way_back_asks_for_a_new_assignment(old: Engine) -> None:
    schema.upgrade(old)
    with old.begin() as connection:
        command.downgrade(schema.alembic_config(connection), BEFORE)
    with old.connect() as connection:
        assert connection.scalar(text("SELECT run_id FROM version")) is None
        assert connection.scalar(text("SELECT count(*) FROM assignment")) == 0
        connection.execute(text("DELETE FROM subject"))  # no trigger is left behind
