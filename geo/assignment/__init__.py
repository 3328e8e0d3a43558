"""Points to zones, exactly and fast; subjects to zones with reasons and sums that agree."""

from geo.assignment.changes import boxes_between, can_have_moved, changed_boxes
from geo.assignment.index import ZoneIndex
from geo.assignment.subjects import assign, explain, reconcile, subject_points, territory_index

__all__ = [
    "ZoneIndex",
    "assign",
    "boxes_between",
    "can_have_moved",
    "changed_boxes",
    "explain",
    "reconcile",
    "subject_points",
    "territory_index",
]
