"""Passwords, one-time links, browser sessions and API keys: how a caller proves to be an account.

Of every secret only a hash is kept: argon2id of passwords, which people choose, and SHA-256 of tokens, which
are 256 random bits.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select, text, update

from api.store import audit
from api.store.accounts import Caller, as_caller, find_account
from api.store.errors import DuplicateError, NotFoundError
from api.store.models import Account, ApiKey, SignInLink, SignInSession
from api.store.refusals import LockedError, SignInError, WeakPasswordError

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.orm import Session

PASSWORD_LENGTH: Final = 10
PASSWORD_CLASSES: Final = 3
SESSION_HOURS: Final = 12
"""A session ends after so many hours even if it is never idle."""
SEEN_EVERY: Final = timedelta(minutes=1)
"""How often the time of a session's last request is written down."""
LINK_MINUTES: Final = 60
KEY_PREFIX: Final = "og_"

_HASHER = PasswordHasher()


@dataclass(frozen=True)
class SignedIn:
    """A new browser session: ``token`` goes into the cookie and is kept nowhere."""

    token: str
    caller: Caller


@dataclass(frozen=True)
class KeyEntry:
    """One API key, as lists show it."""

    name: str
    prefix: str
    created_at: datetime
    used_at: datetime | None
    revoked_at: datetime | None


def set_password(session: Session, name: str, password: str, *, actor: audit.Actor | None = None) -> None:
    """Set an account's password, unlock it and end its sessions.

    Raises
    ------
    WeakPasswordError
        When it is shorter than 10 characters, of fewer than three of the four classes (lower case, upper
        case, digits, others), or holds the account's name.
    """
    account = find_account(session, name)
    classes = {
        "lower" if c.islower() else "upper" if c.isupper() else "digit" if c.isdigit() else "other"
        for c in password
    }
    if (
        len(password) < PASSWORD_LENGTH
        or len(classes) < PASSWORD_CLASSES
        or account.name.lower() in password.lower()
    ):
        raise WeakPasswordError(
            "密码太简单。",
            "the password is too weak",
            remedy=f"至少 {PASSWORD_LENGTH} 个字符，含大写字母、小写字母、数字、其他字符中的"
            f" {PASSWORD_CLASSES} 类，不含账号名。",
        )
    account.password_hash = _HASHER.hash(password)
    account.failed_tries, account.locked_until = 0, None
    session.execute(delete(SignInSession).where(SignInSession.account_id == account.id))
    audit.record(session, actor or audit.Actor(), "account.password", name)


def sign_in(
    session: Session, name: str, password: str, *, tries: int, lockout_minutes: int, client: str | None = None
) -> SignedIn:
    """Sign in by name and password.

    A failure is committed before it is raised, so that the tries count even though the request fails. A
    locked account refuses the right password too. Each check holds the account's row, so that many guesses at
    once are counted one by one.

    Raises
    ------
    SignInError
        For a wrong name or password (the same answer, after the same time, for both), or a closed account.
    LockedError
        After ``tries`` wrong passwords, for ``lockout_minutes``.
    """
    account = session.scalar(select(Account).where(Account.name == name).with_for_update())
    actor = audit.Actor(name if account else "?", client)
    if account is not None and account.locked_until is not None:
        if account.locked_until > _now():
            raise _locked(account.locked_until)
        account.failed_tries, account.locked_until = 0, None
    stored = account.password_hash if account is not None and account.active else None
    if _verify(stored or _dummy_hash(), password) and stored is not None and account is not None:
        account.failed_tries = 0
        if _HASHER.check_needs_rehash(stored):
            account.password_hash = _HASHER.hash(password)
        return _start(session, account, actor, "password")
    if account is not None:
        account.failed_tries += 1
        if account.failed_tries >= tries:
            account.locked_until = _now() + timedelta(minutes=lockout_minutes)
            audit.record(session, actor, "account.lock", name, tries=account.failed_tries)
    audit.record(session, actor, "session.refused", name if account else "?")
    locked_until = account.locked_until if account is not None else None
    session.commit()
    if locked_until is not None:
        raise _locked(locked_until)
    raise SignInError(
        "用户名或密码不正确。",
        "wrong name or password",
        remedy=f"连续输错 {tries} 次，账号将锁定 {lockout_minutes} 分钟。",
    )


def change_password(
    session: Session, caller: Caller, current: str | None, new: str, *, tries: int, lockout_minutes: int
) -> None:
    """Change one's own password; an account that has one must give it, under the rules of lockout.

    Raises
    ------
    SignInError, LockedError
        For a wrong current password, as for `sign_in`.
    WeakPasswordError
        For a new one that breaks the rules.
    """
    account = find_account(session, caller.name)
    if account.password_hash is not None:
        sign_in(
            session,
            caller.name,
            current or "",
            tries=tries,
            lockout_minutes=lockout_minutes,
            client=caller.client,
        )
    set_password(session, caller.name, new, actor=caller.actor)


def make_link(session: Session, name: str, *, actor: audit.Actor | None = None) -> str:
    """Make a one-time sign-in link's token, good for `LINK_MINUTES`."""
    account = find_account(session, name)
    session.execute(delete(SignInLink).where(SignInLink.expires_at < _now()))
    token = secrets.token_urlsafe(32)
    session.add(
        SignInLink(
            token_hash=_sha256(token),
            account_id=account.id,
            expires_at=_now() + timedelta(minutes=LINK_MINUTES),
        )
    )
    audit.record(session, actor or audit.Actor(), "link.add", name)
    return token


def sign_in_by_link(session: Session, token: str, *, client: str | None = None) -> SignedIn:
    """Sign in by a one-time link, which is used up.

    Raises
    ------
    SignInError
        When the link is unknown, used, or too old, or its account is closed.
    """
    row = session.execute(
        delete(SignInLink)
        .where(SignInLink.token_hash == _sha256(token))
        .returning(SignInLink.account_id, SignInLink.expires_at)
    ).first()
    account = session.get(Account, row.account_id) if row is not None and row.expires_at > _now() else None
    if account is None or not account.active:
        session.commit()
        raise SignInError(
            "登录链接无效：可能已使用过，或已过期。",
            "this sign-in link is used up or too old",
            remedy="请重新获取链接：onegrid user link 账号。",
        )
    return _start(session, account, audit.Actor(account.name, client), "link")


def sign_out(session: Session, token: str, actor: audit.Actor) -> None:
    """End a browser session."""
    session.execute(delete(SignInSession).where(SignInSession.token_hash == _sha256(token)))
    audit.record(session, actor, "session.end", actor.account)


def caller_of_session(session: Session, token: str, *, idle_minutes: int) -> Caller:
    """Return who a cookie's token belongs to, and note that the session was used.

    Raises
    ------
    SignInError
        When the session is unknown, was idle for too long, is too old, or its account is closed.
    """
    found = session.get(SignInSession, _sha256(token))
    account = session.get(Account, found.account_id) if found is not None else None
    if found is None or account is None or not account.active or _ended(found, idle_minutes):
        raise SignInError("登录已失效。", "the session has ended", remedy="请重新登录。")
    if _now() - found.seen_at > SEEN_EVERY:
        found.seen_at = _now()
    return as_caller(session, account, found.csrf_token)


def add_key(session: Session, name: str, key_name: str, *, actor: audit.Actor | None = None) -> str:
    """Add an API key and return it: it is shown this once.

    Raises
    ------
    DuplicateError
        When the account has a working key of that name.
    """
    account = find_account(session, name)
    if session.scalar(_working_keys(account.id, key_name)) is not None:
        raise DuplicateError(
            f"账号“{name}”已有名为“{key_name}”的密钥。",
            "a key of that name exists",
            remedy="请换一个名字或先撤销它。",
        )
    secret = KEY_PREFIX + secrets.token_urlsafe(32)
    prefix = secret[: len(KEY_PREFIX) + 6]
    session.add(ApiKey(account_id=account.id, name=key_name, key_hash=_sha256(secret), prefix=prefix))
    audit.record(session, actor or audit.Actor(), "key.add", f"{name}: {key_name}")
    return secret


def list_keys(session: Session, name: str) -> list[KeyEntry]:
    """List an account's keys, working and revoked."""
    account = find_account(session, name)
    rows = session.scalars(select(ApiKey).where(ApiKey.account_id == account.id).order_by(ApiKey.id))
    return [KeyEntry(row.name, row.prefix, row.created_at, row.used_at, row.revoked_at) for row in rows]


def revoke_key(session: Session, name: str, key_name: str, *, actor: audit.Actor | None = None) -> None:
    """Revoke a key at once.

    Raises
    ------
    NotFoundError
        When the account has no working key of that name.
    """
    account = find_account(session, name)
    key = session.scalar(_working_keys(account.id, key_name))
    if key is None:
        raise NotFoundError(
            f"账号“{name}”没有名为“{key_name}”的有效密钥。",
            "no such key",
            remedy="用 onegrid user key list 查看。",
        )
    key.revoked_at = _now()
    audit.record(session, actor or audit.Actor(), "key.revoke", f"{name}: {key_name}")


def caller_of_key(session: Session, secret: str) -> Caller:
    """Return whose key this is, and note that it was used.

    Raises
    ------
    SignInError
        When it is unknown or revoked, or its account is closed.
    """
    key = session.scalar(
        select(ApiKey).where(ApiKey.key_hash == _sha256(secret), ApiKey.revoked_at.is_(None))
    )
    account = session.get(Account, key.account_id) if key is not None else None
    if key is None or account is None or not account.active:
        raise SignInError(
            "密钥无效或已撤销。", "this key is unknown or revoked", remedy="请向管理员申请新的密钥。"
        )
    if key.used_at is None or _now() - key.used_at > SEEN_EVERY:
        session.execute(update(ApiKey).where(ApiKey.id == key.id).values(used_at=_now()))
    return as_caller(session, account)


def ping(session: Session) -> None:
    """Ask the database for a sign of life."""
    session.execute(text("SELECT 1"))


def _start(session: Session, account: Account, actor: audit.Actor, method: str) -> SignedIn:
    oldest = _now() - timedelta(hours=SESSION_HOURS)
    session.execute(delete(SignInSession).where(SignInSession.created_at < oldest))
    token, csrf_token = secrets.token_urlsafe(32), secrets.token_urlsafe(24)
    session.add(SignInSession(token_hash=_sha256(token), account_id=account.id, csrf_token=csrf_token))
    audit.record(session, actor, "session.start", account.name, method=method)
    return SignedIn(token, as_caller(session, account, csrf_token))


def _ended(found: SignInSession, idle_minutes: int) -> bool:
    now = _now()
    idle, age = now - found.seen_at, now - found.created_at
    return idle > timedelta(minutes=idle_minutes) or age > timedelta(hours=SESSION_HOURS)


def _working_keys(account_id: int, key_name: str) -> Select[ApiKey]:
    return select(ApiKey).where(
        ApiKey.account_id == account_id, ApiKey.name == key_name, ApiKey.revoked_at.is_(None)
    )


def _locked(until: datetime) -> LockedError:
    local = until.astimezone()
    return LockedError(
        f"账号因多次输错密码已锁定，{local:%H:%M} 后可再试。",
        f"account locked until {until.isoformat(timespec='seconds')}",
        remedy="也可请管理员解锁：onegrid user unlock 账号。",
    )


def _verify(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _dummy_hash() -> str:
    """Hash nothing in particular, so that an unknown name takes as long as a wrong password."""
    return _HASHER.hash(secrets.token_urlsafe(16))


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _now() -> datetime:
    return datetime.now(UTC)
