"""What a briefing page says of a version, gathered by whoever has the data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd


@dataclass(frozen=True)
class BriefingData:
    """What a briefing page says of a version. Frames are in lon/lat; no person is named in them.

    Parameters
    ----------
    version
        Version id, such as ``zhuanqiao-v1``.
    territory
        Name of the territory.
    synthetic
        Whether the page says 示意数据.
    source
        Origin and licence of the data.
    data_date
        Date of the data.
    notes
        What a reader of its numbers has to know.
    map_approval
        审图号, or 内部工作用图.
    valid_from, valid_to
        Dates (ISO) between which the version is in force; None while open.
    checked_at
        Date (ISO) of the last check; None when never checked.
    level, level_name
        The level whose zones are drawn and counted.
    partition
        Whether law 1 holds for the level; a department's own layer may overlap.
    zones
        Columns ``code, name, kind, parent, area_m2, household, business, institution, people, geometry``, and one
        column per wider level, named by its code, that holds the code of the ancestor.
    wider
        Code and name of each wider level, widest first.
    names
        Names of ancestors by ``(level, code)``.
    levels
        Columns ``layer, level, name, zones``.
    reconciliation
        Columns ``level, level_name, kind, total, assigned, outside, gap, no_location, bad_location``.
    coverage
        Columns ``minutes, households_reached, households_total``: of all stations together.
    stations
        Columns ``code, name, kind, address, geometry``, and ``reached_5, reached_10, reached_15`` in households.
    circles
        Columns ``minutes, geometry``: within reach of any station.
    faults
        Columns ``number, level_name, kind_name, severity, message, area_m2, subjects, geometry``.
    streets
        Columns ``kind, geometry``.
    walk_speed_mps
        Walking speed of the circles; None when there are none.
    """

    version: str
    territory: str
    synthetic: bool
    source: str
    data_date: str
    map_approval: str
    level: str
    level_name: str
    partition: bool
    zones: gpd.GeoDataFrame
    levels: pd.DataFrame
    reconciliation: pd.DataFrame
    coverage: pd.DataFrame
    stations: gpd.GeoDataFrame
    circles: gpd.GeoDataFrame
    faults: gpd.GeoDataFrame
    streets: gpd.GeoDataFrame
    wider: tuple[tuple[str, str], ...] = ()
    names: dict[tuple[str, str], str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    valid_from: str | None = None
    valid_to: str | None = None
    checked_at: str | None = None
    walk_speed_mps: float | None = None
