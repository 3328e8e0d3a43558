"""What a benchmark writes to: the terminal as it runs, and its section of ``RESULTS.md`` when it is done."""

from __future__ import annotations

import gc
import importlib.metadata
import multiprocessing
import os
import platform
import re
import statistics
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RESULTS = Path(__file__).with_name("RESULTS.md")


@dataclass
class Report:
    """One topic's run: how large, how often, and what came out.

    Parameters
    ----------
    topic
        Name of the module that runs, and of its section.
    size
        Share of the sizes that the goals name: 1.0 for all of it, 0.01 for a quick look.
    runs
        How often each measurement is repeated; the median counts.
    """

    topic: str
    size: float = 1.0
    runs: int = 5
    lines: list[str] = field(default_factory=list)
    cpu_seconds: float = 0.0
    """Processor time of the last measurement, its median: what it costs also when the machine is shared."""

    def scaled(self, number: int, least: int = 1) -> int:
        """Return a size of the goals at the size of this run."""
        return max(least, round(number * self.size))

    def note(self, text: str) -> None:
        """Write a sentence."""
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
        self.lines += [text, ""]

    def versions(self, *packages: str) -> None:
        """Write the machine and the versions of what is compared."""
        found = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in packages)
        cores = len(os.sched_getaffinity(0))
        self.note(f"{platform.machine()}, {cores} cores, Python {platform.python_version()}; {found}.")

    def measure(self, name: str, act: Callable[[], Any], *, runs: int | None = None) -> float:
        """Return the median of the seconds that an act takes; each run is printed, so that a noisy machine shows."""
        seconds, cpu = [], []
        for _ in range(runs or self.runs):
            gc.collect()
            start, cpu_start = time.perf_counter(), time.process_time()
            act()
            seconds.append(time.perf_counter() - start)
            cpu.append(time.process_time() - cpu_start)
        median = statistics.median(seconds)
        self.cpu_seconds = statistics.median(cpu)
        sys.stdout.write(f"  {name}: {median:.4g} s  ({', '.join(f'{one:.4g}' for one in seconds)})\n")
        sys.stdout.flush()
        return median

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Write a table; numbers to three digits."""
        text = [[_shown(cell) for cell in row] for row in rows]
        lines = [f"| {' | '.join(row)} |" for row in ([*columns], ["---"] * len(columns), *text)]
        sys.stdout.write("\n".join(lines) + "\n\n")
        sys.stdout.flush()
        self.lines += [*lines, ""]

    def write(self) -> None:
        """Replace this topic's section of ``RESULTS.md``; the other topics' stay."""
        page = (
            RESULTS.read_text(encoding="utf-8")
            if RESULTS.exists()
            else "# Benchmarks\n\n`make bench` writes this page.\n"
        )
        page = re.sub(rf"\n## {re.escape(self.topic)}\n.*?(?=\n## |\Z)", "", page, flags=re.DOTALL)
        heading = f"\n## {self.topic}\n\nSize {self.size:g} of the goals, medians of {self.runs} runs unless said.\n"
        RESULTS.write_text(
            page.rstrip("\n") + "\n" + heading + "\n" + "\n".join(self.lines).rstrip("\n") + "\n",
            encoding="utf-8",
        )


def _shown(cell: object) -> str:
    """Return a cell of a table as text."""
    if isinstance(cell, float):
        return f"{cell:,.3g}" if abs(cell) < 1000 else f"{cell:,.0f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def forget_peak() -> float:
    """Start counting the peak of memory anew (Linux), and return what is held now, in MiB."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return peak_mib()


def peak_mib() -> float:
    """Return the most memory that this process has held since `forget_peak`, in MiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


@dataclass(frozen=True)
class Alone:
    """What an act did in a process of its own: its answer, seconds, and memory held before and at most, in MiB."""

    answer: Any
    seconds: float
    before_mib: float
    peak_mib: float


def alone(act: Callable[..., Any], *arguments: Any) -> Alone:
    """Do something in a new process, so that no memory held or freed by this one hides what it takes.

    Parameters
    ----------
    act
        A function of a module.
    arguments
        What it is given; they and its answer are sent between processes.
    """
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_measured, act, *arguments).result()


def _measured(act: Callable[..., Any], *arguments: Any) -> Alone:
    before, start = forget_peak(), time.perf_counter()
    answer = act(*arguments)
    return Alone(answer, time.perf_counter() - start, before, peak_mib())
