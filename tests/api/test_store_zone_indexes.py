"""Kept indexes: of the zones as they are at this moment, whoever wrote them, and whatever became of the files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from api.settings import get_settings
from api.store import assignments, bulk, places, versions, zone_indexes, zonesets
from api.store.zone_indexes import boundary_index, zone_index
from geo.assignment import ZoneIndex
from geo.errors import ZonesError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Engine

    from geo.records import Place


@pytest.fixture
def folder(tmp_path: Path, database: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where this test's indexes are kept."""
    del database  # sets the other settings
    monkeypatch.setenv("ONEGRID_HOME", str(tmp_path))
    get_settings.cache_clear()
    yield tmp_path / "indexes"
    get_settings.cache_clear()


@pytest.fixture
def board(session: Session, folder: Path, make_board: Callable[..., Place]) -> versions.VersionInfo:
    """A place of 16 grids in communities, loaded and committed."""
    del folder
    places.load_place(session, make_board())
    session.commit()
    return versions.get_version(session, "board-v1")


def level_of(session: Session, code: str = "grid") -> int:
    return int(session.scalar(text("SELECT id FROM level WHERE code = :code"), {"code": code}) or 0)


def assert_true(session: Session, version: versions.VersionInfo) -> None:
    """The index answers as one that is built of the rows of this moment."""
    zones = zonesets.read_zones(session, version, "grid")
    ids, index = zone_index(session, version.id, level_of(session))
    assert ids.tolist() == zones["id"].tolist()
    assert len(index) == len(zones)
    west, south, east, north = zones.total_bounds
    lon, lat = (
        each.ravel() for each in np.meshgrid(np.linspace(west, east, 83), np.linspace(south, north, 83))
    )
    assert np.array_equal(index.locate(lon, lat), ZoneIndex(zones).locate(lon, lat))


@pytest.fixture
def building(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many zones each index has that is built from now on."""
    built: list[int] = []
    original = ZoneIndex.__init__

    def counted(self: ZoneIndex, zones: Any) -> None:
        built.append(len(zones))
        original(self, zones)

    monkeypatch.setattr(ZoneIndex, "__init__", counted)
    return built


def test_after_a_load_nothing_is_left_to_build(
    session: Session, board: versions.VersionInfo, building: list[int]
) -> None:
    assert (
        session.scalar(text("SELECT count(*) FROM subject WHERE location IS NULL")) > 0
    )  # asks for the boundary too
    assignments.assign(session, board.code)
    assert building == []


def test_a_load_of_zones_from_a_file_keeps_them_too(
    session: Session, board: versions.VersionInfo, folder: Path, building: list[int]
) -> None:
    zones = zonesets.read_zones(session, board, "grid")
    half = zones.assign(geometry=zones.geometry.translate(xoff=1e-4)).drop(columns=["id", "parent_id"])
    before = set(folder.iterdir())
    version, _ = places._load_zones(session, "board", half, None, None)  # noqa: SLF001  less than a file
    assert len(set(folder.iterdir()) - before) == 1
    building.clear()
    assert_true(session, version)


WRITES = {
    "move": "UPDATE zone SET geom = ST_Translate(geom, 0.001, 0) WHERE id = :first",
    "by a hair": "UPDATE zone SET geom = ST_Translate(geom, 1e-8, 0) WHERE id = :first",
    "cut": "UPDATE zone SET geom = ST_Multi(ST_Buffer(geom, -0.001)) WHERE id = :last",
    "remove": "DELETE FROM zone WHERE id = :last",
    "remove the first": "DELETE FROM zone WHERE id = :first",
    "exchange": """UPDATE zone SET geom = other.geom FROM zone other
                   WHERE zone.id IN (:first, :last) AND other.id IN (:first, :last) AND zone.id <> other.id""",
    "add": """INSERT INTO zone (version_id, level_id, code, name, kind, area_m2, perimeter_m, geom)
              SELECT version_id, level_id, 'G9999', 'new', kind, area_m2, perimeter_m, ST_Translate(geom, 0.05, 0)
              FROM zone WHERE id = :first""",
}


@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_raw_sql_is_noticed(
    engine: Engine, session: Session, board: versions.VersionInfo, write: str
) -> None:
    """Who wrote sees it at once, others when it is committed, nobody when it is undone."""
    level = level_of(session)
    ids, _ = zone_index(session, board.id, level)
    ends = {"first": int(ids[0]), "last": int(ids[-1])}
    session.execute(text(write), ends)
    assert_true(session, board)
    with Session(engine) as other:
        assert_true(other, board)
    session.rollback()
    assert_true(session, board)
    session.execute(text(write), ends)
    session.commit()
    with Session(engine) as other:
        assert_true(other, board)


def test_what_is_written_between_two_statements_is_not_taken_for_what_was_read_before(
    engine: Engine,
    session: Session,
    board: versions.VersionInfo,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Zones change after their digest was read and before they are: the index is kept for the new ones."""
    for file in folder.iterdir():
        file.unlink()
    reading = bulk.read_shapes

    def late(*given: Any) -> Any:
        with Session(engine) as other:
            other.execute(text("UPDATE zone SET geom = ST_Translate(geom, 0.003, 0)"))
            other.commit()
        return reading(*given)

    former = zonesets.read_zones(session, board, "grid")
    session.commit()
    with monkeypatch.context() as patch:
        patch.setattr(bulk, "read_shapes", late)
        zone_index(session, board.id, level_of(session))
    assert_true(session, board)
    # And back: the zones as they were are not answered by the index of those that they had become.
    with Session(engine) as other:
        for zone in former.itertuples():
            other.execute(
                text("UPDATE zone SET geom = ST_GeomFromWKB(:shape, 4490) WHERE id = :id"),
                {"shape": zone.geometry.wkb, "id": zone.id},
            )
        other.commit()
    assert_true(session, board)


def spoilt(content: bytes) -> list[bytes]:
    return [
        b"",
        content[: len(content) // 2],
        content[:-1],
        b"nonsense" * 1_000,
        content.replace(b"zone index", b"gone index"),
    ]


def test_files_may_be_lost_cut_or_foreign(
    session: Session, board: versions.VersionInfo, folder: Path, building: list[int]
) -> None:
    level = level_of(session)
    kept = {file: spoilt(file.read_bytes()) for file in folder.iterdir()}
    for way in range(len(spoilt(b""))):
        for file, contents in kept.items():
            file.write_bytes(contents[way])
        building.clear()
        ids, _ = zone_index(session, board.id, level)
        assert building == [len(ids)]
        assert_true(session, board)
        building.clear()
        zone_index(session, board.id, level)
        assert building == []  # mended


def test_an_index_of_another_edition_is_not_used(
    session: Session, board: versions.VersionInfo, building: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(zone_indexes, "_edition", lambda: b"other")
    ids, _ = zone_index(session, board.id, level_of(session))
    assert building == [len(ids)]


def test_without_a_place_to_keep_them_all_works(
    session: Session, board: versions.VersionInfo, folder: Path
) -> None:
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    folder.write_text("no folder")
    assert assignments.assign(session, board.code).subjects > 0
    assert_true(session, board)
    assert folder.read_text() == "no folder"


def test_the_oldest_leave_first(
    session: Session, board: versions.VersionInfo, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    level, former = level_of(session), set(folder.iterdir())
    session.execute(text("UPDATE zone SET geom = ST_Translate(geom, 0.001, 0)"))
    zone_index(session, board.id, level)
    (newest,) = set(folder.iterdir()) - former
    kept = max(former, key=lambda file: file.stat().st_size)
    room = newest.stat().st_size + kept.stat().st_size
    newest.unlink()
    for file in former:
        os.utime(file, (2, 2) if file == kept else (1, 1))
    monkeypatch.setattr(zone_indexes, "MOST_BYTES", room)
    zone_index(session, board.id, level)
    assert set(folder.iterdir()) == {newest, kept}


def test_what_a_killed_process_left_is_no_index_and_leaves(
    session: Session, board: versions.VersionInfo, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    level = level_of(session)
    for file in list(folder.iterdir()):
        file.rename(file.with_name(f"{file.name}.12-34.part"))
    assert_true(session, board)
    assert [file for file in folder.iterdir() if file.suffix == ".part"]
    session.execute(text("UPDATE zone SET geom = ST_Translate(geom, 0.001, 0)"))
    monkeypatch.setattr(zone_indexes, "MOST_BYTES", 1)  # no room for anything
    zone_index(session, board.id, level)
    assert list(folder.iterdir()) == []


def test_a_level_without_zones_has_no_index(session: Session, board: versions.VersionInfo) -> None:
    with pytest.raises(ZonesError):
        zone_index(session, board.id, 0)


def test_the_boundary_is_the_one_of_this_moment(session: Session, board: versions.VersionInfo) -> None:
    west, south, _, _ = boundary_index(session, board.territory_id).bounds
    session.execute(text("UPDATE territory SET boundary = ST_Translate(boundary, 0.5, 0.25)"))
    moved = boundary_index(session, board.territory_id).bounds
    assert np.allclose(moved[:2], [west + 0.5, south + 0.25], rtol=0, atol=1e-9)
