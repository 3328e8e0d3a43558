"""An address book: which of a million known addresses is meant."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pypinyin import lazy_pinyin
from rapidfuzz import fuzz, process

from geo.addresses.matching import Match, near_misses, rank
from geo.addresses.parsing import ParsedAddress, parse
from geo.errors import GeoError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

_CHUNK = 50_000
_MOST_ROWS = 20_000
_MOST_NEAR = 1_000
_MOST_NAMES = 20


class _Index:
    """Rows by the hash of a string: 12 bytes per entry. Hashes may collide, so every answer is compared again."""

    def __init__(self, hashes: NDArray[np.uint64], rows: NDArray[np.int32]) -> None:
        order = np.argsort(hashes, kind="stable")
        self._hashes, self._rows = hashes[order], rows[order]

    def rows(self, key: str) -> NDArray[np.int32]:
        """Return the rows of a key, ascending."""
        wanted = _hashed([key])[0]
        first, last = (
            np.searchsorted(self._hashes, wanted),
            np.searchsorted(self._hashes, wanted, side="right"),
        )
        return self._rows[first:last]


def _hashed(keys: list[str]) -> NDArray[np.uint64]:
    return np.asarray(pd.util.hash_array(np.array(keys, dtype=object), categorize=False))


class AddressBook:
    """Known addresses and where they are, ready to be searched.

    Each address is indexed by its key (as its street and as its estate tell it) and by the place that its numbers
    count from, in about 60 bytes an address beside the texts themselves.

    Parameters
    ----------
    frame
        One row per address with ``text`` and, where known, a point as geometry (EPSG:4490). Not changed; texts are
        not copied.
    progress
        Called with the share done, 0.0–1.0, now and then.

    Raises
    ------
    GeoError
        When there is no column ``text``.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import Point
    >>> known = gpd.GeoDataFrame(
    ...     {"text": ["颛兴东路1234弄15号", "颛兴东路1234弄16号"]},
    ...     geometry=[Point(121.40, 31.07), Point(121.41, 31.07)],
    ...     crs="EPSG:4490",
    ... )
    >>> match = AddressBook(known).match("上海市闵行区颛兴东路1234弄15号602室")[0]
    >>> match.text, match.confidence, match.reason
    ('颛兴东路1234弄15号', 0.8, '未登记 602室，定位到 15号')
    """

    def __init__(self, frame: pd.DataFrame, *, progress: Callable[[float], None] | None = None) -> None:
        if "text" not in frame:
            raise GeoError("地址表缺少“text”（地址）列。", "the address book lacks a column 'text'")
        self._texts = frame["text"].astype(object).to_numpy()
        self._lon, self._lat = _points(frame)
        self._firsts = np.full(len(frame), -1, dtype=np.int32)
        names: dict[str, None] = {}
        parts = []
        for start in range(0, len(self._texts), _CHUNK):
            parts.append(self._read(start, min(start + _CHUNK, len(self._texts)), names))
            if progress is not None:
                progress(min(start + _CHUNK, len(self._texts)) / len(self._texts))
        rows = np.concatenate([part[0] for part in parts] or [np.empty(0, dtype=np.int32)])
        keys, heads, places = (
            _Index(np.concatenate([part[i] for part in parts] or [np.empty(0, dtype=np.uint64)]), rows)
            for i in (1, 2, 3)
        )
        self._keys, self._heads, self._places = keys, heads, places
        self._names = list(names)
        self._sounds: dict[str, list[str]] | None = None

    def _read(self, start: int, stop: int, names: dict[str, None]) -> tuple[NDArray[Any], ...]:
        """Parse some rows; only hashes are kept of what they are found by."""
        rows: list[int] = []
        entries: list[tuple[str, str, str]] = []
        for row in range(start, stop):
            text = self._texts[row]
            if not (isinstance(text, str) and text.strip()):
                continue
            address = parse(text)
            entries.append(_entry(address))
            rows.append(row)
            self._firsts[row] = _value(entries[-1][2])
            if address.inner is not None:
                entries.append(_entry(address.inner))
                rows.append(row)
        names.update(dict.fromkeys(name for _, name, _ in entries))
        return (
            np.array(rows, dtype=np.int32),
            _hashed([key for key, _, _ in entries]),
            _hashed([f"{name}|{first}" for _, name, first in entries]),
            _hashed([name for _, name, _ in entries]),
        )

    def __len__(self) -> int:
        """Return the number of addresses."""
        return len(self._texts)

    def match(self, text: str, *, limit: int = 5) -> list[Match]:
        """Find the known addresses that are meant.

        The same address first; else the building or estate that contains it; else what lies in it; else one whose
        name differs by a slip or sounds the same, with exactly the same numbers.

        Parameters
        ----------
        text
            As people write it.
        limit
            How many to return; all that share the best confidence are returned (the address is ambiguous).

        Returns
        -------
        list of Match
            Best first; empty where nothing answers (see :meth:`near_misses`).
        """
        wanted = parse(text)
        views = [_entry(view) for view in wanted.views]
        exact = self._gather(key for key, _, _ in views)
        if found := self._ranked(wanted, exact, limit, ("exact",)):
            return found
        wider = self._gather(prefix for view in wanted.views for prefix in view.prefixes)
        if found := self._ranked(wanted, wider, limit, ("inside",)):
            return found
        if wanted.numbers or not wanted.road:
            below = [
                self._heads.rows(f"{name}|{first}") if first else self._places.rows(name)
                for _, name, first in views
            ]
            if found := self._ranked(wanted, np.concatenate(below), limit, ("contains",)):
                return found
        like = [name for _, name, _ in views for name in self._alike(name, 75.0)]
        heads = [first for _, _, first in views]
        close = [self._heads.rows(f"{name}|{first}") for name in like for first in {*heads, ""}]
        return self._ranked(wanted, np.concatenate(close) if close else exact, limit, ("similar",))

    def near_misses(self, text: str, *, limit: int = 5) -> list[Match]:
        """Find known addresses that are not the wanted one but look like it: its neighbours, names alike.

        Parameters
        ----------
        text
            As people write it.
        limit
            How many to return.

        Returns
        -------
        list of Match
            Best first, each with what differs as its reason and a confidence below 0.5.
        """
        wanted = parse(text)
        rows = []
        for view in wanted.views:
            _, name, first = _entry(view)
            rows.append(self._neighbours(name, first, _MOST_NEAR))
            rows += [
                self._neighbours(like, first, _MOST_NEAR // _MOST_NAMES) for like in self._alike(name, 60.0)
            ]
        parsed, kept = self._parsed(np.concatenate(rows) if rows else np.empty(0, dtype=np.int32))
        return [self._placed(match, kept) for match in near_misses(wanted, parsed, limit=limit)]

    def _neighbours(self, name: str, first: str, most: int) -> NDArray[np.int32]:
        """Return addresses at a named place, those with the nearest first numbers."""
        rows = self._places.rows(name)
        if len(rows) <= most:
            return rows
        apart = np.abs(self._firsts[rows].astype(np.int64) - _value(first))
        return rows[np.argsort(apart, kind="stable")[:most]]

    def _gather(self, keys: Iterable[str]) -> NDArray[np.int32]:
        found = [self._keys.rows(key) for key in keys if key]
        return np.concatenate(found) if found else np.empty(0, dtype=np.int32)

    def _alike(self, name: str, cutoff: float) -> list[str]:
        """Return known names that look or sound like one."""
        if not name:
            return []
        if self._sounds is None:
            sounds: dict[str, list[str]] = defaultdict(list)
            for known in self._names:
                sounds["".join(lazy_pinyin(known))].append(known)
            self._sounds = dict(sounds)
        alike = process.extract(name, self._names, scorer=fuzz.ratio, score_cutoff=cutoff, limit=_MOST_NAMES)
        found = dict.fromkeys(
            [*self._sounds.get("".join(lazy_pinyin(name)), []), *(known for known, _, _ in alike)]
        )
        return [known for known in found if known != name]

    def _parsed(self, rows: NDArray[np.int32]) -> tuple[list[ParsedAddress], NDArray[np.int32]]:
        kept = np.unique(rows)[:_MOST_ROWS]
        return [parse(self._texts[row]) for row in kept], kept

    def _ranked(
        self, wanted: ParsedAddress, rows: NDArray[np.int32], limit: int, relations: tuple[str, ...]
    ) -> list[Match]:
        if not len(rows):
            return []
        parsed, kept = self._parsed(rows)
        found = rank(wanted, parsed, limit=limit)
        return [self._placed(match, kept) for match in found if match.relation in relations]

    def _placed(self, match: Match, kept: NDArray[np.int32]) -> Match:
        row = int(kept[match.row])
        return replace(match, row=row, lon=float(self._lon[row]), lat=float(self._lat[row]))


def _entry(address: ParsedAddress) -> tuple[str, str, str]:
    """Return what an address is found by: its key, its name and its first number."""
    return address.key, address.name, address.numbers[0] if address.numbers else ""


def _value(number: str) -> int:
    """Return the value of a number with its unit, as far as it fits 32 bits; −1 for none."""
    digits = re.match(r"[0-9]{1,9}", number)
    return int(digits[0]) if digits else -1


def _points(frame: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    lon, lat = np.full(len(frame), np.nan), np.full(len(frame), np.nan)
    if isinstance(frame, gpd.GeoDataFrame):
        points = frame.geometry.to_numpy()
        here = shapely.get_type_id(points) == 0
        lon[here], lat[here] = shapely.get_x(points[here]), shapely.get_y(points[here])
    return lon, lat
