"""A draft that is no plan, from the page into force: what it changes, a second person's approval, where it went."""

from __future__ import annotations

from typing import TYPE_CHECKING

import shapely
from playwright.sync_api import expect
from sqlalchemy.orm import Session

from api.store import acceptances, profiles, repairs, versions
from api.store.repairs import RepairOptions

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.towns import Town

REASON = "理顺党建网格边界"


def mend(desk: Town) -> str:
    """Give the strip in which P1 overlaps P2 to P2, as the panel of faults does, and return the draft."""
    first = f"{desk.code}-v1"
    with Session(desk.engine) as session, session.begin():
        found = repairs.propose_repair(session, first, RepairOptions(levels=("party",)))
        (number,) = (row["number"] for row in found["proposals"] if row["kind"] == "overlap")
        repairs.propose_repair(session, first, RepairOptions(levels=("party",), decisions={number: "P2"}))
        return str(acceptances.accept_repair(session, first, [number])["version"])


def movers(desk: Town) -> int:
    """Return how many households live in the strip: they were P1's, which comes first."""
    x, south = desk.WEST + 2 * desk.STEP, desk.SOUTH
    strip = shapely.box(x, south + 0.002, x + 0.0004, south + 0.007)
    homes = desk.place.subjects
    return int((homes["kind"].eq("household") & homes.geometry.within(strip)).sum())


def in_force(desk: Town) -> str:
    with Session(desk.engine) as session:
        return versions.as_of(session, desk.code).code


def open_draft(desk: Town, draft: str, account: str) -> Page:
    page = desk.enter(account)
    page.locator("#version").select_option(draft)
    expect(page.locator("#version-id")).to_contain_text(draft)
    return page


def test_a_publisher_sees_what_a_repaired_draft_changes_and_publishes_it_by_keyboard(desk: Town) -> None:
    draft, households = mend(desk), movers(desk)
    assert households > 0
    page = open_draft(desk, draft, "publisher")
    page.locator("#tab-faults").click()
    page.locator("#repair-release").focus()
    page.keyboard.press("Enter")
    changes = page.locator("#draft-changes")
    expect(page.locator("#question-title")).to_have_text(f"发布草稿 {draft}")
    expect(changes).to_contain_text("党建网格：改界 1 个，不变 3 个")
    expect(changes).to_contain_text(f"党建网格：{households} 户")
    expect(changes).to_contain_text("错误 2 → 1")
    flows = page.locator("#question .ledger")
    flows.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(flows.locator("tr[data-from=P1][data-to=P2]")).to_contain_text(str(households))

    # Not without a reason.
    ok = page.locator("#question button[type=submit]")
    ok.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#question-title")).to_have_text(f"发布草稿 {draft}")
    assert in_force(desk) == f"{desk.code}-v1"
    page.locator("#question textarea[name=reason]").press_sequentially(REASON)
    ok.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#question-title")).to_have_text(f"{draft} 已发布")
    expect(page.locator("#question")).to_contain_text(f"{desk.code}-v1 已停止使用")
    page.keyboard.press("Escape")
    expect(page.locator("#question")).to_be_hidden()
    expect(page.locator("#version-id")).to_contain_text(draft)
    expect(page.locator("#version option:checked")).to_contain_text("现行")
    expect(page.locator("#repaired h3")).to_contain_text(f"版本 {draft}")
    for gone in ("#draft-review", "#repair-undo"):
        expect(page.locator(gone)).not_to_be_visible()
    assert in_force(desk) == draft
    ledger = desk.get(page, f"/api/versions/{draft}/ledger")
    assert (ledger["reason"], ledger["base"]) == (REASON, f"{desk.code}-v1")


def test_where_the_office_asks_for_it_planner_director_and_publisher_follow_one_another(desk: Town) -> None:
    """The draft is as files leave it: neither checked nor assigned."""
    with Session(desk.engine) as session, session.begin():
        profiles.write_profile(session, desk.code, approval=True)
        draft = versions.add_version(session, desk.code, copy_of=versions.as_of(session, desk.code)).code

    def step(account: str, button: str | None) -> Page:
        page = open_draft(desk, draft, account)
        page.locator("#draft-review").click()
        expect(page.locator("#question-title")).to_have_text(f"发布草稿 {draft}")
        expect(page.locator("#draft-changes")).to_contain_text(f"各层级网格都与 {desk.code}-v1 相同")
        submit = page.locator("#question button[type=submit]")
        if button is None:
            expect(submit).to_have_count(0)
        else:
            expect(submit).to_have_text(button)
        return page

    planner = step("planner", "提交审批")
    planner.locator("#question textarea[name=note]").fill("请看")
    planner.locator("#question button[type=submit]").click()
    expect(planner.locator("#question-title")).to_have_text(f"草稿 {draft} 已提交审批")
    director = step("director", "审批通过")
    expect(director.locator("#draft-changes")).to_contain_text("张三 已申请审批")
    director.locator("#question button[type=submit]").click()
    expect(director.locator("#question-title")).to_have_text(f"草稿 {draft} 已审批通过")
    expect(director.locator("#question")).to_contain_text("还没有生效")
    expect(step("director", None).locator("#draft-changes")).to_contain_text("审批人不能自己发布")
    publisher = step("publisher", "发布")
    expect(publisher.locator("#draft-changes")).to_contain_text("已由 周八 审批")
    publisher.locator("#question textarea[name=reason]").fill("照原样")
    publisher.locator("#question button[type=submit]").click()
    expect(publisher.locator("#question-title")).to_have_text(f"{draft} 已发布")
    assert in_force(desk) == draft


def test_a_viewer_is_offered_nothing_and_a_planner_hears_who_publishes(desk: Town) -> None:
    draft = mend(desk)
    viewer = open_draft(desk, draft, "viewer")
    viewer.locator("#tab-faults").click()
    expect(viewer.locator("#repaired")).to_be_visible()
    for button in ("#draft-review", "#repair-release"):
        expect(viewer.locator(button)).not_to_be_visible()
    planner = open_draft(desk, draft, "planner")
    planner.locator("#draft-review").click()
    expect(planner.locator("#draft-changes")).to_contain_text("发布由发布员进行")
    expect(planner.locator("#question button[type=submit]")).to_have_count(0)
