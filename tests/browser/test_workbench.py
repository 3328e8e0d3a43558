"""The workbench in a real Chromium: plans edited with the mouse, checked through the service and in the database.

Each test has a town of its own: 2 x 2 communities of 2 x 2 grids on 0.02 degrees (see ``make_board``), drawn so that a
grid's corners are known.
"""

from __future__ import annotations

import itertools
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
import shapely
from playwright.sync_api import expect
from sqlalchemy import text
from sqlalchemy.orm import Session

from api.store import accounts, assignments, checks, places, versions
from api.store.engine import make_engine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Page
    from sqlalchemy import Engine

    from geo.records import Place

WEST, SOUTH, STEP = 121.40, 31.06, 0.005
NUMBERS = itertools.count(1)


def corner(column: float, row: float) -> tuple[float, float]:
    """Return a corner of the chessboard, in steps from its south-west."""
    return round(WEST + STEP * column, 8), round(SOUTH + STEP * row, 8)


@dataclass(frozen=True)
class Town:
    """A town, a plan on it, and those who sign in.

    Parameters
    ----------
    code, plan
        Of the territory and the plan.
    url
        Of the service.
    engine
        Its database.
    enter
        Opens the plan in a browser of its own for an account.
    """

    code: str
    plan: int
    url: str
    engine: Engine
    enter: Callable[..., Page]

    def grids(self, page: Page) -> dict[str, Any]:
        """Return the plan's grids, as the service has them."""
        answer = page.request.get(f"{self.url}/api/plans/{self.plan}/zones?level=grid")
        return {zone["code"]: zone for zone in answer.json()["zones"]}

    def post(self, page: Page, path: str, body: dict[str, Any]) -> Any:
        """Write through the service, as a script of the page's account would."""
        token = page.request.get(f"{self.url}/api/session").json()["csrf_token"]
        answer = page.request.post(f"{self.url}{path}", data=body, headers={"X-CSRF-Token": token})
        assert answer.ok, answer.text()
        return answer.json()


@pytest.fixture(scope="session")
def town_engine(service: Any) -> Iterator[Engine]:
    """Return an engine on the service's database."""
    engine = make_engine(service.database)
    yield engine
    engine.dispose()


@pytest.fixture
def town(
    service: Any,
    browser: Browser,
    town_engine: Engine,
    make_board: Callable[..., Place],
    watch_page: Callable[[Page], Any],
) -> Iterator[Town]:
    """Return a published town with a plan on it."""
    code = f"town{next(NUMBERS)}"
    with Session(town_engine) as session, session.begin():
        version = places.load_place(session, make_board(code=code, households=400)).version
        assignments.assign(session, version)
        checks.check(session, version)
        versions.publish(session, version, "首次发布")
        for account in ("planner", "publisher", "viewer"):
            accounts.add_grant(session, account, accounts.GrantedSubtree(code, None, personal_data=False))
    contexts: list[BrowserContext] = []
    seen = []

    def signed_in(account: str) -> Page:
        context = browser.new_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
        context.set_default_timeout(30_000)
        contexts.append(context)
        door = context.new_page()
        door.goto(service.link(account))
        door.close()
        return context.new_page()

    def enter(account: str = "planner", plan: int | None = None) -> Page:
        page = signed_in(account)
        seen.append(watch_page(page))
        page.goto(f"{service.url}/#version={code}-v1&plan={plan or made['id']}")
        page.locator("#plan-zones tbody tr[data-code]").first.wait_for()
        drawn(page)
        # Room around the town, for lines that begin and end outside of it.
        page.evaluate("bbox => onegrid.map.fit(bbox)", [*corner(-0.4, -0.4), *corner(4.4, 4.4)])
        return page

    page = signed_in("planner")
    town = Town(code, 0, service.url, town_engine, enter)
    made = town.post(page, "/api/plans", {"territory": code, "name": "2026年调整"})
    yield Town(code, made["id"], service.url, town_engine, enter)
    for context in contexts:
        context.close()
    assert [one.errors for one in seen] == [[] for _ in seen]


def drawn(page: Page) -> None:
    """Wait until the zones of the plan are on the map."""
    page.wait_for_function("() => onegrid.map.plan.source.getFeatures().length > 0")
    page.evaluate("onegrid.map.settled()")


def at(page: Page, point: tuple[float, float]) -> tuple[float, float]:
    """Return where a place is on the screen."""
    page.evaluate("onegrid.map.settled()")
    x, y = page.evaluate("at => onegrid.map.pixelOf(at)", list(point))
    return x, y


def pick(page: Page, point: tuple[float, float], *, adds: bool = False) -> None:
    """Click a zone; the click counts once the page shows the zone as picked."""
    x, y = at(page, point)
    code = page.evaluate(
        """([x, y]) => {
          const { left, top } = onegrid.map.element.getBoundingClientRect();
          return onegrid.map.plan.at(onegrid.map.map.getCoordinateFromPixel([x - left, y - top]));
        }""",
        [x, y],
    )
    assert code, f"no zone of the plan at {point}"
    before = page.evaluate("onegrid.store.state.picked")
    assert code not in before or not adds, "a second click would take the zone out again"
    if adds:
        page.keyboard.down("Shift")
    page.mouse.click(x, y)
    if adds:
        page.keyboard.up("Shift")
    expected = [*before, code] if adds or page.evaluate("onegrid.store.state.tool") else [code]
    page.wait_for_function(
        "expected => onegrid.store.state.picked.join() === expected", arg=",".join(expected)
    )


def draw(page: Page, *points: tuple[float, float]) -> None:
    """Draw a line with the mouse and end it with a double click."""
    spots = [at(page, point) for point in points]
    for x, y in spots[:-1]:
        page.mouse.move(x, y)
        page.mouse.click(x, y)
        page.wait_for_function("() => onegrid.map.plan.draw !== null")
    page.mouse.move(*spots[-1])
    page.mouse.dblclick(*spots[-1])


def revision(page: Page, number: int) -> None:
    """Wait until the page shows a revision as its own."""
    expect(page.locator("#saved")).to_contain_text(re.compile(rf"方案 r{number}\b"))


def taken_back(town: Town, page: Page, edits: int, before: dict[str, Any]) -> None:
    """Undo all edits by key: every coordinate and count is as before, and the database knows nothing else standing."""
    for done in range(1, edits + 1):
        page.keyboard.press("Control+z")
        revision(page, edits + done)
    assert town.grids(page) == before
    with town.engine.connect() as connection:
        standing = connection.scalar(
            text("SELECT count(*) FROM change WHERE plan_id = :plan AND NOT undone"), {"plan": town.plan}
        )
    assert standing == 0


def area_of(zone: dict[str, Any]) -> float:
    """Return an area in square steps of the board."""
    return float(shapely.from_geojson(json.dumps(zone["geometry"])).area / STEP**2)


def test_a_grid_is_split_by_a_line_undone_and_split_again(town: Town) -> None:
    page = town.enter()
    before = town.grids(page)
    page.keyboard.press("s")
    expect(page.locator("#tool-hint")).to_contain_text("请再点选 1 个网格")
    pick(page, corner(0.3, 0.5))
    expect(page.locator("#tool-hint")).to_contain_text("从边界画到边界")
    draw(page, corner(0.5, -0.1), corner(0.5, 1.2))
    revision(page, 1)
    expect(page.locator("#saved")).to_contain_text(re.compile(r"已保存 \d\d:\d\d:\d\d"))
    after = town.grids(page)
    (made,) = set(after) - set(before)
    assert made == "G0304", "the next free code"
    assert area_of(after["G0000"]) == pytest.approx(0.5, abs=0.02)
    assert area_of(after[made]) == pytest.approx(0.5, abs=0.02)
    whole = before["G0000"]["counts"]["household"]
    assert after["G0000"]["counts"]["household"] + after[made]["counts"]["household"] == whole
    expect(page.locator(f'#plan-zones tr[data-code="{made}"]')).to_contain_text(
        str(after[made]["counts"]["household"])
    )
    assert page.evaluate("onegrid.map.plan.source.getFeatures().length") == len(after)

    page.get_by_role("button", name="撤销").click()
    revision(page, 2)
    assert town.grids(page) == before
    page.keyboard.press("Control+y")
    revision(page, 3)
    assert town.grids(page) == after
    page.get_by_role("tab", name="历史").click()
    expect(page.locator("#history li")).to_have_count(1)
    expect(page.locator("#history")).to_contain_text("切分")
    expect(page.locator("#history")).to_contain_text("张三")


def test_grids_are_merged_and_the_ledger_says_who_moves(town: Town) -> None:
    page = town.enter()
    before = town.grids(page)
    pick(page, corner(0.5, 0.5))
    pick(page, corner(1.5, 0.5), adds=True)
    page.keyboard.press("m")
    revision(page, 1)
    after = town.grids(page)
    assert set(before) - set(after) == {"G0001"}
    moved = before["G0001"]["counts"]["household"]
    assert after["G0000"]["counts"]["household"] == before["G0000"]["counts"]["household"] + moved
    page.get_by_role("tab", name="迁移").click()
    row = page.locator('.moves tr[data-from="G0001"][data-to="G0000"]')
    expect(row.locator("td").nth(2)).to_have_text(f"{moved:,}")
    with town.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT operation, revision FROM change WHERE plan_id = :plan"), {"plan": town.plan}
        ).all()
    assert [tuple(row) for row in rows] == [("merge", 1)]
    taken_back(town, page, 1, before)


def test_a_junction_is_dragged_and_every_grid_around_it_follows(town: Town) -> None:
    page = town.enter()
    before = town.grids(page)
    page.get_by_role("button", name="移动边界").click()
    from_x, from_y = at(page, corner(1, 1))
    to_x, to_y = at(page, corner(1.2, 1.3))
    page.mouse.move(from_x, from_y)
    page.mouse.down()
    page.mouse.move((from_x + to_x) / 2, (from_y + to_y) / 2)
    page.mouse.move(to_x, to_y)
    page.mouse.up()
    revision(page, 1)
    grids = town.grids(page)
    around = [shapely.from_geojson(json.dumps(grids[code]["geometry"])) for code in
              ("G0000", "G0001", "G0100", "G0101")]  # fmt: skip
    assert shapely.union_all(around).area / STEP**2 == pytest.approx(4)
    assert shapely.coverage_is_valid(around)
    common = set.intersection(*({tuple(xy) for xy in shapely.get_coordinates(one)} for one in around))
    assert len(common) == 1
    assert common.pop() == pytest.approx(corner(1.2, 1.3), abs=STEP * 0.05)
    taken_back(town, page, 1, before)


def test_a_border_is_redrawn_and_a_dedicated_grid_carved_and_deleted(town: Town) -> None:
    page = town.enter()
    before = town.grids(page)
    pick(page, corner(0.5, 0.5))
    pick(page, corner(1.5, 0.5), adds=True)
    page.keyboard.press("r")
    draw(page, corner(1.4, -0.1), corner(1.4, 1.2))
    revision(page, 1)
    after = town.grids(page)
    assert area_of(after["G0000"]) == pytest.approx(1.4, abs=0.02)
    assert area_of(after["G0001"]) == pytest.approx(0.6, abs=0.02)

    page.keyboard.press("c")
    draw(page, corner(2.3, 2.3), corner(2.7, 2.3), corner(2.7, 2.7), corner(2.3, 2.7))
    dialog = page.locator("#question")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_label("编码")).to_have_value("G0304")
    dialog.get_by_label("名称").fill("产业园")
    dialog.get_by_role("button", name="挖出").click()
    revision(page, 2)
    carved = town.grids(page)["G0304"]
    assert (carved["name"], carved["kind"]) == ("产业园", "dedicated")
    assert area_of(carved) == pytest.approx(0.16, abs=0.02)
    expect(page.locator('#plan-zones tr[data-code="G0304"] .warnings')).to_have_text("")

    pick(page, corner(2.5, 2.5))
    page.keyboard.press("Delete")
    dialog.get_by_role("button", name="删除").click()
    revision(page, 3)
    assert "G0304" not in town.grids(page)
    assert area_of(town.grids(page)["G0202"]) == pytest.approx(area_of(before["G0202"]))
    taken_back(town, page, 3, before)


def test_a_click_counts_when_the_hand_trembles_and_a_double_click_counts_once(town: Town) -> None:
    page = town.enter()
    x, y = at(page, corner(0.5, 0.5))
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 2, y + 1)
    page.mouse.up()
    assert page.evaluate("onegrid.store.state.picked") == ["G0000"]
    page.keyboard.press("m")
    x, y = at(page, corner(1.5, 0.5))
    page.mouse.dblclick(x, y)
    assert page.evaluate("onegrid.store.state.picked") == ["G0000", "G0001"]


def test_ground_is_painted_over(town: Town) -> None:
    page = town.enter()
    before = town.grids(page)
    pick(page, corner(0.5, 0.5))
    page.keyboard.press("l")
    draw(page, corner(0.9, 0.2), corner(1.4, 0.2), corner(1.4, 0.8), corner(0.9, 0.8))
    revision(page, 1)
    grids = town.grids(page)
    assert area_of(grids["G0000"]) == pytest.approx(1 + 0.4 * 0.6, abs=0.02)
    assert area_of(grids["G0001"]) == pytest.approx(1 - 0.4 * 0.6, abs=0.02)
    taken_back(town, page, 1, before)


def test_a_refusal_says_why_and_shows_where(town: Town) -> None:
    page = town.enter()
    pick(page, corner(0.5, 0.5))
    page.keyboard.press("s")
    draw(page, corner(0.5, -0.1), corner(0.5, 0.6))
    expect(page.locator("#troubles")).to_contain_text("没有贯穿")
    expect(page.locator("#troubles")).to_contain_text("请延长到边界")
    assert page.evaluate("onegrid.map.overlays.place.getSource().getFeatures().length") == 1
    page.wait_for_function("() => onegrid.map.where().zoom > 16")
    expect(page.locator("#saved")).to_contain_text("方案 r0")
    page.keyboard.press("Escape")
    assert page.evaluate("onegrid.map.overlays.place.getSource().getFeatures().length") == 0


def test_two_browsers_on_one_plan_see_each_others_edits(town: Town) -> None:
    mine, other = town.enter("planner"), town.enter("publisher")
    pick(mine, corner(0.5, 0.5))
    pick(mine, corner(1.5, 0.5), adds=True)
    mine.keyboard.press("m")
    revision(mine, 1)
    revision(other, 1)
    expect(other.locator('#plan-zones tr[data-code="G0001"]')).to_have_count(0)
    assert other.evaluate("onegrid.map.plan.source.getFeatures().length") == len(town.grids(mine))
    other.keyboard.press("Control+z")
    revision(other, 2)
    revision(mine, 2)
    expect(mine.locator('#plan-zones tr[data-code="G0001"]')).to_have_count(1)


def deafen(page: Page) -> None:
    """Let a page hear nothing more of what others do, as when its connection for events was lost."""
    page.evaluate("onegrid.bench.unwatch()")


def test_a_stale_edit_is_made_again_where_others_touched_nothing(town: Town) -> None:
    page = town.enter()
    deafen(page)
    merged = {"operation": "merge", "level": "grid", "codes": ["G0303", "G0302"]}
    town.post(page, f"/api/plans/{town.plan}/edits", {"revision": 0, "edit": merged})
    pick(page, corner(0.5, 0.5))
    page.keyboard.press("s")
    draw(page, corner(0.5, -0.1), corner(0.5, 1.2))
    revision(page, 2)
    grids = town.grids(page)
    assert "G0302" not in grids
    assert "G0304" in grids
    expect(page.locator('#plan-zones tr[data-code="G0302"]')).to_have_count(0)


@pytest.mark.parametrize("again", [True, False])
def test_a_stale_edit_of_what_others_touched_asks_first(town: Town, *, again: bool) -> None:
    page = town.enter()
    deafen(page)
    renamed = {"operation": "describe", "level": "grid", "code": "G0000", "name": "新名"}
    town.post(page, f"/api/plans/{town.plan}/edits", {"revision": 0, "edit": renamed})
    pick(page, corner(0.5, 0.5))
    page.keyboard.press("s")
    draw(page, corner(0.5, -0.1), corner(0.5, 1.2))
    dialog = page.locator("#question")
    expect(dialog).to_contain_text("他人刚改动了")
    expect(page.locator('#plan-zones tr[data-code="G0000"]')).to_contain_text("新名")
    dialog.get_by_role("button", name="仍然重做" if again else "取消").click()
    expect(dialog).to_be_hidden()
    revision(page, 2 if again else 1)
    assert ("G0304" in town.grids(page)) is again


def test_a_plan_is_made_edited_and_published_as_a_version(town: Town) -> None:
    page = town.enter("publisher")
    page.locator("#plan").select_option("new")
    dialog = page.locator("#question")
    dialog.get_by_label("名称").fill("春季调整")
    dialog.get_by_role("button", name="建立并打开").click()
    expect(page.locator("#plan option:checked")).to_have_text("春季调整")
    drawn(page)
    pick(page, corner(0.5, 0.5))
    pick(page, corner(1.5, 0.5), adds=True)
    page.keyboard.press("m")
    revision(page, 1)
    with town.engine.connect() as connection:
        earlier = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    page.get_by_role("button", name="提交发布").click()
    expect(dialog.locator(".moves tbody tr")).to_have_count(1)
    dialog.get_by_role("button", name="发布", exact=True).click()
    expect(dialog).to_be_visible()  # no reason was given
    dialog.get_by_label("发布原因").fill("街道办公会通过")
    dialog.get_by_role("button", name="发布", exact=True).click()
    expect(page.locator("#version-id")).to_contain_text(f"{town.code}-v2")
    expect(page.locator("#zones tbody tr[data-code]")).to_have_count(15)
    expect(page.locator("#tool-move")).to_be_hidden()
    with town.engine.connect() as connection:
        reasons = connection.execute(
            text(
                "SELECT v.reason FROM version v JOIN territory t ON t.id = v.territory_id "
                "WHERE t.code = :code AND v.valid_to IS NULL AND v.status = 'published'"
            ),
            {"code": town.code},
        ).scalars()
        assert list(reasons) == ["街道办公会通过"]

    def grid_of(point: tuple[float, float], **when: str) -> tuple[str, str]:
        query = urlencode({"lon": point[0], "lat": point[1], "territory": town.code, **when})
        found = page.request.get(f"{town.url}/api/lookup?{query}").json()
        return found["version"], next(z["code"] for z in found["matches"][0]["zones"] if z["level"] == "grid")

    # The same place is in another grid since, and was in its old one before.
    assert grid_of(corner(1.5, 0.5)) == (f"{town.code}-v2", "G0000")
    assert grid_of(corner(1.5, 0.5), as_of=earlier.isoformat()) == (f"{town.code}-v1", "G0001")


def test_a_viewer_sees_a_plan_without_tools(town: Town) -> None:
    page = town.enter("viewer")
    expect(page.locator("#tool-move")).to_be_hidden()
    expect(page.locator('#plan option[value="new"]')).to_have_count(0)
    pick(page, corner(0.5, 0.5))
    expect(page.locator("#plan-zones tr.chosen")).to_have_attribute("data-code", "G0000")
    page.keyboard.press("s")
    assert page.evaluate("onegrid.store.state.tool") == ""


def test_the_table_is_filtered_by_warnings_and_flies(town: Town) -> None:
    page = town.enter()
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
    assert lon == pytest.approx(corner(2.5, 0)[0], abs=STEP)
    assert lat == pytest.approx(corner(0, 2.5)[1], abs=STEP)
    page.locator("#plan").select_option("")
    expect(page.locator("#tool-move")).to_be_hidden()
    expect(page.locator("#zones tbody tr[data-code]")).to_have_count(16)
