"""The stored street network, for the kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from api.store import bulk
from api.store.errors import NotFoundError
from geo.network import StreetNetwork

if TYPE_CHECKING:
    from collections.abc import Sequence

    import geopandas as gpd
    from sqlalchemy.orm import Session


def read_streets(session: Session, territory_id: int, kinds: Sequence[str] | None = None) -> gpd.GeoDataFrame:
    """Read streets as lines.

    Returns
    -------
    GeoDataFrame
        Columns ``from_node, to_node, length_m, kind, name, walkable, geometry`` in EPSG:4490, in stored order.
    """
    rows = session.execute(
        text(
            """SELECT from_node, to_node, length_m, kind, name, walkable, ST_AsBinary(geom) AS geometry
               FROM street_edge WHERE territory_id = :territory
                   AND (CAST(:kinds AS text[]) IS NULL OR kind = ANY(:kinds)) ORDER BY id"""
        ),
        {"territory": territory_id, "kinds": None if kinds is None else list(kinds)},
    )
    return bulk.geo_frame(rows)


def read_network(session: Session, territory_id: int) -> StreetNetwork:
    """Read the street network of a territory, as it was made when the streets were loaded.

    Raises
    ------
    NotFoundError
        The territory has no streets.
    """
    edges = read_streets(session, territory_id)
    if not len(edges):
        raise NotFoundError(
            "该辖区没有道路，无法计算步行距离。",
            "the territory has no streets",
            remedy="请先加载道路: onegrid load --kind streets。",
        )
    nodes = bulk.read_fixed(
        session,
        f"""SELECT node, ST_X(location) AS lon, ST_Y(location) AS lat FROM street_node
            WHERE territory_id = {int(territory_id)}""",  # noqa: S608  a number
        (("node", "i8"), ("lon", "f8"), ("lat", "f8")),
    )
    return StreetNetwork.from_arrays(nodes["lon"], nodes["lat"], edges)


def read_stations(session: Session, territory_id: int) -> gpd.GeoDataFrame:
    """Read the stations of a territory.

    Returns
    -------
    GeoDataFrame
        Columns ``id, code, name, kind, address, geometry`` in EPSG:4490, by code.
    """
    rows = session.execute(
        text(
            """SELECT id, code, name, kind, address, ST_AsBinary(location) AS geometry
               FROM station WHERE territory_id = :territory ORDER BY code"""
        ),
        {"territory": territory_id},
    )
    return bulk.geo_frame(rows)
