"""Plain European addresses: street and house number in either order, then postcode and town."""

from __future__ import annotations

import re

from geo.addresses.text import plain

_TYPES = {
    "av": "avenue",
    "ave": "avenue",
    "bd": "boulevard",
    "bld": "boulevard",
    "blvd": "boulevard",
    "boul": "boulevard",
    "r": "rue",
    "pl": "place",
    "sq": "square",
    "ch": "chemin",
    "che": "chemin",
    "imp": "impasse",
    "all": "allee",
    "rte": "route",
    "prom": "promenade",
    "qu": "quai",
    "pas": "passage",
    "esc": "escalier",
    "res": "residence",
    "imm": "immeuble",
}
"""Abbreviated kinds of street, where they begin a name."""

_ENDINGS = {
    "st": "street",
    "str": "street",
    "rd": "road",
    "ave": "avenue",
    "av": "avenue",
    "blvd": "boulevard",
}
_SAINTS = {"st": "saint", "ste": "sainte"}
_NUMBER = r"\d{1,4}(?:\s?(?:bis|ter|quater)\b|\s?[a-z]\b)?(?:\s?[-/]\s?\d+[a-z]?)*"
_FIRST = re.compile(rf"^(?:n\s?°?\s?|no\.?\s)?({_NUMBER})\s*,?\s+(?=[^\W\d])")
_LAST = re.compile(rf"^([^\d\W].*?),?\s+(?:n°\s?|no\.?\s)?({_NUMBER})$")
_POSTCODE = re.compile(r"^(?:mc-?|f-?)?\d{4,5}\b")
_TOWN = re.compile(r"^(.*\D)\s(\d{5}(?:\s+\D+)?)$")
_INSIDE = {
    "building": re.compile(
        r"\b(?:batiment|bat|bloc|block|building|immeuble|imm|tower|tour)\.?\s*([a-z]|\d+)\b"
    ),
    "unit": re.compile(r"\b(?:escalier|esc|entree|entrance|stair)\.?\s*([a-z]|\d+)\b"),
    "floor": re.compile(
        r"\b(\d+)\s?(?:er|e|eme|ieme|st|nd|rd|th)?\s+(?:etage|floor)\b|\b(?:etage|floor)\s*(\d+)\b"
    ),
    "room": re.compile(
        r"\b(?:appartement|appart|appt|apt|app|flat|unit|no|room|porte)\.?\s*([a-z]?\d+[a-z]?)\b"
    ),
}


_KEY = re.compile(
    r"(?P<road>[a-z][^\u3400-\u9fff]*) (?:(?P<number>[0-9a-z-]+)号)?(?:(?P<building>[0-9a-z]+)幢)?"
    r"(?:(?P<unit>[0-9a-z]+)单元)?(?:(?P<floor>[0-9]+)层)?(?:(?P<room>[0-9a-z]+)室)?"
)


def is_european_key(text: str) -> bool:
    """Tell whether a text is the key of a European address, whose units are Chinese like those of every key."""
    return _KEY.fullmatch(text) is not None


def european_parts(text: str) -> dict[str, str]:
    """Take a European address apart.

    Returns
    -------
    dict
        Parts of :class:`geo.addresses.ParsedAddress` that it names.

    Examples
    --------
    >>> european_parts("12bis, Avenue de la Costa, 98000 Monaco")
    {'road': 'avenue de la costa', 'number': '12bis', 'city': 'monaco'}
    """
    if key := _KEY.fullmatch(text):
        return {part: value for part, value in key.groupdict().items() if value}
    body = re.sub(r"[;|/\n]", ",", plain(text)).replace("'", " ").replace("’", " ")
    body = re.sub(r"[\s_]+", " ", body).strip(" ,")
    parts: dict[str, str] = {}
    for slot, pattern in _INSIDE.items():
        if found := pattern.search(body, 1):
            parts[slot] = next(group for group in found.groups() if group)
            body = (body[: found.start()] + "," + body[found.end() :]).strip(" ,")
    if found := _FIRST.match(body):
        parts["number"] = found[1]
        body = body[found.end() :]
    street, *pieces = [piece.strip() for piece in body.split(",") if piece.strip()] or [""]
    if not pieces and (found := _TOWN.match(street)):
        street, pieces = found[1], [found[2]]
    if "number" not in parts:
        street, parts["number"] = _number_behind(street, pieces)
    towns = [town for piece in pieces if (town := _words(_POSTCODE.sub("", piece)))]
    number = re.sub(r"\s", "", parts["number"]).replace("/", "-")
    given = {"road": _street(street), **parts, "number": number, "city": towns[0] if towns else ""}
    return {part: value for part, value in given.items() if value}


def _number_behind(street: str, pieces: list[str]) -> tuple[str, str]:
    """Find the house number behind a street: ``avenue 12`` or ``avenue, 12`` (then taken from ``pieces``)."""
    if found := _LAST.match(street):
        return found[1], found[2]
    if pieces and re.fullmatch(_NUMBER, pieces[0]):
        return street, pieces.pop(0)
    return street, ""


def _words(text: str) -> str:
    return " ".join(re.findall(r"[^\W_]+", text))


def _street(text: str) -> str:
    """Write a street's name out in full."""
    words = re.findall(r"[^\W_]+", text)
    if not words:
        return ""
    if len(words) > 1:
        words[0] = _TYPES.get(words[0], words[0])
        words[-1] = _ENDINGS.get(words[-1], words[-1])
    return " ".join(_SAINTS.get(word, word) for word in words)
