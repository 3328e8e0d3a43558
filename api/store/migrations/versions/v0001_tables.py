"""The first tables, and the triggers that keep what is published and what is logged as it was.

Revision ID: 0001
"""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Law: a published version and its zones never change. What may: its end (valid_to, once), the assignment run that
# readers follow, and the time of its last check. Removing a whole territory needs the setting onegrid.purge.
GUARDS = (
    """
    CREATE FUNCTION onegrid_guard_version() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF OLD.status <> 'published' THEN
            RETURN COALESCE(NEW, OLD);
        END IF;
        IF TG_OP = 'DELETE' THEN
            IF current_setting('onegrid.purge', true) = 'on' THEN
                RETURN OLD;
            END IF;
            RAISE EXCEPTION 'version % is published and cannot be deleted', OLD.code USING ERRCODE = 'OG001';
        END IF;
        IF (NEW.id, NEW.territory_id, NEW.number, NEW.code, NEW.status, NEW.reason, NEW.valid_from, NEW.created_at)
               IS DISTINCT FROM
           (OLD.id, OLD.territory_id, OLD.number, OLD.code, OLD.status, OLD.reason, OLD.valid_from, OLD.created_at)
           OR NEW.published_by IS DISTINCT FROM OLD.published_by
           OR (OLD.valid_to IS NOT NULL AND NEW.valid_to IS DISTINCT FROM OLD.valid_to) THEN
            RAISE EXCEPTION 'version % is published and cannot be changed', OLD.code USING ERRCODE = 'OG001';
        END IF;
        RETURN NEW;
    END $$
    """,
    """
    CREATE TRIGGER guard_published BEFORE UPDATE OR DELETE ON version
    FOR EACH ROW EXECUTE FUNCTION onegrid_guard_version()
    """,
    # Statement triggers with transition tables: one look per statement, however many zones it writes.
    """
    CREATE FUNCTION onegrid_guard_zone() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        found text;
    BEGIN
        IF TG_OP = 'DELETE' AND current_setting('onegrid.purge', true) = 'on' THEN
            RETURN NULL;
        END IF;
        SELECT v.code INTO found FROM version v
        WHERE v.status = 'published' AND v.id IN (SELECT touched.version_id FROM touched) LIMIT 1;
        IF found IS NOT NULL THEN
            RAISE EXCEPTION 'version % is published: its zones cannot be changed', found USING ERRCODE = 'OG001';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION onegrid_guard_zone_links() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        found text;
    BEGIN
        SELECT z.code INTO found FROM touched z
        JOIN version v ON v.id = z.version_id
        JOIN level l ON l.id = z.level_id
        JOIN layer y ON y.id = l.layer_id
        LEFT JOIN zone p ON p.id = z.parent_id
        WHERE y.territory_id <> v.territory_id OR p.version_id <> z.version_id LIMIT 1;
        IF found IS NOT NULL THEN
            RAISE EXCEPTION 'zone %: its level or its parent belongs to another territory or version', found
                USING ERRCODE = 'OG002';
        END IF;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER guard_published_insert AFTER INSERT ON zone REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION onegrid_guard_zone()
    """,
    """
    CREATE TRIGGER guard_published_update AFTER UPDATE ON zone REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION onegrid_guard_zone()
    """,
    """
    CREATE TRIGGER guard_published_moved AFTER UPDATE ON zone REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION onegrid_guard_zone()
    """,
    """
    CREATE TRIGGER guard_published_delete AFTER DELETE ON zone REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION onegrid_guard_zone()
    """,
    """
    CREATE TRIGGER guard_links_insert AFTER INSERT ON zone REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION onegrid_guard_zone_links()
    """,
    """
    CREATE TRIGGER guard_links_update AFTER UPDATE ON zone REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION onegrid_guard_zone_links()
    """,
    """
    CREATE FUNCTION onegrid_guard_audit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'audit events are only ever added' USING ERRCODE = 'OG003';
    END $$
    """,
    """
    CREATE TRIGGER guard_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event
    FOR EACH STATEMENT EXECUTE FUNCTION onegrid_guard_audit()
    """,
)


def upgrade() -> None:
    """Make the tables, indexes and guards."""
    op.create_table(
        "account",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("display_name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=True, comment="argon2id; NULL: only by one-time link"),
        sa.Column("failed_tries", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("locked_until", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("active", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "role IN ('viewer', 'planner', 'publisher', 'admin')", name=op.f("ck_account_role_known")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("name", name=op.f("uq_account_name")),
    )
    op.create_table(
        "assignment",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("level_id", sa.BigInteger(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("zone_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "reason IN ('outside', 'gap', 'no_location', 'bad_location')",
            name=op.f("ck_assignment_reason_known"),
        ),
        sa.CheckConstraint(
            "(zone_id IS NULL) <> (reason IS NULL)", name=op.f("ck_assignment_zone_or_reason")
        ),
        sa.PrimaryKeyConstraint("run_id", "level_id", "subject_id", name=op.f("pk_assignment")),
        postgresql_partition_by="LIST (run_id)",
    )
    op.create_index(op.f("ix_assignment_zone_id"), "assignment", ["zone_id"])
    op.create_table(
        "audit_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("account", sa.Text(), nullable=False, comment="name of the account, or 'command line'"),
        sa.Column("action", sa.Text(), nullable=False),
        sa.Column("object", sa.Text(), nullable=False),
        sa.Column(
            "detail", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("client", sa.Text(), nullable=True, comment="network address of the caller"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    op.create_index("ix_audit_event_at", "audit_event", ["at"])
    op.create_table(
        "job",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("arguments", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("status", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("percent", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("message", sa.Text(), server_default="", nullable=False),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("started_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("finished_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.CheckConstraint(
            "status IN ('waiting', 'running', 'done', 'failed')", name=op.f("ck_job_status_known")
        ),
        sa.CheckConstraint("percent BETWEEN 0 AND 100", name=op.f("ck_job_percent_range")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    op.create_table(
        "territory",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("boundary", Geometry("MULTIPOLYGON", srid=4490, spatial_index=False), nullable=False),
        sa.Column(
            "metric_srid",
            sa.BigInteger(),
            nullable=False,
            comment="EPSG code in which its lengths and areas are measured",
        ),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("data_date", sa.Text(), nullable=False),
        sa.Column("notes", sa.ARRAY(sa.Text()), server_default=sa.text("'{}'"), nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("code ~ '^[0-9A-Za-z_.-]{1,40}$'", name=op.f("ck_territory_code_format")),
        sa.CheckConstraint(
            "boundary IS NULL OR (ST_IsValid(boundary) AND NOT ST_IsEmpty(boundary))",
            name=op.f("ck_territory_boundary_valid"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_territory")),
        sa.UniqueConstraint("code", name=op.f("uq_territory_code")),
    )
    op.create_index("ix_territory_boundary", "territory", ["boundary"], postgresql_using="gist")
    op.create_table(
        "api_key",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("key_hash", sa.Text(), nullable=False),
        sa.Column("prefix", sa.Text(), nullable=False, comment="first characters, to tell keys apart"),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column("used_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("revoked_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_api_key_account_id_account"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("key_hash", name=op.f("uq_api_key_key_hash")),
    )
    op.create_table(
        "gap_exception",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("territory_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("geom", Geometry("MULTIPOLYGON", srid=4490, spatial_index=False), nullable=False),
        sa.Column("registered_by", sa.BigInteger(), nullable=True),
        sa.Column(
            "registered_at",
            postgresql.TIMESTAMP(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "geom IS NULL OR (ST_IsValid(geom) AND NOT ST_IsEmpty(geom))",
            name=op.f("ck_gap_exception_geom_valid"),
        ),
        sa.ForeignKeyConstraint(
            ["registered_by"], ["account.id"], name=op.f("fk_gap_exception_registered_by_account")
        ),
        sa.ForeignKeyConstraint(
            ["territory_id"],
            ["territory.id"],
            name=op.f("fk_gap_exception_territory_id_territory"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_gap_exception")),
    )
    op.create_index("ix_gap_exception_geom", "gap_exception", ["geom"], postgresql_using="gist")
    op.create_table(
        "grant",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("territory_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "zone_code", sa.Text(), nullable=True, comment="root of the subtree; NULL: the whole territory"
        ),
        sa.Column("personal_data", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name=op.f("fk_grant_account_id_account"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["territory_id"],
            ["territory.id"],
            name=op.f("fk_grant_territory_id_territory"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_grant")),
    )
    op.create_index(op.f("ix_grant_account_id"), "grant", ["account_id"])
    op.create_table(
        "layer",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("territory_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("position", sa.SmallInteger(), server_default=sa.text("0"), nullable=False),
        sa.CheckConstraint("code ~ '^[0-9A-Za-z_.-]{1,40}$'", name=op.f("ck_layer_code_format")),
        sa.ForeignKeyConstraint(
            ["territory_id"],
            ["territory.id"],
            name=op.f("fk_layer_territory_id_territory"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_layer")),
        sa.UniqueConstraint("territory_id", "code", name=op.f("uq_layer_territory_id_code")),
    )
    op.create_table(
        "sign_in_link",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_sign_in_link_account_id_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in_link")),
    )
    op.create_table(
        "sign_in_session",
        sa.Column("token_hash", sa.Text(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("csrf_token", sa.Text(), nullable=False),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.Column(
            "seen_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["account.id"],
            name=op.f("fk_sign_in_session_account_id_account"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in_session")),
    )
    op.create_table(
        "station",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("territory_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("location", Geometry("POINT", srid=4490, spatial_index=False), nullable=False),
        sa.Column(
            "attributes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.CheckConstraint("code ~ '^[0-9A-Za-z_.-]{1,40}$'", name=op.f("ck_station_code_format")),
        sa.CheckConstraint("kind IN ('center', 'zone', 'point')", name=op.f("ck_station_kind_known")),
        sa.ForeignKeyConstraint(
            ["territory_id"],
            ["territory.id"],
            name=op.f("fk_station_territory_id_territory"),
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "location IS NULL OR (NOT ST_IsEmpty(location) AND ST_X(location) BETWEEN -180 AND 180"
            " AND ST_Y(location) BETWEEN -90 AND 90)",
            name=op.f("ck_station_location_on_globe"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_station")),
        sa.UniqueConstraint("territory_id", "code", name=op.f("uq_station_territory_id_code")),
    )
    op.create_index("ix_station_location", "station", ["location"], postgresql_using="gist")
    op.create_table(
        "street_edge",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("territory_id", sa.BigInteger(), nullable=False),
        sa.Column("from_node", sa.BigInteger(), nullable=False),
        sa.Column("to_node", sa.BigInteger(), nullable=False),
        sa.Column("length_m", sa.Double(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("walkable", sa.Boolean(), nullable=False),
        sa.Column("geom", Geometry("LINESTRING", srid=4490, spatial_index=False), nullable=False),
        sa.CheckConstraint("length_m >= 0", name=op.f("ck_street_edge_length_measured")),
        sa.ForeignKeyConstraint(
            ["territory_id"],
            ["territory.id"],
            name=op.f("fk_street_edge_territory_id_territory"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_street_edge")),
    )
    op.create_index("ix_street_edge_geom", "street_edge", ["geom"], postgresql_using="gist")
    op.create_index(op.f("ix_street_edge_territory_id"), "street_edge", ["territory_id"])
    op.create_table(
        "street_node",
        sa.Column("territory_id", sa.BigInteger(), nullable=False),
        sa.Column("node", sa.BigInteger(), nullable=False),
        sa.Column("location", Geometry("POINT", srid=4490, spatial_index=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["territory_id"],
            ["territory.id"],
            name=op.f("fk_street_node_territory_id_territory"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("territory_id", "node", name=op.f("pk_street_node")),
    )
    op.create_index("ix_street_node_location", "street_node", ["location"], postgresql_using="gist")
    op.create_table(
        "subject",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("territory_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=True),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("people", sa.BigInteger(), nullable=True, comment="NULL is unknown (未知), never zero"),
        sa.Column("location", Geometry("POINT", srid=4490, spatial_index=False), nullable=True),
        sa.Column("footprint", Geometry("MULTIPOLYGON", srid=4490, spatial_index=False), nullable=True),
        sa.Column(
            "attributes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.CheckConstraint(
            "kind IN ('household', 'business', 'institution', 'building', 'estate', 'facility')",
            name=op.f("ck_subject_kind_known"),
        ),
        sa.CheckConstraint(
            "footprint IS NULL OR (ST_IsValid(footprint) AND NOT ST_IsEmpty(footprint))",
            name=op.f("ck_subject_footprint_valid"),
        ),
        sa.CheckConstraint("people IS NULL OR people >= 0", name=op.f("ck_subject_people_counted")),
        sa.ForeignKeyConstraint(
            ["territory_id"],
            ["territory.id"],
            name=op.f("fk_subject_territory_id_territory"),
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "location IS NULL OR (NOT ST_IsEmpty(location) AND ST_X(location) BETWEEN -180 AND 180"
            " AND ST_Y(location) BETWEEN -90 AND 90)",
            name=op.f("ck_subject_location_on_globe"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subject")),
        sa.UniqueConstraint("territory_id", "code", name=op.f("uq_subject_territory_id_code")),
    )
    op.create_index("ix_subject_footprint", "subject", ["footprint"], postgresql_using="gist")
    op.create_index("ix_subject_location", "subject", ["location"], postgresql_using="gist")
    op.create_table(
        "version",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("territory_id", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column(
            "code", sa.Text(), nullable=False, comment="version id that every answer carries: monaco-v3"
        ),
        sa.Column("status", sa.Text(), server_default="draft", nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("valid_from", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("valid_to", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("published_by", sa.BigInteger(), nullable=True),
        sa.Column("run_id", sa.BigInteger(), nullable=True, comment="the assignment run that readers follow"),
        sa.Column("checked_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint(
            "status = 'draft' OR valid_from IS NOT NULL", name=op.f("ck_version_published_since")
        ),
        sa.CheckConstraint("status IN ('draft', 'published')", name=op.f("ck_version_status_known")),
        sa.CheckConstraint("valid_to IS NULL OR valid_to > valid_from", name=op.f("ck_version_valid_span")),
        sa.ForeignKeyConstraint(
            ["published_by"], ["account.id"], name=op.f("fk_version_published_by_account")
        ),
        sa.ForeignKeyConstraint(
            ["territory_id"],
            ["territory.id"],
            name=op.f("fk_version_territory_id_territory"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_version")),
        sa.UniqueConstraint("code", name=op.f("uq_version_code")),
        sa.UniqueConstraint("territory_id", "number", name=op.f("uq_version_territory_id_number")),
    )
    op.create_index(
        "ix_version_current",
        "version",
        ["territory_id"],
        unique=True,
        postgresql_where=sa.text("status = 'published' AND valid_to IS NULL"),
    )
    op.create_table(
        "address",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("territory_id", sa.BigInteger(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=True),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column(
            "normalised",
            sa.Text(),
            nullable=False,
            comment="the form that lookups compare: geo.addresses.parse(text).key",
        ),
        sa.Column("location", Geometry("POINT", srid=4490, spatial_index=False), nullable=False),
        sa.Column(
            "attributes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.ForeignKeyConstraint(
            ["subject_id"], ["subject.id"], name=op.f("fk_address_subject_id_subject"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["territory_id"],
            ["territory.id"],
            name=op.f("fk_address_territory_id_territory"),
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "location IS NULL OR (NOT ST_IsEmpty(location) AND ST_X(location) BETWEEN -180 AND 180"
            " AND ST_Y(location) BETWEEN -90 AND 90)",
            name=op.f("ck_address_location_on_globe"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address")),
    )
    op.create_index("ix_address_key", "address", ["territory_id", "normalised"])
    op.create_index("ix_address_location", "address", ["location"], postgresql_using="gist")
    op.create_index("ix_address_subject", "address", ["subject_id"])
    op.create_index(
        "ix_address_trgm",
        "address",
        ["normalised"],
        postgresql_using="gin",
        postgresql_ops={"normalised": "gin_trgm_ops"},
    )
    op.create_table(
        "assignment_run",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "reconciliation",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="per level and subject kind: total, assigned, unassigned by reason",
        ),
        sa.Column(
            "made_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["version.id"],
            name=op.f("fk_assignment_run_version_id_version"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment_run")),
    )
    op.create_table(
        "circle",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("station_id", sa.BigInteger(), nullable=True),
        sa.Column("minutes", sa.SmallInteger(), nullable=False),
        sa.Column("walk_speed_mps", sa.Double(), nullable=False),
        sa.Column(
            "reached",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="subjects reached by kind, and people",
        ),
        sa.Column("geom", Geometry("MULTIPOLYGON", srid=4490, spatial_index=False), nullable=False),
        sa.CheckConstraint("minutes > 0", name=op.f("ck_circle_minutes_positive")),
        sa.ForeignKeyConstraint(
            ["station_id"], ["station.id"], name=op.f("fk_circle_station_id_station"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_circle_version_id_version"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_circle")),
        sa.UniqueConstraint(
            "version_id",
            "station_id",
            "minutes",
            name=op.f("uq_circle_version_id_station_id_minutes"),
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index("ix_circle_geom", "circle", ["geom"], postgresql_using="gist")
    op.create_index(op.f("ix_circle_version_id"), "circle", ["version_id"])
    op.create_table(
        "level",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("layer_id", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("rank", sa.SmallInteger(), nullable=False),
        sa.Column("parent_level_id", sa.BigInteger(), nullable=True),
        sa.Column("partition", sa.Boolean(), nullable=False, comment="law 1 holds for it"),
        sa.CheckConstraint("code ~ '^[0-9A-Za-z_.-]{1,40}$'", name=op.f("ck_level_code_format")),
        sa.ForeignKeyConstraint(
            ["layer_id"], ["layer.id"], name=op.f("fk_level_layer_id_layer"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["parent_level_id"], ["level.id"], name=op.f("fk_level_parent_level_id_level")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_level")),
        sa.UniqueConstraint("layer_id", "code", name=op.f("uq_level_layer_id_code")),
    )
    op.create_table(
        "plan",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("territory_id", sa.BigInteger(), nullable=False),
        sa.Column("base_version_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("status", sa.Text(), server_default="open", nullable=False),
        sa.Column("revision", sa.BigInteger(), server_default=sa.text("0"), nullable=False),
        sa.Column("created_by", sa.BigInteger(), nullable=True),
        sa.Column(
            "created_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.CheckConstraint("status IN ('open', 'archived', 'published')", name=op.f("ck_plan_status_known")),
        sa.ForeignKeyConstraint(
            ["base_version_id"], ["version.id"], name=op.f("fk_plan_base_version_id_version")
        ),
        sa.ForeignKeyConstraint(["created_by"], ["account.id"], name=op.f("fk_plan_created_by_account")),
        sa.ForeignKeyConstraint(
            ["territory_id"],
            ["territory.id"],
            name=op.f("fk_plan_territory_id_territory"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_plan")),
    )
    op.create_table(
        "change",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("plan_id", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("put", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("delete", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("inverse", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("undone", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("made_by", sa.BigInteger(), nullable=True),
        sa.Column(
            "made_at", postgresql.TIMESTAMP(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.ForeignKeyConstraint(["made_by"], ["account.id"], name=op.f("fk_change_made_by_account")),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["plan.id"], name=op.f("fk_change_plan_id_plan"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change")),
        sa.UniqueConstraint("plan_id", "revision", name=op.f("uq_change_plan_id_revision")),
    )
    op.create_table(
        "fault",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("level_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "number",
            sa.BigInteger(),
            nullable=False,
            comment="1, 2, 3… within the version: the number on the map",
        ),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("codes", sa.ARRAY(sa.Text()), nullable=False),
        sa.Column("area_m2", sa.Double(), nullable=False),
        sa.Column("width_m", sa.Double(), nullable=False),
        sa.Column("subjects", sa.BigInteger(), nullable=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("message_en", sa.Text(), nullable=False),
        sa.Column(
            "geom",
            Geometry(
                srid=4490,
                dimension=2,
                spatial_index=False,
                from_text="ST_GeomFromEWKT",
                name="geometry",
                nullable=False,
            ),
            nullable=False,
        ),
        sa.CheckConstraint("severity IN ('error', 'warning')", name=op.f("ck_fault_severity_known")),
        sa.ForeignKeyConstraint(["level_id"], ["level.id"], name=op.f("fk_fault_level_id_level")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_fault_version_id_version"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fault")),
        sa.UniqueConstraint("version_id", "number", name=op.f("uq_fault_version_id_number")),
    )
    op.create_index("ix_fault_geom", "fault", ["geom"], postgresql_using="gist")
    op.create_index(op.f("ix_fault_version_id"), "fault", ["version_id"])
    op.create_table(
        "zone",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("version_id", sa.BigInteger(), nullable=False),
        sa.Column("level_id", sa.BigInteger(), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="general", nullable=False),
        sa.Column(
            "staff", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'[]'"), nullable=False
        ),
        sa.Column(
            "attributes",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column("area_m2", sa.Double(), nullable=False),
        sa.Column("perimeter_m", sa.Double(), nullable=False),
        sa.Column("geom", Geometry("MULTIPOLYGON", srid=4490, spatial_index=False), nullable=False),
        sa.CheckConstraint("code ~ '^[0-9A-Za-z_.-]{1,40}$'", name=op.f("ck_zone_code_format")),
        sa.CheckConstraint("kind IN ('general', 'dedicated')", name=op.f("ck_zone_kind_known")),
        sa.CheckConstraint("area_m2 > 0 AND perimeter_m > 0", name=op.f("ck_zone_measured")),
        sa.CheckConstraint(
            "geom IS NULL OR (ST_IsValid(geom) AND NOT ST_IsEmpty(geom))", name=op.f("ck_zone_geom_valid")
        ),
        sa.ForeignKeyConstraint(["level_id"], ["level.id"], name=op.f("fk_zone_level_id_level")),
        sa.ForeignKeyConstraint(["parent_id"], ["zone.id"], name=op.f("fk_zone_parent_id_zone")),
        sa.ForeignKeyConstraint(
            ["version_id"], ["version.id"], name=op.f("fk_zone_version_id_version"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_zone")),
        sa.UniqueConstraint("version_id", "level_id", "code", name=op.f("uq_zone_version_id_level_id_code")),
    )
    op.create_index("ix_zone_geom", "zone", ["geom"], postgresql_using="gist")
    op.create_index("ix_zone_parent", "zone", ["parent_id"])
    op.create_table(
        "zone_count",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("zone_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("subjects", sa.BigInteger(), nullable=False),
        sa.Column(
            "people",
            sa.BigInteger(),
            nullable=True,
            comment="sum over subjects whose people are known; NULL: none known",
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["assignment_run.id"],
            name=op.f("fk_zone_count_run_id_assignment_run"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["zone_id"], ["zone.id"], name=op.f("fk_zone_count_zone_id_zone"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "zone_id", "kind", name=op.f("pk_zone_count")),
    )
    # The two tables name each other: this key comes last.
    op.create_foreign_key("fk_version_run_id_assignment_run", "version", "assignment_run", ["run_id"], ["id"])
    for statement in GUARDS:
        op.execute(statement)


def downgrade() -> None:
    """Remove them. Everything in them is lost."""
    op.drop_constraint("fk_version_run_id_assignment_run", "version", type_="foreignkey")
    for table in (
        "zone_count",
        "zone",
        "fault",
        "change",
        "plan",
        "level",
        "circle",
        "assignment_run",
        "address",
        "version",
        "subject",
        "street_node",
        "street_edge",
        "station",
        "sign_in_session",
        "sign_in_link",
        "layer",
        "grant",
        "gap_exception",
        "api_key",
        "territory",
        "job",
        "audit_event",
        "assignment",
        "account",
    ):
        op.drop_table(table)
    for function in ("version", "zone", "zone_links", "audit"):
        op.execute(f"DROP FUNCTION onegrid_guard_{function}()")
