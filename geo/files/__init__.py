"""The only reader and writer of files: GeoJSON, GPKG, Shapefile, GeoParquet, CSV, Excel, OpenStreetMap."""

from geo.files.bundles import write_bundle
from geo.files.faults import FAULT_COLUMNS, Loaded
from geo.files.places import read_osm
from geo.files.reading import read, read_chunks, read_table
from geo.files.words import named_columns
from geo.files.writing import in_place_of, require_writable, write, write_rejected

__all__ = [
    "FAULT_COLUMNS",
    "Loaded",
    "in_place_of",
    "named_columns",
    "read",
    "read_chunks",
    "read_osm",
    "read_table",
    "require_writable",
    "write",
    "write_bundle",
    "write_rejected",
]
