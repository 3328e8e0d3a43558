"""The move ledger of a plan as an Excel workbook: sums, by zone, by edit, and everybody in detail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from geo.files.workbooks import Sheet, moment, workbook
from geo.records import SUBJECT_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

OPERATION_NAMES: Final = {
    "move_border": "移动边界",
    "redraw_border": "重划边界",
    "split": "切分",
    "merge": "合并",
    "reshape": "改形",
    "paint": "涂入",
    "carve": "挖出专属网格",
    "fill_gap": "划入缺口",
    "delete": "删除",
    "regroup": "重组片区",
    "rename": "改名",
    "staff": "调整人员",
    "renumber": "重新编码",
    "exception": "登记豁免",
    "adopt": "采用方案",
}
"""What an edit did, in the words of the workbench; an operation that is not here shows its own name."""

NOWHERE: Final = "（不在任何网格）"

WIDE: Final = frozenset(
    {
        "网格编码",
        "网格名称",
        "对象编码",
        "名称",
        "地址",
        "从",
        "从（名称）",
        "到",
        "到（名称）",
        "原因",
        "时间",
        "核对",
    }
)

DETAIL_ROWS: Final = 1_000_000
"""Rows of one sheet of details; Excel holds some more."""


@dataclass(frozen=True)
class LedgerData:
    """What a workbook says of a plan.

    Parameters
    ----------
    plan, number
        Name and number of the plan.
    revision, base
        Its revision, and the version that it is based on: what the numbers were computed from (law 5).
    territory
        Name of the territory.
    made_at
        When the workbook was made.
    level_names
        Name of each level by code.
    totals, zones, edits
        As `geo.plans.ledger` and the store sum them.
    details
        ``level, kind, code, name, address, from_zone, from_name, to_zone, to_name, revision``.
    """

    plan: str
    number: int
    revision: int
    base: str
    territory: str
    made_at: datetime
    level_names: Mapping[str, str]
    totals: Sequence[Mapping[str, Any]]
    zones: Sequence[Mapping[str, Any]]
    edits: Sequence[Mapping[str, Any]]
    details: pd.DataFrame


def write_ledger(data: LedgerData) -> bytes:
    """Return the workbook: sheets 汇总, 按网格, 按修改, 明细. Codes are text: no digit is lost.

    Raises
    ------
    FileFormatError
        A cell or a sheet holds more than Excel can.
    """
    head = [
        ("标题", "网格调整迁移清单"),
        ("辖区", data.territory),
        ("方案", f"{data.number} {data.plan}"),
        ("修订", f"第 {data.revision} 版"),
        ("基于版本", data.base),
        ("制表时间", moment(data.made_at)),
    ]
    details = _details(data)
    parts = [details.iloc[first : first + DETAIL_ROWS] for first in range(0, len(details), DETAIL_ROWS)]
    named = [
        (f"明细{number if number > 1 else ''}", part) for number, part in enumerate(parts or [details], 1)
    ]
    tables = [("汇总", _totals(data)), ("按网格", _zones(data)), ("按修改", _edits(data)), *named]
    return workbook([Sheet(name, table, head, WIDE) for name, table in tables])


def _totals(data: LedgerData) -> pd.DataFrame:
    rows = [
        {
            "层级": data.level_names.get(row["level"], row["level"]),
            "类别": SUBJECT_NAMES[row["kind"]],
            "总数": row["total"],
            "换网格": row["moved"],
            "变为无网格": row["into_none"],
            "由无网格划入": row["from_none"],
            "调整前在网格内": row["assigned_before"],
            "调整后在网格内": row["assigned_after"],
            "调整前无网格": row["unassigned_before"],
            "调整后无网格": row["unassigned_after"],
            "核对": "平" if row["balanced"] else "不平：管理对象有增减，请以发布时为准",
        }
        for row in data.totals
    ]
    columns = ["层级", "类别", "总数", "换网格", "变为无网格", "由无网格划入", "调整前在网格内", "调整后在网格内",
               "调整前无网格", "调整后无网格", "核对"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _zones(data: LedgerData) -> pd.DataFrame:
    rows = [
        {
            "层级": data.level_names.get(row["level"], row["level"]),
            "网格编码": row["code"],
            "网格名称": row["name"],
            "类别": SUBJECT_NAMES[row["kind"]],
            "调整前": row["before"],
            "迁出": row["leaving"],
            "迁入": row["coming"],
            "调整后": row["after"],
        }
        for row in data.zones
    ]
    columns = ["层级", "网格编码", "网格名称", "类别", "调整前", "迁出", "迁入", "调整后"]
    return pd.DataFrame(rows, columns=columns)


def _edits(data: LedgerData) -> pd.DataFrame:
    rows = []
    for edit in data.edits:
        moved: dict[tuple[str, str], int] = {}
        for row in edit["moves"]:
            key = (row["level"], row["kind"])
            moved[key] = moved.get(key, 0) + row["subjects"]
        counted = {(row["level"], row["kind"]): row["subjects"] for row in edit["counted"]}
        about = {
            "修订": edit["revision"],
            "操作": _operation(edit["operation"]),
            "原因": edit["reason"],
            "修改人": edit["made_by"],
            "时间": moment(edit["made_at"]),
        }
        for level, kind in sorted({*moved, *counted}) or [(None, None)]:
            rows.append(
                {
                    **about,
                    "层级": data.level_names.get(level, level) if level else None,
                    "类别": SUBJECT_NAMES[kind] if kind else None,
                    "本次迁移": moved.get((level, kind), 0) if level and kind else 0,
                    "计入清单": counted.get((level, kind), 0) if level and kind else 0,
                }
            )
    columns = ["修订", "操作", "原因", "修改人", "时间", "层级", "类别", "本次迁移", "计入清单"]
    return pd.DataFrame(rows, columns=columns)


def _details(data: LedgerData) -> pd.DataFrame:
    why = {edit["revision"]: edit for edit in data.edits}
    frame = data.details
    edits = [why.get(revision) for revision in frame["revision"]]
    return pd.DataFrame(
        {
            "层级": [data.level_names.get(level, level) for level in frame["level"]],
            "类别": [SUBJECT_NAMES[kind] for kind in frame["kind"]],
            "对象编码": frame["code"],
            "名称": frame["name"],
            "地址": frame["address"],
            "从": [code if isinstance(code, str) else NOWHERE for code in frame["from_zone"]],
            "从（名称）": frame["from_name"],
            "到": [code if isinstance(code, str) else NOWHERE for code in frame["to_zone"]],
            "到（名称）": frame["to_name"],
            "修订": frame["revision"],
            "操作": [None if edit is None else _operation(edit["operation"]) for edit in edits],
            "原因": [None if edit is None else edit["reason"] for edit in edits],
        }
    )


def _operation(name: str) -> str:
    return OPERATION_NAMES.get(name, name)
