"""What holds for every route: closed by default, problems as problems, headers, limits, documentation."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from api import errors
from api.routes import pages
from api.routes.docs import groups
from api.store.transactions import transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Web


def operations(web: Web) -> list[tuple[str, str]]:
    document = web.app.openapi()
    return [(method.upper(), path) for path, item in document["paths"].items() for method in item]


def test_everything_but_the_sign_of_life_is_closed(web: Web) -> None:
    client = web.visitor()
    assert client.get("/healthz").json() == {"status": "ok"}
    paths = [
        *operations(web),
        ("GET", "/docs"),
        ("GET", "/openapi.json"),
        ("GET", "/nothing/here"),
        ("PATCH", "/api"),
    ]
    for method, path in paths:
        if (method, path) in {("GET", "/healthz"), ("POST", "/api/session")}:
            continue
        response = client.request(method, path.replace("{z}", "1").replace("{x}", "1").replace("{y}", "1"))
        assert response.status_code == 401, (method, path)
        assert response.headers["content-type"] == "application/problem+json"
        assert response.headers["www-authenticate"] == "Bearer"


def test_the_map_leads_to_the_sign_in_page(web: Web, monkeypatch: Any, tmp_path: Any) -> None:
    monkeypatch.setattr(pages, "STATIC", tmp_path)
    for page in ("index", "sign-in"):
        (tmp_path / f"{page}.html").write_text(f"<title>{page}</title>")
    client = web.visitor()
    response = client.get("/", follow_redirects=False)
    assert (response.status_code, response.headers["location"]) == (303, "/sign-in")
    assert "sign-in" in client.get("/sign-in").text
    assert "index" in web.browser("viewer").get("/").text


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Basic eHg6eHg=", "Bearer og_\x7f"])
def test_bad_credentials_are_refused(web: Web, header: str) -> None:
    assert web.visitor().get("/api/territories", headers={"Authorization": header}).status_code == 401
    assert (
        web.visitor().get("/api/territories", headers={"Cookie": f"onegrid_session={header}"}).status_code
        == 401
    )


def test_problems_are_rfc_9457_in_chinese(web: Web) -> None:
    client = web.program("viewer")
    for method, path, status, title in (
        ("GET", "/api/nothing", 404, "没有找到"),
        ("PUT", "/api/territories", 405, "不支持此方法"),
        ("GET", "/api/versions/none", 404, "没有找到"),
        ("GET", "/api/versions/town-v1/zones", 422, "参数不正确"),
        ("GET", "/api/tiles/town-v1/grid/x/0/0.mvt", 422, "参数不正确"),
    ):
        response = client.request(method, path)
        body = response.json()
        assert (response.status_code, body["status"], body["title"]) == (status, status, title), path
        assert response.headers["content-type"] == "application/problem+json"
        assert body["type"].startswith("urn:onegrid:problem:")
        assert body["detail"]
        assert body["remedy"]


def test_validation_names_the_place_and_not_the_value(web: Web) -> None:
    response = web.visitor().post("/api/session", json={"name": "a", "password": 12345678, "more": 1})
    faults = {fault["where"]: fault["problem"] for fault in response.json()["faults"]}
    assert faults == {"body.password": "应为文本", "body.more": "不认识的字段"}
    assert "12345678" not in response.text


def test_bad_json_and_other_types_are_refused(web: Web) -> None:
    client = web.visitor()
    assert (
        client.post("/api/session", content=b"{", headers={"Content-Type": "application/json"}).status_code
        == 422
    )
    # Forms of other sites can send this without asking first: it must not be read as JSON.
    forged = client.post(
        "/api/session", content=b'{"name":"a","password":"b"}', headers={"Content-Type": "text/plain"}
    )
    assert forged.status_code == 422


def test_a_defect_shows_a_number_and_nothing_inside(web: Web, monkeypatch: Any) -> None:
    def broken(_session: Any) -> None:
        raise RuntimeError("secret inside")

    monkeypatch.setattr("api.store.zones.list_territories", broken)
    response = web.program("viewer").get("/api/territories")
    assert response.status_code == 500
    body = response.json()
    assert body["number"] in body["detail"]
    assert "secret" not in response.text
    assert "Traceback" not in response.text
    assert response.headers["x-content-type-options"] == "nosniff"


def test_security_headers_stand_on_every_answer(web: Web) -> None:
    for response in (
        web.visitor().get("/healthz"),
        web.visitor().get("/api/territories"),
        web.program("viewer").get("/api/territories"),
    ):
        headers = response.headers
        assert "script-src" not in headers["content-security-policy"]
        assert "default-src 'self'" in headers["content-security-policy"]
        assert headers["cache-control"] == "no-store"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"


def test_large_bodies_are_refused(serve: Callable[..., Any]) -> None:
    with serve(upload_mb=1) as web:
        web.add("root", "admin")
        client = web.program("root")
        form = {"kind": "zones", "territory": "town"}
        for content in (b"x" * (2 << 20), (b"x" * (1 << 19) for _ in range(4))):
            length = isinstance(content, bytes)
            response = (
                client.post("/api/load", data=form, files={"file": ("a.csv", content)})
                if length
                else client.post(
                    "/api/load", content=content, headers={"Content-Type": "multipart/form-data; boundary=b"}
                )
            )
            assert response.status_code == 413, length
            assert response.headers["content-type"] == "application/problem+json"
            assert response.json()["title"] == "上传内容过大"
        batch = client.post(
            "/api/lookup", content=b" " * (9 << 20), headers={"Content-Type": "application/json"}
        )
        assert batch.status_code == 413


def test_the_docs_are_local_and_complete(web: Web) -> None:
    client = web.program("viewer")
    page = client.get("/docs")
    assert page.status_code == 200
    assert "<script" not in page.text
    assert "http://127.0.0.1:8000" in page.text
    assert "cdn" not in page.text.lower()
    document = client.get("/openapi.json").json()
    for path, item in document["paths"].items():
        assert path in page.text
        for method, operation in item.items():
            assert operation["summary"], (method, path)
            assert operation["description"], (method, path)
            for status, response in operation["responses"].items():
                assert response["description"], (method, path, status)
                if status >= "4":
                    assert list(response["content"]) == [errors.PROBLEM]
    assert "/api/lookup" in document["paths"]
    assert document["components"]["securitySchemes"]
    json.dumps(document)


def test_the_docs_speak_to_the_reader_and_their_examples_can_be_sent(web: Web) -> None:
    client = web.program("viewer")
    page = client.get("/docs").text
    for default in ("Successful Response", "Validation Error", "Too Many Requests"):
        assert default not in page
    operations = [one for group in groups(web.app.openapi()) for one in group["operations"]]
    for one in operations:
        assert "…" not in one["curl"].replace("og_…", ""), one["curl"]
    (lookup,) = [one for one in operations if (one["method"], one["path"]) == ("GET", "/api/lookup")]
    assert "--data-urlencode 'address=银都路191号'" in lookup["curl"]


def test_every_body_in_the_docs_is_one_that_its_route_takes(web: Web) -> None:
    """They name a territory and a plan that are not here: what is well-formed fails later."""
    web.add("integrator", "admin")
    client = web.program("integrator")
    sent = 0
    for group in groups(web.app.openapi()):
        for one in group["operations"]:
            bodies = [one["body"]] if one["body"] else []
            for field in one["fields"]:
                whole = json.loads(one["body"]) if field["variants"] else {}
                bodies += [
                    json.dumps(whole | {field["name"]: json.loads(variant["example"])})
                    for variant in field["variants"]
                ]
            for body in bodies:
                path = one["path"].replace("{number}", "1").replace("{code}", "zhuanqiao")
                path = path.replace("{version}", "zhuanqiao-v1").replace("{comment}", "1")
                answer = client.request(
                    one["method"], path, content=body, headers={"Content-Type": "application/json"}
                )
                assert '"faults"' not in answer.text, (one["method"], path, body, answer.text)
                sent += 1
    assert sent > 40  # 13 kinds of edits for two routes, and each other body


def test_requests_are_logged_without_their_queries(web: Web, capsys: Any) -> None:
    web.program("viewer").get("/api/lookup", params={"address": "颛兴东路1234弄15号"})
    logged = capsys.readouterr().out
    assert "/api/lookup" in logged
    assert "颛兴东路" not in logged


def test_lookups_are_rate_limited_per_account(serve: Callable[..., Any]) -> None:
    with serve(lookups_per_minute=2) as web:
        web.add("one", "viewer")
        web.add("two", "viewer")
        one, two = web.program("one"), web.program("two")
        codes = [one.get("/api/lookup", params={"lon": 0, "lat": 0}).status_code for _ in range(3)]
        assert codes == [404, 404, 429]
        assert two.get("/api/lookup", params={"lon": 0, "lat": 0}).status_code == 404


def test_a_database_that_fails_is_a_problem_too(serve: Callable[..., Any]) -> None:
    with serve() as web:
        with transaction(web.engine) as session:
            session.execute(text("ALTER TABLE api_key RENAME TO gone"))
        response = web.visitor().get("/api/territories", headers={"Authorization": "Bearer og_x"})
        assert response.status_code == 500
        assert response.headers["content-type"] == "application/problem+json"
        assert "gone" not in response.text


def test_a_nul_character_is_refused_everywhere(web: Web) -> None:
    for client in (web.visitor(), web.program("viewer")):
        for path in ("/api/lookup?address=a%00", "/api/versions/a%00", "/sign-in?token=%00"):
            assert client.get(path).status_code == 422, path
