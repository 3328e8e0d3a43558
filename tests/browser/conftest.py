"""The real service on a real PostGIS, and Chromium without WebGL in front of it.

One database per session holds Monaco (real, from OpenStreetMap, published) and a chessboard town (synthetic, two
versions, a department's layer with an overlap). Tests only read those; a test that edits makes a town of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import httpx
import pandas as pd
import pytest
import shapely
from playwright.sync_api import expect, sync_playwright
from sqlalchemy.orm import Session

from api.settings import BOUNDARIES
from api.store import accounts, assignments, checks, circles, credentials, places, versions
from api.store.engine import make_engine
from geo import files
from geo.records import LEVELS, Place
from tests.browser.towns import PATIENCE_MS, Town, loaded, settle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page
    from sqlalchemy import Engine

Layers = dict[str, dict[str, shapely.Polygon]]
"""Zones by level and code."""

PASSWORD = "Grids-of-a-town-7"  # noqa: S105  of an account that lives for one session of tests
START_SECONDS = 300
expect.set_options(timeout=PATIENCE_MS)

LOST = ("ERR_INTERNET_DISCONNECTED", "ERR_NETWORK_CHANGED", "ERR_CONNECTION_RESET")

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # The map has to work on office computers without a usable graphics card.
    "--disable-gpu",
    "--disable-webgl",
    "--disable-3d-apis",
]


@dataclass(frozen=True)
class Service:
    """A running service.

    Parameters
    ----------
    url
        Its address.
    monaco, town
        What is loaded.
    engine
        Its database.
    password
        Of the planner.
    link
        Makes a one-time sign-in link for an account, by default the planner.
    onegrid
        Runs the command line on the same database.
    """

    url: str
    monaco: Place
    town: Place
    engine: Engine
    password: str
    link: Callable[..., str]
    onegrid: Callable[..., subprocess.CompletedProcess[str]]


def _with_layers(place: Place, layers: Layers) -> Place:
    """Add layers of one level each to a place."""
    frames = [
        gpd.GeoDataFrame(
            {
                "code": list(zones), "name": [f"{code} 格" for code in zones], "layer": layer, "level": layer,
                "kind": "general", "parent": None, "staff": [[] for _ in zones], "attributes": [{} for _ in zones],
            },
            geometry=list(zones.values()),
            crs=place.zones.crs,
        )
        for layer, zones in layers.items()
    ]  # fmt: skip
    zones = gpd.GeoDataFrame(pd.concat([place.zones, *frames], ignore_index=True), crs=place.zones.crs)
    return replace(place, levels=(*place.levels, *(LEVELS[layer] for layer in layers)), zones=zones)


def _overlapping(place: Place) -> Layers:
    """Draw a department's two zones, one with a corner in the other."""
    west, south, east, north = place.boundary.bounds
    middle, step = (west + east) / 2, (east - west) / 20
    corner = shapely.box(middle - step, south, middle, south + step)
    return {
        "party": {
            "P1": shapely.box(west, south, middle, north),
            "P2": shapely.box(middle, south, east, north).union(corner),
        }
    }


def _load(session: Session, place: Place) -> str:
    version = places.load_place(session, place).version
    assignments.assign(session, version)
    checks.check(session, version)
    circles.compute_circles(session, version)
    return version


@pytest.fixture(scope="session")
def service(
    database_factory: Callable[[], AbstractContextManager[str]],
    make_board: Callable[..., Place],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """Return the service with its data loaded, stopped at the end of the session."""
    monaco = files.read_osm(BOUNDARIES / "monaco.osm.pbf", code="monaco", name="摩纳哥", name_en="Monaco")
    board = make_board()
    town = _with_layers(board, _overlapping(board))
    with database_factory() as database:
        engine = make_engine(database)
        with Session(engine) as session, session.begin():
            versions.publish(session, _load(session, monaco), "示例")
            first = versions.publish(session, _load(session, town), "首次发布")
            versions.add_version(session, town.code, copy_of=first)
            accounts.add_account(session, "planner", "张三", "planner")
            credentials.set_password(session, "planner", PASSWORD)
            accounts.add_account(session, "publisher", "李四", "publisher")
            accounts.add_account(session, "director", "周八", "publisher")
            accounts.add_account(session, "viewer", "王五", "viewer")

        def link(account: str = "planner") -> str:
            with Session(engine) as opened, opened.begin():
                return f"{url}/sign-in?token={credentials.make_link(opened, account)}"

        home = tmp_path_factory.mktemp("service")
        environment = {**os.environ, "ONEGRID_HOME": str(home), "ONEGRID_DATABASE_URL": database}
        environment["ONEGRID_SIGN_IN_PER_MINUTE"] = "1000"
        command = [sys.executable, "-c", "from api.cli import app; app()"]

        def onegrid(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [*command, *arguments],
                env=environment,
                capture_output=True,
                text=True,
                check=True,
                timeout=300,
            )

        log = home / "service.log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [*command, "serve", "--port", "0", "--no-link"],
                env=environment,
                stdout=output,
                stderr=output,
            )
            try:
                url = _address(process, log)
                yield Service(url, monaco, town, engine, PASSWORD, link, onegrid)
            finally:
                process.terminate()
                process.wait(120)
                engine.dispose()


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Wait until the service says where it is and answers; its own log says why when it does not."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        said = re.search(r"http://127\.0\.0\.1:\d+", log.read_text())
        try:
            if said and httpx.get(f"{said[0]}/healthz", timeout=5).is_success:
                return said[0]
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    pytest.fail(f"the service did not start:\n{log.read_text()[-4000:]}")


def _chromium() -> str:
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path:
            return path
    pytest.fail("no Chromium: run make test, which installs it")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Return Chromium without WebGL."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=_chromium(), args=FLAGS, timeout=3 * PATIENCE_MS)
        yield opened
        opened.close()


def _opened(browser: Browser, **options: Any) -> BrowserContext:
    """Open a patient browser of its own: nothing of it is shared with others."""
    context = browser.new_context(**options)
    context.set_default_timeout(PATIENCE_MS)
    return context


@pytest.fixture
def open_context(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Return the opener of browsers of their own, with Playwright's options; they are closed after the test."""
    opened: list[BrowserContext] = []

    def opener(**options: Any) -> BrowserContext:
        opened.append(_opened(browser, **options))
        return opened[-1]

    yield opener
    for context in opened:
        context.close()


@pytest.fixture(scope="session")
def signed_in(browser: Browser, service: Service) -> Any:
    """Return the cookies of a browser that signed in by a one-time link."""
    context = _opened(browser)
    context.new_page().goto(service.link())
    state = context.storage_state()
    context.close()
    return state


@dataclass(frozen=True)
class Watch:
    """What a page complained of."""

    errors: list[str]
    requests: list[str]


def watch(page: Page) -> Watch:
    """Collect a page's console errors, exceptions and requests from now on."""
    seen = Watch([], [])

    def heard(message: ConsoleMessage) -> None:
        # Chromium logs every answer of 404, which is how a lookup says that an address is unknown, those by which a
        # plan refuses an edit (422) or says that it is stale (409), and every request that a test lets get lost.
        url, words = message.location["url"], message.text
        expected = (
            ("/api/lookup" in url and "404" in words)
            or ("/api/plans/" in url and ("409" in words or "422" in words))
            or any(lost in words for lost in LOST)
        )
        if message.type == "error" and not expected:
            seen.errors.append(words)

    page.on("console", heard)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on("request", lambda request: seen.requests.append(request.url))
    return seen


@pytest.fixture
def context(open_context: Callable[..., BrowserContext], signed_in: Any) -> BrowserContext:
    """Return a signed-in browser with an office's usual screen."""
    return open_context(viewport={"width": 1366, "height": 768}, storage_state=signed_in, locale="zh-CN")


@pytest.fixture
def watch_page() -> Callable[[Page], Watch]:
    """Return the watcher of pages: ``watch_page(page).errors``."""
    return watch


@pytest.fixture
def open_map(context: BrowserContext, service: Service) -> Iterator[Callable[..., Page]]:
    """Return the opener of the map at a link: ``open_map("version=monaco-v1")``; any error it logs fails the test."""
    seen: list[Watch] = []

    def opener(link: str = "version=monaco-v1") -> Page:
        page = context.new_page()
        seen.append(watch(page))
        page.goto(f"{service.url}/#{link}")
        loaded(page)
        page.locator("#zones tbody tr[data-code]").first.wait_for(state="attached")
        settle(page)
        return page

    yield opener
    for one in seen:
        assert one.errors == []
        assert all(url.startswith((service.url, "data:", "blob:")) for url in one.requests)


@pytest.fixture
def sign_in(service: Service, open_context: Callable[..., BrowserContext]) -> Iterator[Callable[[str], Page]]:
    """Return the opener of an empty page for an account, in a browser of its own; any error it logs fails the test."""
    seen: list[Watch] = []

    def opener(account: str) -> Page:
        context = open_context(viewport={"width": 1366, "height": 768}, locale="zh-CN")
        door = context.new_page()
        door.goto(service.link(account))
        door.close()
        page = context.new_page()
        seen.append(watch(page))
        return page

    yield opener
    assert [one.errors for one in seen] == [[] for _ in seen]


@pytest.fixture
def make_town(
    service: Service,
    sign_in: Callable[[str], Page],
    make_board: Callable[..., Place],
    request: pytest.FixtureRequest,
) -> Callable[[Callable[[Place], Layers]], Town]:
    """Return the maker of a published town: ``make_town(layers)``, which draws layers beside those of a chessboard."""

    def maker(layers: Callable[[Place], Layers]) -> Town:
        code = f"town{zlib.crc32(request.node.nodeid.encode())}"
        board = make_board(code=code, households=400)
        place = _with_layers(board, layers(board))
        with Session(service.engine) as session, session.begin():
            version = places.load_place(session, place).version
            assignments.assign(session, version)
            checks.check(session, version)
            versions.publish(session, version, "首次发布")
            for account in ("planner", "publisher", "director", "viewer"):
                accounts.add_grant(session, account, accounts.GrantedSubtree(code, None, personal_data=False))
        return Town(code, place, service.url, service.engine, sign_in)

    return maker


def _departments(place: Place) -> Layers:
    """Draw two departments' zones.

    The party has four quarters: P1 reaches 0.0004 degrees into P2 over half its height, between P3 and P4 is a gap of
    0.0002 degrees. Public order has three columns, the first two parted 0.0015 degrees east of the party's border.
    """
    west, south, east, north = place.boundary.bounds
    x, y = (west + east) / 2, (south + north) / 2
    return {
        "party": {
            "P1": shapely.box(west, south, x, y).union(
                shapely.box(x, south + 0.002, x + 0.0004, south + 0.007)
            ),
            "P2": shapely.box(x, south, east, y),
            "P3": shapely.box(west, y, x, north),
            "P4": shapely.box(x, y, east, north).difference(shapely.box(x, y + 0.003, x + 0.0002, y + 0.006)),
        },
        "order": {
            "O1": shapely.box(west, south, x + 0.0015, north),
            "O2": shapely.box(x + 0.0015, south, x + 0.006, north),
            "O3": shapely.box(x + 0.006, south, east, north),
        },
    }


@pytest.fixture
def desk(make_town: Callable[[Callable[[Place], Layers]], Town]) -> Town:
    """Return a town whose departments' layers have faults and disagree."""
    return make_town(_departments)
