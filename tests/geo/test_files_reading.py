"""Reading: each format, each kind of bad row, all faults at once, chunks, references."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import box

from geo.crs import from_internal
from geo.errors import (
    BadRecordsError,
    FileFormatError,
    MixedReferenceError,
    UndeclaredReferenceError,
    UnknownReferenceError,
)
from geo.files import read, read_chunks, write, write_rejected
from geo.files.encodings import line_kind

if TYPE_CHECKING:
    from geo.records import Place

HEADER = "编码,类别,名称,地址,人数,经度,纬度,备注"
GOOD = "H1,户,张三,颛兴东路1234弄15号602室,3,121.4023,31.0712,老党员"


def _csv(
    folder: Path, *lines: str, header: str = HEADER, encoding: str = "utf-8", name: str = "户.csv"
) -> Path:
    path = folder / name
    path.write_bytes("\n".join([header, *lines, ""]).encode(encoding))
    return path


def _faults(path: Path, kind: str = "subjects", **options: object) -> pd.DataFrame:
    with pytest.raises(BadRecordsError) as caught:
        read(path, kind, **{"declared": "EPSG:4490"} | options)
    assert "请按清单改正" in str(caught.value)
    return caught.value.faults


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
@pytest.mark.parametrize("separator", [",", "\t", ";"])
def test_csv_in_every_encoding_and_with_every_separator(
    tmp_path: Path, encoding: str, separator: str
) -> None:
    lines = [line.replace(",", separator) for line in (HEADER, GOOD)]
    path = _csv(tmp_path, lines[1], header=lines[0], encoding=encoding)
    row = read(path, "subjects", declared="EPSG:4490").frame.iloc[0]
    assert (row["code"], row["kind"], row["name"], row["people"]) == ("H1", "household", "张三", 3)
    assert row["address"] == "颛兴东路1234弄15号602室"
    assert row["attributes"] == {"备注": "老党员"}
    assert row.geometry.equals(shapely.Point(121.4023, 31.0712))


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".parquet", ".shp", ".fgb"])
def test_vector_formats_give_the_zones_back(two_zones: gpd.GeoDataFrame, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"网格{suffix}"
    if suffix == ".fgb":
        pyogrio.write_dataframe(two_zones.drop(columns=["staff", "attributes"]), path, SPATIAL_INDEX="NO")
    else:
        write(two_zones, path)
    loaded = read(path, "zones")
    assert loaded.frame.crs.to_epsg() == 4490
    for column in ("code", "name", "layer", "level", "kind", "parent"):
        assert loaded.frame[column].to_list() == two_zones[column].to_list(), column
    assert loaded.frame.geometry.geom_equals(two_zones.geometry).all()
    if suffix in (".geojson", ".gpkg", ".parquet"):
        assert loaded.frame["staff"].to_list() == two_zones["staff"].to_list()
        assert loaded.frame["attributes"].to_list() == two_zones["attributes"].to_list()


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_tables_give_the_zones_back_as_wkt(two_zones: gpd.GeoDataFrame, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"网格{suffix}"
    write(two_zones, path)
    frame = read(path, "zones", declared="EPSG:4490").frame
    assert frame["code"].to_list() == two_zones["code"].to_list()
    assert frame["staff"].to_list() == two_zones["staff"].to_list()
    assert frame.geometry.geom_equals(two_zones.geometry).all()
    with pytest.raises(UndeclaredReferenceError, match="请声明坐标系"):
        read(path, "zones")


def test_excel_written_keeps_codes_and_telephones_as_text(
    two_zones: gpd.GeoDataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "台账.xlsx"
    write(two_zones.assign(phone="013800000000", note="=1+1"), path)
    sheet = openpyxl.load_workbook(path).active
    cells = {cell.value: sheet.cell(2, cell.column) for cell in sheet[1]}
    assert cells["code"].value == "310112103001001"
    assert (cells["code"].number_format, cells["phone"].value) == ("@", "013800000000")
    assert (cells["note"].value, cells["note"].data_type) == ("=1+1", "s")


def test_excel_with_a_title_numbers_and_dates(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["颛桥镇居民台账"])
    sheet.append(["编号", "类别", "姓名", "人口", "东经", "北纬", "登记日期"])
    sheet.append([310112103001, "居民", "李四", 2, 121.4, 31.07, pd.Timestamp("2026-01-02").to_pydatetime()])
    sheet.append([310112103002, "网吧", "王五", 2.5, 121.4, 310.7, None])
    path = tmp_path / "台账.xlsx"
    book.save(path)
    loaded = read(path, "subjects", declared="EPSG:4490", skip_bad_rows=True)
    assert loaded.frame["code"].to_list() == ["310112103001"]
    assert loaded.frame["attributes"][0] == {"登记日期": "2026-01-02"}
    assert loaded.rejected["row"].to_list() == [4, 4, 4]


@pytest.mark.parametrize("name", ["居民台账.xls", "居民台账.ods"])
def test_workbooks_of_other_programs(name: str) -> None:
    """Written by Excel 97's format and by OpenDocument, with a title, an empty row, dates, and numbers as codes."""
    path = Path(__file__).with_name("workbooks") / name
    loaded = read(path, "subjects", declared="EPSG:4490", skip_bad_rows=True)
    assert loaded.frame["code"].to_list() == ["310112103001"]
    assert loaded.frame["people"].to_list() == [2]
    assert loaded.frame["attributes"][0] == {"登记日期": "2026-01-02", "电话": "013800000000"}
    assert loaded.rejected["row"].unique().tolist() == [5]


def _shapefile(folder: Path, zones: gpd.GeoDataFrame, encoding: str, *, cpg: str | None) -> Path:
    path = folder / "grid.shp"
    plain = zones.drop(columns=["staff", "attributes", "layer"]).rename(columns={"name": "名称"})
    pyogrio.write_dataframe(plain, path, driver="ESRI Shapefile", encoding=encoding)
    path.with_suffix(".cpg").unlink(missing_ok=True)
    dbf = path.with_suffix(".dbf")
    content = bytearray(dbf.read_bytes())
    content[29] = 0  # no language byte either
    dbf.write_bytes(bytes(content))
    if cpg is not None:
        path.with_suffix(".cpg").write_text(cpg)
    return path


@pytest.mark.parametrize(
    ("encoding", "cpg"),
    [("GBK", None), ("GBK", "GBK"), ("UTF-8", "UTF-8"), ("UTF-8", None), ("GBK", "UTF-8")],
)
def test_shapefile_with_and_without_cpg(
    two_zones: gpd.GeoDataFrame, tmp_path: Path, encoding: str, cpg: str | None
) -> None:
    loaded = read(_shapefile(tmp_path, two_zones, encoding, cpg=cpg), "zones")
    assert loaded.frame["name"].to_list() == ["第一网格", "第二网格"]
    assert bool(loaded.warnings) == (encoding == "GBK" and cpg != "GBK")


def test_geojson_column_and_ewkt(tmp_path: Path) -> None:
    point = '"{""type"":""Point"",""coordinates"":[121.4,31.07]}"'
    path = _csv(tmp_path, f"S1,站,{point}", header="code,name,geometry")
    assert read(path, "stations", declared="EPSG:4490").frame.geometry[0].x == 121.4
    path = _csv(tmp_path, "S1,站,SRID=4549;POINT(633640 3438600)", header="code,name,wkt")
    assert read(path, "stations").frame.geometry[0].x == pytest.approx(121.4, abs=0.01)


def test_every_fault_is_reported_at_once_with_its_row(tmp_path: Path) -> None:
    path = _csv(
        tmp_path,
        GOOD,  # row 2
        GOOD,  # 3: duplicate
        ",户,甲,,1,121.4,31.07,",  # 4: no code
        "H4,外星人,甲,,1,121.4,31.07,",  # 5: unknown kind
        "H5,户,甲,,三,121.4,31.07,",  # 6: people not a number
        "H6,户,甲,,-1,121.4,31.07,",  # 7: negative
        "H7,户,甲,,1,31.07,121.4,",  # 8: swapped
        "H8,户,甲,,1,200,31.07,",  # 9: out of range
        "H9,户,甲,,1,121°24′,31.07,",  # 10: not decimal
        "H10,户,甲,,1,121.4,,",  # 11: half a location
        "H11,户,甲,,1,0,0,",  # 12: placeholder
        "H12,户,甲",  # 13: too few cells
        "E1,户,甲,,1,121.4,31.07,",  # 14: exists in the store
        "H14,户,甲,,,,,",  # 15: fine, no location
        "H15,,甲,,1,121.4,31.07,",  # 16: no kind
    )
    faults = _faults(path, existing_codes={"E1"})
    assert list(faults.columns) == ["file", "row", "column", "value", "problem", "remedy"]
    assert faults["file"].unique().tolist() == ["户.csv"]
    assert faults["row"].to_list() == [3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16]
    said = dict(zip(faults["row"], faults["problem"], strict=True))
    assert "第 2 行" in said[3]
    assert "填反" in said[8]
    assert "不是数字" in said[10]
    assert "列数" in said[13]
    assert faults["remedy"].map(len).min() > 0
    assert dict(zip(faults["row"], faults["value"], strict=True))[6] == "三"


def test_skipping_bad_rows_keeps_the_rest_and_lists_the_rejected(tmp_path: Path) -> None:
    path = _csv(tmp_path, GOOD, "H2,户,甲,,x,121.4,31.07,", "H3,户,甲,,,,,")
    loaded = read(path, "subjects", declared="EPSG:4490", skip_bad_rows=True)
    assert loaded.frame["code"].to_list() == ["H1", "H3"]
    assert loaded.frame["people"].isna().to_list() == [False, True]
    assert loaded.frame.geometry[1] is None
    assert "编码=H2" in loaded.rejected["record"][0]
    for suffix in (".csv", ".xlsx"):
        write_rejected(loaded.rejected, tmp_path / f"不合格{suffix}")
    table = pd.read_csv(tmp_path / "不合格.csv", encoding="utf-8-sig")
    assert table[["行号", "列", "值"]].to_numpy().tolist() == [[3, "人数", "x"]]
    assert openpyxl.load_workbook(tmp_path / "不合格.xlsx").active["B2"].value == 3
    with pytest.raises(FileFormatError):
        write_rejected(loaded.rejected, tmp_path / "不合格.doc")


def test_missing_columns_are_all_named_and_cannot_be_skipped(tmp_path: Path) -> None:
    path = _csv(tmp_path, "1,2", header="甲,乙")
    faults = _faults(path, "zones", skip_bad_rows=True)
    assert set(faults["column"]) == {"code", "name", "level", "geometry"}
    assert faults["row"].unique().tolist() == [1]
    assert "甲、乙" in faults["problem"][0]


def test_rows_of_another_encoding_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "混.csv"
    lines = [HEADER.encode("gbk"), GOOD.encode("gbk"), GOOD.replace("H1", "H2").encode("gbk")]
    lines += [GOOD.replace("H1", "H3").encode("utf-8"), b"H4,\xbb\xa7,\xff\xff\xfe,,,121.4,31.07,"]
    path.write_bytes(b"\n".join(lines))
    faults = _faults(path)
    assert sorted(set(faults["row"])) == [4, 5]
    assert faults["problem"].str.contains("编码").any()


@given(st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FA5), min_size=3, max_size=20))
@settings(max_examples=50)
def test_chinese_lines_are_told_apart(text: str) -> None:
    assert line_kind(text.encode("utf-8")) == "utf-8"
    assert line_kind(text.encode("gb18030")) in ("gb18030", "either", "utf-8")
    assert line_kind(b"abc") == "ascii"


@pytest.mark.parametrize(
    ("geometry", "problem"),
    [
        ("POLYGON((0 0,1 1,1 0,0 1,0 0))", "自相交"),
        ("POLYGON((0 0,1 1))", "无法识别"),
        ("POINT(121.4 31.07)", "类型"),
        ("POLYGON EMPTY", "空的"),
        ("", "没有几何"),
        ("CURVEPOLYGON(CIRCULARSTRING(0 0,4 0,4 4,0 4,0 0))", "曲线"),
        ("POLYGON((0 0,200 0,200 1,0 0))", "范围"),
        ("POLYGON((0 0,1e-12 0,1e-12 1e-12,0 0))", "毫米"),
    ],
)
def test_bad_geometries(tmp_path: Path, geometry: str, problem: str) -> None:
    path = _csv(tmp_path, f'Z1,一,"{geometry}"', header="code,name,wkt")
    faults = _faults(path, "zones", level="网格")
    assert len(faults) == 1
    assert problem in faults["problem"][0]
    assert faults["row"][0] == 2


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("number", [np.nan, np.inf])
@pytest.mark.parametrize("suffix", [".gpkg", ".csv", ".parquet"])
def test_coordinates_that_are_no_numbers_are_reported_with_their_row(
    tmp_path: Path,
    suffix: str,
    number: float,
    lenient: bool,  # noqa: FBT001
) -> None:
    """Also where rings that cross themselves are let through: no check could say where such a zone lies."""
    corner = np.array((121.41, 31.07))
    shapes = [box(121.4, 31.06, 121.41, 31.07), box(121.41, 31.06, 121.42, 31.07)]
    shapes[1:] = [
        shapely.transform(each, lambda xy: np.where((xy == corner).all(axis=1)[:, None], number, xy))
        for each in shapes[1:]
    ]
    path = tmp_path / f"zones{suffix}"
    frame = gpd.GeoDataFrame({"code": ["A", "B"], "name": ["一", "二"]}, geometry=shapes, crs="EPSG:4490")
    if suffix == ".csv":
        pd.DataFrame(frame.to_wkb(hex=True)).to_csv(path, index=False)
    elif suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_file(path)
    with pytest.raises(BadRecordsError) as caught:
        read(path, "zones", declared="EPSG:4490", level="grid", lenient=lenient)
    faults = caught.value.faults
    assert faults["row"].tolist() == [3 if suffix == ".csv" else 2]
    assert "不是有限的数" in faults["problem"][0]


def test_codes_that_are_infinite_are_missing_and_huge_ones_text(tmp_path: Path) -> None:
    shapes = [box(121.4, 31.06, 121.41, 31.07)] * 2
    frame = gpd.GeoDataFrame({"code": [np.inf, 1e20], "name": ["一", "二"]}, geometry=shapes, crs="EPSG:4490")
    frame.to_file(tmp_path / "zones.gpkg")
    faults = _faults(tmp_path / "zones.gpkg", "zones", level="grid")
    assert (faults["row"][0], faults["column"][0]) == (1, "code")


def test_heights_are_dropped_and_said(tmp_path: Path) -> None:
    path = _csv(tmp_path, 'Z1,一,"POLYGON Z((0 0 5,1 0 5,1 1 5,0 0 5))"', header="code,name,wkt")
    loaded = read(path, "zones", declared="EPSG:4490", level="grid")
    assert not loaded.frame.geometry.has_z.any()
    assert any("高程" in warning for warning in loaded.warnings)
    assert (loaded.frame["layer"][0], loaded.frame["kind"][0]) == ("grid", "general")


@pytest.mark.parametrize("declared", ["GCJ-02", "BD-09", "EPSG:4528", "EPSG:4549"])
def test_declared_references_are_converted(tmp_path: Path, declared: str) -> None:
    x, y = from_internal([121.4023], [31.0712], declared)
    path = _csv(tmp_path, f"H1,户,甲,,1,{x[0]!r},{y[0]!r},".replace("np.float64(", "").replace(")", ""))
    point = read(path, "subjects", declared=declared).frame.geometry[0]
    assert (point.x, point.y) == (121.4023, 31.0712)


def test_surveyors_axes_are_swapped_with_a_warning(tmp_path: Path) -> None:
    path = _csv(tmp_path, "H1,户,3438600,633640", header="code,kind,x,y")
    loaded = read(path, "subjects", declared="EPSG:4549")
    assert loaded.frame.geometry[0].x == pytest.approx(121.4, abs=0.01)
    assert any("对调" in warning for warning in loaded.warnings)


def test_a_declaration_that_cannot_be_is_one_fault(tmp_path: Path) -> None:
    path = _csv(tmp_path, "H1,户,633640,3438600", "H2,户,633641,3438600", header="code,kind,x,y")
    faults = _faults(path, declared="EPSG:4528", skip_bad_rows=True)
    assert len(faults) == 1
    assert "EPSG:4549" in faults["problem"][0]


def test_data_far_from_the_territory_is_warned_of(tmp_path: Path) -> None:
    territory = shapely.box(121.35, 31.03, 121.45, 31.10)
    path = _csv(tmp_path, GOOD)
    assert read(path, "subjects", declared="EPSG:4490", territory=territory).warnings == ()
    far = read(path, "subjects", declared="EPSG:4490", territory=shapely.box(7.40, 43.72, 7.44, 43.75))
    assert "公里" in far.warnings[0]


def test_a_reference_that_contradicts_the_file_is_refused(
    two_zones: gpd.GeoDataFrame, tmp_path: Path
) -> None:
    path = tmp_path / "z.gpkg"
    write(two_zones.to_crs("EPSG:4549"), path)
    with pytest.raises(MixedReferenceError):
        read(path, "zones", declared="EPSG:4547")
    assert read(path, "zones").frame.geometry.iloc[0].centroid.x == pytest.approx(121.405)


def test_given_columns_and_constants(tmp_path: Path) -> None:
    path = _csv(tmp_path, "7,121.4,31.07", header="房屋号,经度,纬度")
    columns = {"code": "房屋号", "kind": "=household"}
    frame = read(path, "subjects", declared="EPSG:4490", columns=columns).frame
    assert frame.loc[0, ["code", "kind"]].to_list() == ["7", "household"]
    assert "文件里没有这一列" in _faults(path, columns={"code": "门牌"})["problem"].to_list()[0]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("居民", "household"),
        ("商户", "business"),
        ("企业", "business"),
        ("单位", "institution"),
        ("楼栋", "building"),
        ("小区", "estate"),
        ("设施", "facility"),
        ("Household", "household"),
    ],
)
def test_chinese_words_of_kinds(tmp_path: Path, line: str, kind: str) -> None:
    path = _csv(tmp_path, f"1,{line}", header="编码,类别")
    assert read(path, "subjects").frame["kind"].to_list() == [kind]


def test_streets_of_several_parts_come_apart(tmp_path: Path) -> None:
    line = '颛兴路,residential,,"MULTILINESTRING((121.4 31,121.41 31),(121.42 31,121.43 31))"'
    path = _csv(
        tmp_path, line, '高架,motorway,,"LINESTRING(121.4 31,121.5 31)"', header="路名,highway,可步行,wkt"
    )
    frame = read(path, "streets", declared="EPSG:4490").frame
    assert frame.geometry.geom_type.to_list() == ["LineString"] * 3
    assert frame["walkable"].to_list() == [True, True, False]


def test_chunks_find_duplicates_across_them_and_equal_the_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    lines = [f"H{i},户,甲,,1,{121.4 + rng.random() / 100:.7f},31.07," for i in range(25_000)]
    path = _csv(tmp_path, *lines)
    whole = read(path, "subjects", declared="EPSG:4490").frame
    chunks = [c.frame for c in read_chunks(path, "subjects", declared="EPSG:4490", chunk_rows=5_000)]
    assert len(chunks) > 1
    pd.testing.assert_frame_equal(pd.DataFrame(pd.concat(chunks, ignore_index=True)), pd.DataFrame(whole))
    path = _csv(tmp_path, *lines, lines[0], lines[20_000], "bad,x,,,,,,")
    with pytest.raises(BadRecordsError) as caught:
        list(read_chunks(path, "subjects", declared="EPSG:4490", chunk_rows=5_000))
    assert caught.value.faults["row"].to_list() == [25_002, 25_003, 25_004]
    assert "第 2 行" in caught.value.faults["problem"][0]


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".shp"])
def test_vector_chunks_equal_the_whole(
    monaco_subjects: gpd.GeoDataFrame, tmp_path: Path, suffix: str
) -> None:
    path = tmp_path / f"s{suffix}"
    write(monaco_subjects, path)
    whole = read(path, "subjects").frame
    chunks = [c.frame for c in read_chunks(path, "subjects", chunk_rows=100)]
    assert len(chunks) > 1
    assert pd.concat(chunks)["code"].to_list() == whole["code"].to_list() == monaco_subjects["code"].to_list()
    assert whole.geometry.geom_equals(monaco_subjects.geometry).all()


@pytest.fixture
def monaco_subjects(monaco: Place) -> gpd.GeoDataFrame:
    """Households of the real place."""
    subjects = monaco.subjects
    return subjects[subjects["kind"] == "household"].iloc[:250].reset_index(drop=True)


@pytest.mark.parametrize(
    "name",
    ["missing.csv", "odd.xyz", "broken.gpkg", "broken.parquet", "broken.xlsx", "empty.csv", "broken.geojson"],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if "missing" not in name:
        path.write_bytes(b"" if "empty" in name else b"not what it says")
    with pytest.raises(FileFormatError) as caught:
        read(path, "subjects", declared="EPSG:4490")
    assert caught.value.remedy


def test_several_layers_need_a_name(two_zones: gpd.GeoDataFrame, tmp_path: Path) -> None:
    path = tmp_path / "z.gpkg"
    for layer in ("a", "b"):
        pyogrio.write_dataframe(
            two_zones[["code", "name", "level", "geometry"]], path, layer=layer, append=path.exists()
        )
    with pytest.raises(FileFormatError, match="a、b"):
        read(path, "zones")
    assert len(read(path, "zones", layer="b").frame) == 2


def test_unusable_options(two_zones: gpd.GeoDataFrame, tmp_path: Path) -> None:
    path = _csv(tmp_path, GOOD)
    with pytest.raises(FileFormatError):
        read(path, "people")
    with pytest.raises(FileFormatError, match="层级"):
        read(path, "zones", level="星球")
    with pytest.raises(UnknownReferenceError):
        read(path, "subjects", declared="北京54")
    with pytest.raises(FileFormatError, match="编码"):
        read(path, "subjects", declared="EPSG:4490", encoding="klingon")
    with pytest.raises(FileFormatError):
        write(two_zones, tmp_path / "z.dwg")
    with pytest.raises(UndeclaredReferenceError):
        write(two_zones.set_crs(None, allow_override=True), tmp_path / "z.gpkg")
