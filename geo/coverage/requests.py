"""What a planner asked of a repair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from geo.coverage.decisions import DEFAULTS, STRATEGIES
from geo.coverage.faults import search
from geo.coverage.findings import Finding, Tolerances, in_order
from geo.errors import ZonesError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import geopandas as gpd

    from geo.coverage.guards import Guards
    from geo.coverage.zones import Zones


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

    def strategy(self, number: int, kind: str) -> str:
        """Return what to do about a fault: decided for it, for its kind, or by default."""
        return self.decisions.get(number, self.strategies.get(kind, DEFAULTS.get(kind, "refuse")))

    def found_in(self, frame: gpd.GeoDataFrame) -> tuple[Zones, list[Finding]]:
        """Return zones as they were taken in, and their faults in the order of a report."""
        zones, found = search(frame, self.boundary, self.parents, self.exceptions, Tolerances())
        return zones, in_order(found)

    def check(self, taken: Zones) -> None:
        """Raise ``ZonesError`` for a strategy that is none or cannot be followed."""
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
