"""Comments on a plan, pinned to a place on the map, answered and resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, text

from api.store import models
from api.store.errors import NotFoundError
from api.store.plans import get_plan, refuse_closed

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


def list_comments(session: Session, number: int, only: int | None = None) -> list[dict[str, Any]]:
    """List the comments of a plan, oldest first, with their replies.

    Parameters
    ----------
    session
        Where to read.
    number
        The plan.
    only
        The number of one comment; by default all.

    Returns
    -------
    list of dict
        ``id, text, point`` (lon/lat), ``author`` (display name), ``made_at, resolved_by, resolved_at, replies``
        (``text, author, made_at``).
    """
    rows = session.execute(
        text(
            """SELECT c.id, c.text, ARRAY[ST_X(c.location), ST_Y(c.location)] AS point, a.display_name AS author,
                      c.made_at, r.display_name AS resolved_by, c.resolved_at
               FROM plan_comment c LEFT JOIN account a ON a.id = c.made_by LEFT JOIN account r ON r.id = c.resolved_by
               WHERE c.plan_id = :plan AND (CAST(:only AS int8) IS NULL OR c.id = :only) ORDER BY c.id"""
        ),
        {"plan": number, "only": only},
    )
    found: dict[int, dict[str, Any]] = {row["id"]: {**row, "replies": []} for row in rows.mappings()}
    replies = session.execute(
        text(
            """SELECT p.comment_id, p.text, a.display_name AS author, p.made_at
               FROM plan_reply p LEFT JOIN account a ON a.id = p.made_by
               WHERE p.comment_id = ANY(:comments) ORDER BY p.id"""
        ),
        {"comments": list(found)},
    )
    for row in replies.mappings():
        reply_row = dict(row)
        found[reply_row.pop("comment_id")]["replies"].append(reply_row)
    return list(found.values())


def count_comments(session: Session, number: int) -> dict[str, int]:
    """Count the comments of a plan: ``count`` all, ``open`` those that nobody has resolved."""
    row = session.execute(
        text(
            """SELECT count(*) AS count, count(*) FILTER (WHERE resolved_at IS NULL) AS open
               FROM plan_comment WHERE plan_id = :plan"""
        ),
        {"plan": number},
    ).one()
    return {"count": row[0], "open": row[1]}


def add_comment(
    session: Session, number: int, words: str, point: tuple[float, float], *, author: int
) -> dict[str, Any]:
    """Pin a comment to a place (lon/lat EPSG:4490) and return it.

    Raises
    ------
    ClosedError
        The plan is published or archived.
    """
    refuse_closed(get_plan(session, number))
    place = func.ST_SetSRID(func.ST_MakePoint(*point), models.SRID)
    made = models.PlanComment(plan_id=number, text=words, location=place, made_by=author)
    session.add(made)
    return _shown(session, made)


def reply(session: Session, number: int, comment: int, words: str, *, author: int) -> dict[str, Any]:
    """Answer a comment and return it with its replies; raises as `find_comment`."""
    row = find_comment(session, number, comment)
    session.add(models.PlanReply(comment_id=row.id, text=words, made_by=author))
    return _shown(session, row)


def resolve(session: Session, number: int, comment: int, *, account: int) -> dict[str, Any]:
    """Mark a comment as resolved; who did it first is kept; raises as `find_comment`."""
    row = find_comment(session, number, comment)
    if row.resolved_at is None:
        row.resolved_by, row.resolved_at = account, session.scalar(func.clock_timestamp())
    return _shown(session, row)


def reopen(session: Session, number: int, comment: int) -> dict[str, Any]:
    """Take the mark of a resolved comment away; raises as `find_comment`."""
    row = find_comment(session, number, comment)
    row.resolved_by = row.resolved_at = None
    return _shown(session, row)


def find_comment(session: Session, number: int, comment: int) -> models.PlanComment:
    """Return the row of a comment of an open plan, kept from others until the transaction ends.

    Raises
    ------
    NotFoundError
        The plan has no such comment.
    ClosedError
        The plan is published or archived.
    """
    plan = get_plan(session, number)
    found = session.scalar(
        select(models.PlanComment)
        .where(models.PlanComment.id == comment, models.PlanComment.plan_id == plan.id)
        .with_for_update()
    )
    if found is None:
        raise NotFoundError(
            f"方案“{plan.name}”没有编号为 {comment} 的批注。",
            f"no comment {comment}",
            remedy="请刷新批注列表。",
        )
    refuse_closed(plan)
    return found


def _shown(session: Session, comment: models.PlanComment) -> dict[str, Any]:
    """Return a comment as it now stands, in the form of `list_comments`."""
    session.flush()
    return list_comments(session, comment.plan_id, comment.id)[0]
