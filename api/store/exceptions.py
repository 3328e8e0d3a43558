"""豁免: gaps registered as legitimate (river, lake, land of another office), which no check reports again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import shapely
from sqlalchemy import func, select, text

from api.store import audit, bulk, models
from api.store.errors import StoreError
from api.store.territories import find_territory
from geo.crs import INTERNAL_CRS, to_internal

if TYPE_CHECKING:
    from datetime import datetime

    from shapely import MultiPolygon, Polygon
    from sqlalchemy.orm import Session


@dataclass(frozen=True)
class GapExceptionInfo:
    """A registered exception: ``area`` is its polygon, in EPSG:4490."""

    id: int
    name: str
    reason: str
    registered_at: datetime
    area: MultiPolygon


def register_exception(
    session: Session,
    territory: str,
    name: str,
    reason: str,
    area: Polygon | MultiPolygon,
    *,
    declared: str = "EPSG:4490",
    account: str | None = None,
    actor: audit.Actor | None = None,
) -> GapExceptionInfo:
    """Register a gap as legitimate: it is no fault of any version of the territory from the next check on.

    Parameters
    ----------
    session
        Its transaction holds it.
    territory
        Code of the territory.
    name
        Of the place, such as a river's.
    reason
        Why no zone covers it.
    area
        Where.
    declared
        Reference of its coordinates.
    account
        Name of the account that registers it; None for the command line.
    actor
        Who acts, for the audit trail.

    Raises
    ------
    StoreError
        The area is not a valid polygon, or name or reason is empty.
    """
    found = find_territory(session, territory)
    if not name.strip() or not reason.strip():
        raise StoreError(
            "豁免需要名称和原因。", "an exception needs a name and a reason", remedy="请填写后再登记。"
        )
    frame = to_internal(gpd.GeoDataFrame(geometry=[area]), declared=declared)
    inside = frame.geometry.iloc[0]
    if (
        inside is None
        or inside.is_empty
        or not inside.is_valid
        or inside.geom_type not in {"Polygon", "MultiPolygon"}
    ):
        why = "no geometry" if inside is None else shapely.is_valid_reason(inside)
        raise StoreError("豁免的范围不是有效的面。", f"not a valid polygon: {why}", remedy="请重新绘制范围。")
    row = models.GapException(
        territory_id=found.id,
        name=name.strip(),
        reason=reason.strip(),
        geom=f"SRID={models.SRID};{shapely.to_wkt(bulk.to_multi([inside])[0], rounding_precision=-1)}",
        registered_by=session.scalar(select(models.Account.id).where(models.Account.name == account)),
    )
    session.add(row)
    session.flush()
    # What was checked before it does not count for publishing any more.
    session.execute(
        text("UPDATE version SET checked_at = NULL WHERE territory_id = :id AND status = 'draft'"),
        {"id": found.id},
    )
    audit.record(
        session, actor or audit.Actor(), "exception.register", territory, name=name.strip(), id=row.id
    )
    return next(each for each in _read(session, found.id) if each.id == row.id)


def list_exceptions(session: Session, territory: str) -> list[GapExceptionInfo]:
    """List the exceptions of a territory in the order of their registration."""
    return _read(session, find_territory(session, territory).id)


def exception_areas(session: Session, territory_id: int) -> gpd.GeoDataFrame:
    """Return the ground of a territory's exceptions, in the order of their registration, EPSG:4490."""
    areas = [each.area for each in _read(session, territory_id)]
    return gpd.GeoDataFrame(geometry=areas, crs=INTERNAL_CRS)


def _read(session: Session, territory_id: int) -> list[GapExceptionInfo]:
    rows = session.execute(
        select(
            models.GapException.id,
            models.GapException.name,
            models.GapException.reason,
            models.GapException.registered_at,
            func.ST_AsBinary(models.GapException.geom).label("area"),
        )
        .where(models.GapException.territory_id == territory_id)
        .order_by(models.GapException.id)
    )
    found: list[GapExceptionInfo] = []
    for row in rows:
        area: Any = shapely.from_wkb(bytes(row.area))
        found.append(GapExceptionInfo(row.id, row.name, row.reason, row.registered_at, area))
    return found
