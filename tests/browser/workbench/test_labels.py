"""Labels of the map do not collide: neither names of zones with one another nor with those of streets."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.browser.towns import Town

BOXES = """() => new Promise(resolve => {
  onegrid.map.map.once("postrender", ({ frameState }) => {
    const trees = Object.values(frameState.declutter ?? {});
    const whose = [...new Set(trees.flatMap(tree => tree.all().map(({ value }) => value)))];
    // Letters along a street, and their halos, have boxes of their own.
    const box = ({ minX, minY, maxX, maxY, value }) => [minX, minY, maxX, maxY, whose.indexOf(value)];
    resolve(trees.map(tree => tree.all().map(box)));
  });
  onegrid.map.map.render();
})"""


def collide(a: list[float], b: list[float]) -> bool:
    return a[4] != b[4] and a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_no_two_names_of_zones_and_streets_are_drawn_over_one_another(office: Town) -> None:
    page = office.enter()
    for zoom in (None, 16.4):  # closer, streets have names too
        page.evaluate("zoom => { if (zoom) onegrid.map.map.getView().setZoom(zoom); }", zoom)
        page.evaluate("onegrid.map.settled()")
        boxes = [box for group in page.evaluate(BOXES) for box in group]
        assert len(boxes) >= 4, "there is something to read"
        assert [(a, b) for at, a in enumerate(boxes) for b in boxes[:at] if collide(a, b)] == []
