"""Gaps in the page: filled or registered from a fault's card, exceptions drawn; two tabs that share what waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect
from sqlalchemy import text
from sqlalchemy.orm import Session

from api.store import checks
from tests.browser.towns import becomes

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.towns import Town


@pytest.fixture
def gap(office: Town) -> Town:
    """Take the grid G0101 out of the published version, as if it had been published with a hole; checks find it."""
    version = f"{office.code}-v1"
    with Session(office.engine) as session, session.begin():
        # The database lets nobody change a published version: not even this.
        session.execute(text("ALTER TABLE zone DISABLE TRIGGER USER"))
        session.execute(
            text(
                """DELETE FROM zone USING version WHERE version.id = zone.version_id AND version.code = :version
                   AND zone.code = 'G0101'"""
            ),
            {"version": version},
        )
        session.execute(text("ALTER TABLE zone ENABLE TRIGGER USER"))
        checks.check(session, version)
    return office


def open_fault(page: Page) -> None:
    """Open the card of the gap."""
    number = page.evaluate(
        "onegrid.store.state.faults.find(({ kind, level }) => kind === 'gap' && level === 'grid').number"
    )
    page.evaluate(
        "number => { onegrid.bench.actions.selectFault(number); onegrid.store.set({ tab: 'details' }); }",
        number,
    )


def test_a_gap_is_filled_from_its_card(gap: Town) -> None:
    page = gap.enter()
    before = gap.zones(page)
    assert "G0101" not in before
    page.wait_for_function("() => onegrid.store.state.faults !== null")
    open_fault(page)
    page.locator("#fault-fill").click()
    gap.revised(page, 1)
    after = gap.zones(page)
    grown = [code for code in before if gap.area(after[code]) > 1.5]
    assert len(grown) == 1, "the gap is one step square, and one zone has it now"
    assert gap.area(after[grown[0]]) == pytest.approx(2, abs=0.01)
    assert [change.operation for change in gap.changes()] == ["fill_gap"]


def test_a_gap_is_registered_from_its_card_and_another_drawn(gap: Town) -> None:
    office = gap
    page = office.enter()
    page.wait_for_function("() => onegrid.store.state.faults !== null")
    open_fault(page)
    page.locator("#fault-except").click()
    form = page.locator("#question")
    form.get_by_label("名称").fill("横泾")
    form.get_by_label("原因").select_option("河道")
    form.get_by_role("button", name="登记").click()
    office.revised(page, 1)

    page.keyboard.press("Escape")
    page.locator("#operations").click()
    page.locator("#do-except").click()
    page.wait_for_function("() => onegrid.store.state.tool === 'except'")
    for column, row in [(1.2, 1.2), (1.8, 1.2), (1.8, 1.8)]:
        office.click(page, (column, row))
    page.keyboard.press("Enter")
    expect(form).to_be_visible()
    form.get_by_label("名称").fill("小湖")
    form.get_by_label("原因").select_option("湖泊水面")
    form.get_by_role("button", name="登记").click()
    office.revised(page, 2)
    becomes(page, "onegrid.store.state.tool", "")
    made = office.changes()
    assert [change.operation for change in made] == ["exception", "exception"]
    assert [change.put[0]["name"] for change in made] == ["横泾", "小湖"]
    page.keyboard.press("Control+z")
    office.revised(page, 3)


def test_two_tabs_of_one_account_send_what_waits_once(office: Town) -> None:
    first = office.enter()
    second = first.context.new_page()
    second.goto(first.url)
    second.wait_for_function("() => onegrid.map.plan.source.getFeatures().length > 0")
    first.context.set_offline(True)
    merge = """codes => { void onegrid.bench.edit({ operation: "merge", level: "grid", codes }); }"""
    first.evaluate(merge, ["G0000", "G0001"])
    expect(first.locator("#waiting")).to_have_text("待同步 1 项")
    second.evaluate(merge, ["G0202", "G0203"])
    expect(second.locator("#waiting")).to_have_text("待同步 2 项")
    first.context.set_offline(False)
    for page in (first, second):
        office.revised(page, 2)
        expect(page.locator("#waiting")).to_be_hidden()
    assert [change.operation for change in office.changes()] == ["merge", "merge"]
    assert (
        first.evaluate("Object.keys(localStorage).filter(key => key.startsWith('onegrid.outbox')).length")
        == 0
    )
    expect(second.locator("#question")).to_be_hidden()
