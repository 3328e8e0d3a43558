"""The move ledger of a plan: who changes zone, from where to where, by which edit; summed so that nobody is lost.

A ledger is a frame of one row per subject and level: ``level, subject, kind, people, from_zone, to_zone`` (None: in no
zone), as `geo.plans.census.Census.ledger` returns it, with ``revision``: the edit that moved the subject last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Sequence

SUBJECT = ["level", "subject"]
WAY = ["level", "kind", "from_zone", "to_zone"]


def with_revisions(ledger: pd.DataFrame, moves: Sequence[tuple[int, pd.DataFrame]]) -> pd.DataFrame:
    """Say which edit moved each subject last.

    Parameters
    ----------
    ledger
        Every subject that is elsewhere than at the start.
    moves
        Revision and moves of each edit, in order.

    Returns
    -------
    DataFrame
        The ledger with ``revision`` (Int64). A subject that an edit moved and another brought back has no row.
    """
    told = [frame[SUBJECT].assign(revision=revision) for revision, frame in moves if len(frame)]
    if not told:
        return ledger.assign(revision=pd.array([pd.NA] * len(ledger), dtype="Int64"))
    last = pd.concat(told, ignore_index=True).drop_duplicates(SUBJECT, keep="last")
    found = ledger.merge(last, on=SUBJECT, how="left")
    return found.assign(revision=found["revision"].astype("Int64"))


def summed(moves: pd.DataFrame) -> list[dict[str, Any]]:
    """Count moves by level, kind, and way: ``level, kind, from, to, subjects``."""
    counted = moves.groupby(WAY, dropna=False, sort=True).size().reset_index(name="subjects")
    return [
        {"level": level, "kind": kind, "from": _code(old), "to": _code(new), "subjects": int(count)}
        for level, kind, old, new, count in counted.itertuples(index=False, name=None)
    ]


def by_zone(ledger: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Balance the zones that gain or lose: what was there, minus what leaves, plus what comes.

    Parameters
    ----------
    ledger
        The moves.
    before
        ``level, code, kind, subjects`` as they were.

    Returns
    -------
    DataFrame
        By level, zone and kind: ``level, code, kind, before, leaving, coming, after``.
    """
    key = ["level", "code", "kind"]
    leaving = ledger.rename(columns={"from_zone": "code"}).dropna(subset=["code"]).groupby(key).size()
    coming = ledger.rename(columns={"to_zone": "code"}).dropna(subset=["code"]).groupby(key).size()
    table = pd.DataFrame({"leaving": leaving, "coming": coming}).fillna(0).astype("int64")
    was = before.set_index(key)["subjects"]
    table.insert(0, "before", was.reindex(table.index).fillna(0).astype("int64"))
    table["after"] = table["before"] - table["leaving"] + table["coming"]
    return table.rename_axis(key).reset_index().sort_values(key, ignore_index=True)


def totals(
    ledger: pd.DataFrame, reconciliation: Sequence[dict[str, Any]], present: dict[str, int]
) -> list[dict[str, Any]]:
    """Balance each level and kind: everybody is in a zone or in none, before and after (law 3).

    Parameters
    ----------
    ledger
        The moves.
    reconciliation
        Of the version before: ``level, kind, total, assigned``.
    present
        How many subjects of each kind there are now.

    Returns
    -------
    list of dict
        ``level, kind, total, moved`` (from zone to zone), ``into_none, from_none, assigned_before, assigned_after,
        unassigned_before, unassigned_after, balanced``: whether the sums are as many as there are.
    """
    found = []
    for row in reconciliation:
        moves = ledger[(ledger["level"] == row["level"]) & (ledger["kind"] == row["kind"])]
        leaves, joins = moves["to_zone"].isna(), moves["from_zone"].isna()
        assigned = row["assigned"] - int(leaves.sum()) + int(joins.sum())
        unassigned = sum(row[reason] for reason in ("outside", "gap", "no_location", "bad_location"))
        left = unassigned + int(leaves.sum()) - int(joins.sum())
        found.append(
            {
                "level": row["level"],
                "kind": row["kind"],
                "total": row["total"],
                "moved": int((~leaves & ~joins).sum()),
                "into_none": int(leaves.sum()),
                "from_none": int(joins.sum()),
                "assigned_before": row["assigned"],
                "assigned_after": assigned,
                "unassigned_before": unassigned,
                "unassigned_after": left,
                "balanced": assigned + left == row["total"] == present.get(row["kind"], 0) and left >= 0,
            }
        )
    return found


def _code(value: object) -> str | None:
    return value if isinstance(value, str) else None
