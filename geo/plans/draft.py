"""The zones of a plan, and changes that know their inverse."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from shapely import MultiPolygon, Polygon

from geo.errors import RefusedError, ZonesError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import geopandas as gpd
    from numpy.typing import NDArray

    from geo.records import Level

Area = Polygon | MultiPolygon
"""What a zone is."""

Key = tuple[str, str]
"""A zone's key: its level and its code."""

MOST_STALE = 32
"""Changed zones that an index of a level looks through one by one, besides a fiftieth of all."""

EXCEPTION = "exception"
"""The pseudo-level under which a draft keeps registered gap exceptions."""


def simplest(geometry: shapely.Geometry) -> Area:
    """Return a Polygon where one part is enough, else a MultiPolygon."""
    parts = shapely.get_parts(geometry)
    return parts[0] if len(parts) == 1 else MultiPolygon(list(parts))


@dataclass(frozen=True, eq=False)
class PlanZone:
    """One zone of a draft.

    Parameters
    ----------
    level, code
        The key: codes are unique within a level.
    name, kind, parent, staff, attributes
        As in `geo.records.Place.zones`.
    geometry
        Lon/lat EPSG:4490, quantised to 1e-8 degrees.
    """

    level: str
    code: str
    name: str
    geometry: Area
    kind: str = "general"
    parent: str | None = None
    staff: tuple[Mapping[str, Any], ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> Key:
        """Level and code."""
        return (self.level, self.code)

    def same_as(self, other: PlanZone) -> bool:
        """Whether every field is equal, each coordinate included."""
        return (
            (self.level, self.code, self.name, self.kind, self.parent)
            == (other.level, other.code, other.name, other.kind, other.parent)
            and self.staff == other.staff
            and dict(self.attributes) == dict(other.attributes)
            and bool(shapely.equals_identical(self.geometry, other.geometry))
        )


@dataclass(frozen=True, eq=False)
class Change:
    """One edit: zones put in place (new or instead of their namesakes) and zones deleted.

    Parameters
    ----------
    operation
        What the planner did, such as ``split``.
    put
        Zones as they are afterwards.
    delete
        Keys of zones that are gone afterwards.
    lineage
        Pairs (old key, new key) of zones that took over from others: splits and merges.
    """

    operation: str
    put: tuple[PlanZone, ...] = ()
    delete: tuple[Key, ...] = ()
    lineage: tuple[tuple[Key, Key], ...] = ()

    @property
    def keys(self) -> frozenset[Key]:
        """Every zone that the change touches."""
        return frozenset(zone.key for zone in self.put) | frozenset(self.delete)


class Draft:
    """The zones of a plan at all levels.

    Parameters
    ----------
    zones
        All zones, any order.
    levels
        The levels of the territory, widest first.
    boundary
        The territory's polygon.
    """

    def __init__(self, zones: Iterable[PlanZone], levels: Sequence[Level], boundary: Area) -> None:
        self._zones: dict[Key, PlanZone] = {}
        for zone in zones:
            if zone.key in self._zones:
                raise ZonesError(
                    f"层级 {zone.level} 中编码 {zone.code} 重复。",
                    f"duplicate code {zone.code} at level {zone.level}",
                    remedy="请先在台账中改正重复编码。",
                )
            self._zones[zone.key] = zone
        self.levels = {level.code: level for level in levels}
        self.boundary = boundary
        self._indexes: dict[str, _Index] = {}

    @classmethod
    def from_frame(cls, zones: gpd.GeoDataFrame, levels: Sequence[Level], boundary: Area) -> Draft:
        """Make a draft of a frame of zones as in `geo.records.Place.zones`."""
        rows = zip(
            zones["level"],
            zones["code"],
            zones["name"],
            zones.geometry,
            zones["kind"],
            zones["parent"],
            zones["staff"],
            zones["attributes"],
            strict=True,
        )
        return cls(
            (
                PlanZone(
                    level,
                    code,
                    name,
                    simplest(geometry),
                    kind,
                    parent if isinstance(parent, str) else None,
                    tuple(staff or ()),
                    dict(attributes or {}),
                )
                for level, code, name, geometry, kind, parent, staff, attributes in rows
            ),
            levels,
            boundary,
        )

    def __contains__(self, key: object) -> bool:
        """Whether a zone with this key stands in the draft."""
        return key in self._zones

    def __len__(self) -> int:
        """Return the number of zones, exceptions included."""
        return len(self._zones)

    def zone(self, level: str, code: str) -> PlanZone:
        """Return one zone.

        Raises
        ------
        RefusedError
            When there is none.
        """
        try:
            return self._zones[(level, code)]
        except KeyError:
            name = self.levels[level].name if level in self.levels else level
            raise RefusedError(
                f"没有编码为 {code} 的{name}。",
                f"no zone {code} at level {level}",
                remedy="它可能已被合并或删除,请刷新后再试。",
            ) from None

    def at(self, level: str) -> list[PlanZone]:
        """Return the zones of a level."""
        return self._index(level).standing()

    def touching(self, level: str, geometry: shapely.Geometry, distance: float = 0.0) -> list[PlanZone]:
        """Return the zones of a level that touch a geometry, or come within ``distance`` (in degrees) of it."""
        return self._index(level).near(geometry, distance)

    def children(self, level: str, code: str) -> list[PlanZone]:
        """Return the zones, of every level below, whose parent is this zone."""
        return [
            zone
            for child in self.levels.values()
            if child.parent == level
            for zone in self.at(child.code)
            if zone.parent == code
        ]

    def copy(self) -> Draft:
        """Return a draft with the same zones, on which a change can be tried: it costs no more than a list of them."""
        twin = Draft.__new__(Draft)
        twin._zones, twin._indexes = dict(self._zones), dict(self._indexes)  # noqa: SLF001  its own kind
        twin.levels, twin.boundary = self.levels, self.boundary
        return twin

    def apply(self, change: Change) -> Change:
        """Apply a change in place and return its inverse.

        Returns
        -------
        Change
            Applying it restores every zone, each coordinate included (law 3).
        """
        restored = [self.zone(*key) for key in change.delete]
        added: list[Key] = []
        for zone in change.put:
            old = self._zones.get(zone.key)
            if old is None:
                added.append(zone.key)
            elif zone.key not in change.delete:
                restored.append(old)
        # Nothing is touched before every key is known to be right.
        for key in change.delete:
            del self._zones[key]
        for zone in change.put:
            self._zones[zone.key] = zone
        for level in {level for level, _ in change.keys}:
            if level in self._indexes:
                put = [zone for zone in change.put if zone.level == level]
                gone = [code for other, code in change.delete if other == level]
                self._indexes[level] = self._indexes[level].after(put, gone)
        return Change(
            operation=f"undo {change.operation}",
            put=tuple(restored),
            delete=tuple(added),
            lineage=tuple((new, old) for old, new in change.lineage),
        )

    def _index(self, level: str) -> _Index:
        if level not in self._indexes:
            self._indexes[level] = _Index.of([zone for zone in self._zones.values() if zone.level == level])
        return self._indexes[level]


@dataclass(frozen=True, eq=False)
class _Index:
    """The zones of a level, found by place: a tree of them all, and those that were changed since it was made.

    Parameters
    ----------
    zones
        By row; None where one is gone.
    rows
        Row of each code.
    tree
        Of the zones when it was made, by row.
    stale
        Rows of which the tree knows nothing, or nothing that is true any more.
    shapes
        What stands in those rows, in ascending order; None where a zone is gone.
    """

    zones: list[PlanZone | None]
    rows: dict[str, int]
    tree: shapely.STRtree
    stale: tuple[int, ...] = ()
    shapes: NDArray[np.object_] = field(default_factory=lambda: np.empty(0, dtype=object))

    @classmethod
    def of(cls, zones: list[PlanZone]) -> _Index:
        """Index zones."""
        rows = {zone.code: row for row, zone in enumerate(zones)}
        return cls([*zones], rows, shapely.STRtree([zone.geometry for zone in zones]))

    def after(self, put: Sequence[PlanZone], gone: Iterable[str]) -> _Index:
        """Return the index after a change; this one stays as it is."""
        zones, rows, stale = list(self.zones), dict(self.rows), set(self.stale)
        for code in gone:
            row = rows.pop(code)
            zones[row] = None
            stale.add(row)
        for zone in put:
            row = rows.setdefault(zone.code, len(zones))
            if row == len(zones):
                zones.append(zone)
            zones[row] = zone
            stale.add(row)
        order = tuple(sorted(stale))
        shapes = np.array([getattr(zones[row], "geometry", None) for row in order], dtype=object)
        changed = _Index(zones, rows, self.tree, order, shapes)
        # Each search looks at every stale row: beyond some, a tree of its own is cheaper.
        return changed if len(stale) <= MOST_STALE + len(zones) // 50 else _Index.of(changed.standing())

    def standing(self) -> list[PlanZone]:
        """Return the zones in order."""
        return [zone for zone in self.zones if zone is not None]

    def near(self, geometry: shapely.Geometry, distance: float) -> list[PlanZone]:
        """Return the zones that touch a geometry, or come within a distance of it, in order."""
        if distance:
            found = self.tree.query(geometry, predicate="dwithin", distance=distance)
            fresh = shapely.dwithin(self.shapes, geometry, distance)
        else:
            found = self.tree.query(geometry, predicate="intersects")
            fresh = shapely.intersects(self.shapes, geometry)
        stale = np.array(self.stale, dtype=np.int64)
        rows = np.concatenate([np.setdiff1d(found, stale), stale[fresh]])
        return [zone for row in np.sort(rows) if (zone := self.zones[row]) is not None]
