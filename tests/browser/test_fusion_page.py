"""多格合一 on the page: fused, looked at by class and place, pinned, exported, adopted as a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from playwright.sync_api import expect

from tests.browser.towns import becomes, held

if TYPE_CHECKING:
    from playwright.sync_api import Page


LAYERS = "(({ grids, ghosts }) => [grids, ghosts])(onegrid.fusionLayer.drawn())"
"""How many grids of the proposal are on the map, and how many departments' layers behind it."""


def answer(page: Page, desk: Any, what: str = "", **query: Any) -> Any:
    """Return what the service has of the fusion."""
    return page.request.get(f"{desk.url}/api/territories/{desk.code}/fusion{what}", params=query).json()


def fuse(page: Page, within: str = "community") -> None:
    page.locator("#tab-fusion").click()
    page.locator("#fusion-leading").select_option("party")
    page.locator("#fusion-within").select_option(within)
    page.locator("#fusion-sized").uncheck()
    page.locator("#fusion-run").click()
    expect(page.locator("#fusion-overview")).to_be_visible()


def click_at(page: Page, point: tuple[float, float]) -> None:
    page.evaluate("onegrid.map.settled()")
    x, y = page.evaluate("at => onegrid.map.pixelOf(at)", list(point))
    page.mouse.click(x, y)


def test_a_planner_fuses_and_sees_where_departments_disagree(desk: Any) -> None:
    page = desk.enter()
    fuse(page)
    summary = answer(page, desk)
    assert (summary["layers"], summary["leading"]) == (["party", "order"], "party")
    assert summary["options"]["within"] == "community"
    expect(page.locator("#fusion-grids")).to_have_text(str(summary["grids"]))
    expect(page.locator("#fusion-cells")).to_have_text(str(summary["cells"]))
    expect(page.locator("#fusion-overview")).to_contain_text(f"{desk.code}-v1")
    for sum_ in summary["conflicts"]:
        line = page.locator(f"#conflict-kinds tr[data-kind='{sum_['kind']}']")
        expect(line.locator("td").first).to_have_text(str(sum_["count"]))

    # The map: proposal, two departments, conflicts of the kinds that are on.
    conflicts = answer(page, desk, "/conflicts")["conflicts"]
    real = [row for row in conflicts if row["kind"] == "conflict"]
    assert real
    becomes(page, LAYERS, [summary["grids"], 2])
    page.locator("#conflict-kinds tr[data-kind='conflict'] .link").click()
    expect(page.locator("#conflicts li")).to_have_count(len(real))
    becomes(page, "onegrid.fusionLayer.drawn().conflicts", len(real))
    page.locator("input[name='legend-grids']").uncheck()
    page.locator("input[name='ghost-order']").uncheck()
    becomes(page, LAYERS, [0, 1])
    page.locator("input[name='legend-grids']").check()

    # A conflict flies there; its ground tells the codes and the reason.
    zoom = page.evaluate("onegrid.map.where().zoom")
    page.locator(f"[data-conflict='{real[0]['number']}']").click()
    page.wait_for_function("zoom => onegrid.map.where().zoom > zoom", arg=zoom)
    expect(page.locator("#conflicts li.chosen")).to_contain_text("实际分歧")
    click_at(page, real[0]["point"])
    lon, lat = real[0]["point"]
    cell = answer(page, desk, "/cell", lon=lon, lat=lat)
    expect(page.locator("#cell")).to_have_attribute("data-cell", str(cell["cell"]))
    for layer, code in cell["codes"].items():
        expect(page.locator(f"#cell dd[data-layer='{layer}']")).to_have_text(code or "没有网格")
    expect(page.locator("#cell-grid")).to_have_text(cell["grid"])
    becomes(page, "[...new Set(onegrid.fusionLayer.drawn().ground)].sort()", ["cell", "grid", "point"])

    # The crosswalk, and everything as a workbook.
    page.locator("#fusion-crosswalk").click()
    rows = answer(page, desk, "/crosswalk")["crosswalk"]
    expect(page.locator("#crosswalk tbody tr")).to_have_count(len(rows))
    page.locator("#crosswalk-layer").select_option("order")
    expect(page.locator("#crosswalk tbody tr")).to_have_count(sum(row["layer"] == "order" for row in rows))
    with page.expect_download() as download:
        page.locator("#fusion-file").click()
    assert download.value.suggested_filename == f"onegrid-{desk.code}-v1-fusion.xlsx"
    written = pd.read_excel(download.value.path(), sheet_name="新旧对照", header=5, engine="calamine")
    assert written["户数"].tolist() == [row["household"] for row in rows]

    viewer = desk.enter("viewer")
    viewer.locator("#tab-fusion").click()
    expect(viewer.locator("#fusion-grids")).to_have_text(str(summary["grids"]))
    expect(viewer.locator("#fusion-file")).to_be_visible()
    for action in ("#fusion-run", "#fusion-adopt"):
        expect(viewer.locator(action)).to_have_count(0)


def test_a_pinned_cell_moves_and_the_proposal_becomes_a_plan(desk: Any) -> None:
    page = desk.enter()
    # P1 reaches over the border of its community: within communities its ground there could not go to it.
    fuse(page, within="")
    # Ground that both P1 and P2 claim.
    west, south, east, _ = desk.place.boundary.bounds
    place = ((west + east) / 2 + 0.0002, south + 0.0035)
    click_at(page, place)
    expect(page.locator("#cell")).to_be_visible()
    for code in ("P1", "P2"):
        page.locator("#cell-pin").select_option(code)
        expect(page.locator("#fusion-changed")).to_be_visible()
        page.locator("#fusion-again").click()
        page.wait_for_function(
            "code => Object.values(onegrid.store.state.fusion.summary.options.pins).includes(code)", arg=code
        )
        # The place is looked at again, and nothing is left to be done.
        expect(page.locator("#cell-why")).to_have_text("规划员指定")
        expect(page.locator("#fusion-changed")).to_have_count(0)
        home = answer(page, desk, "/cell", lon=place[0], lat=place[1])
        grids = {one["id"]: one["properties"] for one in answer(page, desk, "/proposal")["features"]}
        assert grids[home["grid"]]["leading"] == [code]
        click_at(page, place)
        expect(page.locator("#cell-why")).to_have_text("规划员指定")
        expect(page.locator("#cell-pin")).to_have_value(code)

    # What the page says while it waits: the request is held back, or it might be over before.
    with held(page, "**/fusion/plan") as asked:
        page.locator("#fusion-adopt").click()
        page.locator("#question input[name='name']").fill("合一方案")
        page.locator("#question button[type='submit']").click()
        asked()
        expect(page.locator("#fusion-adopting")).to_have_text("正在生成方案：核对边界、统计各格户数…")
    expect(page.locator("#plan-zones tbody tr[data-code]")).to_have_count(answer(page, desk)["grids"])
    plan = page.evaluate("onegrid.store.state.plan")
    assert (plan["name"], plan["base"]) == ("合一方案", f"{desk.code}-v1")
    zones = page.request.get(f"{desk.url}/api/plans/{plan['id']}/zones?level=grid").json()["zones"]
    assert sum(zone["area_m2"] for zone in zones) == pytest.approx(
        sum(one["properties"]["area_m2"] for one in answer(page, desk, "/proposal")["features"]), rel=1e-4
    )


def test_the_form_is_filled_in_by_keyboard_and_loses_no_click(desk: Any) -> None:
    page = desk.enter()
    fuse(page)
    page.locator("#fusion-form-head").click()
    sized = page.locator("#fusion-sized")
    sized.focus()
    page.keyboard.press("Space")
    expect(sized).to_be_checked()
    expect(sized).to_be_focused()
    # The numbers can be reached once the form is drawn anew.
    expect(page.locator("#fusion-households-0")).to_be_enabled()
    # Typed in one go, as quick as no fingers are: the form is drawn anew in between, and loses none of it.
    for key in ("Tab", *"20", "Tab", *"900"):
        page.keyboard.press(key)
    # What was typed last counts with the click that takes the focus from it.
    page.locator("#fusion-run").click()
    page.wait_for_function("() => onegrid.store.state.fusion.summary.options.profile.households?.[1] === 900")
    assert answer(page, desk)["options"]["profile"]["households"] == [20, 900]

    west, south, east, _ = desk.place.boundary.bounds
    click_at(page, ((west + east) / 2 + 0.0002, south + 0.0035))
    page.locator("#cell-pin").select_option("P1")
    expect(page.locator("#fusion-pins li")).to_have_count(1)
    # Pins name grids of the layer that leads: with another they would mean nothing.
    page.locator("#fusion-leading").select_option("order")
    expect(page.locator("#fusion-unpinned")).to_contain_text("1 个单元")
    expect(page.locator("#fusion-pins")).to_have_count(0)
