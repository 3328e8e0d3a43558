"""Labelled synthetic places and plain coverages, for demonstrations, tests and benchmarks (合成示意数据)."""

from geo.samples.coverages import random_points, random_zones
from geo.samples.zhuanqiao import Sample, make_zhuanqiao

__all__ = ["Sample", "make_zhuanqiao", "random_points", "random_zones"]
