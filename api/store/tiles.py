"""Vector tiles (MVT 2.1, EPSG:3857) of zones, streets, footprints, stations and faults, made by PostGIS.

Zones are not simplified one by one, which would open gaps between neighbours: `ST_AsMVTGeom` snaps every vertex to
the tile's grid of 4096, and a shared vertex snaps to the same place in both neighbours.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import bindparam, text

from api.store.errors import NotFoundError

if TYPE_CHECKING:
    from sqlalchemy import TextClause
    from sqlalchemy.orm import Session

    from api.store.accounts import PersonalScope
    from api.store.versions import VersionInfo

MAX_ZOOM: Final = 22

STREETS_BY_ZOOM: Final = (
    (0, ("motorway", "trunk")),
    (9, ("primary",)),
    (11, ("secondary", "motorway_link", "trunk_link")),
    (12, ("tertiary", "primary_link", "secondary_link", "tertiary_link")),
)
"""From which zoom the widest classes of street are shown; from `ALL_STREETS_ZOOM` all are."""
ALL_STREETS_ZOOM: Final = 14
FOOTPRINT_ZOOM: Final = 13
"""Buildings and estates are specks below this zoom."""


def _read(name: str) -> TextClause:
    return text((Path(__file__).parent / "sql" / f"{name}.sql").read_text(encoding="utf-8"))


_ZONES = _read("tile_zones")
_STREETS = _read("tile_streets").bindparams(bindparam("kinds", expanding=True))

_FOOTPRINTS = _read("tile_footprints")

_STATIONS = _read("tile_stations")

_FAULTS = _read("tile_faults")

_OTHER_LAYERS: Final = ("streets", "footprints", "stations", "faults")


def tile_stamp(session: Session, version: VersionInfo, layer: str, scope: PersonalScope) -> str:
    """Return the ETag of a version's tiles of one layer: it changes when what they show may have changed.

    Raises
    ------
    NotFoundError
        When the version has no such layer.
    """
    _check_layer(session, version, layer)
    parts: list[Any] = [version.code, version.id, version.run_id, version.checked_at, layer]
    if layer == "footprints":
        parts.append(scope.whole)
    if layer in _OTHER_LAYERS:
        # Loads add rows, and replacing rows gives them new numbers: the last numbers tell any load from the one before.
        parts += session.execute(
            text("""
                SELECT (SELECT max(id) FROM street_edge), (SELECT max(id) FROM subject),
                       (SELECT max(id) FROM station), (SELECT max(id) FROM fault)
            """)
        ).one()
    elif version.is_draft:
        parts += session.execute(
            text("SELECT count(*), max(id), max(xmin::text::bigint) FROM zone WHERE version_id = :version"),
            {"version": version.id},
        ).one()
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:20]


def tile(
    session: Session, version: VersionInfo, layer: str, z: int, x: int, y: int, *, scope: PersonalScope
) -> bytes:
    """Return one vector tile; no bytes when there is nothing in it.

    Parameters
    ----------
    session
        Where to read.
    version
        Whose zones and faults; streets, footprints and stations are those of its territory.
    layer
        A layer of zones (one MVT layer per level, named by its code), ``streets``, ``footprints``, ``stations`` or
        ``faults``.
    z, x, y
        Zoom, column and row of the Web Mercator tiling (row 0 in the north).
    scope
        Where the caller may see persons: names of footprints are shown only to those who may everywhere.

    Raises
    ------
    NotFoundError
        When there is no such layer or no such tile.
    """
    _check_layer(session, version, layer)
    if not (0 <= z <= MAX_ZOOM and 0 <= x < 2**z and 0 <= y < 2**z):
        raise NotFoundError(
            f"没有瓦片 {z}/{x}/{y}。",
            f"no tile {z}/{x}/{y}",
            remedy=f"级别 0–{MAX_ZOOM}，行列号小于 2 的级别次方。",
        )
    values: dict[str, Any] = {"z": z, "x": x, "y": y}
    if layer == "streets":
        kinds = [kind for zoom, kinds in STREETS_BY_ZOOM if z >= zoom for kind in kinds]
        values |= {"territory": version.territory_id, "every": z >= ALL_STREETS_ZOOM, "kinds": kinds}
        rows = session.scalars(_STREETS, values)
    elif layer == "footprints":
        if z < FOOTPRINT_ZOOM:
            return b""
        rows = session.scalars(
            _FOOTPRINTS, values | {"territory": version.territory_id, "names": scope.whole}
        )
    elif layer == "stations":
        rows = session.scalars(_STATIONS, values | {"territory": version.territory_id})
    elif layer == "faults":
        rows = session.scalars(_FAULTS, values | {"version": version.id})
    else:
        rows = session.scalars(
            _ZONES, values | {"version": version.id, "run": version.run_id, "layer": layer}
        )
    # Layers of one tile are repeated fields of one message (MVT 2.1, 4.1): joined bytes are a tile with all of them.
    return b"".join(bytes(row) for row in rows if row)


def _check_layer(session: Session, version: VersionInfo, layer: str) -> None:
    if layer in _OTHER_LAYERS:
        return
    found = session.scalar(
        text("SELECT id FROM layer WHERE territory_id = :territory AND code = :code"),
        {"territory": version.territory_id, "code": layer},
    )
    if found is None:
        raise NotFoundError(
            f"版本“{version.code}”没有图层“{layer}”。",
            f"no layer {layer} in {version.code}",
            remedy=f"可用：版本的各图层编码，以及 {'、'.join(_OTHER_LAYERS)}。",
        )
