"""The audit trail: every write, sign-in and disclosure of a person's data. Rows are only ever added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from api.store.models import AuditEvent

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

DISCLOSURE = "disclosure"
"""The action of an event that says: personal data was shown to this account."""

COMMAND_LINE = "command line"
"""The account of events made by ``onegrid``: who may run it owns the database anyway."""


@dataclass(frozen=True)
class Actor:
    """Who acts, for the audit trail.

    Parameters
    ----------
    account
        Name of the account, or ``COMMAND_LINE``.
    client
        Network address of the caller, or None.
    """

    account: str = COMMAND_LINE
    client: str | None = None


@dataclass(frozen=True)
class Event:
    """One line of the audit trail."""

    id: int
    at: datetime
    account: str
    action: str
    object: str
    detail: dict[str, Any]
    client: str | None


def record(session: Session, actor: Actor, action: str, about: str, **detail: Any) -> None:  # noqa: ANN401  any JSON value
    """Add one event in the caller's transaction: what is undone leaves no event, what is kept has one.

    Parameters
    ----------
    session
        The transaction of the write or disclosure itself.
    actor
        Who acts.
    action
        What was done: ``noun.verb``, or `DISCLOSURE`.
    about
        The object: a version, zone, territory, account.
    detail
        JSON values worth keeping. Never a password, key, address or telephone.
    """
    session.add(
        AuditEvent(account=actor.account, action=action, object=about, detail=detail, client=actor.client)
    )
    session.flush()


def list_events(
    session: Session,
    *,
    limit: int = 100,
    before: int | None = None,
    account: str | None = None,
    action: str | None = None,
) -> list[Event]:
    """List events, newest first.

    Parameters
    ----------
    session
        Where to read.
    limit
        At most so many.
    before
        Only events with a smaller id: the last id of one page asks for the next.
    account, action
        Only events of these.
    """
    query = select(AuditEvent).order_by(AuditEvent.id.desc()).limit(limit)
    if before is not None:
        query = query.where(AuditEvent.id < before)
    if account is not None:
        query = query.where(AuditEvent.account == account)
    if action is not None:
        query = query.where(AuditEvent.action == action)
    return [
        Event(row.id, row.at, row.account, row.action, row.object, row.detail, row.client)
        for row in session.scalars(query)
    ]
