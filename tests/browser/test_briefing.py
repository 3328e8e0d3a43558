"""Briefing pages opened from a disk with the network off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import BrowserContext, Page


@pytest.fixture
def offline(open_context: Callable[..., BrowserContext]) -> BrowserContext:
    """Return a browser whose every request but for files fails."""
    context = open_context(viewport={"width": 1366, "height": 768}, offline=True)
    context.route("http*://**", lambda route: route.abort())
    return context


def _open(
    context: BrowserContext, path: Path, watch_page: Callable[[Page], Any], territory: str
) -> tuple[Page, Any]:
    page = context.new_page()
    seen = watch_page(page)
    page.goto(path.as_uri())
    expect(page.locator("h1")).to_contain_text(territory)
    expect(page.locator(".leaflet-interactive").first).to_be_visible()
    return page, seen


def test_written_by_the_command_line(
    service: Any, offline: BrowserContext, watch_page: Callable[[Page], Any], tmp_path: Path
) -> None:
    path = tmp_path / "monaco.html"
    service.onegrid("brief", "monaco-v1", "-o", str(path))
    page, seen = _open(offline, path, watch_page, "摩纳哥")
    wards = service.monaco.zones.query("level == 'community'")
    for name in wards["name"]:
        expect(page.locator("body")).to_contain_text(name)
    for words in ("monaco-v1", "OpenStreetMap", "内部工作用图", "图例", "管理对象对账", "步行 15 分钟可达"):
        expect(page.locator("body")).to_contain_text(words)
    expect(page.locator("body")).not_to_contain_text("示意数据")
    expect(page.locator(".leaflet-control-scale-line")).to_contain_text("m")
    expect(page.locator(".north")).to_be_visible()
    page.locator(".leaflet-control-layers").hover()
    expect(page.locator(".leaflet-control-layers-overlays label")).not_to_have_count(0)
    assert seen.errors == []
    assert seen.requests == [path.as_uri()]


def test_answered_by_the_service(
    service: Any,
    signed_in: Any,
    open_context: Callable[..., BrowserContext],
    offline: BrowserContext,
    watch_page: Callable[[Page], Any],
    tmp_path: Path,
) -> None:
    context = open_context(storage_state=signed_in)
    answer = context.request.get(f"{service.url}/api/briefings/board-v1.html?level=grid")
    assert answer.status == 200
    path = tmp_path / "board.html"
    path.write_bytes(answer.body())
    online = context.new_page()
    seen_online = watch_page(online)
    online.goto(f"{service.url}/api/briefings/board-v1.html?level=grid")
    expect(online.locator(".leaflet-interactive").first).to_be_visible()
    assert seen_online.errors == []

    page, seen = _open(offline, path, watch_page, "棋盘镇")
    expect(page.locator(".foot .synthetic")).to_have_text("示意数据")
    expect(page.locator(".fault b.error").first).to_be_visible()
    x, y, width, height = page.locator(".folium-map").bounding_box().values()  # type: ignore[union-attr]
    page.mouse.click(x + width / 2 + 40, y + height / 2 + 60)
    expect(page.locator(".leaflet-popup")).to_contain_text("户数")
    assert seen.errors == []
    assert seen.requests == [path.as_uri()]


def test_prints_on_a4(
    service: Any, offline: BrowserContext, watch_page: Callable[[Page], Any], tmp_path: Path
) -> None:
    path = tmp_path / "board.html"
    service.onegrid("brief", "board-v1", "-o", str(path))
    page, _seen = _open(offline, path, watch_page, "棋盘镇")
    page.emulate_media(media="print")
    expect(page.locator(".leaflet-control-zoom")).to_be_hidden()
    # The map and its frame fill one page on its side: 277 × 190 mm between margins, at 96 pixels per inch.
    sheet = page.locator(".map-frame").bounding_box()
    foot = page.locator(".foot").bounding_box()
    assert sheet is not None
    assert foot is not None
    assert sheet["width"] <= 277 / 25.4 * 96
    assert foot["y"] + foot["height"] <= 190 / 25.4 * 96
    printed = page.pdf(prefer_css_page_size=True, print_background=True)
    assert printed.startswith(b"%PDF")
    assert b"/MediaBox [0 0 841" in printed or b"/MediaBox [0 0 842" in printed
