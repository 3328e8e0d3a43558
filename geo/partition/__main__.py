"""Compile the loops of proposals once, so that the first user does not wait: ``python -m geo.partition``."""

import geopandas as gpd
import shapely

from geo.partition import Place, ProposalOptions, propose

WEST, SOUTH, STEP, SIDE = 121.4, 31.06, 0.002, 6


def main() -> None:
    """Divide a small chessboard; numba keeps what it compiled next to the source."""
    square = shapely.box(WEST, SOUTH, WEST + SIDE * STEP, SOUTH + SIDE * STEP)
    lines = [
        shapely.LineString(ends)
        for k in range(1, SIDE)
        for ends in (
            [(WEST + k * STEP, SOUTH), (WEST + k * STEP, SOUTH + SIDE * STEP)],
            [(WEST, SOUTH + k * STEP), (WEST + SIDE * STEP, SOUTH + k * STEP)],
        )
    ]
    streets = gpd.GeoDataFrame(
        {"kind": "residential"}, geometry=lines, crs="EPSG:4490", index=range(len(lines))
    )
    propose(Place(square, streets=streets), ProposalOptions(grids=4))


if __name__ == "__main__":
    main()
