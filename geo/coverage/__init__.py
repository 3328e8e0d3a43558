"""Faults of a coverage, and their guarded repair."""

from __future__ import annotations

from geo.coverage.faults import find_faults
from geo.coverage.findings import KINDS, SEVERITIES

__all__ = ["KINDS", "SEVERITIES", "find_faults"]
