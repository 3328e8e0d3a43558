"""台账: the register of a level's zones as an Excel workbook, in the columns that offices keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from geo.files.workbooks import Sheet, moment, workbook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

UNKNOWN: Final = "未知"

COLUMNS: Final = (
    "序号", "区县", "街镇", "片区", "社区", "网格编码", "名称", "类型", "四至(东/南/西/北)", "面积(平方米)", "楼栋数",
    "户数", "常住人口", "流动人口", "商户数", "单位数", "重点场所", "网格长", "专职/兼职/微网格员", "联系电话(脱敏)",
    "党支部", "服务站", "启用日期", "变更日期", "备注",
)  # fmt: skip

NUMBERS: Final = frozenset(
    {"序号", "面积(平方米)", "楼栋数", "户数", "常住人口", "流动人口", "商户数", "单位数"}
)
"""Columns of numbers; everything else is text, codes and telephones above all."""

WIDE: Final = frozenset(
    {"网格编码", "名称", "四至(东/南/西/北)", "专职/兼职/微网格员", "联系电话(脱敏)", "服务站", "备注"}
)

HEAD_ROLE: Final = "网格长"


@dataclass(frozen=True)
class Register:
    """What a register says.

    Parameters
    ----------
    territory, level
        Names of the territory and of the level.
    source
        The version, or the plan with its revision and base: what the figures were computed from (law 5).
    made_at
        When.
    rows
        Per zone the values of `COLUMNS`; None, or a column left out, is unknown.
    """

    territory: str
    level: str
    source: Sequence[tuple[str, str]]
    made_at: datetime
    rows: Sequence[Mapping[str, Any]]


def write_register(register: Register) -> bytes:
    """Return the workbook; what is not known reads 未知, never zero or empty.

    Raises
    ------
    FileFormatError
        A cell or the sheet holds more than Excel can.
    """
    head = [
        ("标题", f"{register.level}台账"),
        ("辖区", register.territory),
        *register.source,
        ("制表时间", moment(register.made_at)),
    ]
    cells = [
        [_cell(name, row.get(name) if name != "序号" else number) for name in COLUMNS]
        for number, row in enumerate(register.rows, 1)
    ]
    table = pd.DataFrame(cells, columns=list(COLUMNS), dtype=object)
    return workbook([Sheet("台账", table, head, WIDE)])


def _cell(name: str, value: Any) -> Any:  # noqa: ANN401  a cell
    if value is None or value == "":
        return "" if name == "备注" else UNKNOWN
    return value if name in NUMBERS else str(value)


def staff_words(staff: Sequence[Mapping[str, Any]]) -> dict[str, str | None]:
    """Return the cells about staff: head, others with their roles, telephones as they are given.

    Examples
    --------
    >>> staff_words([{"role": "网格长", "name": "王芳", "phone": "138****5678"}, {"role": "专职", "name": "李明"}])
    {'网格长': '王芳', '专职/兼职/微网格员': '专职:李明', '联系电话(脱敏)': '王芳:138****5678'}
    """
    heads = [str(one["name"]) for one in staff if one.get("role") == HEAD_ROLE and one.get("name")]
    others = [
        f"{one.get('role') or '网格员'}:{one['name']}"
        for one in staff
        if one.get("role") != HEAD_ROLE and one.get("name")
    ]
    phones = [f"{one.get('name') or ''}:{one['phone']}" for one in staff if one.get("phone")]
    return {
        "网格长": "、".join(heads) or None,
        "专职/兼职/微网格员": "、".join(others) or None,
        "联系电话(脱敏)": "、".join(phones) or None,
    }


def staff_of_words(head: str, others: str) -> list[dict[str, str]]:
    """Return roles and names from the cells that `staff_words` writes; 未知 and empty cells hold nobody.

    Examples
    --------
    >>> staff_of_words("王芳", "专职:李明、赵强")
    [{'role': '网格长', 'name': '王芳'}, {'role': '专职', 'name': '李明'}, {'role': '网格员', 'name': '赵强'}]
    """
    found = [{"role": HEAD_ROLE, "name": name} for name in _named(head)]
    for each in _named(others):
        role, mark, name = each.replace("\uff1a", ":").partition(":")
        found.append(
            {"role": role.strip(), "name": name.strip()} if mark else {"role": "网格员", "name": role}
        )
    return found


def _named(cell: str) -> list[str]:
    parts = str(cell).replace("\uff1b", "、").replace(";", "、").split("、")
    return [part.strip() for part in parts if part.strip() and part.strip() != UNKNOWN]
