"""Assignment runs as they are stored: for each level, one small number per subject, in blocks.

A run answers for every subject of a territory at every level of a version. At a level it has a list of zones
(``assignment_level``) and, for each block of subjects (``api.store.subject_blocks``), an array of *slots*
(``assignment_block``): a positive slot is a place in that list, counted from 1; a negative one is a reason, counted as
``geo.assignment.explain`` counts them; 0 is a number that no subject has. So a run of a million subjects is a few
hundred rows, and a subject's slot is found by its number.

SQL reads runs by two functions: ``assigned(run, level)`` lists ``subject_id, zone_id, reason`` of everybody at a level;
``zones_of(run, subject)`` lists ``level_id, zone_id, reason`` of one subject. Python reads arrays: `read_level`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from sqlalchemy import text

from api.store import bulk
from api.store.errors import StoreError
from geo.assignment import reconcile
from geo.records import SUBJECT_KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray
    from sqlalchemy.orm import Session

    from api.store.subject_blocks import Subjects


@dataclass(frozen=True)
class Slots:
    """Where subjects are at one level.

    Parameters
    ----------
    zone_ids
        Rows of ``zone`` by slot, the first for slot 1, int64.
    slots
        One per subject, int32: place in ``zone_ids`` from 1, or minus a reason's code, or 0 for "not known".
    """

    zone_ids: NDArray[np.int64]
    slots: NDArray[np.int32]

    @classmethod
    def of(cls, zone_ids: NDArray[np.int64], rows: NDArray[np.int32], reasons: NDArray[np.int8]) -> Slots:
        """Return the slots for positions among zones (-1 in none) and codes of ``explain``."""
        return cls(zone_ids, np.where(rows >= 0, rows + 1, -reasons.astype(np.int32)).astype(np.int32))

    @property
    def zones(self) -> NDArray[np.int64]:
        """Return the row of ``zone`` of each subject, -1 in none."""
        ids = np.append(np.int64(-1), self.zone_ids)
        return np.asarray(ids[np.maximum(self.slots, 0)])

    @property
    def reasons(self) -> NDArray[np.int8]:
        """Return the code of ``explain`` of each subject, 0 in a zone."""
        return -np.minimum(self.slots, 0).astype(np.int8)


def read_level(session: Session, run_id: int, level_id: int) -> tuple[NDArray[np.int64], Slots]:
    """Read who is where at a level of a run.

    Returns
    -------
    ids, slots
        The subjects by number, and where they are. Both are empty when the run has nothing of the level.
    """
    ids: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    slots: list[NDArray[np.int32]] = [np.empty(0, dtype=np.int32)]
    for _, first, found in _blocks(session, run_id, level_id):
        known = np.flatnonzero(found)
        ids.append(first + known)
        slots.append(found[known])
    return np.concatenate(ids), Slots(_zone_ids(session, run_id, level_id), np.concatenate(slots))


def read_unchanged(session: Session, run_id: int, level_id: int, subjects: Subjects) -> Slots:
    """Read where subjects are at a level of a run, 0 for all that are new or changed since it was made."""
    result = np.zeros(len(subjects), dtype=np.int32)
    rows = {block.id: block.rows for block in subjects.blocks if block.id is not None}
    for block, first, found in _blocks(session, run_id, level_id):
        if block in rows:
            result[rows[block]] = found[subjects.ids[rows[block]] - first]
    return Slots(_zone_ids(session, run_id, level_id), result)


def _zone_ids(session: Session, run_id: int, level_id: int) -> NDArray[np.int64]:
    stored = session.scalar(
        text("SELECT zone_ids FROM assignment_level WHERE run_id = :run AND level_id = :level"),
        {"run": run_id, "level": level_id},
    )
    return np.array(stored or [], dtype=np.int64)


def _blocks(
    session: Session, run_id: int, level_id: int
) -> Iterator[tuple[int | None, int, NDArray[np.int32]]]:
    """Yield the blocks of a level in order: block of subjects, number of the first, slots from there on."""
    with bulk.raw_connection(session).cursor() as cursor:
        rows = cursor.stream(
            """SELECT subject_block_id, first_id, array_send(slots) FROM assignment_block
               WHERE run_id = %s AND level_id = %s ORDER BY position""",
            (run_id, level_id),
            binary=True,
        )
        for block, first, sent in rows:
            yield block, first, bulk.decode_int4_array(sent)


def write_run(
    session: Session, version_id: int, subjects: Subjects, levels: Mapping[int, tuple[str, Slots]]
) -> tuple[int, list[dict[str, Any]]]:
    """Store a run and let readers of the version follow it.

    The version's former runs go, but for the last: a reader may have read its number just before. All of it is in the
    session's transaction, so others see the former run or this one, never a half.

    Parameters
    ----------
    session
        Its transaction holds everything.
    version_id
        Row of the version.
    subjects
        All subjects of its territory.
    levels
        Code and result by row of ``level``; every subject has a zone or a reason.

    Returns
    -------
    run, reconciliation
        Row of the run; one dict per level and kind: ``level, kind, total, assigned, outside, gap, no_location,
        bad_location``.

    Raises
    ------
    StoreError
        A subject has neither a zone nor a reason.
    """
    sums = _reconciliation(subjects, levels)
    run = session.scalar(
        text(
            """INSERT INTO assignment_run (version_id, reconciliation)
               VALUES (:version, CAST(:reconciliation AS jsonb)) RETURNING id"""
        ),
        {"version": version_id, "reconciliation": json.dumps(sums)},
    )
    assert isinstance(run, int)  # noqa: S101  RETURNING gives one
    bulk.copy_rows(
        session,
        "assignment_level",
        {"run_id": "int8", "level_id": "int8", "zone_ids": "int8[]"},
        ((run, level, found.zone_ids.tolist()) for level, (_, found) in levels.items()),
    )
    bulk.copy_rows(session, "assignment_block", _BLOCK_TYPES, _block_rows(run, subjects, levels))
    bulk.copy_rows(
        session,
        "zone_count",
        _COUNT_TYPES,
        (row for _, found in levels.values() for row in _count_rows(run, subjects, found)),
    )
    session.execute(
        text("UPDATE version SET run_id = :run WHERE id = :version"), {"run": run, "version": version_id}
    )
    session.execute(
        text(
            """DELETE FROM assignment_run WHERE id IN (
                   SELECT id FROM assignment_run WHERE version_id = :version AND id <> :run
                   ORDER BY id DESC OFFSET 1)"""
        ),
        {"run": run, "version": version_id},
    )
    return run, sums


_BLOCK_TYPES = {
    "run_id": "int8",
    "position": "int8",
    "level_id": "int8",
    "subject_block_id": "int8",
    "first_id": "int8",
    "slots": bulk.INT4_ARRAY,
}

_COUNT_TYPES = {"run_id": "int8", "zone_id": "int8", "kind": "text", "subjects": "int8", "people": "int8"}


def _reconciliation(subjects: Subjects, levels: Mapping[int, tuple[str, Slots]]) -> list[dict[str, Any]]:
    for code, found in levels.values():
        lost = int(np.count_nonzero(found.slots == 0))
        if lost:  # law 2: no bug may leave somebody out
            raise StoreError(
                f"层级 {code} 有 {lost:,} 个管理对象既没有网格也没有原因，本次分配没有保存。",
                f"{lost:,} subjects of level {code} have neither a zone nor a reason",
                remedy="这是程序的错误，请完整分配 (onegrid assign) 并报告。",
            )
    names = sorted(SUBJECT_KINDS)
    place = np.array([names.index(kind) for kind in SUBJECT_KINDS], dtype=np.int8)
    kinds = pd.Categorical.from_codes(place[subjects.kinds], pd.Index(names))
    table = reconcile({code: found.reasons for code, found in levels.values()}, kinds)
    return [
        {str(key): value if isinstance(value, str) else int(value) for key, value in row.items()}
        for row in table.to_dict("records")
    ]


def _block_rows(
    run: int, subjects: Subjects, levels: Mapping[int, tuple[str, Slots]]
) -> Iterator[tuple[object, ...]]:
    for block in subjects.blocks:
        ids = subjects.ids[block.rows]
        first, span = int(ids[0]), int(ids[-1] - ids[0]) + 1
        for level, (_, found) in levels.items():
            slots = found.slots[block.rows]
            if span > len(ids):  # some numbers between are nobody's here
                slots = np.zeros(span, dtype=np.int32)
                slots[ids - first] = found.slots[block.rows]
            yield run, block.position, level, block.id, first, bulk.encode_int4_array(slots)


def _count_rows(run: int, subjects: Subjects, found: Slots) -> Iterator[tuple[object, ...]]:
    """Yield how many subjects, and how many people, each zone has by kind."""
    inside = np.flatnonzero(found.slots > 0)
    width = len(SUBJECT_KINDS)
    cells = (found.slots[inside].astype(np.int64) - 1) * width + subjects.kinds[inside]
    people, known = subjects.people[inside], ~subjects.people_unknown[inside]
    size = len(found.zone_ids) * width
    counts = np.bincount(cells, minlength=size)
    counted = np.bincount(cells[known], minlength=size)
    sums = np.bincount(cells[known], weights=people[known], minlength=size)
    for cell in np.flatnonzero(counts).tolist():
        total = int(sums[cell]) if counted[cell] else None
        zone, kind = divmod(cell, width)
        yield run, int(found.zone_ids[zone]), SUBJECT_KINDS[kind], int(counts[cell]), total
