"""What an OpenStreetMap file holds that OneGrid can use, read once through pyosmium; no judgement yet.

``geo.files.places`` decides what the things are. Only objects with a tag of ``KEYS`` come into Python; nodes'
locations and multipolygon assembly stay in osmium's C++.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import osmium
import shapely

from geo.errors import FileFormatError

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator

KEYS = (
    "addr:housenumber",
    "amenity",
    "boundary",
    "building",
    "highway",
    "landuse",
    "leisure",
    "office",
    "shop",
    "tourism",
)
WALKABLE = frozenset(
    (
        "bridleway",
        "corridor",
        "crossing",
        "footway",
        "living_street",
        "path",
        "pedestrian",
        "primary",
        "primary_link",
        "residential",
        "road",
        "secondary",
        "secondary_link",
        "service",
        "steps",
        "tertiary",
        "tertiary_link",
        "track",
        "unclassified",
    )
)
"""``highway`` values on which one may walk unless tagged otherwise."""

DRIVEN_ONLY = frozenset(
    (
        "busway",
        "cycleway",
        "motorway",
        "motorway_link",
        "trunk",
        "trunk_link",
    )
)
"""``highway`` values kept for the map, walkable only with ``foot=yes`` or ``designated``."""


@dataclass(frozen=True)
class Feature:
    """One object of the file with its tags.

    Parameters
    ----------
    osm
        ``n123``, ``w123`` or ``r123``.
    tags
        All of its tags.
    geometry
        Point for a node, Polygon or MultiPolygon for a closed way or a multipolygon relation.
    """

    osm: str
    tags: dict[str, str]
    geometry: shapely.Geometry

    @property
    def is_area(self) -> bool:
        """Whether it is a closed way or a multipolygon relation."""
        return bool(shapely.get_dimensions(self.geometry) == 2)  # noqa: PLR2004

    @property
    def point(self) -> shapely.Point:
        """The point itself, or a point inside the area."""
        return shapely.point_on_surface(self.geometry)


@dataclass(frozen=True)
class Boundary:
    """An administrative relation, whether or not the file holds all of its border.

    Parameters
    ----------
    osm, tags
        As of a ``Feature``.
    subareas
        The ``osm`` ids of the relations that it names as its parts.
    geometry
        Its area; None when ways of its border are missing from the file.
    """

    osm: str
    tags: dict[str, str]
    subareas: tuple[str, ...]
    geometry: shapely.Geometry | None


@dataclass
class Extract:
    """Everything read from one file.

    Parameters
    ----------
    path
        The file.
    date
        Date of the data, ISO 8601: the file's replication time, else its newest object.
    features
        Points and areas with tags, by file order.
    boundaries
        Administrative relations.
    streets
        ``(osm id, tags, node refs, coordinates)`` of each ``highway`` way.
    broken
        Ids of the areas that could not be assembled (open or self-crossing rings).
    """

    path: Path
    date: str = ""
    features: list[Feature] = field(default_factory=list)
    boundaries: list[Boundary] = field(default_factory=list)
    streets: list[tuple[str, dict[str, str], list[int], list[tuple[float, float]]]] = field(
        default_factory=list
    )
    broken: list[str] = field(default_factory=list)


def read_extract(path: Path | str) -> Extract:
    """Read an OpenStreetMap file (.osm.pbf, .osm, .osm.bz2…).

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    Extract
        Its points, areas, administrative relations and streets.

    Raises
    ------
    FileFormatError
        When the file is missing, damaged or no OpenStreetMap file.
    """
    path = Path(path)
    extract = Extract(path)
    try:
        newest = _collect(path, extract)
        with osmium.io.Reader(str(path)) as reader:
            stamp = reader.header().get("osmosis_replication_timestamp")
    except (RuntimeError, osmium.InvalidLocationError) as error:
        raise FileFormatError(
            f"无法读取 OpenStreetMap 文件“{path.name}”：{error}。",
            f"cannot read {path.name}: {error}",
            remedy="请确认文件完整，且是 .osm.pbf 或 .osm 格式。",
        ) from error
    extract.date = stamp[:10] if stamp else (newest.date().isoformat() if newest else "")
    return extract


def _collect(path: Path, extract: Extract) -> dt.datetime | None:
    factory = osmium.geom.WKBFactory()
    newest: dt.datetime | None = None
    relations: dict[str, tuple[dict[str, str], tuple[str, ...]]] = {}
    assembled: dict[str, shapely.Geometry] = {}
    wanted = osmium.filter.KeyFilter(*KEYS)
    thing: Any  # what osmium yields differs by its kind
    for thing in osmium.FileProcessor(str(path)).with_areas().with_filter(wanted):
        tags = {tag.k: tag.v for tag in thing.tags}
        if not thing.is_area() and (newest is None or thing.timestamp > newest):
            newest = thing.timestamp
        if thing.is_node():
            point = shapely.Point(thing.location.lon, thing.location.lat)
            extract.features.append(Feature(f"n{thing.id}", tags, point))
        elif thing.is_way():
            _collect_street(thing, tags, extract)
        elif thing.is_relation():
            if tags.get("boundary") == "administrative":
                parts = tuple(f"r{m.ref}" for m in thing.members if m.type == "r" and m.role == "subarea")
                relations[f"r{thing.id}"] = tags, parts
        else:
            osm = f"{'w' if thing.from_way() else 'r'}{thing.orig_id()}"
            geometry = _assemble(factory, thing)
            if geometry is None:
                extract.broken.append(osm)
            elif osm in relations:
                assembled[osm] = geometry
            else:
                extract.features.append(Feature(osm, tags, geometry))
    extract.boundaries = [
        Boundary(osm, tags, parts, assembled.get(osm)) for osm, (tags, parts) in relations.items()
    ]
    return newest


def _assemble(factory: Any, area: Any) -> shapely.Geometry | None:  # noqa: ANN401  osmium has no types
    try:
        geometry = shapely.from_wkb(bytes.fromhex(factory.create_multipolygon(area)))
    except RuntimeError:  # what osmium raises for rings that do not close
        return None
    if geometry.is_empty or not geometry.is_valid:
        return None
    parts = shapely.get_parts(geometry)
    return parts[0] if len(parts) == 1 else geometry


def _collect_street(way: Any, tags: dict[str, str], extract: Extract) -> None:  # noqa: ANN401  osmium has no types
    kind = tags.get("highway")
    if kind not in WALKABLE and kind not in DRIVEN_ONLY:
        return
    located = [(node.ref, (node.lon, node.lat)) for node in way.nodes if node.location.valid()]
    if len(located) > 1:
        refs, coordinates = zip(*located, strict=True)
        extract.streets.append((f"w{way.id}", tags, list(refs), list(coordinates)))


def is_walkable(tags: dict[str, str]) -> bool:
    """Whether the public may walk on a street with these tags.

    ``foot`` decides where it is given, then ``access``, then the kind of street.
    """
    foot = tags.get("foot")
    if foot is not None:
        return foot not in ("no", "private", "use_sidepath")
    return tags.get("access") not in ("no", "private") and tags["highway"] in WALKABLE


def street_pieces(extract: Extract) -> Iterator[tuple[str, dict[str, str], list[tuple[float, float]]]]:
    """Yield ``(osm id, tags, coordinates)`` of the streets, cut wherever two of them share a node.

    Streets that cross without a common node (bridges, tunnels) stay apart: OpenStreetMap says so.
    """
    uses = Counter(ref for _, _, refs, _ in extract.streets for ref in refs)
    for osm, tags, refs, coordinates in extract.streets:
        start = 0
        for here in range(1, len(refs)):
            if here == len(refs) - 1 or uses[refs[here]] > 1:
                piece = coordinates[start : here + 1]
                if len(set(piece)) > 1:
                    yield osm, tags, piece
                start = here
