"""What a planner may set for 多格合一."""

from __future__ import annotations

from dataclasses import dataclass

from geo.errors import ProfileError


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
        A border runs along a street or the edge of an estate when it is nearer than this (in meters).

    Raises
    ------
    ProfileError
        Limits that contradict each other, a share that is none, a negative width.
    """

    households: tuple[float, float] | None = (300.0, 500.0)
    noise_width_m: float = 10.0
    same_share: float = 0.6
    contained_share: float = 0.9
    street_reach_m: float = 12.0

    def __post_init__(self) -> None:
        """Refuse what cannot be followed."""
        low, high = self.households or (0.0, 1.0)
        problem = ""
        if not 0.0 <= low <= high or high <= 0.0:
            problem = f"户数上下限 {low:g}-{high:g} 不对"
        elif not (0.0 < self.same_share <= 1.0 and 0.0 < self.contained_share <= 1.0):
            problem = f"面积比例 {self.same_share:g}、{self.contained_share:g} 不在 0 到 1 之间"
        elif not (self.noise_width_m >= 0.0 and self.street_reach_m >= 0.0):
            problem = f"宽度 {self.noise_width_m:g}、{self.street_reach_m:g} 米不能为负"
        if problem:
            raise ProfileError(
                f"融合阈值不可用：{problem}。",
                f"thresholds of a fusion that cannot be followed: {self}",
                remedy="例如户数 300-500，误差宽度 10 米。",
            )


DEFAULT_PROFILE = FusionProfile()
