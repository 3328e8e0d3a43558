"""Plans: their changes, who works on them and what is said of them; the rules of an office."""

from datetime import datetime
from typing import Any

from geoalchemy2 import WKBElement
from sqlalchemy import CheckConstraint, ForeignKey, UniqueConstraint
from sqlalchemy import text as expression
from sqlalchemy.orm import Mapped, mapped_column

from api.store.models.base import Base, geometry, identity, now, on_globe, one_of


class Plan(Base):
    """方案: a draft that planners edit, based on one version."""

    __tablename__ = "plan"
    id: Mapped[int] = identity()
    territory_id: Mapped[int] = mapped_column(ForeignKey("territory.id", ondelete="CASCADE"))
    base_version_id: Mapped[int] = mapped_column(ForeignKey("version.id"))
    name: Mapped[str]
    description: Mapped[str] = mapped_column(server_default="")
    status: Mapped[str] = mapped_column(server_default="open")
    revision: Mapped[int] = mapped_column(server_default=expression("0"))
    created_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    created_at: Mapped[datetime] = now()
    access: Mapped[str] = mapped_column(server_default="territory")
    updated_at: Mapped[datetime] = now()
    version_id: Mapped[int | None] = mapped_column(
        ForeignKey("version.id"), comment="the version that it became"
    )
    __table_args__ = (
        one_of("status", "open", "archived", "published"),
        one_of("access", "territory", "members"),
    )


class PlanMember(Base):
    """Whom a plan is shared with, and what for."""

    __tablename__ = "plan_member"
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id", ondelete="CASCADE"), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str]
    __table_args__ = (one_of("role", "viewer", "editor"),)


class PlanComment(Base):
    """What is said about a place of a plan, pinned on the map until it is resolved."""

    __tablename__ = "plan_comment"
    id: Mapped[int] = identity()
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id", ondelete="CASCADE"), index=True)
    text: Mapped[str]
    location: Mapped[WKBElement] = geometry("POINT")
    made_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime] = now()
    resolved_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    resolved_at: Mapped[datetime | None]
    __table_args__ = (on_globe("location"),)


class PlanReply(Base):
    """An answer to a comment."""

    __tablename__ = "plan_reply"
    id: Mapped[int] = identity()
    comment_id: Mapped[int] = mapped_column(ForeignKey("plan_comment.id", ondelete="CASCADE"), index=True)
    text: Mapped[str]
    made_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime] = now()


class PlanApproval(Base):
    """A second person's approval of one revision of a plan, asked for or given."""

    __tablename__ = "plan_approval"
    plan_id: Mapped[int] = mapped_column(
        ForeignKey("plan.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    revision: Mapped[int] = mapped_column(
        comment="of the plan that is approved; another revision needs a new approval"
    )
    note: Mapped[str] = mapped_column(server_default="")
    asked_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    asked_at: Mapped[datetime] = now()
    given_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    given_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("given_by IS DISTINCT FROM asked_by OR given_by IS NULL", name="second_person"),
    )


class VersionApproval(Base):
    """A second person's approval of a draft version, asked for or given; whatever changes its zones takes it away."""

    __tablename__ = "version_approval"
    version_id: Mapped[int] = mapped_column(
        ForeignKey("version.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    note: Mapped[str] = mapped_column(server_default="")
    asked_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    asked_at: Mapped[datetime] = now()
    given_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    given_at: Mapped[datetime | None]
    __table_args__ = (
        CheckConstraint("given_by IS DISTINCT FROM asked_by OR given_by IS NULL", name="second_person"),
    )


class Change(Base):
    """变更: one edit of a plan, ``{put, delete}``, and its inverse."""

    __tablename__ = "change"
    id: Mapped[int] = identity()
    plan_id: Mapped[int] = mapped_column(ForeignKey("plan.id", ondelete="CASCADE"))
    revision: Mapped[int]
    key: Mapped[str | None] = mapped_column(comment="made up by who sent the edit; NULL without one")
    operation: Mapped[str]
    put: Mapped[list[dict[str, Any]]]
    delete: Mapped[list[dict[str, Any]]]
    inverse: Mapped[dict[str, Any]]
    lineage: Mapped[list[dict[str, Any]]] = mapped_column(
        server_default=expression("'[]'"), comment="pairs of keys: zones that took over from others"
    )
    reason: Mapped[str] = mapped_column(server_default="")
    undone: Mapped[bool] = mapped_column(server_default=expression("false"))
    touched: Mapped[int] = mapped_column(
        comment="revision of the plan at which it was last done, undone or redone"
    )
    made_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    made_at: Mapped[datetime] = now()
    __table_args__ = (UniqueConstraint("plan_id", "revision"), UniqueConstraint("plan_id", "key"))


class RuleProfile(Base):
    """规则: what an office asks of its grids; a territory without a row follows the defaults of the kernel."""

    __tablename__ = "rule_profile"
    territory_id: Mapped[int] = mapped_column(
        ForeignKey("territory.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    name: Mapped[str]
    rules: Mapped[list[dict[str, Any]]] = mapped_column(
        comment="one object per rule and level: rule, level, least, most, on, source, verified"
    )
    number_format: Mapped[dict[str, Any]] = mapped_column(comment="segments of a zone's code")
    approval: Mapped[bool] = mapped_column(
        server_default=expression("false"),
        comment="whether a second person approves a plan before it is published",
    )
    revision: Mapped[int] = mapped_column(server_default=expression("1"))
    changed_at: Mapped[datetime] = now()
    changed_by: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
