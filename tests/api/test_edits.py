"""What an edit of a plan may name."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from api.edits import Edit

EDIT = TypeAdapter(Edit)


def test_departments_zones_have_codes_of_their_own() -> None:
    renumbered = {"operation": "renumber", "level": "civil", "codes": {"莘庄01": "MZ-莘庄-07"}}
    assert EDIT.validate_python(renumbered).codes == {"莘庄01": "MZ-莘庄-07"}


@pytest.mark.parametrize(
    "named",
    [
        {"operation": "renumber", "codes": {"310112103001007": "莘庄01"}},
        {"operation": "delete", "code": "310112103001007", "heir": "莘庄01"},
        {"operation": "merge", "codes": ["310112103001007", "莘庄01"]},
    ],
)
def test_official_levels_keep_to_their_rule(named) -> None:
    with pytest.raises(ValidationError, match="编码“莘庄01”只能用数字"):
        EDIT.validate_python({"level": "grid", **named})
