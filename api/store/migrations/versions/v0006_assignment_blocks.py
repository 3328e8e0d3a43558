"""Assignments and the numbers of subjects in blocks of columns: rows for thousands of subjects instead of one each.

A run was a partition with a row per subject and level. It becomes an array of small numbers per level and block of
8,192 numbers of subjects. Existing runs are converted.

Revision ID: 0006
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

# Marks on the blocks of which rows were written. Subjects that go with their whole territory leave none.
MARKS = (
    """
    CREATE FUNCTION onegrid_mark_subjects() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO subject_mark (territory_id, position)
        SELECT written.territory_id, written.position
        FROM (SELECT DISTINCT territory_id, id >> 13 AS position FROM touched) AS written
        JOIN territory ON territory.id = written.territory_id;
        RETURN NULL;
    END $$
    """,
    """
    CREATE FUNCTION onegrid_mark_all_subjects() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO subject_mark (territory_id, position) SELECT territory_id, position FROM subject_block;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER mark_inserted AFTER INSERT ON subject REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION onegrid_mark_subjects()
    """,
    """
    CREATE TRIGGER mark_updated_from AFTER UPDATE ON subject REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION onegrid_mark_subjects()
    """,
    """
    CREATE TRIGGER mark_updated_to AFTER UPDATE ON subject REFERENCING NEW TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION onegrid_mark_subjects()
    """,
    """
    CREATE TRIGGER mark_deleted AFTER DELETE ON subject REFERENCING OLD TABLE AS touched
    FOR EACH STATEMENT EXECUTE FUNCTION onegrid_mark_subjects()
    """,
    """
    CREATE TRIGGER mark_truncated AFTER TRUNCATE ON subject
    FOR EACH STATEMENT EXECUTE FUNCTION onegrid_mark_all_subjects()
    """,
)

READERS = (
    # Zones are joined by place rather than subscripted: a long array would be unpacked again for every subject.
    """
    CREATE FUNCTION assigned(run bigint, level bigint)
    RETURNS TABLE (subject_id bigint, zone_id bigint, reason text)
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
        SELECT b.first_id + s.place - 1, z.id,
               CASE s.slot WHEN -1 THEN 'outside' WHEN -2 THEN 'gap' WHEN -3 THEN 'no_location'
                           WHEN -4 THEN 'bad_location' END
        FROM assignment_block b
        CROSS JOIN LATERAL unnest(b.slots) WITH ORDINALITY AS s (slot, place)
        LEFT JOIN (
            SELECT n.id, n.place FROM assignment_level l
            CROSS JOIN LATERAL unnest(l.zone_ids) WITH ORDINALITY AS n (id, place)
            WHERE l.run_id = run AND l.level_id = level
        ) AS z ON z.place = s.slot
        WHERE b.run_id = run AND b.level_id = level AND s.slot <> 0
    $$
    """,
    """
    CREATE FUNCTION zones_of(run bigint, subject bigint)
    RETURNS TABLE (level_id bigint, zone_id bigint, reason text)
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
        SELECT s.level_id, CASE WHEN s.slot > 0 THEN l.zone_ids[s.slot] END,
               CASE s.slot WHEN -1 THEN 'outside' WHEN -2 THEN 'gap' WHEN -3 THEN 'no_location'
                           WHEN -4 THEN 'bad_location' END
        FROM (
            SELECT b.level_id, b.slots[subject - b.first_id + 1] AS slot FROM assignment_block b
            WHERE b.run_id = run AND b.position = subject >> 13 OFFSET 0
        ) AS s
        JOIN assignment_level l ON l.run_id = run AND l.level_id = s.level_id
        WHERE s.slot <> 0
    $$
    """,
)

CONVERT = (
    """
    INSERT INTO assignment_level (run_id, level_id, zone_ids)
    SELECT run_id, level_id,
           coalesce(array_agg(DISTINCT zone_id ORDER BY zone_id) FILTER (WHERE zone_id IS NOT NULL), '{}')
    FROM assignment GROUP BY run_id, level_id
    """,
    """
    CREATE TEMPORARY TABLE slot_of ON COMMIT DROP AS
    SELECT a.run_id, a.level_id, a.subject_id,
           coalesce(z.place, CASE a.reason WHEN 'outside' THEN -1 WHEN 'gap' THEN -2 WHEN 'no_location' THEN -3
                                           WHEN 'bad_location' THEN -4 END)::int AS slot
    FROM assignment a
    LEFT JOIN (
        SELECT l.run_id, l.level_id, n.id, n.place FROM assignment_level l
        CROSS JOIN LATERAL unnest(l.zone_ids) WITH ORDINALITY AS n (id, place)
    ) AS z ON z.run_id = a.run_id AND z.level_id = a.level_id AND z.id = a.zone_id
    """,
    # Without sums over a table just made the join below is planned as a loop in a loop.
    "CREATE UNIQUE INDEX ON slot_of (run_id, level_id, subject_id)",
    "ANALYZE slot_of",
    """
    INSERT INTO assignment_block (run_id, position, level_id, first_id, slots)
    SELECT b.run_id, b.position, b.level_id, b.lowest, array_agg(coalesce(s.slot, 0) ORDER BY n.id)
    FROM (
        SELECT run_id, level_id, subject_id >> 13 AS position, min(subject_id) AS lowest, max(subject_id) AS highest
        FROM slot_of GROUP BY 1, 2, 3
    ) AS b
    CROSS JOIN LATERAL generate_series(b.lowest, b.highest) AS n (id)
    LEFT JOIN slot_of s ON s.run_id = b.run_id AND s.level_id = b.level_id AND s.subject_id = n.id
    GROUP BY b.run_id, b.position, b.level_id, b.lowest
    """,
    "DROP TABLE slot_of",
    # Nothing is copied yet: every block is marked, and made by its first reader.
    "INSERT INTO subject_mark (territory_id, position) SELECT DISTINCT territory_id, id >> 13 FROM subject",
)


def upgrade() -> None:
    """Make the tables, convert the runs, leave the old table."""
    op.create_table(
        "assignment_level",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("level_id", sa.BigInteger(), nullable=False),
        sa.Column("zone_ids", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.CheckConstraint(
            "array_position(zone_ids, NULL) IS NULL", name=op.f("ck_assignment_level_zones_named")
        ),
        sa.ForeignKeyConstraint(
            ["run_id"],
            ["assignment_run.id"],
            name=op.f("fk_assignment_level_run_id_assignment_run"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["level_id"], ["level.id"], name=op.f("fk_assignment_level_level_id_level"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "level_id", name=op.f("pk_assignment_level")),
    )
    op.create_table(
        "assignment_block",
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "position",
            sa.BigInteger(),
            nullable=False,
            comment="of the block: number of its subjects >> 13",
        ),
        sa.Column("level_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "subject_block_id",
            sa.BigInteger(),
            nullable=True,
            comment="the block as it was: gone as soon as anything about its subjects is changed",
        ),
        sa.Column(
            "first_id",
            sa.BigInteger(),
            nullable=False,
            comment="number of the subject of the first slot",
        ),
        sa.Column(
            "slots",
            postgresql.ARRAY(sa.Integer()),
            nullable=False,
            comment="by number of subject: place among zone_ids from 1, minus a reason's code, 0: no subject",
        ),
        sa.CheckConstraint("first_id >> 13 = position", name=op.f("ck_assignment_block_positioned")),
        sa.ForeignKeyConstraint(
            ["run_id", "level_id"],
            ["assignment_level.run_id", "assignment_level.level_id"],
            name=op.f("fk_assignment_block_run_id_assignment_level"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "position", "level_id", name=op.f("pk_assignment_block")),
    )
    op.create_table(
        "subject_block",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("territory_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False, comment="number of its subjects >> 13"),
        sa.Column("subjects", sa.Integer(), nullable=False, comment="how many"),
        sa.Column(
            "packed",
            sa.LargeBinary(),
            nullable=False,
            comment="their numbers, longitudes, latitudes, people and kinds",
        ),
        sa.ForeignKeyConstraint(
            ["territory_id"],
            ["territory.id"],
            name=op.f("fk_subject_block_territory_id_territory"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subject_block")),
        sa.UniqueConstraint("territory_id", "position", name=op.f("uq_subject_block_territory_id_position")),
    )
    op.create_table(
        "subject_mark",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("territory_id", sa.BigInteger(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["territory_id"],
            ["territory.id"],
            name=op.f("fk_subject_mark_territory_id_territory"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subject_mark")),
    )
    op.create_index(op.f("ix_subject_mark_territory_id"), "subject_mark", ["territory_id"])
    # Places of houses do not compress, and trying takes longer than writing them.
    op.execute("ALTER TABLE subject_block ALTER packed SET STORAGE EXTERNAL")
    op.execute("ALTER TABLE assignment_block ALTER slots SET STORAGE EXTERNAL")
    for statement in (*READERS, *MARKS, *CONVERT):
        op.execute(statement)
    op.drop_table("assignment")


def downgrade() -> None:
    """Put the former table back, empty: versions are to be assigned again."""
    for name in ("inserted", "updated_from", "updated_to", "deleted", "truncated"):
        op.execute(f"DROP TRIGGER mark_{name} ON subject")
    for function in (
        "onegrid_mark_subjects()",
        "onegrid_mark_all_subjects()",
        "assigned(bigint, bigint)",
        "zones_of(bigint, bigint)",
    ):
        op.execute(f"DROP FUNCTION {function}")
    for table in ("subject_mark", "subject_block", "assignment_block", "assignment_level"):
        op.drop_table(table)
    op.execute("UPDATE version SET run_id = NULL")
    op.execute("DELETE FROM assignment_run")
    op.create_table(
        "assignment",
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("level_id", sa.BigInteger(), nullable=False),
        sa.Column("run_id", sa.BigInteger(), nullable=False),
        sa.Column("zone_id", sa.BigInteger(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "reason IN ('outside', 'gap', 'no_location', 'bad_location')",
            name=op.f("ck_assignment_reason_known"),
        ),
        sa.CheckConstraint(
            "(zone_id IS NULL) <> (reason IS NULL)", name=op.f("ck_assignment_zone_or_reason")
        ),
        sa.PrimaryKeyConstraint("subject_id", "level_id", "run_id", name=op.f("pk_assignment")),
        postgresql_partition_by="LIST (run_id)",
    )
    op.create_index(
        "ix_assignment_zone_id",
        "assignment",
        ["zone_id"],
        postgresql_using="brin",
        postgresql_with={"pages_per_range": 16},
    )
