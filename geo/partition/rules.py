"""What an office may set for proposals of grids: every threshold is here, none in the code that uses them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TIES: dict[str, float] = {
    **dict.fromkeys(("motorway", "motorway_link", "rail", "railway", "light_rail", "subway"), -2.0),
    **dict.fromkeys(("river", "canal", "water", "coastline"), -2.0),
    **dict.fromkeys(("trunk", "trunk_link"), 0.05),
    **dict.fromkeys(("primary", "primary_link"), 0.2),
    **dict.fromkeys(("secondary", "secondary_link", "stream", "drain"), 0.3),
    **dict.fromkeys(("tertiary", "tertiary_link"), 0.4),
}
"""How much the two sides of a line belong together, by its kind: below 0 a grid should not be on both sides."""

IGNORED = frozenset(
    (
        "footway",
        "path",
        "steps",
        "corridor",
        "cycleway",
        "bridleway",
        "service",
        "track",
        "platform",
        "elevator",
    )
)
"""Ways inside a block that do not bound it."""


@dataclass(frozen=True)
class BlockRules:
    """How blocks are made from streets.

    Parameters
    ----------
    reach_m
        A dead end nearer to another line than this (in meters) is led to it: digitised streets often stop short.
    least_area_m2, least_width_m
        A block smaller or narrower than this (traffic islands, strips between two carriageways) joins a neighbour.
    piece_share
        A block with more than this share of a grid's wanted households is divided, by estates and between buildings.
    touch_m2
        A footprint is cut when more than this (in square meters) of it lies on the other side.
    ties
        How much the two sides of a line belong together, by its kind: 1 as one block, 0 nothing, below 0 a grid should
        not be on both sides.
    street_tie
        The same for a kind that is not listed.
    ignored
        Kinds of ways that bound no block.
    """

    reach_m: float = 25.0
    least_area_m2: float = 1500.0
    least_width_m: float = 8.0
    piece_share: float = 0.35
    touch_m2: float = 0.5
    ties: Mapping[str, float] = field(default_factory=lambda: dict(TIES))
    street_tie: float = 0.5
    ignored: frozenset[str] = IGNORED


@dataclass(frozen=True)
class ProposalOptions:
    """What a planner asks of a proposal.

    Parameters
    ----------
    grids
        Number of general grids; None draws as many as the limits of households ask for.
    households
        Least and most households of a grid (Zhejiang, Tengzhou: 300-500); None only with ``grids``.
    keep
        From 0, draw afresh, to 1, change as little as possible.
    seed
        Same seed and same data, same proposal.
    balance, shape, along, limits
        Weights of what is wanted: equal households, compact grids, borders along streets (most along expressways,
        railways and rivers), and limits of households held.
    starts
        How many first divisions are tried for each connected piece of ground.
    blocks
        How blocks are made.
    """

    grids: int | None = None
    households: tuple[float, float] | None = (300.0, 500.0)
    keep: float = 0.0
    seed: int = 1
    balance: float = 4.0
    shape: float = 1.0
    along: float = 0.35
    limits: float = 12.0
    starts: int = 4
    blocks: BlockRules = field(default_factory=BlockRules)
