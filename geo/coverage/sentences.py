"""What a fault says to a planner, in Chinese and in English."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LISTED = 4
_SMALL_M2 = 10.0
_TINY_M2 = 0.05
_NARROW_M = 0.1


def area_text(area_m2: float) -> str:
    """Return an area as a planner writes it: ``152 m²``, ``1.3 m²``, ``不足 0.1 m²``."""
    if area_m2 < _TINY_M2:
        return "不足 0.1 m²"
    return f"{area_m2:,.1f} m²" if area_m2 < _SMALL_M2 else f"{area_m2:,.0f} m²"


def _area_text_en(area_m2: float) -> str:
    return "less than 0.1 m²" if area_m2 < _TINY_M2 else area_text(area_m2)


def width_text(width_m: float) -> str:
    """Return a width as a planner writes it: ``1.3 米``, ``5 厘米``."""
    if width_m < _NARROW_M:
        return f"{width_m * 100:.1f} 厘米".replace(".0 ", " ")
    return f"{width_m:,.1f} 米"


def _width_text_en(width_m: float) -> str:
    return f"{width_m * 100:.1f} cm" if width_m < _NARROW_M else f"{width_m:,.1f} m"


def _listed(noun: str, codes: Sequence[str]) -> str:
    shown = "、".join(codes[:_LISTED])
    more = f" 等 {len(codes)} 个{noun}" if len(codes) > _LISTED else ""
    return f"{noun} {shown}{more}" if codes else ""


def _listed_en(codes: Sequence[str]) -> str:
    shown = ", ".join(codes[:_LISTED])
    more = f" and {len(codes) - _LISTED} more" if len(codes) > _LISTED else ""
    return f"{'zones' if len(codes) > 1 else 'zone'} {shown}{more}" if codes else "no zone"


def sentence(  # noqa: C901, PLR0911, PLR0912  a table of sentences: one branch per kind
    kind: str,
    noun: str,
    codes: Sequence[str],
    names: Sequence[str],
    area_m2: float,
    width_m: float,
    length_m: float,
) -> tuple[str, str]:
    """Return the sentence of a fault in Chinese and in English.

    Parameters
    ----------
    kind
        Kind of fault.
    noun
        What the zones are called: 网格, 社区, 片区.
    codes
        Zones concerned.
    names
        Other names, by kind: parents, an estate; the boundary, a barrier, a reason in both languages.
    area_m2, width_m, length_m
        Measures of the place.
    """
    size = f"{area_text(area_m2)}，最宽 {width_text(width_m)}"
    size_en = f"{_area_text_en(area_m2)}, at most {_width_text_en(width_m)} wide"
    among, among_en = _listed(noun, codes), _listed_en(codes)
    one = f"{noun} {codes[0]}" if codes else ""
    one_en = f"zone {codes[0]}" if codes else ""
    other = f"{noun} {codes[1]}" if len(codes) > 1 else ""
    other_en = f"zone {codes[1]}" if len(codes) > 1 else ""
    between = f"{among} 之间" if len(codes) > 1 else f"{among} 内"
    between_en = f"{'between' if len(codes) > 1 else 'in'} {among_en}"
    match kind:
        case "overlap":
            return f"{one} 与 {other} 重叠 {size}。", f"{one_en} and {other_en} overlap: {size_en}."
        case "gap":
            return f"{between}有缺口 {size}，不属于任何{noun}。", f"Gap {between_en}: {size_en}."
        case "sliver":
            return f"{between}有缝隙 {size}。", f"Sliver {between_en}: {size_en}."
        case "inlet":
            return (
                f"{between}有通向外侧的豁口 {size}。",
                f"Inlet open to the outside {between_en}: {size_en}.",
            )
        case "uncovered":
            beside = f"{among} 旁" if codes else "全部"
            beside_en = f"beside {among_en}" if codes else "all of it"
            return (
                f"辖区内有 {size} 未被任何{noun}覆盖（{beside}）。",
                f"Part of the territory is uncovered ({beside_en}): {size_en}.",
            )
        case "outside_parent":
            return f"{one} 超出{names[0]} {size}。", f"{one_en} reaches beyond {names[1]}: {size_en}."
        case "crossing_levels":
            return (
                f"{one} 跨上级：属于 {names[0]}，有 {size} 落在 {names[1]}。",
                f"{one_en} lies in two parents: it belongs to {names[0]}, but {size_en} are in {names[1]}.",
            )
        case "duplicate":
            if names:
                return (
                    f"编码 {codes[0]} 用于 {names[0]} 个{noun}，每个{noun}只能有一个编码。",
                    f"Code {codes[0]} is used by {names[0]} zones.",
                )
            return (
                f"{one} 与 {other} 是同一块地，画了两次。",
                f"{one_en} and {other_en} are the same land, drawn twice.",
            )
        case "contained":
            return (
                f"{one} 整个落在 {other} 里面（{area_text(area_m2)}）。",
                f"{one_en} lies wholly inside {other_en} ({_area_text_en(area_m2)}).",
            )
        case "invalid":
            return f"{one} 的图形无效：{names[0]}。", f"{one_en} has an invalid shape: {names[1]}."
        case "stray":
            return (
                f"{one} 有一块与主体分离：{size}。",
                f"{one_en} has a piece apart from its main body: {size_en}.",
            )
        case "near_miss":
            apart, apart_en = width_text(max(width_m, 0.001)), _width_text_en(max(width_m, 0.001))
            if names:
                return (
                    f"{among} 的边界没有与{names[0]}对齐，相差不到 {apart}。",
                    f"The border of {among_en} and {names[1]} are {apart_en} apart.",
                )
            if len(codes) == 1:
                return f"{one} 内有一条不到 {apart}的细缝。", f"Hairline gap in {one_en}: {apart_en}."
            return (
                f"{among} 的共同边界没有对齐，相差不到 {apart}。",
                f"The common border of {among_en} is drawn twice, {apart_en} apart.",
            )
        case "cut_estate" | "cut_building":
            what, what_en = ("小区", "Estate") if kind == "cut_estate" else ("楼栋", "Building")
            return (
                f"{what}{names[0]} 被分在 {among}，分出 {size}。",
                f"{what_en} {names[0]} is cut by {among_en}: {size_en} are split off.",
            )
        case "cut_barrier":
            return (
                f"{one} 被{names[0]}穿过 {length_m:,.0f} 米，分成互不相连的几块。",
                f"{one_en} is cut by {names[1]} over {length_m:,.0f} m.",
            )
    raise ValueError(kind)


def action_sentence(
    kind: str,
    strategy: str,
    recipient: str | None,
    area_m2: float,
    changes: Mapping[str, tuple[float, float]],
) -> tuple[str, str]:
    """Return what an action does, in Chinese and in English."""
    sizes = "；".join(f"{code} {before:,.0f} → {after:,.0f} m²" for code, (before, after) in changes.items())
    sizes_en = "; ".join(
        f"{code} {before:,.0f} → {after:,.0f} m²" for code, (before, after) in changes.items()
    )
    tail = f"（{sizes}）。" if sizes else "。"
    tail_en = f" ({sizes_en})." if sizes_en else "."
    size = area_text(area_m2)
    if strategy == "exception":
        return f"缺口 {size} 登记为豁免。", f"Gap of {area_m2:,.1f} m² registered as an exception."
    if strategy == "mend":
        return (
            f"网格 {recipient} 的自相交边界已理顺{tail}",
            f"The crossing border of zone {recipient} is mended{tail_en}",
        )
    if kind == "near_miss":
        line, line_en = (
            ("辖区边界", "the boundary")
            if recipient is None
            else (f"网格 {recipient} 的线", f"zone {recipient}")
        )
        return f"边界按{line}对齐{tail}", f"The border follows {line_en}{tail_en}"
    if strategy == "settled":
        return "已随旁边的修复一起解决。", "Settled by the repairs beside it."
    if recipient is None:
        return f"边界外的 {size} 已裁去{tail}", f"{area_m2:,.1f} m² outside the boundary are cut off{tail_en}"
    return f"{size} 归网格 {recipient}{tail}", f"{area_m2:,.1f} m² go to zone {recipient}{tail_en}"
