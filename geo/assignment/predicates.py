"""Exact signs: on which side of a line a point is, and whether a ray meets an edge.

Coordinates are doubles and every answer is that of real arithmetic on them. A filter with a proven error bound settles
nearly all questions; expansions (J. R. Shewchuk, *Adaptive Precision Floating-Point Arithmetic and Fast Robust
Geometric Predicates*, 1997) settle the rest. Only products that underflow are left open (``UNSURE``); they need
coordinates within 1e-140 of each other that are not equal, and callers settle them with fractions.
"""

# numba infers the types of compiled functions.
# ruff: noqa: ANN001, ANN201, ANN202, C901
# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import numba
import numpy as np

UNSURE = 2
"""Answer of `orientation` when a product underflows."""

_SPLITTER = 134217729.0  # 2**27 + 1 cuts a double into two halves whose products are exact
FILTER = 3.3306690738754716e-16  # (3 + 16 eps) eps, Shewchuk's bound of the first stage
UNDERFLOW = 1e-280  # below it the relative bound of the filter does not hold
_TINY = 2.0**-480  # products of larger numbers keep all their bits


@numba.njit(cache=True, inline="always")
def _two_product(a, b):
    """Return ``a * b`` as a rounded product and its exact error."""
    product = a * b
    c = _SPLITTER * a
    a_high = c - (c - a)
    a_low = a - a_high
    c = _SPLITTER * b
    b_high = c - (c - b)
    b_low = b - b_high
    error = a_low * b_low - (((product - a_high * b_high) - a_low * b_high) - a_high * b_low)
    return product, error


@numba.njit(cache=True, inline="always")
def _two_difference(a, b):
    """Return ``a - b`` as a rounded difference and its exact error."""
    difference = a - b
    b_virtual = a - difference
    a_virtual = difference + b_virtual
    return difference, (a - a_virtual) + (b_virtual - b)


@numba.njit(cache=True, nogil=True)
def _exact_orientation(ax, ay, bx, by, px, py):
    """Return the sign of the orientation determinant without rounding."""
    parts = np.empty(8)
    parts[0], parts[1] = _two_difference(ax, px)
    parts[2], parts[3] = _two_difference(by, py)
    parts[4], parts[5] = _two_difference(ay, py)
    parts[6], parts[7] = _two_difference(bx, px)
    for part in parts:
        if part != 0.0 and abs(part) < _TINY:
            return UNSURE
    if parts[1] == 0.0 and parts[3] == 0.0 and parts[5] == 0.0 and parts[7] == 0.0:
        # The usual case: near neighbours subtract exactly. Rounding is monotone, so rounded products decide unless
        # they are equal, and then their errors do.
        left, left_error = _two_product(parts[0], parts[2])
        right, right_error = _two_product(parts[4], parts[6])
        if left == right:
            left, right = left_error, right_error
        return np.sign(left - right)
    expansion = np.zeros(16)
    length = 0
    for i in range(2):
        for j in range(2, 4):
            for k in range(2):
                product, error = _two_product(parts[i + 4 * k], parts[j + 4 * k])
                for term in (error, product):
                    # Grow the expansion by one term; its components stay non-overlapping and increasing.
                    carry = term if k == 0 else -term
                    for m in range(length):
                        total = carry + expansion[m]
                        virtual = total - carry
                        expansion[m] = (carry - (total - virtual)) + (expansion[m] - virtual)
                        carry = total
                    expansion[length] = carry
                    length += 1
    for m in range(length - 1, -1, -1):
        if expansion[m] != 0.0:
            return np.sign(expansion[m])
    return 0.0


@numba.njit(cache=True, nogil=True)
def orientation(ax, ay, bx, by, px, py):
    """Return 1 if p is left of the line from a to b, -1 right of it, 0 on it, ``UNSURE`` on underflow."""
    left = (ax - px) * (by - py)
    right = (ay - py) * (bx - px)
    determinant = left - right
    bound = FILTER * (abs(left) + abs(right)) + UNDERFLOW
    if determinant > bound:
        return 1
    if determinant < -bound:
        return -1
    return int(_exact_orientation(ax, ay, bx, by, px, py))


@numba.njit(cache=True, nogil=True)
def ray_crosses(ax, ay, bx, by, px, py):
    """Return 1 if the ray due east from p crosses the edge, else 0; ``UNSURE`` on underflow.

    p counts as moved east by an infinitesimal and north by a much smaller one. That is the half-open rule: a point on
    an edge is in what lies immediately east of it, and on a level edge in what lies north.
    """
    a_above = ay > py
    b_above = by > py
    if a_above == b_above:
        return 0
    side = orientation(ax, ay, bx, by, px, py)
    if side == UNSURE:
        return UNSURE
    return 1 if (side > 0 if b_above else side < 0) else 0


@numba.njit(cache=True, nogil=True)
def touches(ax, ay, bx, by, px, py):
    """Return 1 if p is on the closed edge, else 0; ``UNSURE`` on underflow."""
    if min(ax, bx) > px or max(ax, bx) < px or min(ay, by) > py or max(ay, by) < py:
        return 0
    side = orientation(ax, ay, bx, by, px, py)
    return side if side == UNSURE else int(side == 0)
