"""What a planner gives to a zone by clicking: street blocks, the faces between streets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import shapely

from geo.partition.ground import faces_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shapely import Point, Polygon


def block_at(point: Point, streets: Iterable[shapely.Geometry], within: shapely.Geometry) -> Polygon | None:
    """Return the face between streets that a point lies in.

    Parameters
    ----------
    point
        Lon/lat.
    streets
        Lines in lon/lat: all that touch ``within``, or more.
    within
        What is looked at, an area: its own border bounds blocks too.

    Returns
    -------
    Polygon or None
        None when the point lies outside of ``within``, or on a street.

    Examples
    --------
    >>> from shapely import LineString, Point, box
    >>> cross = [LineString([(1, 0), (1, 2)]), LineString([(0, 1), (2, 1)])]
    >>> block_at(Point(0.3, 1.6), cross, box(0, 0, 2, 2)).bounds
    (0.0, 1.0, 1.0, 2.0)
    """
    if not shapely.intersects(within, point):
        return None
    inside = [shapely.intersection(street, within) for street in streets]
    faces = faces_of([shapely.boundary(within), *(line for line in inside if not shapely.is_empty(line))])
    for face in faces:
        if shapely.contains_properly(face, point):
            found: Polygon = face
            return found
    return None
