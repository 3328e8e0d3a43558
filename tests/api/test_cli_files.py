"""Commands on files: check, repair, fuse and assign, as a planner types them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from contextlib import nullcontext
from functools import partial
from io import BytesIO, StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely
from rich.console import Console
from shapely import LineString, MultiPolygon, Polygon, box
from typer.testing import CliRunner

from api.cli import app
from api.cli.console import table
from api.cli.sources import is_file

if TYPE_CHECKING:
    from collections.abc import Callable

    from geo.records import Place

WEST, A_B, EAST, SOUTH, NORTH = 121.40, 121.403, 121.406, 31.07, 31.073
METRE = 0.00001  # some 0.95 m of longitude


def frame(shapes: dict[str, Any]) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({"code": list(shapes)}, geometry=list(shapes.values()), crs="EPSG:4490")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the files of a small place.

    ::

        +-----+-----+   grids.gpkg   A reaches a metre into B
        |  A  ||  B |   order.gpkg   the border of X and Y lies 50 m east of that of A and B
        +-----+-----+   people.csv   two households in A, one in B, one far outside, one without place
    """
    monkeypatch.chdir(tmp_path)
    grids = {"A": box(WEST, SOUTH, A_B + METRE, NORTH), "B": box(A_B, SOUTH, EAST, NORTH)}
    frame(grids).to_file("grids.gpkg")
    middle = A_B + 50 * METRE
    order = {"X": box(WEST, SOUTH, middle, NORTH), "Y": box(middle, SOUTH, EAST, NORTH)}
    frame(order).to_file("order.gpkg")
    (tmp_path / "people.csv").write_text(
        "编码,类别,人数,经度,纬度\n"
        "001,户,3,121.401,31.071\n002,户,2,121.402,31.072\n003,商户,,121.405,31.071\n"
        "004,户,4,121.450,31.071\n005,户,,,\n",
        encoding="utf-8",
    )
    return tmp_path


def run(*words: str) -> Any:
    result = CliRunner().invoke(app, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def squeezed(text: str) -> str:
    return re.sub(r"[\s│]+", "", text)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("monaco-v1", False), ("monaco", False), ("a/b", True), ("grids.gpkg", True),
        ("网格.xlsx", True), ("v1.2", False),
    ],
)  # fmt: skip
def test_a_word_is_a_file_or_a_version(word: str, expected: bool) -> None:  # noqa: FBT001
    assert is_file(word) is expected


def test_check_prints_and_writes_the_faults(folder: Path) -> None:
    result = run("check", "grids.gpkg")
    assert result.exit_code == 0
    assert "1 处错误" in result.output
    assert "重叠" in result.output
    written = gpd.read_file(folder / "grids.faults.gpkg", layer="faults")
    assert written["kind"].tolist() == ["overlap"]
    assert written["codes"].tolist() == ['["A", "B"]']
    assert run("check", "grids.gpkg", "--fail").exit_code == 3


def test_check_writes_a_workbook(folder: Path) -> None:
    assert run("check", "grids.gpkg", "-o", "问题.xlsx").exit_code == 0
    sheets = pd.read_excel(folder / "问题.xlsx", sheet_name=None, engine="calamine")
    assert list(sheets) == ["faults", "summary"]
    assert sheets["summary"]["name"].tolist() == ["重叠"]
    assert sheets["faults"]["lon"].iloc[0] == pytest.approx(A_B, abs=1e-4)


def test_check_reports_crossing_rings_and_double_codes_as_faults(folder: Path) -> None:
    bow = Polygon([(WEST, SOUTH), (A_B, NORTH), (A_B, SOUTH), (WEST, NORTH)])
    zones = frame({"A": bow, "B": box(A_B, SOUTH, EAST, NORTH), "C": box(121.5, SOUTH, 121.51, NORTH)})
    zones["code"] = ["A", "B", "B"]
    zones.to_file(folder / "bad.gpkg")
    result = run("check", "bad.gpkg")
    assert result.exit_code == 0
    kinds = set(gpd.read_file(folder / "bad.faults.gpkg", layer="faults")["kind"])
    assert {"invalid", "duplicate"} <= kinds


def test_check_lists_a_zone_too_small_to_have_a_place(folder: Path) -> None:
    """Two millimetres wide: a fault of the zone, whose geometry is empty."""
    frame({"A": box(WEST, SOUTH, WEST + 2e-8, SOUTH + 2e-8), "B": box(A_B, SOUTH, EAST, NORTH)}).to_file(
        folder / "tiny.gpkg"
    )
    result = run("check", "tiny.gpkg")
    assert (result.exit_code, "1 处错误" in result.output) == (0, True), result.output


def test_check_against_a_boundary(folder: Path) -> None:
    frame({"T": box(WEST, SOUTH, EAST + 0.002, NORTH)}).to_file(folder / "town.gpkg")
    run("check", "grids.gpkg", "--boundary", "town.gpkg")
    kinds = gpd.read_file(folder / "grids.faults.gpkg", layer="faults")["kind"]
    assert sorted(kinds) == ["overlap", "uncovered"]
    frame({"river": box(EAST, SOUTH, EAST + 0.002, NORTH)}).to_file(folder / "river.gpkg")
    run("check", "grids.gpkg", "--boundary", "town.gpkg", "--exceptions", "river.gpkg")
    assert gpd.read_file(folder / "grids.faults.gpkg", layer="faults")["kind"].tolist() == ["overlap"]


def test_repair_proposes_first_and_applies_on_request(folder: Path) -> None:
    before = (folder / "grids.gpkg").read_bytes()
    listed = run("repair", "grids.gpkg", "--subjects", "people.csv", "--crs", "EPSG:4490")
    assert "1 处可以修复" in listed.output
    assert list(folder.glob("*repaired*")) == []
    done = run("repair", "grids.gpkg", "--accept", "all")
    assert "改动 2 个网格" in done.output or "改动 1 个网格" in done.output
    assert (folder / "grids.gpkg").read_bytes() == before
    zones = gpd.read_file(folder / "grids.repaired.gpkg", layer="zones")
    assert shapely.coverage_is_valid(zones.geometry.to_numpy())
    checked = run("check", "grids.repaired.gpkg", "--table", "zones")
    assert "0 处错误" in checked.output


def test_a_check_without_faults_leaves_no_list_of_former_ones(folder: Path) -> None:
    run("check", "grids.gpkg")
    frame({"A": box(WEST, SOUTH, A_B, NORTH), "B": box(A_B, SOUTH, EAST, NORTH)}).to_file("grids.gpkg")
    assert "0 处错误" in run("check", "grids.gpkg").output
    assert gpd.read_file(folder / "grids.faults.gpkg", layer="faults").empty


def test_check_finds_what_lines_of_a_file_cut(folder: Path) -> None:
    middle = (SOUTH + NORTH) / 2
    lines = gpd.GeoDataFrame(
        {"name": ["轨道", "小路"], "kind": ["rail", "residential"]},
        geometry=[LineString([(WEST, up), (EAST, up)]) for up in (middle, middle + 0.001)],
        crs="EPSG:4490",
    )
    lines.to_file(folder / "lines.gpkg")
    assert run("check", "grids.gpkg", "--streets", "lines.gpkg").exit_code == 0
    found = gpd.read_file(folder / "grids.faults.gpkg", layer="faults")
    assert found["kind"].tolist() == ["overlap", "cut_barrier", "cut_barrier"]


def test_a_sentence_that_is_longer_than_its_column_is_printed_whole() -> None:
    sentence = "网格 01 跨上级：属于 P，有 500 m²，最宽 5.0 米 落在 Q。"
    console = Console(file=StringIO(), width=34)
    console.print(table("检查结果", ("号", "说明"), [(1, sentence)]))
    printed = re.findall(r"│[^│]*│([^│]*)│", console.file.getvalue())
    assert squeezed("".join(printed)) == squeezed(sentence)


def test_gaps_of_a_file_that_are_registered_are_excused_ever_after(folder: Path) -> None:
    def hole(west: float) -> Polygon:
        return box(west, SOUTH + 0.001, west + 20 * METRE, SOUTH + 0.0012)

    first, second = hole(WEST + 0.001), hole(WEST + 0.002)
    holed = box(WEST, SOUTH, A_B, NORTH).difference(MultiPolygon([first, second]))
    frame({"A": holed, "B": box(A_B, SOUTH, EAST, NORTH)}).to_file(folder / "holes.gpkg")
    frame({"lake": first}).to_file("lake.gpkg")
    asked = ("--strategy", "gap=exception", "--exceptions", "lake.gpkg", "--accept", "all")
    done = run("repair", "holes.gpkg", *asked)
    assert "登记豁免 1 处" in done.output
    excused = run("check", "holes.gpkg", "--exceptions", "holes.repaired.exceptions.gpkg")
    assert "0 处错误，0 处提示" in excused.output
    gpd.read_file("lake.gpkg").to_file("again.exceptions.gpkg")
    kept = run(
        "repair", "holes.gpkg", *asked[:3], "again.exceptions.gpkg", "--accept", "all", "-o", "again.gpkg"
    )
    assert kept.exit_code == 1
    assert "不能写到原文件" in kept.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("check", "monaco-v1", "--boundary", "a.gpkg"), "--boundary 只用于文件"),
        (("repair", "monaco-v1", "--subjects", "a.gpkg"), "--subjects 只用于文件"),
        (("repair", "monaco-v1", "--undo", "--accept", "all"), "--accept 不能与 --undo 合用"),
        (("check", "monaco-v1", "-o", "faults.doc"), "不能写成“.doc”"),
    ],
)
def test_options_that_would_do_nothing_are_refused(words: tuple[str, ...], said: str) -> None:
    refused = run(*words)
    assert refused.exit_code == 1
    assert said in refused.output


def test_a_repair_written_as_a_workbook_keeps_its_borders_beside_it(folder: Path) -> None:
    before = (folder / "grids.gpkg").read_bytes()
    done = run("repair", "grids.gpkg", "--accept", "all", "-o", "grids.xlsx")
    assert done.exit_code == 0, done.output
    assert "grids.repaired.gpkg" in done.output
    assert (folder / "grids.gpkg").read_bytes() == before
    assert "重叠" not in run("check", "grids.repaired.gpkg", "--table", "zones").output
    sheets = pd.read_excel(folder / "grids.xlsx", sheet_name=None, engine="calamine")
    assert sheets["proposals"]["recipient"].tolist() == ["A"]


def test_repair_follows_decisions_and_limits(folder: Path) -> None:
    run("repair", "grids.gpkg", "--decide", "1=B", "-o", "proposals.xlsx")
    rows = pd.read_excel(folder / "proposals.xlsx", sheet_name="proposals", engine="calamine")
    assert rows["recipient"].tolist() == ["B"]
    limited = run("repair", "grids.gpkg", "--max-change", "0.0001")
    assert "0 处可以修复，1 处需要人工决定" in limited.output


def test_repair_lists_what_only_arose_from_it(folder: Path) -> None:
    """A hole that reaches over the edge of A: mended, it is a bay 20 m wide, too wide to fill unasked."""
    hole = box(A_B - 20 * METRE, SOUTH + 0.001, A_B + METRE, SOUTH + 0.002)
    crossing = Polygon(box(WEST, SOUTH, A_B, NORTH).exterior, [hole.exterior])
    frame({"A": crossing, "B": box(A_B, SOUTH, EAST, NORTH)}).to_file("crossing.gpkg")
    words = ("repair", "crossing.gpkg", "--max-gap", "10", "--max-change", "0.2")
    listed = run(*words, "-o", "建议.xlsx")
    assert listed.exit_code == 0, listed.output
    assert "1 处可以修复，1 处需要人工决定" in listed.output
    rows = pd.read_excel(folder / "建议.xlsx", sheet_name="proposals", engine="calamine")
    assert rows["status"].tolist() == ["proposed", "refused"]
    assert rows["number"].tolist()[0] == 1
    assert rows["number"].isna().tolist() == [False, True]
    done = run(*words, "--accept", "all")
    assert done.exit_code == 0, done.output
    assert "修复引出的缺口(AB)没有执行" in squeezed(done.output)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("repair", "grids.gpkg", "--accept", "7"), "没有可以执行的7号建议"),
        (("repair", "grids.gpkg", "--accept", "x"), "不是问题编号"),
        (("repair", "grids.gpkg", "--strategy", "gap"), "写法不对"),
        (("repair", "grids.gpkg", "--strategy", "hole=refuse"), "没有这样的问题种类"),
        (("repair", "grids.gpkg", "--decide", "1=Z"), "也没有这个编码的网格"),
        (("repair", "grids.gpkg", "--decide", "2=A"), "没有编号为2的可修复的问题"),
        (("check", "missing.gpkg"), "没有文件"),
        (("check", "people.csv"), "出错"),
        (("check", "grids.gpkg", "-o", "faults.doc"), "不能写成"),
        (("fuse", "party=grids.gpkg"), "多格合一需要2到8个图层"),
        (("fuse", "party=grids.gpkg", "grids.gpkg"), "没有说明是哪个条线"),
        (("fuse", "grids.gpkg", "order.gpkg"), "没有说明是哪个条线"),
        (("fuse", "party=grids.gpkg", "party=order.gpkg"), "给了两个文件"),
        (("fuse", "party=grids.gpkg", "order=missing.gpkg"), "没有文件"),
        (("fuse", "party=grids.gpkg", "order=order.gpkg", "-o", "order.gpkg"), "不能写到原文件"),
        (("fuse", "party=grids.gpkg", "order=order.gpkg", "--layers", "party,order"), "--layers只用于版本"),
        (("fuse", "party=grids.gpkg", "order=order.gpkg", "--adopt", "合一"), "--adopt只用于版本"),
        (("fuse", "monaco-v1", "monaco-v2"), "一次只能融合一个版本"),
        (("fuse", "monaco-v1", "--estates", "a.gpkg", "--noise", "5"), "--estates只用于文件"),
        (("fuse", "monaco-v1", "--adopt", "合一", "--leading", "party"), "--leading只用于重新融合"),
        (("fuse", "a=grids.gpkg", "b=order.gpkg", "--households", "many"), "写法不对"),
        (("fuse", "a=grids.gpkg", "b=order.gpkg", "--leading", "c"), "主导图层"),
        (("fuse", "a=grids.gpkg", "b=order.gpkg", "-o", "out.txt"), "不能写成"),
        (("assign", "people.csv"), "没有说明分配到哪些网格"),
        (("assign", "people.csv", "--zones", "order.gpkg"), "坐标系"),
        (("assign", "missing.csv", "--zones", "order.gpkg"), "没有文件"),
    ],
)
def test_bad_input_is_a_message_with_a_remedy(folder: Path, words: tuple[str, ...], said: str) -> None:
    assert folder.is_dir()
    result = run(*words)
    assert result.exit_code == 1, result.output
    assert said in squeezed(result.stderr)
    assert "Traceback" not in result.output


def test_assign_writes_zones_and_reasons(folder: Path) -> None:
    result = run("assign", "people.csv", "--zones", "order.gpkg", "--crs", "EPSG:4490", "-o", "out.csv")
    assert result.exit_code == 0, result.output
    rows = pd.read_csv(folder / "out.csv", dtype=str, keep_default_na=False)
    assert rows["code"].tolist() == ["001", "002", "003", "004", "005"]
    assert rows["zone"].tolist() == ["X", "X", "Y", "", ""]
    assert rows["unassigned"].tolist() == ["", "", "", "辖区外", "无位置"]
    counts = [re.findall(r"[^\s│┃]+", line) for line in result.output.splitlines() if "grid" in line]
    # level, kind, total = assigned + outside + gap + no location + bad location
    assert counts == [
        ["grid", "商户/企业", "1", "1", "0", "0", "0", "0"],
        ["grid", "户", "4", "2", "1", "0", "1", "0"],
    ]


def test_assign_writes_other_formats_and_lists_bad_rows(folder: Path) -> None:
    with (folder / "people.csv").open("a", encoding="utf-8") as file:
        file.write("006,城堡,1,121.401,31.071\n")
    words = ("assign", "people.csv", "--zones", "order.gpkg", "--crs", "EPSG:4490")
    refused = run(*words, "-o", "out.gpkg")
    assert refused.exit_code == 1
    assert not (folder / "out.gpkg").exists()
    assert list(folder.glob(".*")) == []
    result = run(*words, "-o", "out.gpkg", "--skip-bad-rows")
    assert result.exit_code == 0, result.output
    assert len(gpd.read_file(folder / "out.gpkg")) == 5
    assert "城堡" in (folder / "people.csv.rejected.csv").read_text(encoding="utf-8-sig")


def test_assign_on_spark_says_what_is_missing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    result = run("assign", str(folder / "points"), "--zones", "order.gpkg", "--engine", "spark")
    assert result.exit_code == 1
    assert "pipinstall-e'.[spark]'" in squeezed(result.stderr)


def test_assign_by_parts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command of the Spark engine with the parts done here: a session only spreads them."""
    points = pd.DataFrame(
        {"code": list("abc"), "kind": "household", "lon": [121.401, 121.405, 0], "lat": 31.071}
    )
    (folder / "points").mkdir()
    points.to_parquet(folder / "points" / "1.parquet")
    monkeypatch.setattr("api.cli.assign.spark_session", lambda _master: nullcontext())
    result = run(
        "assign", str(folder / "points"), "--zones", "order.gpkg", "--engine", "spark", "-o", "answers"
    )
    assert result.exit_code == 0, result.output
    answers = pd.concat(pd.read_parquet(path) for path in (folder / "answers").glob("*.parquet"))
    assert answers["zone"].tolist()[:2] == ["X", "Y"]
    assert answers["reason"].tolist()[2] == "outside"


def test_assign_refuses_faulty_zones(folder: Path) -> None:
    bow = Polygon([(WEST, SOUTH), (A_B, NORTH), (A_B, SOUTH), (WEST, NORTH)])
    frame({"A": bow}).to_file(folder / "bad.gpkg")
    result = run("assign", "people.csv", "--zones", "bad.gpkg", "--crs", "EPSG:4490")
    assert result.exit_code == 1
    assert "onegridcheck" in squeezed(result.stderr)


def test_fuse_writes_a_geopackage_and_a_workbook(folder: Path) -> None:
    result = run(
        "fuse", "party=grids.gpkg", "order=order.gpkg", "-o", "合一.gpkg", "--households", "none",
        "--subjects", "people.csv", "--crs", "EPSG:4490", "--leading", "order",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "实际分歧" in result.output
    assert {name for name, _ in pyogrio.list_layers(folder / "合一.gpkg")} >= {
        "cells", "crosswalk", "conflicts", "proposal",
    }  # fmt: skip
    proposal = gpd.read_file(folder / "合一.gpkg", layer="proposal")
    assert shapely.coverage_is_valid(proposal.geometry.to_numpy())
    read = partial(pd.read_excel, folder / "合一.xlsx", engine="calamine")
    head = dict(read(sheet_name="汇总", header=None, nrows=8).iloc[:, :2].to_numpy().tolist())
    assert (head["党建网格文件"], head["综治网格文件"]) == ("grids.gpkg", "order.gpkg")
    assert head["主导图层"] == "综治网格（规划员选定）"
    crosswalk = read(sheet_name="新旧对照", header=5)
    assert set(crosswalk.groupby("图层")["户数"].sum()) == {2}
    assert set(crosswalk["旧网格"]) == {"A", "B", "X", "Y"}
    assert proposal["household"].sum() == 2


def test_fuse_reads_every_department_in_its_own_reference_and_format(folder: Path) -> None:
    """A projected GeoPackage, a Shapefile in GBK that names no reference, GeoJSON; --crs is for the one in need."""
    gpd.read_file("grids.gpkg").to_crs("EPSG:4528").to_file("党建.gpkg")
    order = gpd.read_file("order.gpkg").rename(columns={"code": "编码"}).assign(名称=["综治一", "综治二"])
    order.to_file("综治.shp", encoding="GBK")
    for suffix in (".prj", ".cpg"):
        (folder / "综治.shp").with_suffix(suffix).unlink()
    order.assign(编码=["001", "010"]).to_crs("EPSG:4326").to_file("民政.geojson")
    result = run(
        "fuse", "party=党建.gpkg", "order=综治.shp", "民政=民政.geojson", "--households", "none", "--subjects",
        "people.csv", "--crs", "EPSG:4490", "-o", "合一.gpkg",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert "“党建.gpkg”自带坐标系" in squeezed(result.output)
    crosswalk = gpd.read_file(folder / "合一.gpkg", layer="crosswalk")
    assert set(crosswalk.loc[crosswalk["layer"] == "民政", "code"].dropna()) == {"001", "010"}
    assert set(crosswalk.groupby("layer")["household"].sum()) == {2}
    # The projected layer lies where the others do: the border of A and B is 50 m from that of X and Y.
    conflicts = gpd.read_file(folder / "合一.gpkg", layer="conflicts")
    widest = conflicts[conflicts["kind"] == "conflict"].geometry.bounds
    assert widest["minx"].min() == pytest.approx(A_B, abs=2 * METRE)


def test_fuse_takes_subjects_in_another_reference_than_zones(folder: Path) -> None:
    """The households of a map service are shifted back, the grids stay where they are."""
    words = (
        "fuse",
        "party=grids.gpkg",
        "order=order.gpkg",
        "--households",
        "none",
        "--subjects",
        "people.csv",
    )
    assert run(*words, "--subjects-crs", "GCJ-02", "-o", "shifted.gpkg").exit_code == 0
    assert run(*words, "--crs", "EPSG:4490", "-o", "plain.gpkg").exit_code == 0
    shifted, plain = (
        gpd.read_file(folder / name, layer="proposal") for name in ("shifted.gpkg", "plain.gpkg")
    )
    assert shifted.geometry.equals(plain.geometry)
    assert plain["household"].sum() == 2
    assert shifted["household"].sum() != 2


def test_fuse_finds_departments_in_one_file_by_their_names(folder: Path) -> None:
    grids, order = gpd.read_file("grids.gpkg"), gpd.read_file("order.gpkg")
    pyogrio.write_dataframe(grids, "表.gpkg", layer="party")
    pyogrio.write_dataframe(order, "表.gpkg", layer="order", append=True)
    levels = [grids.assign(level="party", layer="party"), order.assign(level="order", layer="order")]
    pd.concat(levels).to_file("层级.gpkg")
    for name in ("表", "层级"):
        result = run(
            "fuse",
            f"party={name}.gpkg",
            f"order={name}.gpkg",
            "--households",
            "none",
            "-o",
            f"{name}.合一.gpkg",
        )
        assert result.exit_code == 0, result.output
        cells = gpd.read_file(folder / f"{name}.合一.gpkg", layer="cells")
        assert (set(cells["party"]), set(cells["order"])) == ({"A", "B"}, {"X", "Y"})
    lost = run("fuse", "party=表.gpkg", "zongzhi=表.gpkg")
    assert lost.exit_code == 1
    assert "取名为“zongzhi”的那个" in squeezed(lost.stderr)


def test_nothing_needs_a_database(folder: Path) -> None:
    """A machine without PostgreSQL checks files."""
    environment = {**os.environ, "ONEGRID_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none"}
    result = run("check", "order.gpkg")
    assert "0 处错误" in result.output
    command = [str(Path(sys.executable).parent / "onegrid"), "check", "order.gpkg"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# ------------------------------------------------------------------------------------------ on the database


@pytest.fixture
def board(database: str, make_board: Callable[..., Place]) -> Place:
    from api.store import assignments, places  # noqa: PLC0415
    from api.store.engine import session  # noqa: PLC0415

    assert database
    place = make_board()
    zones = place.zones.copy()
    at = zones.index[zones["code"] == "G0000"][0]
    zones.loc[at, "geometry"] = box(121.40, 31.06, 121.40505, 31.065)
    department = zones[zones["level"] == "community"].assign(level="party", layer="party", parent=None)
    from geo.records import LEVELS  # noqa: PLC0415

    whole = pd.concat([zones, department], ignore_index=True)
    levels = (*place.levels, LEVELS["party"])
    with session() as opened:
        places.load_place(opened, type(place)(**{**vars(place), "zones": whole, "levels": levels}))
        assignments.assign(opened, "board-v1")
    return place


def test_repair_of_a_version_ends_in_a_draft_and_back(board: Place, tmp_path: Path) -> None:
    listed = run("repair", board.code, "-o", str(tmp_path / "proposals.gpkg"))
    assert listed.exit_code == 0, listed.output
    assert "board-v1 没有改动" in listed.output
    assert gpd.read_file(tmp_path / "proposals.gpkg")["recipient"].tolist() == ["G0000"]
    done = run("repair", "board-v1", "--accept", "all")
    assert "board-v2" in done.output
    assert "已执行 1 处" in done.output
    assert "0 处错误" in run("check", "board-v2", "--level", "grid").output
    assert "已恢复" in run("repair", "board-v2", "--undo").output
    assert "1 处错误" in run("check", "board-v2").output
    again = run("repair", "board-v2", "--undo")
    assert again.exit_code == 1
    assert "没有可撤销" in again.stderr


def test_fuse_of_a_version(board: Place, tmp_path: Path) -> None:
    path = tmp_path / "fusion.gpkg"
    result = run("fuse", board.code, "--layers", "party,grid", "--households", "none", "-o", str(path))
    assert result.exit_code == 0, result.output
    assert "粒度不同" in result.output
    cells = gpd.read_file(path, layer="cells")
    assert {"party", "layer_grid", "grid"} <= set(cells.columns)
    # The workbook is the one that the service answers, but for the moment at which it was made.
    from api.store import stored_fusions, versions  # noqa: PLC0415
    from api.store.engine import session  # noqa: PLC0415
    from maps.fusion import write_fusion  # noqa: PLC0415

    with session() as opened:
        served = write_fusion(stored_fusions.report_of(opened, versions.get_version(opened, "board-v1")))
    read = partial(pd.read_excel, sheet_name=None, header=5, engine="calamine")
    for name, sheet in read(path.with_suffix(".xlsx")).items():
        pd.testing.assert_frame_equal(sheet, read(BytesIO(served))[name])
    assert run("fuse", board.code).exit_code == 1
