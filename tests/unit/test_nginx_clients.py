"""The rendered nginx.conf, as text: who is on the list, and what each client may ask for.

Whether nginx takes it and does what it says is for tests/sidecar, with a real nginx.
"""

from __future__ import annotations

from typing import Any

import pytest

from components.certificates import fingerprint_sha1
from policy.nginx_conf import Directive, parsed
from tests.unit.nginx_conf import configuration, lookup, map_of, model_location
from tests.unit.plugins import certificate_pem, digits
from tests.unit.program import STACKS, deploy

PREDICT, STATUS, API = "/v1/models/demo:predict", "/v1/models/demo", "/openapi.json"


def listed(client: str) -> str:
    """What nginx knows the first generation's certificate by."""
    name = f"client-{client}@1-certificate"
    serial = int(digits(name)).to_bytes(16).hex().upper()
    return f"{serial}/{fingerprint_sha1(certificate_pem(name))}"


def rendered(*clients: dict[str, Any], previous: Any = None) -> str:
    return configuration(deploy("dev", {"clients": list(clients)}, previous=previous))


def directives(text: str, name: str) -> list[list[str]]:
    (http,) = parsed(text).find("http")
    return [d.arguments for d in http.find(name)]


def limits(location: Directive) -> list[str]:
    """All limits of the place from which requests go to the model."""
    return [
        " ".join([d.name, *d.arguments])
        for d in location.block or ()
        if d.name in ("limit_req", "limit_conn")
    ]


# --- the list --------------------------------------------------------------------------------


@pytest.mark.parametrize("stack", STACKS)
def test_the_list_holds_every_client_once_and_nobody_else(stack: str) -> None:
    deployment = deploy(stack)
    text = configuration(deployment)
    clients = [name[len("client-") : -2] for name in deployment.of("ClientCertificate")]

    assert map_of(text, "$client_name") == {
        "default": "",
        **{listed(client): client for client in clients},
    }
    assert map_of(text, "$revoked_client") == {"default": ""}
    assert all(text.count(listed(client)) == 1 for client in clients)


def test_a_client_taken_out_of_the_stack_file_is_off_the_list() -> None:
    assert map_of(rendered({"name": "ci-smoke-test"}), "$client_name") == {
        "default": "",
        listed("ci-smoke-test"): "ci-smoke-test",
    }


def test_neither_the_servers_nor_the_cas_serial_number_is_on_the_list() -> None:
    text = configuration(deploy("dev"))

    for name in ("server-certificate", "ca@1-certificate"):
        assert int(digits(name)).to_bytes(16).hex().upper() not in text


def test_a_serial_number_alone_lets_nobody_in() -> None:
    """Anyone who has the key of a CA that is trusted, too, can issue one with it."""
    rules = map_of(configuration(deploy("dev")), "$client_name")
    serial, _, sha1 = listed("alice").partition("/")

    assert lookup(rules, f"{serial}/{sha1}") == "alice"
    assert lookup(rules, f"{serial}/{'0' * 40}") == ""
    assert lookup(rules, f"{serial}/") == ""
    assert lookup(rules, f"00/{sha1}") == ""


def test_a_revoked_certificate_is_named_in_the_log_and_let_in_nowhere() -> None:
    previous = deploy("dev").exports["certificates"]

    text = rendered({"name": "alice"}, previous=previous)

    gone = listed("ci-smoke-test")
    assert map_of(text, "$revoked_client") == {"default": "", gone: "ci-smoke-test"}
    assert gone not in map_of(text, "$client_name")
    assert text.count(gone) == 1
    # The variable is for the log: no rule and no header of the endpoint asks for it.
    users = [
        d.name
        for d in parsed(text).walk()
        if d.name not in ("map", "log_format") and "$revoked_client" in " ".join(d.arguments)
    ]
    assert users == []


@pytest.mark.parametrize(
    ("serial", "name", "revoked", "standing"),
    [
        ("", "", "", "none"),
        ("0A", "alice", "", "known"),
        ("0B", "", "bob", "revoked"),
        ("0C", "", "", "unknown"),
        ("0A", "a.b-c_d", "", "known"),
        ("0B", "", "a.b-c_d", "revoked"),
    ],
)
def test_the_log_says_how_a_client_stands(
    serial: str, name: str, revoked: str, standing: str
) -> None:
    rules = map_of(configuration(deploy("dev")), "$client_standing")

    assert lookup(rules, f"{serial}/{name}/{revoked}") == standing


def test_the_access_log_has_the_name_also_of_who_is_revoked() -> None:
    (access,) = directives(configuration(deploy("dev")), "log_format")
    line = "".join(access[2:])

    assert '"client_name":"$client_name$revoked_client"' in line
    assert '"client_standing":"$client_standing"' in line


# --- paths -----------------------------------------------------------------------------------


def granted(text: str, client: str, path: str) -> bool:
    """Whether nginx lets a client go to a path of the model."""
    return lookup(map_of(text, "$path_is_granted"), f"{client} {path}") == "yes"


def test_without_limits_every_path_is_granted_to_everybody() -> None:
    text = configuration(deploy("dev"))

    assert map_of(text, "$path_is_granted") == {"default": "yes"}
    assert limits(model_location(text)) == [
        "limit_conn connections_of_client 26",
        "limit_conn connections_of_all 208",
    ]
    assert "limit_req_zone" not in text
    assert "$is_client_" not in text


def test_a_client_with_paths_goes_nowhere_else_and_all_others_go_everywhere() -> None:
    text = rendered({"name": "alice", "paths": [PREDICT, API]}, {"name": "bob"})

    assert [granted(text, "alice", p) for p in (PREDICT, API, STATUS)] == [True, True, False]
    assert all(granted(text, "bob", p) for p in (PREDICT, API, STATUS))


@pytest.mark.parametrize("path", [PREDICT, API, STATUS])
def test_a_path_is_granted_as_a_whole(path: str) -> None:
    text = rendered({"name": "alice", "paths": [path]})

    assert granted(text, "alice", path)
    for other in (f"{path}/", f"{path}x", f"x{path}", path[:-1], "", f"{path} {path}"):
        assert not granted(text, "alice", other)


def test_signs_in_a_name_mean_nothing_in_a_pattern() -> None:
    """A dot is any character, and every name but one would be limited with it."""
    text = rendered(
        {"name": "a.b", "paths": [API]}, {"name": "axb"}, {"name": "a.b-c_d", "paths": [STATUS]}
    )

    assert not granted(text, "a.b", PREDICT)
    assert granted(text, "axb", PREDICT)
    assert granted(text, "a.b-c_d", STATUS)
    assert not granted(text, "a.b-c_d", API)
    assert r"~^a\.b " in map_of(text, "$path_is_granted")


def test_a_name_that_begins_like_another_is_not_limited_with_it() -> None:
    text = rendered({"name": "ali", "paths": [API]}, {"name": "alice"}, {"name": "a"})

    assert granted(text, "alice", PREDICT)
    assert granted(text, "a", PREDICT)
    assert not granted(text, "ali", PREDICT)


def test_whoever_has_no_certificate_is_told_so_and_not_of_paths() -> None:
    text = rendered({"name": "alice", "paths": [API]})

    assert granted(text, "", PREDICT), "the request is refused for another reason, earlier"
    reasons = map_of(text, "$not_granted")
    assert reasons["no"] == "this client may not ask for this path"
    assert "not on the list" in reasons["default"]
    assert map_of(text, "$error_message")["403"] == "$not_granted"


# --- how much --------------------------------------------------------------------------------

LIMITED = {"name": "alice", "requestsPerSecond": 10, "burst": 25, "maxConnections": 3}


def test_a_client_with_limits_has_places_of_its_own_and_nobody_else_is_counted_there() -> None:
    text = rendered({"name": "zoe"}, LIMITED)

    assert map_of(text, "$is_client_1") == {"default": "", "=alice": "$pid"}
    assert directives(text, "limit_req_zone") == [
        ["$is_client_1", "zone=requests_of_client_1:32k", "rate=10r/s"]
    ]
    assert ["$is_client_1", "zone=connections_of_client_1:32k"] in directives(
        text, "limit_conn_zone"
    )
    assert limits(model_location(text)) == [
        "limit_conn connections_of_client 26",
        "limit_req zone=requests_of_client_1 burst=25 nodelay",
        "limit_conn connections_of_client_1 3",
        "limit_conn connections_of_all 208",
    ]


def test_without_a_burst_a_seconds_worth_may_come_at_once() -> None:
    text = rendered({"name": "alice", "requestsPerSecond": 7})

    assert limits(model_location(text))[1:-1] == [
        "limit_req zone=requests_of_client_1 burst=7 nodelay"
    ]


def test_every_limit_is_the_one_of_its_client() -> None:
    text = rendered(
        {"name": "free"},
        {"name": "slow", "requestsPerSecond": 1},
        {"name": "elsewhere", "paths": [API]},
        {"name": "few", "maxConnections": 2},
        {"name": "both", "requestsPerSecond": 5, "maxConnections": 6},
    )

    clients = {
        number: next(name for name in map_of(text, f"$is_client_{number}") if name != "default")
        for number in (1, 2, 3)
    }
    assert clients == {1: "=slow", 2: "=few", 3: "=both"}
    assert [zone[1:] for zone in directives(text, "limit_req_zone")] == [
        ["zone=requests_of_client_1:32k", "rate=1r/s"],
        ["zone=requests_of_client_3:32k", "rate=5r/s"],
    ]
    assert limits(model_location(text))[1:-1] == [
        "limit_req zone=requests_of_client_1 burst=1 nodelay",
        "limit_conn connections_of_client_2 2",
        "limit_req zone=requests_of_client_3 burst=5 nodelay",
        "limit_conn connections_of_client_3 6",
    ]


def test_every_generation_of_a_client_counts_for_the_same_limit() -> None:
    text = rendered({**LIMITED, "generations": [1, 2]})

    assert list(map_of(text, "$client_name").values()) == ["", "alice", "alice"]
    assert map_of(text, "$is_client_1") == {"default": "", "=alice": "$pid"}
    assert len(directives(text, "limit_req_zone")) == 1


def test_who_asks_for_too_much_is_told_so_and_when_to_come_back() -> None:
    text = configuration(deploy("dev"))

    assert directives(text, "limit_req_status") == [["429"]]
    assert directives(text, "limit_conn_status") == [["429"]]
    assert map_of(text, "$retry_after") == {"default": "", "429": "1", "503": "1"}
    headers = [d.arguments for d in parsed(text).walk() if d.name == "add_header"]
    assert ["Retry-After", "$retry_after", "always"] in headers


def test_limits_are_looked_at_after_everything_that_refuses() -> None:
    """`if` is of an earlier phase than limits: who is not let in uses nothing up."""
    location = model_location(rendered(LIMITED))

    assert [d.name for d in location.block or ()][:5] == ["if"] * 5
