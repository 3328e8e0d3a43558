"""What a planner may set for 多格合一."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FusionProfile:
    """Thresholds of a fusion: an office edits them, no code holds others.

    Parameters
    ----------
    households
        Least and most households of a proposed general grid (Zhejiang, Tengzhou: 300-500). None switches the
        rules of size off.
    noise_width_m
        Disagreements narrower than this (in meters) are drafting noise. Default 10: about the width of a
        residential street, whose two sides two departments may each have taken for "the street".
    same_share
        Two zones of different layers are the same grid when each is the other's best match and they share at least
        this part of either's area.
    contained_share
        A zone is inside another when at least this part of its area is.
    street_reach_m
        A border runs along a street when it is nearer than this (in meters).
    """

    households: tuple[float, float] | None = (300.0, 500.0)
    noise_width_m: float = 10.0
    same_share: float = 0.6
    contained_share: float = 0.9
    street_reach_m: float = 12.0


DEFAULT_PROFILE = FusionProfile()
