"""What a repair must not do to a zone."""

from __future__ import annotations

from dataclasses import dataclass

import shapely

from geo.errors import ZonesError


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

    Raises
    ------
    ZonesError
        When a limit is negative or no number.
    """

    max_change: float = 0.1
    max_gap_width_m: float = 25.0

    def __post_init__(self) -> None:
        """Refuse limits that would limit nothing, or everything."""
        for name, value in (("面积改变上限", self.max_change), ("缺口宽度上限", self.max_gap_width_m)):
            if not value >= 0:
                raise ZonesError(
                    f"{name}不能是 {value}。",
                    f"a limit of repair must not be {value}",
                    remedy="请给出 0 或更大的数，例如 0.1（10%）和 25（米）。",
                )

    def objection(self, code: str, before: shapely.Geometry, after: shapely.Geometry) -> Refusal | None:
        """Return why a zone must not become this by one repair, or None.

        Parameters
        ----------
        code
            Code of the zone.
        before, after
            The zone before and after, on the plane.
        """
        if shapely.is_empty(after):
            return Refusal(f"网格 {code} 会消失", f"zone {code} would vanish")
        if not shapely.is_valid(after):
            return Refusal(f"网格 {code} 的边界会自相交", f"the border of zone {code} would cross itself")
        pieces = max(1, int(shapely.get_num_geometries(before)))
        if int(shapely.get_num_geometries(after)) > pieces:
            return Refusal(f"网格 {code} 会断成几块", f"zone {code} would fall into pieces")
        change = abs(shapely.area(after) / max(shapely.area(before), 1e-12) - 1)
        return beyond_cap(code, change, self.max_change) if change > self.max_change else None


def into_parent(code: str, parent: str) -> Refusal:
    """Return the refusal to let a zone reach into another parent than its own."""
    return Refusal(f"网格 {code} 会跨到上级 {parent}", f"zone {code} would reach into parent {parent}")


def beyond_fault(code: str) -> Refusal:
    """Return the refusal to change a zone that has no part in a fault."""
    return Refusal(
        f"与这处问题无关的网格 {code} 会跟着改变",
        f"zone {code} would change too, though it has no part in this fault",
    )


def not_mended(code: str) -> Refusal:
    """Return the refusal to give land to a zone, or take it, whose border crosses itself."""
    return Refusal(
        f"网格 {code} 的边界自相交，要先修好",
        f"the border of zone {code} crosses itself and must be mended first",
    )


def beyond_cap(code: str, change: float, cap: float) -> Refusal:
    """Return the refusal to change a zone by more than a cap (both as shares of its area)."""
    # As many digits as tell them apart: not "1%, more than 1%".
    digits = next((count for count in range(4) if f"{change:.{count}%}" != f"{cap:.{count}%}"), 4)
    share, limit = f"{change:.{digits}%}", f"{cap:.{digits}%}"
    return Refusal(
        f"网格 {code} 的面积会改变 {share}，超过上限 {limit}",
        f"zone {code} would change by {share} of its area, more than {limit}",
    )
