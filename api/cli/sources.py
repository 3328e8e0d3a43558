"""Files as sources of commands that also work on the database: when a word is a file, and how it is read."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import geopandas as gpd
import numpy as np
import typer

from api.cli.console import say, warn
from api.store.bulk import area_of
from api.store.errors import NotFoundError
from api.store.refusals import InvalidRequestError
from api.store.territories import find_territory, levels_of
from api.store.versions import get_version
from geo import files
from geo.errors import FileFormatError, UndeclaredReferenceError, ZonesError
from geo.files.session import ARCHIVE_SUFFIX
from geo.files.session import SUFFIXES as READABLE
from geo.files.words import LEVEL_WORDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd
    from shapely import MultiPolygon, Polygon
    from sqlalchemy.orm import Session

    from geo.records import Kind

SUFFIXES = (*READABLE, ARCHIVE_SUFFIX, ".pbf", ".osm")
"""What a file may be; a version's code never ends in one of these."""

CODES_SHOWN = 5

OF_FILES = (
    "declared", "table_name", "boundary", "parents", "exceptions", "subjects", "subjects_declared", "streets",
)  # fmt: skip
"""Parameters of commands that check and repair which do nothing for a version."""

IN_DATABASE = "版本的边界、上级、豁免、管理对象和道路取自数据库: 请去掉这些选项，或先载入。"
"""What to do about them."""

Declared = Annotated[
    str | None, typer.Option("--crs", help="文件的坐标系: EPSG:4490、GCJ-02、BD-09 …；文件未注明时必填")
]
Level = Annotated[str | None, typer.Option(help="文件: 网格的层级，例如 grid；版本: 只处理这一层级")]
TableName = Annotated[str | None, typer.Option("--table", help="GeoPackage 里的图层名，或 .zip 里的文件名")]
SheetName = Annotated[str | None, typer.Option("--sheet", help="Excel 工作表名")]
Encoding = Annotated[str | None, typer.Option(help="文字编码 (默认自动识别 UTF-8 / GBK)")]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--column", help="哪一列是什么，可写多次: 编码=房屋编号；每一行都相同的值写两个等号: 类别==户"
    ),
]
SubjectsDeclared = Annotated[
    str | None,
    typer.Option("--subjects-crs", help="管理对象文件的坐标系 (默认取文件自带的；文件未注明则同 --crs)"),
]
Boundary = Annotated[Path | None, typer.Option(help="辖区边界文件")]
Exceptions = Annotated[Path | None, typer.Option(help="豁免范围文件 (河湖、外单位用地)")]
Subjects = Annotated[Path | None, typer.Option(help="管理对象文件: 统计受影响的户数和人数")]


@dataclass(frozen=True)
class Reading:
    """How a file is read.

    Parameters
    ----------
    declared
        Its reference.
    table
        Layer of a GeoPackage.
    level
        Of its zones.
    fallback
        Its reference if it names none itself: what is declared of another file of the same command.
    """

    declared: str | None = None
    table: str | None = None
    level: str | None = None
    fallback: str | None = None


def is_file(source: str) -> bool:
    """Whether a word names a file rather than a version."""
    path = Path(source)
    return path.suffix.lower() in SUFFIXES or len(path.parts) > 1 or path.is_file()


def read_zones(path: Path, reading: Reading, *, lenient: bool = False) -> gpd.GeoDataFrame:
    """Read the zones of one level from a file.

    Parameters
    ----------
    path
        The file.
    reading
        How.
    lenient
        Zones that are to be checked: with codes that occur twice and rings that cross themselves.

    Raises
    ------
    FileFormatError
        The file has several levels and none was chosen.
    ZonesError
        Such zones in a file that is not to be checked.
    BadRecordsError
        Rows that cannot be worked with, all of them.
    """
    # The level is that of a file that does not say.
    frame = _read(path, "zones", reading, layer=reading.table, level=reading.level or "grid", lenient=True)
    if reading.level is not None:
        chosen = LEVEL_WORDS.get(reading.level, reading.level)
        frame = frame[frame["level"] == chosen].reset_index(drop=True)
    levels = list(dict.fromkeys(frame["level"]))
    if len(levels) > 1:
        raise FileFormatError(
            f"“{path.name}”里有 {len(levels)} 个层级: {'、'.join(levels)}。",
            f"{path.name} has several levels: {levels}",
            remedy="请用 --level 选择一个，例如 --level grid。",
        )
    if not len(frame):
        what = f"层级为“{reading.level}”的网格" if reading.level else "网格"
        raise FileFormatError(
            f"“{path.name}”里没有{what}。",
            f"{path.name} has no zones" + (f" of level {reading.level}" if reading.level else ""),
            remedy="请核对 --level，或换一个文件。" if reading.level else "请检查文件。",
        )
    if not lenient:
        _refuse_faulty(path, frame)
    return frame


def _refuse_faulty(path: Path, zones: gpd.GeoDataFrame) -> None:
    bad = (zones["code"].duplicated(keep=False) | ~zones.geometry.is_valid).to_numpy()
    if bad.any():
        codes = "、".join(zones["code"][bad].head(CODES_SHOWN))
        raise ZonesError(
            f"“{path.name}”有 {int(bad.sum())} 个网格的图形自相交或编码重复: {codes}。",
            f"{int(bad.sum())} zones of {path.name} are invalid or have a code that occurs twice",
            remedy=f"请先检查并修复: onegrid check {path.name}，onegrid repair {path.name}。",
        )


def read_area(path: Path | None, reading: Reading) -> Polygon | MultiPolygon | None:
    """Return the area that the zones of a file cover together; None without a file."""
    if path is None:
        return None
    return area_of(_shapes(path, reading).union_all())


def read_areas(path: Path | None, reading: Reading) -> gpd.GeoSeries | None:
    """Return the areas of a file one by one; None without a file."""
    return None if path is None else _shapes(path, reading)


def read_polygons(path: Path | None, reading: Reading) -> gpd.GeoDataFrame | None:
    """Return the polygons of a file (estates, buildings); None without a file."""
    return None if path is None else gpd.GeoDataFrame(geometry=_shapes(path, reading))


def read_streets(path: Path | None, reading: Reading) -> gpd.GeoDataFrame | None:
    """Return the streets, railways and rivers of a file; None without a file."""
    return None if path is None else _read(path, "streets", reading)


def _shapes(path: Path, reading: Reading) -> gpd.GeoSeries:
    # Areas need no code: each is one by its place in the file.
    frame = _read(path, "zones", reading, level="grid", columns={"code": "=area"}, lenient=True)
    bad = ~frame.geometry.is_valid.to_numpy()
    if bad.any() or not len(frame):
        rows = "、".join(str(row + 1) for row in np.flatnonzero(bad)[:CODES_SHOWN])
        raise ZonesError(
            f"“{path.name}”里{f'第 {rows} 个图形无效（边线自相交，或没有面积）' if rows else '没有图形'}。",
            f"{path.name} has {'invalid shapes' if rows else 'no shapes'}",
            remedy="请在 GIS 软件里修复几何（Fix geometries）后再用。" if rows else "请检查文件。",
        )
    return frame.geometry


def _read(path: Path, kind: Kind, reading: Reading, **options: Any) -> gpd.GeoDataFrame:  # noqa: ANN401
    try:
        loaded = files.read(path, kind, declared=reading.declared, **options)
    except UndeclaredReferenceError:
        if reading.declared is not None or reading.fallback is None:
            raise
        loaded = files.read(path, kind, declared=reading.fallback, **options)
    for line in loaded.warnings:
        warn(line)
    return loaded.frame


def read_subjects(path: Path | None, reading: Reading) -> gpd.GeoDataFrame | None:
    """Return the subjects of a file; None without a file."""
    if path is None:
        return None
    return _read(path, "subjects", reading)


def level_code(opened: Session, version: str, level: str | None) -> str | None:
    """Return the code of a level that a version's territory has, given its code or its Chinese name; None for None.

    Raises
    ------
    NotFoundError
        There is no such version or level: an answer about no zones would read like one without faults.
    """
    if level is None:
        return None
    territory = find_territory(opened, get_version(opened, version).territory)
    known = {each.level.code: each.level.name for each in levels_of(opened, territory.id)}
    code = LEVEL_WORDS.get(level, level)
    if code not in known:
        raise NotFoundError(
            f"辖区“{territory.code}”没有层级“{level}”。",
            f"{territory.code} has no level {level!r}",
            remedy=f"可用: {'、'.join(f'{code}（{name}）' for code, name in known.items())}。",
        )
    return code


def refuse_same_file(output: Path | None, *sources: Path | None) -> None:
    """Refuse to write over a file that is read.

    Raises
    ------
    InvalidRequestError
        The output is one of the sources.
    """
    for source in sources:
        if output is not None and source is not None and output.resolve() == source.resolve():
            raise InvalidRequestError(
                f"结果不能写到原文件“{source}”上。",
                f"the output {output} is a file that is read",
                remedy="请用 -o 换一个文件名，原文件不变。",
            )


def save(tables: Mapping[str, pd.DataFrame], path: Path, first: str) -> None:
    """Write tables: all of them where the format holds several (.gpkg, .xlsx), else the first alone."""
    if path.suffix.lower() in {".gpkg", ".xlsx"}:
        files.write_bundle(tables, path)
    else:
        chosen = tables[first]
        assert isinstance(chosen, gpd.GeoDataFrame)  # noqa: S101  commands put geometry first
        files.write(chosen, path)
    say(f"已写入 {path}。")


@contextmanager
def spark_session(master: str | None) -> Iterator[Any]:
    """Yield a Spark session of the master named, or of the cluster that its own configuration names.

    Raises
    ------
    InvalidRequestError
        PySpark or Java is not installed.
    """
    try:
        from pyspark.sql import SparkSession  # noqa: PLC0415  an optional package
    except ImportError as error:
        raise InvalidRequestError(
            "没有安装 PySpark。",
            "pyspark is not installed",
            remedy="请在 OneGrid 的目录里安装: .venv/bin/pip install -e '.[spark]'。",
        ) from error
    if shutil.which("java") is None and "JAVA_HOME" not in os.environ:
        raise InvalidRequestError(
            "没有安装 Java，Spark 无法启动。",
            "Spark needs a Java runtime",
            remedy="请安装 Java 17 或更新版本: apt install openjdk-17-jre-headless。",
        )
    if master is not None and master.startswith("local"):
        # This machine's executors need this Python: on a cluster, its administrator names one with OneGrid in it.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    # A warning about pandas, which nothing here hands to Spark: parts go as Arrow.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    builder = SparkSession.builder.appName("onegrid")
    session = (builder if master is None else builder.master(master)).getOrCreate()
    try:
        yield session
    finally:
        session.stop()
