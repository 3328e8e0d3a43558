"""Labels of the map do not collide: neither names of zones with one another nor with those of streets."""

from __future__ import annotations

from typing import Any

BOXES = """() => new Promise(resolve => {
  onegrid.map.map.once("postrender", ({ frameState }) => {
    const trees = Object.values(frameState.declutter ?? {});
    resolve(trees.map(tree => tree.all().map(({ minX, minY, maxX, maxY }) => [minX, minY, maxX, maxY])));
  });
  onegrid.map.map.render();
})"""


def collide(a: list[float], b: list[float]) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def test_no_two_names_of_zones_and_streets_are_drawn_over_one_another(office: Any) -> None:
    page = office.enter()
    page.evaluate("onegrid.map.settled()")
    boxes = [box for group in page.evaluate(BOXES) for box in group]
    assert len(boxes) >= 4, "there is something to read"
    assert [(a, b) for at, a in enumerate(boxes) for b in boxes[:at] if collide(a, b)] == []
