"""References of coordinates: what enters, what is kept inside, how lengths and areas are measured (law 6).

Inside OneGrid every coordinate is lon/lat in EPSG:4490 (CGCS2000), rounded to 1e-8 degrees (about 1 mm), so
that neighbours' common vertices are bit-for-bit equal. WGS 84 is taken as the same reference: the two
differ by centimetres, less than any boundary is surveyed. Whatever enters *declares* its reference: an
EPSG code, ``GCJ-02`` (AMap, Tencent) or ``BD-09`` (Baidu). Nothing here guesses one.

Axis order is that of GIS files: x is longitude or easting, y is latitude or northing, whatever the official
definition of the reference says (that of the Gauss-Krüger zones is northing, easting).
"""

from geo.crs.measures import CHINA_BOUNDS, areas_m2, lengths_m, metric_crs, require_metric, to_metric
from geo.crs.references import (
    BD_09,
    GCJ_02,
    INTERNAL_CRS,
    QUANTUM_DECIMALS,
    QUANTUM_DEG,
    from_internal,
    lonlat_to_internal,
    quantise,
    reference,
    to_internal,
    undeclared_reference,
)
from geo.crs.suspicions import china_shift_warning, declaration_fault

__all__ = [
    "BD_09",
    "CHINA_BOUNDS",
    "GCJ_02",
    "INTERNAL_CRS",
    "QUANTUM_DECIMALS",
    "QUANTUM_DEG",
    "areas_m2",
    "china_shift_warning",
    "declaration_fault",
    "from_internal",
    "lengths_m",
    "lonlat_to_internal",
    "metric_crs",
    "quantise",
    "reference",
    "require_metric",
    "to_internal",
    "to_metric",
    "undeclared_reference",
]
