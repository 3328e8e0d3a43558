"""A town with a plan on it for each test of the workbench's panels, and hands that work in its page."""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from playwright.sync_api import expect
from sqlalchemy.orm import Session

from api.store import accounts, assignments, checks, places, versions
from api.store.engine import make_engine
from geo.records import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Browser, BrowserContext, Page
    from sqlalchemy import Engine

    from geo.records import Place

WEST, SOUTH, STEP = 121.40, 31.06, 0.005


@dataclass(frozen=True)
class Office:
    """A town of 4 x 4 grids in 2 x 2 communities in 2 functional zones, and a plan on it.

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

    def corner(self, column: float, row: float) -> tuple[float, float]:
        """Return a corner of the grids, in steps from the south-west."""
        return round(WEST + STEP * column, 8), round(SOUTH + STEP * row, 8)

    def zones(self, page: Page, level: str = "grid", plan: int | None = None) -> dict[str, Any]:
        """Return the plan's zones, as the service has them."""
        answer = page.request.get(f"{self.url}/api/plans/{plan or self.plan}/zones?level={level}")
        return {zone["code"]: zone for zone in answer.json()["zones"]}

    def get(self, page: Page, path: str) -> Any:
        """Read from the service."""
        answer = page.request.get(f"{self.url}{path}")
        assert answer.ok, answer.text()
        return answer.json()

    def send(self, page: Page, path: str, body: dict[str, Any], method: str = "POST") -> Any:
        """Write through the service, as a script of the page's account would."""
        token = page.request.get(f"{self.url}/api/session").json()["csrf_token"]
        headers = {"X-CSRF-Token": token}
        answer = page.request.fetch(f"{self.url}{path}", method=method, data=body, headers=headers)
        assert answer.ok, answer.text()
        return answer.json()

    def edit(self, page: Page, revision: int, edit: dict[str, Any]) -> Any:
        """Edit the plan at the level of grids."""
        body = {"revision": revision, "edit": {"level": "grid", **edit}}
        return self.send(page, f"/api/plans/{self.plan}/edits", body)

    def pick(self, page: Page, code: str) -> None:
        """Pick a grid in the table, by name."""
        page.locator(f'#plan-zones tr[data-code="{code}"] .link').click()
        expect(page.locator(f'#plan-zones tr[data-code="{code}"]')).to_have_class(re.compile("chosen"))

    def click(self, page: Page, point: tuple[float, float]) -> None:
        """Click a place on the map."""
        page.evaluate("onegrid.map.settled()")
        x, y = page.evaluate("at => onegrid.map.pixelOf(at)", list(point))
        page.mouse.click(x, y)

    def area(self, zone: dict[str, Any]) -> float:
        """Return a zone's area in square steps."""
        return float(shapely.from_geojson(json.dumps(zone["geometry"])).area / STEP**2)


def _with_functional(place: Place) -> Place:
    """Group the communities into a southern and a northern functional zone."""
    communities = place.zones[place.zones["level"] == "community"]
    groups = {"F1": ["C00", "C01"], "F2": ["C10", "C11"]}
    functional = gpd.GeoDataFrame(
        {
            "code": list(groups), "name": ["南片区", "北片区"], "layer": "functional", "level": "functional",
            "kind": "general", "parent": None, "staff": [[], []], "attributes": [{}, {}],
        },
        geometry=[
            shapely.coverage_union_all(communities.geometry[communities["code"].isin(members)].to_numpy())
            for members in groups.values()
        ],
        crs=place.zones.crs,
    )  # fmt: skip
    zones = gpd.GeoDataFrame(pd.concat([place.zones, functional], ignore_index=True), crs=place.zones.crs)
    return replace(place, levels=(*place.levels, LEVELS["functional"]), zones=zones)


@pytest.fixture(scope="session")
def office_engine(service: Any) -> Iterator[Engine]:
    """Return an engine on the service's database, which knows a second publisher too."""
    engine = make_engine(service.database)
    with Session(engine) as session, session.begin():
        accounts.add_account(session, "director", "周八", "publisher")
    yield engine
    engine.dispose()


@pytest.fixture
def office(
    service: Any,
    browser: Browser,
    office_engine: Engine,
    make_board: Callable[..., Place],
    watch_page: Callable[[Page], Any],
    request: pytest.FixtureRequest,
) -> Iterator[Office]:
    """Return a published town with a plan on it; any error that a page logs fails the test."""
    code = f"office{zlib.crc32(request.node.nodeid.encode())}"
    with Session(office_engine) as session, session.begin():
        place = _with_functional(make_board(code=code, households=400))
        version = places.load_place(session, place).version
        assignments.assign(session, version)
        checks.check(session, version)
        versions.publish(session, version, "首次发布")
        for account in ("planner", "publisher", "director", "viewer"):
            accounts.add_grant(session, account, accounts.GrantedSubtree(code, None, personal_data=False))
    contexts: list[BrowserContext] = []
    seen: list[Any] = []

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
        page.wait_for_function("() => onegrid.map.plan.source.getFeatures().length > 0")
        page.evaluate("onegrid.map.settled()")
        return page

    office = Office(code, 0, service.url, office_engine, enter)
    page = signed_in("planner")
    made = office.send(page, "/api/plans", {"territory": code, "name": "2026年调整"})
    yield replace(office, plan=made["id"])
    for context in contexts:
        context.close()
    offline = ("ERR_INTERNET_DISCONNECTED", "ERR_NETWORK_CHANGED", "ERR_CONNECTION_RESET")
    told = [[text for text in one.errors if not any(word in text for word in offline)] for one in seen]
    assert told == [[] for _ in seen]


@pytest.fixture
def revision() -> Callable[[Page, int], None]:
    """Return what waits until a page shows a revision as its own."""

    def wait(page: Page, number: int) -> None:
        expect(page.locator("#saved")).to_contain_text(re.compile(rf"方案 r{number}\b"))

    return wait
