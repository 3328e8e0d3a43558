"""Files as offices really have them: what a spreadsheet did to a code, what was copied without its companions."""

from __future__ import annotations

import datetime as dt
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
from shapely.geometry import Point, box, mapping

from geo.errors import (
    BadRecordsError,
    EncodingError,
    FileFormatError,
    MixedReferenceError,
    UndeclaredReferenceError,
    UnknownReferenceError,
)
from geo.files import read, read_table, write, write_bundle, write_rejected, writing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

WORKBOOKS = Path(__file__).with_name("workbooks")
HEADINGS = ("编码", "类别", "名称", "人数", "经度", "纬度", "备注")
ROW = ("H1", "户", "张三", 3, 121.4, 31.07, "x")
AREA = "POLYGON((121 31,121.1 31,121.1 31.1,121 31.1,121 31))"
CSV = "\n".join(",".join(map(str, line)) for line in (HEADINGS, ROW)) + "\n"


def faults_of(path: Path, kind: str = "subjects", **options: Any) -> pd.DataFrame:
    with pytest.raises(BadRecordsError) as caught:
        read(path, kind, **{"declared": "EPSG:4490"} | options)  # type: ignore[arg-type]
    return caught.value.faults


def refusal_of(path: Path, kind: str = "subjects", **options: Any) -> FileFormatError:
    with pytest.raises(FileFormatError) as caught:
        read(path, kind, **{"declared": "EPSG:4490"} | options)  # type: ignore[arg-type]
    assert caught.value.remedy
    return caught.value


# --------------------------------------------------------------------------------------------------- text tables


@pytest.fixture
def text(tmp_path: Path) -> Callable[..., Path]:
    def write(content: str, name: str = "户.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode(encoding))
        return path

    return write


@pytest.mark.parametrize("separator", ["\t", ";", "|"])
def test_the_headings_decide_on_the_separator(text: Callable[..., Path], separator: str) -> None:
    """A border has more commas than its row has cells."""
    line = ("A", "一", "POLYGON((121 31,121.1 31,121.1 31.1,121 31.1,121 31))")
    path = text("\n".join(map(separator.join, (("编码", "名称", "wkt"), line))))
    assert read(path, "zones", declared="EPSG:4490", level="grid").frame["code"].tolist() == ["A"]


@pytest.mark.parametrize("separator", ["，", "；"])
def test_full_width_separators_are_named(text: Callable[..., Path], separator: str) -> None:
    assert separator in refusal_of(text(CSV.replace(",", separator))).zh


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_endings_of_every_system(text: Callable[..., Path], ending: str) -> None:
    assert read(text(CSV.replace("\n", ending)), "subjects", declared="EPSG:4490").frame[
        "people"
    ].tolist() == [3]


def test_rows_are_counted_as_a_spreadsheet_does(text: Callable[..., Path]) -> None:
    """Line breaks in cells, a title of two lines, headings of two lines, blank rows."""
    path = text(
        '台账,,,\n"填表人:\n张",,,\n编码,类别,"经度\n(度)","纬度\n(度)"\n'
        'H1,户,121.4,31.07\n,,,\n\n" ",　,,\n"H2","商\n户",x,31.07\nH3,户,y\n'
    )
    faults = faults_of(path)
    assert faults["row"].tolist() == [8, 8, 9]
    assert faults["problem"].str.contains("类别|数字|列数").all()


def test_a_missing_column_is_told_once_at_the_headings(text: Callable[..., Path]) -> None:
    faults = faults_of(text("台账,,\n名称,人数,备注\n" + "张三,3,x\n李四,3\n"), skip_bad_rows=True)
    assert faults["row"].tolist() == [2, 2]


def test_lines_that_are_no_rows_are_kept_whole(text: Callable[..., Path]) -> None:
    long = "H2,户,李四,3,121.4,31.07,x,多" + "一" * 100
    loaded = read(text(CSV + long + "\n"), "subjects", declared="EPSG:4490", skip_bad_rows=True)
    assert loaded.frame["code"].tolist() == ["H1"]
    assert loaded.rejected["record"].tolist() == [long]


@pytest.mark.parametrize("code", ["3.10112E+17", "3.10112e17", "310112103001.0"])
def test_codes_that_a_program_took_for_numbers(text: Callable[..., Path], code: str) -> None:
    faults = faults_of(text(CSV.replace("H1", code)))
    assert (faults["column"].tolist(), faults["value"].tolist()) == (["编码"], [code])
    assert "文本" in faults["remedy"][0]


@pytest.mark.parametrize("code", ["01", "007", "1E5-3", "310112103001001234", "3.1"])
def test_codes_stay_what_they_are(text: Callable[..., Path], code: str) -> None:
    assert read(text(CSV.replace("H1", code)), "subjects", declared="EPSG:4490").frame["code"].tolist() == [
        code
    ]


def test_marks_of_text_are_no_part_of_codes(text: Callable[..., Path]) -> None:
    """What people and programs put before a long number lest Excel round it."""
    rows = ["'0101,甲,'01", '"=""0102""",乙,"=""01"""', "\t0103,丙,\t01"]
    path = text("\n".join(["编码,名称,上级编码,wkt", *(f'{row},"{AREA}"' for row in rows)]))
    frame = read(path, "zones", declared="EPSG:4490", level="grid").frame
    assert frame["code"].tolist() == ["0101", "0102", "0103"]
    assert frame["parent"].unique().tolist() == ["01"]


@pytest.mark.parametrize("kind", ["subjects", "zones"])
def test_full_width_digits_are_no_codes(text: Callable[..., Path], kind: str) -> None:
    path = text(
        f'编码,类别,名称,wkt\nＨ０１,户,甲,"{AREA}"\n'.replace("户", "户" if kind == "subjects" else "")
    )
    faults = faults_of(path, kind, level="grid")
    assert faults[["row", "column", "value"]].to_numpy().tolist() == [[2, "编码", "Ｈ０１"]]
    assert "半角" in faults["remedy"][0]


@pytest.mark.parametrize("code", ["莘庄01网格", "MZ-莘庄-07"])
def test_departments_have_codes_of_their_own(text: Callable[..., Path], code: str) -> None:
    """No standard numbers their layers; levels with an official rule keep to it."""
    path = text(f'编码,名称,wkt\n{code},甲,"{AREA}"\n')
    for level in ("civil", "民政网格", "party"):
        assert read(path, "zones", declared="EPSG:4490", level=level).frame["code"].tolist() == [code]
    for level in ("grid", "community", "functional"):
        assert "civil" in faults_of(path, "zones", level=level)["remedy"][0]
    assert read(path, "zones", declared="EPSG:4490", level="grid", lenient=True).frame["code"].tolist() == [
        code
    ]
    mixed = text(
        f'编码,名称,层级,wkt\n{code},甲,民政,"{AREA}"\n{code},甲,网格,"{AREA}"\n'.replace("民政", "民政网格")
    )
    assert faults_of(mixed, "zones")["row"].tolist() == [3]


@pytest.mark.parametrize("people", ["1e30", "13800000000", "-1", "0.5", "三", "35%"])
def test_impossible_numbers_of_people(text: Callable[..., Path], people: str) -> None:
    assert faults_of(text(CSV.replace(",3,", f",{people},")))["value"].tolist() == [people]
    assert len(faults_of(text(CSV), columns={"people": f"={people}"})) == 1


def test_zero_bytes_are_a_fault_of_their_row(text: Callable[..., Path]) -> None:
    """PostgreSQL keeps none."""
    assert faults_of(text(CSV.replace("张三", "张\0三")))["column"].tolist() == ["名称"]


@pytest.mark.parametrize(
    ("headings", "twice"),
    [
        ("编码,类别,编码", ["编码"]),
        ("code,类别,经度(WGS84),纬度(WGS84),经度(GCJ02),纬度(GCJ02)", ["经度(WGS84)", "纬度(WGS84)"]),
    ],
)
def test_headings_that_occur_twice_are_refused(
    text: Callable[..., Path], headings: str, twice: list[str]
) -> None:
    faults = faults_of(text(f"{headings}\n" + ",".join(["1"] * (headings.count(",") + 1)) + "\n"))
    assert faults["column"].tolist() == twice
    assert faults["row"].unique().tolist() == [1]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk"])
def test_files_put_one_after_another(tmp_path: Path, encoding: str) -> None:
    """Their marks of UTF-8 stand within: no letter of a code is lost, none is added."""
    path = tmp_path / "户.csv"
    path.write_bytes(
        CSV.encode(encoding) + b"\xef\xbb\xbf" + CSV.splitlines()[1].replace("H1", "H2").encode(encoding[:5])
    )
    assert read(path, "subjects", declared="EPSG:4490").frame["code"].tolist() == ["H1", "H2"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("合计,户,,9,,,", "合计"),
        (" 小 计,,,9,,,", "合计"),
        (",,总计：3户,9,,,", "合计"),
        ("编码,类别,名称,人数,经度,纬度,备注", "表头"),
    ],
)
def test_rows_that_are_no_records(text: Callable[..., Path], line: str, said: str) -> None:
    """A total counted as a household would double its people."""
    path = text(CSV + line + "\n" + CSV.splitlines()[1].replace("H1", "合计路1号") + "\n")
    faults = faults_of(path)
    assert faults["row"].tolist() == [3]
    assert said in faults["problem"][0]
    loaded = read(path, "subjects", declared="EPSG:4490", skip_bad_rows=True)
    assert loaded.frame["code"].tolist() == ["H1", "合计路1号"]
    assert "9" in loaded.rejected["record"][0] or said == "表头"


@pytest.mark.parametrize("code", ["12月3日", "2026/3/1", "Mar-01", "1-Dec"])
def test_codes_that_became_dates_before_they_were_text(text: Callable[..., Path], code: str) -> None:
    faults = faults_of(text(CSV.replace("H1", code)))
    assert faults[["column", "value"]].to_numpy().tolist() == [["编码", code]]
    assert "文本" in faults["remedy"][0]


@pytest.mark.parametrize(
    ("heading", "declared", "fits"),
    [
        ("BD09", "EPSG:4490", False),
        ("百度坐标", "GCJ-02", False),
        ("WGS84", "GCJ-02", False),
        ("gcj-02", "GCJ-02", True),
        ("WGS84", "EPSG:4490", True),
        ("度", "BD-09", True),
    ],
)
def test_headings_may_name_the_reference(
    text: Callable[..., Path], heading: str, declared: str, *, fits: bool
) -> None:
    path = text(CSV.replace("经度", f"经度（{heading}）").replace("纬度", f"纬度({heading})"))
    if fits:
        assert len(read(path, "subjects", declared=declared).frame) == 1
    else:
        faults = faults_of(path, declared=declared, skip_bad_rows=True)
        assert faults[["row", "column", "value"]].to_numpy().tolist() == [[1, f"经度（{heading}）", declared]]


def test_a_named_column_settles_headings_that_read_the_same(text: Callable[..., Path]) -> None:
    path = text("编码,类别,经度(WGS84),纬度(WGS84),经度(GCJ02),纬度(GCJ02)\nA,户,121.4,31.07,121.5,31.08\n")
    columns = {"lon": "经度(GCJ02)", "lat": "纬度(GCJ02)"}
    point = read(path, "subjects", declared="GCJ-02", columns=columns).frame.geometry[0]
    assert point.x == pytest.approx(121.5, abs=0.01)


def test_what_is_no_text(text: Callable[..., Path], tmp_path: Path) -> None:
    book = tmp_path / "户.csv"
    openpyxl.Workbook().save(book)
    assert "Excel" in refusal_of(book).zh
    wide = text(CSV, encoding="utf-16-le")
    assert "--encoding" in refusal_of(wide).remedy
    assert len(read(wide, "subjects", declared="EPSG:4490", encoding="utf-16-le").frame) == 1
    with pytest.raises(EncodingError):
        read(text(CSV), "subjects", declared="EPSG:4490", encoding="hex")


def test_folders_are_no_files(tmp_path: Path) -> None:
    for suffix in (".csv", ".xlsx", ".gpkg", ".parquet", ".zip"):
        (tmp_path / f"户{suffix}").mkdir()
        assert "文件夹" in refusal_of(tmp_path / f"户{suffix}").zh
    with pytest.raises(FileFormatError, match="文件夹"):
        read_table(tmp_path / "户.csv")


def test_files_that_may_not_be_read(text: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    path = text(CSV)

    def forbidden(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", forbidden)
    assert "无法打开" in refusal_of(path).zh


def test_long_rows_are_read(text: Callable[..., Path]) -> None:
    """A border of 60,000 vertices makes a row of more than a megabyte."""
    ring = [(121 + k * 1e-6, 31.0) for k in range(60_000)] + [(121.0, 32.0), (121.0, 31.0)]
    wkt = ",".join(f"{x:.6f} {y:.6f}" for x, y in ring)
    frame = read(
        text(f'编码,名称,wkt\nA,一,"POLYGON(({wkt}))"\n'), "zones", declared="EPSG:4490", level="grid"
    ).frame
    assert len(frame.geometry[0].exterior.coords) == len(ring)


# ------------------------------------------------------------------------------------------------------ workbooks


@pytest.fixture
def workbook(tmp_path: Path) -> Callable[..., Path]:
    def write(
        *rows: Sequence[Any], name: str = "台账.xlsx", then: Callable[[Any], None] | None = None
    ) -> Path:
        book: Any = openpyxl.Workbook()
        book.active.title = "数据"
        for row in rows:
            book.active.append(list(row))
        if then is not None:
            then(book)
        book.save(tmp_path / name)
        return tmp_path / name

    return write


def add_sheet(book: Any, name: str, *rows: Sequence[Any], state: str = "visible") -> None:
    sheet = book.create_sheet(name, 0)
    for row in rows:
        sheet.append(list(row))
    sheet.sheet_state = state


def test_several_sheets_of_data_need_a_name(workbook: Callable[..., Path]) -> None:
    path = workbook(HEADINGS, ROW, then=lambda book: add_sheet(book, "二社区", HEADINGS, ("H9", *ROW[1:])))
    refused = refusal_of(path)
    assert "数据" in refused.zh
    assert "--sheet" in refused.remedy
    assert read(path, "subjects", declared="EPSG:4490", sheet="二社区").frame["code"].tolist() == ["H9"]
    with pytest.raises(FileFormatError, match="二社区"):
        read_table(path)


def test_notes_and_hidden_sheets_are_no_data(workbook: Callable[..., Path]) -> None:
    def add(book: Any) -> None:
        add_sheet(book, "字典", ("编码", "名称"), ("1", "户"), state="hidden")
        add_sheet(book, "填表说明", ("本表由社区填写",))
        book.create_chartsheet("图", 0)

    path = workbook(HEADINGS, ROW, then=add)
    assert read(path, "subjects", declared="EPSG:4490").frame["code"].tolist() == ["H1"]
    assert len(read_table(path, sheet="字典")) == 1


def test_errors_and_formulas_without_a_result_are_no_blanks(workbook: Callable[..., Path]) -> None:
    def spoil(book: Any) -> None:
        book.active["D2"], book.active["D3"] = "#N/A", "=1+2"
        book.active["D2"].data_type = "e"

    path = workbook(HEADINGS, ROW, ("H2", *ROW[1:]), ("H3", *ROW[1:]), then=spoil)
    faults = faults_of(path)
    assert faults[["row", "column", "value"]].to_numpy().tolist() == [[2, "人数", "#N/A"], [3, "人数", ""]]
    assert "保存" in faults["remedy"][1]
    loaded = read(path, "subjects", declared="EPSG:4490", skip_bad_rows=True)
    assert loaded.frame["code"].tolist() == ["H3"]
    assert "编码=H1" in loaded.rejected["record"][0]


def test_a_formula_may_result_in_nothing(workbook: Callable[..., Path], tmp_path: Path) -> None:
    """Excel stores an empty text as t="str"."""
    path = workbook(HEADINGS, ROW, then=lambda book: book.active.__setitem__("G2", "=1"))
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    assert b'<c r="G2"><f>1</f>' in parts[sheet]
    parts[sheet] = parts[sheet].replace(b'<c r="G2"><f>1</f>', b'<c r="G2" t="str"><f>1</f>')
    done = tmp_path / "空.xlsx"
    with zipfile.ZipFile(done, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert len(faults_of(path)) == 1
    assert len(read(done, "subjects", declared="EPSG:4490").frame) == 1


def test_codes_and_names_that_became_dates(workbook: Callable[..., Path]) -> None:
    path = workbook(
        HEADINGS,
        (dt.date(2026, 12, 3), *ROW[1:6], dt.date(2026, 1, 2)),
        ("12-4", *ROW[1:]),
    )
    faults = faults_of(path)
    assert faults[["row", "column"]].to_numpy().tolist() == [[2, "编码"]]
    assert "日期" in faults["problem"][0]


@pytest.mark.parametrize(("code", "bad"), [(310112103001001, False), (310112103001001234, True)])
def test_long_numbers_as_codes(workbook: Callable[..., Path], code: int, bad: bool) -> None:  # noqa: FBT001
    path = workbook(HEADINGS, (code, *ROW[1:]))
    if bad:
        assert "文本" in faults_of(path)["remedy"][0]
    else:
        assert read(path, "subjects", declared="EPSG:4490").frame["code"].tolist() == [str(code)]


def test_merged_cells_hold_for_all_their_rows(workbook: Callable[..., Path]) -> None:
    """A title over all columns, headings of two rows, a community over its grids."""

    def merge(book: Any) -> None:
        for area in ("A1:E1", "A2:A3", "B2:B3", "C2:C3", "D2:E2", "C4:C5"):
            book.active.merge_cells(area)

    path = workbook(
        ("网格台账",), ("编码", "名称", "上级编码", "位置"), (None, None, None, "wkt", "备注"),
        ("G1", "一", "C1", "POLYGON((0 0,1 0,1 1,0 0))"), ("G2", "二", None, "POLYGON((0 0,1 0,1 1,0 0))"),
        then=merge,
    )  # fmt: skip
    frame = read(path, "zones", declared="EPSG:4490", level="grid").frame
    assert frame["parent"].tolist() == ["C1", "C1"]


def test_blank_rows_and_columns_at_the_end(workbook: Callable[..., Path]) -> None:
    path = workbook((*HEADINGS, None, " "), ROW, (None,) * 9, (" ", "　"), ("H2", *ROW[1:], None, None))
    assert read(path, "subjects", declared="EPSG:4490").frame["code"].tolist() == ["H1", "H2"]


def test_suffixes_that_are_not_the_contents_own(workbook: Callable[..., Path], tmp_path: Path) -> None:
    renamed = workbook(HEADINGS, ROW).rename(tmp_path / "台账.xls")
    assert len(read(renamed, "subjects", declared="EPSG:4490").frame) == 1
    for content in (
        "<html><table><tr><td>编码</td></tr></table></html>",
        "\n<?xml version='1.0'?><Workbook/>",
    ):
        renamed.write_text(content, encoding="utf-8")
        assert "网页" in refusal_of(renamed).zh
        assert "前导零" in refusal_of(renamed).remedy
    renamed.write_text(CSV, encoding="gbk")
    assert ".csv" in refusal_of(renamed).remedy
    renamed.write_bytes(b"")
    assert "空" in refusal_of(renamed).zh


@pytest.mark.parametrize("suffix", [".xlsx", ".xls"])
def test_workbooks_with_a_password_are_told_of(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"台账{suffix}"
    path.write_bytes((WORKBOOKS / "加密.xlsx").read_bytes())
    assert "密码" in refusal_of(path).zh
    assert "Cfb" not in refusal_of(path).zh


# ------------------------------------------------------------------------------------------------ GIS files

SQUARES = [box(121.40, 31.07, 121.41, 31.08), box(121.41, 31.07, 121.42, 31.08)]


@pytest.fixture
def grids() -> gpd.GeoDataFrame:
    names = ["第一网格", "莘庄网格"]
    return gpd.GeoDataFrame({"编码": ["A", "B"], "名称": names}, geometry=SQUARES, crs="EPSG:4490")


def shapefile(
    folder: Path,
    frame: gpd.GeoDataFrame,
    encoding: str = "GBK",
    cpg: str | None = None,
    name: str = "网格 图",
) -> Path:
    path = folder / f"{name}.shp"
    pyogrio.write_dataframe(frame, path, driver="ESRI Shapefile", encoding=encoding)
    path.with_suffix(".cpg").unlink(missing_ok=True)
    dbf = bytearray(path.with_suffix(".dbf").read_bytes())
    dbf[29] = 0  # the mark of its encoding
    path.with_suffix(".dbf").write_bytes(bytes(dbf))
    if cpg is not None:
        path.with_suffix(".cpg").write_text(cpg)
    return path


@pytest.mark.parametrize("cpg", ["ISO-8859-1", "1252", "UTF-8", "ANSI 936", "OEM", "klingon", ""])
def test_wrong_cpg_files_are_overruled(grids: gpd.GeoDataFrame, tmp_path: Path, cpg: str) -> None:
    loaded = read(shapefile(tmp_path, grids, cpg=cpg), "zones", level="grid")
    assert loaded.frame["name"].tolist() == ["第一网格", "莘庄网格"]
    assert loaded.warnings


def test_western_names_keep_their_accents(grids: gpd.GeoDataFrame, tmp_path: Path) -> None:
    western = grids.rename(columns={"编码": "code", "名称": "name"}).assign(
        name=["Écluse d'été", "Moneghetti"]
    )
    path = shapefile(tmp_path, western, "ISO-8859-1", "ISO-8859-1")
    assert read(path, "zones", level="grid").frame["name"].tolist() == ["Écluse d'été", "Moneghetti"]


@pytest.mark.filterwarnings("ignore:Could not decode|Normalized")
def test_headings_cut_in_a_character(grids: gpd.GeoDataFrame, tmp_path: Path) -> None:
    path = shapefile(tmp_path, grids.assign(所属社区名称="甲社区"), "UTF-8", "UTF-8")
    loaded = read(path, "zones", level="grid")
    assert loaded.frame["attributes"][0] == {"所属社": "甲社区"}
    assert loaded.warnings == ()


def test_shapefiles_without_companions(grids: gpd.GeoDataFrame, tmp_path: Path) -> None:
    path = shapefile(tmp_path, grids)
    path.with_suffix(".prj").unlink()
    with pytest.raises(UndeclaredReferenceError):
        read(path, "zones", level="grid")
    assert len(read(path, "zones", level="grid", declared="EPSG:4490").frame) == 2
    path.with_suffix(".dbf").unlink()
    assert ".dbf" in refusal_of(path, "zones", level="grid").zh


@pytest.mark.parametrize("inner", ["", "DDDD/"])
def test_zipped_shapefiles(grids: gpd.GeoDataFrame, tmp_path: Path, inner: str) -> None:
    """In GBK without .cpg, in a folder, with a remark, with names that Windows wrote."""
    shapefile(tmp_path, grids)
    path = tmp_path / "网格.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for each in tmp_path.glob("网格 图.*"):
            archive.write(each, f"{inner}NNNNNNN{each.suffix}")
        archive.writestr("readme.txt", "x")
    # Names in GBK that do not say so: Python's zipfile reads them but writes none.
    path.write_bytes(
        path.read_bytes()
        .replace(b"NNNNNNN", "网格 图".encode("gbk"))
        .replace(b"DDDD/", "数据/".encode("gbk"))
    )
    loaded = read(path, "zones", level="grid")
    assert loaded.frame["name"].tolist() == ["第一网格", "莘庄网格"]
    assert "“网格 图.shp”" in loaded.warnings[0]
    faults = faults_of(path, "zones", level="grid", existing_codes={"A"})
    assert faults[["file", "row"]].to_numpy().tolist() == [["网格.zip", 1]]


def test_archives_that_cannot_be_read(grids: gpd.GeoDataFrame, tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(b"no archive")
    assert "无法解压" in refusal_of(path).zh
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("图.dwg", "x")
    assert ".shp" in refusal_of(path).remedy
    shapefile(tmp_path, grids, name="一")
    shapefile(tmp_path, grids.assign(编码=["C", "D"]), name="二")
    with zipfile.ZipFile(path, "w") as archive:
        for each in (*tmp_path.glob("一.*"), *tmp_path.glob("二.*")):
            archive.write(each, each.name)
    assert "--table" in refusal_of(path, "zones", level="grid").remedy
    assert read(path, "zones", level="grid", layer="二").frame["code"].tolist() == ["C", "D"]


def collection(*features: tuple[Any, dict[str, Any]], **members: Any) -> str:
    made = [{"type": "Feature", "properties": row, "geometry": shape} for shape, row in features]
    return json.dumps({"type": "FeatureCollection", "features": made, **members}, ensure_ascii=False)


A = {"编码": "A", "名称": "甲"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "utf-16"])
def test_geojson_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "格.geojson"
    path.write_bytes(collection((mapping(SQUARES[0]), {"编码": "A", "名称": "第一网格"})).encode(encoding))
    assert read(path, "zones", level="grid").frame["name"].tolist() == ["第一网格"]


def test_geojson_says_its_reference_in_crs(tmp_path: Path) -> None:
    path = tmp_path / "格.geojson"
    metres = gpd.GeoSeries(SQUARES[:1], crs="EPSG:4490").to_crs("EPSG:4549")[0]

    def write(name: Any, shape: Any = SQUARES[0], *, first: bool = False) -> None:
        crs = None if name is None else {"type": "name", "properties": {"name": name}}
        text = json.loads(collection((mapping(shape), A), crs=crs))
        path.write_text(json.dumps({"crs": text.pop("crs")} | text if first else text), encoding="utf-8")

    for first in (True, False):
        write("urn:ogc:def:crs:EPSG::4549", metres, first=first)
        loaded = read(path, "zones", level="grid")
        assert loaded.frame.geometry[0].bounds[0] == pytest.approx(121.40, abs=1e-6)
        assert loaded.warnings == ()
        write("urn:ogc:def:crs:EPSG::999999", first=first)
        assert "坐标系定义" in refusal_of(path, "zones", level="grid", declared=None).zh
        write(None, first=first)
        with pytest.raises(UndeclaredReferenceError):
            read(path, "zones", level="grid")
    write("urn:ogc:def:crs:OGC:1.3:CRS84")
    assert len(read(path, "zones", level="grid").frame) == 1


def test_features_are_counted_from_one(tmp_path: Path) -> None:
    """As a GIS counts them; a fault of the whole file has no row."""
    path = tmp_path / "格.geojson"
    path.write_text(
        collection((None, A), (mapping(SQUARES[0]), {"编码": "B", "名称": "乙"})), encoding="utf-8"
    )
    assert faults_of(path, "zones", level="grid")["row"].tolist() == [1]
    path.write_text(collection((mapping(SQUARES[0]), {"名称": "乙"})), encoding="utf-8")
    assert faults_of(path, "zones", level="grid")["row"].tolist() == [0]
    path.write_text(collection(), encoding="utf-8")
    assert "没有任何数据" in refusal_of(path, "zones", level="grid").zh


def test_numbers_as_codes_in_gis_files(grids: gpd.GeoDataFrame, tmp_path: Path) -> None:
    whole = shapefile(tmp_path, grids.assign(编码=[310112103001001, 310112103001002]))
    assert read(whole, "zones", level="grid").frame["code"].tolist() == ["310112103001001", "310112103001002"]
    lossy = shapefile(tmp_path, grids.assign(编码=[310112103001001234.0, 2.0]), name="长")
    assert faults_of(lossy, "zones", level="grid")["row"].tolist() == [1]
    path = tmp_path / "格.geojson"
    path.write_text(
        collection((mapping(SQUARES[0]), {"编码": 31011210300100123456, "名称": "甲"})), encoding="utf-8"
    )
    assert "丢失" in faults_of(path, "zones", level="grid")["problem"][0]


def test_shapes_across_the_antimeridian(tmp_path: Path) -> None:
    path = tmp_path / "格.geojson"
    across = [[179.9, -17], [-179.9, -17], [-179.9, -16.9], [179.9, -16.9], [179.9, -17]]
    west, east = box(179.9, -17, 180, -16.9), box(-180, -17, -179.9, -16.9)
    halves = {
        "type": "MultiPolygon",
        "coordinates": [mapping(west)["coordinates"], mapping(east)["coordinates"]],
    }
    path.write_text(collection(({"type": "Polygon", "coordinates": [across]}, A)), encoding="utf-8")
    assert "180" in faults_of(path, "zones", level="grid")["problem"][0]
    path.write_text(collection((halves, A)), encoding="utf-8")
    assert len(read(path, "zones", level="grid").frame) == 1


def test_styles_beside_the_only_layer(grids: gpd.GeoDataFrame, tmp_path: Path) -> None:
    path = tmp_path / "格.gpkg"
    pyogrio.write_dataframe(grids, path, layer="网格")
    pyogrio.write_dataframe(pd.DataFrame({"styleName": ["a"]}), path, layer="layer_styles", append=True)
    assert len(read(path, "zones", level="grid").frame) == 2
    pyogrio.write_dataframe(grids, path, layer="旧网格", append=True)
    assert "--table" in refusal_of(path, "zones", level="grid").remedy


def test_headings_that_occur_twice_in_parquet(tmp_path: Path) -> None:
    columns = [pa.array([word]) for word in ("A", "户", "B")]
    pq.write_table(pa.Table.from_arrays(columns, names=["编码", "类别", "编码"]), tmp_path / "户.parquet")
    assert faults_of(tmp_path / "户.parquet")["column"].tolist() == ["编码"]


def test_bytes_in_columns_are_hexadecimal(grids: gpd.GeoDataFrame, tmp_path: Path) -> None:
    """A photograph, or WKB that no metadata tells of."""
    wkb = [shapely.to_wkb(shape) for shape in SQUARES]
    plain = pd.DataFrame({"编码": ["A", "B"], "名称": ["甲", "乙"], "wkb": wkb, "照片": [b"\xff\x00", None]})
    plain.to_parquet(tmp_path / "格.parquet")
    frame = read(tmp_path / "格.parquet", "zones", declared="EPSG:4490", level="grid").frame
    assert frame.geometry.geom_equals(grids.geometry).all()
    assert frame["attributes"].tolist() == [{"照片": "ff00"}, {}]


# ----------------------------------------------------------------------------------------------- references


@pytest.mark.parametrize(
    ("x", "y"), [(-5000, 3000), (121.4, 31.07), (633640, 343860), (40633640, 3438600), (0, 0)]
)
def test_places_far_outside_of_a_projection(text: Callable[..., Path], x: float, y: float) -> None:
    """Coordinates of a local system, degrees, a digit too few, a zone's number, a placeholder: among good rows."""
    rows = [f"H{k},户,{633640 + k},3438600" for k in range(3)] + [f"X,户,{x},{y}"]
    faults = faults_of(text("\n".join(["编码,类别,x,y", *rows])), declared="EPSG:4549")
    assert faults["row"].tolist() == [5]
    assert str(x) in faults["value"][0]


def test_places_beside_a_zone_are_taken(text: Callable[..., Path]) -> None:
    """Offices keep one zone for a district that reaches over its edge."""
    path = text("编码,类别,x,y\nH1,户,690000,3438600\n")  # 121.99 E, half a degree outside
    assert len(read(path, "subjects", declared="EPSG:4549").frame) == 1


def test_shapes_far_outside_of_a_projection(text: Callable[..., Path]) -> None:
    path = text('编码,名称,wkt\nA,一,"POLYGON((-5000 3000,-4000 3000,-4000 4000,-5000 3000))"\n')
    assert "适用范围" in faults_of(path, "zones", level="grid", declared="EPSG:4549")["problem"][0]


def test_srid_in_text_and_declaration_agree(text: Callable[..., Path]) -> None:
    row = "S{},站,SRID={};POINT(633640 3438600)\n"
    path = text("code,name,wkt\n" + row.format(1, 4549))
    assert len(read(path, "stations", declared="EPSG:4549").frame) == 1
    with pytest.raises(MixedReferenceError):
        read(path, "stations", declared="EPSG:4547")
    with pytest.raises(FileFormatError, match="4547"):
        read(text("code,name,wkt\n" + row.format(1, 4549) + row.format(2, 4547)), "stations")


def test_a_reference_of_a_place_of_its_own(grids: gpd.GeoDataFrame, tmp_path: Path) -> None:
    path = shapefile(tmp_path, grids.to_crs("+proj=tmerc +lon_0=121.4666 +x_0=0 +y_0=-3457147 +ellps=GRS80"))
    with pytest.raises(UnknownReferenceError, match="地方独立坐标系"):
        read(path, "zones", level="grid")


@pytest.mark.parametrize("headings", ["经度,备注", "备注,纬度", "x,维数"])
def test_half_a_location_for_all_rows(text: Callable[..., Path], headings: str) -> None:
    faults = faults_of(text(f"编码,类别,{headings}\nH1,户,121.4,31.07\n"))
    assert faults["row"].tolist() == [1]
    assert "--column" in faults["remedy"][0]


def test_a_file_without_any_location_is_told_of(text: Callable[..., Path]) -> None:
    """Its coordinates may stand in a column of another name."""
    loaded = read(text('编码,类别,位置坐标\nH1,户,"121.4,31.07"\n'), "subjects", declared="EPSG:4490")
    assert "位置坐标" in loaded.warnings[0]
    typo = text("编码,类别,经度,维度\nH1,户,121.4,31.07\n")
    assert read(typo, "subjects", declared="EPSG:4490").frame.geometry[0].y == 31.07


def test_srid_in_hexadecimal_text(text: Callable[..., Path]) -> None:
    """As PostGIS shows its columns."""
    row = shapely.to_wkb(shapely.set_srid(Point(633640, 3438600), 4549), hex=True, include_srid=True)
    path = text(f"code,name,geom\nS1,站,{row}\n")
    assert read(path, "stations").frame.geometry[0].x == pytest.approx(121.4, abs=0.01)
    with pytest.raises(MixedReferenceError):
        read(path, "stations", declared="EPSG:4547")


@pytest.mark.parametrize(
    ("shape", "said"),
    [("LINESTRING(121 31,121 31)", "点数不足"), ("LINESTRING(NaN 31,121 31)", "不是有限的数")],
)
def test_reasons_are_chinese(text: Callable[..., Path], shape: str, said: str) -> None:
    faults = faults_of(text(f'路名,wkt\na,"{shape}"\n'), "streets")
    assert said in faults["problem"][0]


# --------------------------------------------------------------------------------------------------- writing


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".gpkg", ".geojson", ".parquet", ".shp"])
def test_writing_where_there_is_no_folder(grids: gpd.GeoDataFrame, tmp_path: Path, suffix: str) -> None:
    with pytest.raises(FileFormatError, match="无法写入"):
        write(grids, tmp_path / "没有" / f"格{suffix}")
    if suffix in (".csv", ".xlsx"):
        with pytest.raises(FileFormatError, match="无法写入"):
            write_rejected(pd.DataFrame({"row": [1]}), tmp_path / "没有" / f"格{suffix}")


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".gpkg", ".geojson", ".parquet", ".shp"])
def test_what_fails_while_written_leaves_the_old_file(
    grids: gpd.GeoDataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    """Ctrl-C too."""
    path = tmp_path / f"格{suffix}"
    write(grids, path)
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}

    def broken(_frame: object, beside: Path) -> None:
        beside.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setitem(writing._WRITERS, suffix, broken)  # noqa: SLF001  by no public name
    with pytest.raises(KeyboardInterrupt):
        write(grids, path)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before


def test_other_layers_of_a_geopackage_stay(grids: gpd.GeoDataFrame, tmp_path: Path) -> None:
    path = tmp_path / "格.gpkg"
    pyogrio.write_dataframe(grids, path, layer="旧网格")
    for _ in range(2):
        write(grids, path)
    assert {name for name, _ in pyogrio.list_layers(path)} == {"旧网格", "格"}
    write_bundle({"新": grids}, path)
    assert {name for name, _ in pyogrio.list_layers(path)} == {"新"}


def test_control_characters_are_left_out_of_workbooks(grids: gpd.GeoDataFrame, tmp_path: Path) -> None:
    write(grids.assign(名称=["第一\x0b网格", "=1+1"]), tmp_path / "格.xlsx")
    assert read_table(tmp_path / "格.xlsx")["名称"].tolist() == ["第一网格", "=1+1"]
