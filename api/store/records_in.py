"""Frames of subjects, stations, addresses and streets into their tables, by binary COPY."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely
from psycopg.types.json import Jsonb
from sqlalchemy import text

from api.store import bulk
from api.store.zonesets import column, documents
from geo.assignment import subject_points
from geo.crs import INTERNAL_CRS, quantise
from geo.network import StreetNetwork

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray
    from sqlalchemy.orm import Session

    from api.store.progress import Progress
    from geo.records import Kind

BAD_LOCATION = "bad_location"
"""Key in a subject's attributes that keeps an unusable location as it was given; ``location`` is NULL then."""

KEY_ROWS = 20_000
"""Addresses between two reports of progress."""


def copy_subjects(session: Session, territory_id: int, frame: gpd.GeoDataFrame, progress: Progress) -> int:
    """Store subjects; a building or estate keeps its footprint and gets a point on its surface as location."""
    geometries = frame.geometry.to_numpy()
    polygonal = np.isin(
        shapely.get_type_id(geometries), [shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON]
    )
    footprints = bulk.to_multi(np.where(polygonal, geometries, None))
    locations, bad = _locations(frame)
    attributes = documents(frame, "attributes", {})
    for row in np.flatnonzero(bad):
        given = geometries[row]
        attributes[row] = Jsonb(
            {**attributes[row].obj, BAD_LOCATION: shapely.to_wkt(given, rounding_precision=-1)}
        )
    progress(0.3, f"管理对象 {len(frame):,} 条")
    return bulk.copy_columns(
        session,
        "subject",
        {
            "code": frame["code"].astype(str),
            "kind": frame["kind"].astype(str),
            "name": column(frame, "name"),
            "address": column(frame, "address"),
            "people": (None if value is None else int(value) for value in column(frame, "people")),
            "location": bulk.to_ewkb(locations),
            "footprint": bulk.to_ewkb(footprints),
            "attributes": attributes,
        },
        territory_id=territory_id,
    )


def _locations(frame: gpd.GeoDataFrame) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Return a point per row (None where there is none that can be used), and which rows have an unusable one."""
    lon, lat = subject_points(frame)
    absent = np.isnan(lon) & np.isnan(lat)
    usable = (np.abs(lon) <= 180) & (np.abs(lat) <= 90)  # noqa: PLR2004  the globe's own limits
    points = np.full(len(frame), None, dtype=object)
    points[usable] = quantise(shapely.points(lon[usable], lat[usable]))
    return points, ~absent & ~usable


def copy_stations(session: Session, territory_id: int, frame: gpd.GeoDataFrame, progress: Progress) -> int:
    """Store stations."""
    del progress  # a territory has few
    return bulk.copy_columns(
        session,
        "station",
        {
            "code": frame["code"].astype(str),
            "name": frame["name"].astype(str),
            "kind": (kind or "point" for kind in column(frame, "kind")),
            "address": column(frame, "address"),
            "location": bulk.to_ewkb(frame.geometry.to_numpy()),
            "attributes": documents(frame, "attributes", {}),
        },
        territory_id=territory_id,
    )


def address_keys(texts: Sequence[str], progress: Progress) -> list[str]:
    """Return the form of each address that lookups compare; a text that comes again is parsed once."""
    from geo.addresses import parse  # noqa: PLC0415  its dictionaries take a while to read

    known: dict[str, str] = {}
    keys: list[str] = []
    for position, given in enumerate(texts):
        key = known.get(given)
        if key is None:
            key = known[given] = parse(given).key
        keys.append(key)
        if position % KEY_ROWS == 0:
            progress(0.8 * position / len(texts), f"规范地址 {position:,} 条")
    return keys


def addresses_of(subjects: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Return the addresses that subjects with a usable location have, as rows of kind ``addresses``."""
    locations, _ = _locations(subjects)
    known = ~shapely.is_missing(locations) & subjects["address"].notna().to_numpy()
    return gpd.GeoDataFrame(
        {"text": subjects["address"][known].to_numpy(), "subject": subjects["code"][known].to_numpy()},
        geometry=locations[known],
        crs=INTERNAL_CRS,
    )


def copy_addresses(session: Session, territory_id: int, frame: gpd.GeoDataFrame, progress: Progress) -> int:
    """Store addresses, each with the key that lookups compare and the subject that it names."""
    texts = [str(each) for each in frame["text"]]
    keys = address_keys(texts, progress)
    session.execute(
        text(
            """CREATE TEMP TABLE IF NOT EXISTS address_in
               (subject text, text text, normalised text, location geometry(Point, 4490), attributes jsonb)
               ON COMMIT DROP"""
        )
    )
    session.execute(text("TRUNCATE address_in"))
    count = bulk.copy_columns(
        session,
        "address_in",
        {
            "subject": (None if code is None else str(code) for code in column(frame, "subject")),
            "text": texts,
            "normalised": keys,
            "location": bulk.to_ewkb(frame.geometry.to_numpy()),
            "attributes": documents(frame, "attributes", {}),
        },
    )
    session.execute(text("ANALYZE address_in"))
    session.execute(
        text(
            """INSERT INTO address (territory_id, subject_id, text, normalised, location, attributes)
               SELECT :territory, s.id, a.text, a.normalised, a.location, a.attributes
               FROM address_in a LEFT JOIN subject s ON s.territory_id = :territory AND s.code = a.subject"""
        ),
        {"territory": territory_id},
    )
    return count


def copy_streets(session: Session, territory_id: int, frame: gpd.GeoDataFrame, progress: Progress) -> int:
    """Store streets as a network of nodes and edges, in place of the territory's former one."""
    network = StreetNetwork.from_lines(frame.set_crs(INTERNAL_CRS, allow_override=True))
    progress(0.5, f"路网 {len(network.edges):,} 段")
    clear(session, territory_id, "streets")
    nodes = np.asarray(shapely.points(network.nodes.lon, network.nodes.lat), dtype=object)
    bulk.copy_columns(
        session,
        "street_node",
        {"node": range(len(nodes)), "location": bulk.to_ewkb(nodes)},
        territory_id=territory_id,
    )
    edges = network.edges
    return bulk.copy_columns(
        session,
        "street_edge",
        {
            "from_node": edges["from_node"].astype(int),
            "to_node": edges["to_node"].astype(int),
            "length_m": edges["length_m"].astype(float),
            "kind": (kind or "unclassified" for kind in column(edges, "kind")),
            "name": column(edges, "name"),
            "walkable": edges["walkable"].astype(bool),
            "geom": bulk.to_ewkb(edges.geometry.to_numpy()),
        },
        territory_id=territory_id,
    )


def clear(session: Session, territory_id: int, kind: Kind) -> None:
    """Remove a territory's records of a kind (not zones: those belong to versions)."""
    tables = {
        "subjects": ("address", "subject"),
        "stations": ("station",),
        "addresses": ("address",),
        "streets": ("street_edge", "street_node"),
    }[kind]
    for table in tables:
        own = " AND subject_id IS NOT NULL" if (kind, table) == ("subjects", "address") else ""
        session.execute(
            text(f"DELETE FROM {table} WHERE territory_id = :territory{own}"),  # noqa: S608  names from above
            {"territory": territory_id},
        )


COPIES: dict[str, Callable[[Session, int, gpd.GeoDataFrame, Progress], int]] = {
    "subjects": copy_subjects,
    "stations": copy_stations,
    "addresses": copy_addresses,
    "streets": copy_streets,
}
"""How the records of each kind are stored."""
