"""``onegrid assign`` on files: whose reference is whose, formats, and sums that agree with what is written."""

from __future__ import annotations

import re
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import Point, box
from typer.testing import CliRunner

from api.cli import app
from geo import files
from geo.crs import from_internal
from geo.records import UNASSIGNED_NAMES

if TYPE_CHECKING:
    from pathlib import Path

WEST, MIDDLE, EAST, SOUTH, NORTH = 121.40, 121.403, 121.406, 31.07, 31.073


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two grids with a strip between them, and forty households on a line from west to east and beyond.

    ::

        +-----+  +-----+   X and Y; the gap is 50 m wide: GCJ-02 differs from EPSG:4490 by some 500 m
        |  X  |  |  Y  |
        +-----+  +-----+
    """
    monkeypatch.chdir(tmp_path)
    zones = {"X": box(WEST, SOUTH, MIDDLE, NORTH), "Y": box(MIDDLE + 0.0005, SOUTH, EAST, NORTH)}
    frame = gpd.GeoDataFrame({"code": list(zones)}, geometry=list(zones.values()), crs="EPSG:4490")
    frame.to_file("grids.gpkg")
    frame.to_wkt().rename(columns={"geometry": "wkt"}).to_csv("grids.csv", index=False)
    frame.to_crs(4549).to_file("projected.gpkg")
    return tmp_path


def households() -> gpd.GeoDataFrame:
    lon = np.round(np.linspace(WEST - 0.001, EAST + 0.001, 40), 8)
    codes = [f"{number:03}" for number in range(40)]
    return gpd.GeoDataFrame(
        {"编码": codes, "类别": ["户", "商户"] * 20, "人数": 3},
        geometry=gpd.points_from_xy(lon, np.full(40, 31.071)),
        crs="EPSG:4490",
    )


def expected() -> list[str]:
    lon = households().geometry.x
    inside_x, inside_y = lon.between(WEST, MIDDLE), lon.between(MIDDLE + 0.0005, EAST)
    return ["X" if x else "Y" if y else "" for x, y in zip(inside_x, inside_y, strict=True)]


def table(crs: str) -> pd.DataFrame:
    people = households()
    x, y = from_internal(people.geometry.x, people.geometry.y, crs)
    return pd.DataFrame(people.drop(columns="geometry")).assign(经度=x, 纬度=y)


def assign(*words: str) -> pd.DataFrame:
    result = CliRunner().invoke(app, ["assign", *words, "-o", "out.csv"])
    assert result.exit_code == 0, result.output
    rows = pd.read_csv("out.csv", dtype=str, keep_default_na=False)
    assert sums(result.output) == counted(rows)
    return rows


def sums(output: str) -> dict[str, list[int]]:
    """The printed reconciliation: total, assigned and each reason, by kind."""
    lines = [re.findall(r"[^\s│┃]+", line) for line in output.splitlines() if "│ grid" in line]
    return {line[1]: [int(number) for number in line[2:]] for line in lines}


def counted(rows: pd.DataFrame) -> dict[str, list[int]]:
    names = {"household": "户", "business": "商户/企业"}
    return {
        names[str(kind)]: [
            len(own),
            int((own["zone"] != "").sum()),
            *(int((own["unassigned"] == name).sum()) for name in UNASSIGNED_NAMES.values()),
        ]
        for kind, own in rows.groupby("kind")
    }


def test_crs_declares_the_subjects_not_zones_that_say_their_own(folder: Path) -> None:
    """As README has it: households from AMap, grids whose file says that they are in EPSG:4490."""
    table("GCJ-02").to_csv(folder / "people.csv", index=False)
    for zones in ("grids.gpkg", "projected.gpkg"):
        rows = assign("people.csv", "--zones", zones, "--crs", "GCJ-02")
        assert rows["zone"].tolist() == expected()


def test_crs_declares_zones_too_that_say_nothing(folder: Path) -> None:
    table("EPSG:4490").to_csv(folder / "people.csv", index=False)
    assert assign("people.csv", "--zones", "grids.csv", "--crs", "EPSG:4490")["zone"].tolist() == expected()
    shifted = gpd.read_file(folder / "grids.gpkg")
    west, south, east, north = shifted.bounds.to_numpy().T
    there = box(*from_internal(west, south, "GCJ-02"), *from_internal(east, north, "GCJ-02"))
    shifted.set_geometry(gpd.GeoSeries(there, crs="EPSG:4490")).to_file(folder / "amap.gpkg")
    words = ("people.csv", "--zones", "amap.gpkg", "--zones-crs", "GCJ-02", "--crs", "EPSG:4490")
    assert assign(*words)["zone"].tolist() == expected()


@pytest.mark.parametrize("name", ["gbk.csv", "人口.xlsx", "people.geojson", "people.shp", "people.parquet"])
def test_formats(folder: Path, name: str) -> None:
    path = folder / name
    people = households()
    if path.suffix == ".csv":
        table("EPSG:4490").to_csv(path, index=False, encoding="gbk")
    elif path.suffix == ".xlsx":
        table("EPSG:4490").to_excel(path, index=False)
    elif path.suffix == ".parquet":
        people.to_parquet(path)
    elif path.suffix == ".shp":
        people.to_file(path, encoding="gbk")
    else:
        people.to_file(path)
    rows = assign(name, "--zones", "grids.gpkg", "--crs", "EPSG:4490")
    assert rows["code"].tolist() == people["编码"].tolist()
    assert rows["zone"].tolist() == expected()


def test_points_and_shapes_read_in_parts_are_one_table(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written as CSV, every subject is where it was located, whatever else is in its part of the file."""
    people = households()
    shapes = people.geometry.to_numpy().copy()
    shapes[15:40:3] = shapely.buffer(shapes[15:40:3], 1e-5, quad_segs=1)
    shapes[12] = None
    people.set_geometry(gpd.GeoSeries(shapes, crs=people.crs)).to_file(folder / "people.geojson")
    monkeypatch.setattr("api.cli.assign.files.read_chunks", partial(files.read_chunks, chunk_rows=10))
    rows = assign("people.geojson", "--zones", "grids.gpkg")
    assert rows["zone"].tolist() == [*expected()[:12], "", *expected()[13:]]
    placed = rows["lon"] != ""
    assert np.flatnonzero(~placed).tolist() == [12]
    assert rows["lon"][placed].astype(float).tolist() == pytest.approx(people.geometry.x[placed].tolist())


def test_a_bad_row_found_late_leaves_the_old_answers(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people = table("EPSG:4490")
    people.to_csv(folder / "people.csv", index=False)
    monkeypatch.setattr("api.cli.assign.files.read_chunks", partial(files.read_chunks, chunk_rows=10))
    words = ("people.csv", "--zones", "grids.gpkg", "--crs", "EPSG:4490")
    assign(*words)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    people.loc[35, "编码"] = people.loc[3, "编码"]
    people.to_csv(folder / "people.csv", index=False)
    refused = CliRunner().invoke(app, ["assign", *words, "-o", "out.csv"])
    assert refused.exit_code == 1
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert after.pop("people.csv") != before.pop("people.csv")
    assert after == before


def test_nobody_to_assign(folder: Path) -> None:
    table("EPSG:4490")[:0].to_csv(folder / "people.csv", index=False)
    words = ("people.csv", "--zones", "grids.gpkg", "--crs", "EPSG:4490")
    assert len(assign(*words)) == 0
    assert CliRunner().invoke(app, ["assign", *words, "-o", "out.gpkg"]).exit_code == 0
    assert len(gpd.read_file(folder / "out.gpkg")) == 0


def test_sources_are_not_written_over(folder: Path) -> None:
    table("EPSG:4490").to_csv(folder / "people.csv", index=False)
    before = (folder / "people.csv").read_bytes(), (folder / "grids.gpkg").read_bytes()
    for output in ("people.csv", "grids.gpkg"):
        words = ["assign", "people.csv", "--zones", "grids.gpkg", "--crs", "EPSG:4490", "-o", output]
        assert CliRunner().invoke(app, words).exit_code == 1
    assert ((folder / "people.csv").read_bytes(), (folder / "grids.gpkg").read_bytes()) == before


@pytest.mark.parametrize(
    ("words", "idle"),
    [
        (["monaco-v1", "--level", "ward", "-o", "out.csv"], ["--output", "--level"]),
        (["people.csv", "--zones", "grids.gpkg", "--based-on", "monaco-v1"], ["--based-on"]),
        (["people.csv", "--zones", "grids.gpkg", "--master", "local"], ["--master"]),
        (
            ["people.csv", "--zones", "grids.gpkg", "--engine", "spark", "--column", "编码=户号"],
            ["--column"],
        ),
    ],
)
def test_options_that_would_do_nothing_are_refused(folder: Path, words: list[str], idle: list[str]) -> None:
    table("EPSG:4490").to_csv(folder / "people.csv", index=False)
    before = {path.name for path in folder.iterdir()}
    refused = CliRunner().invoke(app, ["assign", *words])
    assert refused.exit_code == 1
    assert "、".join(idle) in refused.stderr
    assert {path.name for path in folder.iterdir()} == before


def test_a_format_that_cannot_be_written_is_refused_before_the_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.cli.assign.read_zones", lambda *_: pytest.fail("zones were read"))
    table("EPSG:4490").to_csv(folder / "people.csv", index=False)
    refused = CliRunner().invoke(app, ["assign", "people.csv", "--zones", "grids.gpkg", "-o", "out.txt"])
    assert refused.exit_code == 1
    assert "不能写成“.txt”" in refused.stderr


def test_spark_refuses_a_reference_that_it_would_not_heed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.cli.assign.spark_session", lambda _master: nullcontext())
    points = gpd.GeoDataFrame({"code": ["a"]}, geometry=[Point(121.401, 31.071)], crs=4490)
    points.to_parquet(folder / "points.parquet")

    def run(crs: str) -> Any:
        words = ["points.parquet", "--zones", "grids.gpkg", "--engine", "spark", "--crs", crs]
        return CliRunner().invoke(app, ["assign", *words])

    for crs in ("GCJ-02", "EPSG:4549"):
        refused = run(crs)
        assert refused.exit_code == 1
        assert "EPSG:4490" in refused.stderr
        assert not (folder / "points.parquet.assigned").exists()
    assert run("EPSG:4326").exit_code == 0
    assert run("EPSG:4490").exit_code == 0
