"""An address book: which of a million known addresses is meant."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

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

_MOST_ROWS = 20_000
_MOST_NAMES = 20


class _Index:
    """Rows by the hash of a string: 12 bytes per entry. Hashes may collide, so every answer is compared again."""

    def __init__(self, keys: list[str], rows: NDArray[np.int32]) -> None:
        hashes = _hashed(keys)
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
        keys: list[str] = []
        key_rows: list[int] = []
        heads: list[str] = []
        numbers: dict[str, int] = {}
        for row, text in enumerate(self._texts):
            if isinstance(text, str) and text.strip():
                address = parse(text)
                told = (address,) if address.inner is None else (address, address.inner)
                for key, name, first in map(_entry, told):
                    keys.append(key)
                    key_rows.append(row)
                    heads.append(f"{name}|{first}")
                    numbers[name] = numbers.get(name, 0) + 1
            if progress is not None and row % 20_000 == 0:
                progress(row / len(self._texts))
        if progress is not None:
            progress(1.0)
        rows = np.array(key_rows, dtype=np.int32)
        self._keys = _Index(keys, rows)
        self._heads = _Index(heads, rows)
        self._places = _Index([head.partition("|")[0] for head in heads], rows)
        self._names = list(numbers)
        self._sounds: dict[str, list[str]] | None = None

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
        own = {view.name for view in wanted.views}
        rows = [self._places.rows(name) for name in own]
        names = [like for name in own for like in self._alike(name, 60.0)]
        rows += [self._places.rows(name)[:_MOST_ROWS] for name in names]
        parsed, kept = self._parsed(np.concatenate(rows) if rows else np.empty(0, dtype=np.int32))
        return [self._placed(match, kept) for match in near_misses(wanted, parsed, limit=limit)]

    def _gather(self, keys: Iterable[str]) -> NDArray[np.int32]:
        found = [self._keys.rows(key) for key in keys if key]
        return np.concatenate(found) if found else np.empty(0, dtype=np.int32)

    def _below(self, name: str, first: str) -> NDArray[np.int32]:
        return self._heads.rows(f"{name}|{first}") if first else self._places.rows(name)

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


def _points(frame: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    lon, lat = np.full(len(frame), np.nan), np.full(len(frame), np.nan)
    if isinstance(frame, gpd.GeoDataFrame):
        points = frame.geometry.to_numpy()
        here = shapely.get_type_id(points) == 0
        lon[here], lat[here] = shapely.get_x(points[here]), shapely.get_y(points[here])
    return lon, lat
