"""Signing in, staying in, being kept out: passwords, lockout, links, keys, CSRF, roles, grants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from api.store import accounts, credentials
from api.store.accounts import GrantedSubtree
from api.store.errors import DuplicateError, NotFoundError
from api.store.refusals import InvalidRequestError, WeakPasswordError
from api.store.transactions import transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Web

PASSWORD = "correct-Horse-7"  # noqa: S105  of accounts that live for one test
WRONG = "wrong-Horse-7"


def sign_in(client: Any, name: str, password: str) -> Any:
    return client.post("/api/session", json={"name": name, "password": password})


def test_password_cookie_and_sign_out(web: Web) -> None:
    web.add("zhang", "planner", password=True)
    client = web.visitor()
    response = sign_in(client, "zhang", PASSWORD)
    assert response.status_code == 200
    me = response.json()
    assert (me["name"], me["role"], me["personal_data"]) == ("zhang", "planner", False)
    cookie = response.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Secure" not in cookie
    assert client.get("/api/session").json() == me
    assert client.delete("/api/session", headers={"X-CSRF-Token": me["csrf_token"]}).status_code == 204
    assert client.get("/api/session").status_code == 401
    assert [event.detail for event in web.events("session.start") if event.account == "zhang"] == [
        {"method": "password"}
    ]


def test_no_secret_is_stored(web: Web) -> None:
    web.add("secretive", "viewer", password=True)
    client = web.browser("secretive")
    with transaction(web.engine) as session:
        key = credentials.add_key(session, "secretive", "k")
        link = credentials.make_link(session, "secretive")
        tables = ("account", "api_key", "sign_in_link", "sign_in_session", "audit_event")
        stored = " ".join(str(session.execute(text(f"SELECT * FROM {table}")).all()) for table in tables)  # noqa: S608
    for secret in (PASSWORD, key, link, client.cookies["onegrid_session"]):
        assert secret not in stored
    assert "$argon2id$" in stored


def test_five_wrong_passwords_lock_the_account_until_the_time_is_over(web: Web) -> None:
    web.add("forgetful", "viewer", password=True)
    client = web.visitor()
    assert [sign_in(client, "forgetful", WRONG).status_code for _ in range(5)] == [401, 401, 401, 401, 423]
    locked = sign_in(client, "forgetful", PASSWORD)
    assert locked.status_code == 423
    assert "锁定" in locked.json()["detail"]
    assert [event.object for event in web.events("account.lock")] == ["forgetful"]
    with transaction(web.engine) as session:
        session.execute(
            text("UPDATE account SET locked_until = now() - interval '1 second' WHERE name = 'forgetful'")
        )
    assert sign_in(client, "forgetful", WRONG).status_code == 401
    assert sign_in(client, "forgetful", PASSWORD).status_code == 200


def test_an_admin_may_unlock_and_success_forgets_failures(web: Web) -> None:
    web.add("hasty", "viewer", password=True)
    client = web.visitor()
    for _ in range(4):
        sign_in(client, "hasty", WRONG)
    assert sign_in(client, "hasty", PASSWORD).status_code == 200
    assert [sign_in(client, "hasty", WRONG).status_code for _ in range(5)][-1] == 423
    with transaction(web.engine) as session:
        accounts.unlock(session, "hasty")
    assert sign_in(client, "hasty", PASSWORD).status_code == 200


def test_unknown_names_and_wrong_passwords_answer_alike(web: Web) -> None:
    web.add("known", "viewer", password=True)
    client = web.visitor()
    unknown, wrong = sign_in(client, "nobody", WRONG), sign_in(client, "known", WRONG)
    assert unknown.status_code == wrong.status_code == 401
    assert unknown.json() == wrong.json()
    assert sign_in(client, "viewer", PASSWORD).status_code == 401  # an account without a password


def test_idle_and_old_sessions_end(web: Web) -> None:
    for column, minutes in (("seen_at", 31), ("created_at", 12 * 60 + 1)):
        client = web.browser("viewer")
        assert client.get("/api/session").status_code == 200
        with transaction(web.engine) as session:
            session.execute(text(f"UPDATE sign_in_session SET {column} = now() - interval '{minutes} min'"))  # noqa: S608
        ended = client.get("/api/session")
        assert ended.status_code == 401
        assert ended.json()["detail"] == "登录已失效。"


def test_using_a_session_keeps_it(web: Web) -> None:
    client = web.browser("viewer")
    with transaction(web.engine) as session:
        session.execute(text("UPDATE sign_in_session SET seen_at = now() - interval '29 min'"))
    assert client.get("/api/session").status_code == 200
    with transaction(web.engine) as session:
        newest = session.scalar(text("SELECT max(seen_at) > now() - interval '1 min' FROM sign_in_session"))
    assert newest


def test_a_link_works_once_and_leads_to_the_map(web: Web) -> None:
    with transaction(web.engine) as session:
        token = credentials.make_link(session, "viewer")
    first = web.visitor().get("/sign-in", params={"token": token}, follow_redirects=False)
    assert (first.status_code, first.headers["location"]) == (303, "/")
    second = web.visitor().get("/sign-in", params={"token": token}, follow_redirects=False)
    assert second.status_code == 401
    assert "登录链接无效" in second.text
    assert "set-cookie" not in second.headers


def test_an_old_link_is_refused(web: Web) -> None:
    with transaction(web.engine) as session:
        token = credentials.make_link(session, "viewer")
        session.execute(text("UPDATE sign_in_link SET expires_at = now()"))
    assert web.visitor().get("/sign-in", params={"token": token}, follow_redirects=False).status_code == 401


def test_keys_act_as_their_account_until_revoked(web: Web) -> None:
    with transaction(web.engine) as session:
        secret = credentials.add_key(session, "chief", "integration")
        with pytest.raises(DuplicateError):
            credentials.add_key(session, "chief", "integration")
    client = web.visitor()
    client.headers["Authorization"] = f"Bearer {secret}"
    assert client.get("/api/session").json() == {
        "name": "chief", "display_name": "chief", "role": "viewer", "csrf_token": None, "personal_data": True,
    }  # fmt: skip
    with transaction(web.engine) as session:
        (key,) = credentials.list_keys(session, "chief")
        assert (key.name, secret.startswith(key.prefix), key.used_at is not None) == (
            "integration",
            True,
            True,
        )
        credentials.revoke_key(session, "chief", "integration")
    assert client.get("/api/session").status_code == 401


def test_a_closed_account_is_out_at_once(web: Web) -> None:
    web.add("leaver", "viewer", password=True)
    browser, program = web.browser("leaver"), web.program("leaver")
    with transaction(web.engine) as session:
        accounts.set_active(session, "leaver", active=False)
    assert browser.get("/api/session").status_code == 401
    assert program.get("/api/session").status_code == 401
    assert sign_in(web.visitor(), "leaver", PASSWORD).status_code == 401
    with transaction(web.engine) as session:
        accounts.set_active(session, "leaver", active=True)
    assert sign_in(web.visitor(), "leaver", PASSWORD).status_code == 200


def test_a_cookie_write_needs_the_token_and_a_key_does_not(web: Web) -> None:
    browser = web.browser("planner")
    token = browser.headers.pop("X-CSRF-Token")
    url = "/api/versions/town-v1/assign"
    assert browser.post(url).json()["title"] == "缺少防伪令牌"
    assert browser.post(url, headers={"X-CSRF-Token": "x" * len(token)}).status_code == 403
    assert browser.post(url, headers={"X-CSRF-Token": token}).status_code == 202
    assert web.program("planner").post(url).status_code == 202


@pytest.mark.parametrize("password", ["Short-1", "onlylowercase", "lower-case-only", "xX1-planner-Xx"])
def test_weak_passwords_are_refused(web: Web, password: str) -> None:
    with transaction(web.engine) as session, pytest.raises(WeakPasswordError):
        credentials.set_password(session, "planner", password)


def test_changing_ones_password_needs_the_current_one_and_ends_sessions(web: Web) -> None:
    web.add("changer", "viewer")
    client = web.browser("changer")
    first = client.put("/api/session/password", json={"new": PASSWORD})  # none yet: the link proved who it is
    assert first.status_code == 204
    assert client.get("/api/session").status_code == 401
    client = web.browser("changer")
    assert (
        client.put("/api/session/password", json={"current": WRONG, "new": "another-Horse-8"}).status_code
        == 401
    )
    weak = client.put("/api/session/password", json={"current": PASSWORD, "new": "weak"})
    assert weak.status_code == 422
    assert weak.json()["title"] == "密码太简单"
    assert (
        client.put("/api/session/password", json={"current": PASSWORD, "new": "another-Horse-8"}).status_code
        == 204
    )
    assert sign_in(web.visitor(), "changer", "another-Horse-8").status_code == 200


@pytest.mark.parametrize(
    ("name", "method", "path", "status"),
    [
        ("viewer", "POST", "/api/versions/town-v1/check", 403),
        ("stranger", "POST", "/api/versions/town-v1/check", 403),  # the role without the grant
        ("planner", "POST", "/api/versions/town-v1/check", 202),
        ("planner", "POST", "/api/versions/town-v1/publish", 403),
        ("publisher", "POST", "/api/versions/town-v1/publish", 409),  # published already
        ("planner", "GET", "/api/audit", 403),
        ("root", "GET", "/api/audit", 200),
        ("viewer", "GET", "/api/versions/town-v1", 200),
    ],
)
def test_roles_and_grants(web: Web, name: str, method: str, path: str, status: int) -> None:
    body = {"reason": "试"} if path.endswith("publish") else None
    response = web.program(name).request(method, path, json=body)
    assert response.status_code == status, response.text


def test_a_granted_zone_brings_the_zones_below_it(web: Web) -> None:
    with transaction(web.engine) as session:
        version = session.scalar(text("SELECT id FROM version WHERE code = 'town-v1'"))
        officer = web.program("officer").get("/api/session").json()
        assert officer["personal_data"] is True
        account = accounts.find_account(session, "officer")
        scope = accounts.personal_scope(session, accounts.as_caller(session, account), version)
        names = session.scalars(
            text("SELECT name FROM zone WHERE id = ANY(:ids)"), {"ids": list(scope.zone_ids)}
        ).all()
        assert sorted(names) == ["西北网格", "西南网格", "西社区"]
        viewer = accounts.as_caller(session, accounts.find_account(session, "viewer"))
        assert not accounts.personal_scope(session, viewer, version)


def test_grants_and_accounts_name_what_is_wrong(web: Web) -> None:
    with transaction(web.engine) as session:
        with pytest.raises(NotFoundError, match="999"):
            accounts.add_grant(session, "viewer", GrantedSubtree("town", "999", personal_data=True))
        with pytest.raises(NotFoundError, match="nowhere"):
            accounts.add_grant(session, "viewer", GrantedSubtree("nowhere", None, personal_data=True))
        with pytest.raises(NotFoundError):
            accounts.remove_grant(session, "viewer", "town")
        with pytest.raises(DuplicateError):
            accounts.add_account(session, "viewer", "", "viewer")
        with pytest.raises(InvalidRequestError):
            accounts.add_account(session, "new", "", "emperor")
        with pytest.raises(InvalidRequestError):
            accounts.add_account(session, "bad name!", "", "viewer")
        accounts.add_grant(session, "viewer", GrantedSubtree("town", "310112103001", personal_data=False))
        accounts.add_grant(session, "viewer", GrantedSubtree("town", "310112103001", personal_data=True))
        entry = next(one for one in accounts.list_accounts(session) if one.name == "viewer")
        assert entry.grants == (GrantedSubtree("town", "310112103001", personal_data=True),)
        accounts.remove_grant(session, "viewer", "town", "310112103001")


def test_the_first_admin_is_added_once(serve: Callable[..., Any]) -> None:
    with serve() as web, transaction(web.engine) as session:
        assert accounts.add_first_admin(session)
        assert not accounts.add_first_admin(session)
        assert [(one.name, one.role, one.has_password) for one in accounts.list_accounts(session)] == [
            ("admin", "admin", False)
        ]


def test_sign_in_is_rate_limited_and_cookies_are_secure_behind_https(serve: Callable[..., Any]) -> None:
    with serve(sign_in_per_minute=3, secure_cookies=True) as web:
        web.add("zhang", "viewer", password=True)
        client = web.visitor()
        assert "Secure" in sign_in(client, "zhang", PASSWORD).headers["set-cookie"]
        codes = [sign_in(client, "zhang", PASSWORD).status_code for _ in range(3)]
        assert codes == [200, 200, 429]
        limited = sign_in(client, "zhang", PASSWORD)
        assert limited.headers["Retry-After"] == "60"
        assert limited.json()["title"] == "请求过于频繁"
        assert client.get("/sign-in", params={"token": "x"}).status_code == 429
