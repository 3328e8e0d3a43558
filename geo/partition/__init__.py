"""Partitions: cells grouped into connected parts, and grids proposed along street blocks.

``propose`` makes blocks of streets (`geo.partition.blocks`), divides them (`geo.partition.search`), gives grids codes
(`geo.partition.naming`) and says how good they are (`geo.partition.figures`).
"""

from geo.partition.figures import Figures
from geo.partition.graph import components, contiguous_parts, runs
from geo.partition.place import Place
from geo.partition.proposal import Proposal, propose
from geo.partition.rules import BlockRules, ProposalOptions

__all__ = [
    "BlockRules",
    "Figures",
    "Place",
    "Proposal",
    "ProposalOptions",
    "components",
    "contiguous_parts",
    "propose",
    "runs",
]
