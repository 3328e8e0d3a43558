"""Many rows in and out of PostgreSQL by binary COPY, within the transaction of a session.

COPY avoids a statement per row; binary avoids writing numbers as text and reading them back, which would also lose
their last bits.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import psycopg
import shapely
from psycopg import sql
from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray
    from sqlalchemy import Result
    from sqlalchemy.orm import Session

from api.store.models import SRID
from geo.crs import INTERNAL_CRS

GEOMETRY = "bytea"
"""A geometry travels as EWKB, which is what bytea sends too."""

INT4_ARRAY = "bytea"
"""An array of whole numbers travels as `encode_int4_array` makes it."""

_INT4_OID = 23

PACKED_SPAN = 4_000_000
"""Numbers of the first field that go into one message when reading: some 120 MB."""

_SENDERS = {"i2": "int2send", "i4": "int4send", "i8": "int8send", "f8": "float8send"}

Field = tuple[str, str]
"""Name and numpy type (``i2``, ``i4``, ``i8``, ``f8``) of a fixed-width column."""


def raw_connection(session: Session) -> psycopg.Connection[Any]:
    """Return the session's own psycopg connection: what is done on it is in the session's transaction."""
    connection = session.connection().connection.driver_connection
    assert isinstance(connection, psycopg.Connection)  # noqa: S101  engines are made for psycopg only
    return connection


def copy_rows(
    session: Session, table: str, columns: Mapping[str, str], rows: Iterable[Sequence[object]]
) -> int:
    """Write rows of any width.

    Parameters
    ----------
    session
        Its transaction holds the rows.
    table
        Where to.
    columns
        Names, and the PostgreSQL types in which the values travel (`GEOMETRY` for EWKB).
    rows
        Values in the order of ``columns``; None is NULL.

    Returns
    -------
    int
        How many rows.
    """
    names = sql.SQL(", ").join(sql.Identifier(name) for name in columns)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(sql.Identifier(table), names)
    count = 0
    with raw_connection(session).cursor() as cursor, cursor.copy(statement) as copy:
        copy.set_types(list(columns.values()))
        for row in rows:
            copy.write_row(row)
            count += 1
    return count


def copy_columns(
    session: Session, table: str, columns: Mapping[str, Iterable[object]], **same: object
) -> int:
    """Write rows that are at hand column by column.

    Parameters
    ----------
    session
        Its transaction holds the rows.
    table
        Where to; its columns say in which types the values travel.
    columns
        Name → value of each row; None is NULL, a geometry is EWKB.
    same
        Name → the value that all rows have.

    Returns
    -------
    int
        How many rows.
    """
    types = _types_of(session, table)
    rows = ((*same.values(), *row) for row in zip(*columns.values(), strict=True))
    return copy_rows(session, table, {name: types[name] for name in (*same, *columns)}, rows)


def _types_of(session: Session, table: str) -> dict[str, str]:
    found = session.execute(
        text(
            """SELECT a.attname AS name,
                      CASE t.typname WHEN 'geometry' THEN :geometry ELSE format_type(t.oid, NULL) END AS kind
               FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
               WHERE a.attrelid = CAST(:table AS regclass) AND a.attnum > 0"""
        ),
        {"table": table, "geometry": GEOMETRY},
    )
    return {column.name: column.kind for column in found}


def encode_int4_array(values: NDArray[np.int32]) -> bytes:
    """Return a one-dimensional ``int4[]`` without NULLs as PostgreSQL receives it (array_recv in its arrayfuncs.c)."""
    elements = np.empty(len(values), dtype=_ELEMENT)
    elements["size"], elements["value"] = 4, values
    return np.array([1, 0, _INT4_OID, len(values), 1], dtype=">i4").tobytes() + elements.tobytes()


def decode_int4_array(sent: bytes) -> NDArray[np.int32]:
    """Return what ``array_send`` made of a one-dimensional ``int4[]`` without NULLs."""
    head = 4 * 5  # dimensions, whether there are NULLs, type, length, lower bound
    return np.frombuffer(sent, dtype=_ELEMENT, offset=head)["value"].astype(np.int32)


_ELEMENT = np.dtype([("size", ">i4"), ("value", ">i4")])


def read_fixed(session: Session, query: str, fields: Sequence[Field]) -> NDArray[Any]:
    """Read rows of numbers without NULLs into one structured array, ordered by the first field.

    The server packs each column into a few long byte strings: receiving a million rows one by one would take ten times
    longer than reading them.

    Parameters
    ----------
    session
        Where to read.
    query
        A SELECT whose columns are named and typed as ``fields``; the first is a whole number. It holds no foreign text.
    fields
        Names and types; the array has these fields.
    """
    packed = ", ".join(f"string_agg({_SENDERS[kind]}({name}), '')" for name, kind in fields)
    key = fields[0][0]
    parts: list[tuple[bytes | None, ...]] = []
    with raw_connection(session).cursor(binary=True) as cursor:
        ends = cursor.execute(f"SELECT min({key}), max({key}) FROM ({query}) AS q".encode()).fetchone()  # noqa: S608
        if ends is not None and ends[0] is not None:
            for first in range(ends[0], ends[1] + 1, PACKED_SPAN):
                statement = f"""SELECT {packed} FROM ({query}) AS q
                                WHERE {key} >= {first} AND {key} < {first + PACKED_SPAN}"""  # noqa: S608
                parts += cursor.execute(statement.encode()).fetchall()
    columns = [
        np.frombuffer(b"".join(part[place] or b"" for part in parts), dtype=f">{kind}")
        for place, (_, kind) in enumerate(fields)
    ]
    keys = columns[0].astype(np.int64)
    ordered = bool((keys[1:] >= keys[:-1]).all())
    order = slice(None) if ordered else np.argsort(keys, kind="stable")
    result = np.empty(len(keys), dtype=list(fields))
    for (name, _), column in zip(fields, columns, strict=True):
        result[name] = column[order]
    return result


def read_shapes(session: Session, query: str, values: Mapping[str, object]) -> gpd.GeoDataFrame:
    """Return rows of a query as a frame in EPSG:4490; its column ``geometry`` is WKB and travels as it is.

    Parameters
    ----------
    session
        Where to read.
    query
        In psycopg's words; it holds no foreign text.
    values
        What ``%(name)s`` stand for.
    """
    with raw_connection(session).cursor(binary=True) as cursor:
        rows = cursor.execute(query.encode(), values).fetchall()
        names = [column.name for column in cursor.description or ()]
    columns = dict(zip(names, zip(*rows, strict=True) if rows else ([] for _ in names), strict=True))
    geometry = shapely.from_wkb(np.array(columns.pop("geometry"), dtype=object))
    return gpd.GeoDataFrame(columns, geometry=geometry, crs=INTERNAL_CRS)


def geo_frame(result: Result[Any]) -> gpd.GeoDataFrame:
    """Return rows of a query as a frame in EPSG:4490; its column ``geometry`` is WKB. NULL in a text column is None."""
    names = list(result.keys())
    frame = pd.DataFrame([tuple(row) for row in result], columns=names)
    for name in frame.columns:
        if isinstance(frame[name].dtype, pd.StringDtype):
            frame[name] = frame[name].astype(object).where(frame[name].notna(), None)
    geometry = shapely.from_wkb([None if item is None else bytes(item) for item in frame.pop("geometry")])
    return gpd.GeoDataFrame(frame, geometry=geometry, crs=INTERNAL_CRS)


def to_ewkb(geometries: Any) -> list[bytes | None]:  # noqa: ANN401  an array or list of geometries
    """Return geometries as EWKB with the store's SRID; None stays None."""
    encoded = shapely.to_wkb(shapely.set_srid(np.asarray(geometries, dtype=object), SRID), include_srid=True)
    return [None if item is None else bytes(item) for item in encoded]


def to_multi(geometries: Any) -> NDArray[Any]:  # noqa: ANN401  an array or list of geometries
    """Return polygons and multipolygons as multipolygons; missing and empty ones as None.

    Raises
    ------
    ValueError
        Anything else is among them.
    """
    given = np.asarray(geometries, dtype=object)
    kinds = shapely.get_type_id(given)
    result = np.full(len(given), None, dtype=object)
    missing = shapely.is_missing(given) | shapely.is_empty(given)
    multi = ~missing & (kinds == shapely.GeometryType.MULTIPOLYGON)
    single = np.flatnonzero(~missing & (kinds == shapely.GeometryType.POLYGON))
    if int(multi.sum()) + len(single) + int(missing.sum()) != len(given):
        raise ValueError("only polygons and multipolygons are areas")
    result[multi] = given[multi]
    if len(single):
        result[single] = shapely.multipolygons(given[single], indices=np.arange(len(single)))
    return result


def area_of(geometry: shapely.Geometry) -> shapely.MultiPolygon:
    """Return the polygons of a geometry as one multipolygon."""
    parts = [
        part
        for part in shapely.get_parts(geometry)
        if isinstance(part, shapely.Polygon) and not part.is_empty
    ]
    return shapely.MultiPolygon(parts)


@contextmanager
def indexes_postponed(session: Session, *tables: str) -> Iterator[None]:
    """Drop the indexes of tables that no constraint needs, and make them again at the end.

    For loads that are larger than what the tables hold: an index over a million rows is made in a fraction of the time
    that a million insertions into it take. The tables are locked until the transaction ends.
    """
    found = session.execute(
        text(
            """SELECT i.indexrelid::regclass::text AS name, pg_get_indexdef(i.indexrelid) AS definition
               FROM pg_index i WHERE i.indrelid = ANY(CAST(:tables AS regclass[]))
                   AND NOT EXISTS (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid)
               ORDER BY 1"""
        ),
        {"tables": list(tables)},
    ).all()
    for index in found:
        session.execute(text(f"DROP INDEX {index.name}"))
    yield
    for index in found:
        session.execute(text(index.definition))
