"""The service: wires settings, database, gate and routes together."""

import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from fastapi import FastAPI, Response
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.types import Scope

from api.errors import add_handlers
from api.gate import Gate
from api.openapi import describe
from api.routes import (
    audit,
    briefings,
    circles,
    comments,
    comparisons,
    docs,
    events,
    exceptions,
    faults,
    fusions,
    jobs,
    ledgers,
    loads,
    lookups,
    pages,
    plan_life,
    plans,
    profiles,
    proposals,
    registers,
    releases,
    renumberings,
    repairs,
    search,
    sessions,
    stations,
    territories,
    tiles,
    units,
    versions,
    zones,
)
from api.services import Services
from api.settings import Settings, get_settings
from api.store import uploads
from api.store.engine import get_engine
from api.store.jobs import JobRunner
from api.store.rooms import Rooms

BODY_BYTES = 8 * 2**20
"""Largest body of a request that is no upload: a batch of lookups of the largest size fits."""

DESCRIPTION = """
城市网格的查询、检查与发布接口。除 `/healthz` 外都需要登录：浏览器用登录后的 Cookie（写操作另加请求头 `X-CSRF-Token`），
程序用密钥 `Authorization: Bearer og_…`（由 `onegrid user key add` 生成）。

坐标默认为 EPSG:4490 经纬度；每个回答都带版本号；出错时返回 RFC 9457 问题文档（`application/problem+json`）。

Look up, check and publish urban grids. Everything but `/healthz` needs a session cookie or a key.
"""


class _Bundle(StaticFiles):
    """Files of the web map: a file that is asked for with its digest may be kept for ever."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        kept = "public, max-age=31536000, immutable" if b"v=" in scope["query_string"] else "no-cache"
        response.headers["Cache-Control"] = kept
        return response


def _version() -> str:
    # Not from the installed package's metadata: a clone also runs without being installed.
    project = Path(__file__).parents[1] / "pyproject.toml"
    return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])


def create_app(settings: Settings | None = None, *, services: Services | None = None) -> FastAPI:
    """Return the service.

    Parameters
    ----------
    settings
        As set by the office; by default of this process.
    services
        Ready-made services instead of those that the settings name, for tests on a database of their own.

    Returns
    -------
    FastAPI
        Its start marks jobs of an earlier service as failed; its end lets running jobs finish.
    """
    settings = settings or get_settings()
    if services is None:
        engine = get_engine()
        services = Services(settings, engine, JobRunner(engine), rooms=Rooms(settings.walk_speed_mps))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        if await run_in_threadpool(services.jobs.start):
            await run_in_threadpool(uploads.sweep, settings.home)
        yield
        await run_in_threadpool(services.jobs.stop)

    app = FastAPI(
        title="OneGrid 一网格",
        version=_version(),
        description=DESCRIPTION,
        docs_url=None,  # FastAPI's own pages load their scripts from a CDN
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.services = services
    app.openapi = partial(describe, app)  # type: ignore[method-assign]
    add_handlers(app)
    app.add_middleware(Gate, services=services)
    # The limits stand behind the gate: it answers first, and makes a problem of what they say.
    for module in (
        sessions, territories, versions, releases, zones, stations, faults, circles, lookups, search, jobs, exceptions,
        briefings, plan_life, ledgers, comparisons, plans, profiles, registers, renumberings, units, proposals,
        comments, events, repairs, fusions, audit, tiles, pages, docs,
    ):  # fmt: skip
        app.include_router(module.router, max_body_size=BODY_BYTES)
    app.include_router(loads.router, max_body_size=settings.upload_mb * 2**20)
    app.mount("/static", _Bundle(directory=pages.STATIC, check_dir=False))
    return app
