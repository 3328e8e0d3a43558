"""What a planner asked of a repair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np

from geo.coverage.decisions import DEFAULTS, STRATEGIES
from geo.coverage.faults import search
from geo.coverage.findings import KINDS, Finding, Tolerances, in_order
from geo.coverage.zones import area_of
from geo.errors import ZonesError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import shapely

    from geo.coverage.guards import Guards
    from geo.coverage.nesting import Parents
    from geo.coverage.zones import Zones


def with_geometries(
    frame: gpd.GeoDataFrame, changed: Mapping[int, shapely.Geometry | None]
) -> gpd.GeoDataFrame:
    """Return a frame with other geometries, row position → geometry."""
    geometries = np.asarray(frame.geometry.array, dtype=object).copy()
    for row, shape in changed.items():
        geometries[row] = shape
    result = frame.copy()
    result[frame.geometry.name] = gpd.GeoSeries(list(geometries), index=frame.index, crs=frame.crs)
    return result


@dataclass(frozen=True)
class Request:
    """The arguments of ``geo.coverage.propose``; carrying it out again gives the same again."""

    zones: gpd.GeoDataFrame
    boundary: Any
    parents: gpd.GeoDataFrame | None
    exceptions: Any
    subjects: gpd.GeoDataFrame | None
    strategies: Mapping[str, str]
    decisions: Mapping[int, str]
    priority: Sequence[str] | None
    guards: Guards

    def strategy(self, number: int | None, kind: str, *, ordered: bool) -> str:
        """Return what to do about a fault: decided for it (by its number), for its kind, or by default.

        By default an overlap goes by the planner's order of priority where that names one of its zones (``ordered``).
        """
        default = "priority" if ordered and kind == "overlap" else DEFAULTS.get(kind, "refuse")
        usual = self.strategies.get(kind, default)
        return usual if number is None else self.decisions.get(number, usual)

    def found_in(
        self, frame: gpd.GeoDataFrame, registered: Sequence[shapely.Geometry] = ()
    ) -> tuple[Zones, list[Finding], Parents | None]:
        """Return zones as they were taken in, their faults in the order of a report, and their parents.

        ``registered`` are exceptions beside those given: gaps of which the repair made some.
        """
        exceptions = self.exceptions
        if registered:
            given = area_of(exceptions, frame.crs, "豁免")
            exceptions = np.array([*(() if given is None else given), *registered], dtype=object)
        zones, found, parents = search(frame, self.boundary, self.parents, exceptions, Tolerances())
        return zones, in_order(found), parents

    def check(self, taken: Zones) -> None:
        """Raise ``ZonesError`` for a kind or a strategy that is none, or that cannot be followed."""
        unknown = [kind for kind in self.strategies if kind not in KINDS]
        if unknown:
            raise ZonesError(
                f"没有这样的问题种类：{'、'.join(unknown)}。",
                f"unknown kinds of fault: {unknown}",
                remedy=f"可用的种类：{'、'.join(KINDS)}。",
            )
        for name in [*self.strategies.values(), *self.decisions.values()]:
            if name not in STRATEGIES and name not in taken.codes:
                raise ZonesError(
                    f"没有叫“{name}”的处理办法，也没有这个编码的网格。",
                    f"{name} is neither a strategy nor the code of a zone",
                    remedy=f"可用的处理办法：{'、'.join(STRATEGIES)}，或者接收网格的编码。",
                )
            if name.endswith("_households") and self.subjects is None:
                raise ZonesError(
                    "按户数分配需要管理对象。",
                    f"{name} needs subjects",
                    remedy="请提供 subjects（户的位置），或改用 longest_border。",
                )
