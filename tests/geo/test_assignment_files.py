"""Assignment of Parquet files part by part: the same answers, whole files, and nothing done twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from shapely import Point, box

from geo.assignment import assign
from geo.errors import FileFormatError, MixedReferenceError, UndeclaredReferenceError
from geo.spark import assign_files

if TYPE_CHECKING:
    from pathlib import Path

ZONES = gpd.GeoDataFrame(
    {"code": ["a", "b", "c"]}, geometry=[box(0, 0, 1, 1), box(1, 0, 2, 1), box(3, 0, 4, 1)], crs=4490
)
BOUNDARY = box(0, 0, 4, 1)


def people(count: int, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "code": [f"{seed}-{k:06}" for k in range(count)],
            "kind": rng.choice(["household", "business"], count),
            "lon": rng.integers(-4, 20, count) / 4,
            "lat": rng.integers(-1, 6, count) / 4,
        }
    )
    frame.loc[rng.random(count) < 0.1, "lon"] = 999.0
    frame.loc[rng.random(count) < 0.1, ["lon", "lat"]] = np.nan
    return frame


def answers(folder: Path) -> pd.DataFrame:
    return pd.concat([pd.read_parquet(path) for path in sorted(folder.glob("*.parquet"))], ignore_index=True)


def test_parts_add_up_to_the_whole(tmp_path: Path) -> None:
    frame = people(5_000)
    (tmp_path / "in").mkdir()
    frame[:3_000].to_parquet(tmp_path / "in" / "one.parquet", row_group_size=400)
    frame[3_000:].to_parquet(tmp_path / "in" / "two.parquet", row_group_size=400)
    table = assign_files(
        ZONES, str(tmp_path / "in"), str(tmp_path / "out"), level="grid", boundary=BOUNDARY, part_rows=1_000
    )
    found = answers(tmp_path / "out")
    places = [
        None if np.isnan(lat) else Point(lon, lat)
        for lon, lat in zip(frame["lon"], frame["lat"], strict=True)
    ]
    whole = assign(ZONES, gpd.GeoDataFrame(geometry=places, crs=4490), BOUNDARY)
    codes = ZONES["code"].to_numpy(dtype=object)
    assert found["code"].tolist() == frame["code"].tolist()
    assert found["reason"].fillna("").tolist() == whole["reason"].fillna("").tolist()
    expected = np.where(whole["zone"] >= 0, codes[whole["zone"]], "")
    assert found["zone"].fillna("").tolist() == expected.tolist()
    assert table["total"].sum() == 5_000
    assert table["assigned"].sum() == (whole["zone"] >= 0).sum()
    assert table["gap"].sum() == (whole["reason"] == "gap").sum()
    assert len(list((tmp_path / "out").iterdir())) == 3 + 2


def test_a_run_that_died_continues(tmp_path: Path) -> None:
    people(3_000).to_parquet(tmp_path / "in.parquet", row_group_size=500)
    first = assign_files(
        ZONES, str(tmp_path / "in.parquet"), str(tmp_path / "out"), level="grid", part_rows=1_000
    )
    files = sorted((tmp_path / "out").iterdir())
    files[1].unlink()
    (tmp_path / "out" / "lost.parquet.draft").write_bytes(b"half")
    kept = [path.stat().st_mtime_ns for path in (files[0], files[2])]
    again = assign_files(
        ZONES, str(tmp_path / "in.parquet"), str(tmp_path / "out"), level="grid", part_rows=1_000
    )
    pd.testing.assert_frame_equal(first, again)
    assert sorted((tmp_path / "out").iterdir()) == files
    assert [path.stat().st_mtime_ns for path in (files[0], files[2])] == kept


def test_a_file_of_answers_that_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    """As a power failure leaves it; what others keep in the folder stays."""
    people(1_000).to_parquet(tmp_path / "in.parquet", row_group_size=500)
    out = tmp_path / "out"

    def run() -> pd.DataFrame:
        return assign_files(ZONES, str(tmp_path / "in.parquet"), str(out), level="grid", part_rows=500)

    first, whole = run(), answers(out)
    one, other = sorted(out.iterdir())
    one.write_bytes(b"")
    other.write_bytes(other.read_bytes()[:100])
    (out / "notes.parquet").write_text("not ours")
    (out / "folder.parquet").mkdir()
    pd.testing.assert_frame_equal(run(), first)
    assert (out / "notes.parquet").read_text() == "not ours"
    pd.testing.assert_frame_equal(
        pd.concat([pd.read_parquet(one), pd.read_parquet(other)], ignore_index=True), whole
    )


def test_sources_of_one_name_and_two_endings_keep_their_own_answers(tmp_path: Path) -> None:
    source = tmp_path / "in"
    source.mkdir()
    for seed, name in enumerate(("a.parquet", "a.pq", "a")):
        people(10, seed).to_parquet(source / name)
    table = assign_files(ZONES, str(source), str(tmp_path / "out"), level="grid")
    assert table["total"].sum() == 30
    assert answers(tmp_path / "out")["code"].nunique() == 30


def test_other_zones_start_over_and_leave_no_old_answers(tmp_path: Path) -> None:
    people(2_000).to_parquet(tmp_path / "in.parquet", row_group_size=500)
    assign_files(ZONES, str(tmp_path / "in.parquet"), str(tmp_path / "out"), level="grid", part_rows=500)
    assign_files(
        ZONES[:1], str(tmp_path / "in.parquet"), str(tmp_path / "out"), level="grid", part_rows=1_000
    )
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert set(answers(tmp_path / "out")["zone"].dropna()) == {"a"}


def test_geoparquet_with_shapes_and_broken_bytes(tmp_path: Path) -> None:
    shapes = [box(0.1, 0.1, 0.2, 0.2), None, Point(1.5, 0.5), Point(8, 8)]
    frame = gpd.GeoDataFrame({"code": list("pqrs")}, geometry=shapes, crs=4490)
    frame.to_parquet(tmp_path / "in.parquet")
    table = pq.read_table(tmp_path / "in.parquet")
    wkb = table.column("geometry").to_pylist()
    wkb[3] = b"nonsense"
    pq.write_table(table.set_column(1, "geometry", pa.array(wkb, pa.binary())), tmp_path / "in.parquet")
    result = assign_files(ZONES, str(tmp_path / "in.parquet"), str(tmp_path / "out"), level="grid")
    assert answers(tmp_path / "out")["zone"].fillna("").tolist() == ["a", "", "b", ""]
    assert answers(tmp_path / "out")["reason"].fillna("").tolist() == ["", "no_location", "", "bad_location"]
    assert result.loc[0, ["total", "assigned", "no_location", "bad_location"]].tolist() == [4, 2, 1, 1]


def test_sources_that_cannot_be_read(tmp_path: Path) -> None:
    def attempt(frame: pd.DataFrame) -> None:
        frame.to_parquet(tmp_path / "in.parquet")
        assign_files(ZONES, str(tmp_path / "in.parquet"), str(tmp_path / "out"), level="grid")

    with pytest.raises(FileFormatError, match="code"):
        attempt(pd.DataFrame({"lon": [1.0], "lat": [1.0]}))
    for codes in ([310112103001001.0], [["a"]]):  # would be answered as 3.10112103001001e+14, and not at all
        with pytest.raises(FileFormatError, match="不是文字或整数"):
            attempt(pd.DataFrame({"code": codes, "lon": [1.0], "lat": [1.0]}))
    with pytest.raises(FileFormatError, match="lon"):
        attempt(pd.DataFrame({"code": ["a"]}))
    with pytest.raises(FileFormatError, match="不是数字"):
        attempt(pd.DataFrame({"code": ["a"], "lon": ["121.4"], "lat": [31.0]}))
    point = gpd.GeoDataFrame({"code": ["a"]}, geometry=[Point(1, 1)])
    for crs in (4528, 4214):  # metres; degrees of another datum, a hundred metres away
        with pytest.raises(MixedReferenceError):
            attempt(point.set_crs(crs))
    point.set_crs(4490).to_parquet(tmp_path / "in.parquet", geometry_encoding="geoarrow")
    with pytest.raises(FileFormatError, match="WKB"):
        assign_files(ZONES, str(tmp_path / "in.parquet"), str(tmp_path / "out"), level="grid")
    (tmp_path / "in.parquet").write_text("code,lon,lat\n")
    with pytest.raises(FileFormatError, match=r"in\.parquet”不是 Parquet"):
        assign_files(ZONES, str(tmp_path / "in.parquet"), str(tmp_path / "out"), level="grid")
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileFormatError, match="没有 Parquet"):
        assign_files(ZONES, str(tmp_path / "empty"), str(tmp_path / "out"), level="grid")
    assert not (tmp_path / "out").exists()


def test_a_reference_is_the_files_own_or_declared(tmp_path: Path) -> None:
    def assigned(crs: object, declared: str | None = None) -> int:
        point = gpd.GeoDataFrame({"code": ["a"]}, geometry=[Point(1, 1)], crs=crs)
        point.to_parquet(tmp_path / "in.parquet")
        source, out = str(tmp_path / "in.parquet"), str(tmp_path / "out")
        return int(assign_files(ZONES, source, out, level="grid", declared=declared)["assigned"].sum())

    assert assigned(4490) == assigned("OGC:CRS84") == assigned(4326, "EPSG:4490") == 1
    with pytest.raises(UndeclaredReferenceError):
        assigned(None)
    assert assigned(None, "EPSG:4490") == 1
    for declared in ("GCJ-02", "EPSG:4528"):
        with pytest.raises(MixedReferenceError):
            assigned(4490, declared)
