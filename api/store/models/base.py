"""What all tables share: the base class, names of constraints, and columns and checks that many have."""

from datetime import datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import ARRAY, BigInteger, CheckConstraint, Identity, MetaData, Text, func
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SRID = 4490

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}

CODE_FORMAT = "code ~ '^[0-9A-Za-z_.-]{1,40}$'"
ZONE_CODE_FORMAT = "code ~ '^[0-9A-Za-z_.一-鿿-]{1,40}$'"
"""Departments' own layers have Chinese codes too; which levels may is `geo.files`' rule."""


class Base(DeclarativeBase):
    """Base of every table."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012  SQLAlchemy's own way
        str: Text,
        int: BigInteger,
        datetime: TIMESTAMP(timezone=True),
        dict[str, Any]: JSONB,
        list[dict[str, Any]]: JSONB,
        list[str]: ARRAY(Text),
    }


def geometry(kind: str, *, nullable: bool = False) -> Mapped[Any]:
    """Return a column of shapes of one kind; its index is stated with the table."""
    return mapped_column(Geometry(kind, srid=SRID, spatial_index=False), nullable=nullable)


def identity() -> Mapped[int]:
    """Return the column of a row's number, which the database gives."""
    return mapped_column(BigInteger, Identity(always=True), primary_key=True)


def now() -> Mapped[datetime]:
    """Return a column that says when the row was written."""
    return mapped_column(server_default=func.now())


def valid(column: str) -> CheckConstraint:
    """Require that a shape is missing, or valid and not empty."""
    return CheckConstraint(
        f"{column} IS NULL OR (ST_IsValid({column}) AND NOT ST_IsEmpty({column}))", name=f"{column}_valid"
    )


def on_globe(column: str) -> CheckConstraint:
    """Require that a point is missing, or at a longitude and latitude that exist."""
    return CheckConstraint(
        f"{column} IS NULL OR (NOT ST_IsEmpty({column}) AND ST_X({column}) BETWEEN -180 AND 180"
        f" AND ST_Y({column}) BETWEEN -90 AND 90)",
        name=f"{column}_on_globe",
    )


def one_of(column: str, *values: str) -> CheckConstraint:
    """Require that a word is one of those that the program knows."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")
