"""The rules of an office over HTTP and at the terminal, and the warnings of plans that follow them."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from api.cli import app
from api.store import checks, places, profiles
from api.store.engine import session
from geo.plans import Rule

PATH = "/api/territories/town/profile"


@pytest.fixture
def publisher(web):
    client = web.browser("publisher")
    yield client
    everything = client.get(PATH).json()
    defaults = [{**rule, "least": least, "most": most} for rule, (least, most) in _bands(everything)]
    assert client.put(PATH, json={"rules": defaults, "approval": False}).status_code == 200


DEFAULTS = {("grid", "households"): (300, 500), ("grid", "people"): (800, 1500)}


def _bands(profile):
    for rule in profile["rules"]:
        yield rule, DEFAULTS.get((rule["level"], rule["rule"]), (rule["least"], rule["most"]))


def rule_of(profile, name, level="grid"):
    return next(rule for rule in profile["rules"] if (rule["rule"], rule["level"]) == (name, level))


def test_the_defaults_are_answered_with_names_units_and_sources(web) -> None:
    profile = web.browser("viewer").get(PATH).json()
    assert profile["code"] == "default"
    assert profile["revision"] == 0
    assert profile["approval"] is False
    households = rule_of(profile, "households")
    assert (households["least"], households["most"], households["unit"]) == (300, 500, "户")
    assert households["verified"]
    assert "浙江" in households["source"]
    assert rule_of(profile, "households", "microgrid")["verified"] is False
    assert profile["number_format"]["name"] == "DB11"
    assert [part["length"] for part in profile["number_format"]["segments"]] == [6, 3, 3, 3]
    assert web.browser("viewer").get("/api/territories/nowhere/profile").status_code == 404


def test_an_edited_profile_is_kept_audited_and_changes_the_warnings_of_open_plans(web, publisher) -> None:
    planner = web.browser("planner")
    plan = planner.post("/api/plans", json={"territory": "town", "name": "规则"}).json()["id"]

    def warned():
        zones = planner.get(f"/api/plans/{plan}/zones").json()["zones"]
        return {zone["code"][-3:]: [each["message"] for each in zone["warnings"]] for zone in zones}

    assert "西南网格 少 298 户" in warned()["111"]
    profile = publisher.get(PATH).json()
    rule_of(profile, "households").update(least=2, most=2, source="镇政府通知", verified=True)
    answer = publisher.put(PATH, json=profile)  # the whole answer, changed in places, is sent back
    assert answer.status_code == 200, answer.text
    kept = publisher.get(PATH).json()
    assert kept == answer.json()
    assert (kept["code"], kept["revision"]) == ("town", 1)
    assert rule_of(kept, "households")["source"] == "镇政府通知"
    assert not any("户" in message for message in warned()["111"])
    assert "西北网格 少 2 户" in warned()["112"]
    event = web.events("profile.set")[0]
    assert event.account == "publisher"
    assert event.detail["rules"] == ["grid/households"]


def test_what_is_left_out_stays_as_it_is(publisher) -> None:
    before = publisher.get(PATH).json()
    after = publisher.put(PATH, json={"approval": True}).json()
    assert after["approval"] is True
    assert after["rules"] == before["rules"]
    other = publisher.put(PATH, json={"number_format": {"name": "CJT349"}}).json()
    assert (other["approval"], other["number_format"]["name"]) == (True, "CJT349")
    own = {"name": "本区", "segments": [{"role": "county", "length": 6}, {"role": "sequence", "length": 4}]}
    assert len(publisher.put(PATH, json={"number_format": own}).json()["number_format"]["segments"]) == 2


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"rules": [{"rule": "households", "level": "grid", "least": 5, "most": 3}]}, "下限 5 大于上限 3"),
        ({"rules": [{"rule": "households", "level": "nowhere", "least": 5}]}, "没有层级 nowhere"),
        ({"rules": [{"rule": "households", "level": "grid"}] * 2}, "出现两次"),
        ({"number_format": {"name": "XYZ"}}, "没有叫 XYZ 的编码格式"),
        ({"number_format": {"name": "无", "segments": [{"role": "county", "length": 6}]}}, "顺序号"),
    ],
)
def test_rules_that_make_no_sense_are_refused_with_a_reason(publisher, body, word) -> None:
    before = publisher.get(PATH).json()
    refused = publisher.put(PATH, json=body)
    assert refused.status_code == 422
    assert word in refused.json()["detail"]
    assert publisher.get(PATH).json() == before


@pytest.mark.parametrize("who", ["viewer", "planner"])
def test_only_publishers_edit_rules(web, who) -> None:
    assert web.browser(who).put(PATH, json={"approval": True}).status_code == 403


@pytest.mark.usefixtures("database")
def test_a_check_asks_what_the_rules_ask(town) -> None:
    """A building ten metres wide stands on the border between 111 and 121, a metre and a half of it in 121."""
    with session() as opened:
        places.load_place(opened, town)
        opened.execute(
            text(
                """UPDATE subject SET footprint =
                       ST_Multi(ST_MakeEnvelope(121.4099, 31.062, 121.41001571, 31.063, 4490))
                   WHERE code = 'F1'"""
            )
        )

        def cut() -> list[str]:
            checks.check(opened, "town-v1")
            faults = checks.list_faults(opened, "town-v1")
            return sorted(faults[faults["kind"] == "cut_building"]["level"])

        def ask(**rule) -> None:
            profiles.write_profile(opened, "town", rules=[Rule("cut_building", "grid", **rule)])

        assert cut() == ["community", "grid"]
        ask(most=2)
        assert cut() == ["community"]
        ask(most=1)
        assert cut() == ["community", "grid"]
        ask(most=1, on=False)
        assert cut() == ["community"]


@pytest.mark.usefixtures("database")
def test_rules_at_the_terminal(town, tmp_path) -> None:
    def onegrid(*words):
        return CliRunner().invoke(app, ["profile", *words])

    with session() as opened:
        places.load_place(opened, town)
    shown = onegrid("show", "town")
    assert shown.exit_code == 0, shown.output
    assert "households" in shown.output
    done = onegrid(
        "set", "town", "--band", "households=200-300", "--band", "parts@community=-2", "--source", "区通知",
        "--off", "people", "--on", "share_15min@grid", "--approval",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    profile = json.loads(onegrid("show", "town", "--json").output)
    assert rule_of(profile, "households") | {"name": "", "name_en": "", "unit": ""} == {
        "rule": "households", "level": "grid", "least": 200, "most": 300, "on": True, "source": "区通知",
        "verified": True, "name": "", "name_en": "", "unit": "",
    }  # fmt: skip
    assert rule_of(profile, "parts", "community")["most"] == 2
    assert (rule_of(profile, "people")["on"], rule_of(profile, "share_15min")["on"]) == (False, True)
    assert profile["approval"] is True
    file = tmp_path / "rules.json"
    rule_of(profile, "households")["most"] = 400
    file.write_text(json.dumps({**profile, "name": "新规则"}), encoding="utf-8")
    assert onegrid("set", "town", "--file", str(file)).exit_code == 0
    again = json.loads(onegrid("show", "town", "--json").output)
    assert (again["name"], rule_of(again, "households")["most"], again["revision"]) == ("新规则", 400, 2)
    for wrong, word in (("households", "上下限"), ("beauty=1-2", "没有叫 beauty 的规则")):
        refused = onegrid("set", "town", "--band", wrong)
        assert refused.exit_code != 0
        assert word in refused.output
