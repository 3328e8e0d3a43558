"""``/docs``: every route with its parameters, examples and answers, made from the OpenAPI document without a CDN."""

import json
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, select_autoescape

from api.deps import SignedIn
from api.gate import is_open

router = APIRouter()

METHODS: Final = ("get", "post", "put", "patch", "delete")
DEPTH: Final = 8
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
    fields = _fields(document, body[body_type]["schema"]) if body_type and request is not None else []
    return {
        "method": method.upper(),
        "path": path,
        "id": operation["operationId"],
        "summary": operation.get("summary", ""),
        "description": operation.get("description", ""),
        "parameters": parameters,
        "body_type": body_type,
        "body": _json(request) if body_type == "application/json" else None,
        "fields": fields,
        "curl": _curl(path, method, parameters, operation, request),
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
    whole = _chosen(document, schema)
    required = whole.get("required", [])
    return [
        {
            "name": name,
            "required": name in required,
            "type": _type(document, one),
            "description": one.get("description", ""),
            "variants": [_variant(document, each) for each in one.get("oneOf", [])],
        }
        for name, one in whole.get("properties", {}).items()
    ]


def _variant(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return one of the forms that a field may have."""
    whole = _resolved(document, schema)
    return {"description": whole.get("description", ""), "example": _json(example(document, whole))}


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
    operation: dict[str, Any],
    body: Any,  # noqa: ANN401  JSON
) -> str:
    body_type = next(iter(operation.get("requestBody", {}).get("content", {})), None)
    for one in parameters:
        if one["where"] == "path":
            path = path.replace(f"{{{one['name']}}}", str(one["example"]))
    key = "" if is_open(method.upper(), path) else "-H 'Authorization: Bearer og_…' "
    lines = [f"curl -X {method.upper()} {key}'http://127.0.0.1:8000{path}'"]
    asked = {
        one["name"]: one["example"] for one in parameters if one["where"] == "query" and one["required"]
    } | operation.get("x-example", {})
    if asked and method == "get":
        lines[0] = lines[0].replace("-X GET", "-G")
    lines += [f"  --data-urlencode '{name}={value}'" for name, value in asked.items()]
    if body_type == "application/json":
        lines += ["  -H 'Content-Type: application/json'", f"  -d '{json.dumps(body, ensure_ascii=False)}'"]
    elif body_type and isinstance(body, dict):
        # What has no example of its own is described beside it, and optional.
        lines += [
            f"  -F '{name}={'@文件' if name == 'file' else value}'"
            for name, value in body.items()
            if name == "file" or value not in ("…", ["…"])
        ]
    return " \\\n".join(lines)


def example(document: dict[str, Any], schema: dict[str, Any], depth: int = 0) -> Any:  # noqa: ANN401, PLR0911  JSON
    """Return an example of a schema: the one it gives itself, else one made of its parts."""
    schema = _resolved(document, schema)
    said = [schema[key] for key in ("default", "const") if schema.get(key) is not None]
    if given := [*schema.get("examples", ()), *said, *schema.get("enum", ())]:
        return given[0]
    if (chosen := _chosen(document, schema)) is not schema:
        return example(document, chosen, depth)
    kind = schema.get("type")
    if kind == "object" and depth < DEPTH:
        return {name: example(document, one, depth + 1) for name, one in schema.get("properties", {}).items()}
    if "prefixItems" in schema:
        return [example(document, one, depth + 1) for one in schema["prefixItems"]]
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
    if "oneOf" in schema:
        return "object"
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


def _chosen(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """Return what a schema names, the first but null where it names several."""
    schema = _resolved(document, schema)
    several = schema.get("anyOf") or schema.get("oneOf")
    if not several:
        return schema
    return _resolved(document, next(one for one in several if one.get("type") != "null"))


def _json(value: Any) -> str:  # noqa: ANN401  JSON
    return json.dumps(value, ensure_ascii=False, indent=2)
