"""Answers kept in memory, least used ones dropped first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

TILE_BYTES = 64 * 2**20
"""Memory for tiles: a few thousand of them, more than the screens of an office show at once."""


class Kept:
    """Bytes by key, up to a size.

    Parameters
    ----------
    limit
        Bytes that are kept at most, keys not counted.

    Examples
    --------
    >>> kept = Kept(limit=5)
    >>> kept.get("a", lambda: b"one"), kept.get("a", lambda: b"never asked")
    (b'one', b'one')
    >>> kept.get("b", lambda: b"two"), kept.get("a", lambda: b"again")
    (b'two', b'again')
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], bytes]) -> bytes:
        """Return what is kept under a key, else make it and keep it.

        Parameters
        ----------
        key
            Says everything that the bytes depend on.
        make
            Makes them; two callers at once may both do so.
        """
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
                return found
        made = make()
        with self._lock:
            self._size += len(made) - len(self._kept.pop(key, b""))
            self._kept[key] = made
            while self._size > self._limit:
                _, dropped = self._kept.popitem(last=False)
                self._size -= len(dropped)
        return made
