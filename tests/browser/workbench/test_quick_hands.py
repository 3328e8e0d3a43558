"""Nothing that is entered is lost, however quick the hands and however slow the page or the service."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from playwright.sync_api import expect

from tests.browser.towns import held

if TYPE_CHECKING:
    from tests.browser.towns import Town

BUSY = """() => addEventListener("pointerup", () => {
  const end = performance.now() + 400;
  while (performance.now() < end);
}, { once: true })"""
"""The page is busy for longer than a double click takes, once the mouse was released."""


def test_what_is_typed_while_the_page_still_reads_stays_in_the_search_box(office: Town) -> None:
    page = office.sign_in("planner")
    with held(page, "**/api/territories/*/plans") as asked:
        page.goto(f"{office.url}/#version={office.code}-v1")
        asked()
        page.locator("#search").press_sequentially("网格01")
    expect(page.locator("#plan option", has_text="2026年调整")).to_have_count(1)
    expect(page.locator("#search")).to_have_value("网格01")
    expect(page.locator("#search")).to_be_focused()


def test_a_button_counts_that_is_drawn_anew_while_it_is_pressed(office: Town) -> None:
    page = office.enter()
    page.locator("#tool-split").hover()
    page.mouse.down()
    office.edit(page, 0, {"operation": "merge", "codes": ["G0000", "G0001"]})
    office.revised(page, 1)
    page.mouse.up()
    page.wait_for_function("() => onegrid.store.state.tool === 'split'")
    expect(page.locator("#tool-split")).to_have_attribute("aria-pressed", "true")


def test_two_quick_clicks_at_two_places_are_no_double_click(office: Town) -> None:
    page = replace(office, plan=0).enter()
    first, second = office.at(page, (0.5, 0.5)), office.at(page, (2.5, 2.5))
    zoom = page.evaluate("onegrid.map.where().zoom")
    page.mouse.click(*first)
    page.mouse.click(*second)
    expect(page.locator("#zones tr.chosen")).to_have_attribute("data-code", "G0202")
    office.at(page, (0, 0))
    assert page.evaluate("onegrid.map.where().zoom") == zoom


def test_a_double_click_counts_once_in_a_busy_page(office: Town) -> None:
    page = office.enter()
    office.pick(page, (0.5, 0.5))
    page.keyboard.press("m")
    page.evaluate(BUSY)
    office.click_twice(page, (1.5, 0.5))
    assert page.evaluate("onegrid.store.state.picked") == ["G0000", "G0001"]


def test_what_is_taken_in_hand_before_the_answer_stays_there(office: Town) -> None:
    page = office.enter()
    office.pick(page, (0.5, 0.5))
    office.pick(page, (1.5, 0.5), adds=True)
    with held(page, "**/edits") as asked:
        page.keyboard.press("m")
        asked()
        page.keyboard.press("s")
        office.pick(page, (2.5, 2.5))
    office.revised(page, 1)
    assert page.evaluate("[onegrid.store.state.tool, onegrid.store.state.picked]") == ["split", ["G0202"]]
    page.keyboard.press("Escape")
    with held(page, "**/undo") as asked:
        page.keyboard.press("Control+z")
        asked()
        page.keyboard.press("c")
    office.revised(page, 2)
    assert page.evaluate("onegrid.store.state.tool") == "carve"
