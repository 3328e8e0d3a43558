"""Known addresses: those that a text names, and those that come near.

PostgreSQL finds candidates by their normalised keys: the same key, keys that contain or lie in it, and only where
those give nothing, keys that share trigrams with it. `geo.addresses.rank` decides which of them answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from geo.addresses import near_misses, parse, rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Row
    from sqlalchemy.orm import Session

    from geo.addresses import Match, ParsedAddress

CANDIDATES: Final = 60
"""Stored addresses that are looked at closely for one text."""
MATCHES: Final = 10
NEAR_MISSES: Final = 5

_COLUMNS = "text, normalised, subject_id, ST_X(location) AS lon, ST_Y(location) AS lat"

_SAME = text(
    f"SELECT {_COLUMNS} FROM address WHERE territory_id = :territory AND normalised = ANY(:keys) ORDER BY id"  # noqa: S608  a constant
)

_BELOW = text(
    f"""SELECT {_COLUMNS} FROM address WHERE territory_id = :territory AND normalised LIKE :prefix
        ORDER BY length(normalised), normalised, id LIMIT :most"""  # noqa: S608  a constant
)

_ALIKE = text(
    f"""SELECT {_COLUMNS} FROM address WHERE territory_id = :territory AND normalised % :key
        ORDER BY similarity(normalised, :key) DESC, normalised, id LIMIT :most"""  # noqa: S608  a constant
)


@dataclass(frozen=True)
class FoundAddress:
    """A known address that a text may mean.

    Parameters
    ----------
    text
        The address as stored, which may name a flat.
    confidence
        From 0 to 1; 1 where the normalised forms are the same.
    subject_id
        Row of the subject that lives there, if known.
    """

    text: str
    confidence: float
    lon: float
    lat: float
    subject_id: int | None


def public_form(address: str) -> str:
    """Return an address without its flat: building and entrance are public, the flat is a household's.

    Examples
    --------
    >>> public_form("颛兴东路1234弄15号602室")
    '颛兴东路1234弄15号'
    >>> public_form("颛兴东路1234弄15号")
    '颛兴东路1234弄15号'
    """
    parsed = parse(address)
    if not parsed.room:
        return address
    shown = address[: max(address.rfind(parsed.room), 0)].rstrip(" -—－/,，、(（")
    if shown and not parse(shown).room:
        return shown
    # Written so that the number of the flat cannot be cut off: the normalised form can.
    return parsed.prefixes[0] if parsed.prefixes else parsed.name


def find_addresses(
    session: Session, territory_id: int, texts: Sequence[str]
) -> list[tuple[list[FoundAddress], list[FoundAddress]]]:
    """Find what each text names among a territory's addresses.

    Returns
    -------
    list of tuple
        For each text its matches, best first (several when it fits several places), and when there is none the
        near misses.
    """
    wanted = [parse(one) for one in texts]
    keys = sorted({key for one in wanted for key in one.search_keys})
    known: dict[str, list[Row[Any]]] = {}
    for row in session.execute(_SAME, {"keys": keys, "territory": territory_id}):
        known.setdefault(row.normalised, []).append(row)
    return [_find(session, territory_id, one, known) for one in wanted]


def _find(
    session: Session, territory_id: int, wanted: ParsedAddress, known: dict[str, list[Row[Any]]]
) -> tuple[list[FoundAddress], list[FoundAddress]]:
    if not wanted.key:
        return [], []
    same = _answers(wanted, [row for view in wanted.views for row in known.get(view.key, [])])
    if same:
        return same, []
    values = {"territory": territory_id, "key": wanted.key, "most": CANDIDATES}
    below = session.execute(_BELOW, values | {"prefix": f"{escaped(wanted.key)}%"}).all()
    around = [row for key in wanted.search_keys for row in known.get(key, [])]
    found = _answers(wanted, [*around, *below])
    if found:
        return found, []
    alike = list(session.execute(_ALIKE, values))
    found = _answers(wanted, alike)
    if found:
        return found, []
    near = near_misses(wanted, [row.text for row in alike], limit=NEAR_MISSES)
    return [], [_found(one, alike) for one in near]


def _answers(wanted: ParsedAddress, rows: Sequence[Row[Any]]) -> list[FoundAddress]:
    return [_found(one, rows) for one in rank(wanted, [row.text for row in rows], limit=MATCHES)]


def _found(match: Match, rows: Sequence[Row[Any]]) -> FoundAddress:
    row = rows[match.row]
    return FoundAddress(row.text, match.confidence, row.lon, row.lat, row.subject_id)


def escaped(words: str) -> str:
    r"""Return words in which LIKE sees no wildcard.

    Examples
    --------
    >>> escaped("100%")
    '100\\%'
    """
    return words.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
