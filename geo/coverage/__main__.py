"""Compile the loops of checks once, so that the first user does not wait: ``python -m geo.coverage``."""

import geopandas as gpd
import shapely

from geo.coverage import find_faults
from geo.crs import INTERNAL_CRS


def main() -> None:
    """Check two zones that overlap and leave a gap; numba keeps what it compiled next to the source."""
    shapes = [shapely.box(121.4, 31.0, 121.42, 31.02), shapely.box(121.41, 31.0, 121.43, 31.02)]
    zones = gpd.GeoDataFrame({"code": ["a", "b"]}, geometry=shapes, crs=INTERNAL_CRS)
    town = gpd.GeoDataFrame(
        {"code": ["t"]}, geometry=[shapely.box(121.4, 31.0, 121.44, 31.02)], crs=INTERNAL_CRS
    )
    find_faults(zones, town, parents=town)


if __name__ == "__main__":
    main()
