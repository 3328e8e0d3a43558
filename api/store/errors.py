"""The failures of the store: each says what is wrong and what to do, Chinese first (see :mod:`geo.errors`)."""

from __future__ import annotations

from geo.errors import GeoError


class StoreError(GeoError, RuntimeError):
    """A failure of the store that a user can understand and mend."""


class ClusterError(StoreError):
    """The embedded database cannot be made, started or stopped."""


class BinariesMissingError(ClusterError):
    """PostgreSQL or PostGIS is not installed, or not in the major version that the data folder needs."""


class DiskFullError(ClusterError):
    """Too little free space to start, to load or to back up without risk."""


class SchemaError(StoreError):
    """A database whose tables this program does not know: newer than it, foreign, or without PostGIS."""


class NotFoundError(StoreError, LookupError):
    """A territory, version, level or zone that is not there."""


class DuplicateError(StoreError, ValueError):
    """Something of that code is already there."""


class PublishedError(StoreError, ValueError):
    """An attempt to change a published version."""


class NotPublishableError(StoreError, ValueError):
    """A draft that may not be published yet: faults without exception, subjects not reconciled, or no reason."""


class BackupError(StoreError):
    """A backup that could not be written or read."""
