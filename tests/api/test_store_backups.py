"""What was backed up comes back; a bad backup, or one from a newer program, changes nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from api.store import assignments, backups, checks, circles, places, versions
from api.store.engine import get_engine
from api.store.errors import BackupError, DiskFullError, SchemaError
from api.store.schema import HEAD

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from geo.records import Place


def rows(session: Session) -> dict[str, int]:
    """A fingerprint of every table: its rows as text, counted and hashed."""
    tables = session.scalars(
        text(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'spatial_ref_sys' ORDER BY 1"
        )
    ).all()
    return {
        table: session.scalar(text(f'SELECT coalesce(sum(hashtext(t::text)::bigint), 0) FROM "{table}" t'))  # noqa: S608
        for table in tables
    }


@pytest.fixture
def filled(database: str, make_board: Callable[..., Place]) -> str:
    with Session(get_engine()) as session:
        places.load_place(session, make_board())
        assignments.assign(session, "board")
        checks.check(session, "board")
        circles.compute_circles(session, "board")
        versions.publish(session, "board-v1", "首次发布")
        session.commit()
    return database


def test_round_trip(filled: str, tmp_path: Path) -> None:
    assert filled
    file = tmp_path / "onegrid.backup"
    with Session(get_engine()) as session:
        before = rows(session)
    report = backups.backup(file)
    assert report.size_bytes == file.stat().st_size > 0
    assert oct(file.stat().st_mode)[-3:] == "600"
    assert [each.name for each in tmp_path.iterdir()] == ["onegrid.backup"]
    with Session(get_engine()) as session:
        session.execute(text("DELETE FROM address"))
        session.execute(text("DELETE FROM subject"))
        session.execute(text("INSERT INTO audit_event (account, action, object) VALUES ('a', 'b', 'c')"))
        session.commit()
        assert rows(session) != before
    get_engine().dispose()
    backups.restore(file)
    with Session(get_engine()) as session:
        assert rows(session) == before
        # And it works on: numbers go on where they stood, guards stand, queries answer.
        draft = versions.add_version(session, "board", copy_of=versions.as_of(session, "board"))
        assert assignments.reassign(session, draft.code, "board-v1").reassigned == 0
        with pytest.raises(Exception, match="published"):
            session.execute(
                text("UPDATE zone SET name = 'x' FROM version v WHERE v.id = version_id AND v.number = 1")
            )


def test_a_file_that_is_no_backup_changes_nothing(filled: str, tmp_path: Path) -> None:
    assert filled
    other = tmp_path / "photo.jpg"
    other.write_bytes(b"\xff\xd8\xff")
    with pytest.raises(BackupError, match="不是"):
        backups.restore(other)
    with pytest.raises(BackupError, match="无法读取"):
        backups.restore(tmp_path / "missing")
    with Session(get_engine()) as session:
        assert places.is_loaded(session, "board")


def test_a_damaged_backup_changes_nothing(filled: str, tmp_path: Path) -> None:
    assert filled
    file = tmp_path / "onegrid.backup"
    backups.backup(file)
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])
    with pytest.raises(BackupError):
        backups.restore(file)
    with Session(get_engine()) as session:
        assert places.is_loaded(session, "board")
        left = session.scalars(
            text("SELECT datname FROM pg_database WHERE datname ~ '_(restore|former)_'")
        ).all()
        assert left == []


def test_a_backup_of_a_newer_program_is_refused(filled: str, tmp_path: Path) -> None:
    assert filled
    file = tmp_path / "onegrid.backup"
    with Session(get_engine()) as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        session.commit()
    backups.backup(file)
    with Session(get_engine()) as session:
        session.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": HEAD})
        session.commit()
    with pytest.raises(SchemaError, match="9999"):
        backups.restore(file)
    with Session(get_engine()) as session:
        assert places.is_loaded(session, "board")


def test_no_space_for_a_backup_is_told(filled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert filled
    file = tmp_path / "onegrid.backup"
    file.write_text("the one before")
    monkeypatch.setattr(backups.shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(DiskFullError):
        backups.backup(file)
    assert file.read_text() == "the one before"
    with pytest.raises(BackupError, match="目录不存在"):
        backups.backup(tmp_path / "nowhere" / "file")
