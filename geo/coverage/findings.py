"""A fault as it is found, the limits that tell kinds apart, and the frame in which faults are handed over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.coverage.plane import at_least_wide, parts_of, widths
from geo.coverage.sentences import sentence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from geo.coverage.plane import Geometries
    from geo.coverage.zones import Zones


SEVERITIES: dict[str, str] = {
    "invalid": "error",
    "duplicate": "error",
    "contained": "error",
    "overlap": "error",
    "gap": "error",
    "sliver": "error",
    "inlet": "error",
    "uncovered": "error",
    "outside_parent": "error",
    "crossing_levels": "error",
    "stray": "warning",
    "near_miss": "warning",
    "cut_estate": "warning",
    "cut_building": "warning",
    "cut_barrier": "warning",
}
"""Every kind of fault, in the order of a report: an error breaks law 1, a warning asks for a look."""

KINDS: tuple[str, ...] = tuple(SEVERITIES)

COLUMNS = (
    "kind",
    "severity",
    "codes",
    "area_m2",
    "width_m",
    "subjects",
    "message",
    "message_en",
    "geometry",
)


@dataclass(frozen=True)
class Tolerances:
    """Widths, in metres, that tell kinds of faults apart.

    Parameters
    ----------
    tolerance_m
        Narrower places are no faults: rounding of coordinates.
    near_miss_m
        Narrower gaps and overlaps are near misses of one border drawn twice.
    sliver_width_m
        Narrower enclosed gaps are slivers.
    inlet_width_m
        Wider open-sided gaps are not inlets: uncovered land, or simply the shape of the territory.
    cut_m
        A piece of an estate or a building narrower than this is not cut off.
    barrier_m
        A piece of a zone narrower than this is not cut off by a barrier, which is drawn along its middle line.
    """

    tolerance_m: float = 0.002
    near_miss_m: float = 0.02
    sliver_width_m: float = 1.0
    inlet_width_m: float = 30.0
    cut_m: float = 1.0
    barrier_m: float = 10.0


BOUNDARY_NAMES = ("辖区边界", "the boundary")
"""Names of a fault along the territory's boundary."""


@dataclass(frozen=True)
class Finding:
    """One fault on the plane.

    Parameters
    ----------
    kind
        One of ``KINDS``.
    place
        Where, on the plane; areal unless the fault is a point or a line.
    rows
        Rows of the zones concerned, the most concerned first.
    names
        Other names that the sentence needs: parents, the boundary, an estate, a barrier, a reason.
    """

    kind: str
    place: shapely.Geometry
    rows: tuple[int, ...]
    names: tuple[str, ...] = field(default=())


def with_near_misses(findings: Sequence[Finding], limits: Tolerances) -> list[Finding]:
    """Replace gaps and overlaps that are narrower than a near miss by one finding per pair of neighbours.

    Along the territory's boundary it is one finding per zone; it then bears ``BOUNDARY_NAMES``.
    """
    kinds = ("overlap", "gap", "sliver", "inlet", "uncovered", "outside_parent")
    areal = [at for at, finding in enumerate(findings) if finding.kind in kinds]
    places = np.array([findings[at].place for at in areal], dtype=object)
    narrow = {
        at for at, wide in zip(areal, at_least_wide(places, limits.near_miss_m), strict=True) if not wide
    }
    kept = [finding for at, finding in enumerate(findings) if at not in narrow]
    wide = np.array([finding.place for finding in kept], dtype=object)
    tree = shapely.STRtree(wide)
    borders: dict[tuple[tuple[int, ...], tuple[str, ...]], list[shapely.Geometry]] = {}
    for at in sorted(narrow):
        # The thin end of a wider fault between the same zones is part of it, not a second one.
        beside = tree.query(findings[at].place, predicate="dwithin", distance=limits.near_miss_m)
        if any(set(findings[at].rows) <= set(kept[number].rows) for number in beside):
            continue
        key = tuple(sorted(findings[at].rows)), findings[at].names
        borders.setdefault(key, []).append(findings[at].place)
    for (rows, names), pieces in borders.items():
        parts, _ = parts_of(np.array(pieces, dtype=object))
        kept.append(Finding("near_miss", shapely.MultiPolygon(list(parts)), rows, names))
    return kept


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """Return findings in the order of a report: gravest kinds first, then by zones, then from south-west."""
    places = np.array([finding.place for finding in findings], dtype=object)
    corners = np.nan_to_num(shapely.bounds(places)) if len(findings) else np.empty((0, 4))

    def key(at: int) -> tuple[int, tuple[int, ...], float, float]:
        return KINDS.index(findings[at].kind), findings[at].rows, float(corners[at, 1]), float(corners[at, 0])

    return [findings[at] for at in sorted(range(len(findings)), key=key)]


def as_frame(
    findings: Sequence[Finding], zones: Zones, subjects: Geometries | None, noun: str
) -> gpd.GeoDataFrame:
    """Return findings, in their order, as the frame that ``geo.coverage.find_faults`` describes."""
    places = np.array([finding.place for finding in findings], dtype=object)
    area, width = _measured(places, zones)
    geometries = _valid(zones.plane.up(places)) if len(places) else places
    affected = _count(geometries, subjects)
    codes = [[zones.codes[row] for row in finding.rows] for finding in findings]
    sentences = [
        sentence(finding.kind, noun, named, finding.names, a, w, _length(finding.place))
        for finding, named, a, w in zip(findings, codes, area, width, strict=True)
    ]
    return gpd.GeoDataFrame(
        {
            "kind": pd.Series([finding.kind for finding in findings], dtype=object),
            "severity": pd.Series([SEVERITIES[finding.kind] for finding in findings], dtype=object),
            "codes": pd.Series(codes, dtype=object),
            "area_m2": area,
            "width_m": width,
            "subjects": affected,
            "message": pd.Series([chinese for chinese, _ in sentences], dtype=object),
            "message_en": pd.Series([english for _, english in sentences], dtype=object),
        },
        geometry=gpd.GeoSeries(list(geometries), crs=zones.frame.crs),
    )


def _length(place: shapely.Geometry) -> float:
    return float(shapely.length(place)) if shapely.get_dimensions(place) == 1 else 0.0


def _measured(places: Geometries, zones: Zones) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return area and greatest width of each place, in the metric reference of the zones."""
    area, width = np.zeros(len(places)), np.zeros(len(places))
    present = np.array([not place.is_empty for place in places], dtype=bool)
    if not present.any():
        return area, width
    factors = np.ones(len(places))
    factors[present] = zones.plane.corrections(places[present])
    parts, owner = parts_of(places)
    np.maximum.at(width, owner, widths(parts))
    area[:] = shapely.area(places)
    return area * factors, width * np.sqrt(factors)


def _valid(geometries: Geometries) -> Geometries:
    """Mend what the way back from the plane broke in the last digit."""
    broken = ~shapely.is_valid(geometries)
    if broken.any():
        geometries = geometries.copy()
        geometries[broken] = shapely.buffer(geometries[broken], 0)
    return geometries


def _count(geometries: Geometries, subjects: Geometries | None) -> pd.Series[Any]:
    """Return how many subjects lie in each place; missing when no subjects are known."""
    if subjects is None:
        return pd.Series([pd.NA] * len(geometries), dtype="Int64")
    if len(geometries) == 0:
        return pd.Series([], dtype="Int64")
    at, _ = shapely.STRtree(subjects).query(geometries, predicate="intersects")
    return pd.Series(np.bincount(at, minlength=len(geometries)), dtype="Int64")
