"""A town of a test's own, and hands that work on its page."""

from __future__ import annotations

import itertools
import json
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import shapely
from playwright.sync_api import TimeoutError as NotInTimeError
from playwright.sync_api import expect
from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from playwright.sync_api import Page, Route
    from sqlalchemy import Engine

    from geo.records import Place

PATIENCE_MS = 60_000
"""How long anything that is waited for may take: a busy machine is no failure."""

Spot = tuple[float, float]
"""A place of a town, in steps from its south-west."""


def loaded(page: Page) -> None:
    """Wait until the page has read what it opens with."""
    page.locator("#app:not([aria-busy])").wait_for()


def settle(page: Page) -> None:
    """Wait until the map stands still and is drawn."""
    page.evaluate("onegrid.map.settled()")


def becomes(page: Page, expression: str, value: object) -> None:
    """Wait until an expression of the page has a value, compared as JSON: what is drawn may lag what was waited for."""
    wanted = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    try:
        page.wait_for_function(f"wanted => JSON.stringify({expression}) === wanted", arg=wanted)
    except NotInTimeError:
        assert page.evaluate(expression) == value
        raise


@contextmanager
def held(page: Page, url: str) -> Iterator[Callable[[], None]]:
    """Hold back what a page asks for until the block ends; call what is given to wait until it has asked.

    Playwright would run a handler of requests in the middle of whatever the test does, with a key still held down.
    """
    waiting: list[Route] = []
    holding = True

    def hear(request: Route) -> None:
        if holding:
            waiting.append(request)
        else:
            request.continue_()

    def asked() -> None:
        end = time.monotonic() + PATIENCE_MS / 1000
        while not waiting:
            assert time.monotonic() < end, f"the page did not ask for {url}"
            page.wait_for_timeout(10)

    page.route(url, hear)
    yield asked
    holding = False
    for request in waiting:
        request.continue_()


@dataclass(frozen=True)
class Town:
    """A published town of a test's own, 4 x 4 grids in 2 x 2 communities, and hands that work on its page.

    Parameters
    ----------
    code
        Of the territory; its published version is ``<code>-v1``.
    place
        What was loaded.
    url, engine
        Of the service, and its database.
    sign_in
        Opens an empty page in a browser of its own for an account.
    plan
        The plan that is opened; 0: none, but the version.
    """

    WEST: ClassVar = 121.40
    SOUTH: ClassVar = 31.06
    STEP: ClassVar = 0.005  # degrees along a grid's side

    code: str
    place: Place
    url: str
    engine: Engine
    sign_in: Callable[[str], Page]
    plan: int = 0

    def enter(self, account: str = "planner") -> Page:
        """Open the plan, with room around the town for lines that begin and end outside of it, or the version."""
        page = self.sign_in(account)
        link = f"{self.url}/#version={self.code}-v1"
        if not self.plan:
            page.goto(link)
            loaded(page)
            page.locator("#zones tbody tr[data-code]").first.wait_for(state="attached")
            settle(page)
            return page
        page.goto(f"{link}&plan={self.plan}")
        loaded(page)
        page.locator("#plan-zones tbody tr[data-code]").first.wait_for()
        page.wait_for_function("() => onegrid.map.plan.source.getFeatures().length > 0")
        page.evaluate("bbox => onegrid.map.fit(bbox)", [*self.corner(-0.4, -0.4), *self.corner(4.4, 4.4)])
        settle(page)
        return page

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

    def corner(self, column: float, row: float) -> tuple[float, float]:
        """Return a spot in degrees."""
        return round(self.WEST + self.STEP * column, 8), round(self.SOUTH + self.STEP * row, 8)

    def area(self, zone: dict[str, Any]) -> float:
        """Return a zone's area in square steps."""
        return float(shapely.from_geojson(json.dumps(zone["geometry"])).area / self.STEP**2)

    def zones(self, page: Page, level: str = "grid") -> dict[str, Any]:
        """Return the plan's zones, as the service has them."""
        zones = self.get(page, f"/api/plans/{self.plan}/zones?level={level}")["zones"]
        return {zone["code"]: zone for zone in zones}

    def changes(self) -> list[Any]:
        """Return what the database holds of the plan's edits, in order: ``operation, revision, put, undone``."""
        query = text(
            "SELECT operation, revision, put, undone FROM change WHERE plan_id = :plan ORDER BY revision"
        )
        with self.engine.connect() as connection:
            return list(connection.execute(query, {"plan": self.plan}))

    def edit(self, page: Page, revision: int, edit: dict[str, Any]) -> Any:
        """Edit the plan at the level of grids, behind the page's back."""
        body = {"revision": revision, "edit": {"level": "grid", **edit}}
        return self.send(page, f"/api/plans/{self.plan}/edits", body)

    def revised(self, page: Page, number: int) -> None:
        """Wait until the page shows a revision as its own."""
        expect(page.locator("#saved")).to_contain_text(re.compile(rf"方案 r{number}\b"))

    def at(self, page: Page, spot: Spot, slip: tuple[float, float] = (0, 0)) -> tuple[float, float]:
        """Return where a spot is on the screen, and so many pixels beside it."""
        settle(page)
        x, y = page.evaluate("at => onegrid.map.pixelOf(at)", list(self.corner(*spot)))
        return x + slip[0], y + slip[1]

    def click(self, page: Page, spot: Spot) -> None:
        """Click a spot on the map."""
        page.mouse.click(*self.at(page, spot))

    def click_twice(self, page: Page, spot: Spot) -> None:
        """Double-click a spot: a tenth of a second lies between the presses, however slow the machine is."""
        x, y = self.at(page, spot)
        page.mouse.move(x, y)
        hand = page.context.new_cdp_session(page)
        start = time.time()
        for click in (1, 2):
            for kind in ("mousePressed", "mouseReleased"):
                event = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": click}
                hand.send("Input.dispatchMouseEvent", {**event, "timestamp": start + click / 10})
        hand.detach()

    def pick(self, page: Page, spot: Spot, *, adds: bool = False) -> None:
        """Click a zone of the plan on the map; done once the page shows it as picked."""
        x, y = self.at(page, spot)
        code = page.evaluate(
            """([x, y]) => {
              const { left, top } = onegrid.map.element.getBoundingClientRect();
              return onegrid.map.plan.at(onegrid.map.map.getCoordinateFromPixel([x - left, y - top]));
            }""",
            [x, y],
        )
        assert code, f"no zone of the plan at {spot}"
        before = page.evaluate("onegrid.store.state.picked")
        assert code not in before or not adds, "a second click would take the zone out again"
        if adds:
            page.keyboard.down("Shift")
        page.mouse.click(x, y)
        if adds:
            page.keyboard.up("Shift")
        more = adds or page.evaluate("onegrid.store.state.tool")
        self.picked(page, *([*before, code] if more else [code]))

    def pick_row(self, page: Page, code: str) -> None:
        """Pick a zone in the table, by name."""
        row = page.locator(f'#plan-zones tr[data-code="{code}"]')
        row.locator(".link").click()
        expect(row).to_have_class(re.compile("chosen"))

    def picked(self, page: Page, *codes: str) -> None:
        """Wait until these zones are picked, in this order."""
        page.wait_for_function("codes => onegrid.store.state.picked.join() === codes", arg=",".join(codes))

    def draw(self, page: Page, *spots: Spot, slips: Sequence[tuple[float, float]] = ()) -> None:
        """Draw a line from spot to spot and end it with a double click; the mouse misses them by some pixels."""
        page.wait_for_function("() => onegrid.map.plan.draw !== null")
        places = [
            self.at(page, spot, slip) for spot, slip in itertools.zip_longest(spots, slips, fillvalue=(0, 0))
        ]
        for place in places[:-1]:
            page.mouse.move(*place)
            page.mouse.click(*place)
        page.mouse.move(*places[-1])
        page.mouse.dblclick(*places[-1])
