"""Versions: drafts and what was published, which one holds at a date, and publishing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select, text

from api.store import audit, models
from api.store.errors import NotFoundError, NotPublishableError, PublishedError
from api.store.refusals import InvalidRequestError
from api.store.territories import find_territory

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


@dataclass(frozen=True)
class VersionInfo:
    """A version.

    Parameters
    ----------
    id
        Row of the version; never shown to users, who see ``code``.
    code
        The version id that every answer carries, such as ``monaco-v1``.
    territory, territory_id
        Code and row of its territory.
    number
        1, 2, 3… within the territory.
    status
        ``draft`` or ``published``.
    reason
        Why it was published.
    valid_from, valid_to
        Since when and until when it holds; None: not yet.
    checked_at
        When its faults were last looked for; None: not since its zones changed.
    run_id
        The assignment run that readers follow; None: not assigned since its zones changed.
    """

    id: int
    code: str
    territory: str
    territory_id: int
    number: int
    status: str
    reason: str
    valid_from: datetime | None
    valid_to: datetime | None
    checked_at: datetime | None
    run_id: int | None

    @property
    def is_draft(self) -> bool:
        """Whether its zones may still change."""
        return self.status == "draft"


def _info(version: models.Version, territory: str) -> VersionInfo:
    return VersionInfo(
        version.id,
        version.code,
        territory,
        version.territory_id,
        version.number,
        version.status,
        version.reason,
        version.valid_from,
        version.valid_to,
        version.checked_at,
        version.run_id,
    )


def list_versions(session: Session, territory: str) -> list[VersionInfo]:
    """List the versions of a territory, newest first.

    Raises
    ------
    NotFoundError
        There is no such territory.
    """
    found = find_territory(session, territory)
    query = (
        select(models.Version)
        .where(models.Version.territory_id == found.id)
        .order_by(models.Version.number.desc())
        .execution_options(populate_existing=True)
    )
    return [_info(version, territory) for version in session.scalars(query)]


def get_version(session: Session, code: str) -> VersionInfo:
    """Return a version by its code; a territory's code means its newest version.

    Raises
    ------
    NotFoundError
        There is neither; the message names the versions there are.
    """
    query = (
        select(models.Version, models.Territory.code)
        .join(models.Territory, models.Territory.id == models.Version.territory_id)
        .where((models.Version.code == code) | (models.Territory.code == code))
        .order_by(models.Version.code == code, models.Version.number)
        .execution_options(populate_existing=True)
    )
    rows = session.execute(query).all()
    if not rows:
        codes = session.scalars(select(models.Version.code).order_by(models.Version.code).limit(10)).all()
        known = "、".join(codes) or "无"
        raise NotFoundError(f"没有版本“{code}”。", f"no version {code!r}", remedy=f"现有版本: {known}")
    return _info(*rows[-1])


def version_within(session: Session, territory: str, version: str | None) -> VersionInfo:
    """Return a version of a territory, by default its newest.

    Raises
    ------
    NotFoundError
        No such territory or version.
    InvalidRequestError
        The version is another territory's.
    """
    found = find_territory(session, territory)
    info = get_version(session, version or found.code)
    if info.territory_id != found.id:
        raise InvalidRequestError(
            f"版本 {info.code} 不属于辖区“{territory}”。",
            f"{info.code} is no version of {territory}",
            remedy=f"请用辖区“{info.territory}”，或换一个版本。",
        )
    return info


def as_of(session: Session, territory: str, date: datetime | None = None) -> VersionInfo:
    """Return the version of a territory that holds at a time (by default now).

    Raises
    ------
    NotFoundError
        There is no such territory, or nothing was published by then.
    """
    found = find_territory(session, territory)
    moment = date if date is not None else func.clock_timestamp()
    version = session.scalar(
        select(models.Version)
        .where(
            models.Version.territory_id == found.id,
            models.Version.status == "published",
            models.Version.valid_from <= moment,
            (models.Version.valid_to.is_(None)) | (models.Version.valid_to > moment),
        )
        .execution_options(populate_existing=True)
    )
    if version is None:
        when = "目前" if date is None else f"{date:%Y-%m-%d %H:%M}"
        raise NotFoundError(
            f"辖区“{territory}”{when}没有已发布的版本。",
            f"territory {territory!r} has no version published at {date or 'present'}",
            remedy="请先发布一个版本 (onegrid publish)，或换一个日期。",
        )
    return _info(version, territory)


def require_draft(version: VersionInfo) -> VersionInfo:
    """Return the version if its zones may change.

    Raises
    ------
    PublishedError
        It is published.
    """
    if not version.is_draft:
        raise PublishedError(
            f"版本 {version.code} 已经发布，不能修改。",
            f"version {version.code} is published and cannot be changed",
            remedy="请基于它新建一个草稿版本。",
        )
    return version


def add_version(session: Session, territory: str, *, copy_of: VersionInfo | None = None) -> VersionInfo:
    """Make the next draft of a territory, empty or with the zones of another version.

    Parameters
    ----------
    session
        Its transaction holds the draft.
    territory
        Code of the territory.
    copy_of
        The version whose zones it starts with.
    """
    found = find_territory(session, territory)
    # Two drafts made at once must not take one number: the territory's row is the lock.
    session.execute(text("SELECT 1 FROM territory WHERE id = :id FOR NO KEY UPDATE"), {"id": found.id})
    last = session.scalar(
        select(func.max(models.Version.number)).where(models.Version.territory_id == found.id)
    )
    number = (last or 0) + 1
    version = models.Version(territory_id=found.id, number=number, code=f"{territory}-v{number}")
    session.add(version)
    session.flush()
    if copy_of is not None:
        session.execute(
            text(
                """
                INSERT INTO zone (version_id, level_id, code, name, kind, staff, attributes, area_m2, perimeter_m, geom)
                SELECT :new, level_id, code, name, kind, staff, attributes, area_m2, perimeter_m, geom
                FROM zone WHERE version_id = :old ORDER BY id
                """
            ),
            {"new": version.id, "old": copy_of.id},
        )
        session.execute(
            text(
                """
                UPDATE zone child SET parent_id = new_parent.id
                FROM zone old_child
                JOIN zone old_parent ON old_parent.id = old_child.parent_id
                JOIN zone new_parent ON new_parent.version_id = :new AND new_parent.level_id = old_parent.level_id
                    AND new_parent.code = old_parent.code
                WHERE child.version_id = :new AND old_child.version_id = :old
                    AND old_child.level_id = child.level_id AND old_child.code = child.code
                """
            ),
            {"new": version.id, "old": copy_of.id},
        )
    session.refresh(version)
    return _info(version, territory)


def mark_changed(session: Session, version: VersionInfo) -> None:
    """Note that the zones of a draft have changed: what was assigned, checked, fused and approved no longer counts."""
    changed = session.scalar(
        text(
            """UPDATE version SET run_id = NULL, checked_at = NULL
               WHERE id = :id AND status = 'draft' RETURNING id"""
        ),
        {"id": version.id},
    )
    for table in ("fusion", "version_approval"):
        session.execute(text(f"DELETE FROM {table} WHERE version_id = :id"), {"id": changed})  # noqa: S608


def obstacles(session: Session, version: VersionInfo) -> list[str]:
    """Return, in Chinese, what stands against publishing a draft (empty: nothing does).

    Law 1: partition levels have no fault of severity *error*. Law 2: every subject is assigned or has its reason.
    """
    found: list[str] = []
    zones = session.scalar(text("SELECT count(*) FROM zone WHERE version_id = :id"), {"id": version.id})
    if not zones:
        found.append("没有任何网格")
    if version.checked_at is None:
        found.append("网格改动后还没有检查 (onegrid check)")
    else:
        rows = session.execute(
            text(
                """SELECT l.name, count(*) AS faults, min(f.number) AS first
                   FROM fault f JOIN level l ON l.id = f.level_id
                   WHERE f.version_id = :id AND f.severity = 'error' AND l.partition
                   GROUP BY l.id, l.name ORDER BY l.id"""
            ),
            {"id": version.id},
        ).all()
        found += [f"层级“{row.name}”有 {row.faults} 处未豁免的错误 (第一处: {row.first} 号)" for row in rows]
    if version.run_id is None:
        found.append("网格改动后还没有分配管理对象 (onegrid assign)")
    else:
        found += _unreconciled(session, version)
    return found


def _unreconciled(session: Session, version: VersionInfo) -> list[str]:
    stored: list[dict[str, Any]] = (
        session.scalar(
            select(models.AssignmentRun.reconciliation).where(models.AssignmentRun.id == version.run_id)
        )
        or []
    )
    rows_now = session.execute(
        text("SELECT kind, count(*) AS subjects FROM subject WHERE territory_id = :id GROUP BY kind"),
        {"id": version.territory_id},
    )
    now: dict[str, int] = {row.kind: row.subjects for row in rows_now}
    found: list[str] = []
    for level in dict.fromkeys(row["level"] for row in stored):
        rows = {row["kind"]: row for row in stored if row["level"] == level}
        totals = {kind: row["total"] for kind, row in rows.items()}
        if totals != now:
            found.append(f"分配后管理对象有增减 (层级 {level}): 请重新分配 (onegrid assign)")
        for kind, row in rows.items():
            reasons = row["outside"] + row["gap"] + row["no_location"] + row["bad_location"]
            if row["assigned"] + reasons != row["total"]:
                found.append(f"层级 {level} 的 {kind} 核对不平")
    return found


def publish(
    session: Session,
    version: str,
    reason: str,
    account: str | None = None,
    *,
    actor: audit.Actor | None = None,
    moment: datetime | None = None,
) -> VersionInfo:
    """Publish a draft: it holds from now on, the one before it ends at the same instant, in one transaction.

    Parameters
    ----------
    session
        Its transaction; readers see all of it or nothing.
    version
        Code of the draft.
    reason
        Why, kept with the version for ever.
    account
        Name of the account that publishes; None for the command line.
    actor
        Who acts, for the audit trail.
    moment
        From when it holds (by default now): for a history loaded after the fact.

    Raises
    ------
    NotPublishableError
        No reason was given, or something stands against it (see :func:`obstacles`).
    PublishedError
        It is published already.
    """
    info = require_draft(get_version(session, version))
    session.execute(
        text("SELECT 1 FROM territory WHERE id = :id FOR NO KEY UPDATE"), {"id": info.territory_id}
    )
    against = obstacles(session, info)
    if not reason.strip():
        against.insert(0, "没有填写发布原因")
    if against:
        raise NotPublishableError(
            f"版本 {version} 还不能发布: {'；'.join(against)}。",
            f"version {version} cannot be published yet: {len(against)} obstacle(s)",
            remedy="请逐项处理；确属河湖、外单位用地的缺口请登记豁免后重新检查。",
        )
    since = moment if moment is not None else datetime.now(UTC)
    before = session.scalar(
        select(models.Version).where(
            models.Version.territory_id == info.territory_id,
            models.Version.status == "published",
            models.Version.valid_to.is_(None),
        )
    )
    if before is not None:
        if before.valid_from is not None and since <= before.valid_from:
            if moment is not None:
                raise NotPublishableError(
                    f"生效时间 {moment:%Y-%m-%d %H:%M} 早于现行版本 {before.code} 的生效时间。",
                    f"{moment} is before {before.code} came into force",
                    remedy="请选择更晚的生效时间。",
                )
            since = before.valid_from + timedelta(microseconds=1)
        before.valid_to = since
        session.flush()  # at most one version is without end: the old one ends first
    publisher = None
    if account is not None:
        publisher = session.scalar(select(models.Account.id).where(models.Account.name == account))
    row = session.get_one(models.Version, info.id)
    # In one UPDATE: from then on the row is guarded.
    row.status, row.reason, row.valid_from, row.published_by = "published", reason.strip(), since, publisher
    session.flush()
    audit.record(
        session,
        actor or audit.Actor(account or audit.COMMAND_LINE),
        "version.publish",
        version,
        reason=reason.strip(),
    )
    return _info(row, info.territory)
