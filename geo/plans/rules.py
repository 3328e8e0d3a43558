"""Rule profiles: what an office asks of its grids, as data that it edits.

Every threshold is a number of a `Rule`, never a constant of the code: the office changes it, turns it off, or adds the
rule at another level.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from geo.errors import ProfileError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Severity = Literal["warning", "note"]


@dataclass(frozen=True)
class Kind:
    """A kind of rule.

    Parameters
    ----------
    name, name_en
        What it is about.
    unit, unit_en
        Of its thresholds; empty for plain numbers.
    size
        Whether dedicated zones are exempt from it.
    decimals
        Of numbers in sentences.
    """

    name: str
    name_en: str
    unit: str = ""
    unit_en: str = ""
    size: bool = False
    decimals: int = 0


KINDS: dict[str, Kind] = {
    "households": Kind("户数", "households", "户", "households", size=True),
    "people": Kind("人数", "people", "人", "people", size=True),
    "area": Kind("面积", "area", "平方米", "m²", size=True),
    "parts": Kind("连通", "contiguity", "块", "parts"),
    "compactness": Kind("紧凑度", "compactness", decimals=2),
    "stations": Kind("服务站", "stations", "个", "stations"),
    "share_15min": Kind(
        "十五分钟服务圈内户数比例", "share of households within 15 minutes", "%", "%", decimals=0
    ),
    "cut_estate": Kind("切分小区", "cut estates", "米", "m", decimals=1),
    "cut_building": Kind("切分楼栋", "cut buildings", "米", "m", decimals=1),
    "crosses_expressway": Kind("跨快速路", "expressway crossed", "米", "m", decimals=1),
    "crosses_railway": Kind("跨铁路", "railway crossed", "米", "m", decimals=1),
    "crosses_river": Kind("跨河流", "river crossed", "米", "m", decimals=1),
}
"""Every kind of rule. Of a cut or crossing, `Rule.most` is the width that a piece may have and still be no piece."""

CUTS = ("cut_estate", "cut_building")
CROSSINGS = ("crosses_expressway", "crosses_railway", "crosses_river")


@dataclass(frozen=True)
class Rule:
    """One rule at one level.

    Parameters
    ----------
    rule
        One of `KINDS`.
    level
        Code of the level whose zones it is about.
    least, most
        Thresholds in the unit of its kind; None is no threshold. A share is a per cent.
    on
        Whether it is followed.
    source
        Where the numbers come from.
    verified
        Whether somebody looked the source up; a rule that is not gives notes, not warnings.
    """

    rule: str
    level: str
    least: float | None = None
    most: float | None = None
    on: bool = True
    source: str = ""
    verified: bool = False

    @property
    def kind(self) -> Kind:
        """What kind of rule it is."""
        return KINDS[self.rule]

    @property
    def severity(self) -> Severity:
        """How a broken rule is shown."""
        return "warning" if self.verified else "note"


_FIELD = "通行要求：网格不宜被快速路、铁路、河流分割，不宜切分小区和楼栋"
_ZHEJIANG = "浙江：社区网格 300–500 户"

DEFAULT_RULES: tuple[Rule, ...] = (
    Rule("households", "grid", 300, 500, source=_ZHEJIANG, verified=True),
    Rule(
        "people",
        "grid",
        800,
        1500,
        source="滕州 1,000–1,500 人，莆田 800 人",
        verified=True,
    ),
    Rule("parts", "grid", most=1, source="网格应连成一片", verified=True),
    Rule("compactness", "grid", least=0.1, source="Polsby–Popper 紧凑度，经验值"),
    Rule("stations", "grid", least=1, on=False, source="按本地要求启用"),
    Rule("share_15min", "grid", least=80, on=False, source="GB 50180-2018 十五分钟生活圈；比例按本地要求"),
    Rule("cut_estate", "grid", most=1, source=_FIELD, verified=True),
    Rule("cut_building", "grid", most=1, source=_FIELD, verified=True),
    Rule("crosses_expressway", "grid", most=10, source=_FIELD, verified=True),
    Rule("crosses_railway", "grid", most=10, source=_FIELD, verified=True),
    Rule("crosses_river", "grid", most=10, source=_FIELD, verified=True),
    Rule("parts", "community", most=1, source="社区应连成一片", verified=True),
    Rule("households", "microgrid", 30, 50, source="经验值"),
    Rule("parts", "microgrid", most=1, source="微网格应连成一片", verified=True),
    Rule("cut_building", "microgrid", most=1, source=_FIELD, verified=True),
    Rule("area", "urban", most=10_000, on=False, source="城管单元网格约 10,000 平方米"),
)
"""What holds where an office has not said otherwise."""


@dataclass(frozen=True)
class Profile:
    """The rules of an office.

    Parameters
    ----------
    rules
        At most one of a kind at a level.
    name
        As the office calls it.

    Raises
    ------
    ProfileError
        Naming every rule that is none: unknown, twice, without sense in its thresholds.

    Examples
    --------
    >>> Profile().band("grid", "households")
    (300, 500)
    >>> Profile((Rule("households", "grid", 200, 300),)).band("grid", "households")
    (200, 300)
    """

    rules: tuple[Rule, ...] = DEFAULT_RULES
    name: str = "默认规则"
    _at: dict[tuple[str, str], Rule] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse rules that cannot be followed."""
        problems = [problem for rule in self.rules for problem in _problems(rule)]
        for rule in self.rules:
            if (rule.level, rule.rule) in self._at:
                problems.append(f"规则 {rule.rule} 在层级 {rule.level} 出现两次")
            self._at[rule.level, rule.rule] = rule
        if problems:
            raise ProfileError(
                f"规则有误：{'；'.join(problems)}。",
                f"{len(problems)} bad rules",
                remedy="请改正后再保存。",
            )

    def stated(self, level: str, rule: str) -> Rule | None:
        """Return what the profile says of a kind of rule at a level, on or off; None where it says nothing."""
        return self._at.get((level, rule))

    def rule(self, level: str, rule: str) -> Rule | None:
        """Return the rule that is followed at a level, None where there is none or it is off."""
        found = self._at.get((level, rule))
        return found if found is not None and found.on else None

    def band(self, level: str, rule: str) -> tuple[float | None, float | None] | None:
        """Return least and most of a rule that is followed at a level."""
        found = self.rule(level, rule)
        return None if found is None else (found.least, found.most)

    def with_rules(self, rules: Iterable[Rule]) -> Profile:
        """Return a profile in which these rules stand instead of their namesakes."""
        fresh = {(rule.level, rule.rule): rule for rule in rules}
        kept = [fresh.pop((rule.level, rule.rule), rule) for rule in self.rules]
        return replace(self, rules=(*kept, *fresh.values()))


def _problems(rule: Rule) -> list[str]:
    if rule.rule not in KINDS:
        return [f"没有叫 {rule.rule} 的规则"]
    where = f"{rule.kind.name}（{rule.level}）"
    found = []
    numbers = [number for number in (rule.least, rule.most) if number is not None]
    if not all(math.isfinite(number) and number >= 0 for number in numbers):
        found.append(f"{where}的阈值应是不小于零的数")
    if rule.least is not None and rule.most is not None and rule.least > rule.most:
        found.append(f"{where}的下限 {rule.least:g} 大于上限 {rule.most:g}")
    if rule.rule in (*CUTS, *CROSSINGS) and rule.least is not None:
        found.append(f"{where}只有上限（容许的宽度）")
    return found


def rule_of(row: Mapping[str, Any]) -> Rule:
    """Return the rule that a stored or sent object holds; what it does not name stays as by default."""
    known = {key: row[key] for key in ("least", "most", "on", "source", "verified") if key in row}
    return Rule(str(row["rule"]), str(row["level"]), **known)
