"""Numbers as a page shows them: thousands separators, units, 未知 where nothing is known (never zero)."""

from __future__ import annotations

import math
import numbers

UNKNOWN = "未知"
_KM2_FROM_M2 = 1e5
_SMALL_M2 = 10
_TENTHS_KM2_FROM_M2 = 1e7


def whole(value: float | None) -> str:
    """Return a count with thousands separators.

    Examples
    --------
    >>> whole(12345), whole(None)
    ('12,345', '未知')
    """
    return UNKNOWN if value is None or missing(value) else f"{value:,.0f}"


def percent(share: float | None) -> str:
    """Return a share of one as a percentage; neither 99.96% nor 0.04% is rounded to a certainty.

    Examples
    --------
    >>> percent(0.734), percent(0.9999), percent(1.0)
    ('73.4%', '>99.9%', '100%')
    """
    if share is None or missing(share):
        return UNKNOWN
    shown = f"{share * 100:.1f}"
    if shown == "100.0" and share < 1:
        return ">99.9%"
    if shown == "0.0" and share > 0:
        return "<0.1%"
    return f"{shown.removesuffix('.0')}%"


def area(area_m2: float | None) -> str:
    """Return an area in m², in km² from 0.1 km² on.

    Examples
    --------
    >>> area(1234.5), area(2.5e6), area(3.2)
    ('1,234 m²', '2.500 km²', '3.20 m²')
    """
    if area_m2 is None or missing(area_m2):
        return UNKNOWN
    if area_m2 >= _KM2_FROM_M2:
        return f"{area_m2 / 1e6:,.{1 if area_m2 >= _TENTHS_KM2_FROM_M2 else 3}f} km²"
    return f"{area_m2:,.{2 if area_m2 < _SMALL_M2 else 0}f} m²"


def missing(value: object) -> bool:
    """Say whether a value is unknown: None, NaN, or pandas' own missing value."""
    return not isinstance(value, numbers.Real) or math.isnan(value)
