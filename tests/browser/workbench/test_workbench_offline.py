"""Nothing is lost when the connection drops: edits wait, are sent in order, and ask where others were faster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.towns import becomes

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.towns import Town


def merge(office: Town, page: Page, first: tuple[float, float], second: tuple[float, float]) -> None:
    """Merge two grids with the mouse."""
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    office.pick(page, first)
    office.pick(page, second, adds=True)
    page.keyboard.press("m")


def operations(office: Town) -> list[str]:
    """Return what was done to the plan, in order."""
    return [change.operation for change in office.changes()]


def test_edits_wait_survive_a_reload_and_are_sent_in_order(office: Town) -> None:
    page = office.enter()
    page.context.set_offline(True)
    merge(office, page, (0.5, 0.5), (1.5, 0.5))
    waiting = page.locator("#waiting")
    expect(waiting).to_have_text("待同步 1 项")
    merge(office, page, (2.5, 0.5), (3.5, 0.5))
    expect(waiting).to_have_text("待同步 2 项")
    merge(office, page, (2.5, 2.5), (3.5, 2.5))
    expect(waiting).to_have_text("待同步 3 项")
    becomes(page, "onegrid.map.marks.waiting.getSource().getFeatures().length", 6)
    page.keyboard.press("Control+z")  # takes back what was not sent
    expect(waiting).to_have_text("待同步 2 项")
    assert operations(office) == []

    address = page.url
    page.goto("about:blank")  # as when the planner closes the page
    page.context.set_offline(False)
    page.goto(address)
    office.revised(page, 2)
    expect(waiting).to_be_hidden()
    grids = office.zones(page)
    assert {"G0001", "G0003"}.isdisjoint(grids)
    assert "G0203" in grids
    assert operations(office) == ["merge", "merge"]
    expect(page.locator("#plan-zones tbody tr[data-code]")).to_have_count(14)
    page.keyboard.press("Control+z")
    office.revised(page, 3)
    assert "G0003" in office.zones(page)


def test_a_line_half_drawn_outlives_the_attempts_to_send_what_waits(office: Town) -> None:
    page = office.enter()
    page.context.set_offline(True)
    merge(office, page, (0.5, 0.5), (1.5, 0.5))
    expect(page.locator("#waiting")).to_have_text("待同步 1 项")
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    office.pick(page, (2.5, 2.5))
    office.click(page, (2.5, 1.9))
    page.evaluate("onegrid.bench.sending.soon()")  # as every few seconds
    end = office.at(page, (2.5, 3.1))
    page.mouse.move(*end)
    page.mouse.dblclick(*end)
    expect(page.locator("#waiting")).to_have_text("待同步 2 项")
    page.wait_for_function("() => onegrid.store.state.tool === ''")
    page.context.set_offline(False)
    office.revised(page, 2)
    assert operations(office) == ["merge", "split"]


@pytest.mark.parametrize("again", [True, False])
def test_waiting_edits_ask_where_others_were_faster(office: Town, *, again: bool) -> None:
    page, other = office.enter(), office.enter("publisher")
    page.context.set_offline(True)
    merge(office, page, (0.5, 0.5), (1.5, 0.5))
    merge(office, page, (2.5, 2.5), (3.5, 2.5))
    expect(page.locator("#waiting")).to_have_text("待同步 2 项")
    office.edit(other, 0, {"operation": "describe", "code": "G0001", "name": "新名"})
    page.context.set_offline(False)
    form = page.locator("#question")
    expect(form).to_contain_text("他人刚改动了")
    form.get_by_role("button", name="仍然重做" if again else "取消").click()
    expect(page.locator("#waiting")).to_be_hidden()
    assert operations(office) == ["rename", "merge", "merge"][: 3 if again else 2]
    office.revised(page, 3 if again else 2)
    grids = office.zones(page)
    assert ("G0001" in grids) is not again
    assert "G0203" not in grids, "the edit that others did not touch is made without asking"


def test_an_edit_whose_answer_was_lost_is_not_made_twice(office: Town) -> None:
    page = office.enter()
    lost = []

    def lose(route: Any) -> None:
        """Let the first edit reach the service, and its answer not the page."""
        if lost:
            route.continue_()
            return
        lost.append(route.fetch().status)
        route.abort("connectionreset")

    page.route("**/edits", lose)
    merge(office, page, (0.5, 0.5), (1.5, 0.5))
    office.revised(page, 1)
    expect(page.locator("#waiting")).to_be_hidden()
    assert lost == [200]
    assert operations(office) == ["merge"]
    expect(page.locator('#plan-zones tr[data-code="G0001"]')).to_have_count(0)
