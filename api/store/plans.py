"""Plans in the database: what they are based on, who made them, their changes in order, and whether they are open.

A plan is a base version and a list of changes. The draft that they make is `api.store.drafts`'.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psycopg.errors import LockNotAvailable
from sqlalchemy import insert, literal, select, text, update
from sqlalchemy.exc import OperationalError

from api.store import audit, models, versions
from api.store.errors import NotFoundError, StoreError
from api.store.territories import find_territory

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


class StaleError(StoreError, ValueError):
    """An edit made on a revision that is no longer the plan's.

    Parameters
    ----------
    revision
        The plan's revision now.
    changes
        What was changed since, as `history` lists it.
    """

    def __init__(self, revision: int, changes: list[dict[str, Any]]) -> None:
        super().__init__(
            f"方案已被他人改到第 {revision} 版。",
            f"the plan is at revision {revision}",
            remedy="页面会取回他人的修改；您改动的网格若未被他人触及，会自动重做。",
        )
        self.revision = revision
        self.changes = changes


class MadeError(StaleError):
    """An edit that was made already: its answer was lost, or somebody else sent it too."""

    def __init__(self, revision: int, changes: list[dict[str, Any]]) -> None:
        super(StaleError, self).__init__(
            "这次修改已经保存，没有重复执行。",
            "this edit was made already and is not made again",
            remedy="请取回方案最新的内容。",
        )
        self.revision = revision
        self.changes = changes


class ClosedError(StoreError, ValueError):
    """An edit of a plan that is published or archived, or an undo of nothing."""


class BusyError(ClosedError):
    """An edit of a plan that somebody else holds, such as a publishing."""


LOCK_WAIT_MS = 10_000
"""How long an edit waits for another edit of the same plan; edits take a tenth of a second."""


@dataclass(frozen=True)
class PlanInfo:
    """A plan as lists show it.

    Parameters
    ----------
    id, name, description, status, revision
        As stored; status is open, archived or published.
    territory
        Code of its territory.
    base
        Code of the version that it is based on.
    access
        Who shares it: ``territory`` (its planners edit, everybody reads) or ``members``.
    owner
        Row of the account that made it; None for the command line.
    created_at, updated_at
        When it was made, and last changed.
    territory_id
        Row of its territory.
    """

    id: int
    name: str
    description: str
    status: str
    revision: int
    territory: str
    base: str
    access: str
    owner: int | None
    created_at: datetime
    updated_at: datetime
    territory_id: int


def create_plan(
    session: Session,
    territory: str,
    name: str,
    description: str = "",
    *,
    base: str | None = None,
    author: int | None,
) -> PlanInfo:
    """Start a plan on a version, by default the one in force.

    Raises
    ------
    NotFoundError
        No such territory or version.
    """
    found = find_territory(session, territory)
    version = versions.get_version(session, base) if base else versions.as_of(session, territory)
    if version.territory_id != found.id:
        raise NotFoundError(
            f"版本 {base} 不属于辖区 {territory}。",
            f"{base} is of another territory",
            remedy="请选择本辖区的版本。",
        )
    row = models.Plan(
        territory_id=found.id,
        base_version_id=version.id,
        name=name,
        description=description,
        created_by=author,
    )
    session.add(row)
    session.flush()
    return get_plan(session, row.id)


def list_plans(session: Session, territory: str) -> list[PlanInfo]:
    """List the plans of a territory, newest first."""
    found = find_territory(session, territory)
    return [_info(*row) for row in session.execute(_plans().where(models.Plan.territory_id == found.id))]


def get_plan(session: Session, number: int, *, lock: bool = False) -> PlanInfo:
    """Return a plan; ``lock`` keeps others from editing it until the transaction ends.

    Raises
    ------
    NotFoundError
        No such plan.
    BusyError
        It is locked by another, and stays so: it is being published.
    """
    query = _plans().where(models.Plan.id == number).execution_options(populate_existing=True)
    if lock:
        _lock(session, number)
    row = session.execute(query).one_or_none()
    if row is None:
        raise NotFoundError(
            f"没有编号为 {number} 的方案。", f"no plan {number}", remedy="请在方案列表中选择。"
        )
    return _info(*row)


def describe_plan(
    session: Session, number: int, *, name: str | None = None, description: str | None = None
) -> PlanInfo:
    """Give a plan another name or description; None leaves what is there."""
    plan = get_plan(session, number, lock=True)
    given = {"name": name, "description": description}
    values = {column: value for column, value in given.items() if value is not None}
    if values:
        session.execute(update(models.Plan).where(models.Plan.id == plan.id).values(**values))
    return get_plan(session, number)


def duplicate_plan(session: Session, number: int, name: str, *, author: int | None) -> PlanInfo:
    """Copy a plan with its changes and their history, undone ones too; the copy is open and its author's own.

    Who may see the copy is as for any new plan; comments, members and approval stay with the original.
    """
    plan = get_plan(session, number, lock=True)
    source = session.get_one(models.Plan, plan.id)
    copy = models.Plan(
        territory_id=source.territory_id,
        base_version_id=source.base_version_id,
        name=name,
        description=source.description,
        revision=source.revision,
        created_by=author,
    )
    session.add(copy)
    session.flush()
    columns = [column for column in models.Change.__table__.columns if column.name not in {"id", "plan_id"}]
    changes = select(literal(copy.id), *columns).where(models.Change.plan_id == plan.id)
    session.execute(
        insert(models.Change).from_select(
            ["plan_id", *columns], changes.order_by(models.Change.revision), include_defaults=False
        )
    )
    return get_plan(session, copy.id)


def archive_plan(session: Session, number: int) -> PlanInfo:
    """Put a plan away: it can be read, not edited.

    Raises
    ------
    ClosedError
        It is published: it stays as the record of its version.
    """
    plan = get_plan(session, number, lock=True)
    if plan.status == "published":
        refuse_closed(plan)
    session.execute(update(models.Plan).where(models.Plan.id == plan.id).values(status="archived"))
    return get_plan(session, number)


def reopen_plan(session: Session, number: int) -> PlanInfo:
    """Take an archived plan out again, with everything in it; an open one stays as it is.

    Raises
    ------
    ClosedError
        It is published.
    """
    plan = get_plan(session, number, lock=True)
    if plan.status == "published":
        refuse_closed(plan)
    session.execute(update(models.Plan).where(models.Plan.id == plan.id).values(status="open"))
    return get_plan(session, number)


def history(session: Session, number: int, since: int = 0) -> list[dict[str, Any]]:
    """List the changes of a plan after a revision, oldest first: key, operation, reason, who, when, undone, zones."""
    rows = session.execute(
        text(
            """SELECT c.revision, c.key, c.operation, c.reason, c.undone, a.display_name AS made_by, c.made_at,
                      jsonb_path_query_array(c.put, '$[*].code') AS put,
                      jsonb_path_query_array(c.delete, '$[*].code') AS deleted
               FROM change c LEFT JOIN account a ON a.id = c.made_by
               WHERE c.plan_id = :plan AND c.touched > :since ORDER BY c.revision"""
        ),
        {"plan": number, "since": since},
    )
    return [dict(row._mapping) for row in rows]  # noqa: SLF001  SQLAlchemy's public way to a dict


def zone_name(session: Session, plan: PlanInfo, level: str, code: str) -> str:
    """Return the name of a zone as the plan has it now; its code when there is no such zone."""
    name = session.scalar(
        text(
            """SELECT coalesce(
                   (SELECT jsonb_path_query_first(c.put, '$[*] ? (@.level == $level && @.code == $code).name',
                                                  CAST(:key AS jsonb)) #>> '{}'
                    FROM change c WHERE c.plan_id = :plan AND NOT c.undone
                    AND c.put @> jsonb_build_array(CAST(:key AS jsonb))
                    ORDER BY c.revision DESC LIMIT 1),
                   (SELECT z.name FROM zone z JOIN level l ON l.id = z.level_id JOIN version v ON v.id = z.version_id
                    WHERE v.code = :base AND l.code = :level AND z.code = :code LIMIT 1))"""
        ),
        {
            "key": json.dumps({"level": level, "code": code}),
            "plan": plan.id,
            "base": plan.base,
            "level": level,
            "code": code,
        },
    )
    return code if name is None else str(name)


def note(session: Session, actor: audit.Actor, action: str, plan: PlanInfo) -> None:
    """Add an audit event about a plan."""
    audit.record(session, actor, action, f"plan {plan.id}", name=plan.name, revision=plan.revision)


def refuse_closed(plan: PlanInfo) -> None:
    """Refuse a plan that is published or archived.

    Raises
    ------
    ClosedError
        It cannot be edited any more.
    """
    if plan.status != "open":
        words = {"published": "已发布", "archived": "已归档"}[plan.status]
        raise ClosedError(
            f"方案“{plan.name}”{words}，不能再修改。", f"the plan is {plan.status}", remedy="请新建方案。"
        )


def open_plan(session: Session, number: int, revision: int, key: str | None = None) -> PlanInfo:
    """Return a plan that is open and at this revision, kept from others until the transaction ends.

    Raises
    ------
    MadeError
        The plan has an edit of this key.
    StaleError
        Somebody else edited in between.
    ClosedError
        The plan is published or archived.
    """
    plan = get_plan(session, number, lock=True)
    made = select(models.Change.id).where(models.Change.plan_id == number, models.Change.key == key)
    if key is not None and session.scalar(made) is not None:
        raise MadeError(plan.revision, history(session, number, since=revision))
    refuse_closed(plan)
    if plan.revision != revision:
        raise StaleError(plan.revision, history(session, number, since=revision))
    return plan


def _plans() -> Any:  # noqa: ANN401  a select of three entities
    return (
        select(models.Plan, models.Territory.code, models.Version.code)
        .join(models.Territory, models.Territory.id == models.Plan.territory_id)
        .join(models.Version, models.Version.id == models.Plan.base_version_id)
        .order_by(models.Plan.id.desc())
    )


def _lock(session: Session, number: int) -> None:
    # Publishing a city takes minutes: whoever edits it meanwhile is told so, and holds no connection of the pool.
    session.execute(text("SELECT set_config('lock_timeout', :wait, true)"), {"wait": f"{LOCK_WAIT_MS}ms"})
    try:
        session.execute(select(models.Plan.id).where(models.Plan.id == number).with_for_update())
    except OperationalError as error:
        if not isinstance(error.orig, LockNotAvailable):
            raise
        raise BusyError(
            "方案正在发布，或正被他人修改。",
            "the plan is being published, or edited by another",
            remedy="请稍候再试；发布完成后方案只读。",
        ) from error
    session.execute(text("SET LOCAL lock_timeout TO DEFAULT"))


def _info(plan: models.Plan, territory: str, base: str) -> PlanInfo:
    return PlanInfo(
        plan.id,
        plan.name,
        plan.description,
        plan.status,
        plan.revision,
        territory,
        base,
        plan.access,
        plan.created_by,
        plan.created_at,
        plan.updated_at,
        plan.territory_id,
    )
