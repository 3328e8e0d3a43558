"""Plans: drafts of zones that planners redraw, edit by edit, with inverses, figures, warnings and a move ledger.

A `Draft` holds the zones of a version while they are redrawn. An operation (`geo.plans.operations`) reads the draft and
returns a `Change`; applying the change returns its inverse, so undo is linear and exact. Every operation keeps law 1
(coverage) or raises `RefusedError` with the place and the reason. A `Census` says who lives where, and how a change
moves them.
"""

from geo.plans.breaches import Warned, warnings_of
from geo.plans.census import Census, Flow, Step, ZoneFigures
from geo.plans.draft import EXCEPTION, Change, Draft, PlanZone
from geo.plans.ground import Cut, Ground
from geo.plans.population import Population
from geo.plans.rules import DEFAULT_RULES, Profile, Rule

__all__ = [
    "DEFAULT_RULES",
    "EXCEPTION",
    "Census",
    "Change",
    "Cut",
    "Draft",
    "Flow",
    "Ground",
    "PlanZone",
    "Population",
    "Profile",
    "Rule",
    "Step",
    "Warned",
    "ZoneFigures",
    "warnings_of",
]
