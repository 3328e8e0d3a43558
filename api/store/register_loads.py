"""台账 taken back: names, kinds, staff and remarks that an office changed in a register go into a new draft."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from psycopg.types.json import Jsonb
from sqlalchemy import text

from api.store import audit
from api.store.refusals import InvalidRequestError
from api.store.registers import TOLD
from api.store.territories import find_territory
from api.store.versions import add_version, list_versions, mark_changed
from api.store.zonesets import read_zones
from geo.records import ZONE_KIND_NAMES
from maps.register import UNKNOWN, staff_of_words

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from sqlalchemy.orm import Session

SHOWN: Final = 5
CODE, NAME, KIND, HEAD, OTHERS, PHONES = (
    "网格编码",
    "名称",
    "类型",
    "网格长",
    "专职/兼职/微网格员",
    "联系电话",
)


def load_register(
    session: Session, territory: str, table: pd.DataFrame, level: str = "grid"
) -> tuple[str, int]:
    """Put what a register says of zones into a new draft: a copy of the newest version. Borders stay as they are.

    Columns that the file lacks, and cells that read 未知, change nothing. A person who stays keeps the telephone that
    is stored, unless the register has one that is not masked.

    Parameters
    ----------
    session
        Its transaction holds the draft.
    territory
        Code of the territory.
    table
        As read from the file: text, by its headings.
    level
        Of the zones.

    Returns
    -------
    tuple
        Code of the draft, and how many zones were changed.

    Raises
    ------
    InvalidRequestError
        There is no version yet, no column of codes, or codes that are not zones of the level: all are named.
    """
    find_territory(session, territory)
    versions = list_versions(session, territory)
    rows = [{_plain(name): str(value).strip() for name, value in row.items()} for row in _records(table)]
    if not versions or not rows or CODE not in rows[0]:
        raise InvalidRequestError(
            "台账里没有“网格编码”一列，或辖区还没有网格。",
            "no column of codes in the register, or no version yet",
            remedy="请用“台账”按钮下载的表格填写，并先加载网格。",
        )
    zones = read_zones(session, versions[0], level).set_index("code")
    unknown = [row[CODE] for row in rows if row[CODE] not in zones.index]
    twice = sorted({row[CODE] for row in rows if sum(other[CODE] == row[CODE] for other in rows) > 1})
    if unknown or twice:
        wrong = unknown or twice
        named = "、".join(wrong[:SHOWN]) + ("…" if len(wrong) > SHOWN else "")
        raise InvalidRequestError(
            f"台账有 {len(wrong)} 个网格编码{'不在现有网格里' if unknown else '重复'}：{named}。",
            f"{len(wrong)} codes {'are no zones' if unknown else 'stand twice'}: {named}",
            remedy="请核对编码与层级（--level）；新网格请随边界一起加载（--kind zones）。",
        )
    changes = []
    for row in rows:
        was = {name: zones.loc[row[CODE], name] for name in ("name", "kind", "staff", "attributes")}
        now = _changed(was, row)
        if now != was:
            changes.append({"code": row[CODE], **now})
    draft = add_version(session, territory, copy_of=versions[0])
    if changes:
        session.execute(
            text(
                """UPDATE zone SET name = :name, kind = :kind, staff = :staff, attributes = :attributes
                   FROM level WHERE level.id = zone.level_id AND level.code = :level
                    AND zone.version_id = :version AND zone.code = :code"""
            ),
            [
                {
                    **change,
                    "staff": Jsonb(change["staff"]),
                    "attributes": Jsonb(change["attributes"]),
                    "level": level,
                    "version": draft.id,
                }
                for change in changes
            ],
        )
    mark_changed(session, draft)
    audit.record(session, audit.Actor(), "register.load", draft.code, rows=len(rows), changed=len(changes))
    return draft.code, len(changes)


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    filled = table.astype(object).where(table.notna(), "")
    return [
        dict(zip(filled.columns, line, strict=True)) for line in filled.itertuples(index=False, name=None)
    ]


def _plain(heading: str) -> str:
    """Return a heading without its unit or remark in brackets."""
    return str(heading).strip().replace("\uff08", "(").split("(")[0]


def _told(row: Mapping[str, str], heading: str) -> str | None:
    value = row.get(heading, "")
    return value if value and value != UNKNOWN else None


def _changed(was: Mapping[str, Any], row: Mapping[str, str]) -> dict[str, Any]:
    kinds = {name: kind for kind, name in ZONE_KIND_NAMES.items()}
    attributes = dict(was["attributes"])
    attributes.update({heading: value for heading in TOLD if (value := _told(row, heading)) is not None})
    staff = list(was["staff"])
    if HEAD in row and OTHERS in row and {row[HEAD], row[OTHERS]} != {UNKNOWN}:
        staff = _with_phones(staff_of_words(row[HEAD], row[OTHERS]), staff, row.get(PHONES, ""))
    return {
        "name": _told(row, NAME) or was["name"],
        "kind": kinds.get(row.get(KIND, ""), was["kind"]),
        "staff": staff,
        "attributes": attributes,
    }


def _with_phones(
    people: Sequence[dict[str, str]], before: Sequence[Mapping[str, Any]], cell: str
) -> list[dict[str, Any]]:
    pairs = (part.replace("\uff1a", ":").partition(":") for part in cell.split("、"))
    given = {name.strip(): phone.strip() for name, mark, phone in pairs if mark and "*" not in phone}
    kept = {(one.get("role"), one.get("name")): one for one in before}
    by_name = {one.get("name"): one.get("phone") for one in before}
    result: list[dict[str, Any]] = []
    for person in people:
        same = dict(kept.get((person["role"], person["name"]), person))
        phone = given.get(person["name"]) or by_name.get(person["name"])
        result.append({**same, "phone": phone} if phone else same)
    # Whom a register cannot show, it cannot remove.
    return result + [dict(one) for one in before if not one.get("name")]
