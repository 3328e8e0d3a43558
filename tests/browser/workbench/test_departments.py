"""Departments' own layers stand behind a plan that is edited, as ghosts that are switched on and off."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.browser.towns import Town

SHOWN = """() => onegrid.map.zoneLayers.some(({ borders }) => borders.getVisible()
  && borders.getFeaturesInExtent(onegrid.map.map.getView().calculateExtent())
    .some((one) => one.get('level') === 'party'))"""
"""Whether the borders of the party's grids are on the map."""


def test_departments_stand_behind_a_plan(desk: Town) -> None:
    page = desk.enter()
    made = desk.send(page, "/api/plans", {"territory": desk.code, "name": "2026年调整"})
    page.goto(f"{desk.url}/#version={desk.code}-v1&plan={made['id']}")
    page.locator("#plan-zones tbody tr[data-code]").first.wait_for()
    page.wait_for_function("() => onegrid.map.plan.source.getFeatures().length > 0")
    assert page.evaluate(f"({SHOWN})()") is False
    page.locator('input[name="show-party"]').check()
    page.wait_for_function(SHOWN)
    assert page.evaluate("onegrid.map.plan.source.getFeatures().length") > 0, "the plan's grids stay in front"
    page.locator('input[name="show-party"]').uncheck()
    page.wait_for_function(f"() => !({SHOWN})()")
