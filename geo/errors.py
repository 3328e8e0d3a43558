"""The failures of the kernel, one class each.

Every message is written for a planner: Chinese first, English in ``en``, and a ``remedy`` that says what to do.
Findings (gaps, overlaps, unmatched addresses) are returned data, never exceptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from shapely.geometry.base import BaseGeometry


class GeoError(Exception):
    """A failure that a user can understand and mend.

    Parameters
    ----------
    zh
        What is wrong, in Chinese, naming the file, row, column or zone.
    en
        The same in English.
    remedy
        What to do, in Chinese.
    """

    def __init__(self, zh: str, en: str, *, remedy: str = "") -> None:
        self.zh = zh
        self.en = en
        self.remedy = remedy
        super().__init__(zh, en)

    def __str__(self) -> str:
        """Return the Chinese message, the remedy and the English message on one line."""
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{self.zh}{remedy} ({self.en})"


class UndeclaredReferenceError(GeoError, ValueError):
    """Coordinates whose reference system is neither declared nor found in the file."""


class UnknownReferenceError(GeoError, ValueError):
    """A declared reference that is no EPSG code, ``GCJ-02`` or ``BD-09``."""


class MixedReferenceError(GeoError, ValueError):
    """Frames in different reference systems given to one function."""


class DegreesError(GeoError, ValueError):
    """A length or an area asked of coordinates in degrees."""


class CoordinatesError(GeoError, ValueError):
    """Arrays of coordinates or results that do not belong together: another length, another shape."""


class FileFormatError(GeoError, ValueError):
    """A file that cannot be read as what it should be."""


class EncodingError(FileFormatError):
    """A text file whose bytes fit no single encoding."""


class CodeFormatError(GeoError, ValueError):
    """A zone code, or a numbering, that breaks its format."""


class ZonesError(GeoError, ValueError):
    """Zones that cannot be worked on: empty, without codes, not polygons, without area."""


class ProfileError(GeoError, ValueError):
    """Rules of a profile that cannot be followed."""


class NetworkError(GeoError, ValueError):
    """Street lines that make no network."""


class SitingError(GeoError, ValueError):
    """Stations to site that cannot be: more than there are candidates, or none."""


class BadRecordsError(GeoError, ValueError):
    """Rows of a file that break the rules of their kind: all of them, reported at once.

    Parameters
    ----------
    faults
        One row per fault with columns ``file, row, column, value, problem, remedy``
        (``row`` counts as a spreadsheet does: the header is row 1).
    """

    def __init__(self, zh: str, en: str, *, faults: pd.DataFrame, remedy: str = "") -> None:
        super().__init__(zh, en, remedy=remedy)
        self.faults = faults


class RefusedError(GeoError, ValueError):
    """A change of zones that would break a law: refused with the place and the reason (law 4).

    Parameters
    ----------
    place
        Where, in lon/lat, so that a map can fly there.
    """

    def __init__(self, zh: str, en: str, *, place: BaseGeometry | None = None, remedy: str = "") -> None:
        super().__init__(zh, en, remedy=remedy)
        self.place = place
