"""One reading of one file: what its first chunk shows and the rest must follow, and the faults of all."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
from pyproj import CRS

from geo.crs import INTERNAL_CRS, reference, to_internal, undeclared_reference
from geo.errors import FileFormatError, UnknownReferenceError
from geo.files.archives import unpacked
from geo.files.encodings import check_encoding
from geo.files.faults import FaultList, Loaded, bad_records, empty_faults
from geo.files.references import Reference, named_reference
from geo.files.rows import CODED, RowReader, SeenCodes, no_records, readable
from geo.files.shapes import check_shapes, far_warning, parse_shapes, points_from_columns
from geo.files.tables import RawChunk, read_csv, read_excel, unique_names
from geo.files.vectors import read_parquet, read_vectors
from geo.files.words import LEVEL_WORDS, match_headings
from geo.records import COLUMNS, KINDS, LEVELS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

    from geo.records import Kind

CSV_SUFFIXES = (".csv", ".tsv", ".txt")
EXCEL_SUFFIXES = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
VECTOR_SUFFIXES = (".geojson", ".json", ".geojsonl", ".gpkg", ".shp", ".fgb")
PARQUET_SUFFIXES = (".parquet", ".geoparquet")
SUFFIXES = (*VECTOR_SUFFIXES, *PARQUET_SUFFIXES, *CSV_SUFFIXES, *EXCEL_SUFFIXES)
ARCHIVE_SUFFIX = ".zip"
PLACE_COLUMNS = ("lon", "lat", "geometry")
NEEDS_PLACE: tuple[Kind, ...] = ("zones", "stations", "addresses", "streets")


@dataclass
class Session:
    """One reading of one file: what is found out in the first chunk and kept for the rest."""

    path: Path
    kind: Kind
    declared: str | None
    columns: Mapping[str, str] | None
    layer: str | None
    level: str | None
    sheet: str | None
    encoding: str | None
    territory: Any
    existing_codes: Collection[str]
    skip_bad_rows: bool
    lenient: bool = False
    _failed: list[pd.DataFrame] = field(default_factory=list)
    _told: list[str] = field(default_factory=list)
    _reference: Reference | None = None
    _reader: RowReader | None = None
    _fatal: bool = False
    _named: str | None = None

    def __post_init__(self) -> None:
        """Refuse what no reading of the file could mend."""
        if self.kind not in KINDS:
            raise FileFormatError(
                f"不认识的数据种类“{self.kind}”。",
                f"unknown kind {self.kind!r}",
                remedy=f"可用：{'、'.join(KINDS)}。",
            )
        if self.level is not None:
            if self.level not in LEVEL_WORDS:
                names = "、".join(f"{level.name}（{code}）" for code, level in LEVELS.items())
                raise FileFormatError(
                    f"不认识的层级“{self.level}”。",
                    f"unknown level {self.level!r}",
                    remedy=f"可用：{names}。",
                )
            self.level = LEVEL_WORDS[self.level]
        check_readable(self.path)
        if self.encoding is not None:
            check_encoding(self.encoding)
        if self.declared is not None:
            reference(self.declared)

    def warnings(self) -> list[str]:
        """Return the warnings of all chunks so far."""
        return list(self._told)

    def finish(self) -> None:
        """Raise what was found, once the whole file has been read."""
        if self._failed:
            raise bad_records(self.path.name, self._failed, mendable=not self._fatal)

    def chunks(self, chunk_rows: int) -> Iterator[Loaded]:
        """Yield the good rows of each chunk; after the first bad row only check the rest."""
        for raw in self._raw(chunk_rows):
            known = len(self._told)
            loaded = self._check(raw)
            if self._fatal:
                return  # no row of the rest can be judged
            if loaded is not None and not self._failed:
                yield Loaded(loaded.frame, loaded.rejected, tuple(self._told[known:]))

    def _raw(self, chunk_rows: int) -> Iterator[RawChunk]:
        if self.path.suffix.lower() == ARCHIVE_SUFFIX:
            with unpacked(self.path, SUFFIXES, self.layer) as inside:
                layer = None if inside.stem == self.layer else self.layer
                yield from self._raw_of(inside, chunk_rows, layer)
        else:
            yield from self._raw_of(self.path, chunk_rows, self.layer)

    def _raw_of(self, path: Path, chunk_rows: int, layer: str | None) -> Iterator[RawChunk]:
        suffix = path.suffix.lower()
        if suffix in CSV_SUFFIXES:
            return read_csv(path, chunk_rows, self.encoding)
        if suffix in EXCEL_SUFFIXES:
            return read_excel(path, chunk_rows, self.sheet)
        if suffix in PARQUET_SUFFIXES:
            return read_parquet(path, chunk_rows)
        if suffix in VECTOR_SUFFIXES:
            return read_vectors(path, chunk_rows, layer, self.encoding)
        raise FileFormatError(
            f"不认识的文件类型“{suffix or path.name}”。",
            f"unknown file type {suffix!r}",
            remedy=f"可读：{'、'.join((*SUFFIXES, ARCHIVE_SUFFIX))}；OpenStreetMap 的 .osm.pbf 用 onegrid load 载入。",
        )

    def _check(self, raw: RawChunk) -> Loaded | None:
        faults = FaultList(self.path.name, raw.header)
        raw.table.columns = pd.Index(unique_names(list(raw.table.columns)))
        faults.add_lines(raw.faults)
        for warning in raw.warnings:
            self._tell(warning)
        reader = self._reader or self._prepare(raw, faults)
        if reader is None:
            self._fatal = True
            self._failed.append(faults.frame())
            return None
        self._reader = reader
        legible = replace(raw, table=readable(raw.table, raw.rows, faults))
        if raw.header:
            records = ~no_records(legible.table, raw.rows, faults)
            legible = replace(
                legible, table=legible.table[records].reset_index(drop=True), rows=raw.rows[records]
            )
        values = reader.read(legible.table, legible.rows, faults)
        shapes = self._shapes(legible, reader, faults)
        self._fatal = faults.fatal
        if faults.fatal or (len(faults) and not self.skip_bad_rows):
            self._failed.append(faults.frame())
            return None
        good = ~np.isin(legible.rows, faults.bad_rows())
        frame = gpd.GeoDataFrame(values[good], geometry=shapes[good], crs=INTERNAL_CRS).reset_index(drop=True)
        if self.kind == "streets":
            frame = frame.explode(index_parts=False, ignore_index=True)
            frame["walkable"] = frame["walkable"].astype(bool)
        if self.territory is not None:
            self._tell(far_warning(frame.geometry.to_numpy(), self.territory, self.path.name))
        return Loaded(frame, _rejected(faults, raw))

    def _tell(self, warning: str | None) -> None:
        if warning and warning not in self._told:
            self._told.append(warning)

    def _prepare(self, raw: RawChunk, faults: FaultList) -> RowReader | None:
        """Match the headings, once; None when a column that the kind needs is missing (reported)."""
        headings = [str(heading) for heading in raw.table.columns]
        if not headings and not len(raw.rows):
            raise FileFormatError(
                f"“{self.path.name}”里没有任何数据。",
                f"{self.path.name} is empty",
                remedy="请检查文件，或重新导出。",
            )
        matched = match_headings(headings, self.kind, self.columns)
        found, constants = matched.found, matched.constants
        has_shapes = raw.geometry is not None or "geometry" in found or {"lon", "lat"} <= found.keys()
        listed = "、".join(headings) or "（没有）"
        for heading in matched.absent:
            faults.add_fatal(heading, "", f"文件里没有这一列；有：{listed}", "请核对列名。")
        meanings = {column.name: column.meaning.split(":")[0] for column in COLUMNS[self.kind]}
        for name, alike in matched.twins.items():
            if raw.geometry is not None and name in PLACE_COLUMNS:
                continue  # the file's own geometry is what counts
            faults.add_fatal(
                found[name],
                "、".join(alike),
                f"有 {len(alike)} 列都可能是“{meanings.get(name, '几何')}”，不知道该用哪一列",
                "请只保留一列，或把其余的列改名。",
            )
        for column in COLUMNS[self.kind]:
            needed = column.required and not (self.lenient and column.name == "name")
            if needed and column.name not in found and column.name not in constants:
                names = "、".join(dict.fromkeys((column.name, *column.aliases)))
                faults.add_fatal(
                    column.name,
                    "",
                    f"缺少必需的列“{column.meaning.split(':')[0]}”；文件的列有：{listed}",
                    f"请添加一列，列名可为：{names}；或用 --column {column.name}=列名 指明哪一列是它。",
                )
        if self.kind == "zones" and self.level is None and "level" not in found and "level" not in constants:
            faults.add_fatal(
                "level",
                "",
                "没有层级列，命令里也没有指明层级",
                "请添加“层级”列，或用 --level 指明层级（如 grid 网格）。",
            )
        if not has_shapes:
            self._without_shapes(found, listed, faults)
        if faults.fatal:
            return None
        return RowReader(
            self.kind,
            found,
            constants,
            self.level,
            SeenCodes(self.existing_codes if self.kind in CODED else ()),
            self.lenient,
        )

    def _without_shapes(self, found: Mapping[str, str], listed: str, faults: FaultList) -> None:
        """Report that no column says where the rows are, or only half; say so where none has to."""
        half = [found[name] for name in ("lon", "lat") if name in found]
        if half:
            faults.add_fatal(
                half[0],
                "",
                f"只有一半坐标，找不到另一列；文件的列有：{listed}",
                "请把两列分别命名为“经度”“纬度”，或用 --column lon=列名、--column lat=列名 指明。",
            )
        elif self.kind in NEEDS_PLACE:
            remedy = "请添加经度、纬度两列（点），或一列 WKT/GeoJSON 几何（列名 geometry 或 wkt）。"
            faults.add_fatal("geometry", "", f"没有几何；文件的列有：{listed}", remedy)
        else:
            self._tell(
                f"“{self.path.name}”没有经度、纬度两列，也没有几何，所有对象都没有位置；文件的列有：{listed}。"
            )

    def _shapes(self, raw: RawChunk, reader: RowReader, faults: FaultList) -> Any:  # noqa: ANN401  array of geometries
        """Return the rows' geometries in EPSG:4490, None where there is none or a bad one (reported)."""
        required = self.kind in NEEDS_PLACE
        found = dict(reader.found)
        if raw.geometry is not None:
            broken = np.zeros(len(raw.rows), dtype=bool)
            broken[list(raw.broken)] = True
            reasons = [raw.broken[int(i)] for i in np.flatnonzero(broken)]
            faults.add(
                raw.rows[broken], "geometry", [""] * len(reasons), reasons, "请在 GIS 软件里检查并修复几何。"
            )
            ref = self._ref(raw.crs, None)
            shapes = raw.geometry
            if raw.crs is not None and raw.implied and self.declared is None:
                self._tell(f"“{self.path.name}”是 GeoJSON，未声明时按标准（RFC 7946）视为 WGS 84 经纬度。")
            if raw.crs is not None and self.declared is not None:
                if not raw.implied and not raw.crs.is_projected and isinstance(reference(self.declared), str):
                    self._tell(
                        f"“{self.path.name}”自带坐标系 {raw.crs.name}，已按声明的 {self.declared} 处理。"
                    )
                shapes = _unproject(shapes, raw.crs, ref, self.declared)
            wanted = ~broken if required else np.zeros(len(raw.rows), dtype=bool)
            shapes = check_shapes(
                shapes, raw.rows, self.kind, ref, faults,
                column="geometry", wanted=wanted, lenient=self.lenient,
            )  # fmt: skip
        elif "geometry" in found:
            column = found["geometry"]
            shapes, bad, named = parse_shapes(raw.table[column].astype("str"), raw.rows, column, faults)
            ref = self._ref(None, named)
            wanted = ~bad if required else np.zeros(len(raw.rows), dtype=bool)
            shapes = check_shapes(
                shapes, raw.rows, self.kind, ref, faults, column=column, wanted=wanted, lenient=self.lenient
            )
        elif {"lon", "lat"} <= found.keys():
            ref = self._ref(None, None)
            _agree_with_headings((found["lon"], found["lat"]), ref.declared or "", faults)
            shapes = points_from_columns(raw.table, found, raw.rows, ref, faults, required=required)
        else:
            return np.full(len(raw.table), None, dtype=object)
        for warning in ref.warnings:
            self._tell(warning)
        return shapes

    def _ref(self, crs: CRS | None, named: str | None) -> Reference:
        """Return the reference of the file: declared, or its own."""
        if named is not None and named != self._named:
            if self._named is not None:
                raise FileFormatError(
                    f"“{self.path.name}”里有多个坐标系：{self._named}、{named}。",
                    f"several SRIDs in {self.path.name}",
                    remedy="请统一坐标系后再导入。",
                )
            if self.declared is not None:
                _agree(CRS.from_user_input(named), self.declared)
            self._named = named
        if self._reference is None:
            declared = self.declared or named
            if declared is None:
                if crs is None:
                    raise undeclared_reference(self.path.name)
                declared = _own_reference(crs)
            self._reference = Reference(declared)
        return self._reference


def check_readable(path: Path) -> None:
    """Refuse what is no file that can be opened.

    Raises
    ------
    FileFormatError
        There is none, it is a folder, or it may not be read.
    """
    if not path.exists():
        raise FileFormatError(f"没有文件“{path}”。", f"no file {path}", remedy="请核对路径。")
    if path.is_dir():
        raise FileFormatError(
            f"“{path}”是文件夹，不是文件。", f"{path} is a folder", remedy="请指明文件夹里的一个文件。"
        )
    try:
        path.open("rb").close()
    except OSError as error:
        raise FileFormatError(
            f"无法打开“{path}”：{error.strerror}。",
            f"cannot open {path}: {error.strerror}",
            remedy="请检查权限，并关闭正在使用它的程序。",
        ) from error


def _agree(crs: CRS, declared: str) -> None:
    """Raise MixedReferenceError where a file's own reference and the one declared contradict."""
    to_internal(gpd.GeoDataFrame({"a": []}, geometry=gpd.GeoSeries([], crs=crs)), declared)


def _agree_with_headings(headings: tuple[str, str], declared: str, faults: FaultList) -> None:
    """Report a heading such as ``经度（BD09）`` that names another reference than the one declared."""
    for heading in headings:
        said = named_reference(heading)
        if said is None or said == reference(declared):
            continue
        if isinstance(said, str) or isinstance(reference(declared), str):
            problem = f"列名写明的坐标系与声明的 {declared} 不同，两者相差可达一公里以上"
            faults.add_fatal(
                heading, declared, problem, "请核对坐标系，按实际的声明；若列名写错了，请改列名。"
            )
            return


def _own_reference(crs: CRS) -> str:
    flat = crs.to_2d()
    epsg = flat.to_epsg(min_confidence=60)
    if epsg is not None:
        return f"EPSG:{epsg}"
    if flat.to_authority() == ("OGC", "CRS84"):
        return "EPSG:4326"
    raise UnknownReferenceError(
        f"文件自带的坐标系“{crs.name}”对不上任何 EPSG 代码，可能是地方独立坐标系。",
        f"the file's own reference {crs.name} matches no EPSG code",
        remedy="请先在 GIS 软件里把数据转换到 EPSG:4490；若坐标系定义写错了，请删去它（.prj）并声明正确的代码。",
    )


def _unproject(shapes: Any, crs: CRS, ref: Reference, declared: str) -> Any:  # noqa: ANN401  array of geometries
    """Check a declaration against the file's own reference; bring a projected GCJ-02 or BD-09 layer to degrees."""
    _agree(crs, declared)
    if isinstance(reference(declared), str) and crs.is_projected:
        ref.warnings.append(f"文件坐标为投影坐标（{crs.name}），已先还原为经纬度，再按 {declared} 转换。")
        series = gpd.GeoDataFrame({"a": range(len(shapes))}, geometry=shapes, crs=crs)
        return to_internal(series).geometry.to_numpy()
    return shapes


def _rejected(faults: FaultList, raw: RawChunk) -> pd.DataFrame:
    """Return the faults with the text of each row that was left out, so that it can be mended and loaded alone."""
    frame = faults.frame()
    if not len(frame):
        return empty_faults().assign(record=pd.Series(dtype="str"))
    places = pd.Series(np.arange(len(raw.rows)), index=raw.rows)
    bad = places.reindex(frame["row"].unique()).dropna().astype(int)
    lines = {row: value for row, column, value, _, _ in raw.faults if not column}  # those that are no rows
    records = lines | {row: _record(raw.table.iloc[place]) for row, place in bad.items()}
    return frame.assign(record=frame["row"].map(records).fillna(""))


def _record(row: pd.Series[Any]) -> str:
    given = row[row.notna() & (row.astype("str") != "")]
    return "；".join(f"{heading}={value}" for heading, value in given.items())
