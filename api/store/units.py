"""What lies at a place of a plan and can be given to a zone as a whole: an estate, a building, a street block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import shapely
from shapely import MultiPolygon, Polygon
from sqlalchemy import bindparam, text

from api.store.territories import boundary_of
from geo.partition.rules import IGNORED
from geo.units import block_at

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

Kind = Literal["estate", "building", "block"]

REACHES_DEG = (0.004, 0.012, 0.04)
"""How far around a place streets are looked at, in degrees: about 400 m, then further for larger blocks."""


@dataclass(frozen=True)
class Unit:
    """Something that is given as a whole.

    Parameters
    ----------
    kind
        ``estate``, ``building`` or ``block``.
    name
        Its name, None for a block or where the caller may not see it.
    geometry
        Its ground, lon/lat EPSG:4490.
    """

    kind: Kind
    name: str | None
    geometry: Polygon | MultiPolygon


def unit_at(
    session: Session, territory_id: int, lon: float, lat: float, kind: Literal["auto"] | Kind, *, names: bool
) -> Unit | None:
    """Return the unit at a place, None where there is none.

    Parameters
    ----------
    session, territory_id
        Where to read.
    lon, lat
        Degrees.
    kind
        What is asked for; ``auto``: an estate, which no grid should cut, else the block, else a building.
    names
        Whether the caller may see names.
    """
    order: tuple[Kind, ...] = ("estate", "block", "building") if kind == "auto" else (kind,)
    for wanted in order:
        found = (
            _block(session, territory_id, lon, lat)
            if wanted == "block"
            else _footprint(session, territory_id, lon, lat, wanted)
        )
        if found is not None:
            return found if names else Unit(found.kind, None, found.geometry)
    return None


def _footprint(session: Session, territory_id: int, lon: float, lat: float, kind: Kind) -> Unit | None:
    # The smallest: an estate within a larger one is what was clicked.
    row = session.execute(
        text(
            """SELECT name, ST_AsBinary(footprint) AS wkb FROM subject
               WHERE territory_id = :territory AND kind = :kind
                 AND ST_Intersects(footprint, ST_SetSRID(ST_MakePoint(:lon, :lat), 4490))
               ORDER BY ST_Area(footprint), id LIMIT 1"""
        ),
        {"territory": territory_id, "kind": kind, "lon": lon, "lat": lat},
    ).first()
    if row is None:
        return None
    footprint = shapely.from_wkb(bytes(row.wkb))
    assert isinstance(footprint, Polygon | MultiPolygon)  # noqa: S101  a footprint is an area
    return Unit(kind, row.name, footprint)


def _block(session: Session, territory_id: int, lon: float, lat: float) -> Unit | None:
    point = shapely.Point(lon, lat)
    boundary = boundary_of(session, territory_id)
    if not shapely.intersects(boundary, point):
        return None
    for reach in REACHES_DEG:
        window = shapely.box(lon - reach, lat - reach, lon + reach, lat + reach)
        rows = session.scalars(
            text(
                """SELECT ST_AsBinary(geom) FROM street_edge
                   WHERE territory_id = :territory AND kind NOT IN :ignored
                     AND geom && ST_MakeEnvelope(:west, :south, :east, :north, 4490)"""
            ).bindparams(bindparam("ignored", expanding=True)),
            {
                "territory": territory_id,
                "ignored": sorted(IGNORED),
                **dict(zip(("west", "south", "east", "north"), window.bounds, strict=True)),
            },
        )
        streets = [shapely.from_wkb(bytes(wkb)) for wkb in rows]
        looked_at = shapely.intersection(window, boundary)
        face = block_at(point, streets, looked_at)
        # A face that the window's own edge bounds is no block: it goes on outside.
        inside = face is not None and not shapely.intersects(face, shapely.boundary(window))
        if face is not None and inside and not shapely.equals(face, boundary):
            return Unit("block", None, face)
    return None
