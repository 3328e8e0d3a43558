"""How long work tells how far it is: ``progress(fraction, message)``, fraction 0 to 1, message in Chinese."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[float, str], None]


def silent(fraction: float, message: str) -> None:
    """Tell nobody."""
    del fraction, message


def part(progress: Progress, start: float, end: float) -> Progress:
    """Return a progress whose 0 to 1 is from ``start`` to ``end`` of another."""

    def within(fraction: float, message: str) -> None:
        progress(start + (end - start) * fraction, message)

    return within
