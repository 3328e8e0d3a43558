"""The OpenAPI document: what FastAPI makes of the routes, with problems described as the problems that they are."""

from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.errors import PROBLEM, TITLES
from api.gate import is_open
from api.schemas import LookupProblem, Problem

ANY_ROUTE: Final = (401, 403)
"""Answers of every route that needs a sign-in."""

ANSWERS: Final = {
    200: "成功",
    201: "已建立",
    202: "已开始，进度见 GET /api/jobs/{number}",
    204: "成功，没有内容",
    **TITLES,
}
"""What an answer is called where its route says nothing of it."""

_SCHEMAS: Final = "#/components/schemas/"


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document of an app, made once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        schemas = document["components"]["schemas"]
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        for model in (Problem, LookupProblem):
            schema = model.model_json_schema(ref_template=f"{_SCHEMAS}{{model}}", mode="validation")
            schemas |= schema.pop("$defs", {})
            schemas[model.__name__] = schema
        for path, item in document["paths"].items():
            for method, operation in item.items():
                _describe_answers(path, method, operation)
        app.openapi_schema = document
    return app.openapi_schema


def _describe_answers(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    signed_in = () if is_open(method.upper(), path) else ANY_ROUTE
    parameters = (422,) if operation.get("parameters") or "requestBody" in operation else ()
    body = (400, 413) if "requestBody" in operation else ()
    for status in (*signed_in, *parameters, *body):
        responses.setdefault(str(status), {})
    for status, response in responses.items():
        unsaid = {None, "Successful Response", "Validation Error", HTTPStatus(int(status)).phrase}
        if response.get("description") in unsaid:
            response["description"] = ANSWERS[int(status)]
        if status.startswith(("4", "5")):
            model = LookupProblem if (path, method, status) == ("/api/lookup", "get", "404") else Problem
            response["content"] = {PROBLEM: {"schema": {"$ref": f"{_SCHEMAS}{model.__name__}"}}}
    operation["responses"] = dict(sorted(responses.items()))
