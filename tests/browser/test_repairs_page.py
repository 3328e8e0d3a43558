"""Faults and their repair on the page: proposed, looked at, declined, decided otherwise, accepted, undone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import shapely
from playwright.sync_api import expect
from sqlalchemy import text

from tests.browser.towns import becomes

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.towns import Town


def table(page: Page, desk: Town) -> dict[str, Any]:
    """Return the proposals that the service has, by the codes of the zones."""
    answer = page.request.get(f"{desk.url}/api/versions/{desk.code}-v1/repair").json()
    return {**answer, "proposals": {(row["kind"], *sorted(row["codes"])): row for row in answer["proposals"]}}


def shapes(desk: Town, version: str) -> dict[str, Any]:
    """Return the party's zones as the database has them."""
    with desk.engine.connect() as connection:
        rows = connection.execute(
            text(
                """SELECT z.code, ST_AsBinary(z.geom) FROM zone z JOIN version v ON v.id = z.version_id
                   JOIN level l ON l.id = z.level_id WHERE v.code = :version AND l.code = 'party'"""
            ),
            {"version": version},
        ).all()
    return {code: shapely.from_wkb(bytes(shape)) for code, shape in rows}


def propose(page: Page) -> None:
    page.locator("#tab-faults").click()
    page.locator("#repair-propose").click()
    expect(page.locator("#repair-summary")).to_be_visible()


def test_a_planner_accepts_declines_decides_and_undoes(desk: Town) -> None:
    page = desk.enter()
    before = shapes(desk, f"{desk.code}-v1")
    propose(page)
    found = table(page, desk)
    overlap, gap = found["proposals"]["overlap", "P1", "P2"], found["proposals"]["gap", "P3", "P4"]
    expect(page.locator("#repair-summary")).to_contain_text(f"{desk.code}-v1")
    expect(page.locator(f"[data-proposal='{overlap['number']}'] .flow")).to_contain_text("→")

    # Looking at a proposal flies there and shows from whom the land goes to whom.
    zoom = page.evaluate("onegrid.map.where().zoom")
    page.locator(f"[data-number='{overlap['number']}']").click()
    page.wait_for_function("zoom => onegrid.map.where().zoom > zoom", arg=zoom)
    page.wait_for_function("() => onegrid.repairLayer.drawn().parties.length === 2")
    change = next(one for one in overlap["changes"] if one["code"] != overlap["recipient"])
    assert change["after_m2"] < change["before_m2"]
    parties = "onegrid.repairLayer.drawn().parties.map(({ code, role }) => [code, role]).sort()"
    becomes(page, parties, sorted([[change["code"], "from"], [overlap["recipient"], "to"]]))
    row = page.locator(
        f"[data-proposal='{overlap['number']}'] .area-changes tr[data-code='{change['code']}']"
    )
    expect(row).to_contain_text(f"{change['before_m2']:,.0f}")
    expect(row).to_contain_text(f"{change['after_m2']:,.0f}")

    # Declined for everybody, so "accept all" leaves it out; the mark can be taken back.
    declined = page.locator(f"[data-proposal='{gap['number']}'] .verdict-no")
    declined.click()
    expect(declined).to_have_attribute("aria-pressed", "true")
    assert table(page, desk)["proposals"]["gap", "P3", "P4"]["declined"]["by"] == "planner"
    page.locator("#repair-accept-all").click()
    expect(page.locator("#repair-foot")).to_contain_text("已接受 1 处")
    for number, state in ((overlap["number"], "accepted"), (gap["number"], "declined")):
        becomes(page, f"onegrid.repairLayer.drawn().land.find(one => one.number === {number})?.state", state)
    declined.click()
    expect(declined).to_have_attribute("aria-pressed", "false")

    # The planner names the zone that shall have the gap.
    other = "P4" if gap["recipient"] == "P3" else "P3"
    page.locator(f"[data-number='{gap['number']}']").click()
    page.locator(f"[data-decide='{gap['number']}']").select_option(other)
    expect(page.locator(f"[data-proposal='{gap['number']}'] .to")).to_have_text(other)
    assert table(page, desk)["proposals"]["gap", "P3", "P4"]["recipient"] == other
    page.locator(f"[data-accept='{gap['number']}']").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#repair-foot")).to_contain_text("已接受 2 处")
    expect(page.locator(f"[data-accept='{gap['number']}']")).to_be_focused()

    # Applied to a draft that the page opens and names; the version itself stays.
    page.locator("#repair-apply").click()
    expect(page.locator("#version-id")).to_contain_text(f"{desk.code}-v2")
    expect(page.locator("#repaired")).to_contain_text("已修复 2 处")
    expect(page.locator("#repaired")).to_contain_text(f"{desk.code}-v1")
    expect(page.locator("#repair-result")).to_contain_text("→")
    after = shapes(desk, f"{desk.code}-v2")
    assert after["P1"].intersection(after["P2"]).area == pytest.approx(0, abs=1e-12)
    assert after[other].contains(shapely.Point(gap["point"]))
    assert shapes(desk, f"{desk.code}-v1") == before

    page.locator("#repair-undo").click()
    expect(page.locator("#repaired h3")).to_contain_text("修复已撤销")
    expect(page.locator("#repair-undo")).to_have_count(0)
    assert shapes(desk, f"{desk.code}-v2") == before


def test_keys_walk_a_stale_table_says_so_and_a_viewer_only_looks(desk: Town) -> None:
    page = desk.enter()
    propose(page)
    page.locator("#fault-level").select_option("party")
    page.locator("#repairable").check()
    numbers = sorted(
        row["number"]
        for row in table(page, desk)["proposals"].values()
        if row["level"] == "party" and row["status"] == "proposed"
    )
    assert len(numbers) >= 2
    # Errors stand before warnings, each by number: here all are errors.
    expect(page.locator("#faults .badge")).to_have_text([str(number) for number in numbers])
    on_map = "onegrid.map.overlays.faults.getSource().getFeatures().map(one => one.get('number'))"
    becomes(page, f"{on_map}.sort((a, b) => a - b)", numbers)
    page.locator("#map").focus()
    chosen = "onegrid.store.state.subject?.number"
    for key, expected in (
        ("n", numbers[0]),
        ("n", numbers[1]),
        ("Shift+N", numbers[0]),
        ("Shift+N", numbers[-1]),
    ):
        page.keyboard.press(key)
        becomes(page, chosen, expected)
        expect(page.locator("#faults li.chosen .badge")).to_have_text(str(expected))

    # A registered exception changes what the proposals were about.
    place = table(page, desk)["proposals"]["gap", "P3", "P4"]["geometry"]
    exception = {"name": "河", "reason": "河道", "geometry": place, "crs": "EPSG:4490"}
    desk.send(page, f"/api/territories/{desk.code}/exceptions", exception)
    page.reload()
    page.locator("#tab-faults").click()
    expect(page.locator("#repair-stale")).to_contain_text("重新提出")
    expect(page.locator(".verdict-yes")).to_have_count(0)
    page.locator("#repair-propose").click()
    expect(page.locator("#repair-stale")).to_have_count(0)
    expect(page.locator("#repair-summary")).to_be_visible()
    assert ("gap", "P3", "P4") not in table(page, desk)["proposals"]

    viewer = desk.enter("viewer")
    viewer.locator("#tab-faults").click()
    expect(viewer.locator("#repair-summary")).to_be_visible()
    expect(viewer.locator(".suggestion").first).to_be_visible()
    for action in ("#repair-propose", "#repair-accept-all", ".verdict-yes", ".verdict-no"):
        expect(viewer.locator(action)).to_have_count(0)
