"""Who shall have the land of a fault: strategies, in the order in which they are tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import pandas as pd
import shapely

from geo.coverage.guards import Refusal
from geo.coverage.zones import same_reference
from geo.errors import ZonesError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import geopandas as gpd

    from geo.coverage.findings import Finding
    from geo.coverage.plane import Floats, Geometries, Ints
    from geo.coverage.redraw import Beside, Decision
    from geo.coverage.zones import Zones

Strategy = Literal[
    "longest_border", "most_households", "fewest_households", "priority", "exception", "refuse"
]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

EMPTY_KINDS = ("gap", "sliver", "inlet", "uncovered")
DEFAULTS: dict[str, Strategy] = {
    "contained": "priority",
    "overlap": "longest_border",
    "gap": "longest_border",
    "sliver": "longest_border",
    "inlet": "longest_border",
    "uncovered": "longest_border",
    "outside_parent": "longest_border",
    "near_miss": "longest_border",
    "stray": "refuse",
    "invalid": "longest_border",
}
"""What is done about each kind of fault unless the planner says otherwise; other kinds need a planner."""

UNDECIDED: dict[str, Refusal] = {
    "duplicate": Refusal(
        "两个网格是同一块地或同一个编码，要由人决定保留哪一个",
        "which of two zones to keep is for people to decide",
    ),
    "stray": Refusal(
        "分离的一块可能是飞地，要由人决定归谁", "a detached piece may be an exclave: people decide"
    ),
    "crossing_levels": Refusal(
        "跨上级的部分归哪一方要由人决定", "which parent the land belongs to is for people to decide"
    ),
}
ON_REQUEST = Refusal("按要求不处理", "left as it is, as requested")
NOBODY = Refusal("旁边没有可以接收的网格", "no zone beside it can take it")
NO_EFFECT = Refusal("比坐标的精度还细，改不动", "finer than the grid of coordinates: it cannot be redrawn")
TOO_WIDE = Refusal(
    "缺口太宽，可能是真实的空地（河、湖、他人土地）：请登记豁免或指定归属",
    "the gap is so wide that it may be real (a river, a lake, land of others): register an exception or name a zone",
)


_ALONG = 0.9
"""Share of the longest contact from which on a zone lies along the whole of a place."""


class Census:
    """Households and people, by place."""

    def __init__(self, subjects: gpd.GeoDataFrame | None, zones: Zones) -> None:
        """Take subjects in; without a column ``kind`` each is a household, without ``people`` nobody is counted."""
        self.known = subjects is not None
        self._zones = zones
        self._points: Geometries = np.empty(0, dtype=object)
        self._people = np.empty(0)
        self._household = np.empty(0, dtype=bool)
        if subjects is not None:
            same_reference(subjects, zones.frame.crs, "管理对象")
            geometries = np.asarray(subjects.geometry.array, dtype=object)
            located = ~(shapely.is_missing(geometries) | shapely.is_empty(geometries))
            self._points = shapely.point_on_surface(geometries[located])
            self._people = _people(subjects)[located]
            kinds = subjects["kind"] == "household" if "kind" in subjects.columns else np.ones(len(subjects))
            self._household = np.asarray(kinds, dtype=bool)[located]
        self._tree = shapely.STRtree(self._points)

    def within(self, place: shapely.Geometry) -> tuple[int, int]:
        """Return households and people in a place (in the zones' own coordinates)."""
        at = self._tree.query(place, predicate="intersects")
        return int(self._household[at].sum()), int(self._people[at].sum())

    def households(self, row: int) -> int:
        """Return the households of a zone."""
        return self.within(self._zones.shapes[row])[0]


def _people(subjects: gpd.GeoDataFrame) -> Floats:
    """Return how many people each subject stands for, 0 where it does not say; raise ``ZonesError`` for no number."""
    if "people" not in subjects.columns:
        return np.zeros(len(subjects))
    numbers = pd.to_numeric(subjects["people"], errors="coerce")
    wrong = subjects["people"][numbers.isna() & subjects["people"].notna()]
    if len(wrong):
        raise ZonesError(
            f"管理对象的人数（people）有 {len(wrong)} 个不是数，例如“{wrong.iloc[0]}”。",
            f"{len(wrong)} numbers of people are no numbers, such as {wrong.iloc[0]!r}",
            remedy="请改成数字，不知道人数的留空。",
        )
    people: Floats = numbers.fillna(0).to_numpy(dtype=np.float64)
    return people


def _border(zones: Zones, place: shapely.Geometry, row: int, tolerance_m: float) -> float:
    """Return how much of the outline of a place is not the zone's own border: it lies within the zone."""
    rim = shapely.boundary(place)
    own = shapely.buffer(shapely.boundary(zones.laid(np.array([row]))[0]), tolerance_m, quad_segs=2)
    return float(shapely.length(shapely.difference(rim, own)))


def _contacts(zones: Zones, place: shapely.Geometry, rows: Ints, tolerance_m: float) -> Floats:
    """Return how much of their borders zones have along the outline of a place."""
    rim = shapely.buffer(shapely.boundary(place), tolerance_m, quad_segs=2)
    lengths: Floats = shapely.length(shapely.intersection(shapely.boundary(zones.laid(rows)), rim))
    return lengths


def _neighbours(zones: Zones, finding: Finding, tolerance_m: float) -> list[int]:
    """Return the rows of other zones on which a piece borders, longest border first."""
    place = np.array([finding.place], dtype=object)
    rows = np.setdiff1d(zones.over(shapely.buffer(place, tolerance_m))[1], finding.rows)
    lengths = _contacts(zones, finding.place, rows, tolerance_m)
    return [int(row) for row in rows[np.argsort(-lengths, kind="stable")] if lengths.max() > 0]


def _along(zones: Zones, finding: Finding, tolerance_m: float) -> list[int]:
    """Return the rows of a near miss that have all of it along their border, and do not merely touch its end."""
    rows = np.array(finding.rows, dtype=np.int64)
    lengths = _contacts(zones, finding.place, rows, tolerance_m)
    return [int(row) for row in rows[lengths >= _ALONG * lengths.max()]]


def recipients(
    finding: Finding,
    zones: Zones,
    strategy: str,
    census: Census,
    ranks: Mapping[int, int],
    tolerance_m: float,
) -> list[int]:
    """Return the rows that could have the land of a fault, the best first.

    Parameters
    ----------
    finding
        The fault: its zones stand longest contact first where it is empty land.
    zones
        All zones.
    strategy
        A strategy, or the code of the zone that shall have it.
    census
        Who lives where.
    ranks
        Row → place in the planner's order of priority.
    tolerance_m
        Tolerance of borders (in meters).
    """
    rows = list(finding.rows)
    if strategy not in STRATEGIES:
        named = [row for row, code in enumerate(zones.codes) if code == strategy]
        # A border can only follow the line of a zone that has it.
        return [row for row in named if finding.kind != "near_miss" or row in rows]
    if finding.kind == "near_miss":
        rows = _along(zones, finding, tolerance_m)
    if finding.kind == "stray":
        rows = _neighbours(zones, finding, tolerance_m)
    if finding.kind == "contained":
        return rows[:1]
    if strategy in ("most_households", "fewest_households"):
        sign = -1 if strategy == "most_households" else 1
        return sorted(rows, key=lambda row: sign * census.households(row))
    if finding.kind == "overlap":
        rows.sort(key=lambda row: (-_border(zones, finding.place, row, tolerance_m), row))
    if strategy == "priority":  # among those that it does not name, as without it
        rows.sort(key=lambda row: ranks.get(row, len(ranks)))
    return rows


def decision(
    finding: Finding, recipient: int | None, held: Decision, beside: Callable[[], Beside]
) -> Decision:
    """Return who shall hold a face of a fault that these zones hold now.

    What another repair has settled meanwhile stays settled: land that lost its fault keeps its holders.

    Parameters
    ----------
    finding
        The fault.
    recipient
        Row that shall have its land; None where the territory's boundary decides.
    held
        Rows that hold the face now.
    beside
        Tells who stands beside the face.
    """
    rows = frozenset(finding.rows)
    if finding.kind == "near_miss":
        return _aligned(finding.rows, recipient, held, beside)
    if finding.kind in EMPTY_KINDS:
        return held or _only(recipient)
    if finding.kind in ("overlap", "contained"):
        return held - rows | _only(recipient) if rows <= held else held
    left = held - rows
    return left or _only(recipient) if held & rows else held


def _only(row: int | None) -> Decision:
    return frozenset() if row is None else frozenset([row])


def _aligned(
    rows: tuple[int, ...], recipient: int | None, held: Decision, beside: Callable[[], Beside]
) -> Decision:
    """Return who shall hold a face between two drawings of one border.

    The recipient's line becomes the border of both: it gives up nothing, and takes nothing that lies along another's
    border too. The territory's boundary is a line like a zone's.
    """
    if recipient is None and held:
        return held - set(rows)
    if len(held) > 1:
        kept = recipient if recipient in held else min(held)
        return held - (set(rows) - {kept})
    if held:
        return held
    lengths = {row: length for row, length in beside().items() if row in rows}
    along = [row for row in rows if lengths.get(row, 0) >= _ALONG * max(lengths.values(), default=np.inf)]
    return frozenset([row for row in along if row != recipient][:1]) or _only(recipient)


def ranked(zones: Zones, priority: Sequence[str] | None) -> dict[int, int]:
    """Return row → rank by a planner's order of zone codes or of layers (column ``layer``)."""
    if priority is None:
        return {}
    place = {name: rank for rank, name in enumerate(priority)}
    layers = zones.frame["layer"].astype(str) if "layer" in zones.frame.columns else zones.codes
    ranks = {}
    for row, (code, layer) in enumerate(zip(zones.codes, layers, strict=True)):
        if code in place or layer in place:
            ranks[row] = place.get(code, place.get(layer, len(place)))
    return ranks
