"""Before and after in a real Chromium: differences, swipe, side by side, and who moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect
from sqlalchemy.orm import Session

from api.store import versions
from tests.browser.towns import becomes

if TYPE_CHECKING:
    from tests.browser.towns import Town

IS_BORDER = """([x, y]) => [...document.querySelectorAll('#map canvas')].some((one) => {
  const at = one.getBoundingClientRect(), scale = one.width / at.width;
  const [left, top] = [Math.round((x - at.left) * scale) - 2, Math.round((y - at.top) * scale) - 2];
  const { data } = one.getContext('2d').getImageData(left, top, 5, 5);
  return Array.from({ length: 25 }, (_, k) => k * 4).some((k) => data[k] < 110 && data[k + 3] > 150);
})"""
"""Whether something dark is drawn within two pixels of a place."""


def test_a_plan_is_compared_with_its_base(office: Town) -> None:
    page = office.enter("publisher")
    office.edit(page, 0, {"operation": "merge", "codes": ["G0000", "G0001"]})
    office.revised(page, 1)
    page.locator("#compare").click()
    table = page.locator("#compared")
    expect(table.locator("tbody tr")).to_have_count(2)
    expect(table.locator('tr[data-code="G0001"]')).to_contain_text("撤销")
    expect(table.locator('tr[data-code="G0000"]')).to_contain_text("边界移动")
    pieces = "onegrid.map.compare.pieces.getSource().getFeatures()"
    becomes(page, f"{pieces}.map((one) => [one.get('from'), one.get('to')])", [["G0001", "G0000"]])

    page.locator("#colour").select_option("none")
    page.get_by_label("卷帘").check()
    bar = page.get_by_role("slider")
    expect(bar).to_be_visible()
    box = page.locator("#map").bounding_box()
    bar.focus()
    for _ in range(4):
        page.keyboard.press("ArrowRight")
    expect(bar).to_have_attribute("aria-valuenow", "70")
    page.evaluate("onegrid.map.settled()")
    # The border between the two is there on the left of the bar, where the base is shown, and not on its right.
    x, y = office.at(page, (1, 0.3))
    assert x < box["x"] + 0.7 * box["width"]
    assert page.evaluate(IS_BORDER, [x, y])
    for _ in range(11):
        page.keyboard.press("ArrowLeft")
    expect(bar).to_have_attribute("aria-valuenow", "15")
    page.evaluate("onegrid.map.settled()")
    assert x > box["x"] + 0.15 * box["width"]
    assert not page.evaluate(IS_BORDER, [x, y])

    page.get_by_label("并排").check()
    second = page.locator("#map-before")
    expect(second).to_be_visible()
    left, right = second.bounding_box(), page.locator("#map").bounding_box()
    assert abs(left["width"] - right["width"]) <= 2
    assert left["x"] + left["width"] <= right["x"] + 2
    page.evaluate("onegrid.map.settled()")
    page.locator("#compare-close").click()
    expect(second).to_be_hidden()
    expect(page.locator("#tab-compare")).to_have_count(0)


def test_who_moves_is_drawn_and_two_versions_are_compared(office: Town) -> None:
    page = office.enter("publisher")
    before = office.zones(page)
    office.edit(page, 0, {"operation": "merge", "codes": ["G0000", "G0001"]})
    office.revised(page, 1)
    page.get_by_role("tab", name="迁移").click()
    page.get_by_label("在地图上显示").check()
    expect(page.locator("#moves-legend")).to_contain_text("箭头")
    households = before["G0001"]["counts"]["household"]
    points, flows = (f"onegrid.map.moves.{name}.getSource().getFeatures()" for name in ("points", "flows"))
    becomes(page, f"{points}.filter((one) => one.get('kind') === 'household').length", households)
    moved = f"{flows}.map((one) => [one.get('from'), one.get('to'), one.get('size')])"
    becomes(page, moved, [["G0001", "G0000", households]])
    with page.expect_download() as download:
        page.locator("#moves-file").click()
    assert download.value.suggested_filename.endswith(".xlsx")

    page.locator("#publish").click()
    form = page.locator("#question")
    form.get_by_label("发布原因").fill("调整")
    form.get_by_role("button", name="发布", exact=True).click()
    expect(page.locator("#version-id")).to_contain_text(f"{office.code}-v2")
    page.locator("#compare").click()
    expect(page.locator("#compared tbody tr")).to_have_count(2)
    expect(page.locator("#compare-before option:checked")).to_contain_text("v1")
    page.locator("#compare-before").select_option(f"{office.code}-v2")
    expect(page.locator(".compare-panel")).to_contain_text("请选择两个不同的版本")
    page.locator("#compare-after").select_option(f"{office.code}-v1")
    expect(page.locator('#compared tr[data-code="G0001"]')).to_contain_text("新设")


def test_a_draft_is_named_where_it_is_compared(office: Town) -> None:
    with Session(office.engine) as session, session.begin():
        versions.add_version(session, office.code, copy_of=versions.get_version(session, f"{office.code}-v1"))
    page = office.enter("publisher")
    page.locator("#plan").select_option("")
    page.locator("#version").select_option(f"{office.code}-v2")
    expect(page.locator("#version-id")).to_contain_text(f"{office.code}-v2")
    page.locator("#compare").click()
    expect(page.locator("#compare-before option:checked")).to_contain_text("v1")
    expect(page.locator("#compare-after option:checked")).to_have_text("v2 · 草稿")
