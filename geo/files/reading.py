"""Reading a file of records: whole, or in chunks of bounded memory; every bad row found, all reported at once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from geo.errors import FileFormatError
from geo.files.faults import FaultList, Loaded, bad_records
from geo.files.session import CSV_SUFFIXES, EXCEL_SUFFIXES, Session, check_readable
from geo.files.tables import read_csv, read_excel

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    import shapely

    from geo.records import Kind

WHOLE_FILE_ROWS = 1_000_000


def read(  # noqa: PLR0913  the options of a load
    path: Path | str,
    kind: Kind,
    *,
    declared: str | None = None,
    columns: Mapping[str, str] | None = None,
    layer: str | None = None,
    level: str | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    territory: shapely.Geometry | None = None,
    skip_bad_rows: bool = False,
    existing_codes: Collection[str] = (),
    lenient: bool = False,
) -> Loaded:
    r"""Read a file of records, check every row, and return them in EPSG:4490.

    Parameters
    ----------
    path
        .geojson, .gpkg, .shp (with .dbf, .shx), .fgb, .parquet, .csv, .tsv, .xlsx, .xls, .ods; or one of these
        in a .zip.
    kind
        ``zones``, ``subjects``, ``stations``, ``addresses`` or ``streets`` (``geo.records.COLUMNS``).
    declared
        Reference of the coordinates: ``"EPSG:n"``, ``"GCJ-02"``, ``"BD-09"``; None takes the file's own.
    columns
        Headings that the aliases do not cover: ``{"code": "房屋编号"}``; ``{"kind": "=household"}`` gives every
        row that value.
    layer, sheet
        Layer of a GeoPackage, sheet of a workbook, where it has several.
    level
        Level of zones in a file without such a column: ``grid``, ``网格``…
    encoding
        Of a CSV or Shapefile; None finds out (UTF-8, with or without mark, GBK, GB18030).
    territory
        Boundary in EPSG:4490: data far from it is warned of.
    skip_bad_rows
        Leave bad rows out and return their faults in ``rejected``, instead of raising.
    existing_codes
        Codes that are taken.
    lenient
        Zones that are to be checked or fused: without names, with rings that cross themselves, with codes of any form
        and that occur twice.

    Returns
    -------
    Loaded
        Frame, rejected rows, warnings.

    Raises
    ------
    BadRecordsError
        With all faults of all rows, unless bad rows are to be skipped; a fault of the file as a whole (a missing
        column, an impossible reference) raises in either case.
    UndeclaredReferenceError
        When the reference is neither declared nor in the file.
    FileFormatError
        When the file cannot be read as what it should be.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "户.csv"
    >>> _ = path.write_text("编码,类别,经度,纬度\n1,户,121.4,31.07\n2,商户,121.41,31.08\n", encoding="gbk")
    >>> read(path, "subjects", declared="EPSG:4490").frame.kind.to_list()
    ['household', 'business']
    """
    session = Session(
        Path(path),
        kind,
        declared=declared,
        columns=columns,
        layer=layer,
        level=level,
        sheet=sheet,
        encoding=encoding,
        territory=territory,
        skip_bad_rows=skip_bad_rows,
        existing_codes=existing_codes,
        lenient=lenient,
    )
    parts = list(session.chunks(WHOLE_FILE_ROWS))
    session.finish()
    frames = [part.frame for part in parts]
    frame = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    rejected = pd.concat([part.rejected for part in parts], ignore_index=True)
    return Loaded(frame, rejected, tuple(session.warnings()))


def read_chunks(  # noqa: PLR0913  the options of a load
    path: Path | str,
    kind: Kind,
    *,
    chunk_rows: int = 100_000,
    declared: str | None = None,
    columns: Mapping[str, str] | None = None,
    layer: str | None = None,
    level: str | None = None,
    sheet: str | None = None,
    encoding: str | None = None,
    territory: shapely.Geometry | None = None,
    skip_bad_rows: bool = False,
    existing_codes: Collection[str] = (),
) -> Iterator[Loaded]:
    """Read a file in chunks, as ``read`` does, with the memory of a few chunks.

    Codes are compared across chunks. At the first bad row (unless bad rows are skipped) no more chunks come, but
    the rest of the file is still checked, so that the error names every fault; the caller's transaction must not
    keep what it has been given by then.

    Parameters
    ----------
    path, kind, declared, columns, layer, level, sheet, encoding, territory, skip_bad_rows, existing_codes
        As of ``read``.
    chunk_rows
        Rows per chunk.

    Yields
    ------
    Loaded
        Each with the warnings that are new in it.

    Raises
    ------
    BadRecordsError, UndeclaredReferenceError, FileFormatError
        As of ``read``.
    """
    session = Session(
        Path(path),
        kind,
        declared=declared,
        columns=columns,
        layer=layer,
        level=level,
        sheet=sheet,
        encoding=encoding,
        territory=territory,
        skip_bad_rows=skip_bad_rows,
        existing_codes=existing_codes,
    )
    yield from session.chunks(chunk_rows)
    session.finish()


def read_table(path: Path | str, *, sheet: str | None = None, encoding: str | None = None) -> pd.DataFrame:
    """Read a table without geometry as text, by its headings; title rows above them are passed over.

    Parameters
    ----------
    path
        A CSV or Excel file.
    sheet, encoding
        As for `read`.

    Raises
    ------
    BadRecordsError
        With all lines that are no rows, and cells that hold an error, a formula without a result, or a number or date
        that was no number or date.
    FileFormatError
        The file is no table, or cannot be opened.
    """
    path = Path(path)
    check_readable(path)
    suffix = path.suffix.lower()
    if suffix in EXCEL_SUFFIXES:
        chunks = read_excel(path, WHOLE_FILE_ROWS, sheet)
    elif suffix in CSV_SUFFIXES:
        chunks = read_csv(path, WHOLE_FILE_ROWS, encoding)
    else:
        raise FileFormatError(
            f"“{path.name}”不是表格。",
            f"{path.name} is no table",
            remedy=f"可读：{'、'.join((*EXCEL_SUFFIXES, *CSV_SUFFIXES))}。",
        )
    faults = FaultList(path.name)
    tables = []
    for chunk in chunks:
        faults.add_lines(chunk.faults)
        tables.append(chunk.table)
    if len(faults):
        raise bad_records(path.name, [faults.frame()], mendable=False)
    return pd.concat(tables, ignore_index=True)
