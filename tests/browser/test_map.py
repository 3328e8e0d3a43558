"""The web map in a real Chromium without WebGL, on the real service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.towns import becomes, loaded, settle

if TYPE_CHECKING:
    from collections.abc import Callable

    import shapely
    from playwright.sync_api import BrowserContext, Page

    Open = Callable[..., Page]
    OpenContext = Callable[..., BrowserContext]


def _click_at(page: Page, point: shapely.Point) -> None:
    x, y = page.evaluate("at => onegrid.map.pixelOf(at)", [point.x, point.y])
    page.mouse.click(x, y)


def _where(page: Page) -> dict[str, Any]:
    settle(page)
    found: dict[str, Any] = page.evaluate("onegrid.map.where()")
    return found


def _colours(page: Page) -> set[tuple[int, ...]]:
    """Return the colours in a patch around the middle of the map."""
    pixels = page.evaluate(
        """() => {
          const colours = new Set();
          for (const canvas of document.querySelectorAll("#map canvas")) {
            const [w, h] = [canvas.width, canvas.height];
            const data = canvas.getContext("2d").getImageData(w / 4, h / 4, w / 2, h / 2).data;
            for (let k = 0; k < data.length; k += 16) colours.add(data.slice(k, k + 4).join());
          }
          return [...colours];
        }"""
    )
    return {tuple(int(part) for part in pixel.split(",")) for pixel in pixels}


def test_sign_in_with_password(open_context: OpenContext, service: Any) -> None:
    page = open_context().new_page()
    page.goto(service.url)
    expect(page).to_have_url(re.compile("/sign-in"))
    page.get_by_label("账号").fill("planner")
    page.get_by_label("密码").fill("wrong")
    page.get_by_role("button", name="登录").click()
    expect(page.locator("#problem")).to_be_visible()
    page.get_by_label("密码").fill(service.password)
    page.get_by_role("button", name="登录").click()
    expect(page.locator("#zones tbody tr").first).to_be_visible()
    expect(page.locator(".who")).to_contain_text("张三")
    page.get_by_role("button", name="退出").click()
    expect(page).to_have_url(re.compile("/sign-in"))
    page.goto(service.url)
    expect(page).to_have_url(re.compile("/sign-in"))


def test_sign_in_by_link_works_once(open_context: OpenContext, service: Any) -> None:
    link = service.link()
    for expected in ("#map", ".problem"):
        page = open_context().new_page()
        page.goto(link)
        expect(page.locator(expected).first).to_be_visible()


def test_map_shows_zones_without_webgl(open_map: Open, service: Any) -> None:
    page = open_map()
    assert page.evaluate("document.createElement('canvas').getContext('webgl')") is None
    wards = service.monaco.zones.query("level == 'community'")
    expect(page.locator("#zones tbody tr")).to_have_count(len(wards))
    expect(page.locator("#legend")).to_contain_text("户")
    expect(page.locator("#version-id")).to_contain_text("monaco-v1")
    expect(page.locator(".foot")).to_contain_text("OpenStreetMap")
    expect(page.locator(".foot")).to_contain_text("内部工作用图")
    expect(page.locator("#synthetic")).to_have_count(0)
    assert len(_colours(page)) > 20, "nothing but the background is drawn"


def test_click_on_a_zone_shows_its_details(open_map: Open, service: Any) -> None:
    page = open_map()
    ward = service.monaco.zones.query("code == 'MC-FO'").iloc[0]
    away_from_stations = ward.geometry.difference(service.monaco.stations.union_all().buffer(0.0006))
    _click_at(page, away_from_stations.representative_point())
    expect(page.locator("#details-title")).to_have_text(ward["name"])
    expect(page.locator(".facts")).to_contain_text("MC-FO")
    expect(page.locator(".figures").first).to_contain_text("户数")
    expect(page.locator("#zones tr.chosen")).to_have_attribute("data-code", "MC-FO")
    page.locator("#here").click()
    expect(page.locator(".match")).to_contain_text(ward["name"])
    page.keyboard.press("Escape")
    expect(page.locator("#details-title")).to_have_count(0)


def test_table_sorts_filters_and_flies(open_map: Open) -> None:
    page = open_map()
    page.get_by_role("button", name="户数").click()
    expect(page.locator("#zones th[aria-sort=descending]")).to_have_text("户数")
    households = page.locator("#zones tbody td:nth-child(2)").all_inner_texts()
    counts = [int(text.replace(",", "")) for text in households]
    assert counts == sorted(counts, reverse=True)
    page.locator("#filter-zones").fill("mc-la")
    expect(page.locator("#zones tbody tr")).to_have_count(1)
    before = _where(page)
    page.locator("#zones tbody tr").click()
    expect(page.locator("#details-title")).to_have_text("Larvotto")
    # The flight starts when the details arrive.
    page.wait_for_function("zoom => onegrid.map.where().zoom > zoom", arg=before["zoom"])


def test_search_finds_an_address_and_shows_its_zones(open_map: Open, service: Any) -> None:
    page = open_map()
    known = service.monaco.addresses.iloc[0]
    page.keyboard.press("/")
    expect(page.locator("#search")).to_be_focused()
    page.locator("#search").fill(known["text"])
    expect(page.locator("#found li").first).to_be_visible()
    page.locator("#found li", has=page.locator(".address")).first.click()
    expect(page.locator(".match").first).to_contain_text("最近服务站")
    lon, lat = _where(page)["centre"]
    assert abs(lon - known.geometry.x) < 0.01
    assert abs(lat - known.geometry.y) < 0.01


def test_unknown_address_says_so_with_near_ones(open_map: Open) -> None:
    page = open_map()
    page.locator("#search").fill("不存在的路 9999 号")
    page.keyboard.press("Enter")
    expect(page.locator("#troubles")).to_be_visible()
    expect(page.locator("#troubles")).not_to_contain_text("Error")
    page.locator("#troubles").get_by_role("button", name="关闭").click()
    expect(page.locator("#troubles")).to_be_hidden()


def test_search_by_keyboard_opens_a_zone(open_map: Open) -> None:
    page = open_map()
    page.locator("#search").fill("Larvotto")
    expect(page.locator("#found li", has=page.locator(".zone")).first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#details-title")).to_contain_text("Larvotto")


def test_station_opens_its_circles(open_map: Open, service: Any) -> None:
    page = open_map()
    page.get_by_role("tab", name="服务站").click()
    expect(page.locator("#coverage")).to_contain_text("15 分钟")
    code = service.monaco.stations.iloc[0]["code"]
    page.locator(f'[data-station="{code}"]').click()
    expect(page.locator("#reach tbody tr")).to_have_count(3)
    expect(page.locator("#legend .circles li")).to_have_count(3)
    becomes(page, "onegrid.map.overlays.circles.getSource().getFeatures().length", 3)
    page.get_by_role("tab", name="服务站").click()
    page.locator('[data-station="all"]').click()
    expect(page.locator("#details-title")).to_have_text("全部服务站合计")
    expect(page.locator("#reach tbody tr")).to_have_count(3)


def test_fault_list_flies_to_the_place(open_map: Open) -> None:
    page = open_map("version=board-v1")
    expect(page.locator("#tab-faults .badge.error")).to_be_visible()
    page.get_by_role("tab", name="问题").click()
    first = page.locator("#faults button").first
    expect(first).to_contain_text("重叠")
    before = _where(page)
    first.click()
    expect(page.locator("#faults .chosen")).to_have_count(1)
    page.wait_for_function("zoom => onegrid.map.where().zoom > zoom", arg=before["zoom"])
    after = _where(page)
    fault = page.evaluate("onegrid.store.state.faults[0]")
    west, south, east, north = fault["bbox"]
    assert west < after["centre"][0] < east
    assert south < after["centre"][1] < north


def test_versions_and_territories_are_picked(open_map: Open) -> None:
    page = open_map()
    page.get_by_label("辖区").select_option("board")
    expect(page.locator("#version-id")).to_contain_text("board-v1")
    expect(page.locator("#synthetic")).to_have_text("示意数据")
    expect(page.locator("#version option")).to_have_count(2)
    page.locator("#version").select_option("board-v2")
    expect(page.locator("#version-id")).to_contain_text("board-v2")
    expect(page).to_have_url(re.compile("version=board-v2"))
    page.get_by_role("tab", name="问题").click()
    expect(page.locator("#page-faults")).to_contain_text("本版本尚未检查")


def test_levels_and_layers_are_switched(open_map: Open, service: Any) -> None:
    page = open_map("version=board-v1")
    grids = service.town.zones.query("level == 'grid'")
    expect(page.locator("#zones tbody tr")).to_have_count(len(grids))
    page.locator('input[name="level"][value="community"]').check()
    expect(page.locator("#zones tbody tr")).to_have_count(4)
    expect(page.locator("#legend h3")).to_contain_text("社区")
    page.locator('input[name="show-streets"]').uncheck()
    page.locator("#colour").select_option("none")
    expect(page.locator("#legend li")).to_have_count(0)
    becomes(page, "onegrid.map.baseLayers.get('streets').getVisible()", value=False)
    x, y = page.evaluate("at => onegrid.map.pixelOf(at)", [121.405, 31.065])
    page.mouse.move(x, y)
    expect(page.locator("#pointer")).to_contain_text("CGCS2000")


def test_reconciliation_adds_up(open_map: Open) -> None:
    page = open_map("version=board-v1")
    page.get_by_role("tab", name="对账").click()
    expect(page.locator("#page-reconciliation")).to_contain_text("辖区外")
    rows = page.locator(".reconciliation tbody tr:not(.reasons)").all()
    assert rows
    for row in rows:
        assigned, unassigned, total = (
            int(text.replace(",", "")) for text in row.locator("td").all_inner_texts()
        )
        assert assigned + unassigned == total


def test_english_by_a_switch_and_kept(open_map: Open) -> None:
    page = open_map()
    page.get_by_role("button", name="English").click()
    expect(page.locator("#tab-zones")).to_have_text("Zones")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.reload()
    expect(page.locator("#tab-zones")).to_have_text("Zones")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("#tab-zones")).to_have_text("网格")


def test_keyboard_alone(open_map: Open) -> None:
    page = open_map()
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#map")).to_be_focused()
    before = _where(page)
    page.keyboard.press("+")
    page.wait_for_function("zoom => onegrid.map.where().zoom > zoom", arg=before["zoom"])
    page.locator("#tab-zones").focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tab-faults")).to_be_focused()
    expect(page.locator("#page-faults")).to_be_visible()


def test_everything_fits_a_small_screen(open_map: Open) -> None:
    page = open_map("version=board-v1")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    legend, layers = page.locator("#legend").bounding_box(), page.locator("#layers").bounding_box()
    assert legend is not None
    assert layers is not None
    assert layers["y"] + layers["height"] <= legend["y"]


def test_lost_connection_is_said_and_mended(open_context: OpenContext, service: Any, signed_in: Any) -> None:
    context = open_context(storage_state=signed_in)
    page = context.new_page()
    page.goto(f"{service.url}/#version=board-v1")
    loaded(page)
    expect(page.locator("#zones tbody tr[data-code]").first).to_be_visible()
    context.set_offline(True)
    page.locator("#zones tbody tr").first.click()
    expect(page.locator("#troubles")).to_contain_text("连接不上服务")
    context.set_offline(False)
    page.get_by_role("button", name="重试").click()
    expect(page.locator(".facts")).to_contain_text("面积")
    expect(page.locator("#troubles")).to_be_hidden()


def test_session_that_ended_leads_to_sign_in(open_context: OpenContext, service: Any) -> None:
    context = open_context()
    page = context.new_page()
    page.goto(service.link())
    loaded(page)
    expect(page.locator("#zones tbody tr[data-code]").first).to_be_visible()
    context.clear_cookies()
    page.locator("#zones tbody tr").first.click()
    expect(page).to_have_url(re.compile("/sign-in"))


@pytest.mark.parametrize("path", ["/", "/api/versions/monaco-v1", "/api/tiles/monaco-v1/admin/0/0/0.mvt"])
def test_nothing_is_open_without_sign_in(open_context: OpenContext, service: Any, path: str) -> None:
    page = open_context().new_page()
    answer = page.goto(service.url + path)
    assert answer is not None
    assert answer.status == 401 or "/sign-in" in page.url
