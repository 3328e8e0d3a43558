"""Who watches which plan, and who works where: events to any number of browsers without a thread for any of them.

One connection listens to what the database announces; each watcher keeps only the newest news of each kind, so that
a slow browser costs no memory. Who works where is kept in this process alone, and forgotten soon.
"""

from __future__ import annotations

import asyncio
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import structlog

from api.store.announcements import BEGUN, announcements
from api.store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

FORGET_S: Final = 40.0
"""How long somebody is shown as working in a plan after the last word from their page."""

AGAIN_S: Final = 1.0
"""How long to wait before listening again after the database has gone."""

CLOSE: Final = "close"
RESUME: Final = "resume"
"""News for the stream itself: end; tell everything anew, since something may have been missed."""

_log = structlog.get_logger(__name__)


@dataclass(eq=False)
class Watcher:
    """One open stream of events.

    Parameters
    ----------
    plan
        What it watches.
    """

    plan: int
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    _news: dict[str, dict[str, Any]] = field(default_factory=dict)
    _some: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, event: str, data: dict[str, Any]) -> None:
        """Give it news, from any thread."""
        with suppress(RuntimeError):  # its loop ended with its service
            self._loop.call_soon_threadsafe(self._keep, event, data)

    def _keep(self, event: str, data: dict[str, Any]) -> None:
        self._news.pop(event, None)
        self._news[event] = data
        self._some.set()

    async def news(self) -> dict[str, dict[str, Any]]:
        """Wait for news and return the newest of each kind, in the order in which they came."""
        await self._some.wait()
        self._some.clear()
        found, self._news = self._news, {}
        return found


@dataclass
class _Seen:
    name: str
    at: dict[str, str] | None
    until: float


class Watching:
    """The watchers of all plans, and who works where, of one service."""

    def __init__(self) -> None:
        # Reentrant: a signal that closes may interrupt the very thread that holds it.
        self._lock = threading.RLock()
        self._watchers: dict[int, set[Watcher]] = {}
        self._seen: dict[int, dict[str, _Seen]] = {}
        self._listening: asyncio.Task[None] | None = None
        self._hears = False
        self._closed = False

    def __len__(self) -> int:
        """Return how many streams are open."""
        with self._lock:
            return sum(len(watchers) for watchers in self._watchers.values())

    @contextmanager
    def watch(self, engine: Engine, plan: int) -> Iterator[Watcher]:
        """Watch a plan, on the running event loop: the first news are `RESUME`, once nothing can be missed any more."""
        watcher = Watcher(plan)
        with self._lock:
            self._watchers.setdefault(plan, set()).add(watcher)
            if self._closed:
                watcher.tell(CLOSE, {})
            elif self._listening is None or self._listening.done():
                self._hears = False
                self._listening = asyncio.get_running_loop().create_task(self._listen(engine))
            elif self._hears:
                watcher.tell(RESUME, {})
        try:
            yield watcher
        finally:
            with self._lock:
                self._watchers[plan].discard(watcher)
                if not self._watchers[plan]:
                    del self._watchers[plan]
                if not self._watchers and self._listening is not None:
                    with suppress(RuntimeError):  # its loop ended with its service
                        self._listening.get_loop().call_soon_threadsafe(self._listening.cancel)
                    self._listening = None

    async def _listen(self, engine: Engine) -> None:
        while True:
            try:
                async for told in announcements(engine):
                    if told is BEGUN:
                        self._hear(begun=True)
                    else:
                        self.tell(told.plan, told.event, told.data)
            except StoreError as error:
                _log.warning("listening to plans was interrupted", reason=error.en)
            self._hear(begun=False)
            await asyncio.sleep(AGAIN_S)

    def _hear(self, *, begun: bool) -> None:
        """Note whether news are heard, and tell who waits for it: whoever comes later is told at once."""
        with self._lock:
            if self._listening is asyncio.current_task():  # and not one that is being cancelled
                self._hears = begun
                if begun:
                    self._tell_all(RESUME)

    def tell(self, plan: int, event: str, data: dict[str, Any]) -> None:
        """Give news to everybody who watches a plan, from any thread."""
        with self._lock:
            for watcher in self._watchers.get(plan, ()):
                watcher.tell(event, data)

    def _tell_all(self, event: str) -> None:
        with self._lock:
            for watchers in self._watchers.values():
                for watcher in watchers:
                    watcher.tell(event, {})

    def close(self) -> None:
        """End all streams, and those that are opened from now on: the service stops."""
        self._closed = True
        self._tell_all(CLOSE)

    def see(self, plan: int, account: str, name: str, at: dict[str, str] | None) -> list[dict[str, Any]]:
        """Note that somebody works in a plan, tell who watches it, and return who does.

        Parameters
        ----------
        plan
            The plan.
        account, name
            Name and display name of the account.
        at
            ``level, code, name`` of the zone in hand, if any.
        """
        with self._lock:
            self._seen.setdefault(plan, {})[account] = _Seen(name, at, time.monotonic() + FORGET_S)
        who = self.who(plan)
        self.tell(plan, "presence", {"who": who})
        return who

    def who(self, plan: int) -> list[dict[str, Any]]:
        """Return who works in a plan, by name of account: ``account, name, at``."""
        now = time.monotonic()
        with self._lock:
            for number in list(self._seen):
                kept = {name: seen for name, seen in self._seen[number].items() if seen.until > now}
                if kept:
                    self._seen[number] = kept
                else:
                    del self._seen[number]
            return [
                {"account": account, "name": seen.name, "at": seen.at}
                for account, seen in sorted(self._seen.get(plan, {}).items())
            ]
