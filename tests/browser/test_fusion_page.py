"""多格合一 on the page: fused, looked at by class and place, pinned, exported, adopted as a plan."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page


def answer(page: Page, desk: Any, what: str = "", **query: Any) -> Any:
    """Return what the service has of the fusion."""
    return page.request.get(f"{desk.url}/api/territories/{desk.code}/fusion{what}", params=query).json()


def fuse(page: Page) -> None:
    page.locator("#tab-fusion").click()
    page.locator("#fusion-leading").select_option("party")
    page.locator("#fusion-sized").uncheck()
    page.locator("#fusion-run").click()
    expect(page.locator("#fusion-overview")).to_be_visible()


def drawn(page: Page) -> Any:
    return page.evaluate("onegrid.fusionLayer.drawn()")


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
    shown = drawn(page)
    assert (shown["grids"], shown["ghosts"]) == (summary["grids"], 2)
    page.locator("#conflict-kinds tr[data-kind='conflict'] .link").click()
    expect(page.locator("#conflicts li")).to_have_count(len(real))
    assert drawn(page)["conflicts"] == len(real)
    page.locator("input[name='legend-grids']").uncheck()
    page.locator("input[name='ghost-order']").uncheck()
    assert {name: drawn(page)[name] for name in ("grids", "ghosts")} == {"grids": 0, "ghosts": 1}
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
    assert {"cell", "grid", "point"} == set(drawn(page)["ground"])

    # The crosswalk, and the whole of it as a file.
    page.locator("#fusion-crosswalk").click()
    rows = answer(page, desk, "/crosswalk")["crosswalk"]
    expect(page.locator("#crosswalk tbody tr")).to_have_count(len(rows))
    page.locator("#crosswalk-layer").select_option("order")
    expect(page.locator("#crosswalk tbody tr")).to_have_count(sum(row["layer"] == "order" for row in rows))
    with page.expect_download() as download:
        page.locator("#crosswalk-export").click()
    written = Path(download.value.path()).read_text(encoding="utf-8-sig")
    lines = list(csv.reader(io.StringIO(written)))
    assert len(lines) == len(rows) + 1
    assert sum(int(line[6]) for line in lines[1:]) == sum(row["household"] for row in rows)

    viewer = desk.enter("viewer")
    viewer.locator("#tab-fusion").click()
    expect(viewer.locator("#fusion-grids")).to_have_text(str(summary["grids"]))
    for action in ("#fusion-run", "#fusion-adopt"):
        expect(viewer.locator(action)).to_have_count(0)


def test_a_pinned_cell_moves_and_the_proposal_becomes_a_plan(desk: Any) -> None:
    page = desk.enter()
    fuse(page)
    # Ground that both P1 and P2 claim.
    west, south, east, _ = desk.place.boundary.bounds
    place = ((west + east) / 2 + 0.0002, south + 0.0035)
    click_at(page, place)
    expect(page.locator("#cell")).to_be_visible()
    for code in ("P1", "P2"):
        page.locator("#cell-pin").select_option(code)
        expect(page.locator("#fusion-changed")).to_be_visible()
        page.locator("#fusion-again").click()
        expect(page.locator("#fusion-changed")).to_have_count(0)
        home = answer(page, desk, "/cell", lon=place[0], lat=place[1])
        grids = {one["id"]: one["properties"] for one in answer(page, desk, "/proposal")["features"]}
        assert grids[home["grid"]]["leading"] == [code]
        click_at(page, place)
        expect(page.locator("#cell-why")).to_have_text("规划员指定")
        expect(page.locator("#cell-pin")).to_have_value(code)

    page.locator("#fusion-adopt").click()
    page.locator("#question input[name='name']").fill("合一方案")
    page.locator("#question button[type='submit']").click()
    expect(page.locator("#plan-zones tbody tr[data-code]")).to_have_count(answer(page, desk)["grids"])
    plan = page.evaluate("onegrid.store.state.plan")
    assert (plan["name"], plan["base"]) == ("合一方案", f"{desk.code}-v1")
    zones = page.request.get(f"{desk.url}/api/plans/{plan['id']}/zones?level=grid").json()["zones"]
    assert sum(zone["area_m2"] for zone in zones) == pytest.approx(
        sum(one["properties"]["area_m2"] for one in answer(page, desk, "/proposal")["features"]), rel=1e-4
    )
