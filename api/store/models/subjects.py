"""What lives and stands in a territory: subjects, addresses, stations with their circles, streets."""

from typing import Any

from geoalchemy2 import WKBElement
from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, SmallInteger, UniqueConstraint
from sqlalchemy import text as expression
from sqlalchemy.orm import Mapped, mapped_column

from api.store.models.base import CODE_FORMAT, Base, geometry, identity, on_globe, one_of, valid


class Subject(Base):
    """管理对象: what is assigned to a zone."""

    __tablename__ = "subject"
    id: Mapped[int] = identity()
    territory_id: Mapped[int] = mapped_column(ForeignKey("territory.id", ondelete="CASCADE"))
    code: Mapped[str]
    kind: Mapped[str]
    name: Mapped[str | None]
    address: Mapped[str | None]
    people: Mapped[int | None] = mapped_column(comment="NULL is unknown (未知), never zero")
    location: Mapped[WKBElement | None] = geometry("POINT", nullable=True)
    footprint: Mapped[WKBElement | None] = geometry("MULTIPOLYGON", nullable=True)
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=expression("'{}'"))
    __table_args__ = (
        UniqueConstraint("territory_id", "code"),
        one_of("kind", "household", "business", "institution", "building", "estate", "facility"),
        CheckConstraint("people IS NULL OR people >= 0", name="people_counted"),
        valid("footprint"),
        on_globe("location"),
        Index("ix_subject_location", "location", postgresql_using="gist"),
        Index("ix_subject_footprint", "footprint", postgresql_using="gist"),
    )


class SubjectBlock(Base):
    """A copy of subjects in columns, read instead of them while it has no mark. See `api.store.subject_blocks`."""

    __tablename__ = "subject_block"
    id: Mapped[int] = identity()
    territory_id: Mapped[int] = mapped_column(ForeignKey("territory.id", ondelete="CASCADE"))
    position: Mapped[int] = mapped_column(comment="number of its subjects >> 13")
    subjects: Mapped[int] = mapped_column(Integer, comment="how many")
    packed: Mapped[bytes] = mapped_column(comment="their numbers, longitudes, latitudes, people and kinds")
    __table_args__ = (UniqueConstraint("territory_id", "position"),)


class SubjectMark(Base):
    """A block of subjects of which something was written since it was copied. Triggers of ``subject`` leave it."""

    __tablename__ = "subject_mark"
    id: Mapped[int] = identity()
    territory_id: Mapped[int] = mapped_column(ForeignKey("territory.id", ondelete="CASCADE"), index=True)
    position: Mapped[int]


class Address(Base):
    """A known address and where it is."""

    __tablename__ = "address"
    id: Mapped[int] = identity()
    territory_id: Mapped[int] = mapped_column(ForeignKey("territory.id", ondelete="CASCADE"))
    subject_id: Mapped[int | None] = mapped_column(ForeignKey("subject.id", ondelete="SET NULL"))
    text: Mapped[str]
    normalised: Mapped[str] = mapped_column(
        comment="the form that lookups compare: geo.addresses.parse(text).key"
    )
    location: Mapped[WKBElement] = geometry("POINT")
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=expression("'{}'"))
    __table_args__ = (
        on_globe("location"),
        Index("ix_address_key", "territory_id", "normalised"),
        Index(
            "ix_address_trgm",
            "normalised",
            postgresql_using="gin",
            postgresql_ops={"normalised": "gin_trgm_ops"},
        ),
        Index("ix_address_location", "location", postgresql_using="gist"),
        Index("ix_address_subject", "subject_id"),
    )


class Station(Base):
    """服务站: the origin of a service circle."""

    __tablename__ = "station"
    id: Mapped[int] = identity()
    territory_id: Mapped[int] = mapped_column(ForeignKey("territory.id", ondelete="CASCADE"))
    code: Mapped[str]
    name: Mapped[str]
    kind: Mapped[str]
    address: Mapped[str | None]
    location: Mapped[WKBElement] = geometry("POINT")
    attributes: Mapped[dict[str, Any]] = mapped_column(server_default=expression("'{}'"))
    __table_args__ = (
        UniqueConstraint("territory_id", "code"),
        CheckConstraint(CODE_FORMAT, name="code_format"),
        one_of("kind", "center", "zone", "point"),
        on_globe("location"),
        Index("ix_station_location", "location", postgresql_using="gist"),
    )


class Circle(Base):
    """十五分钟服务圈: what is within so many minutes' walk of a station (or of any: ``station_id`` NULL)."""

    __tablename__ = "circle"
    id: Mapped[int] = identity()
    version_id: Mapped[int] = mapped_column(ForeignKey("version.id", ondelete="CASCADE"), index=True)
    station_id: Mapped[int | None] = mapped_column(ForeignKey("station.id", ondelete="CASCADE"))
    minutes: Mapped[int] = mapped_column(SmallInteger)
    walk_speed_mps: Mapped[float]
    reached: Mapped[dict[str, Any]] = mapped_column(comment="subjects reached by kind, and people")
    geom: Mapped[WKBElement] = geometry("MULTIPOLYGON")
    __table_args__ = (
        UniqueConstraint("version_id", "station_id", "minutes", postgresql_nulls_not_distinct=True),
        CheckConstraint("minutes > 0", name="minutes_positive"),
        Index("ix_circle_geom", "geom", postgresql_using="gist"),
    )


class StreetNode(Base):
    """Where streets meet or end."""

    __tablename__ = "street_node"
    territory_id: Mapped[int] = mapped_column(
        ForeignKey("territory.id", ondelete="CASCADE"), primary_key=True
    )
    node: Mapped[int] = mapped_column(primary_key=True)
    location: Mapped[WKBElement] = geometry("POINT")
    __table_args__ = (Index("ix_street_node_location", "location", postgresql_using="gist"),)


class StreetEdge(Base):
    """One street between two nodes."""

    __tablename__ = "street_edge"
    id: Mapped[int] = identity()
    territory_id: Mapped[int] = mapped_column(ForeignKey("territory.id", ondelete="CASCADE"), index=True)
    from_node: Mapped[int]
    to_node: Mapped[int]
    length_m: Mapped[float]
    kind: Mapped[str]
    name: Mapped[str | None]
    walkable: Mapped[bool]
    geom: Mapped[WKBElement] = geometry("LINESTRING")
    __table_args__ = (
        CheckConstraint("length_m >= 0", name="length_measured"),
        Index("ix_street_edge_geom", "geom", postgresql_using="gist"),
    )
