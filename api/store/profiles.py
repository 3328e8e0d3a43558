"""Rule profiles in the database: one per territory, the kernel's defaults where an office has not said otherwise."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from api.store import audit, models
from api.store.territories import find_territory, levels_of
from geo.codes import DB11, PRESETS, Segment, ZoneCodeFormat
from geo.errors import ProfileError
from geo.plans.rules import Profile, Rule, rule_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.orm import Session

DEFAULT_REVISION = 0
"""The revision of a profile that nobody has edited."""


@dataclass(frozen=True)
class StoredProfile:
    """The rules of a territory.

    Parameters
    ----------
    territory
        Its code.
    profile
        Rules and name.
    number_format
        How codes of its grids are made up.
    approval
        Whether a second person approves a plan before it is published.
    revision
        Grows with each edit; 0: the defaults.
    """

    territory: str
    profile: Profile
    number_format: ZoneCodeFormat
    approval: bool
    revision: int

    @property
    def code(self) -> str:
        """Return ``default`` for the defaults, else the territory's code."""
        return self.territory if self.revision else "default"


def read_profile(session: Session, territory: str) -> StoredProfile:
    """Return the rules of a territory.

    Raises
    ------
    NotFoundError
        No such territory.
    """
    found = find_territory(session, territory)
    row = session.get(models.RuleProfile, found.id, populate_existing=True)
    if row is None:
        return StoredProfile(found.code, Profile(), DB11, approval=False, revision=DEFAULT_REVISION)
    profile = Profile(tuple(rule_of(each) for each in row.rules), row.name)
    return StoredProfile(found.code, profile, _format_of(row.number_format), row.approval, row.revision)


def profile_revision(session: Session, territory_id: int) -> int:
    """Return the revision of a territory's rules, so that what was computed by them is known to be old."""
    query = select(models.RuleProfile.revision).where(models.RuleProfile.territory_id == territory_id)
    return session.scalar(query) or DEFAULT_REVISION


def write_profile(
    session: Session,
    territory: str,
    *,
    name: str | None = None,
    rules: Iterable[Rule] | None = None,
    number_format: ZoneCodeFormat | None = None,
    approval: bool | None = None,
    account_id: int | None = None,
    actor: audit.Actor | None = None,
) -> StoredProfile:
    """Edit the rules of a territory; what is None stays as it is.

    Parameters
    ----------
    session
        Its transaction.
    territory
        Code of the territory.
    name
        Name of the profile.
    rules
        All rules; those left out are no longer asked.
    number_format
        How codes of grids are made up.
    approval
        Whether a second person approves a plan before it is published.
    account_id, actor
        Who, for the row and the audit trail.

    Raises
    ------
    NotFoundError
        No such territory.
    ProfileError
        Rules that cannot be followed, or of levels that the territory does not know.
    """
    found = find_territory(session, territory)
    old = read_profile(session, territory)
    asked = old.profile.rules if rules is None else tuple(rules)
    profile = Profile(asked, name or old.profile.name)
    if rules is not None:
        _refuse_unknown_levels(session, found.id, profile)
    values: dict[str, Any] = {
        "name": profile.name,
        "rules": [asdict(rule) for rule in profile.rules],
        "number_format": _format_document(number_format or old.number_format),
        "approval": old.approval if approval is None else approval,
        "changed_by": account_id,
    }
    statement = insert(models.RuleProfile).values(territory_id=found.id, **values)
    statement = statement.on_conflict_do_update(
        index_elements=["territory_id"],
        set_={
            **values,
            "revision": models.RuleProfile.revision + 1,
            "changed_at": statement.excluded.changed_at,
        },
    )
    session.execute(statement)
    before = {(rule.level, rule.rule): rule for rule in old.profile.rules}
    after = {(rule.level, rule.rule): rule for rule in profile.rules}
    changed = sorted(
        f"{level}/{rule}" for level, rule in before | after if _differs(before, after, level, rule)
    )
    audit.record(
        session,
        actor or audit.Actor(),
        "profile.set",
        found.code,
        rules=changed,
        approval=values["approval"],
        number_format=values["number_format"]["name"],
    )
    return read_profile(session, territory)


def document_of(stored: StoredProfile) -> dict[str, Any]:
    """Return a profile as JSON holds it, with names and units."""
    return {
        "code": stored.code,
        "name": stored.profile.name,
        "rules": [
            {**asdict(rule), "name": rule.kind.name, "name_en": rule.kind.name_en, "unit": rule.kind.unit}
            for rule in stored.profile.rules
        ],
        "number_format": _format_document(stored.number_format),
        "approval": stored.approval,
        "revision": stored.revision,
    }


def code_format(name: str, segments: Iterable[Mapping[str, Any]] | None = None) -> ZoneCodeFormat:
    """Return a preset by name, or a format of one's own.

    Raises
    ------
    CodeFormatError
        Segments that can number nothing.
    ProfileError
        No segments, and no preset of that name.
    """
    parts = None if segments is None else tuple(Segment(**segment) for segment in segments)
    preset = PRESETS.get(name)
    if preset is not None and parts in (None, preset.segments):
        return preset
    if parts is None:
        raise ProfileError(
            f"没有叫 {name} 的编码格式。",
            f"no code format {name}",
            remedy=f"可用的格式：{'、'.join(PRESETS)}，或者逐段给出。",
        )
    return ZoneCodeFormat(name, parts)


def _format_document(code_format: ZoneCodeFormat) -> dict[str, Any]:
    """Return a format as it is stored and answered: presets by their short names."""
    name = next((key for key, preset in PRESETS.items() if preset == code_format), code_format.name)
    return {**asdict(code_format), "name": name}


def _format_of(stored: Mapping[str, Any]) -> ZoneCodeFormat:
    return code_format(stored["name"], stored["segments"])


def _differs(
    before: Mapping[tuple[str, str], Rule], after: Mapping[tuple[str, str], Rule], level: str, rule: str
) -> bool:
    return before.get((level, rule)) != after.get((level, rule))


def _refuse_unknown_levels(session: Session, territory_id: int, profile: Profile) -> None:
    # The defaults speak of levels that a territory may not have yet; only what an office adds has to be known.
    known = {level.code for level in levels_of(session, territory_id)} | {
        rule.level for rule in Profile().rules
    }
    unknown = sorted({rule.level for rule in profile.rules} - known)
    if unknown:
        raise ProfileError(
            f"没有层级 {'、'.join(unknown)}。",
            f"unknown levels: {unknown}",
            remedy=f"可用的层级：{'、'.join(sorted(known))}。",
        )
