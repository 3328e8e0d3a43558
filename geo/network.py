"""The street network that people walk on: from OpenStreetMap, from lines or from stored arrays; distances on it.

**Walk.** The length of a walk is the straight line from where somebody stands to the nearest point of the nearest
walkable street (the *access*), the shortest way along walkable streets, and the straight line to the destination.
Streets are walked in both directions. Lengths are metres in the network's metric reference
(:func:`geo.crs.metric_crs`).

**Walkable.** Motorways and expressways (``motorway``, ``trunk`` and their links: in Chinese OpenStreetMap data
``trunk`` is the 快速路) are not walked along; a street that crosses at the same node is. A file or frame that says
otherwise for a line wins.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely
from pyproj import Transformer
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geo import walks
from geo.access import MAX_ACCESS_M, Nodes, Snaps, StreetPieces
from geo.crs import INTERNAL_CRS, metric_crs, to_internal
from geo.errors import NetworkError
from geo.streets import (
    NOT_WALKABLE_KINDS,
    crossings_joined,
    edges_of_lines,
    is_internal,
    lines_of_frame,
    osm_lines,
)

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from numpy.typing import ArrayLike, NDArray
    from pyproj import CRS

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int32]

__all__ = ["EDGE_COLUMNS", "MAX_ACCESS_M", "Nodes", "Snaps", "StreetNetwork"]

EDGE_COLUMNS = ("from_node", "to_node", "length_m", "kind", "name", "walkable", "geometry")


class StreetNetwork:
    """A street network in EPSG:4490 with metric lengths. Never changed once made.

    Made by :meth:`from_osm`, :meth:`from_lines` or :meth:`from_arrays`.

    Attributes
    ----------
    nodes
        Longitude and latitude of each node.
    edges
        GeoDataFrame in EPSG:4490 with columns ``from_node, to_node`` (rows of ``nodes``), ``length_m`` (in meters),
        ``kind`` (OpenStreetMap's ``highway`` value), ``name`` (or None), ``walkable`` and ``geometry`` (LineString
        from ``from_node`` to ``to_node``).
    crs
        The metric reference of its lengths.

    Raises
    ------
    NetworkError
        When there is no street with a length.

    Examples
    --------
    >>> import geopandas as gpd
    >>> from shapely import LineString
    >>> lines = gpd.GeoSeries([LineString([(121.40, 31.07), (121.41, 31.07)])], crs="EPSG:4490")
    >>> network = StreetNetwork.from_lines(lines.to_frame("geometry"))
    >>> len(network.nodes), round(float(network.edges["length_m"].iloc[0]))
    (2, 955)
    """

    def __init__(self, nodes: Nodes, edges: gpd.GeoDataFrame) -> None:
        if not len(edges) or not len(nodes):
            raise NetworkError(
                "道路数据中没有可用的线段，无法构成路网。",
                "there is no street with a length",
                remedy="请检查道路文件是否为空、几何是否为线。",
            )
        self.nodes = nodes
        self.edges = edges
        self.crs = metric_crs(edges.geometry.to_numpy())

    @classmethod
    def from_lines(
        cls,
        frame: gpd.GeoDataFrame,
        *,
        join_crossings: bool = False,
        not_walkable: Collection[str] = NOT_WALKABLE_KINDS,
        island_m: float = 0.0,
    ) -> StreetNetwork:
        """Make a network of street lines.

        Nodes are the end points of lines and the vertices that lines share. Lines that cross without a common
        vertex (a bridge over a street) stay unjoined unless asked.

        Parameters
        ----------
        frame
            LineStrings or MultiLineStrings with a reference; optional columns ``name``, ``kind`` (or ``highway``,
            ``fclass``) and ``walkable`` (where given, it decides). Not changed. Empty geometries are left out.
        join_crossings
            Whether to make a node wherever two lines cross, for data without shared vertices.
        not_walkable
            Kinds that are not walked along, where ``walkable`` does not say.
        island_m
            Walkable parts of the network, joined to no other, with less than this length in all (in meters) are
            marked as not walkable, the longest part excepted: loose ends of the data that nobody can leave.

        Raises
        ------
        NetworkError
            When a geometry is no line, or there is no line at all.
        UndeclaredReferenceError
            When the frame has no reference.
        """
        lines = lines_of_frame(frame, not_walkable)
        if join_crossings:
            lines = crossings_joined(lines)
        coords, line_of = shapely.get_coordinates(lines.geometry.to_numpy(), return_index=True)
        _, vertex = np.unique(coords.view(np.complex128).ravel(), return_inverse=True)
        return cls._built(lines, coords, line_of, vertex, island_m)

    @classmethod
    def from_osm(
        cls, path: str | Path, *, not_walkable: Collection[str] = NOT_WALKABLE_KINDS, island_m: float = 200.0
    ) -> StreetNetwork:
        """Make a network of the streets in an OpenStreetMap file (``.osm.pbf``, ``.osm``).

        Ways are joined where they share an OpenStreetMap node, so bridges and tunnels stay apart. All streets are
        kept; ``walkable`` follows ``foot``, ``access`` and ``sidewalk`` first, then the kind. Streets not (yet)
        there (``construction``, ``proposed``…), race tracks and platforms are left out.

        Parameters
        ----------
        path
            The file.
        not_walkable, island_m
            As for :meth:`from_lines`.

        Raises
        ------
        NetworkError
            When the file holds no street.
        FileFormatError
            When it is missing or no OpenStreetMap file.
        """
        lines, coords, line_of, vertex = osm_lines(path, frozenset(not_walkable))
        return cls._built(lines, coords, line_of, vertex, island_m)

    @classmethod
    def from_arrays(cls, lon: ArrayLike, lat: ArrayLike, edges: gpd.GeoDataFrame) -> StreetNetwork:
        """Make a network of stored nodes and edges, as :attr:`nodes` and :attr:`edges` gave them.

        Parameters
        ----------
        lon, lat
            Nodes in degrees, EPSG:4490.
        edges
            With the columns of :attr:`edges`; ``from_node`` and ``to_node`` are rows of ``lon`` and ``lat``.

        Raises
        ------
        NetworkError
            When a column is missing or an edge names a node that does not exist.
        """
        nodes = Nodes(np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64))
        missing = [column for column in EDGE_COLUMNS if column not in edges]
        if missing:
            raise NetworkError(
                f"路网边表缺少列：{'、'.join(missing)}。", f"edges lack the columns {', '.join(missing)}"
            )
        ends = edges[["from_node", "to_node"]].to_numpy(dtype=np.int64)
        if len(ends) and (ends.min() < 0 or ends.max() >= len(nodes)):
            raise NetworkError("路网边表引用了不存在的节点。", "an edge names a node that does not exist")
        kept = edges[list(EDGE_COLUMNS)].reset_index(drop=True)
        return cls(nodes, kept.set_crs(INTERNAL_CRS, allow_override=True) if len(kept) else kept)

    @classmethod
    def _built(
        cls,
        lines: gpd.GeoDataFrame,
        coords: Floats,
        line_of: NDArray[np.int64],
        vertex: NDArray[np.int64],
        island_m: float,
    ) -> StreetNetwork:
        lon, lat, edges = edges_of_lines(lines, coords, line_of, vertex)
        if len(edges):
            edges = gpd.GeoDataFrame(edges, geometry="geometry", crs=INTERNAL_CRS)
            crs = metric_crs(edges.geometry.to_numpy())
            edges["length_m"] = shapely.length(_projected(edges.geometry.to_numpy(), _projection(crs)))
            edges = edges[list(EDGE_COLUMNS)]
        network = cls(Nodes(lon, lat), edges)
        if island_m > 0:
            part = network.components
            total = edges[edges["walkable"]].groupby(part[edges["walkable"].to_numpy()])["length_m"].sum()
            kept = total.index[(total >= island_m) | (total == total.max())]
            edges["walkable"] = edges["walkable"] & np.isin(part, kept)
            network = cls(network.nodes, edges)
        return network

    @property
    def streets(self) -> gpd.GeoDataFrame:
        """Edges as records of kind ``streets``: columns ``name, kind, walkable, attributes, geometry``."""
        frame = self.edges[["name", "kind", "walkable", "geometry"]].copy()
        frame.insert(3, "attributes", [{} for _ in range(len(frame))])
        return frame

    @cached_property
    def components(self) -> Ints:
        """Number of the joined walkable part that each edge lies in; −1 where it is not walkable."""
        walkable = self._walkable
        matrix = coo_array(
            (np.ones(walkable.sum()), (self._tail[walkable], self._head[walkable])),
            shape=(len(self.nodes), len(self.nodes)),
        )
        _, part = connected_components(matrix, directed=False)
        return np.where(walkable, part[self._tail], -1).astype(np.int32)

    @cached_property
    def _walkable(self) -> NDArray[np.bool_]:
        return np.asarray(self.edges["walkable"].to_numpy(dtype=bool))

    @cached_property
    def _tail(self) -> Ints:
        # Copies: what pandas lends is read-only, for which all loops would have to be compiled once more.
        return np.array(self.edges["from_node"], dtype=np.int32)

    @cached_property
    def _head(self) -> Ints:
        return np.array(self.edges["to_node"], dtype=np.int32)

    @cached_property
    def _length(self) -> Floats:
        return np.array(self.edges["length_m"], dtype=np.float64)

    @cached_property
    def _projection(self) -> Transformer:
        return _projection(self.crs)

    @cached_property
    def _metric_lines(self) -> NDArray[np.object_]:
        return _projected(self.edges.geometry.to_numpy(), self._projection)

    @cached_property
    def _plain(self) -> walks.Streets:
        on = self._walkable
        tails = np.concatenate([self._tail[on], self._head[on]])
        heads = np.concatenate([self._head[on], self._tail[on]])
        order = np.argsort(tails, kind="stable")
        starts = np.zeros(len(self.nodes) + 1, dtype=np.int64)
        np.cumsum(np.bincount(tails, minlength=len(self.nodes)), out=starts[1:])
        lengths = np.concatenate([self._length[on], self._length[on]])
        ends, lengths = np.ascontiguousarray(heads[order]), np.ascontiguousarray(lengths[order])
        return walks.Streets(self._tail, self._head, self._length, starts, ends, lengths)

    def _by_edge(self, places: Snaps) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return rows of the places on edges, sorted by edge; those of edge ``e`` begin at the second's ``[e]``."""
        on = np.flatnonzero(places.edge >= 0)
        order = on[np.argsort(places.edge[on], kind="stable")]
        return order, np.searchsorted(places.edge[order], np.arange(len(self.edges) + 1))

    @cached_property
    def _pieces(self) -> StreetPieces:
        numbers = np.flatnonzero(self._walkable)
        return StreetPieces.of(self._metric_lines[numbers], numbers, self._length)

    def project(self, lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
        """Return easting and northing (in meters) in the network's metric reference; not finite stays so."""
        x, y = self._projection.transform(
            np.asarray(lon, dtype=np.float64), np.asarray(lat, dtype=np.float64), errcheck=False
        )
        return np.atleast_1d(x), np.atleast_1d(y)

    def snap(self, points: gpd.GeoSeries | gpd.GeoDataFrame, *, max_access_m: float = MAX_ACCESS_M) -> Snaps:
        """Snap places onto their nearest walkable streets.

        Parameters
        ----------
        points
            Points; a polygon stands for its point on surface; None or empty has no location. Any reference.
        max_access_m
            Farthest street that counts (in meters).

        Returns
        -------
        Snaps
            One row per row of ``points``.
        """
        series = points.geometry if isinstance(points, gpd.GeoDataFrame) else points
        shapes = np.array(series.to_numpy(), dtype=object)
        shapes[shapely.is_empty(shapes)] = None
        wide = ~np.isin(shapely.get_type_id(shapes), (-1, 0))
        shapes[wide] = shapely.point_on_surface(shapes[wide])
        lon, lat = np.full(len(shapes), np.nan), np.full(len(shapes), np.nan)
        here = ~shapely.is_missing(shapes)
        lon[here], lat[here] = shapely.get_x(shapes[here]), shapely.get_y(shapes[here])
        if series.crs is not None and not is_internal(series.crs) and here.any():
            moved = to_internal(gpd.GeoSeries(shapes[here], crs=series.crs).to_frame("geometry")).geometry
            lon[here], lat[here] = moved.x, moved.y
        return self.snap_lonlat(lon, lat, max_access_m=max_access_m)

    def snap_lonlat(self, lon: ArrayLike, lat: ArrayLike, *, max_access_m: float = MAX_ACCESS_M) -> Snaps:
        """Snap points given in degrees (EPSG:4490), as :meth:`snap` does. NaN or inf has no location."""
        edge, offset, access = self._pieces.nearest(*self.project(lon, lat), max_access_m)
        return Snaps(edge, np.clip(offset, 0.0, self._length[edge]), access)

    def distances_m(
        self,
        origins: Snaps | gpd.GeoSeries | gpd.GeoDataFrame,
        limit_m: float,
        destinations: Snaps | None = None,
    ) -> Floats:
        """Measure shortest walks from each origin to every node, or to given destinations.

        Parameters
        ----------
        origins
            Snapped places, or points to snap.
        limit_m
            Longest walk (in meters), access included; farther is inf. ``math.inf`` for none.
        destinations
            Snapped places; without them, the nodes of the network.

        Returns
        -------
        ndarray
            float64 (origins, destinations or nodes), in meters. Take origins in parts when that is too large.
        """
        start = origins if isinstance(origins, Snaps) else self.snap(origins)
        columns = len(self.nodes) if destinations is None else len(destinations)
        out = np.full((len(start), columns), np.inf)
        origin_places, limit = start.plain, float(limit_m)

        def work(a: int, b: int) -> None:
            if destinations is None:
                walks.walks_to_nodes(origin_places, self._plain, limit, a, b, out)
            else:
                walks.walks_to_places(origin_places, destinations.plain, self._plain, limit, a, b, out)

        walks.in_threads(work, len(start))
        return out

    def nearest_m(self, origins: Snaps, places: Snaps, *, limit_m: float = np.inf) -> tuple[Ints, Floats]:
        """Find the origin with the shortest walk to each place: one search for all origins together.

        Returns
        -------
        tuple of ndarray
            Row of the origin (int32, −1: none within the limit) and the walk (in meters, inf: none).
        """
        limit, streets = float(limit_m), self._plain
        dist = np.full(len(self.nodes), np.inf)
        room = walks.room_for(streets, 2 * len(origins))
        walks.spread(origins.plain, 0, len(origins), streets, limit, dist, room)
        order, by_edge = self._by_edge(origins)
        row, walk = np.empty(len(places), dtype=np.int32), np.empty(len(places))

        def work(a: int, b: int) -> None:
            walks.nearest_origins(
                origins.plain, order, by_edge, places.plain, dist, room.label, streets, limit, a, b, row, walk
            )

        walks.in_threads(work, len(places), smallest=10_000)
        return row, walk

    def count_reached(
        self,
        origins: Snaps,
        places: Snaps,
        kind: NDArray[np.int64],
        people: NDArray[np.int64],
        limits_m: Floats,
        *,
        kinds: int,
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Count the places that each origin reaches within each limit, without keeping a walk per pair.

        Parameters
        ----------
        origins, places
            Snapped.
        kind, people
            Per place: a number below ``kinds``, and how many people (−1: unknown).
        limits_m
            Ascending walks (in meters).
        kinds
            How many kinds there are.

        Returns
        -------
        tuple of ndarray
            int64 (origins + 1, limits, kinds): places reached, those of them with known people, and their people.
            The last row is left at zero, for all origins together.
        """
        order, by_edge = self._by_edge(places)
        sorted_places, sorted_kind, sorted_people = places.take(order).plain, kind[order], people[order]
        shape = (len(origins) + 1, len(limits_m), kinds)
        reached, known, total = (np.zeros(shape, dtype=np.int64) for _ in range(3))

        def work(a: int, b: int) -> None:
            walks.count_reached(
                origins.plain, sorted_places, by_edge, sorted_kind, sorted_people, limits_m, self._plain, a, b,
                reached, known, total,
            )  # fmt: skip

        walks.in_threads(work, len(origins))
        return reached, known, total

    def parts_between(
        self, places: Snaps, row: int, walks_m: Floats, nearer_m: float, farther_m: float
    ) -> NDArray[np.object_]:
        """Return the parts of walkable streets that one place reaches by walks between two lengths.

        Parameters
        ----------
        places, row
            Snapped places, and which of them.
        walks_m
            Its walks to every node, as :meth:`distances_m` measures them, at least as far as ``farther_m``.
        nearer_m, farther_m
            Walks (in meters), the place's access included; ``-inf`` for all parts within ``farther_m``.

        Returns
        -------
        ndarray
            LineStrings in :attr:`crs`: edges as a whole or straight pieces of them.
        """
        access, own = float(places.access_m[row]), int(places.edge[row])
        if own < 0 or farther_m < access:
            return np.empty(0, dtype=object)
        edge = np.flatnonzero(
            self._walkable & (np.minimum(walks_m[self._tail], walks_m[self._head]) < farther_m)
        )
        length = self._length[edge]
        to_tail, to_head = walks_m[self._tail[edge]], walks_m[self._head[edge]]
        a0, a1 = np.clip(nearer_m - to_tail, 0, length), np.clip(farther_m - to_tail, 0, length)
        b0, b1 = np.clip(nearer_m - to_head, 0, length), np.clip(farther_m - to_head, 0, length)
        fresh = a0 + b0 < length
        whole = fresh & (a0 + b0 == 0) & (a1 + b1 >= length)
        left, right = fresh & ~whole & (a1 > a0), fresh & ~whole & (b1 > b0)
        middle, spare = float(places.offset_m[row]), farther_m - access
        inner = max(0.0, nearer_m - access)
        cut = self._pieces.between(
            np.concatenate([edge[left], edge[right], [own, own]]),
            np.concatenate([a0[left], length[right] - b1[right], [middle - spare, middle + inner]]),
            np.concatenate([a1[left], length[right] - b0[right], [middle - inner, middle + spare]]),
        )
        return np.concatenate([self._metric_lines[edge[whole]], cut])


def _projection(crs: CRS) -> Transformer:
    # The same datum on both sides: only the projection is computed.
    return Transformer.from_crs(crs.geodetic_crs, crs, always_xy=True)


def _projected(lines: NDArray[np.object_], projection: Transformer) -> NDArray[np.object_]:
    lon, lat = shapely.get_coordinates(lines).T
    return np.asarray(shapely.set_coordinates(lines.copy(), np.column_stack(projection.transform(lon, lat))))
