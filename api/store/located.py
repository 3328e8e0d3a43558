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
    from sqlalchemy.orm import Session


def read_located(session: Session, territory_id: int) -> gpd.GeoDataFrame:
    """Read the subjects of a territory that have a usable location, by row.

    Returns
    -------
    GeoDataFrame
        Columns ``kind``, ``people`` (Int64, missing where unknown), ``geometry`` (points, EPSG:4490).
    """
    subjects = read_subjects(session, territory_id)
    placed = subjects.placed
    people = pd.arrays.IntegerArray(subjects.people[placed].astype(np.int64), subjects.people_unknown[placed])
    points = shapely.points(subjects.lon[placed], subjects.lat[placed])
    columns = {"kind": subjects.kind_names[placed], "people": people}
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
