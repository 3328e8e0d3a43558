"""Compile the loops of the kernel once, so that the first user does not wait: ``python -m geo.assignment``."""

import geopandas as gpd
import numpy as np
import shapely

from geo.assignment import ZoneIndex


def main() -> None:
    """Run every compiled loop on a tiny coverage; numba keeps the result in its cache."""
    zones = gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1), shapely.box(1, 0, 2, 1)])
    index = ZoneIndex(zones)
    lon, lat = np.array([0.5, 1.0, 9.0]), np.array([0.5, 0.5, 0.5])
    index.locate(lon, lat)
    index.locate_all(lon, lat)


if __name__ == "__main__":
    main()
