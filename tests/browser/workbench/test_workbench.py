"""The workbench in a real Chromium: plans edited with the mouse, checked through the service and in the database."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
import shapely
from playwright.sync_api import expect
from sqlalchemy import text

from tests.browser.towns import becomes

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.towns import Town


def taken_back(office: Town, page: Page, edits: int, before: dict[str, Any]) -> None:
    """Undo all edits by key: every coordinate and count is as before, and the database knows nothing else standing."""
    for done in range(1, edits + 1):
        page.keyboard.press("Control+z")
        office.revised(page, edits + done)
    assert office.zones(page) == before
    assert all(change.undone for change in office.changes())


def test_a_grid_is_split_by_a_line_undone_and_split_again(office: Town) -> None:
    page = office.enter()
    before = office.zones(page)
    page.keyboard.press("s")
    expect(page.locator("#tool-hint")).to_contain_text("请再点选 1 个网格")
    office.pick(page, (0.3, 0.5))
    expect(page.locator("#tool-hint")).to_contain_text("从边界画到边界")
    office.draw(page, (0.5, -0.1), (0.5, 1.2))
    office.revised(page, 1)
    expect(page.locator("#saved")).to_contain_text(re.compile(r"已保存 \d\d:\d\d:\d\d"))
    after = office.zones(page)
    (made,) = set(after) - set(before)
    assert made == "G0304", "the next free code"
    assert office.area(after["G0000"]) == pytest.approx(0.5, abs=0.02)
    assert office.area(after[made]) == pytest.approx(0.5, abs=0.02)
    whole = before["G0000"]["counts"]["household"]
    assert after["G0000"]["counts"]["household"] + after[made]["counts"]["household"] == whole
    expect(page.locator(f'#plan-zones tr[data-code="{made}"]')).to_contain_text(
        str(after[made]["counts"]["household"])
    )
    becomes(page, "onegrid.map.plan.source.getFeatures().length", len(after))

    page.get_by_role("button", name="撤销").click()
    office.revised(page, 2)
    assert office.zones(page) == before
    page.keyboard.press("Control+y")
    office.revised(page, 3)
    assert office.zones(page) == after
    page.get_by_role("tab", name="历史").click()
    expect(page.locator("#history li")).to_have_count(1)
    expect(page.locator("#history")).to_contain_text("切分")
    expect(page.locator("#history")).to_contain_text("张三")


def test_grids_are_merged_and_the_ledger_says_who_moves(office: Town) -> None:
    page = office.enter()
    before = office.zones(page)
    office.pick(page, (0.5, 0.5))
    office.pick(page, (1.5, 0.5), adds=True)
    page.keyboard.press("m")
    office.revised(page, 1)
    after = office.zones(page)
    assert set(before) - set(after) == {"G0001"}
    moved = before["G0001"]["counts"]["household"]
    assert after["G0000"]["counts"]["household"] == before["G0000"]["counts"]["household"] + moved
    page.get_by_role("tab", name="迁移").click()
    row = page.locator('.moves tr[data-from="G0001"][data-to="G0000"]')
    expect(row.locator("td").nth(2)).to_have_text(f"{moved:,}")
    assert [(change.operation, change.revision) for change in office.changes()] == [("merge", 1)]
    taken_back(office, page, 1, before)


def test_a_junction_is_dragged_and_every_grid_around_it_follows(office: Town) -> None:
    page = office.enter()
    before = office.zones(page)
    page.get_by_role("button", name="移动边界").click()
    from_x, from_y = office.at(page, (1, 1))
    to_x, to_y = office.at(page, (1.2, 1.3))
    page.mouse.move(from_x, from_y)
    page.mouse.down()
    page.mouse.move((from_x + to_x) / 2, (from_y + to_y) / 2)
    page.mouse.move(to_x, to_y)
    page.mouse.up()
    office.revised(page, 1)
    grids = office.zones(page)
    around = [shapely.from_geojson(json.dumps(grids[code]["geometry"])) for code in
              ("G0000", "G0001", "G0100", "G0101")]  # fmt: skip
    assert shapely.union_all(around).area / office.STEP**2 == pytest.approx(4)
    assert shapely.coverage_is_valid(around)
    common = set.intersection(*({tuple(xy) for xy in shapely.get_coordinates(one)} for one in around))
    assert len(common) == 1
    assert common.pop() == pytest.approx(office.corner(1.2, 1.3), abs=office.STEP * 0.05)
    taken_back(office, page, 1, before)


def test_a_border_is_redrawn_and_a_dedicated_grid_carved_and_deleted(office: Town) -> None:
    page = office.enter()
    before = office.zones(page)
    office.pick(page, (0.5, 0.5))
    office.pick(page, (1.5, 0.5), adds=True)
    page.keyboard.press("r")
    office.draw(page, (1.4, -0.1), (1.4, 1.2))
    office.revised(page, 1)
    after = office.zones(page)
    assert office.area(after["G0000"]) == pytest.approx(1.4, abs=0.02)
    assert office.area(after["G0001"]) == pytest.approx(0.6, abs=0.02)

    page.keyboard.press("c")
    office.draw(page, (2.3, 2.3), (2.7, 2.3), (2.7, 2.7), (2.3, 2.7))
    dialog = page.locator("#question")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_label("编码")).to_have_value("G0304")
    dialog.get_by_label("名称").fill("产业园")
    dialog.get_by_role("button", name="挖出").click()
    office.revised(page, 2)
    carved = office.zones(page)["G0304"]
    assert (carved["name"], carved["kind"]) == ("产业园", "dedicated")
    assert office.area(carved) == pytest.approx(0.16, abs=0.02)
    expect(page.locator('#plan-zones tr[data-code="G0304"] .warnings')).to_have_text("")

    office.pick(page, (2.5, 2.5))
    page.keyboard.press("Delete")
    dialog.get_by_role("button", name="删除").click()
    office.revised(page, 3)
    assert "G0304" not in office.zones(page)
    assert office.area(office.zones(page)["G0202"]) == pytest.approx(office.area(before["G0202"]))
    taken_back(office, page, 3, before)


def test_a_click_counts_when_the_hand_trembles_and_a_double_click_counts_once(office: Town) -> None:
    page = office.enter()
    x, y = office.at(page, (0.5, 0.5))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 2, y + 1)
    page.mouse.up()
    becomes(page, "onegrid.store.state.picked", ["G0000"])
    page.keyboard.press("m")
    office.click_twice(page, (1.5, 0.5))
    becomes(page, "onegrid.store.state.picked", ["G0000", "G0001"])


def test_ground_is_painted_over(office: Town) -> None:
    page = office.enter()
    before = office.zones(page)
    office.pick(page, (0.5, 0.5))
    page.keyboard.press("l")
    office.draw(page, (0.9, 0.2), (1.4, 0.2), (1.4, 0.8), (0.9, 0.8))
    office.revised(page, 1)
    grids = office.zones(page)
    assert office.area(grids["G0000"]) == pytest.approx(1 + 0.4 * 0.6, abs=0.02)
    assert office.area(grids["G0001"]) == pytest.approx(1 - 0.4 * 0.6, abs=0.02)
    taken_back(office, page, 1, before)


def test_a_refusal_says_why_and_shows_where(office: Town) -> None:
    page = office.enter()
    office.pick(page, (0.5, 0.5))
    page.keyboard.press("s")
    office.draw(page, (0.5, -0.1), (0.5, 0.6))
    expect(page.locator("#troubles")).to_contain_text("没有贯穿")
    expect(page.locator("#troubles")).to_contain_text("请延长到边界")
    becomes(page, "onegrid.map.overlays.place.getSource().getFeatures().length", 1)
    page.wait_for_function("() => onegrid.map.where().zoom > 16")
    expect(page.locator("#saved")).to_contain_text("方案 r0")
    page.keyboard.press("Escape")
    becomes(page, "onegrid.map.overlays.place.getSource().getFeatures().length", 0)


def test_two_browsers_on_one_plan_see_each_others_edits(office: Town) -> None:
    mine, other = office.enter("planner"), office.enter("publisher")
    office.pick(mine, (0.5, 0.5))
    office.pick(mine, (1.5, 0.5), adds=True)
    mine.keyboard.press("m")
    office.revised(mine, 1)
    office.revised(other, 1)
    expect(other.locator('#plan-zones tr[data-code="G0001"]')).to_have_count(0)
    becomes(other, "onegrid.map.plan.source.getFeatures().length", len(office.zones(mine)))
    other.keyboard.press("Control+z")
    office.revised(other, 2)
    office.revised(mine, 2)
    expect(mine.locator('#plan-zones tr[data-code="G0001"]')).to_have_count(1)


def deafen(page: Page) -> None:
    """Let a page hear nothing more of what others do, as when its connection for events was lost."""
    page.evaluate("onegrid.bench.unwatch()")


def test_a_stale_edit_is_made_again_where_others_touched_nothing(office: Town) -> None:
    page = office.enter()
    deafen(page)
    office.edit(page, 0, {"operation": "merge", "codes": ["G0303", "G0302"]})
    office.pick(page, (0.5, 0.5))
    page.keyboard.press("s")
    office.draw(page, (0.5, -0.1), (0.5, 1.2))
    office.revised(page, 2)
    grids = office.zones(page)
    assert "G0302" not in grids
    assert "G0304" in grids
    expect(page.locator('#plan-zones tr[data-code="G0302"]')).to_have_count(0)


@pytest.mark.parametrize("again", [True, False])
def test_a_stale_edit_of_what_others_touched_asks_first(office: Town, *, again: bool) -> None:
    page = office.enter()
    deafen(page)
    office.edit(page, 0, {"operation": "describe", "code": "G0000", "name": "新名"})
    office.pick(page, (0.5, 0.5))
    page.keyboard.press("s")
    office.draw(page, (0.5, -0.1), (0.5, 1.2))
    dialog = page.locator("#question")
    expect(dialog).to_contain_text("他人刚改动了")
    expect(page.locator('#plan-zones tr[data-code="G0000"]')).to_contain_text("新名")
    dialog.get_by_role("button", name="仍然重做" if again else "取消").click()
    expect(dialog).to_be_hidden()
    office.revised(page, 2 if again else 1)
    assert ("G0304" in office.zones(page)) is again


def test_a_plan_is_made_edited_and_published_as_a_version(office: Town) -> None:
    page = office.enter("publisher")
    page.locator("#plan").select_option("new")
    dialog = page.locator("#question")
    dialog.get_by_label("名称").fill("春季调整")
    dialog.get_by_role("button", name="建立并打开").click()
    expect(page.locator("#plan option:checked")).to_have_text("春季调整")
    page.wait_for_function("() => onegrid.map.plan.source.getFeatures().length > 0")
    office.pick(page, (0.5, 0.5))
    office.pick(page, (1.5, 0.5), adds=True)
    page.keyboard.press("m")
    office.revised(page, 1)
    with office.engine.connect() as connection:
        earlier = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    page.get_by_role("button", name="提交发布").click()
    expect(dialog.locator(".moves tbody tr")).to_have_count(1)
    dialog.get_by_role("button", name="发布", exact=True).click()
    expect(dialog).to_be_visible()  # no reason was given
    dialog.get_by_label("发布原因").fill("街道办公会通过")
    dialog.get_by_role("button", name="发布", exact=True).click()
    expect(page.locator("#version-id")).to_contain_text(f"{office.code}-v2")
    expect(page.locator("#zones tbody tr[data-code]")).to_have_count(15)
    expect(page.locator("#tool-move")).to_be_hidden()
    with office.engine.connect() as connection:
        reasons = connection.execute(
            text(
                "SELECT v.reason FROM version v JOIN territory t ON t.id = v.territory_id "
                "WHERE t.code = :code AND v.valid_to IS NULL AND v.status = 'published'"
            ),
            {"code": office.code},
        ).scalars()
        assert list(reasons) == ["街道办公会通过"]

    def grid_of(point: tuple[float, float], **when: str) -> tuple[str, str]:
        query = urlencode({"lon": point[0], "lat": point[1], "territory": office.code, **when})
        found = page.request.get(f"{office.url}/api/lookup?{query}").json()
        return found["version"], next(z["code"] for z in found["matches"][0]["zones"] if z["level"] == "grid")

    # The same place is in another grid since, and was in its old one before.
    assert grid_of(office.corner(1.5, 0.5)) == (f"{office.code}-v2", "G0000")
    assert grid_of(office.corner(1.5, 0.5), as_of=earlier.isoformat()) == (f"{office.code}-v1", "G0001")


def test_a_viewer_sees_a_plan_without_tools(office: Town) -> None:
    page = office.enter("viewer")
    expect(page.locator("#tool-move")).to_be_hidden()
    expect(page.locator('#plan option[value="new"]')).to_have_count(0)
    office.pick(page, (0.5, 0.5))
    expect(page.locator("#plan-zones tr.chosen")).to_have_attribute("data-code", "G0000")
    page.keyboard.press("s")
    assert page.evaluate("onegrid.store.state.tool") == ""


def test_the_table_is_filtered_by_warnings_and_flies(office: Town) -> None:
    page = office.enter()
    expect(page.locator("#plan-zones tbody tr")).to_have_count(16)
    expect(page.locator("#histogram .in-band")).to_have_count(4)
    page.get_by_label("只看有提示的").check()
    expect(page.locator("#plan-zones tbody tr")).to_have_count(16)
    expect(page.locator("#plan-zones .warnings").first).to_contain_text("少")
    before = page.evaluate("onegrid.map.where().zoom")
    page.locator('#plan-zones tr[data-code="G0202"]').click()
    page.wait_for_function("zoom => onegrid.map.where().zoom > zoom", arg=before)
    page.evaluate("onegrid.map.settled()")
    lon, lat = page.evaluate("onegrid.map.where().centre")
    assert lon == pytest.approx(office.corner(2.5, 0)[0], abs=office.STEP)
    assert lat == pytest.approx(office.corner(0, 2.5)[1], abs=office.STEP)
    page.locator("#plan").select_option("")
    expect(page.locator("#tool-move")).to_be_hidden()
    expect(page.locator("#zones tbody tr[data-code]")).to_have_count(16)
