"""The mouse's tools on the map of a plan: each operation, what is said while it is under way, and the way back."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest
import shapely
from playwright.sync_api import expect
from sqlalchemy import text

from tests.browser.towns import becomes, held

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from tests.browser.towns import Town


def assert_coverage(office: Town, page: Page) -> None:
    """The plan's grids share every vertex and cover the town."""
    shapes = [shapely.from_geojson(json.dumps(zone["geometry"])) for zone in office.zones(page).values()]
    assert shapely.coverage_is_valid(shapes)
    assert sum(shape.area for shape in shapes) == pytest.approx((4 * office.STEP) ** 2, rel=1e-9)


def operations(office: Town) -> list[tuple[str, bool]]:
    """Return what the database holds of the plan: operations in order, and whether they are undone."""
    return [(change.operation, change.undone) for change in office.changes()]


def test_a_border_is_dragged_in_its_middle_and_straightened_again(office: Town) -> None:
    page = office.enter()
    before = office.zones(page)
    page.keyboard.press("v")
    page.mouse.move(*office.at(page, (1, 0.5)))
    page.mouse.down()
    page.mouse.move(*office.at(page, (1.2, 0.55)))
    page.mouse.move(*office.at(page, (1.4, 0.5)))
    live = page.locator("#live")
    expect(live).to_contain_text("G0000")
    expect(live).to_contain_text("迁移")
    expect(live).to_contain_text(re.compile(r"\d+ → \d+"))
    assert office.zones(page) == before, "a preview stores nothing"
    page.mouse.up()
    office.revised(page, 1)
    expect(live).to_be_hidden()
    after = office.zones(page)
    assert office.area(after["G0000"]) == pytest.approx(1.2, abs=0.02)
    assert office.area(after["G0001"]) == pytest.approx(0.8, abs=0.02)
    assert_coverage(office, page)
    moved = before["G0001"]["counts"]["household"] - after["G0001"]["counts"]["household"]
    assert after["G0000"]["counts"]["household"] - before["G0000"]["counts"]["household"] == moved

    page.keyboard.down("Alt")
    x, y = office.at(page, (1.4, 0.5))
    page.mouse.move(x - 30, y)
    page.mouse.move(x, y)
    page.mouse.click(x, y)
    page.keyboard.up("Alt")
    office.revised(page, 2)
    assert office.area(office.zones(page)["G0000"]) == pytest.approx(1)
    assert_coverage(office, page)
    page.keyboard.press("Control+z")
    office.revised(page, 3)
    assert office.zones(page) == after
    assert operations(office) == [("move_border", False), ("move_border", True)]


def test_a_zone_is_reshaped_with_an_heir_and_dissolved_into_the_one_that_is_clicked(office: Town) -> None:
    page = office.enter()
    before = office.zones(page)
    office.pick(page, (0.5, 0.5))
    office.pick(page, (1.5, 0.5), adds=True)
    page.keyboard.press("e")
    office.draw(page, (-0.2, -0.2), (1, -0.2), (1, 0.6), (-0.2, 0.6))
    office.revised(page, 1)
    reshaped = office.zones(page)
    assert office.area(reshaped["G0000"]) == pytest.approx(0.6, abs=0.02)
    assert office.area(reshaped["G0001"]) == pytest.approx(1.4, abs=0.02)
    assert_coverage(office, page)

    page.keyboard.press("Escape")
    page.keyboard.press("x")
    office.pick(page, (3.5, 0.5))
    office.click(page, (2.5, 0.5))
    office.revised(page, 2)
    dissolved = office.zones(page)
    assert "G0003" not in dissolved
    assert office.area(dissolved["G0002"]) == pytest.approx(2)
    page.keyboard.press("Control+z")
    office.revised(page, 3)
    page.keyboard.press("Control+z")
    office.revised(page, 4)
    assert office.zones(page) == before
    assert operations(office) == [("reshape", True), ("delete", True)]


def test_an_estate_is_given_by_a_click_and_a_drawn_area_snaps(office: Town) -> None:
    ring = [office.corner(*corner) for corner in ((1, 0.3), (1.4, 0.3), (1.4, 0.7), (1, 0.7))]
    with office.engine.begin() as connection:
        connection.execute(
            text(
                """INSERT INTO subject (territory_id, code, kind, name, footprint)
                   SELECT id, 'E1', 'estate', '兴银花园', ST_Multi(ST_GeomFromText(:ring, 4490))
                   FROM territory WHERE code = :code"""
            ),
            {"ring": shapely.Polygon(ring).wkt, "code": office.code},
        )
    page = office.enter()
    office.pick(page, (0.5, 0.5))
    page.keyboard.press("p")
    x, y = office.at(page, (1.2, 0.5))
    # The pointer comes to the estate before the page knows what lies where it was.
    with held(page, "**/units?*") as asked:
        page.mouse.move(x - 40, y)
        asked()
        page.mouse.move(x, y)
    page.wait_for_function(
        "at => onegrid.map.plan.gesture.hovered.getFeaturesAtCoordinate(onegrid.map.coordinateOf(at)).length > 0",
        arg=office.corner(1.2, 0.5),
    )
    expect(page.locator("#live")).to_contain_text("迁移")
    expect(page.locator(".tip")).to_be_hidden()
    page.mouse.click(x, y)
    office.revised(page, 1)
    painted = office.zones(page)
    assert office.area(painted["G0000"]) == pytest.approx(1 + 0.4 * 0.4)
    assert_coverage(office, page)
    # The brush stays at hand.
    becomes(page, "onegrid.store.state.tool", "paint")

    page.keyboard.press("l")
    # Four pixels beside the corners: the line takes their place.
    office.draw(page, (0, 1), (1, 1), (0.5, 1.5), slips=[(4, 3), (-3, 4)])
    office.revised(page, 2)
    assert office.area(office.zones(page)["G0000"]) == pytest.approx(1 + 0.16 + 0.25, abs=0.004)
    assert_coverage(office, page)
    assert operations(office) == [("paint", False), ("paint", False)]


def test_zones_are_picked_by_a_box_and_merged_and_a_way_is_measured(office: Town) -> None:
    page = office.enter()
    page.keyboard.down("Shift")
    page.mouse.move(*office.at(page, (2.2, 2.2)))
    page.mouse.down()
    page.mouse.move(*office.at(page, (2.6, 2.9)))
    page.mouse.move(*office.at(page, (2.8, 3.8)))
    page.mouse.up()
    page.keyboard.up("Shift")
    office.picked(page, "G0202", "G0302")
    page.keyboard.press("d")
    office.draw(page, (0, 0), (2, 0))
    said = page.locator("#live")
    expect(said).to_contain_text(re.compile(r"长度 95\d m"))  # 0.01° of longitude at 31.06° is 955 m
    page.keyboard.press("Escape")
    expect(said).to_be_hidden()
    office.picked(page, "G0202", "G0302")
    page.keyboard.press("m")
    office.revised(page, 1)
    assert office.area(office.zones(page)["G0202"]) == pytest.approx(2)
    assert operations(office) == [("merge", False)]


def test_a_gap_is_filled_with_a_new_zone(office: Town) -> None:
    hollow = shapely.box(*office.corner(3, 3), *office.corner(4, 4)) - shapely.box(
        *office.corner(3.5, 3.5), *office.corner(4, 4)
    )
    with office.engine.begin() as connection:
        # The town was published with the gap: published zones are guarded against every later change.
        connection.execute(text("ALTER TABLE zone DISABLE TRIGGER USER"))
        connection.execute(
            text(
                """UPDATE zone SET geom = ST_Multi(ST_GeomFromText(:hollow, 4490)) FROM version v
                   WHERE v.id = zone.version_id AND v.code = :version AND zone.code = 'G0303'"""
            ),
            {"hollow": hollow.wkt, "version": f"{office.code}-v1"},
        )
        connection.execute(text("ALTER TABLE zone ENABLE TRIGGER USER"))
    page = office.enter()
    before = office.zones(page)
    assert office.area(before["G0303"]) == pytest.approx(0.75)
    page.keyboard.press("g")
    office.draw(page, (3.5, 3.5), (4, 3.5), (4, 4), (3.5, 4), slips=[(2, -2)] * 4)
    dialog = page.locator("dialog[open]")
    dialog.locator("[name=name]").fill("新建小区")
    code = dialog.locator("[name=code]").input_value()
    dialog.locator("button[type=submit]").click()
    office.revised(page, 1)
    filled = office.zones(page)
    assert set(filled) - set(before) == {code}
    assert (filled[code]["name"], filled[code]["parent"]) == ("新建小区", filled["G0303"]["parent"])
    assert office.area(filled[code]) == pytest.approx(0.25)
    assert_coverage(office, page)
    page.keyboard.press("Control+z")
    office.revised(page, 2)
    assert office.zones(page) == before
    assert operations(office) == [("fill_gap", True)]


def test_a_drawn_area_follows_a_border_and_a_street_block_is_given(office: Town) -> None:
    around = [office.corner(*corner) for corner in ((1, 1.2), (1.5, 1.2), (1.5, 1.8), (1, 1.8), (1, 1.2))]
    with office.engine.begin() as connection:
        connection.execute(
            text(
                """INSERT INTO street_edge (territory_id, from_node, to_node, length_m, name, kind, walkable, geom)
                   SELECT id, 1, 1, 220, '环路', 'residential', true, ST_GeomFromText(:line, 4490)
                   FROM territory WHERE code = :code"""
            ),
            {"line": shapely.LineString(around).wkt, "code": office.code},
        )
    page = office.enter()
    office.pick(page, (0.5, 0.5))
    page.keyboard.press("l")
    # Along the southern and eastern border of the neighbour: its corner is never clicked.
    page.mouse.move(*office.at(page, (1, 0), (3, -3)))
    page.mouse.move(*office.at(page, (1, 0)))
    page.keyboard.down("Shift")
    office.click(page, (1, 0))
    for place in ((1.3, 0), (1.7, 0), (2, 0), (2, 0.2), (2, 0.5)):
        page.mouse.move(*office.at(page, place))
    office.click(page, (2, 0.5))
    page.keyboard.up("Shift")
    page.mouse.move(*office.at(page, (1.5, 0.5)))
    page.mouse.move(*office.at(page, (1, 0.5)))
    page.mouse.dblclick(*office.at(page, (1, 0.5)))
    office.revised(page, 1)
    assert office.area(office.zones(page)["G0000"]) == pytest.approx(1.5, abs=0.02)
    assert_coverage(office, page)

    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    office.pick(page, (0.5, 1.5))
    page.keyboard.press("p")
    x, y = office.at(page, (1.25, 1.5))
    page.mouse.move(x - 20, y)
    page.mouse.move(x, y)
    expect(page.locator("#live")).to_contain_text("迁移")
    page.mouse.click(x, y)
    office.revised(page, 2)
    assert office.area(office.zones(page)["G0100"]) == pytest.approx(1.3, abs=0.001)
    assert_coverage(office, page)


def test_snapping_is_switched_and_readers_measure_too(office: Town) -> None:
    page = office.enter()
    said, switch = page.locator("#live"), page.locator("#tool-snap")

    def measure() -> None:
        page.keyboard.press("d")
        office.draw(page, (0, 0), (2, 0), slips=[(6, 0), (-6, 0)])

    measure()
    expect(said).to_contain_text(re.compile(r"长度 95\d m"))
    page.keyboard.press("Escape")
    page.keyboard.press("a")
    expect(switch).to_have_attribute("aria-pressed", "false")
    measure()
    expect(said).to_contain_text(re.compile(r"长度 9[0-3]\d m|长度 8\d\d m"))
    page.keyboard.press("Escape")
    switch.click()
    expect(switch).to_have_attribute("aria-pressed", "true")

    reader = office.enter("viewer")
    expect(reader.locator("#tool-move")).to_be_hidden()
    for link in ("plan", "published"):
        if link == "published":
            reader.goto(f"{office.url}/#version={office.code}-v1")
            reader.reload()
            reader.wait_for_function(
                "() => onegrid.store.state.zones?.length > 0 && !onegrid.store.state.plan"
            )
        reader.locator("#tool-measure").click()
        office.draw(reader, (1, 1), (3, 1))
        expect(reader.locator("#live")).to_contain_text(re.compile(r"长度 9[45]\d m"))
        assert reader.evaluate("onegrid.store.state.subject") is None, "a click that measures selects nothing"
        reader.keyboard.press("Escape")
        expect(reader.locator("#live")).to_be_hidden()
