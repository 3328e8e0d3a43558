"""What people type and hand in by mistake: a message that says what to do, never a stack trace, nothing half done."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest
import typer
from shapely import LineString, Point, Polygon, box, force_3d
from sqlalchemy import text
from sqlalchemy.orm import Session
from typer.testing import CliRunner

from api.cli import MODULES, app
from api.settings import get_settings
from geo.crs import from_internal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from geo.records import Place

WEST, MIDDLE, EAST, SOUTH, NORTH = 121.40, 121.403, 121.406, 31.07, 31.073
A, B = box(WEST, SOUTH, MIDDLE, NORTH), box(MIDDLE, SOUTH, EAST, NORTH)
BOW = Polygon([(WEST, SOUTH), (MIDDLE, NORTH), (MIDDLE, SOUTH), (WEST, NORTH)])
FLAT = Polygon([(WEST, SOUTH), (EAST, SOUTH), (WEST, SOUTH)])


def run(*words: object) -> Any:
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.output
    return result


def squeezed(shown: str) -> str:
    return re.sub(r"[\s│]+", "", shown)


def zones(**shapes: Any) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"code": list(shapes)}, geometry=list(shapes.values()), crs="EPSG:4490")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    zones(A=A, B=B).to_file("grids.gpkg")
    Path("people.csv").write_text("编码,类别,经度,纬度\n001,户,121.401,31.071\n", encoding="utf-8")
    return tmp_path


# ------------------------------------------------------------------------------------------------------- words


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield path
    for name in command.list_commands(None) if hasattr(command, "list_commands") else ():
        yield from commands(command.get_command(None, name), (*path, name))


def test_every_command_explains_itself_in_chinese_and_refuses_what_it_does_not_know() -> None:
    every = list(commands(typer.main.get_command(app)))
    assert len(every) > len(MODULES)
    for path in every:
        shown = run(*path, "--help")
        assert shown.exit_code == 0, path
        assert re.search(r"[一-鿿]{2}", shown.output), path
        refused = run(*path, "--no-such-option")
        assert refused.exit_code == 2, path
        assert "命令写法不对" in refused.stderr, path


def test_settings_that_cannot_be_used(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert folder.is_dir()
    monkeypatch.setenv("ONEGRID_PORT", "many")
    get_settings.cache_clear()
    result = run("versions", "board")
    assert result.exit_code == 1
    assert "ONEGRID_PORT" in result.stderr


# ------------------------------------------------------------------------------------------------------- files


@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (zones(A=A).iloc[:0], "没有网格"),
        (zones(A=A, B=Point(WEST, SOUTH)), "几何类型不对"),
        (zones(A=A, B=B).assign(code=["A", None]), "缺少编码"),
        (zones(A=A, B=B).to_crs("EPSG:4549").set_crs("EPSG:4547", allow_override=True), "矛盾"),
    ],
)
def test_zones_that_cannot_be_checked(folder: Path, frame: gpd.GeoDataFrame, said: str) -> None:
    frame.to_file("bad.gpkg")
    options = ("--crs", "EPSG:4549") if frame.crs.is_projected else ()
    for command in ("check", "repair"):
        result = run(command, "bad.gpkg", *options)
        assert result.exit_code == 1
        assert said in squeezed(result.stderr)
    assert [each.name for each in folder.glob("*.faults.*")] == []


@pytest.mark.parametrize(
    ("frame", "faults"),
    [
        (zones(A=BOW, B=B), 1),
        (zones(A=FLAT, B=B), 1),
        (zones(A=A, B=B).assign(code=["A", "A"]), 1),
        (zones(A=force_3d(A, 5), B=B), 0),
        (zones(A=A, B=B).to_crs("EPSG:4549"), 0),
    ],
)
def test_zones_whose_faults_are_found(folder: Path, frame: gpd.GeoDataFrame, faults: int) -> None:
    assert folder.is_dir()
    frame.to_file("bad.gpkg")
    result = run("check", "bad.gpkg")
    assert result.exit_code == 0
    assert f"{faults} 处错误" in result.output
    assert run("repair", "bad.gpkg", "--accept", "all").exit_code == 0


@pytest.mark.parametrize(
    ("area", "said"),
    [
        (zones(T=BOW), "图形无效"),
        (zones(T=FLAT), "没有面积"),
        (zones(T=A).iloc[:0], "没有图形"),
        (zones(T=LineString([(WEST, SOUTH), (EAST, NORTH)])), "几何类型不对"),
    ],
)
def test_boundaries_that_are_no_area(folder: Path, area: gpd.GeoDataFrame, said: str) -> None:
    assert folder.is_dir()
    area.to_file("town.gpkg")
    for words in (
        ("check", "grids.gpkg"),
        ("repair", "grids.gpkg"),
        ("assign", "people.csv", "--zones", "grids.gpkg", "--crs", "EPSG:4490"),
    ):
        result = run(*words, "--boundary", "town.gpkg")
        assert result.exit_code == 1, words
        assert said in squeezed(result.stderr), words


@pytest.mark.parametrize("words", [("check",), ("repair", "--accept", "all")])
def test_sources_are_never_written_over(folder: Path, words: tuple[str, ...]) -> None:
    zones(A=A, B=box(MIDDLE - 1e-5, SOUTH, EAST, NORTH)).to_file("grids.gpkg")
    before = (folder / "grids.gpkg").read_bytes()
    result = run(words[0], "grids.gpkg", *words[1:], "-o", folder / "." / "grids.gpkg")
    assert result.exit_code == 1
    assert "原文件" in result.stderr
    assert (folder / "grids.gpkg").read_bytes() == before


def test_a_file_that_names_its_reference_keeps_it_beside_one_that_does_not(folder: Path) -> None:
    """Households in GCJ-02, some 500 m away, beside grids that say EPSG:4490."""
    zones(A=A, B=box(MIDDLE - 1e-4, SOUTH, EAST, NORTH)).to_file("grids.gpkg")
    lon, lat = from_internal([MIDDLE - 5e-5], [31.0715], "GCJ-02")  # in both
    (folder / "gcj.csv").write_text(
        f"编码,类别,经度,纬度\n1,户,{lon[0]:.7f},{lat[0]:.7f}\n", encoding="utf-8"
    )
    result = run(
        "check", "grids.gpkg", "--subjects", "gcj.csv", "--subjects-crs", "GCJ-02", "-o", "faults.gpkg"
    )
    assert result.exit_code == 0, result.output
    faults = gpd.read_file(folder / "faults.gpkg", layer="faults")
    assert faults["subjects"].tolist() == [1]
    zones(T=box(WEST, SOUTH, EAST, NORTH)).to_file("town.gpkg")
    metres = zones(A=A, B=B).to_crs("EPSG:4549").to_wkt().rename(columns={"geometry": "wkt"})
    metres.to_csv("plain.csv", index=False)
    result = run("check", "plain.csv", "--crs", "EPSG:4549", "--boundary", "town.gpkg")
    assert "0 处错误" in result.output, result.output


def test_a_declaration_that_overrides_the_files_own_is_told(folder: Path) -> None:
    assert folder.is_dir()
    assert "已按声明的GCJ-02处理" in squeezed(run("check", "grids.gpkg", "--crs", "GCJ-02").stderr)


@pytest.mark.parametrize(
    "words",
    [
        ("check", "missing/x.gpkg"),
        ("check", "x.osm.pbf"),
        ("check", "."),
        ("check", "grids.gpkg", "-o", "no/x.gpkg"),
    ],
)
def test_paths_that_lead_nowhere(folder: Path, words: tuple[str, ...]) -> None:
    zones(A=BOW).to_file(folder / "grids.gpkg")
    result = run(*words)
    assert result.exit_code == 1
    assert "出错" in result.stderr


def test_assign_reads_a_table_as_it_is_told(folder: Path) -> None:
    """A sheet by name, headings of the office's own."""
    with pd.ExcelWriter(folder / "户.xlsx") as book:
        for sheet in ("一社区", "二社区"):
            made = {"编码": ["9"], "房屋编号": [f"{sheet[0]}-1"], "E": [121.401], "N": [31.071]}
            pd.DataFrame(made).assign(地址="某路").to_excel(book, sheet_name=sheet, index=False)
    words = ("assign", "户.xlsx", "--zones", "grids.gpkg", "--crs", "EPSG:4490", "-o", "out.csv")
    columns = ("编码=房屋编号", "类别==户", "经度=E", "纬度=N")
    named = [word for column in columns for word in ("--column", column)]
    assert "--sheet" in run(*words, *named).stderr
    done = run(*words, *named, "--sheet", "二社区")
    assert done.exit_code == 0, done.output
    rows = pd.read_csv(folder / "out.csv")
    assert rows[["code", "kind", "zone"]].to_numpy().tolist() == [["二-1", "household", "A"]]


# -------------------------------------------------------------------------------------------------- the database


@pytest.fixture
def board(database: str, make_board: Callable[..., Place]) -> Place:
    from api.store import places  # noqa: PLC0415
    from api.store.engine import session  # noqa: PLC0415

    assert database
    place = make_board()
    with session() as opened:
        places.load_place(opened, place)
    return place


def count(database: str, table: str) -> int:
    from api.store.engine import get_engine  # noqa: PLC0415

    assert database
    with Session(get_engine()) as opened:
        return int(opened.scalar(text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608  a table's name


def test_a_load_that_fails_leaves_no_territory(database: str, folder: Path) -> None:
    (folder / "people.csv").write_text("编码,类别,经度,纬度\n1,城堡,121.401,31.071\n", encoding="utf-8")
    result = run(
        "load", "people.csv", "--kind", "subjects", "--territory", "new", "--boundary", "grids.gpkg",
        "--crs", "EPSG:4490",
    )  # fmt: skip
    assert result.exit_code == 1
    assert "城堡" in result.stderr
    assert count(database, "territory") == 0


def test_a_first_load_of_zones_takes_all_options(database: str, folder: Path) -> None:
    """Layer of a GeoPackage, names of columns, bad rows left out; the territory is what the good zones cover."""
    layers = {"旧": zones(X=A), "新": zones(A=A, B=B, C=BOW).rename(columns={"code": "格号"})}
    for name, frame in layers.items():
        frame.assign(名称="甲").to_file(folder / "two.gpkg", layer=name, mode="a" if name == "新" else "w")
    words = ("load", "two.gpkg", "--kind", "zones", "--territory", "new", "--level", "grid")
    assert "--table" in run(*words).stderr
    assert "--column" in squeezed(run(*words, "--table", "新").stderr)
    options = ("--table", "新", "--column", "编码=格号", "--column", "类型==专属")
    assert run(*words, *options).exit_code == 1
    assert count(database, "territory") == 0
    done = run(*words, *options, "--skip-bad-rows")
    assert done.exit_code == 0, done.output
    assert count(database, "zone WHERE kind = 'dedicated'") == 2
    assert (folder / "two.gpkg.rejected.csv").read_text(encoding="utf-8-sig").count("自相交") == 1
    for bad in ("格号", "颜色=格号", "编码=", "编码=号"):
        assert run(*words, "--table", "新", "--column", bad).exit_code == 1


def test_an_empty_file_replaces_nothing(board: Place, database: str, folder: Path) -> None:
    before = count(database, "subject")
    assert before > 0
    (folder / "none.csv").write_text("编码,类别,经度,纬度\n", encoding="utf-8")
    result = run(
        "load", "none.csv", "--kind", "subjects", "--territory", board.code, "--crs", "EPSG:4490", "--replace"
    )
    assert result.exit_code == 1
    assert "没有数据行" in result.stderr
    assert count(database, "subject") == before


def test_levels_that_a_place_does_not_have(board: Place, folder: Path) -> None:
    """Not "no faults": nothing was looked at."""
    assert folder.is_dir()
    for words in (("check", board.code), ("export", board.code, "out.gpkg"), ("repair", board.code)):
        result = run(*words, "--level", "星球")
        assert result.exit_code == 1, words
        assert "grid" in result.stderr, words
        assert run(*words, "--level", "网格").exit_code == 0, words


@pytest.mark.parametrize("accept", ["1-99999999999", "5-3", "0", "all,1", ""])
def test_numbers_of_proposals_that_are_not_there(board: Place, accept: str) -> None:
    result = run("repair", board.code, "--accept", accept)
    assert result.exit_code == 1
    assert "建议" in result.stderr or "编号" in result.stderr


@pytest.mark.parametrize(
    "content",
    [
        b"nope",
        b"[1]",
        b'{"rules": [1]}',
        b'{"rules": "abc"}',
        b'{"rules": [{"rule": "households"}]}',
        b'{"rules": [{"rule": "households", "level": "grid", "least": "many"}]}',
        b'{"number_format": "x"}',
        b'{"approval": "perhaps"}',
        '{"name": "名"}'.encode("gbk"),
    ],
)
def test_files_that_are_no_rules(board: Place, folder: Path, content: bytes) -> None:
    (folder / "rules.json").write_bytes(content)
    result = run("profile", "set", board.code, "--file", "rules.json")
    assert result.exit_code == 1
    assert "profileshow" in squeezed(result.stderr)


def test_rules_written_out_come_back_in(board: Place, folder: Path) -> None:
    """Through an editor that marks UTF-8."""
    shown = run("profile", "show", board.code, "--json").output
    (folder / "rules.json").write_text(shown.replace("默认规则", "本镇规则"), encoding="utf-8-sig")
    assert run("profile", "set", board.code, "--file", "rules.json").exit_code == 0
    assert (
        run("profile", "show", board.code, "--json").output.replace("本镇规则", "默认规则").count("默认规则")
        == 1
    )


def test_pages_and_ledgers_where_there_is_no_folder(board: Place, folder: Path) -> None:
    assert folder.is_dir()
    for words in (("brief", f"{board.code}-v1", "-o"), ("export", board.code)):
        result = run(*words, Path("no") / ("a.html" if "brief" in words else "a.gpkg"))
        assert result.exit_code == 1
        assert "无法写入" in squeezed(result.stderr)


@pytest.mark.parametrize("code", ["辖区/..", "", "a b", "x" * 41])
def test_codes_of_territories_that_cannot_be(database: str, folder: Path, code: str) -> None:
    zones(A=A, B=B).assign(name="甲").to_file(folder / "named.gpkg")
    result = run("load", "named.gpkg", "--kind", "zones", "--territory", code, "--level", "grid")
    assert result.exit_code == 1
    assert count(database, "territory") == 0
