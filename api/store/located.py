"""What lives and stands in a territory, as frames for the kernel: subjects as points, footprints as polygons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from sqlalchemy import text

from api.store import bulk
from api.store.subject_blocks import read_subjects
from geo.crs import INTERNAL_CRS
from geo.plans.ground import CUT

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from sqlalchemy.orm import Session

    from api.store.subject_blocks import Subjects


def read_located(session: Session, territory_id: int) -> gpd.GeoDataFrame:
    """Read the subjects of a territory that have a usable location, by row.

    Returns
    -------
    GeoDataFrame
        Columns ``kind``, ``people`` (Int64, missing where unknown), ``geometry`` (points, EPSG:4490).
    """
    subjects = read_subjects(session, territory_id)
    return _by_row(subjects, subjects.placed)


def read_everyone(session: Session, territory_id: int) -> gpd.GeoDataFrame:
    """Read all subjects of a territory, by row.

    Returns
    -------
    GeoDataFrame
        As of `read_located`; ``geometry`` is None without a location and infinitely far with an unusable one.
    """
    subjects = read_subjects(session, territory_id)
    return _by_row(subjects, np.ones(len(subjects), dtype=bool))


def _by_row(subjects: Subjects, chosen: NDArray[np.bool_]) -> gpd.GeoDataFrame:
    people = pd.arrays.IntegerArray(subjects.people[chosen].astype(np.int64), subjects.people_unknown[chosen])
    lon, lat = subjects.lon[chosen], subjects.lat[chosen]
    points = np.asarray(shapely.points(lon, lat), dtype=object)
    points[np.isnan(lon)] = None
    columns = {"kind": subjects.kind_names[chosen], "people": people}
    return gpd.GeoDataFrame(columns, geometry=points, crs=INTERNAL_CRS)


def read_footprints(session: Session, territory_id: int) -> gpd.GeoDataFrame:
    """Read the footprints of estates and buildings, in stored order.

    Returns
    -------
    GeoDataFrame
        Columns ``code, kind, name, geometry`` (polygons, EPSG:4490).
    """
    rows = session.execute(
        text(
            """SELECT code, kind, name, ST_AsBinary(footprint) AS geometry FROM subject
               WHERE territory_id = :territory AND footprint IS NOT NULL AND kind = ANY(:kinds) ORDER BY id"""
        ),
        {"territory": territory_id, "kinds": list(CUT)},
    )
    return bulk.geo_frame(rows)
