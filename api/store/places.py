"""Loading: a whole place, or the records of a file, in one transaction each."""

from __future__ import annotations

import re
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
from psycopg.errors import CheckViolation, UniqueViolation
from sqlalchemy import func, select, text

from api.store import audit, bulk, models
from api.store.errors import DuplicateError, NotFoundError, StoreError
from api.store.progress import Progress, part, silent
from api.store.records_in import COPIES, addresses_of, clear
from api.store.subject_blocks import refresh
from api.store.territories import (
    add_levels,
    add_territory,
    boundary_of,
    find_territory,
    known_level,
    levels_of,
    remove_territory,
)
from api.store.versions import VersionInfo, add_version, list_versions, mark_changed
from api.store.zone_indexes import keep_indexes
from api.store.zonesets import add_zones, link_children, remove_zones
from geo.errors import FileFormatError
from geo.records import LAYER_NAMES, Kind, Level, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shapely import MultiPolygon, Polygon
    from sqlalchemy.orm import Session

    from geo.files import Loaded

KIND_NAMES: dict[str, str] = {
    "zones": "网格",
    "subjects": "管理对象",
    "stations": "服务站",
    "addresses": "地址",
    "streets": "道路",
}


@dataclass(frozen=True)
class LoadReport:
    """What a load did.

    Parameters
    ----------
    territory
        Code of the territory.
    version
        Code of the version that holds the zones (a new draft when zones were loaded), None when there is none.
    counts
        Rows stored by kind.
    warnings
        What the reader or the store noticed, in Chinese.
    rejected
        Rows left out (``--skip-bad-rows``): ``file, row, column, value, problem, remedy``.
    """

    territory: str
    version: str | None
    counts: dict[str, int]
    warnings: tuple[str, ...] = ()
    rejected: pd.DataFrame = field(default_factory=pd.DataFrame)


MANY_ROWS = 50_000
"""Rows that make postponing the indexes worth its lock on the tables."""


@contextmanager
def _faster(session: Session, kind: str) -> Iterator[None]:
    """Postpone the indexes of what a large load fills, unless readers have more there already than it may bring."""
    tables = {"subjects": ("subject", "address"), "addresses": ("address",)}.get(kind, ())
    largest = max(
        (session.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in tables),  # noqa: S608  from above
        default=MANY_ROWS,
    )
    if largest < MANY_ROWS:
        with bulk.indexes_postponed(session, *tables):
            yield
    else:
        yield


@contextmanager
def _explained(kind: str) -> Iterator[None]:
    """Turn what the tables' constraints refuse into sentences."""
    try:
        yield
    except UniqueViolation as error:
        detail = error.diag.message_detail or ""
        code = re.search(r"=\((?:.*, )?([^,()]*)\)", detail)
        named = code.group(1) if code else "?"
        raise DuplicateError(
            f"{KIND_NAMES[kind]}的编码“{named}”已经存在，本次加载全部取消。",
            f"duplicate code {named!r}: nothing was loaded",
            remedy="请改正重复的编码；要整体替换原有数据请用 --replace。",
        ) from error
    except CheckViolation as error:
        raise StoreError(
            f"{KIND_NAMES[kind]}有一行不符合要求 ({error.diag.constraint_name})，本次加载全部取消。",
            f"a row breaks {error.diag.constraint_name}: {error.diag.message_detail}",
            remedy="请改正该行；也可用 --skip-bad-rows 跳过坏行。",
        ) from error


def load_place(
    session: Session,
    place: Place,
    progress: Progress = silent,
    *,
    replace: bool = False,
    actor: audit.Actor | None = None,
) -> LoadReport:
    """Store a whole place as a new territory, its zones as the draft of version 1.

    Parameters
    ----------
    session
        Its transaction holds all of it.
    place
        The place.
    progress
        Told how far it is.
    replace
        Remove a territory of the same code first, with all its versions.
    actor
        Who loads, for the audit trail.

    Raises
    ------
    DuplicateError
        The territory is there already, or two records share a code.
    """
    if replace and is_loaded(session, place.code):
        progress(0.0, "删除原有数据")
        remove_territory(session, place.code)
    territory = add_territory(session, place)
    add_levels(session, territory.id, place.levels)
    version = add_version(session, place.code)
    counts: dict[str, int] = {}
    progress(0.05, f"网格 {len(place.zones)} 个")
    with _explained("zones"):
        counts["zones"] = add_zones(session, version, place.zones)
    keep_indexes(session, territory.id, version.id)
    frames: dict[Kind, gpd.GeoDataFrame] = {
        "stations": place.stations,
        "streets": place.streets,
        "subjects": place.subjects,
        "addresses": place.addresses,
    }
    done, total = 0, max(sum(map(len, frames.values())), 1)
    with ExitStack() as until_loaded:
        if len(place.subjects) >= MANY_ROWS:
            until_loaded.enter_context(_faster(session, "subjects"))
        for kind, frame in frames.items():
            inner = part(progress, 0.1 + 0.8 * done / total, 0.1 + 0.8 * (done + len(frame)) / total)
            inner(0.0, f"{KIND_NAMES[kind]} {len(frame):,} 条")
            with _explained(kind):
                counts[kind] = COPIES[kind](session, territory.id, frame, inner) if len(frame) else 0
            done += len(frame)
        progress(0.9, "建立索引")
    refresh(session, territory.id)
    _analyse(session)
    audit.record(session, actor or audit.Actor(), "place.load", place.code, **counts)
    progress(1.0, f"{place.name}加载完成")
    return LoadReport(place.code, version.code, counts)


def _analyse(session: Session) -> None:
    """Renew the planner's statistics: after a bulk load they are wrong enough to make queries slow."""
    for table in ("zone", "subject", "address", "station", "street_edge", "street_node"):
        session.execute(text(f"ANALYZE {table}"))


def is_loaded(session: Session, code: str) -> bool:
    """Whether there is a territory of that code."""
    return session.scalar(select(models.Territory.id).where(models.Territory.code == code)) is not None


def new_territory(
    session: Session,
    code: str,
    name: str,
    boundary: Polygon | MultiPolygon,
    *,
    source: str,
    date: str,
    synthetic: bool = False,
) -> None:
    """Make an empty territory, into which files can be loaded.

    Parameters
    ----------
    session
        Its transaction holds it.
    code, name
        Of the territory.
    boundary
        The polygon that partitions cover, EPSG:4490.
    source, date
        Origin, and date of the data (ISO 8601), shown on every map.
    synthetic
        True when people and geometry are made up.

    Raises
    ------
    DuplicateError
        It is there already.
    """
    none = gpd.GeoDataFrame(geometry=[], crs="EPSG:4490")
    add_territory(
        session,
        Place(code, name, boundary, (), none, none, none, none, none, synthetic, source, date),
    )


def load_records(  # noqa: PLR0913  all but the first four by name
    session: Session,
    territory: str,
    kind: Kind,
    chunks: Iterable[Loaded],
    *,
    layer: str | None = None,
    level: str | None = None,
    replace: bool = False,
    progress: Progress = silent,
    expected_rows: int | None = None,
    actor: audit.Actor | None = None,
) -> LoadReport:
    """Store the records of a file, chunk by chunk, all or nothing.

    Zones go into a new draft: a copy of the newest version in which the zones of the file's levels are replaced.
    Other records go to the territory; ``replace`` first removes what it has of the kind. The addresses of subjects with
    a location can be looked up from then on.

    Parameters
    ----------
    session
        Its transaction holds all of it; memory holds one chunk at a time.
    territory
        Code of the territory.
    kind
        What the file holds.
    chunks
        What ``geo.files.read_chunks`` yields.
    layer, level
        For zones without such columns.
    replace
        Whether the kind's former records go first.
    progress
        Told how far it is.
    expected_rows
        Rows of the file if known, for the percentage.
    actor
        Who loads, for the audit trail.

    Raises
    ------
    NotFoundError
        There is no such territory.
    DuplicateError
        A code is there already.
    BadRecordsError
        From the reader, as ``chunks`` is read.
    """
    found = find_territory(session, territory)
    count = addresses = 0
    warnings: list[str] = []
    rejected: list[pd.DataFrame] = []
    version: VersionInfo | None = None
    if kind == "zones":
        frames = []
        for chunk in chunks:
            frames.append(chunk.frame)
            warnings += chunk.warnings
            rejected.append(chunk.rejected)
        whole = gpd.GeoDataFrame(pd.concat(frames, ignore_index=True)) if frames else gpd.GeoDataFrame()
        progress(0.3, f"网格 {len(whole)} 个")
        with _explained(kind):
            version, count = _load_zones(session, territory, whole, layer, level)
    else:
        if replace:
            progress(0.0, f"删除原有{KIND_NAMES[kind]}")
            clear(session, found.id, kind)
        with ExitStack() as until_loaded:
            for chunk in chunks:
                warnings += chunk.warnings
                rejected.append(chunk.rejected)
                if count == 0 and len(chunk.frame) >= MANY_ROWS:
                    until_loaded.enter_context(_faster(session, kind))
                if len(chunk.frame):
                    with _explained(kind):
                        count += COPIES[kind](session, found.id, chunk.frame, silent)
                        if kind == "subjects":
                            addresses += COPIES["addresses"](
                                session, found.id, addresses_of(chunk.frame), silent
                            )
                share = min(count / expected_rows, 1.0) if expected_rows else 0.5
                progress(0.9 * share, f"{KIND_NAMES[kind]}已加载 {count:,} 条")
            progress(0.9, "建立索引")
        if kind == "subjects":
            refresh(session, found.id)
        if kind == "subjects" and replace:
            # A run that speaks of removed subjects must not be read any more.
            session.execute(
                text("UPDATE version SET run_id = NULL WHERE territory_id = :id"), {"id": found.id}
            )
    _analyse(session)
    audit.record(session, actor or audit.Actor(), f"{kind}.load", territory, rows=count, replace=replace)
    progress(1.0, f"{KIND_NAMES[kind]}加载完成: {count:,} 条")
    faults = [frame for frame in rejected if len(frame)]
    return LoadReport(
        territory,
        version.code if version else None,
        {kind: count, "addresses": addresses} if kind == "subjects" else {kind: count},
        tuple(dict.fromkeys(warnings)),
        pd.concat(faults, ignore_index=True) if faults else pd.DataFrame(),
    )


def refuse_nothing(report: LoadReport, kind: Kind, file: str) -> None:
    """Refuse a file of which nothing was stored: with ``replace``, what was there would be gone for nothing.

    Raises
    ------
    FileFormatError
        It has no rows, good or bad.
    """
    if not report.counts[kind] and not len(report.rejected):
        raise FileFormatError(
            f"“{file}”里没有数据行，什么也没有改动。",
            f"{file} has no rows",
            remedy="请检查文件、工作表或图层。",
        )


def _load_zones(
    session: Session, territory: str, zones: gpd.GeoDataFrame, layer: str | None, level: str | None
) -> tuple[VersionInfo, int]:
    if not len(zones):
        raise NotFoundError("文件里没有网格。", "the file holds no zones", remedy="请检查文件或图层名。")
    named = zones["level"] if "level" in zones else pd.Series(None, index=zones.index, dtype=object)
    frame = zones.assign(level=named.where(named.notna(), level))
    if frame["level"].isna().any():
        raise NotFoundError(
            "网格没有层级列，也没有指定层级。",
            "neither a level column nor --level",
            remedy="请加 --level，例如 --level grid 或 --level community。",
        )
    found = find_territory(session, territory)
    wanted = [_level(code, layer) for code in dict.fromkeys(map(str, frame["level"]))]
    levels = {each.code: each for each in add_levels(session, found.id, wanted)}
    versions = list_versions(session, territory)
    draft = add_version(session, territory, copy_of=versions[0] if versions else None)
    chosen = [levels[each.code] for each in wanted]
    orphans = pd.concat([remove_zones(session, draft, each) for each in chosen], ignore_index=True)
    count = add_zones(session, draft, frame)
    for each in chosen:
        link_children(session, draft, each, orphans)
    keep_indexes(session, found.id, draft.id)
    mark_changed(session, draft)
    return draft, count


def _level(code: str, layer: str | None) -> Level:
    if layer is not None and layer not in LAYER_NAMES and code == layer:
        return Level(layer, code, layer, 1, partition=False)
    return known_level(code, layer)


def levels_and_boundary(session: Session, territory: str) -> tuple[list[Level], Polygon | MultiPolygon]:
    """Return a territory's levels and its polygon: what the reader of a file needs to judge its rows."""
    found = find_territory(session, territory)
    return [each.level for each in levels_of(session, found.id)], boundary_of(session, found.id)


def counts_of(session: Session, territory: str) -> dict[str, int]:
    """Return how many records of each kind a territory has (zones: of its newest version)."""
    found = find_territory(session, territory)
    counts: dict[str, int] = {}
    for kind, table in (
        ("subjects", models.Subject),
        ("stations", models.Station),
        ("addresses", models.Address),
        ("streets", models.StreetEdge),
    ):
        query = select(func.count()).select_from(table).where(table.territory_id == found.id)
        counts[kind] = session.scalar(query) or 0
    versions = list_versions(session, territory)
    counts["zones"] = (
        session.scalar(
            select(func.count()).select_from(models.Zone).where(models.Zone.version_id == versions[0].id)
        )
        or 0
        if versions
        else 0
    )
    return counts


__all__ = [
    "KIND_NAMES",
    "LoadReport",
    "counts_of",
    "is_loaded",
    "levels_and_boundary",
    "load_place",
    "load_records",
    "new_territory",
    "refuse_nothing",
]
