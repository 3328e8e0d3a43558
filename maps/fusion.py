"""多格合一 as an Excel workbook: figures, old grids and new ones, disagreements, the new grids. No persons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from geo.files.workbooks import Sheet, moment, workbook
from geo.fusion import KINDS
from geo.records import SUBJECT_NAMES, UNASSIGNED_NAMES, ZONE_KIND_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from geo.fusion import Fusion, FusionProfile

FIGURES: Final = {
    "area_m2": "面积(平方米)",
    "household": "户数",
    "business": "商户数",
    "institution": "单位数",
    "people": "人口(已知)",
    "people_unknown": "人口不详(户)",
}
"""Headings of the figures of ground; people are summed over the households whose number is known."""

SHARES: Final = {
    "area_share": "占旧网格面积(%)",
    "household_share": "占旧网格户数(%)",
    "people_share": "占旧网格人口(%)",
}

NO_ZONE: Final = "（没有网格）"
OUTSIDE: Final = "（辖区外）"
COVERED: Final = "（全被同图层其他网格盖住）"
"""What stands in place of a code: no old grid; no new one; an old grid without ground of its own."""

CODES_MOST: Final = 60
"""Codes of one layer that a cell lists: a disagreement over a district would name more than Excel holds."""

WIDE: Final = frozenset(
    {
        "名称",
        "编码",
        "旧网格",
        "旧网格名称",
        "新网格",
        "主导图层的网格",
        "各图层网格",
        "涉及图层",
        "越限",
        "说明",
    }
)

NOTE: Final = (
    "层内重叠、实际分歧、单层缺失、描绘误差互不重叠，各项可以相加；"
    "粒度不同、包含关系说的是大网格里的小网格，不是争议，不与前四类相加。"
)


@dataclass(frozen=True)
class FusionReport:
    """What a workbook says of a fusion.

    Parameters
    ----------
    source
        What was fused, as lines of a word and what it is: territory and version, or files (law 5).
    fused
        What came of it.
    layers
        Chinese name of each layer by code, in the order in which they were fused.
    zone_names
        Per layer the names of its zones by code, as far as they have any.
    decided
        Whether the planner named the leading layer; otherwise the layers voted.
    within
        Name of the level that no new grid may cross; None: none.
    pins
        Cell → code of the zone of the leading layer that the planner sent it to.
    profile
        Thresholds.
    fused_at, made_at
        When it was fused, and when the workbook is made.
    """

    source: Sequence[tuple[str, str]]
    fused: Fusion
    layers: Mapping[str, str]
    zone_names: Mapping[str, Mapping[str, str]]
    decided: bool
    within: str | None
    pins: Mapping[int, str]
    profile: FusionProfile
    fused_at: datetime
    made_at: datetime


def write_fusion(report: FusionReport) -> bytes:
    """Return the workbook: sheets 汇总, 新旧对照, 分歧, 新网格. Codes are text: no digit is lost.

    Raises
    ------
    FileFormatError
        A sheet has more rows than Excel can hold.
    """
    about = [
        ("标题", "多格合一"),
        *report.source,
        ("合一时间", moment(report.fused_at)),
        ("制表时间", moment(report.made_at)),
    ]
    tables = {"新旧对照": _crosswalk(report), "分歧": _conflicts(report), "新网格": _grids(report)}
    sheets = [Sheet(name, table, about, WIDE) for name, table in tables.items()]
    return workbook([Sheet("汇总", _summary(report), [*about, *_choices(report)], WIDE), *sheets])


def _choices(report: FusionReport) -> list[tuple[str, str]]:
    """Return what was asked for, and what came of it in one line."""
    fused, profile = report.fused, report.profile
    leading = report.layers.get(fused.leading, fused.leading)
    size = "不限户数" if profile.households is None else "每格 {:,.0f}–{:,.0f} 户".format(*profile.households)
    rules = [
        size,
        f"新网格不跨{report.within}" if report.within else "新网格不限于上级之内",
        f"窄于 {profile.noise_width_m:g} 米的差别算描绘误差",
        f"互为最佳且重合 {profile.same_share:.0%} 以上算同一网格",
        f"{profile.contained_share:.0%} 以上在内算包含",
        f"离道路 {profile.street_reach_m:g} 米以内算沿路",
    ]
    broken = int((fused.proposal["rule"] != "").sum())
    pins = "、".join(f"单元 {cell} 归 {code}" for cell, code in list(report.pins.items())[:CODES_MOST])
    return [
        ("主导图层", f"{leading}（规划员选定）" if report.decided else f"无，各图层表决（以{leading}为底）"),
        ("规则", "；".join(rules)),
        ("指定归属", f"{len(report.pins):,} 个：{pins}" if pins else "无"),
        (
            "结果",
            f"{len(fused.cells):,} 个单元合为 {len(fused.proposal):,} 个新网格，{broken:,} 个不合户数规则",
        ),
        ("共识边界保留", f"{min(fused.agreed_kept, 1.0):.1%}"),
        ("说明", NOTE),
    ]


def _summary(report: FusionReport) -> pd.DataFrame:
    """Return sums: every layer with what it leaves bare, and the new grids, add up to all cells."""
    fused = report.fused
    whole = _sums(fused.cells)
    outside = fused.cells[fused.cells["grid"].isna()]
    rows: list[dict[str, Any]] = []
    for code, name in report.layers.items():
        own = fused.crosswalk[fused.crosswalk["layer"] == code]
        grids, bare = own[own["code"].notna()], own[own["code"].isna()]
        rows.append(
            {"项目": "旧网格", "名称": name, "编码": code, "个数": grids["code"].nunique(), **_sums(grids),
             "核对": _check(_sums(own), whole)}
        )  # fmt: skip
        if len(bare):
            rows.append({"项目": "没有旧网格的地方", "名称": name, "编码": code, **_sums(bare)})
    new = pd.concat([fused.proposal[list(FIGURES)], outside[list(FIGURES)]])
    rows.append(
        {"项目": "新网格", "名称": "合一方案", "个数": len(fused.proposal), **_sums(fused.proposal),
         "核对": _check(_sums(new), whole)}
    )  # fmt: skip
    if len(outside):
        rows.append({"项目": "不归新网格的地方", "名称": "辖区外", **_sums(outside)})
    rows.append({"项目": "合计", "名称": "全部单元", "个数": len(fused.cells), **whole})
    for kind, (name, _) in KINDS.items():
        found = fused.conflicts[fused.conflicts["kind"] == kind]
        length = round(float(found["own_length_m"].sum()), 1)
        rows.append(
            {"项目": "分歧", "名称": name, "编码": kind, "个数": len(found), **_sums(found),
             "争议边界(米)": length}
        )  # fmt: skip
    for lost in fused.unassigned.to_dict("records"):
        name = f"{SUBJECT_NAMES[lost['kind']]}：{UNASSIGNED_NAMES[lost['reason']]}"
        rows.append(
            {"项目": "没有计入的对象", "名称": name, "个数": lost["count"], "人口(已知)": lost["people"]}
        )
    columns = ["项目", "名称", "编码", "个数", *FIGURES.values(), "争议边界(米)", "核对"]
    return pd.DataFrame(rows, columns=columns, dtype=object)


def _sums(frame: pd.DataFrame) -> dict[str, float]:
    """Return the sums of the figures that a frame has, by heading."""
    return {
        heading: round(float(frame[name].sum()), 2) if name == "area_m2" else int(frame[name].sum())
        for name, heading in FIGURES.items()
        if name in frame
    }


def _check(sums: Mapping[str, float], whole: Mapping[str, float]) -> str:
    """Say whether sums are those of all cells: counts to the unit, areas but for rounding."""
    same = all(
        math.isclose(value, whole[heading], rel_tol=1e-9, abs_tol=0.1) for heading, value in sums.items()
    )
    return "平" if same else "不平，请重新合一"


def _crosswalk(report: FusionReport) -> pd.DataFrame:
    frame = report.fused.crosswalk
    layers, codes = frame["layer"], frame["code"]
    nowhere = [OUTSIDE if cells else COVERED for cells in frame["cells"]]
    return pd.DataFrame(
        {
            "图层": [report.layers.get(layer, layer) for layer in layers],
            "图层编码": layers,
            "旧网格": codes.fillna(NO_ZONE),
            "旧网格名称": [
                report.zone_names.get(layer, {}).get(code) for layer, code in zip(layers, codes, strict=True)
            ],
            "新网格": frame["new"].where(frame["new"].notna(), nowhere),
            "单元数": frame["cells"].map(len),
            **_figures(frame),
            **{heading: _rounded(100 * frame[name].astype(float), 2) for name, heading in SHARES.items()},
        },
        dtype=object,
    )


def _conflicts(report: FusionReport) -> pd.DataFrame:
    frame = report.fused.conflicts
    places = frame.geometry.representative_point()
    return pd.DataFrame(
        {
            "序号": range(1, len(frame) + 1),
            "类型": [KINDS[kind][0] for kind in frame["kind"]],
            "涉及图层": [
                "、".join(report.layers.get(code, code) for code in codes) for codes in frame["departments"]
            ],
            "各图层网格": [_by_layer(report, codes) for codes in frame["codes"]],
            "争议边界(米)": _rounded(frame["length_m"], 1),
            "计入合计(米)": _rounded(frame["own_length_m"], 1),
            "平均宽度(米)": _rounded(frame["width_m"], 1),
            **_figures(frame),
            "经度(CGCS2000)": _rounded(places.x, 6),
            "纬度(CGCS2000)": _rounded(places.y, 6),
            "说明": frame["message"],
        },
        dtype=object,
    )


def _grids(report: FusionReport) -> pd.DataFrame:
    frame = report.fused.proposal
    return pd.DataFrame(
        {
            "新网格": frame["code"],
            "名称": frame["name"],
            "类型": frame["kind"].map(ZONE_KIND_NAMES),
            "主导图层的网格": frame["leading"].map(_listed),
            "各图层网格": [_by_layer(report, codes) for codes in frame["sources"]],
            "单元数": frame["cells"].map(len),
            **_figures(frame),
            "越限": frame["rule"],
            "说明": frame["explanation"],
        },
        dtype=object,
    )


def _figures(frame: pd.DataFrame) -> dict[str, list[float | None]]:
    """Return the figures that a frame has, by heading."""
    return {
        heading: _rounded(frame[name], 2) if name == "area_m2" else frame[name].tolist()
        for name, heading in FIGURES.items()
        if name in frame
    }


def _rounded(values: pd.Series, digits: int) -> list[float | None]:
    return [None if math.isnan(value) else round(value, digits) for value in values.astype(float)]


def _by_layer(report: FusionReport, codes: Mapping[str, Sequence[str]]) -> str:
    """Return codes layer by layer, in the order in which the layers were fused: a database keeps none."""
    return "；".join(
        f"{name}：{_listed(codes[layer]) or '无'}" for layer, name in report.layers.items() if layer in codes
    )


def _listed(codes: Sequence[str]) -> str:
    more = f" 等 {len(codes):,} 个" if len(codes) > CODES_MOST else ""
    return "、".join(codes[:CODES_MOST]) + more
