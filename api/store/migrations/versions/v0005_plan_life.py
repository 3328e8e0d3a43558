"""The life of a plan: who shares it, what is said about it, who approved it, what became of codes, and who moved.

Revision ID: 0005
"""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Whoever watches a plan hears of a change as soon as it is committed, whichever process made it.
TELL = (
    """
    CREATE FUNCTION onegrid_touch_plan() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.updated_at := clock_timestamp();
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER touch BEFORE UPDATE ON plan FOR EACH ROW EXECUTE FUNCTION onegrid_touch_plan()
    """,
    """
    CREATE FUNCTION onegrid_tell_plan() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('onegrid_plan', json_build_object('plan', NEW.id, 'event', 'revision', 'data',
            json_build_object('revision', NEW.revision, 'status', NEW.status))::text);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER tell AFTER UPDATE ON plan FOR EACH ROW EXECUTE FUNCTION onegrid_tell_plan()
    """,
    """
    CREATE FUNCTION onegrid_tell_comments() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        told bigint;
    BEGIN
        IF TG_TABLE_NAME = 'plan_reply' THEN
            SELECT plan_id INTO told FROM plan_comment WHERE id = NEW.comment_id;
        ELSE
            told := NEW.plan_id;
        END IF;
        PERFORM pg_notify('onegrid_plan', json_build_object('plan', told, 'event', 'comments', 'data',
            (SELECT json_build_object('count', count(*), 'open', count(*) FILTER (WHERE resolved_at IS NULL))
             FROM plan_comment WHERE plan_id = told))::text);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER tell AFTER INSERT OR UPDATE ON plan_comment
    FOR EACH ROW EXECUTE FUNCTION onegrid_tell_comments()
    """,
    """
    CREATE TRIGGER tell AFTER INSERT ON plan_reply FOR EACH ROW EXECUTE FUNCTION onegrid_tell_comments()
    """,
    """
    CREATE FUNCTION onegrid_tell_approval() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_notify('onegrid_plan', json_build_object('plan', NEW.plan_id, 'event', 'approval', 'data',
            json_build_object('revision', NEW.revision, 'state',
                CASE WHEN NEW.given_at IS NULL THEN 'asked' ELSE 'given' END))::text);
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER tell AFTER INSERT OR UPDATE ON plan_approval
    FOR EACH ROW EXECUTE FUNCTION onegrid_tell_approval()
    """,
)


def _id() -> sa.Column:  # type: ignore[type-arg]
    return sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False)


def _number(name: str, *, nullable: bool = False, comment: str | None = None) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, sa.BigInteger(), nullable=nullable, comment=comment)


def _text(
    name: str, *, nullable: bool = False, comment: str | None = None, default: str | None = None
) -> sa.Column:  # type: ignore[type-arg]
    return sa.Column(name, sa.Text(), nullable=nullable, comment=comment, server_default=default)


def _when(name: str = "made_at", *, nullable: bool = False) -> sa.Column:  # type: ignore[type-arg]
    default = None if nullable else sa.text("now()")
    return sa.Column(name, postgresql.TIMESTAMP(timezone=True), nullable=nullable, server_default=default)


def _of(table: str, column: str, other: str, *, owned: bool = True) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{column}_{other}")
    return sa.ForeignKeyConstraint(
        [column], [f"{other}.id"], name=name, ondelete="CASCADE" if owned else None
    )


def upgrade() -> None:
    """Make the columns, tables and triggers."""
    op.add_column("plan", _text("access", default="territory"))
    op.create_check_constraint(op.f("ck_plan_access_known"), "plan", "access IN ('territory', 'members')")
    op.add_column("plan", _when("updated_at"))
    op.add_column("plan", _number("version_id", nullable=True, comment="the version that it became"))
    op.create_foreign_key(op.f("fk_plan_version_id_version"), "plan", "version", ["version_id"], ["id"])
    op.add_column(
        "change",
        sa.Column(
            "lineage",
            postgresql.JSONB(),
            server_default=sa.text("'[]'"),
            nullable=False,
            comment="pairs of keys: zones that took over from others",
        ),
    )
    op.create_table(
        "plan_member",
        _number("plan_id"),
        _number("account_id"),
        _text("role"),
        sa.CheckConstraint("role IN ('viewer', 'editor')", name=op.f("ck_plan_member_role_known")),
        _of("plan_member", "plan_id", "plan"),
        _of("plan_member", "account_id", "account"),
        sa.PrimaryKeyConstraint("plan_id", "account_id", name=op.f("pk_plan_member")),
    )
    op.create_table(
        "plan_comment",
        _id(),
        _number("plan_id"),
        _text("text"),
        sa.Column("location", Geometry("POINT", srid=4490, spatial_index=False), nullable=False),
        _number("made_by", nullable=True),
        _when(),
        _number("resolved_by", nullable=True),
        _when("resolved_at", nullable=True),
        sa.CheckConstraint(
            "location IS NULL OR (NOT ST_IsEmpty(location) AND ST_X(location) BETWEEN -180 AND 180"
            " AND ST_Y(location) BETWEEN -90 AND 90)",
            name=op.f("ck_plan_comment_location_on_globe"),
        ),
        _of("plan_comment", "plan_id", "plan"),
        _of("plan_comment", "made_by", "account", owned=False),
        _of("plan_comment", "resolved_by", "account", owned=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_comment")),
    )
    op.create_index(op.f("ix_plan_comment_plan_id"), "plan_comment", ["plan_id"])
    op.create_table(
        "plan_reply",
        _id(),
        _number("comment_id"),
        _text("text"),
        _number("made_by", nullable=True),
        _when(),
        _of("plan_reply", "comment_id", "plan_comment"),
        _of("plan_reply", "made_by", "account", owned=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan_reply")),
    )
    op.create_index(op.f("ix_plan_reply_comment_id"), "plan_reply", ["comment_id"])
    op.create_table(
        "plan_approval",
        _number("plan_id"),
        _number("revision", comment="of the plan that is approved; another revision needs a new approval"),
        _text("note", default=""),
        _number("asked_by", nullable=True),
        _when("asked_at"),
        _number("given_by", nullable=True),
        _when("given_at", nullable=True),
        sa.CheckConstraint("given_by IS DISTINCT FROM asked_by OR given_by IS NULL",
                           name=op.f("ck_plan_approval_second_person")),
        _of("plan_approval", "plan_id", "plan"),
        _of("plan_approval", "asked_by", "account", owned=False),
        _of("plan_approval", "given_by", "account", owned=False),
        sa.PrimaryKeyConstraint("plan_id", name=op.f("pk_plan_approval")),
    )  # fmt: skip
    op.create_table(
        "lineage",
        _id(),
        _number("version_id", comment="the version in which the code on the right stands"),
        _number("level_id"),
        _text("from_code", nullable=True, comment="of the version before; NULL: drawn where nothing was"),
        _text("to_code", nullable=True, comment="NULL: abolished without heir"),
        _text("operation"),
        sa.CheckConstraint("coalesce(from_code, to_code) IS NOT NULL", name=op.f("ck_lineage_some_code")),
        _of("lineage", "version_id", "version"),
        _of("lineage", "level_id", "level", owned=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lineage")),
    )
    op.create_index(op.f("ix_lineage_version_id"), "lineage", ["version_id"])
    op.create_table(
        "version_move",
        _number("version_id"),
        _number("level_id"),
        _number("subject_id"),
        _text("kind"),
        _text("from_code", nullable=True, comment="zone in the version before; NULL: in none"),
        _text("to_code", nullable=True, comment="zone in this version; NULL: in none"),
        _number("revision", nullable=True, comment="the change of the plan that moved it last"),
        _of("version_move", "version_id", "version"),
        _of("version_move", "level_id", "level", owned=False),
        sa.PrimaryKeyConstraint("version_id", "level_id", "subject_id", name=op.f("pk_version_move")),
    )
    for statement in TELL:
        op.execute(statement)


def downgrade() -> None:
    """Remove them: comments, approvals, lineage and stored ledgers are forgotten."""
    op.execute("DROP TRIGGER touch ON plan")
    op.execute("DROP TRIGGER tell ON plan")
    for table in ("version_move", "lineage", "plan_approval", "plan_reply", "plan_comment", "plan_member"):
        op.drop_table(table)
    for name in ("touch_plan", "tell_plan", "tell_comments", "tell_approval"):
        op.execute(f"DROP FUNCTION onegrid_{name}()")
    op.drop_column("change", "lineage")
    op.drop_constraint(op.f("fk_plan_version_id_version"), "plan", type_="foreignkey")
    op.drop_column("plan", "version_id")
    op.drop_column("plan", "updated_at")
    op.drop_constraint(op.f("ck_plan_access_known"), "plan", type_="check")
    op.drop_column("plan", "access")
