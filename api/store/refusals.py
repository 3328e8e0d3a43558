"""What the store refuses to a caller: wrong credentials, missing rights, requests that cannot be answered.

``api.errors`` maps each class to an HTTP status; the command line prints them. See `api.store.errors` for
failures of the database itself.
"""

from __future__ import annotations

from typing import Any

from api.store.errors import NotFoundError
from geo.errors import GeoError


class NoVersionError(NotFoundError):
    """A territory without a published version at the date asked for."""


class AddressNotFoundError(NotFoundError):
    """An address that matches nothing: says which known ones come near.

    Parameters
    ----------
    near_misses
        ``{"text", "confidence"}`` of the best candidates, best first.
    """

    def __init__(self, zh: str, en: str, *, near_misses: list[dict[str, Any]], remedy: str = "") -> None:
        super().__init__(zh, en, remedy=remedy)
        self.near_misses = near_misses


class InvalidRequestError(GeoError, ValueError):
    """A request whose values cannot be worked with."""


class SignInError(GeoError, PermissionError):
    """A wrong name or password, an unusable link, session or key."""


class LockedError(SignInError):
    """An account locked after too many wrong passwords."""


class ForbiddenError(GeoError, PermissionError):
    """An account that is known but may not do this."""


class WeakPasswordError(GeoError, ValueError):
    """A password that the rules do not accept."""
