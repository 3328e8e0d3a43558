"""Cells of workbooks that look empty and are not, in every format that offices have."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import openpyxl
import pytest

from geo.errors import BadRecordsError
from geo.files import read, read_table

if TYPE_CHECKING:
    import pandas as pd

WORKBOOKS = Path(__file__).with_name("workbooks")
HEADINGS = ("编码", "类别", "人数", "上级编码")
SHEET = "xl/worksheets/sheet1.xml"


def faults_of(path: Path, **options: Any) -> pd.DataFrame:
    with pytest.raises(BadRecordsError) as caught:
        read(path, "subjects", declared="EPSG:4490", **options)
    return caught.value.faults


def told(faults: pd.DataFrame) -> list[tuple[int, str, str]]:
    return list(faults[["row", "column", "value"]].itertuples(index=False, name=None))


@pytest.mark.parametrize("suffix", [".xls", ".ods"])
def test_errors_of_every_kind_are_named(suffix: str) -> None:
    """Saved by LibreOffice: the table is on the second sheet, in column B, under a title and an empty row."""
    path = WORKBOOKS / f"出错值{suffix}"
    faults = faults_of(path)
    assert told(faults) == [
        (4, "人数", "#N/A"),
        (5, "人数", "#DIV/0!"),
        (6, "人数", "#REF!"),
        (7, "人数", "#VALUE!"),
        (8, "人数", "#NAME?"),
        (10, "备注", "#N/A"),
    ]
    assert faults["file"].unique().tolist() == [path.name]
    loaded = read(path, "subjects", declared="EPSG:4490", skip_bad_rows=True)
    assert loaded.frame[["code", "people"]].to_numpy().tolist() == [["H5", 3]]


def test_errors_in_binary_workbooks_are_named(tmp_path: Path) -> None:
    rows = [HEADINGS, ("H1", "户", 3.0, "C1"), ("H2", "户", b"\x2a", "C1"), ("H3", "户", 2.0, b"\x07")]
    path = binary_workbook(tmp_path / "台账.xlsb", rows)
    assert told(faults_of(path)) == [(3, "人数", "#N/A"), (4, "上级编码", "#DIV/0!")]


def test_an_error_over_merged_rows_is_each_of_theirs(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (HEADINGS, ("H1", "户", 1, "#REF!"), ("H2", "户", 1), ("H3", "户", 1), ("H4", "户", 1, "C1")):
        book.active.append(row)
    book.active["D2"].data_type = "e"
    book.active.merge_cells("D2:D4")
    book.save(tmp_path / "台账.xlsx")
    assert told(faults_of(tmp_path / "台账.xlsx")) == [(row, "上级编码", "#REF!") for row in (2, 3, 4)]


def test_sheets_as_programs_write_them(tmp_path: Path) -> None:
    """Names in a namespace of their own, single quotes, places left out, remarks and text kept raw."""
    book = openpyxl.Workbook()
    book.save(tmp_path / "空.xlsx")
    cells = "".join(f"<x:c t='inlineStr'><x:is><x:t>{name}</x:t></x:is></x:c>" for name in HEADINGS)
    rows = [
        f"<x:row>{cells}</x:row>",
        (
            "<x:row><x:c t='str'><x:v>H1</x:v></x:c><x:c t='str'><x:v>户</x:v></x:c>"
            "<x:c t='e'><!-- an error --><x:f><![CDATA[1<2]]></x:f><x:v>#N/A</x:v></x:c></x:row>"
        ),
        (
            "<x:row><x:c t='str'><x:v>H2</x:v></x:c><x:c t='str'><x:v>户</x:v></x:c>"
            "<x:c ><x:f>A1&lt;2</x:f><x:v></x:v></x:c></x:row>"
        ),
        (
            "<x:row r='9'><x:c t='str' r='A9'><x:v>H3</x:v></x:c><x:c r='B9' t='str'><x:v>户</x:v></x:c>"
            "<x:c r='C9' t='str'><x:f>\"\"</x:f><x:v/></x:c></x:row>"
        ),
    ]
    spreadsheet = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    with_prefix = (
        f"<x:worksheet xmlns:x='{spreadsheet}'><x:sheetData>{''.join(rows)}</x:sheetData></x:worksheet>"
    )
    path = tmp_path / "台账.xlsx"
    with zipfile.ZipFile(tmp_path / "空.xlsx") as source, zipfile.ZipFile(path, "w") as target:
        for name in source.namelist():
            target.writestr(name, with_prefix if name == SHEET else source.read(name))
    assert told(faults_of(path)) == [(2, "人数", "#N/A"), (3, "人数", "")]
    assert len(read(path, "subjects", declared="EPSG:4490", skip_bad_rows=True).frame) == 1


@pytest.mark.parametrize(
    ("shown", "code", "read_as"),
    [
        ("000000", 101, "000101"),
        ("00_ ;-00", 1234567, "1234567"),
        ("0", 101, "101"),
        ("0.00", 101, "101"),
        ("000000", "101", "101"),
    ],
)
def test_zeros_that_a_format_shows_are_part_of_a_code(
    tmp_path: Path, shown: str, code: object, read_as: str
) -> None:
    book = openpyxl.Workbook()
    for row in (HEADINGS, ("H1", "户", 3, "C1"), (code, "户", 7, "C1")):
        book.active.append(row)
    for place in ("A3", "C3", "A9", "K3"):  # the last two are empty
        book.active[place].number_format = shown
    book.save(tmp_path / "台账.xlsx")
    frame = read(tmp_path / "台账.xlsx", "subjects", declared="EPSG:4490").frame
    assert frame["code"].tolist() == ["H1", read_as]
    assert frame["people"].tolist() == [3, 7]


def test_zeros_of_a_format_do_not_hide_lost_digits(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (HEADINGS, (310112103001001234, "户", 7, "C1")):
        book.active.append(row)
    book.active["A2"].number_format = "0" * 18
    book.save(tmp_path / "台账.xlsx")
    assert "15 位" in faults_of(tmp_path / "台账.xlsx")["problem"][0]


def open_document(path: Path, *cells: str) -> Path:
    """Write a sheet whose table has headings and one row: H1, 户, and these cells."""
    names = " ".join(
        f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{prefix}:1.0"'
        for prefix in ("office", "table", "text")
    )

    def text(word: str) -> str:
        return f'<table:table-cell office:value-type="string"><text:p>{word}</text:p></table:table-cell>'

    rows = ["".join(map(text, HEADINGS)), text("H1") + text("户") + "".join(cells)]
    lines = "".join(f"<table:table-row>{row}</table:table-row>" for row in rows)
    kind = "application/vnd.oasis.opendocument.spreadsheet"
    manifest = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mimetype", kind)
        archive.writestr(
            "META-INF/manifest.xml",
            f'<m:manifest xmlns:m="{manifest}"><m:file-entry m:full-path="/" m:media-type="{kind}"/></m:manifest>',
        )
        archive.writestr(
            "content.xml",
            f"<office:document-content {names}><office:body><office:spreadsheet>"
            f'<table:table table:name="数据">{lines}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        )
    return path


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ('<table:table-cell table:formula="of:=1+2"/>', ""),
        (  # as older programs stored an error: 0 for all who read its value
            (
                '<table:table-cell table:formula="of:=1/0" office:value-type="float" office:value="0">'
                "<text:p>#DIV/0!</text:p></table:table-cell>"
            ),
            "#DIV/0!",
        ),
        (
            (
                '<table:table-cell table:formula="of:=A1" office:value-type="string" office:string-value="">'
                "<office:annotation><text:p>核对</text:p></office:annotation><text:p>Err:508</text:p>"
                "</table:table-cell>"
            ),
            "Err:508",
        ),
    ],
)
def test_open_document_cells_that_only_look_empty(tmp_path: Path, cell: str, value: str) -> None:
    path = open_document(tmp_path / "台账.ods", cell)
    assert told(faults_of(path)) == [(2, "人数", value)]


@pytest.mark.parametrize(
    "cell",
    [
        '<table:table-cell table:number-columns-repeated="2"/>',
        '<table:table-cell table:formula="of:=&quot;&quot;"><text:p/></table:table-cell>',
        (
            '<table:table-cell table:formula="of:=1+2" office:value-type="float" office:value="3">'
            "<office:annotation><text:p>#N/A</text:p></office:annotation><text:p>3</text:p></table:table-cell>"
        ),
    ],
)
def test_open_document_cells_that_are_what_they_seem(tmp_path: Path, cell: str) -> None:
    path = open_document(tmp_path / "台账.ods", cell)
    assert read(path, "subjects", declared="EPSG:4490").frame["code"].tolist() == ["H1"]


def test_a_register_with_errors_is_refused(tmp_path: Path) -> None:
    """What is read as a blank would take a name away."""
    with pytest.raises(BadRecordsError) as caught:
        read_table(WORKBOOKS / "出错值.xls")
    assert len(caught.value.faults) == 6
    path = tmp_path / "台账.csv"
    path.write_text("网格编码,名称\nG1,甲\nG2,乙,丙\n", encoding="utf-8")
    with pytest.raises(BadRecordsError, match="第 3 行"):
        read_table(path)


@pytest.mark.parametrize("word", ["#N/A", " #REF! ", "#NAME?", "Err:502"])
def test_errors_saved_as_text_are_no_names(tmp_path: Path, word: str) -> None:
    """What a workbook with errors becomes when it is saved as CSV."""
    path = tmp_path / "户.csv"
    path.write_text(
        f"编码,类别,姓名,人数,门牌,经度,纬度\nH1,户,{word},3,#3,,\nH2,户,甲,{word},4#,{word},{word}\n",
        encoding="utf-8",
    )
    faults = faults_of(path)
    assert told(faults) == [(2, "姓名", word), *((3, name, word) for name in ("人数", "经度", "纬度"))]
    assert faults["problem"].unique().tolist() == ["单元格是出错值"]


# --------------------------------------------------------------------------------------------- binary workbooks


def binary_workbook(path: Path, rows: list[tuple[Any, ...]]) -> Path:
    """Write an .xlsb ([MS-XLSB]) of one sheet; bytes are the code of an error."""
    main = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    relation = (
        '<Relationships xmlns="{0}"><Relationship Id="rId1" Type="{1}/{2}" Target="{3}"/></Relationships>'
    )
    width = max(map(len, rows))
    sheet = _record(129) + _record(148, struct.pack("<4I", 0, len(rows) - 1, 0, width - 1)) + _record(145)
    for number, row in enumerate(rows):
        sheet += _record(0, struct.pack("<IIHHBI", number, 0, 300, 0, 0, 0))
        for column, value in enumerate(row):
            at = struct.pack("<II", column, 0)
            if isinstance(value, bytes):
                sheet += _record(3, at + value)
            elif isinstance(value, float):
                sheet += _record(5, at + struct.pack("<d", value))
            else:
                sheet += _record(6, at + _wide(value))
    sheet += _record(146) + _record(130)
    bundle = struct.pack("<II", 0, 1) + _wide("rId1") + _wide("数据")
    book = _record(131) + _record(143) + _record(156, bundle) + _record(144) + _record(132)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("_rels/.rels", relation.format(package, main, "officeDocument", "xl/workbook.bin"))
        archive.writestr(
            "xl/_rels/workbook.bin.rels", relation.format(package, main, "worksheet", "worksheets/sheet1.bin")
        )
        archive.writestr("xl/workbook.bin", book)
        archive.writestr("xl/worksheets/sheet1.bin", sheet)
    return path


def _record(kind: int, content: bytes = b"") -> bytes:
    head = bytes([kind]) if kind < 128 else bytes([kind & 127 | 128, kind >> 7])
    assert len(content) < 128
    return head + bytes([len(content)]) + content


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")
