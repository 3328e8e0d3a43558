"""The planner's page in Chromium without WebGL: the first view, and frames while a border is dragged.

The service is the real one, asked once before, so that its caches are warm; each first view is a browser of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import tempfile
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright
from sqlalchemy.orm import Session

from api.store import credentials
from api.store.cluster import Cluster
from api.store.engine import make_engine
from tests.benchmarks.latency import VERTICES, ZONES, _code, _prepare, _serving, _zones

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from tests.benchmarks.report import Report

HOUSEHOLDS = 1_000_000
GOAL_FRAME_MS, GOAL_VIEW_MS = 33, 3_000
STEPS = 90
"""Mouse moves of one drag."""

SCREEN = {"width": 1366, "height": 768}
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-webgl", "--disable-3d-apis"]

_DRAWN = """async (plan) => {
  const shown = () => window.onegrid?.store.state.zones?.length > 0
    && (!plan || onegrid.map.plan.source.getFeatures().length > 0);
  while (!shown()) await new Promise((resolve) => requestAnimationFrame(resolve));
  await onegrid.map.settled();
  return performance.now();
}"""

_WATCH = """() => {
  const frames = (window.frames_ms = []);
  let last = performance.now();
  const next = (now) => { frames.push(now - last); last = now; window.watching = requestAnimationFrame(next); };
  window.watching = requestAnimationFrame(next);
}"""

_VERTEX = """() => {
  // The junction nearest to the middle of the map: every zone around it is dragged.
  const { plan, map } = onegrid.map;
  const [width, height] = map.getSize();
  const middle = map.getCoordinateFromPixel([width / 2, height / 2]);
  const seen = new Map();
  plan.source.forEachFeature((feature) => {
    const shape = feature.getGeometry();
    const vertices = shape.getCoordinates().flat(shape.getType() === "Polygon" ? 1 : 2).map(String);
    for (const at of new Set(vertices)) seen.set(at, (seen.get(at) ?? 0) + 1);
  });
  let best = null;
  for (const [at, count] of seen) {
    const [x, y] = at.split(",").map(Number);
    const far = Math.hypot(x - middle[0], y - middle[1]);
    if (count > 2 && (!best || far < best.far)) best = { far, x, y };
  }
  const pixel = map.getPixelFromCoordinate([best.x, best.y]);
  const box = onegrid.map.element.getBoundingClientRect();
  return [pixel[0] + box.left, pixel[1] + box.top];
}"""


def run(report: Report) -> None:
    """Open the page of a city, and drag a border of its plan."""
    report.versions("playwright", "fastapi", "shapely")
    households = report.scaled(HOUSEHOLDS, least=10_000)
    home = Path(tempfile.mkdtemp(prefix="onegrid-bench-"))
    home.chmod(0o755)  # for the user postgres
    try:
        key = _prepare(report, home, _zones(ZONES), [households])
        with _serving(home) as service, sync_playwright() as playwright:
            url = f"http://127.0.0.1:{service.port}"
            plan = _asked(
                url,
                key,
                "/api/plans",
                {"territory": _code(households), "name": "拖动", "base": f"{_code(households)}-v1"},
            )
            chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
            state = _signed_in(home, url, chromium)
            _measure(report, chromium, state, {
                "published zones, as tiles": f"{url}/#version={_code(households)}-v1",
                "plan, every zone to be edited": f"{url}/#version={_code(households)}-v1&plan={plan['id']}",
            })  # fmt: skip
            chromium.close()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _asked(url: str, key: str, path: str, body: dict[str, Any]) -> Any:
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    request = urllib.request.Request(url + path, json.dumps(body).encode(), headers)  # noqa: S310  our own address
    with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310
        return json.load(answer)


def _signed_in(home: Path, url: str, chromium: Browser) -> Any:
    engine = make_engine(Cluster(home).url)
    with Session(engine) as session, session.begin():
        token = credentials.make_link(session, "bench")
    engine.dispose()
    context = chromium.new_context()
    context.new_page().goto(f"{url}/sign-in?token={token}")
    state = context.storage_state()
    context.close()
    return state


def _measure(report: Report, chromium: Browser, state: Any, links: dict[str, str]) -> None:
    views: dict[str, list[float]] = {name: [] for name in links}
    page = None
    for turn in range(report.runs + 1):
        for name, link in links.items():
            context = chromium.new_context(viewport=SCREEN, storage_state=state, locale="zh-CN")
            context.set_default_timeout(600_000)
            page = context.new_page()
            page.goto(link)
            ms = page.evaluate(_DRAWN, "plan=" in link)
            if turn:  # the first one warms the service
                views[name].append(ms)
            if turn < report.runs or name != list(links)[-1]:
                context.close()
    report.table(
        ["first view", "median ms", "slowest ms"],
        [(name, statistics.median(ms), max(ms)) for name, ms in views.items()],
    )
    assert page is not None
    rows = []
    for name, zoom in (("the whole city in view", 0), ("four times as close", 2), ("streets in view", 4)):
        frames = _dragged(page, zoom)
        worst = statistics.quantiles(frames, n=20)[-1]
        rows.append((name, len(frames), statistics.median(frames), worst, max(frames)))
    report.table(["dragging a junction", "frames", "median ms", "p95 ms", "longest ms"], rows)
    report.note(
        f"{ZONES:,} grids of about {VERTICES} vertices; figures of the edit are asked for meanwhile. Goals: "
        f"median frame ≤ {GOAL_FRAME_MS} ms, first view ≤ {GOAL_VIEW_MS:,} ms. "
        f"Load average of the machine meanwhile: {os.getloadavg()[1]:.1f}. Alone: `python -m tests.benchmarks page`."
    )


def _dragged(page: Page, zoom: int) -> list[float]:
    """Drag a junction about, let it go where it was, and return the milliseconds between frames."""
    page.keyboard.press("Escape")
    page.evaluate(
        "zoom => onegrid.map.map.getView().setZoom(onegrid.map.map.getView().getZoom() + zoom)", zoom
    )
    page.evaluate("onegrid.map.settled()")
    page.keyboard.press("v")
    x, y = page.evaluate(_VERTEX)
    page.mouse.move(x - 30, y)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 2, y + 2)
    page.evaluate(_WATCH)
    for step in range(STEPS):
        page.mouse.move(x + step % 15, y + step % 11)
    frames: list[float] = page.evaluate(
        "() => { cancelAnimationFrame(window.watching); return window.frames_ms; }"
    )
    page.keyboard.press("Escape")
    page.mouse.up()
    page.evaluate("onegrid.map.settled()")
    return frames[1:]
