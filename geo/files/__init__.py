"""The only reader and writer of files: GeoJSON, GPKG, Shapefile, GeoParquet, CSV, Excel, OpenStreetMap."""

from geo.files.places import read_osm

__all__ = ["read_osm"]
