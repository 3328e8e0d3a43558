"""Several tables in one file: layers of a GeoPackage, or sheets of an Excel workbook."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import openpyxl
import pandas as pd
import pyogrio
import shapely

from geo.crs import INTERNAL_CRS, undeclared_reference
from geo.errors import FileFormatError
from geo.files.writing import fill_sheet, flat, in_place_of

if TYPE_CHECKING:
    from collections.abc import Mapping

_SHEET_NAME_LETTERS = 31


def write_bundle(tables: Mapping[str, pd.DataFrame], path: Path | str) -> None:
    """Write tables, with geometry or without, into one file, in place of what it held.

    Lists and dicts become JSON text. A GeoPackage has one layer per table. A workbook has one sheet per table; in
    place of a geometry it has ``lon`` and ``lat`` of a point on it: borders do not fit into cells.

    Parameters
    ----------
    tables
        Name of the layer or sheet → table.
    path
        .gpkg or .xlsx.

    Raises
    ------
    UndeclaredReferenceError
        When a frame with geometry has no reference.
    FileFormatError
        When the suffix is neither, or the file cannot be written.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "two.xlsx"
    >>> write_bundle({"户数": pd.DataFrame({"code": ["01"], "household": [312]})}, path)
    >>> pd.read_excel(path, sheet_name="户数", dtype=str, engine="calamine").to_dict("records")
    [{'code': '01', 'household': '312'}]
    """
    path = Path(path)
    writers = {".gpkg": _write_layers, ".xlsx": _write_sheets}
    if path.suffix.lower() not in writers:
        raise FileFormatError(
            f"不能把多张表写成“{path.suffix or path.name}”。",
            f"cannot write several tables as {path.suffix!r}",
            remedy="请用 .gpkg 或 .xlsx。",
        )
    for frame in tables.values():
        if isinstance(frame, gpd.GeoDataFrame) and frame.crs is None:
            raise undeclared_reference(path.name)
    with in_place_of(path) as beside:
        beside.unlink(missing_ok=True)
        writers[path.suffix.lower()](tables, beside)


def _write_layers(tables: Mapping[str, pd.DataFrame], path: Path) -> None:
    for name, table in tables.items():
        pyogrio.write_dataframe(
            flat(table), path, layer=name, driver="GPKG", promote_to_multi=False, append=path.exists()
        )


def _write_sheets(tables: Mapping[str, pd.DataFrame], path: Path) -> None:
    book: Any = openpyxl.Workbook(write_only=True)
    for name, table in tables.items():
        fill_sheet(book.create_sheet(name[:_SHEET_NAME_LETTERS]), _pointed(flat(table)), path)
    book.save(path)


def _pointed(table: pd.DataFrame) -> pd.DataFrame:
    if not isinstance(table, gpd.GeoDataFrame):
        return table
    places = shapely.point_on_surface(table.geometry.to_crs(INTERNAL_CRS).to_numpy())
    plain = pd.DataFrame(table.drop(columns=table.geometry.name))
    plain["lon"], plain["lat"] = shapely.get_x(places).round(8), shapely.get_y(places).round(8)
    return plain
