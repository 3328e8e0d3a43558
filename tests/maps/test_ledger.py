"""The move ledger says what the workbench says."""

from __future__ import annotations

import re
from pathlib import Path

from maps.ledger import OPERATION_NAMES

WORDS = Path(__file__).parents[2] / "maps" / "editor" / "src" / "words" / "plan.js"


def test_edits_are_called_the_same_in_the_workbook_and_on_the_page() -> None:
    words = WORDS.read_text("utf-8")
    assert dict(re.findall(r'"operation\.(\w+)": \["([^"]+)"', words)) == OPERATION_NAMES
