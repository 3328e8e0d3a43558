"""Forms, menus and panels of the workbench in a real Chromium, checked through the service and in the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

from tests.browser.towns import becomes

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.towns import Town


def start(page: Page, operation: str) -> Any:
    """Start an operation from its menu; return the form."""
    page.locator("#operations").click()
    page.locator(f"#do-{operation}").click()
    form = page.locator("#question")
    expect(form).to_be_visible()
    return form


def test_forms_rename_staff_and_delete_with_an_heir(office: Town) -> None:
    page = office.enter()
    first = office.zones(page)
    office.pick_row(page, "G0101")
    form = start(page, "rename")
    form.get_by_label("名称").fill("中心网格")
    form.get_by_role("button", name="保存").click()
    office.revised(page, 1)
    card = page.locator("#zone-card")
    expect(card).to_contain_text("中心网格")
    expect(card).to_contain_text("社区00")

    form = start(page, "staff")
    expect(form.get_by_label("姓名")).to_have_value("王某")
    form.get_by_role("button", name="增加一人").click()
    form.get_by_label("姓名").last.fill("赵某")
    form.get_by_label("岗位").last.select_option("微网格员")
    form.get_by_role("button", name="保存").click()
    office.revised(page, 2)
    staff = office.zones(page)["G0101"]["staff"]
    assert [(one["role"], one["name"]) for one in staff] == [("网格长", "王某"), ("微网格员", "赵某")]
    expect(card).to_contain_text("赵某")

    before = office.zones(page)
    page.keyboard.press("Delete")
    form = page.locator("#question")
    heirs = form.locator("#heirs label")
    expect(heirs).to_have_count(2)  # neighbours of the same community
    expect(heirs.first).to_contain_text("共同边界")
    chosen = heirs.filter(has=page.locator("input:not(:checked)"))
    code = chosen.locator("input").get_attribute("value")
    chosen.click()
    form.get_by_role("button", name="删除并并入").click()
    office.revised(page, 3)
    after = office.zones(page)
    assert set(before) - set(after) == {"G0101"}
    assert office.area(after[code]) == pytest.approx(2, abs=0.01)
    # The heir is what one goes on with.
    becomes(page, "onegrid.store.state.picked", [code])
    expect(page.locator("#card-moves")).to_contain_text("迁入")
    page.get_by_role("tab", name="历史").click()
    expect(page.locator("#history li")).to_have_count(3)
    page.locator("#history li").first.get_by_role("button").click()
    page.wait_for_function("code => onegrid.store.state.picked.includes(code)", arg=code)
    for number in (4, 5, 6):
        page.keyboard.press("Control+z")
        office.revised(page, number)
    assert office.zones(page) == first


def test_communities_are_regrouped_and_grids_renumbered(office: Town) -> None:
    publisher = office.enter("publisher")
    segments = [
        {"role": "community", "length": 3, "characters": "alphanumeric"},
        {"role": "sequence", "length": 2},
    ]
    path = f"/api/territories/{office.code}/profile"
    office.send(publisher, path, {"number_format": {"name": "本镇", "segments": segments}}, "PUT")

    page = office.enter()
    first = [office.zones(page, level) for level in ("grid", "functional")]
    form = start(page, "renumber")
    expect(form).to_contain_text("16 个中 16 个改变")
    expect(form.locator("#renumbering tbody tr").first).to_contain_text("C0001")
    form.get_by_role("button", name="重新编码").click()
    office.revised(page, 1)
    grids = office.zones(page)
    assert sorted(grids)[:4] == ["C0001", "C0002", "C0003", "C0004"]
    # West before east, and in a column north before south.
    order = [(0.5, 1.5), (0.5, 0.5), (1.5, 1.5), (1.5, 0.5)]
    for number, spot in enumerate(order, start=1):
        office.click(page, spot)
        page.wait_for_function("code => onegrid.store.state.picked[0] === code", arg=f"C000{number}")

    page.locator('input[name="level"][value="functional"]').check()
    expect(page.locator("#plan-zones tbody tr[data-code]")).to_have_count(2)
    office.pick_row(page, "F1")
    form = start(page, "regroup")
    expect(form.locator("#members :checked")).to_have_count(2)
    form.get_by_label("社区10").check()
    expect(form).to_contain_text("已选 3 个社区")
    form.get_by_role("button", name="保存").click()
    office.revised(page, 2)
    functional = office.zones(page, "functional")
    assert [round(office.area(functional[code])) for code in ("F1", "F2")] == [12, 4]
    for number in (3, 4):
        page.keyboard.press("Control+z")
        office.revised(page, number)
    assert [office.zones(page, level) for level in ("grid", "functional")] == first


def test_the_office_sets_its_rules_and_the_table_follows(office: Town) -> None:
    page = office.enter("publisher")
    table = page.locator("#plan-zones")
    expect(table.locator("tbody tr")).to_have_count(16)
    expect(page.locator("#histogram .in-band")).to_have_count(4)
    expect(table.locator(".warnings").first).to_contain_text("户")
    expect(page.locator("#next-check .badge")).to_have_text("16")
    page.locator("#rules").click()
    form = page.locator("#question")
    households = form.locator('tr[data-rule="households"]').first
    households.get_by_label("最少").fill("10")
    households.get_by_label("最多").fill("90")
    form.locator('tr[data-rule="people"]').first.get_by_role("checkbox").uncheck()
    form.get_by_role("button", name="保存").click()
    expect(page.locator("#histogram h3")).to_contain_text("10–90 户之内 16 个")
    expect(page.locator("#next-check .badge")).to_have_text("0")
    page.locator("#colour").select_option("balance")
    expect(page.locator("#legend")).to_contain_text("10 – 90 户，合规")
    page.locator("#filter-plan-zones").fill("G00")
    expect(table.locator("tbody tr")).to_have_count(4)
    table.get_by_role("button", name="户数").click()
    expect(table.locator("th[aria-sort=descending]")).to_have_text("户数")
    counts = [int(text) for text in table.locator("tbody tr td:nth-child(2)").all_inner_texts()]
    assert counts == sorted(counts, reverse=True)
    page.get_by_label("只看有提示的").check()
    expect(table.locator("tbody tr.said")).to_contain_text("没有符合")


def test_plans_are_described_shared_copied_put_away_and_taken_up(office: Town) -> None:
    page = office.enter()
    form = page.locator("#question")

    def menu(item: str) -> None:
        page.locator("#plan-menu").click()
        page.locator(f"#{item}").click()

    menu("plan-describe")
    form.get_by_label("名称").fill("秋季调整")
    form.get_by_role("button", name="保存").click()
    expect(page.locator("#plan option:checked")).to_have_text("秋季调整")

    menu("plan-share")
    form.get_by_label("仅指定成员").check()
    form.get_by_role("button", name="增加成员").click()
    form.get_by_label("请选择账号").select_option("publisher")
    form.get_by_label("权限").select_option("viewer")
    form.get_by_role("button", name="保存").click()
    page.wait_for_function("() => onegrid.store.state.plan.access === 'members'")
    shared = office.get(page, f"/api/plans/{office.plan}")
    assert (shared["access"], [(m["account"], m["role"]) for m in shared["members"]]) == (
        "members",
        [("publisher", "viewer")],
    )
    guest = office.enter("publisher")
    expect(guest.locator("#tool-move")).to_be_hidden()

    menu("plan-copy")
    form.get_by_role("button", name="建立并打开").click()
    expect(page.locator("#plan option:checked")).to_have_text("秋季调整（副本）")
    menu("plan-archive")
    form.get_by_role("button", name="归档").click()
    expect(page.locator("#tool-move")).to_be_hidden()
    menu("plans-list")
    row = form.locator("#plans tr", has_text="副本")
    expect(row).to_contain_text("已归档")
    row.get_by_role("button", name="恢复编辑").click()
    expect(page.locator("#tool-move")).to_be_visible()


def test_comments_are_pinned_answered_and_resolved_and_company_is_seen(office: Town) -> None:
    mine, other = office.enter(), office.enter("publisher")
    office.pick_row(mine, "G0303")
    expect(other.locator("#company")).to_contain_text("张三 正在编辑 网格0303")
    becomes(other, "onegrid.map.marks.company.getSource().getFeatures().length", 1)
    mine.keyboard.press("Escape")
    mine.locator("#home").click()
    mine.keyboard.press("k")
    expect(mine.locator("#tool-hint")).to_contain_text("点击地图上的位置写批注")
    office.click(mine, (1.5, 1.5))
    form = mine.locator("#question")
    form.get_by_label("内容").fill("这里要不要并到北边？")
    form.get_by_role("button", name="发表").click()
    expect(mine.locator("#comments li")).to_contain_text("这里要不要并到北边？")
    expect(other.locator("#comments-open")).to_have_text("1")
    other.get_by_role("tab", name="批注").click()
    thread = other.locator("#comments li").first
    thread.get_by_label("回复").fill("同意，明天讨论")
    thread.get_by_role("button", name="发送").click()
    expect(mine.locator("#comments .reply")).to_contain_text("同意，明天讨论")
    other.locator("#comments li").first.get_by_role("button", name="标为已解决").click()
    expect(mine.locator("#comments li.resolved")).to_contain_text("李四")
    expect(mine.locator("#comments-open")).to_have_count(0)
    mine.locator("#comments li").first.get_by_role("button", name="重新打开").click()
    expect(mine.locator("#comments-open")).to_have_text("1")
    (comment,) = office.get(mine, f"/api/plans/{office.plan}/comments")
    assert comment["point"] == pytest.approx(office.corner(1.5, 1.5), abs=1e-4)


def test_publishing_waits_for_a_second_person(office: Town) -> None:
    page, planner = office.enter("publisher"), office.enter("planner")
    office.send(page, f"/api/territories/{office.code}/profile", {"approval": True}, "PUT")
    office.edit(page, 0, {"operation": "merge", "codes": ["G0000", "G0001"]})
    office.revised(page, 1)
    form = page.locator("#question")
    page.locator("#publish").click()
    expect(form.locator("#readiness")).to_contain_text("要求第二人审批")
    expect(form.get_by_role("button", name="发布", exact=True)).to_have_count(0)
    form.get_by_role("button", name="关闭").click()

    planner.get_by_role("button", name="申请审批").click()
    planner.locator("#question").get_by_label("附言").fill("请审批")
    planner.locator("#question").get_by_role("button", name="申请审批").click()
    expect(planner.locator("#publish")).to_have_text("待审批")

    director = office.enter("director")
    director.locator("#plan-menu").click()
    expect(director.locator("#plan-approve")).to_contain_text("审批通过")
    director.locator("#plan-approve").click()
    theirs = director.locator("#question")
    expect(theirs.locator(".moves tbody tr")).to_have_count(1)
    theirs.get_by_role("button", name="审批通过").click()
    director.wait_for_function("() => onegrid.store.state.plan.approval.state === 'given'")
    director.locator("#publish").click()
    expect(theirs.locator("#readiness")).to_contain_text("审批人不能自己发布")
    expect(theirs.get_by_role("button", name="发布", exact=True)).to_have_count(0)

    page.locator("#publish").click()
    expect(form.locator("#readiness")).to_contain_text("已由 周八 审批")
    form.get_by_label("发布原因").fill("街道办公会通过")
    form.get_by_role("button", name="发布", exact=True).click()
    expect(page.locator("#version-id")).to_contain_text(f"{office.code}-v2", timeout=60_000)


def test_grids_are_drawn_looked_at_and_taken_as_a_plan(office: Town) -> None:
    page = office.enter()
    page.locator("#plan").select_option("")
    page.locator("#propose-start").click()
    form = page.locator("#question")
    form.get_by_label("按网格数").check()
    form.locator("#propose-zones").fill("8")
    form.get_by_role("button", name="开始划分").click()
    report = page.locator("#proposal")
    expect(report).to_contain_text("紧凑度", timeout=60_000)
    becomes(page, "onegrid.map.marks.proposed.getSource().getFeatures().length", 8)
    report.get_by_role("button", name="采纳为方案").click()
    form.get_by_label("名称").fill("八格方案")
    form.get_by_role("button", name="建立并打开").click()
    expect(page.locator("#plan option:checked")).to_have_text("八格方案")
    expect(page.locator("#plan-zones tbody tr[data-code]")).to_have_count(8)
    expect(report).to_be_hidden()


def test_everything_is_done_by_keyboard_and_fits_a_small_screen(office: Town) -> None:
    page = office.enter()
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_contain_text("切分")
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    page.locator("#map").focus()

    at: list[float] | None = None

    def move(point: tuple[float, float]) -> None:
        """Move the cursor by arrow keys, coarsely and then finely."""
        nonlocal at
        if at is None:
            page.keyboard.press("ArrowRight")
            at = page.evaluate(
                "(() => { const m = document.querySelector('#map').getBoundingClientRect();"
                " return [Math.round(m.width / 2) + m.left, Math.round(m.height / 2) + m.top] })()"
            )
        x, y = page.evaluate("at => onegrid.map.pixelOf(at)", list(point))
        for axis, (target, back, forth) in enumerate(
            ((x, "ArrowLeft", "ArrowRight"), (y, "ArrowUp", "ArrowDown"))
        ):
            off = target - at[axis]
            coarse, fine = divmod(abs(round(off)), 20)
            for _ in range(int(coarse)):
                page.keyboard.press(forth if off > 0 else back)
            for _ in range(int(fine // 2)):
                page.keyboard.press(f"Shift+{forth if off > 0 else back}")
            at[axis] += (coarse * 20 + fine // 2 * 2) * (1 if off > 0 else -1)

    page.evaluate("onegrid.map.settled()")
    move(office.corner(1.3, 1.5))
    page.keyboard.press("Enter")
    page.wait_for_function("() => onegrid.store.state.picked[0] === 'G0101'")
    move(office.corner(1.5, 0.8))
    page.keyboard.press("Enter")
    move(office.corner(1.5, 2.2))
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    office.revised(page, 1)
    assert "G0304" in office.zones(page)
    page.keyboard.press("Control+z")
    office.revised(page, 2)
    # Nothing is cut off, and no tool lies over another.
    boxes = page.evaluate(
        "[...document.querySelectorAll('#desk button, .bar select, .bar .button, #sign-out')]"
        ".filter((one) => one.offsetParent).map((one) => { const b = one.getBoundingClientRect();"
        " return [b.left, b.top, b.right, b.bottom] })"
    )
    assert all(left >= 0 and right <= 1366 for left, _, right, _ in boxes)
    pairs = [(a, b) for k, a in enumerate(boxes) for b in boxes[k + 1 :]]
    assert not [
        (a, b)
        for a, b in pairs
        if a[0] < b[2] - 1 and b[0] < a[2] - 1 and a[1] < b[3] - 1 and b[1] < a[3] - 1
    ]
    page.locator("#language").click()
    for words in ("Compare", "Measure"):
        expect(page.locator("#desk")).to_contain_text(words)
    expect(page.locator(".tabs")).to_contain_text("Details")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1366
    said = page.locator("#desk").inner_text() + page.locator(".tabs").inner_text()
    assert not any("\u4e00" <= letter <= "\u9fff" for letter in said)
