"""The tables of OneGrid (SQLAlchemy 2, GeoAlchemy2), a module per family.

Geometry is lon/lat EPSG:4490 throughout. A *version* is immutable once published (a trigger holds it); its zones
belong to it alone. An *assignment run* is one complete answer to "which zone is each subject in" for a version:
readers follow ``version.run_id``, so that a new run takes the place of the old in one update.
"""

from api.store.models.accounts import Account, ApiKey, AuditEvent, Grant, Job, SignInLink, SignInSession
from api.store.models.assignments import AssignmentBlock, AssignmentLevel, AssignmentRun, ZoneCount
from api.store.models.base import SRID, Base
from api.store.models.faults import Fault, GapException, RepairAcceptance, RepairProposal, RepairRun
from api.store.models.plans import (
    Change,
    Plan,
    PlanApproval,
    PlanComment,
    PlanMember,
    PlanReply,
    RuleProfile,
    VersionApproval,
)
from api.store.models.proposals import (
    Fusion,
    FusionCell,
    FusionConflict,
    FusionGrid,
    PartitionProposal,
    PartitionZone,
)
from api.store.models.subjects import (
    Address,
    Circle,
    Station,
    StreetEdge,
    StreetNode,
    Subject,
    SubjectBlock,
    SubjectMark,
)
from api.store.models.territories import Layer, Level, Lineage, Territory, Version, VersionMove, Zone

__all__ = [
    "SRID",
    "Account",
    "Address",
    "ApiKey",
    "AssignmentBlock",
    "AssignmentLevel",
    "AssignmentRun",
    "AuditEvent",
    "Base",
    "Change",
    "Circle",
    "Fault",
    "Fusion",
    "FusionCell",
    "FusionConflict",
    "FusionGrid",
    "GapException",
    "Grant",
    "Job",
    "Layer",
    "Level",
    "Lineage",
    "PartitionProposal",
    "PartitionZone",
    "Plan",
    "PlanApproval",
    "PlanComment",
    "PlanMember",
    "PlanReply",
    "RepairAcceptance",
    "RepairProposal",
    "RepairRun",
    "RuleProfile",
    "SignInLink",
    "SignInSession",
    "Station",
    "StreetEdge",
    "StreetNode",
    "Subject",
    "SubjectBlock",
    "SubjectMark",
    "Territory",
    "Version",
    "VersionApproval",
    "VersionMove",
    "Zone",
    "ZoneCount",
]
