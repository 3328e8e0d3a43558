"""The subjects of a territory as arrays, read from a copy in columns that is never out of date.

Table ``subject`` says what subjects are. ``subject_block`` repeats the numbers of which assignments are made, column by
column, one row for each 8,192 numbers of subjects: a million subjects are read in the time of a hundred rows. Whoever
writes subjects, by whatever means, leaves a mark on each block concerned in the same transaction: triggers of the table
see to that. A reader trusts a block only if it sees no mark on it, reads the rows of the others from ``subject``, and
stores those blocks anew unless somebody else is about to. So a copy is never wrong, only slower once.

Why no lock is needed: a block is stored after its marks were read and before exactly those marks are removed. A change
that was not in the rows read has a mark that was not among them, and that mark outlives the block.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from sqlalchemy import text

from api.store import bulk
from api.store.records_in import BAD_LOCATION
from geo.records import SUBJECT_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import psycopg
    from numpy.typing import NDArray
    from sqlalchemy.orm import Session

SPAN_BITS: Final = 13
"""A block holds the subjects whose numbers agree but for so many last bits. The triggers know it too."""

NO_PEOPLE: Final = -1
"""People unknown, in the arrays; NULL in the table."""

BLOCK_LOCK: Final = 0x6F6E6568
"""First key of the advisory lock of whoever stores blocks; the second is the territory."""

_FIELDS: Final = (("id", "i8"), ("kind", "i2"), ("people", "i4"), ("lon", "f8"), ("lat", "f8"))

# The widest first, so that every column of a block is aligned.
_COLUMNS: Final = (("ids", "<i8"), ("lon", "<f8"), ("lat", "<f8"), ("people", "<i4"), ("kinds", "<i2"))


@dataclass(frozen=True)
class Block:
    """One block of subjects.

    Parameters
    ----------
    position
        Number of its subjects without the last `SPAN_BITS` bits.
    id
        Row of ``subject_block``: another one as soon as anything about these subjects is. None if it is not stored.
    rows
        Where its subjects are in the arrays of `Subjects`.
    """

    position: int
    id: int | None
    rows: slice


@dataclass(frozen=True)
class Subjects:
    """The subjects of a territory, ordered by number.

    Parameters
    ----------
    ids
        Rows of ``subject``, int64.
    kinds
        Positions in ``geo.records.SUBJECT_KINDS``, int16.
    people
        int32, `NO_PEOPLE` where unknown.
    lon, lat
        Degrees. Both NaN without a location, infinite with an unusable one, as ``geo.assignment.explain`` wants them.
    blocks
        From which blocks they come, in order.
    """

    ids: NDArray[np.int64]
    kinds: NDArray[np.int16]
    people: NDArray[np.int32]
    lon: NDArray[np.float64]
    lat: NDArray[np.float64]
    blocks: tuple[Block, ...]

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.ids)

    @property
    def kind_names(self) -> NDArray[np.object_]:
        """Return the kind of each."""
        return np.array(SUBJECT_KINDS, dtype=object)[self.kinds]

    @property
    def people_unknown(self) -> NDArray[np.bool_]:
        """Tell of whom the people are not known."""
        return np.asarray(self.people == NO_PEOPLE)

    @property
    def placed(self) -> NDArray[np.bool_]:
        """Tell who has a usable location."""
        return np.isfinite(self.lon) & np.isfinite(self.lat)


def read_subjects(session: Session, territory_id: int) -> Subjects:
    """Read the subjects of a territory.

    Parameters
    ----------
    session
        Its transaction also holds the blocks that had to be stored anew, if any; nothing breaks when it is undone.
    territory_id
        Row of the territory.
    """
    fresh = refresh(session, territory_id)
    filling = _Filling(sum(len(found.rows) for found in fresh.values()))
    waiting = sorted(fresh.items(), reverse=True)
    with bulk.raw_connection(session).cursor() as cursor:
        for block, position, count, packed, total in _stored(cursor, territory_id, list(fresh)):
            filling.room_for(total)
            while waiting and waiting[-1][0] < position:
                filling.add_fresh(*waiting.pop())
            filling.add_packed(position, block, count, packed)
    while waiting:
        filling.add_fresh(*waiting.pop())
    return filling.subjects()


@dataclass(frozen=True)
class _Fresh:
    """The subjects of one block as ``subject`` has them; ``id`` is None unless the block was stored."""

    rows: NDArray[Any]
    id: int | None


def refresh(session: Session, territory_id: int) -> Mapping[int, _Fresh]:
    """Bring the copy of a territory's subjects up to date; return what had to be read for it, by position.

    A load does it at its end, so that no reader has to.
    """
    marks = session.execute(
        text("SELECT id, position FROM subject_mark WHERE territory_id = :territory"),
        {"territory": territory_id},
    ).all()
    if not marks:
        return {}
    # Whoever does not get the lock reads the same rows, and leaves the storing to the one who has it.
    may_store = session.scalar(
        text("SELECT pg_try_advisory_xact_lock(:key, :territory)"),
        {"key": BLOCK_LOCK, "territory": territory_id % 2**31},
    )
    positions = sorted({mark.position for mark in marks})
    fresh = {position: _Fresh(rows, None) for position, rows in _read_rows(session, territory_id, positions)}
    if not may_store:
        return fresh
    owner = {"territory": territory_id, "positions": positions}
    session.execute(
        text("DELETE FROM subject_block WHERE territory_id = :territory AND position = ANY(:positions)"),
        owner,
    )
    types = {"territory_id": "int8", "position": "int8", "subjects": "int4", "packed": "bytea"}
    bulk.copy_rows(
        session,
        "subject_block",
        types,
        (
            (territory_id, position, len(found.rows), _packed(found.rows))
            for position, found in fresh.items()
            if len(found.rows)
        ),
    )
    session.execute(
        text("DELETE FROM subject_mark WHERE id = ANY(:marks)"), {"marks": [mark.id for mark in marks]}
    )
    stored = session.execute(
        text(
            """SELECT position, id FROM subject_block
               WHERE territory_id = :territory AND position = ANY(:positions)"""
        ),
        owner,
    )
    ids = {row.position: row.id for row in stored}
    return {position: _Fresh(found.rows, ids.get(position)) for position, found in fresh.items()}


def _read_rows(
    session: Session, territory_id: int, positions: list[int]
) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the rows of blocks from ``subject``, ordered by id."""
    kinds = " ".join(f"WHEN '{kind}' THEN {place}" for place, kind in enumerate(SUBJECT_KINDS))
    # A location of its own row needs no join; CASE on the few without one only.
    absent = f"CASE WHEN attributes ? '{BAD_LOCATION}' THEN float8 'Infinity' ELSE float8 'NaN' END"
    for first, last in _ranges(positions):
        query = f"""
            SELECT id, (CASE kind {kinds} END)::int2 AS kind, coalesce(people, {NO_PEOPLE})::int4 AS people,
                   coalesce(ST_X(location), {absent}) AS lon, coalesce(ST_Y(location), {absent}) AS lat
            FROM subject WHERE territory_id = {int(territory_id)}
                AND id >= {first << SPAN_BITS} AND id < {(last + 1) << SPAN_BITS}
        """  # noqa: S608  only numbers and words of our own
        rows = bulk.read_fixed(session, query, _FIELDS)
        edges = np.searchsorted(rows["id"], np.arange(first, last + 2, dtype=np.int64) << SPAN_BITS)
        for position, start, stop in zip(range(first, last + 1), edges[:-1], edges[1:], strict=True):
            yield position, rows[start:stop]


def _ranges(positions: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of positions that follow one another."""
    first = last = None
    for position in positions:
        if first is None or last is None:
            first = last = position
        elif position == last + 1:
            last = position
        else:
            yield first, last
            first = last = position
    if first is not None and last is not None:
        yield first, last


def _packed(rows: NDArray[Any]) -> bytes:
    fields = {"ids": "id", "kinds": "kind"}
    return b"".join(rows[fields.get(name, name)].astype(kind).tobytes() for name, kind in _COLUMNS)


def _stored(
    cursor: psycopg.Cursor[Any], territory_id: int, but: list[int]
) -> Iterator[tuple[int, int, int, bytes, int]]:
    """Yield id, position, count and bytes of stored blocks by position, and how many subjects all of them hold."""
    yield from cursor.stream(
        """SELECT id, position, subjects, packed, sum(subjects) OVER () FROM subject_block
           WHERE territory_id = %s AND NOT position = ANY(%s) ORDER BY position""",
        (territory_id, but),
        binary=True,
    )


class _Filling:
    """Arrays that blocks are laid into one after the other: no subject is held twice."""

    def __init__(self, fresh: int) -> None:
        self._fresh = fresh
        self._arrays: dict[str, NDArray[Any]] = {}
        self._blocks: list[Block] = []
        self._at = 0
        self._allot(fresh)

    def _allot(self, count: int) -> None:
        self._arrays = {name: np.empty(count, dtype=kind) for name, kind in _COLUMNS}

    def room_for(self, stored: int) -> None:
        """Make room for all stored blocks, before the first is laid."""
        if not self._blocks:
            self._allot(self._fresh + int(stored))

    def _take(self, position: int, block: int | None, count: int) -> slice:
        rows = slice(self._at, self._at + count)
        self._blocks.append(Block(position, block, rows))
        self._at += count
        return rows

    def add_packed(self, position: int, block: int, count: int, packed: bytes) -> None:
        """Lay a stored block."""
        rows, offset = self._take(position, block, count), 0
        for name, kind in _COLUMNS:
            self._arrays[name][rows] = np.frombuffer(packed, dtype=kind, count=count, offset=offset)
            offset += count * np.dtype(kind).itemsize

    def add_fresh(self, position: int, found: _Fresh) -> None:
        """Lay the rows of a block that was not stored, or is empty."""
        if not len(found.rows):
            return
        rows = self._take(position, found.id, len(found.rows))
        for name, field in (("ids", "id"), ("kinds", "kind"), *((n, n) for n in ("people", "lon", "lat"))):
            self._arrays[name][rows] = found.rows[field]

    def subjects(self) -> Subjects:
        """Return what was laid."""
        return Subjects(**self._arrays, blocks=tuple(self._blocks))
