"""Timings beside the other tools, in one run: ``python -m tests.benchmarks [topic ...] [--size 0.1] [--runs 3]``.

A topic is a module here with ``run(report)``; without a name every topic runs.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
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
    chosen = options.topics or topics
    if len(chosen) > 1:
        # A process each: no topic is measured in memory that another has filled, and one that fails stops no other.
        order = [
            sys.executable,
            "-m",
            "tests.benchmarks",
            "--size",
            str(options.size),
            "--runs",
            str(options.runs),
        ]
        failed = [topic for topic in chosen if subprocess.run([*order, topic], check=False).returncode]
        if failed:
            sys.exit(f"failed: {', '.join(failed)}")
        return
    report = Report(chosen[0], size=options.size, runs=options.runs)
    importlib.import_module(f"tests.benchmarks.{chosen[0]}").run(report)
    if options.size >= 1:
        report.write()
    else:
        sys.stdout.write(f"A look at {options.size:g} of the sizes: RESULTS.md stays as it is.\n")


if __name__ == "__main__":
    main()
