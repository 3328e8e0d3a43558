"""The refusals of the store, one class each. ``api.errors`` maps each to an HTTP status; the command line prints them.

Messages are Chinese first, with English and a remedy, as everywhere (`geo.errors.GeoError`).
"""

from __future__ import annotations

from geo.errors import GeoError


class NotFoundError(GeoError, LookupError):
    """Something named that does not exist: a territory, version, zone, station, job, account."""


class NoVersionError(NotFoundError):
    """A territory without a published version at the date asked for."""


class AddressNotFoundError(NotFoundError):
    """An address that matches nothing: says which known ones come near.

    Parameters
    ----------
    near_misses
        ``{"text", "confidence"}`` of the best candidates, best first.
    """

    def __init__(self, zh: str, en: str, *, near_misses: list[dict[str, object]], remedy: str = "") -> None:
        super().__init__(zh, en, remedy=remedy)
        self.near_misses = near_misses


class ConflictError(GeoError, ValueError):
    """What is asked clashes with what is stored: a name taken, a version already published."""


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
