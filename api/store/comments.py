"""Comments on a plan, pinned to a place on the map, answered and resolved."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

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
            """SELECT c.id, c.text, ST_X(c.location) AS lon, ST_Y(c.location) AS lat, a.display_name AS author,
                      c.made_at, r.display_name AS resolved_by, c.resolved_at
               FROM plan_comment c LEFT JOIN account a ON a.id = c.made_by LEFT JOIN account r ON r.id = c.resolved_by
               WHERE c.plan_id = :plan AND (CAST(:only AS int8) IS NULL OR c.id = :only) ORDER BY c.id"""
        ),
        {"plan": number, "only": only},
    )
    found: dict[int, dict[str, Any]] = {
        row.id: {
            "id": row.id,
            "text": row.text,
            "point": [row.lon, row.lat],
            "author": row.author,
            "made_at": row.made_at,
            "resolved_by": row.resolved_by,
            "resolved_at": row.resolved_at,
            "replies": [],
        }
        for row in rows
    }
    replies = session.execute(
        text(
            """SELECT p.comment_id, p.text, a.display_name AS author, p.made_at
               FROM plan_reply p LEFT JOIN account a ON a.id = p.made_by
               WHERE p.comment_id = ANY(:comments) ORDER BY p.id"""
        ),
        {"comments": list(found)},
    )
    for row in replies:
        found[row.comment_id]["replies"].append(
            {"text": row.text, "author": row.author, "made_at": row.made_at}
        )
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
    made = session.scalar(
        text(
            """INSERT INTO plan_comment (plan_id, text, location, made_by)
               VALUES (:plan, :words, ST_SetSRID(ST_MakePoint(:lon, :lat), :srid), :author) RETURNING id"""
        ),
        {
            "plan": number,
            "words": words,
            "lon": point[0],
            "lat": point[1],
            "srid": models.SRID,
            "author": author,
        },
    )
    return list_comments(session, number, made)[0]


def reply(session: Session, number: int, comment: int, words: str, *, author: int) -> dict[str, Any]:
    """Answer a comment and return it with its replies.

    Raises
    ------
    NotFoundError
        The plan has no such comment.
    ClosedError
        The plan is published or archived.
    """
    row = find_comment(session, number, comment)
    session.add(models.PlanReply(comment_id=row.id, text=words, made_by=author))
    session.flush()
    return list_comments(session, number, comment)[0]


def resolve(session: Session, number: int, comment: int, *, account: int) -> dict[str, Any]:
    """Mark a comment as resolved; who did it first is kept.

    Raises
    ------
    NotFoundError
        The plan has no such comment.
    ClosedError
        The plan is published or archived.
    """
    row = find_comment(session, number, comment)
    if row.resolved_at is None:
        row.resolved_by, row.resolved_at = account, session.scalar(text("SELECT clock_timestamp()"))
        session.flush()
    return list_comments(session, number, comment)[0]


def reopen(session: Session, number: int, comment: int) -> dict[str, Any]:
    """Take the mark of a resolved comment away.

    Raises
    ------
    NotFoundError
        The plan has no such comment.
    ClosedError
        The plan is published or archived.
    """
    row = find_comment(session, number, comment)
    row.resolved_by = row.resolved_at = None
    session.flush()
    return list_comments(session, number, comment)[0]


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
