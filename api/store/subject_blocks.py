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
    from collections.abc import Iterator, Mapping

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

_FIELD_OF: Final = {"ids": "id", "lon": "lon", "lat": "lat", "people": "people", "kinds": "kind"}

MOST_AT_ONCE: Final = 128
"""Blocks that are made at once: what a load of any size holds in memory for them."""


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
    unstored = refresh(session, territory_id)
    filling = _Filling(sum(map(len, unstored.values())))
    waiting = sorted(unstored.items(), reverse=True)
    with bulk.raw_connection(session).cursor() as cursor:
        for block, position, count, packed, total in _stored(cursor, territory_id, list(unstored)):
            filling.room_for(total)
            while waiting and waiting[-1][0] < position:
                filling.add_rows(*waiting.pop())
            filling.add_packed(position, block, count, packed)
    while waiting:
        filling.add_rows(*waiting.pop())
    return filling.subjects()


def refresh(session: Session, territory_id: int) -> Mapping[int, NDArray[Any]]:
    """Store anew what is out of date in the copy of a territory's subjects.

    A load does it at its end, so that no reader has to.

    Returns
    -------
    Mapping
        By position, the rows of the blocks that are out of date but somebody else's to store; empty otherwise.
    """
    marks = session.execute(
        text("SELECT id, position FROM subject_mark WHERE territory_id = :territory"),
        {"territory": territory_id},
    ).all()
    if not marks:
        return {}
    spans = list(_spans(sorted({mark.position for mark in marks})))
    # Whoever does not get the lock reads the same rows, and leaves the storing to the one who has it.
    if not session.scalar(
        text("SELECT pg_try_advisory_xact_lock(:key, :territory)"),
        {"key": BLOCK_LOCK, "territory": territory_id % 2**31},
    ):
        return {
            position: rows for span in spans for position, rows in _read_rows(session, territory_id, *span)
        }
    types = {"territory_id": "int8", "position": "int8", "subjects": "int4", "packed": "bytea"}
    for first, last in spans:
        session.execute(
            text(
                """DELETE FROM subject_block
                   WHERE territory_id = :territory AND position BETWEEN :first AND :last"""
            ),
            {"territory": territory_id, "first": first, "last": last},
        )
        found = list(_read_rows(session, territory_id, first, last))
        blocks = ((territory_id, at, len(rows), _packed(rows)) for at, rows in found if len(rows))
        bulk.copy_rows(session, "subject_block", types, blocks)
    session.execute(
        text("DELETE FROM subject_mark WHERE id = ANY(:marks)"), {"marks": [mark.id for mark in marks]}
    )
    return {}


def _spans(positions: list[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and the last of positions that follow one another, `MOST_AT_ONCE` of them at most."""
    first = last = positions[0]
    for position in positions[1:]:
        if position == last + 1 and position - first < MOST_AT_ONCE:
            last = position
        else:
            yield first, last
            first = last = position
    yield first, last


def _read_rows(
    session: Session, territory_id: int, first: int, last: int
) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the rows of successive blocks from ``subject``, ordered by id."""
    kinds = " ".join(f"WHEN '{kind}' THEN {place}" for place, kind in enumerate(SUBJECT_KINDS))
    # A location of its own row needs no join; CASE on the few without one only.
    absent = f"CASE WHEN attributes ? '{BAD_LOCATION}' THEN float8 'Infinity' ELSE float8 'NaN' END"
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


def _packed(rows: NDArray[Any]) -> bytes:
    return b"".join(rows[_FIELD_OF[name]].astype(kind).tobytes() for name, kind in _COLUMNS)


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

    def __init__(self, unstored: int) -> None:
        self._unstored = unstored
        self._arrays: dict[str, NDArray[Any]] = {}
        self._blocks: list[Block] = []
        self._at = 0
        self._ready = False
        self._allot(unstored)

    def _allot(self, count: int) -> None:
        self._arrays = {name: np.empty(count, dtype=kind) for name, kind in _COLUMNS}

    def room_for(self, stored: int) -> None:
        """Make room for all stored blocks, before the first is laid."""
        if not self._ready:
            self._allot(self._unstored + int(stored))
            self._ready = True

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

    def add_rows(self, position: int, found: NDArray[Any]) -> None:
        """Lay rows of a block that is not stored."""
        if not len(found):
            return
        rows = self._take(position, None, len(found))
        for name, _ in _COLUMNS:
            self._arrays[name][rows] = found[_FIELD_OF[name]]

    def subjects(self) -> Subjects:
        """Return what was laid."""
        return Subjects(**self._arrays, blocks=tuple(self._blocks))
