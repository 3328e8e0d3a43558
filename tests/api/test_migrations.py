"""The migrated tables are those of api.store.models, and an upgrade from any revision ends at the same ones."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from api.store import schema
from api.store.engine import make_engine
from api.store.errors import SchemaError
from api.store.models import Base

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session


@pytest.fixture
def bare(empty_database: str) -> Iterator[Engine]:
    engine = make_engine(empty_database)
    yield engine
    engine.dispose()


def picture(engine: Engine) -> set[tuple[str, ...]]:
    """Everything that defines the tables, in the server's own words: columns, constraints, indexes, triggers."""
    statements = {
        "column": """SELECT table_name, column_name, udt_name, is_nullable, coalesce(column_default, ''), is_identity
                     FROM information_schema.columns WHERE table_schema = 'public'""",
        "constraint": """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
                         FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid <> 0""",
        "index": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
        "trigger": """SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid)
                      FROM pg_trigger WHERE NOT tgisinternal""",
        "geometry": """SELECT f_table_name, f_geometry_column, type, srid::text FROM geometry_columns
                       WHERE f_table_schema = 'public'""",
    }
    extensions = ("spatial_ref_sys", "geometry_columns", "geography_columns", "alembic_version")
    with engine.connect() as connection:
        return {
            (what, *map(str, row))
            for what, statement in statements.items()
            for row in connection.execute(text(statement))
            if row[0] not in extensions
        }


def test_models_and_migrated_tables_agree(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(
            connection,
            opts={"include_object": schema.is_ours, "compare_type": True, "compare_server_default": True},
        )
        assert compare_metadata(context, Base.metadata) == []


def test_migrated_equals_fresh_from_models(engine: Engine, bare: Engine) -> None:
    with bare.begin() as connection:
        schema.check_postgis(connection)
        Base.metadata.create_all(connection)
    # The guards are triggers: only migrations make them.
    assert {row for row in picture(engine) if row[0] != "trigger"} == picture(bare)


def test_head_is_stated() -> None:
    class Unused:
        pass

    script = ScriptDirectory.from_config(schema.alembic_config(Unused()))  # type: ignore[arg-type]
    assert script.get_current_head() == schema.HEAD
    assert len(script.get_heads()) == 1


def test_stepwise_equals_direct(engine: Engine, bare: Engine) -> None:
    with bare.connect() as connection:
        script = ScriptDirectory.from_config(schema.alembic_config(connection))
        revisions = [revision.revision for revision in script.walk_revisions()][::-1]
    for revision in revisions:
        schema.upgrade(bare, revision)
    assert picture(bare) == picture(engine)


def test_down_and_up_again(bare: Engine) -> None:
    schema.upgrade(bare)
    before = picture(bare)
    with bare.begin() as connection:
        command.downgrade(schema.alembic_config(connection), "base")
    assert {row for row in picture(bare) if not re.search(r"alembic", row[1])} == set()
    schema.upgrade(bare)
    assert picture(bare) == before


def test_upgrade_twice_changes_nothing(engine: Engine) -> None:
    before = picture(engine)
    schema.upgrade(engine)
    schema.ensure(engine)
    assert picture(engine) == before


def test_newer_schema_is_refused(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(SchemaError, match="9999"):
        schema.ensure(engine)


def test_old_postgis_is_refused(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "POSTGIS_MIN", (99, 0))
    with engine.connect() as connection, pytest.raises(SchemaError, match=r"99\.0"):
        schema.check_postgis(connection)


def _published(session: Session) -> None:
    session.execute(
        text(
            """
            INSERT INTO territory (code, name, boundary, metric_srid, synthetic, source, data_date)
            VALUES ('t', '甲', 'SRID=4490;MULTIPOLYGON(((0 0,1 0,1 1,0 1,0 0)))', 4549, true, '', '2026-01-01');
            INSERT INTO layer (territory_id, code, name) SELECT id, 'grid', '网格' FROM territory;
            INSERT INTO level (layer_id, code, name, rank, partition) SELECT id, 'grid', '网格', 1, true FROM layer;
            INSERT INTO version (territory_id, number, code) SELECT id, 1, 't-v1' FROM territory;
            INSERT INTO zone (version_id, level_id, code, name, area_m2, perimeter_m, geom)
            SELECT v.id, l.id, 'a', '甲', 1, 4, 'SRID=4490;MULTIPOLYGON(((0 0,1 0,1 1,0 1,0 0)))'
            FROM version v, level l;
            UPDATE version SET status = 'published', valid_from = now();
            """
        )
    )
    session.commit()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE version SET reason = 'other'",
        "UPDATE version SET status = 'draft'",
        "UPDATE version SET valid_from = now() - interval '1 day'",
        "DELETE FROM version",
        "DELETE FROM territory",
        "UPDATE zone SET name = '乙'",
        "DELETE FROM zone",
        """INSERT INTO zone (version_id, level_id, code, name, area_m2, perimeter_m, geom)
           SELECT version_id, level_id, 'b', '乙', 1, 4, geom FROM zone""",
    ],
)
def test_published_versions_are_guarded(session: Session, statement: str) -> None:
    _published(session)
    with pytest.raises(DBAPIError, match="published"):
        session.execute(text(statement))
    session.rollback()


def test_a_published_version_ends_once(session: Session) -> None:
    _published(session)
    session.execute(text("UPDATE version SET valid_to = now() + interval '1 day'"))
    session.commit()
    with pytest.raises(DBAPIError, match="published"):
        session.execute(text("UPDATE version SET valid_to = now() + interval '2 days'"))


def test_audit_events_stay(session: Session) -> None:
    session.execute(text("INSERT INTO audit_event (account, action, object) VALUES ('a', 'b', 'c')"))
    session.commit()
    for statement in (
        "UPDATE audit_event SET account = 'x'",
        "DELETE FROM audit_event",
        "TRUNCATE audit_event",
    ):
        with pytest.raises(DBAPIError, match="only ever added"):
            session.execute(text(statement))
        session.rollback()


@pytest.mark.parametrize(
    "geometry",
    [
        "SRID=4490;MULTIPOLYGON(((0 0,1 1,1 0,0 1,0 0)))",  # crosses itself
        "SRID=4490;MULTIPOLYGON EMPTY",
        "SRID=4326;MULTIPOLYGON(((0 0,1 0,1 1,0 0)))",
        "SRID=4490;POINT(0 0)",
    ],
)
def test_bad_geometry_is_kept_out(session: Session, geometry: str) -> None:
    with pytest.raises(DBAPIError):
        session.execute(
            text(
                """INSERT INTO territory (code, name, boundary, metric_srid, synthetic, source, data_date)
                   VALUES ('t', '甲', :geometry, 4549, true, '', '2026-01-01')"""
            ),
            {"geometry": geometry},
        )
