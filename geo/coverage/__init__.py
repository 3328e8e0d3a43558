"""Faults of a coverage, and their guarded repair.

**Valid coverage.** The zones of one level are a valid coverage of their territory when

1. each is a valid polygon (or multipolygon) with a code of its own, in one piece;
2. no place is in two zones: they share borders, never land;
3. every place of the territory is in one, except where a gap is registered as an exception;
4. none reaches outside the territory, nor into a second parent where there is a level above;
5. neighbours share each vertex of their common border exactly. Coordinates stand on a grid of 1e-8 degrees (1 mm).

Whatever breaks one of these is a *fault* (``find_faults``):

==================  ==========================================================================================
kind                meaning
==================  ==========================================================================================
``invalid``         no geometry, coordinates that are not finite, or rings that cross themselves (1)
``duplicate``       one code used by several zones, or one piece of land drawn as two zones (1, 2)
``contained``       a zone that lies wholly inside another (2)
``overlap``         land in two zones (2)
``gap``             land in no zone, enclosed by zones (3)
``sliver``          the same, narrower than ``sliver_width_m`` (3)
``inlet``           land in no zone, between zones and open to the outside, deeper than its mouth is wide, or a
                    passage that is open at both ends (3)
``uncovered``       other land of the territory in no zone, along its border (3)
``outside_parent``  part of a zone outside the territory (4)
``crossing_levels`` part of a zone in another parent than its own (4)
``stray``           a piece of a zone detached from its largest piece: legal as an exclave, often a slip (1)
``near_miss``       one border drawn twice, less than ``near_miss_m`` apart (5)
``cut_estate``      an estate in several zones
``cut_building``    a building in several zones
``cut_barrier``     a zone cut in pieces by an expressway, a railway or a river
==================  ==========================================================================================

A vertex that one zone has on a straight border and its neighbour lacks (a T-vertex) does not by itself take land from
anybody: within ``tolerance_m`` it is no fault.
"""

from __future__ import annotations

from geo.coverage.cuts import BARRIERS
from geo.coverage.decisions import DEFAULTS, STRATEGIES
from geo.coverage.faults import find_faults
from geo.coverage.findings import KINDS, SEVERITIES
from geo.coverage.guards import Guards
from geo.coverage.repair import Proposal, Repair, propose, repair

__all__ = [
    "BARRIERS",
    "DEFAULTS",
    "KINDS",
    "SEVERITIES",
    "STRATEGIES",
    "Guards",
    "Proposal",
    "Repair",
    "find_faults",
    "propose",
    "repair",
]
