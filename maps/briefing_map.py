"""The map of a briefing page: Folium layers over streets, without any tile from the internet."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import folium
import numpy as np
import shapely
from branca.element import Element, Figure, MacroElement
from folium.template import Template
from shapely import MultiLineString

from maps import figures
from maps.palette import PALETTE, ValueClass, colour_of, width_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import geopandas as gpd

    from maps.briefing_data import BriefingData

DECIMALS = 6
"""A tenth of a metre: finer than any line on the page."""

MAP_PIXELS = 1046
"""Width of the map, which is that of an A4 page on its side between 10 mm margins, at 96 pixels per inch."""

MAP_HEIGHT = 570
LABEL_PIXELS = 13
_LAST_NARROW = 0x2E7F
"""Letters after this one, Chinese ones among them, are as wide as high."""

FINEST_ZOOM_IN = 8
"""How much closer than the whole map a reader looks before simplified borders show."""

STREET_VERTICES_MOST = 40_000
LABELS_MOST = 60
STATIONS_MOST = 20

_LINE = 1
"""Shapely's number of the type LineString."""

_STREETS = {
    "major": ("motorway", "trunk", "primary"),
    "middle": ("secondary", "tertiary"),
    "minor": ("residential", "unclassified", "living", "service", "road", "busway"),
    "path": ("",),
}
_STREET_WIDTHS = {"major": 2.2, "middle": 1.5, "minor": 0.9, "path": 0.6}


@dataclass(frozen=True)
class DrawnMap:
    """The three parts of a Folium map that stand in different places of a page."""

    header: str
    body: str
    script: str


class _Again(MacroElement):
    """The shapes of another layer drawn once more in another style, without writing them into the page twice."""

    _template = Template(
        """
        {% macro script(this, kwargs) %}
        L.geoJson({{ this.source.get_name() }}.toGeoJSON(),
            {interactive: false, style: {{ this.style|tojson }}}).addTo({{ this._parent.get_name() }});
        {% endmacro %}
        """
    )

    def __init__(self, source: folium.GeoJson, style: dict[str, Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "Again"
        self.source = source
        self.style = style


class _Scale(MacroElement):
    """A scale bar in metres alone."""

    _template = Template(
        """
        {% macro script(this, kwargs) %}
        L.control.scale({imperial: false, maxWidth: 140, position: "bottomright"}).addTo({{ this._parent.get_name() }});
        {% endmacro %}
        """
    )

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._name = "Scale"


def draw(data: BriefingData, classes: list[ValueClass]) -> DrawnMap:
    """Draw the map of a briefing page.

    Parameters
    ----------
    data
        What the page says.
    classes
        Classes of households per zone.

    Returns
    -------
    DrawnMap
        Parts of a page; scripts and styles are still named by file, for ``maps.inline``.
    """
    bounds = shapely.total_bounds(data.zones.geometry.to_numpy())
    shapes = _simplified(data, bounds)
    west, south, east, north = (float(value) for value in bounds)
    drawn = folium.Map(
        location=[(south + north) / 2, (west + east) / 2],
        tiles=None,
        zoom_snap=0.05,
        zoom_control="topleft",
        attribution_control=False,
        max_zoom=20,
    )
    # Leaflet is all that this page uses: no jQuery, no Bootstrap, no icon fonts.
    drawn.default_js = [("leaflet", "leaflet.js")]
    drawn.default_css = [("leaflet_css", "leaflet.css")]
    drawn.fit_bounds([[south, west], [north, east]], padding=(14, 14))

    zones = _zones(data, shapes, classes)
    zones.add_to(drawn)
    _streets(data.streets, bounds).add_to(drawn)
    # Borders lie over the fills and the streets: a white casing, then the line.
    width = width_of(data.level)
    dash = None if data.partition else "6 4"
    _Again(zones, {"fill": False, "color": "#fff", "opacity": 0.85, "weight": width + 2}).add_to(drawn)
    _Again(zones, {"fill": False, "color": PALETTE["line"], "weight": width, "dashArray": dash}).add_to(drawn)
    _outlines(data, shapes, drawn)
    for minutes in circles_shown(data):
        _circle(data.circles, minutes, bounds).add_to(drawn)
    _labels(data, shapes, bounds).add_to(drawn)
    if len(data.stations):
        _stations(data.stations).add_to(drawn)
    if len(data.faults):
        _faults(data.faults).add_to(drawn)
    folium.LayerControl(position="topleft", collapsed=True).add_to(drawn)
    _Scale().add_to(drawn)

    figure = cast("Figure", drawn.get_root())
    _number(drawn)
    figure.render()
    return DrawnMap(figure.header.render(), figure.html.render(), figure.script.render())


def _number(element: Element, count: int = 0) -> int:
    """Give elements numbers in the place of random names, so that the same data give the same page."""
    element._id = f"{count:03d}"  # noqa: SLF001  the only way that branca offers
    for child in element._children.values():  # noqa: SLF001
        count = _number(child, count + 1)
    return count


def _simplified(data: BriefingData, bounds: np.ndarray) -> np.ndarray:
    """Simplify zones to what the page can show. Neighbours of a partition keep their common borders."""
    width_deg = max(bounds[2] - bounds[0], bounds[3] - bounds[1])
    tolerance = width_deg / MAP_PIXELS / FINEST_ZOOM_IN
    shapes = data.zones.geometry.to_numpy()
    # A version with faults is drawn as it is: what is no coverage has no common borders to keep.
    if shapely.coverage_is_valid(shapes):
        return np.asarray(shapely.coverage_simplify(shapes, tolerance))
    return np.asarray(shapely.simplify(shapes, tolerance))


def _union(shapes: np.ndarray) -> shapely.Geometry:
    return (
        shapely.coverage_union_all(shapes) if shapely.coverage_is_valid(shapes) else shapely.union_all(shapes)
    )


def _feature(shape: shapely.Geometry, **properties: Any) -> dict[str, Any]:  # noqa: ANN401
    """Make a GeoJSON feature. Folium writes properties into the page as markup: texts are escaped here."""
    rounded = shapely.transform(shape, lambda xy: np.round(xy, DECIMALS))
    return {
        "type": "Feature",
        "properties": {
            key: html.escape(value) if isinstance(value, str) else value for key, value in properties.items()
        },
        "geometry": json.loads(shapely.to_geojson(rounded)),
    }


def _collection(features: Iterable[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": list(features)}


def _zones(data: BriefingData, shapes: np.ndarray, classes: list[ValueClass]) -> folium.GeoJson:
    features = []
    for row, shape in zip(data.zones.to_dict("records"), shapes, strict=True):
        known = None if figures.missing(row["household"]) else float(row["household"])
        features.append(
            _feature(
                shape,
                name=str(row["name"]),
                code=str(row["code"]),
                household=figures.whole(row["household"]),
                people=figures.whole(row["people"]),
                business=figures.whole(row["business"]),
                institution=figures.whole(row["institution"]),
                area=figures.area(row["area_m2"]),
                fill=colour_of(classes, known),
            )
        )
    fields = ["name", "code", "household", "people", "business", "institution", "area"]
    names = [data.level_name, "编码", "户数", "人口", "商户/企业", "单位", "面积"]
    return folium.GeoJson(
        _collection(features),
        name="着色",
        control=False,
        smooth_factor=0,
        style_function=lambda feature: {
            "stroke": False,
            "fillColor": feature["properties"]["fill"],
            "fillOpacity": 0.72,
        },
        highlight_function=lambda _: {"fillOpacity": 0.95},
        tooltip=folium.GeoJsonTooltip(["name", "household"], ["", "户数"], localize=False, class_name="tip"),
        popup=folium.GeoJsonPopup(fields, names, localize=False, class_name="card"),
    )


def _streets(streets: gpd.GeoDataFrame, bounds: np.ndarray) -> folium.GeoJson:
    """Streets as light lines; the smallest are left out when the page would grow too large."""
    tolerance = max(bounds[2] - bounds[0], bounds[3] - bounds[1]) / MAP_PIXELS / 2
    kinds = streets["kind"].fillna("").astype(str)
    near = shapely.box(*bounds).buffer(tolerance * 60)
    left = np.ones(len(streets), dtype=bool)
    features: list[dict[str, Any]] = []
    vertices = 0
    for name, prefixes in _STREETS.items():
        chosen = left & kinds.str.startswith(prefixes).to_numpy()
        left &= ~chosen
        lines = shapely.simplify(streets.geometry.to_numpy()[chosen], tolerance)
        parts = shapely.get_parts(shapely.intersection(lines, near))
        parts = parts[shapely.get_type_id(parts) == _LINE]
        merged = shapely.line_merge(MultiLineString(list(parts[~shapely.is_empty(parts)])))
        vertices += int(shapely.get_num_coordinates(merged))
        if vertices > STREET_VERTICES_MOST:
            break
        if shapely.get_num_coordinates(merged):
            features.insert(0, _feature(merged, kind=name))
    return folium.GeoJson(
        _collection(features),
        name="街道",
        interactive=False,
        style_function=lambda feature: {
            "color": PALETTE["street"][feature["properties"]["kind"]],
            "weight": _STREET_WIDTHS[feature["properties"]["kind"]],
            "opacity": 0.9,
        },
    )


def _outlines(data: BriefingData, shapes: np.ndarray, drawn: folium.Map) -> None:
    """Borders of wider levels, made of the simplified zones, so that they run exactly along them."""
    if not data.partition:
        return
    for level, _name in reversed(data.wider):
        codes = data.zones[level].fillna("").to_numpy()
        rings = [shapely.boundary(_union(shapes[codes == code])) for code in np.unique(codes) if code]
        if not rings:
            continue
        lines = shapely.line_merge(shapely.union_all(rings))
        layer = folium.GeoJson(
            _collection([_feature(lines)]),
            control=False,
            interactive=False,
            smooth_factor=0,
            style_function=_casing(level),
        )
        layer.add_to(drawn)
        _Again(layer, {"color": PALETTE["line"], "weight": width_of(level)}).add_to(drawn)


def _casing(level: str) -> Callable[[Any], dict[str, Any]]:
    style = {"color": "#fff", "opacity": 0.85, "weight": width_of(level) + 2}
    return lambda _: style


def circles_shown(data: BriefingData) -> list[int]:
    """Return the minutes whose circles are drawn, widest first: of many stations the widest only."""
    minutes = sorted((int(value) for value in data.circles["minutes"]), reverse=True)
    return minutes if len(data.stations) <= STATIONS_MOST else minutes[:1]


def _circle(circles: gpd.GeoDataFrame, minutes: int, bounds: np.ndarray) -> folium.GeoJson:
    tolerance = max(bounds[2] - bounds[0], bounds[3] - bounds[1]) / MAP_PIXELS / 2
    shapes = circles.geometry.to_numpy()[circles["minutes"].to_numpy() == minutes]
    style = {
        "color": PALETTE["circles"].get(str(minutes), PALETTE["station"]),
        "weight": 1.4,
        "fillOpacity": 0.06,
    }
    return folium.GeoJson(
        _collection(_feature(shape) for shape in shapely.simplify(shapes, tolerance)),
        name=f"步行 {minutes} 分钟可达",
        interactive=False,
        style_function=lambda _: style,
    )


def _labels(data: BriefingData, shapes: np.ndarray, bounds: np.ndarray) -> folium.GeoJson:
    """Names on the map: of zones while they are few, of their parents otherwise."""
    if len(data.zones) <= LABELS_MOST or not data.wider:
        named = [(str(name), shape) for name, shape in zip(data.zones["name"], shapes, strict=True)]
    else:
        level = data.wider[-1][0]
        codes = data.zones[level].fillna("").to_numpy()
        named = [
            (data.names.get((level, code), code), _union(shapes[codes == code]))
            for code in np.unique(codes)
            if code
        ]
    placed = [(name, shapely.point_on_surface(shape)) for name, shape in named]
    return folium.GeoJson(
        _collection(_feature(point, name=name) for name, point in _apart(placed, bounds)),
        name="名称",
        interactive=False,
        marker=folium.Marker(icon=folium.DivIcon(class_name="label"), interactive=False, keyboard=False),
        style_function=lambda feature: {
            "html": f"<span>{feature['properties']['name']}</span>",
            "iconSize": [0, 0],
        },
    )


def _apart(
    placed: list[tuple[str, shapely.Geometry]], bounds: np.ndarray
) -> list[tuple[str, shapely.Geometry]]:
    """Leave out labels that would lie over an earlier one when the whole map is in view."""
    west, south, east, north = bounds
    tall = (north - south) / np.cos(np.radians((south + north) / 2))  # Mercator stretches degrees of latitude
    pixels = min(MAP_PIXELS / (east - west), MAP_HEIGHT / tall)
    taken: list[shapely.Polygon] = []
    kept = []
    for name, point in placed:
        x = (shapely.get_x(point) - west) * pixels
        y = (shapely.get_y(point) - south) * pixels * tall / (north - south)
        half = (
            sum(LABEL_PIXELS if ord(letter) > _LAST_NARROW else LABEL_PIXELS / 2 for letter in name) / 2 + 2
        )
        box = shapely.box(x - half, y - LABEL_PIXELS * 0.7, x + half, y + LABEL_PIXELS * 0.7)
        if not any(box.intersects(other) for other in taken):
            taken.append(box)
            kept.append((name, point))
    return kept


def _stations(stations: gpd.GeoDataFrame) -> folium.GeoJson:
    radii = {"center": 8, "zone": 6.5}
    reached = [f"reached_{minutes}" for minutes in (5, 10, 15)]
    return folium.GeoJson(
        _collection(
            _feature(
                row["geometry"],
                name=str(row["name"]),
                kind=str(row["kind"]),
                address=str(row["address"] or figures.UNKNOWN),
                **{key: figures.whole(row[key]) for key in reached},
            )
            for row in stations.to_dict("records")
        ),
        name="服务站",
        marker=folium.CircleMarker(),
        style_function=lambda feature: {
            "radius": radii.get(feature["properties"]["kind"], 5),
            "color": "#fff",
            "weight": 1.8,
            "fill": True,
            "fillColor": PALETTE["station"],
            "fillOpacity": 1,
        },
        tooltip=folium.GeoJsonTooltip(["name"], labels=False, class_name="tip"),
        popup=folium.GeoJsonPopup(
            ["name", "address", *reached],
            ["服务站", "地址", "5 分钟可达户数", "10 分钟可达户数", "15 分钟可达户数"],
            localize=False,
            class_name="card",
        ),
    )


def _faults(faults: gpd.GeoDataFrame) -> folium.FeatureGroup:
    group = folium.FeatureGroup(name="问题")
    rows = faults.to_dict("records")
    colours = {"error": PALETTE["fault"], "warning": PALETTE["warning"]}
    folium.GeoJson(
        _collection(
            _feature(part, severity=str(row["severity"]))
            for row in rows
            for part in shapely.get_parts(row["geometry"])
        ),
        interactive=False,
        style_function=lambda feature: {
            "color": colours[feature["properties"]["severity"]],
            "weight": 1.5,
            "fillOpacity": 0.3,
        },
        marker=folium.CircleMarker(radius=2),
    ).add_to(group)
    folium.GeoJson(
        _collection(
            _feature(
                shapely.point_on_surface(row["geometry"]),
                number=int(row["number"]),
                severity=str(row["severity"]),
                kind=str(row["kind_name"]),
                message=str(row["message"]),
            )
            for row in rows
        ),
        marker=folium.Marker(icon=folium.DivIcon(class_name="fault")),
        style_function=lambda feature: {
            "html": f'<b class="{feature["properties"]["severity"]}">{feature["properties"]["number"]}</b>',
            "iconSize": [0, 0],
        },
        tooltip=folium.GeoJsonTooltip(["kind"], labels=False, class_name="tip"),
        popup=folium.GeoJsonPopup(
            ["number", "kind", "message"], ["问题", "类型", "说明"], localize=False, class_name="card"
        ),
    ).add_to(group)
    return group
