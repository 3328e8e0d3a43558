"""The board of the tests with subjects anywhere and a corner moved; who is where then, and whether every sum agrees."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from sqlalchemy import text

from api.store import assignments, versions, zonesets
from geo.records import UNASSIGNED_REASONS

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from geo.records import Place

WEST, SOUTH, SIZE = 121.40, 31.06, 0.02


def stored(session: Session, version: str) -> pd.DataFrame:
    """Who is where, as readers see it: by subject's code and level."""
    rows = session.execute(
        text(
            """SELECT s.code AS subject, s.kind, l.code AS level, z.code AS zone, a.reason
               FROM version v CROSS JOIN level l CROSS JOIN LATERAL assigned(v.run_id, l.id) a
               JOIN subject s ON s.id = a.subject_id LEFT JOIN zone z ON z.id = a.zone_id
               WHERE v.code = :version ORDER BY 3, 1"""
        ),
        {"version": version},
    ).all()
    return pd.DataFrame([tuple(row) for row in rows], columns=["subject", "kind", "level", "zone", "reason"])


def assert_reconciled(session: Session, version: str) -> None:
    """Law 2: assigned + unassigned = total, at every level and for every kind, in every place that states it."""
    who = stored(session, version)
    total = session.scalar(text("SELECT count(*) FROM subject"))
    levels = who["level"].unique()
    assert len(who) == total * len(levels)
    assert not who.duplicated(["subject", "level"]).any()
    assert (who["zone"].isna() != who["reason"].isna()).all()
    lines = assignments.get_reconciliation(session, version)
    assert {line["level"] for line in lines} == set(levels)
    for line in lines:
        own = who[(who["level"] == line["level"]) & (who["kind"] == line["kind"])]
        assert line["total"] == len(own)
        assert line["assigned"] == own["zone"].notna().sum()
        assert line["assigned"] + sum(line[reason] for reason in UNASSIGNED_REASONS) == line["total"]
        for reason in UNASSIGNED_REASONS:
            assert line[reason] == (own["reason"] == reason).sum()
    counted = session.execute(
        text(
            """SELECT l.code AS level, z.code AS zone, c.kind, c.subjects FROM zone_count c
               JOIN version v ON v.run_id = c.run_id JOIN zone z ON z.id = c.zone_id JOIN level l ON l.id = z.level_id
               WHERE v.code = :version"""
        ),
        {"version": version},
    ).all()
    expected = who.dropna(subset=["zone"]).groupby(["level", "zone", "kind"]).size().to_dict()
    assert {(row.level, row.zone, row.kind): row.subjects for row in counted} == expected


def with_points(place: Place, where: list[shapely.Geometry | None]) -> Place:
    rows = place.subjects.iloc[: len(where)].copy()
    subjects = gpd.GeoDataFrame(rows.drop(columns="geometry"), geometry=where, crs="EPSG:4490")
    empty = place.addresses.iloc[:0]
    return type(place)(**{**vars(place), "subjects": subjects, "addresses": empty})


def move_corner(
    session: Session, version: versions.VersionInfo, corner: tuple[int, int], shift: tuple[int, int]
) -> None:
    """Move the corner that four grids share (communities keep their borders: the levels need not agree here)."""
    zones = zonesets.read_zones(session, version, "grid")
    rows = []
    for zone in zones.itertuples():
        grid_row, grid_column = int(zone.code[1:3]), int(zone.code[3:5])
        if grid_column not in {corner[0] - 1, corner[0]} or grid_row not in {corner[1] - 1, corner[1]}:
            continue
        rows.append({"id": zone.id, "geom": f"SRID=4490;{shapely.to_wkt(moved(zone, corner, shift), -1)}"})
    session.execute(text("UPDATE zone SET geom = :geom WHERE id = :id"), rows)


def moved(zone: Any, corner: tuple[int, int], shift: tuple[int, int]) -> shapely.Geometry:
    """Return a grid with its vertex nearest to the corner moved, by whole steps of 1e-8 degrees."""
    ring = shapely.get_coordinates(shapely.get_exterior_ring(shapely.get_parts(zone.geometry)[0]))
    steps = np.round(ring * 1e8).astype(np.int64)
    place = np.array(
        [
            round(round(WEST + corner[0] * SIZE / 4, 8) * 1e8),
            round(round(SOUTH + corner[1] * SIZE / 4, 8) * 1e8),
        ]
    )
    # The corner of this grid that is at, or was moved from, the corner of the board.
    row, column = int(zone.code[1:3]), int(zone.code[3:5])
    south_west = np.array(
        [round(round(WEST + column * SIZE / 4, 8) * 1e8), round(round(SOUTH + row * SIZE / 4, 8) * 1e8)]
    )
    which = 0 if (place == south_west).all() else int(np.argmin(np.abs(steps[:-1] - place).sum(axis=1)))
    steps[which] += shift
    steps[-1] = steps[0]
    return shapely.MultiPolygon([shapely.Polygon(np.round(steps / 1e8, 8))])
