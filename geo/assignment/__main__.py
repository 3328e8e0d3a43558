"""Compile the loops of the kernel once, so that the first user does not wait: ``python -m geo.assignment``."""

import geopandas as gpd
import shapely

from geo.assignment import ZoneIndex


def main() -> None:
    """Run every compiled loop on a few zones that overlap; numba keeps what it compiled next to the source."""
    zones = [shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1), shapely.box(0.5, 0.5, 1.5, 1.5)]
    index = ZoneIndex(gpd.GeoDataFrame(geometry=zones))
    lon, lat = [0.5, 1.0, 9.0, 1e-300], [0.5, 0.5, 0.5, -1e-300]
    index.locate(lon, lat)
    index.locate_all(lon, lat)


if __name__ == "__main__":
    main()
