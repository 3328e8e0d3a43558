"""``onegrid load`` and its like, as a planner types them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from api.cli import MODULES, app
from api.store import places, versions
from api.store.engine import get_engine
from geo import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from geo.records import Place


def onegrid(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(each) for each in arguments], catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def board(database: str, make_board: Callable[..., Place]) -> Place:
    assert database
    place = make_board()
    with Session(get_engine()) as session:
        places.load_place(session, place)
        session.commit()
    return place


def count(statement: str) -> int:
    with get_engine().connect() as connection:
        return int(connection.scalar(text(statement)) or 0)


def subjects_csv(path: Path, rows: list[str], header: str = "编码,类别,姓名,地址,人口,经度,纬度") -> Path:
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8-sig")
    return path


def test_help_names_every_command() -> None:
    shown = onegrid("--help").output
    assert all(name in shown for name in MODULES)


def test_subjects_from_a_file_are_stored_assigned_and_found(board: Place, tmp_path: Path) -> None:
    onegrid("assign", board.code)
    file = subjects_csv(
        tmp_path / "户.csv",
        [f"N{k},household,张{k},新路{k}号,3,{121.401 + k * 1e-3:.6f},31.061" for k in range(10)],
    )
    shown = onegrid("load", file, "--kind", "subjects", "--territory", "board", "--crs", "EPSG:4490").output
    assert "管理对象" in shown
    assert count("SELECT count(*) FROM subject WHERE code LIKE 'N%'") == 10
    assert (
        count("SELECT count(*) FROM address a JOIN subject s ON s.id = a.subject_id WHERE s.code LIKE 'N%'")
        == 10
    )
    assert (
        count(
            """SELECT count(*) FROM version v CROSS JOIN subject s CROSS JOIN LATERAL zones_of(v.run_id, s.id) a
               WHERE s.code LIKE 'N%' AND a.zone_id IS NOT NULL"""
        )
        == 20
    )


def test_every_bad_row_is_named_and_nothing_is_stored(board: Place, tmp_path: Path) -> None:
    assert board
    file = subjects_csv(
        tmp_path / "户.csv",
        [
            "A1,household,张,一路1号,3,121.401,31.061",
            "A2,household,李,一路2号,3,500,31.061",
            ",household,王,一路3号,3,121.401,31.061",
            "A1,household,赵,一路4号,3,121.401,31.061",
        ],
    )
    result = onegrid("load", file, "--kind", "subjects", "--territory", "board", "--crs", "EPSG:4490", code=1)
    assert "500" in result.stderr
    assert count("SELECT count(*) FROM subject WHERE code LIKE 'A%'") == 0
    onegrid(
        "load", file, "--kind", "subjects", "--territory", "board", "--crs", "EPSG:4490", "--skip-bad-rows"
    )
    assert count("SELECT count(*) FROM subject WHERE code LIKE 'A%'") == 1
    rejected = file.with_name("户.csv.rejected.csv").read_text("utf-8-sig")
    assert "500" in rejected


def test_an_undeclared_reference_explains_itself(board: Place, tmp_path: Path) -> None:
    assert board
    file = subjects_csv(tmp_path / "户.csv", ["A1,household,张,一路1号,3,121.401,31.061"])
    result = onegrid("load", file, "--kind", "subjects", "--territory", "board", code=1)
    assert "EPSG" in result.stderr


def test_a_second_load_of_the_same_file_is_refused_and_replace_replaces(board: Place, tmp_path: Path) -> None:
    assert board
    file = subjects_csv(tmp_path / "户.csv", ["A1,household,张,一路1号,3,121.401,31.061"])
    command = ("load", file, "--kind", "subjects", "--territory", "board", "--crs", "EPSG:4490")
    onegrid(*command)
    result = onegrid(*command, code=1)
    assert "A1" in result.stderr
    onegrid(*command, "--replace")
    assert count("SELECT count(*) FROM subject") == 1


def test_zones_of_a_file_become_a_draft(board: Place, tmp_path: Path) -> None:
    file = tmp_path / "grids.geojson"
    grids = board.zones[board.zones["level"] == "grid"].drop(columns=["staff", "attributes", "parent"])
    files.write(grids[grids["code"] != "G0000"], file)
    onegrid("load", file, "--kind", "zones", "--territory", "board", "--level", "grid")
    with Session(get_engine()) as session:
        found = versions.list_versions(session, "board")
    assert [each.code for each in found] == ["board-v2", "board-v1"]
    zones = """SELECT count(*) FROM zone z JOIN version v ON v.id = z.version_id JOIN level l ON l.id = z.level_id
               WHERE v.code = 'board-v2' AND l.code = """
    assert count(zones + "'grid'") == 15
    assert count(zones + "'community'") == 4
    assert count(zones + "'grid' AND z.parent_id IS NOT NULL") == 15
    result = onegrid("check", "board-v2", "--fail", code=3)
    assert "缺口" in result.output or "未覆盖" in result.output


def test_a_territory_is_made_from_its_zones(
    database: str, make_board: Callable[..., Place], tmp_path: Path
) -> None:
    assert database
    place = make_board()
    file = tmp_path / "communities.geojson"
    files.write(place.zones[place.zones["level"] == "community"].drop(columns=["staff", "attributes"]), file)
    subjects = subjects_csv(tmp_path / "户.csv", ["A1,household,张,一路1号,3,121.401,31.061"])
    result = onegrid(
        "load", subjects, "--kind", "subjects", "--territory", "new", "--crs", "EPSG:4490", code=1
    )
    assert "--boundary" in result.stderr
    onegrid("load", file, "--kind", "zones", "--territory", "new", "--level", "community", "--name", "新镇")
    onegrid("load", subjects, "--kind", "subjects", "--territory", "new", "--crs", "EPSG:4490")
    shown = onegrid("versions", "new").output
    assert "new-v1" in shown
    assert "草稿" in shown


def test_assign_check_circles_publish_export(board: Place, tmp_path: Path) -> None:
    assert "核对" in onegrid("assign", board.code).output
    assert "0 处错误" in onegrid("check", board.code).output
    assert "15 分钟" in onegrid("circles", board.code, "--speed", "0.8").output
    assert "已发布" in onegrid("publish", board.code, "--reason", "首次发布").output
    file = tmp_path / "zones.geojson"
    onegrid("export", board.code, file, "--level", "grid")
    collection = json.loads(file.read_text("utf-8"))
    assert len(collection["features"]) == 16
    assert {each["properties"]["version"] for each in collection["features"]} == {"board-v1"}
    assert sum(each["properties"]["household"] for each in collection["features"]) > 0
    result = onegrid("publish", board.code, "--reason", "再次", code=1)
    assert "已经发布" in result.stderr


def test_streets_stations_and_addresses_of_files(board: Place, tmp_path: Path) -> None:
    for kind, frame in (
        ("streets", board.streets),
        ("stations", board.stations),
        ("addresses", board.addresses),
    ):
        file = tmp_path / f"{kind}.gpkg"
        files.write(frame.drop(columns="attributes"), file)
        onegrid("load", file, "--kind", kind, "--territory", "board", "--replace")
    assert count("SELECT count(*) FROM street_edge") == len(board.streets)
    assert count("SELECT count(*) FROM station") == 2
    assert count("SELECT count(*) FROM address") == len(board.addresses)


def test_an_unknown_version_names_the_known(board: Place) -> None:
    result = onegrid("assign", "nowhere-v1", code=1)
    assert f"{board.code}-v1" in result.stderr
