"""Which new zone continues which old one when a level is drawn anew, and the codes that new zones get.

A new zone *comes from* an old one when at least half of it was the old one's: it carries on kind and attributes. Of
those that come from it, the one with the largest share of the old one *continues* it: it keeps code, name and staff
too. All others get codes that were never used.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.codes import DB11, Segment, ZoneCodeFormat, number
from geo.crs import INTERNAL_CRS, to_metric

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from geo.plans.draft import Draft, PlanZone

MOSTLY = 0.5
"""A new zone comes from an old one that at least this part of its area was of."""

SHARE_DECIMALS = 4
"""Shares that agree to so many decimals are equal: the scale of a map varies within a town by less."""

LEAST_SHARE = 0.01
"""Ground under this part of both zones is noise of drawing: no lineage follows from it."""


def descent_of(
    before: Sequence[PlanZone], after: Sequence[PlanZone], lineage: pd.DataFrame | None
) -> pd.DataFrame:
    """Return who gave ground to whom, largest shares of the old zones first.

    Parameters
    ----------
    before, after
        Zones of a level, and those that take their place.
    lineage
        ``code, new, area_m2``; by default measured.

    Returns
    -------
    DataFrame
        ``code, new, area_m2``, the shares ``of_old`` and ``of_new`` of the two zones' areas, and ``counts``: whether it
        is more than noise of drawing.
    """
    table = _overlay(before, after) if lineage is None else lineage[["code", "new", "area_m2"]].dropna()
    known = table["code"].isin([zone.code for zone in before]) & table["new"].isin(
        [zone.code for zone in after]
    )
    table = table[known & (table["area_m2"] > 0)]
    whole = table.groupby("code")["area_m2"].transform("sum")
    fresh = dict(zip((zone.code for zone in after), _areas_m2(after), strict=True))
    # Rounded, so that halves are halves, wherever they lie, and the smaller code comes first.
    table = table.assign(
        of_old=(table["area_m2"] / whole).round(SHARE_DECIMALS),
        of_new=(table["area_m2"] / table["new"].map(fresh)).round(SHARE_DECIMALS),
    )
    table["counts"] = (table["of_old"] > LEAST_SHARE) | (table["of_new"] > LEAST_SHARE)
    return table.sort_values(["of_old", "code", "new"], ascending=[False, True, True], ignore_index=True)


def _overlay(before: Sequence[PlanZone], after: Sequence[PlanZone]) -> pd.DataFrame:
    old, new = shapes_of(before), shapes_of(after)
    rows, others = shapely.STRtree(new).query(old, predicate="intersects")
    shared = gpd.GeoSeries(shapely.intersection(old[rows], new[others]), crs=INTERNAL_CRS)
    return pd.DataFrame(
        {
            "code": [before[row].code for row in rows],
            "new": [after[row].code for row in others],
            "area_m2": to_metric(shared).area.to_numpy() if len(shared) else np.empty(0),
        }
    )


def carried_on(
    draft: Draft, level: str, proposed: Sequence[PlanZone], descent: pd.DataFrame, used: frozenset[str]
) -> list[PlanZone]:
    """Return the proposed zones with their final codes, and with what they carry on of old ones.

    Parameters
    ----------
    draft, level
        The old zones.
    proposed
        The new ones, with the codes of the proposal.
    descent
        As `descent_of`.
    used
        Codes not to be given out, besides those of the draft.
    """
    from_one = descent[descent["of_new"] >= MOSTLY].drop_duplicates("new")
    origin = from_one.set_index("new")["code"]
    largest = from_one.drop_duplicates("code").set_index("code")["new"]
    carried: list[PlanZone] = []
    blank: list[int] = []
    for row, zone in enumerate(proposed):
        if zone.code not in origin.index:
            carried.append(zone)
            blank.append(row)
            continue
        old = draft.zone(level, str(origin[zone.code]))
        kind = "dedicated" if zone.kind == "dedicated" else old.kind
        heir = replace(zone, kind=kind, attributes={**old.attributes, **zone.attributes})
        if largest[old.code] == zone.code:
            same = shapely.equals_identical(shapely.normalize(zone.geometry), shapely.normalize(old.geometry))
            shape = old.geometry if same else zone.geometry
            unmoved = same and heir.parent == old.parent and heir.kind == old.kind
            heir = (
                old
                if unmoved
                else replace(heir, code=old.code, name=old.name, staff=old.staff, geometry=shape)
            )
        else:
            blank.append(row)
        carried.append(heir)
    taken = used | {zone.code for zone in draft.at(level)}
    for row, code in zip(
        blank, _new_codes(draft, level, [carried[row] for row in blank], taken), strict=True
    ):
        carried[row] = replace(carried[row], code=code)
    return carried


def _new_codes(draft: Draft, level: str, zones: Sequence[PlanZone], taken: frozenset[str]) -> list[str]:
    """Return codes like those of the level: parent's code and a sequence where they are so, else the proposal's own."""
    form = _code_format(draft.at(level), zones)
    if form is not None and zones:
        frame = gpd.GeoDataFrame(
            {"parent": [zone.parent for zone in zones]}, geometry=list(shapes_of(zones)), crs=INTERNAL_CRS
        )
        frame["code"] = [zone.code for zone in zones]
        # A proposal that numbered its zones in the level's own way keeps its numbers.
        own = [zone.code not in taken and _is_of(form, zone) for zone in zones]
        others = [not each for each in own]
        standing = taken | set(frame["code"][own])
        frame.loc[others, "code"] = number(frame[others], code_format=form, taken=standing)
        return [str(code) for code in frame["code"]]
    given = set(taken)
    codes = []
    for zone in zones:
        code = zone.code
        if code in given:
            code = next(f"{code}-{again}" for again in count(2) if f"{code}-{again}" not in given)
        given.add(code)
        codes.append(code)
    return codes


def _is_of(form: ZoneCodeFormat, zone: PlanZone) -> bool:
    sequence = zone.code.removeprefix(zone.parent or "")
    return len(zone.code) == form.length and len(sequence) == form.sequence_length and sequence.isdecimal()


def _code_format(before: Sequence[PlanZone], after: Sequence[PlanZone]) -> ZoneCodeFormat | None:
    """Return how codes of the level are made up of the parent's code and a sequence, None where they are not."""
    prefixes = {len(zone.parent) if zone.parent else 0 for zone in (*before, *after)}
    rests = {
        zone.code.removeprefix(zone.parent or "") if zone.code.startswith(zone.parent or "") else ""
        for zone in before
    }
    if len(prefixes) != 1 or prefixes == {0}:
        return None
    (prefix,) = prefixes
    if not before:
        return DB11 if prefix == DB11.length - DB11.sequence_length else None
    lengths = {len(rest) for rest in rests}
    if len(lengths) != 1 or not all(rest.isdecimal() for rest in rests):
        return None
    return ZoneCodeFormat(
        "本层级现有编码", (Segment("community", prefix), Segment("sequence", lengths.pop()))
    )


def shapes_of(zones: Sequence[PlanZone]) -> NDArray[np.object_]:
    """Return the geometries of zones, (n,)."""
    return np.array([zone.geometry for zone in zones], dtype=object)


def _areas_m2(zones: Sequence[PlanZone]) -> NDArray[np.float64]:
    measured = to_metric(gpd.GeoSeries(shapes_of(zones), crs=INTERNAL_CRS)).area.to_numpy()
    return np.asarray(measured, dtype=np.float64)
