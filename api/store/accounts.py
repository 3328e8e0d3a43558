"""Accounts, their roles, and the zones whose people they may see or whose territory they may change."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, select, text

from api.store import audit
from api.store.errors import DuplicateError, NotFoundError
from api.store.models import Account, Grant, SignInSession, Territory
from api.store.refusals import ForbiddenError, InvalidRequestError

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

ROLES: Final = ("viewer", "planner", "publisher", "admin")
"""Each may do what those before it may. The admin may do all, everywhere; each disclosure is audited."""

ROLE_NAMES: Final = {"viewer": "查看员", "planner": "规划员", "publisher": "发布员", "admin": "管理员"}

FIRST_ADMIN: Final = "admin"

_NAME_FORMAT = re.compile(r"[0-9A-Za-z_.\-一-鿿]{1,40}")


@dataclass(frozen=True)
class GrantedSubtree:
    """A territory, or the zones of it under one zone, that an account may work on.

    Parameters
    ----------
    territory
        Code of the territory.
    zone
        Code of the zone at the root of the subtree; None for the whole territory.
    personal_data
        Whether the account may see persons there.
    """

    territory: str
    zone: str | None
    personal_data: bool


@dataclass(frozen=True)
class Caller:
    """Who calls: an account with its rights, as signed in by a cookie or a key.

    Parameters
    ----------
    account_id
        Row of the account.
    name, display_name, role
        Of the account.
    grants
        Subtrees granted.
    csrf_token
        What writes must carry in ``X-CSRF-Token``; None for a key, which no browser sends by itself.
    client
        Network address.
    """

    account_id: int
    name: str
    display_name: str
    role: str
    grants: tuple[GrantedSubtree, ...] = ()
    csrf_token: str | None = None
    client: str | None = None

    @property
    def actor(self) -> audit.Actor:
        """Return the caller as the audit trail names it."""
        return audit.Actor(self.name, self.client)

    @property
    def personal_data(self) -> bool:
        """Whether the caller may see persons anywhere at all."""
        return self.role == "admin" or any(grant.personal_data for grant in self.grants)

    def at_least(self, role: str) -> bool:
        """Whether the caller's role includes ``role``."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def require(self, role: str, territory: str | None = None) -> None:
        """Refuse unless the caller has the role and, where a territory is named, a grant on the whole of it.

        Raises
        ------
        ForbiddenError
            Otherwise, saying which of the two is missing.
        """
        if not self.at_least(role):
            raise ForbiddenError(
                f"此操作需要“{ROLE_NAMES[role]}”角色，当前账号是“{ROLE_NAMES[self.role]}”。",
                f"needs role {role}, this account is {self.role}",
                remedy="请联系管理员调整角色。",
            )
        if territory is not None and not self._whole(territory):
            raise ForbiddenError(
                f"当前账号没有辖区“{territory}”的整体授权。",
                f"no grant on the whole of territory {territory}",
                remedy="请联系管理员授权：onegrid user grant 账号 辖区。",
            )

    def _whole(self, territory: str) -> bool:
        return self.role == "admin" or any(
            grant.territory == territory and grant.zone is None for grant in self.grants
        )


@dataclass(frozen=True)
class AccountEntry:
    """One account, as lists show it."""

    name: str
    display_name: str
    role: str
    active: bool
    has_password: bool
    locked_until: datetime | None
    grants: tuple[GrantedSubtree, ...]


@dataclass(frozen=True)
class PersonalScope:
    """Where a caller may see persons within one version.

    Parameters
    ----------
    whole
        Everywhere.
    zone_ids
        Otherwise in these zones (rows of ``zone``).
    """

    whole: bool
    zone_ids: frozenset[int] = frozenset()

    def __bool__(self) -> bool:
        """Whether there is any such place."""
        return self.whole or bool(self.zone_ids)

    def covers(self, zone_id: int) -> bool:
        """Whether persons of this zone may be shown."""
        return self.whole or zone_id in self.zone_ids


def find_account(session: Session, name: str) -> Account:
    """Return the row of an account, for modules of the store.

    Raises
    ------
    NotFoundError
        When there is none of that name.
    """
    account = session.scalar(select(Account).where(Account.name == name))
    if account is None:
        raise NotFoundError(
            f"没有名为“{name}”的账号。", f"no account {name}", remedy="用 onegrid user list 查看。"
        )
    return account


def add_account(
    session: Session, name: str, display_name: str, role: str, *, actor: audit.Actor | None = None
) -> None:
    """Add an account without a password: it signs in by a one-time link until it sets one.

    Raises
    ------
    InvalidRequestError
        For a name or role that cannot be.
    DuplicateError
        When the name is taken.
    """
    _check_role(role)
    if not _NAME_FORMAT.fullmatch(name):
        raise InvalidRequestError(
            f"账号名“{name}”不可用。", "bad account name", remedy="使用 1–40 个汉字、字母、数字或 _ . -。"
        )
    if session.scalar(select(Account.id).where(Account.name == name)) is not None:
        raise DuplicateError(f"账号“{name}”已存在。", f"account {name} exists", remedy="请换一个名字。")
    session.add(Account(name=name, display_name=display_name or name, role=role))
    audit.record(session, actor or audit.Actor(), "account.add", name, role=role)


def add_first_admin(session: Session) -> bool:
    """Add the account `FIRST_ADMIN` when there is no account at all; say whether it was added."""
    session.execute(text("LOCK TABLE account IN SHARE ROW EXCLUSIVE MODE"))
    if session.scalar(select(Account.id).limit(1)) is not None:
        return False
    add_account(session, FIRST_ADMIN, "系统管理员", "admin")
    return True


def list_accounts(session: Session) -> list[AccountEntry]:
    """List all accounts by name."""
    return [
        AccountEntry(
            row.name,
            row.display_name,
            row.role,
            row.active,
            row.password_hash is not None,
            row.locked_until,
            grants_of(session, row.id),
        )
        for row in session.scalars(select(Account).order_by(Account.name))
    ]


def set_active(session: Session, name: str, *, active: bool, actor: audit.Actor | None = None) -> None:
    """Close an account, ending its sessions (its keys stop working too), or open it again."""
    account = find_account(session, name)
    account.active = active
    if not active:
        session.execute(delete(SignInSession).where(SignInSession.account_id == account.id))
    audit.record(session, actor or audit.Actor(), "account.open" if active else "account.close", name)


def set_role(session: Session, name: str, role: str, *, actor: audit.Actor | None = None) -> None:
    """Give an account another role; it holds from the account's next request."""
    _check_role(role)
    find_account(session, name).role = role
    audit.record(session, actor or audit.Actor(), "account.role", name, role=role)


def unlock(session: Session, name: str, *, actor: audit.Actor | None = None) -> None:
    """Unlock an account that was locked after wrong passwords."""
    account = find_account(session, name)
    account.failed_tries, account.locked_until = 0, None
    audit.record(session, actor or audit.Actor(), "account.unlock", name)


def grants_of(session: Session, account_id: int) -> tuple[GrantedSubtree, ...]:
    """Return the subtrees granted to an account."""
    rows = session.execute(
        select(Territory.code, Grant.zone_code, Grant.personal_data)
        .join(Territory, Territory.id == Grant.territory_id)
        .where(Grant.account_id == account_id)
        .order_by(Grant.id)
    )
    return tuple(GrantedSubtree(*row) for row in rows)


def add_grant(
    session: Session, name: str, subtree: GrantedSubtree, *, actor: audit.Actor | None = None
) -> None:
    """Grant a subtree to an account, in place of an earlier grant of the same subtree.

    Raises
    ------
    NotFoundError
        When the account, the territory, or the zone (in any version of it) does not exist.
    """
    account, territory_id = find_account(session, name), _territory_id(session, subtree.territory)
    if subtree.zone is not None:
        known = session.scalar(
            text(
                "SELECT EXISTS (SELECT FROM zone JOIN version ON version.id = zone.version_id"
                " WHERE version.territory_id = :territory AND zone.code = :code)"
            ),
            {"territory": territory_id, "code": subtree.zone},
        )
        if not known:
            raise NotFoundError(
                f"辖区“{subtree.territory}”里没有编码为“{subtree.zone}”的网格。",
                f"no zone {subtree.zone} in {subtree.territory}",
                remedy="请核对编码。",
            )
    _delete_grant(session, account.id, territory_id, subtree.zone)
    session.add(
        Grant(
            account_id=account.id,
            territory_id=territory_id,
            zone_code=subtree.zone,
            personal_data=subtree.personal_data,
        )
    )
    about = f"{name}: {subtree.territory}/{subtree.zone or '*'}"
    audit.record(session, actor or audit.Actor(), "grant.add", about, personal_data=subtree.personal_data)


def remove_grant(
    session: Session, name: str, territory: str, zone: str | None = None, *, actor: audit.Actor | None = None
) -> None:
    """Take a grant back.

    Raises
    ------
    NotFoundError
        When there is no such grant.
    """
    account, territory_id = find_account(session, name), _territory_id(session, territory)
    if not _delete_grant(session, account.id, territory_id, zone):
        raise NotFoundError(
            f"账号“{name}”没有这项授权。", "no such grant", remedy="用 onegrid user list 查看授权。"
        )
    audit.record(session, actor or audit.Actor(), "grant.remove", f"{name}: {territory}/{zone or '*'}")


def personal_scope(session: Session, caller: Caller, version_id: int) -> PersonalScope:
    """Return where a caller may see persons within a version.

    A granted zone brings every zone below it, by the chain of parents.
    """
    territory = session.scalar(
        text(
            "SELECT territory.code FROM version JOIN territory ON territory.id = version.territory_id"
            " WHERE version.id = :id"
        ),
        {"id": version_id},
    )
    granted = [grant for grant in caller.grants if grant.personal_data and grant.territory == territory]
    if caller.role == "admin" or any(grant.zone is None for grant in granted):
        return PersonalScope(whole=True)
    if not granted:
        return PersonalScope(whole=False)
    rows = session.scalars(
        text(
            """
            WITH RECURSIVE subtree AS (
                SELECT id FROM zone WHERE version_id = :version AND code = ANY(:roots)
                UNION
                SELECT zone.id FROM zone JOIN subtree ON zone.parent_id = subtree.id
            )
            SELECT id FROM subtree
            """
        ),
        {"version": version_id, "roots": [grant.zone for grant in granted]},
    )
    return PersonalScope(whole=False, zone_ids=frozenset(rows))


def as_caller(session: Session, account: Account, csrf_token: str | None = None) -> Caller:
    """Return an account with its rights, for modules of the store."""
    caller = Caller(account.id, account.name, account.display_name, account.role, csrf_token=csrf_token)
    return replace(caller, grants=grants_of(session, account.id))


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise InvalidRequestError(
            f"没有“{role}”这个角色。", f"no role {role}", remedy=f"可选：{'、'.join(ROLES)}。"
        )


def _territory_id(session: Session, code: str) -> int:
    found = session.scalar(select(Territory.id).where(Territory.code == code))
    if found is None:
        raise NotFoundError(f"没有编码为“{code}”的辖区。", f"no territory {code}", remedy="请核对辖区编码。")
    return found


def _delete_grant(session: Session, account_id: int, territory_id: int, zone: str | None) -> bool:
    same_zone = Grant.zone_code.is_(None) if zone is None else Grant.zone_code == zone
    gone = session.scalars(
        delete(Grant)
        .where(Grant.account_id == account_id, Grant.territory_id == territory_id, same_zone)
        .returning(Grant.id)
    )
    return bool(gone.all())
