"""GCJ-02 and BD-09: the two shifted references of Chinese web maps, and back from them to under 0.01 mm.

GCJ-02 (AMap, Tencent) moves WGS 84 by 300-700 m, BD-09 (Baidu) moves GCJ-02 by about as much again. The
formulas are the published ones that every open library uses ("eviltransform", and Baidu's own for the second
step). They have no closed inverse; the inverses here iterate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Moves = Callable[[Floats, Floats], tuple[Floats, Floats]]

_GCJ_BOUNDS = (72.004, 0.8293, 137.8347, 55.8271)
"""Outside of it GCJ-02 is WGS 84: the rule that the map services' own libraries follow."""

# The ellipsoid (Krasovsky 1940) that the published GCJ-02 algorithm uses, whatever datum its input has.
_KRASOVSKY_A_M = 6378245.0
_KRASOVSKY_EE = 0.00669342162296594323
_BD_PI = np.pi * 3000.0 / 180.0
_INVERSE_TOLERANCE_DEG = 1e-12
_INVERSE_STEPS = 20


def _gcj_shift(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    x = lon - 105.0
    y = lat - 35.0
    root = np.sqrt(np.abs(x))
    ripple = (20.0 * np.sin(6.0 * x * np.pi) + 20.0 * np.sin(2.0 * x * np.pi)) * 2.0 / 3.0
    north = -100.0 + 2.0 * x + 3.0 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + ripple
    north += (20.0 * np.sin(y * np.pi) + 40.0 * np.sin(y / 3.0 * np.pi)) * 2.0 / 3.0
    north += (160.0 * np.sin(y / 12.0 * np.pi) + 320.0 * np.sin(y * np.pi / 30.0)) * 2.0 / 3.0
    east = 300.0 + x + 2.0 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + ripple
    east += (20.0 * np.sin(x * np.pi) + 40.0 * np.sin(x / 3.0 * np.pi)) * 2.0 / 3.0
    east += (150.0 * np.sin(x / 12.0 * np.pi) + 300.0 * np.sin(x / 30.0 * np.pi)) * 2.0 / 3.0
    latitude = np.radians(lat)
    magic = 1.0 - _KRASOVSKY_EE * np.sin(latitude) ** 2
    meridian_m = _KRASOVSKY_A_M * (1.0 - _KRASOVSKY_EE) / (magic * np.sqrt(magic))
    parallel_m = _KRASOVSKY_A_M / np.sqrt(magic) * np.cos(latitude)
    west, south, east_end, north_end = _GCJ_BOUNDS
    inside = (lon >= west) & (lon <= east_end) & (lat >= south) & (lat <= north_end)
    return (
        np.where(inside, np.degrees(east / parallel_m), 0.0),
        np.where(inside, np.degrees(north / meridian_m), 0.0),
    )


def lonlat_to_gcj(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Shift WGS 84 or CGCS2000 degrees to GCJ-02 degrees; outside China's box nothing moves."""
    east, north = _gcj_shift(lon, lat)
    return lon + east, lat + north


def gcj_to_lonlat(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Undo ``lonlat_to_gcj`` (residue under 0.01 mm)."""
    return _inverse(lonlat_to_gcj, lon, lat)


def gcj_to_bd(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Shift GCJ-02 degrees to BD-09 degrees."""
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD_PI)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD_PI)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def _inverse(forward: Moves, lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Invert a shift whose derivative is far below one, by fixed-point iteration.

    One step (what most libraries do) is 0.2-1.9 m off; the loop ends when a step moves nothing by more than
    1e-12 degrees (0.1 micrometres).
    """
    x, y = lon.copy(), lat.copy()
    for _ in range(_INVERSE_STEPS):
        there_x, there_y = forward(x, y)
        dx, dy = lon - there_x, lat - there_y
        x += dx
        y += dy
        if (
            not (np.abs(dx) > _INVERSE_TOLERANCE_DEG).any()
            and not (np.abs(dy) > _INVERSE_TOLERANCE_DEG).any()
        ):
            break
    return x, y


def lonlat_to_bd(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Shift WGS 84 or CGCS2000 degrees to BD-09 degrees."""
    return gcj_to_bd(*lonlat_to_gcj(lon, lat))


def bd_to_lonlat(lon: Floats, lat: Floats) -> tuple[Floats, Floats]:
    """Undo ``lonlat_to_bd`` (residue under 0.01 mm)."""
    return gcj_to_lonlat(*_inverse(gcj_to_bd, lon, lat))
