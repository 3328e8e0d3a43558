"""Zones of departments' own layers may have Chinese characters in their codes; which levels may is the reader's rule.

Revision ID: 0009
"""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen the check."""
    _check("code ~ '^[0-9A-Za-z_.一-鿿-]{1,40}$'")


def downgrade() -> None:
    """Narrow it again; refused while a zone has such a code."""
    _check("code ~ '^[0-9A-Za-z_.-]{1,40}$'")


def _check(condition: str) -> None:
    op.drop_constraint(op.f("ck_zone_code_format"), "zone", type_="check")
    op.create_check_constraint(op.f("ck_zone_code_format"), "zone", condition)
