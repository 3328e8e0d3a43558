"""Who may do what, who did what, and work that is being done for them."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, SmallInteger
from sqlalchemy import text as expression
from sqlalchemy.orm import Mapped, mapped_column

from api.store.models.base import Base, identity, now, one_of


class Account(Base):
    """Who may sign in."""

    __tablename__ = "account"
    id: Mapped[int] = identity()
    name: Mapped[str] = mapped_column(unique=True)
    display_name: Mapped[str]
    role: Mapped[str]
    password_hash: Mapped[str | None] = mapped_column(comment="argon2id; NULL: only by one-time link")
    failed_tries: Mapped[int] = mapped_column(SmallInteger, server_default=expression("0"))
    locked_until: Mapped[datetime | None]
    active: Mapped[bool] = mapped_column(server_default=expression("true"))
    created_at: Mapped[datetime] = now()
    __table_args__ = (one_of("role", "viewer", "planner", "publisher", "admin"),)


class Grant(Base):
    """Which subtree of zones an account or key may see persons of, or edit: a territory, or zones by code prefix."""

    __tablename__ = "grant"
    id: Mapped[int] = identity()
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    territory_id: Mapped[int] = mapped_column(ForeignKey("territory.id", ondelete="CASCADE"))
    zone_code: Mapped[str | None] = mapped_column(comment="root of the subtree; NULL: the whole territory")
    personal_data: Mapped[bool] = mapped_column(server_default=expression("false"))


class SignInSession(Base):
    """A signed-in browser. Only the SHA-256 of its cookie is kept."""

    __tablename__ = "sign_in_session"
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    csrf_token: Mapped[str]
    created_at: Mapped[datetime] = now()
    seen_at: Mapped[datetime] = now()


class SignInLink(Base):
    """A one-time sign-in link."""

    __tablename__ = "sign_in_link"
    token_hash: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    expires_at: Mapped[datetime]


class ApiKey(Base):
    """A key of an integrator: acts as its account. Only its SHA-256 is kept."""

    __tablename__ = "api_key"
    id: Mapped[int] = identity()
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"))
    name: Mapped[str]
    key_hash: Mapped[str] = mapped_column(unique=True)
    prefix: Mapped[str] = mapped_column(comment="first characters, to tell keys apart")
    created_at: Mapped[datetime] = now()
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class AuditEvent(Base):
    """Who did what, and whose data was disclosed to whom. Rows are only ever added."""

    __tablename__ = "audit_event"
    id: Mapped[int] = identity()
    at: Mapped[datetime] = now()
    account: Mapped[str] = mapped_column(comment="name of the account, or 'command line'")
    action: Mapped[str]
    object: Mapped[str]
    detail: Mapped[dict[str, Any]] = mapped_column(server_default=expression("'{}'"))
    client: Mapped[str | None] = mapped_column(comment="network address of the caller")
    __table_args__ = (Index("ix_audit_event_at", "at"),)


class Job(Base):
    """Work longer than a second, with its percentage."""

    __tablename__ = "job"
    id: Mapped[int] = identity()
    kind: Mapped[str]
    arguments: Mapped[dict[str, Any]]
    status: Mapped[str] = mapped_column(server_default="waiting")
    percent: Mapped[int] = mapped_column(SmallInteger, server_default=expression("0"))
    message: Mapped[str] = mapped_column(server_default="")
    result: Mapped[dict[str, Any] | None]
    account: Mapped[str]
    created_at: Mapped[datetime] = now()
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    __table_args__ = (
        one_of("status", "waiting", "running", "done", "failed"),
        CheckConstraint("percent BETWEEN 0 AND 100", name="percent_range"),
    )
