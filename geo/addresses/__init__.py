"""Addresses: parse, normalise and match Chinese (and plain European) ones.

``parse(text)`` takes an address apart. Its ``key`` is what two ways of writing one address have in common; the store
keeps it beside each address. ``rank(query, candidates)`` compares an address with known ones, and ``AddressBook``
searches a whole frame of them.
"""

from geo.addresses.book import AddressBook
from geo.addresses.matching import Match, compare, near_misses, rank
from geo.addresses.parsing import ParsedAddress, parse

__all__ = ["AddressBook", "Match", "ParsedAddress", "compare", "near_misses", "parse", "rank"]
