"""The service keeps to its OpenAPI document, whatever is sent to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from api.services import Services
from api.settings import Settings
from api.store.engine import make_engine
from api.store.jobs import JobRunner

if TYPE_CHECKING:
    from conftest import Web

CHECKS = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)

PATIENCE_S = 300.0
"""How long an answer may take: the library's ten seconds are too few on a busy machine."""


def operations() -> list[tuple[str, str, GenerationMode]]:
    """Return every documented operation, to be sent good data and, where it takes any, bad data.

    The document needs no database.
    """
    engine = make_engine("postgresql:///never_connected")
    settings_ = Settings(home=Path("unused"))
    document = create_app(settings_, services=Services(settings_, engine, JobRunner(engine))).openapi()
    return [
        (method, path, mode)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        for mode in GenerationMode
        if mode.is_positive or operation.get("parameters") or "requestBody" in operation
    ]


@pytest.fixture(scope="module")
def key(web: Web) -> dict[str, str]:
    """Return what a program of an admin sends."""
    return {"Authorization": web.program("root").headers["Authorization"]}


@pytest.fixture(scope="module")
def schema(web: Web, key: dict[str, str]) -> Any:
    """Return the service's own document."""
    return schemathesis.openapi.from_asgi("/openapi.json", web.app, headers=key, timeout=PATIENCE_S)


@pytest.mark.parametrize(("method", "path", "mode"), operations())
def test_the_service_keeps_to_its_document(
    schema: Any, key: dict[str, str], method: str, path: str, mode: GenerationMode
) -> None:
    @settings(
        max_examples=5,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=schema[path][method.upper()].as_strategy(generation_mode=mode))
    def keeps(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, headers=key, timeout=PATIENCE_S)

    keeps()
