"""Partitions: cells grouped into connected parts, and grids proposed along street blocks."""

from geo.partition.graph import components, contiguous_parts, runs

__all__ = ["components", "contiguous_parts", "runs"]
