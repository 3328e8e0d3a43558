"""What a repair must not do to a zone."""

from __future__ import annotations

from dataclasses import dataclass

import shapely


@dataclass(frozen=True)
class Refusal:
    """Why a repair was not made, in both languages."""

    reason: str
    reason_en: str


@dataclass(frozen=True)
class Guards:
    """Limits of what repairs do to a zone.

    Parameters
    ----------
    max_change
        Largest share of a zone's area that repairs may give or take, all together.
    max_gap_width_m
        A gap wider than this (in meters) is taken for real until somebody decides about it.
    """

    max_change: float = 0.1
    max_gap_width_m: float = 25.0

    def objection(
        self, code: str, original: shapely.Geometry, before: shapely.Geometry, after: shapely.Geometry
    ) -> Refusal | None:
        """Return why a zone must not become this, or None.

        Parameters
        ----------
        code
            Code of the zone.
        original
            The zone before any repair, on the plane.
        before, after
            The zone before and after this repair, on the plane.
        """
        if shapely.is_empty(after):
            return Refusal(f"网格 {code} 会消失", f"zone {code} would vanish")
        if not shapely.is_valid(after):
            return Refusal(f"网格 {code} 的边界会自相交", f"the border of zone {code} would cross itself")
        if shapely.get_num_geometries(after) > shapely.get_num_geometries(before):
            return Refusal(f"网格 {code} 会断成几块", f"zone {code} would fall into pieces")
        change = abs(shapely.area(after) / max(shapely.area(original), 1e-12) - 1)
        if change > self.max_change:
            return Refusal(
                f"网格 {code} 的面积会改变 {change:.0%}，超过上限 {self.max_change:.0%}",
                f"zone {code} would change by {change:.0%} of its area, more than {self.max_change:.0%}",
            )
        return None
