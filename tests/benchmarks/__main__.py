"""Timings beside the other tools, in one run: ``python -m tests.benchmarks [topic ...] [--size 0.1] [--runs 3]``.

A topic is a module here with ``run(report)``; without a name every topic runs.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from pathlib import Path

from tests.benchmarks.report import Report

NOT_TOPICS = {"__main__", "__init__", "report"}


def main() -> None:
    """Run the topics named, each writing its section of ``RESULTS.md`` when it ran at full size."""
    topics = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in NOT_TOPICS)
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("topics", nargs="*", metavar="topic", help=f"one or more of {', '.join(topics)}")
    parser.add_argument("--size", type=float, default=1.0, help="share of the sizes that the goals name")
    parser.add_argument("--runs", type=int, default=5, help="repetitions of each measurement")
    options = parser.parse_args()
    if unknown := set(options.topics) - set(topics):
        parser.error(f"no such topic: {', '.join(sorted(unknown))}")
    for topic in options.topics or topics:
        module = importlib.import_module(f"tests.benchmarks.{topic}")
        report = Report(topic, size=options.size, runs=options.runs)
        module.run(report)
        if options.size >= 1:
            report.write()
        else:
            sys.stdout.write(f"A look at {options.size:g} of the sizes: RESULTS.md stays as it is.\n")


if __name__ == "__main__":
    main()
