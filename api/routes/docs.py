"""``/docs``: every route with its parameters, examples and answers, made from the OpenAPI document without a CDN."""

import json
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, select_autoescape

from api.deps import SignedIn

router = APIRouter()

METHODS: Final = ("get", "post", "put", "patch", "delete")
DEPTH: Final = 6
"""How deep examples are made from schemas: deeper nesting is left out."""

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1] / "templates"), autoescape=select_autoescape(["html"])
)


@router.get("/docs", include_in_schema=False)
def show_docs(request: Request, _caller: SignedIn) -> HTMLResponse:
    """Show the interface as a page that needs no script."""
    document = request.app.openapi()
    page = _TEMPLATES.get_template("docs.html")
    return HTMLResponse(page.render(info=document["info"], groups=groups(document)))


def groups(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the operations of an OpenAPI document by tag, in the order in which they are declared."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                operation = item[method]
                tag = (operation.get("tags") or ["其他 Other"])[0]
                found.setdefault(tag, []).append(_operation(document, path, method, operation))
    return [
        {"name": name, "id": f"g{number}", "operations": each}
        for number, (name, each) in enumerate(found.items())
    ]


def _operation(document: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> dict[str, Any]:
    body = operation.get("requestBody", {}).get("content", {})
    body_type = next(iter(body), None)
    parameters = [_parameter(document, one) for one in operation.get("parameters", [])]
    request = example(document, body[body_type].get("schema", {})) if body_type else None
    return {
        "method": method.upper(),
        "path": path,
        "id": operation["operationId"],
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "parameters": parameters,
        "body_type": body_type,
        "body": _json(request) if body_type == "application/json" else None,
        "fields": _fields(document, body[body_type]["schema"]) if body_type and request is not None else [],
        "curl": _curl(path, method, parameters, body_type, request),
        "answers": [_answer(document, status, answer) for status, answer in operation["responses"].items()],
    }


def _parameter(document: dict[str, Any], parameter: dict[str, Any]) -> dict[str, Any]:
    schema = parameter.get("schema", {})
    return {
        "name": parameter["name"],
        "where": parameter["in"],
        "required": parameter.get("required", False),
        "type": _type(document, schema),
        "description": parameter.get("description") or schema.get("description", ""),
        "default": schema.get("default"),
        "example": example(document, schema),
    }


def _fields(document: dict[str, Any], schema: dict[str, Any]) -> list[dict[str, Any]]:
    whole = _resolved(document, schema)
    required = whole.get("required", [])
    return [
        {
            "name": name,
            "required": name in required,
            "type": _type(document, one),
            "description": one.get("description", ""),
        }
        for name, one in whole.get("properties", {}).items()
    ]


def _answer(document: dict[str, Any], status: str, answer: dict[str, Any]) -> dict[str, Any]:
    schema = answer.get("content", {}).get("application/json", {}).get("schema")
    shown = schema is not None and status.startswith("2")
    return {
        "status": status,
        "description": answer.get("description", ""),
        "example": _json(example(document, schema)) if shown else None,
    }


def _curl(
    path: str,
    method: str,
    parameters: list[dict[str, Any]],
    body_type: str | None,
    body: Any,  # noqa: ANN401  JSON
) -> str:
    for one in parameters:
        if one["where"] == "path":
            path = path.replace(f"{{{one['name']}}}", str(one["example"]))
    lines = [f"curl -X {method.upper()} -H 'Authorization: Bearer og_…' 'http://127.0.0.1:8000{path}'"]
    wanted = [one for one in parameters if one["where"] == "query" and one["required"]]
    if wanted and method == "get":
        lines[0] = lines[0].replace("-X GET", "-G")
    lines += [f"  --data-urlencode '{one['name']}={one['example']}'" for one in wanted]
    if body_type == "application/json":
        lines += ["  -H 'Content-Type: application/json'", f"  -d '{json.dumps(body, ensure_ascii=False)}'"]
    elif body_type and isinstance(body, dict):
        lines += [f"  -F '{name}={'@文件' if name == 'file' else value}'" for name, value in body.items()]
    return " \\\n".join(lines)


def example(document: dict[str, Any], schema: dict[str, Any], depth: int = 0) -> Any:  # noqa: ANN401, PLR0911  JSON
    """Return an example of a schema: the one it gives itself, else one made of its parts."""
    schema = _resolved(document, schema)
    if schema.get("examples"):
        return schema["examples"][0]
    for key in ("example", "default", "const"):
        if schema.get(key) is not None:
            return schema[key]
    if schema.get("enum"):
        return schema["enum"][0]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            chosen = next((one for one in schema[key] if one.get("type") != "null"), schema[key][0])
            return example(document, chosen, depth)
    kind = schema.get("type")
    if kind == "object" and depth < DEPTH:
        return {name: example(document, one, depth + 1) for name, one in schema.get("properties", {}).items()}
    if kind == "array":
        return [example(document, schema.get("items", {}), depth + 1)] if depth < DEPTH else []
    if kind == "string" and schema.get("format") in _MOMENTS:
        return _MOMENTS[schema["format"]]
    return {"integer": 1, "number": 1.0, "boolean": True, "string": "…", "object": {}}.get(str(kind))


_MOMENTS: Final = {"date": "2026-03-01", "date-time": "2026-03-01T08:00:00Z"}


def _type(document: dict[str, Any], schema: dict[str, Any]) -> str:
    schema = _resolved(document, schema)
    if "anyOf" in schema:
        return " | ".join(_type(document, one) for one in schema["anyOf"] if one.get("type") != "null")
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    kind = str(schema.get("type", ""))
    return f"{kind} ({schema['format']})" if "format" in schema else kind


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        named: dict[str, Any] = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            named = named[part]
        schema = named
    return schema


def _json(value: Any) -> str:  # noqa: ANN401  JSON
    return json.dumps(value, ensure_ascii=False, indent=2)
