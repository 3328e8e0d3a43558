"""Territories, their layers and levels: finding and making them, and the reference they are measured in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import shapely
from sqlalchemy import select, text

from api.store import bulk, models
from api.store.errors import DuplicateError, NotFoundError
from geo.crs import metric_crs
from geo.errors import CodeFormatError
from geo.files.rows import CODE_PATTERN
from geo.records import LAYER_NAMES, LEVELS, Level

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapely import MultiPolygon, Polygon
    from sqlalchemy.orm import Session

    from geo.records import Place


@dataclass(frozen=True)
class StoredLevel:
    """One level of a territory as stored.

    Parameters
    ----------
    id
        Row of the level.
    level
        What it is.
    """

    id: int
    level: Level

    @property
    def code(self) -> str:
        """Return its code, unique in the territory."""
        return self.level.code


def find_territory(session: Session, code: str) -> models.Territory:
    """Return the row of a territory.

    Raises
    ------
    NotFoundError
        There is none of that code; the message names those there are.
    """
    found = session.scalar(select(models.Territory).where(models.Territory.code == code))
    if found is None:
        known = (
            "、".join(session.scalars(select(models.Territory.code).order_by(models.Territory.code))) or "无"
        )
        raise NotFoundError(
            f"没有辖区“{code}”。",
            f"no territory {code!r}",
            remedy=f"现有辖区: {known}；示例可用 onegrid demo 加载。",
        )
    return found


def add_territory(session: Session, place: Place) -> models.Territory:
    """Store what is known of a place itself; its records follow.

    Raises
    ------
    CodeFormatError
        Its code cannot be one: codes stand in addresses and in names of versions.
    DuplicateError
        A territory of that code is there already.
    """
    if re.fullmatch(CODE_PATTERN, place.code) is None:
        raise CodeFormatError(
            f"“{place.code}”不能作辖区编码。",
            f"{place.code!r} cannot be the code of a territory",
            remedy="编码只能用数字、英文字母、点、下划线和连字符，最多 40 个字符，例如 zhuanqiao；中文名称用 --name。",
        )
    if session.scalar(select(models.Territory.id).where(models.Territory.code == place.code)) is not None:
        raise DuplicateError(
            f"辖区“{place.code}”已经存在。",
            f"territory {place.code!r} exists already",
            remedy="请换一个编码，或用 --replace 整体替换 (其全部版本会被删除)。",
        )
    boundary = bulk.to_multi([place.boundary])[0]
    territory = models.Territory(
        code=place.code,
        name=place.name,
        boundary=f"SRID={models.SRID};{shapely.to_wkt(boundary, rounding_precision=-1)}",
        metric_srid=metric_crs(boundary).to_epsg(),
        synthetic=place.synthetic,
        source=place.source,
        data_date=place.date,
        notes=list(place.notes),
    )
    session.add(territory)
    session.flush()
    return territory


def remove_territory(session: Session, code: str) -> None:
    """Remove a territory with everything in it, published versions too."""
    territory = find_territory(session, code)
    session.execute(text("SET LOCAL onegrid.purge = 'on'"))
    # Versions name runs and runs name versions: the first name goes before the rows do.
    session.execute(text("UPDATE version SET run_id = NULL WHERE territory_id = :id"), {"id": territory.id})
    for table in ("plan", "version"):
        session.execute(text(f"DELETE FROM {table} WHERE territory_id = :id"), {"id": territory.id})  # noqa: S608
    session.execute(text("DELETE FROM territory WHERE id = :id"), {"id": territory.id})
    session.execute(text("SET LOCAL onegrid.purge = 'off'"))
    session.expire_all()


def boundary_of(session: Session, territory_id: int) -> Polygon | MultiPolygon:
    """Return the territory's polygon."""
    wkb = session.scalar(
        text("SELECT ST_AsBinary(boundary) FROM territory WHERE id = :id"), {"id": territory_id}
    )
    boundary = shapely.from_wkb(bytes(wkb))
    assert isinstance(boundary, shapely.Polygon | shapely.MultiPolygon)  # noqa: S101  the column's own type
    return boundary


def levels_of(session: Session, territory_id: int) -> list[StoredLevel]:
    """Return the levels of a territory, parents before their children."""
    rows = session.execute(
        text(
            """SELECT l.id, y.code AS layer, l.code, l.name, l.rank, p.code AS parent, l.partition
               FROM level l JOIN layer y ON y.id = l.layer_id LEFT JOIN level p ON p.id = l.parent_level_id
               WHERE y.territory_id = :territory ORDER BY y.position, l.rank, l.id"""
        ),
        {"territory": territory_id},
    ).all()
    stored = [
        StoredLevel(row.id, Level(row.layer, row.code, row.name, row.rank, row.parent, row.partition))
        for row in rows
    ]
    return parents_first(stored)


def parents_first(levels: Iterable[StoredLevel]) -> list[StoredLevel]:
    """Order levels so that each comes after its parent, else as given."""
    waiting = list(levels)
    known = {each.code for each in waiting}
    done: list[StoredLevel] = []
    placed: set[str] = set()
    while waiting:
        ready = [each for each in waiting if each.level.parent not in known - placed]
        if not ready:  # a circle of parents: the database's foreign keys allow it, no caller makes it
            ready = waiting[:1]
        done += ready
        placed |= {each.code for each in ready}
        waiting = [each for each in waiting if each.code not in placed]
    return done


def add_levels(session: Session, territory_id: int, levels: Iterable[Level]) -> list[StoredLevel]:
    """Store levels that the territory has not yet, with their layers; return all of the territory's.

    A level's parent is linked when the territory has it; a place without streets has communities without parent.
    """
    existing = {each.code: each for each in levels_of(session, territory_id)}
    wanted = [level for level in levels if level.code not in existing]
    layers = {
        layer.code: layer
        for layer in session.scalars(select(models.Layer).where(models.Layer.territory_id == territory_id))
    }
    order = list(LAYER_NAMES)
    for level in wanted:
        if level.layer not in layers:
            position = order.index(level.layer) if level.layer in order else len(order)
            layers[level.layer] = models.Layer(
                territory_id=territory_id,
                code=level.layer,
                name=LAYER_NAMES.get(level.layer, level.layer),
                position=position,
            )
            session.add(layers[level.layer])
    session.flush()
    ids = {code: each.id for code, each in existing.items()}
    stubs = [StoredLevel(0, level) for level in wanted]
    for stub in parents_first(stubs):
        level = stub.level
        row = models.Level(
            layer_id=layers[level.layer].id,
            code=level.code,
            name=level.name,
            rank=level.rank,
            parent_level_id=ids.get(level.parent or ""),
            partition=level.partition,
        )
        session.add(row)
        session.flush()
        ids[level.code] = row.id
    return levels_of(session, territory_id)


def known_level(code: str, layer: str | None = None) -> Level:
    """Return the definition of a level by its code, or a department's own level of that name."""
    if code in LEVELS:
        return LEVELS[code]
    return Level(layer or code, code, LAYER_NAMES.get(code, code), 1, partition=False)
