"""The rendered nginx.conf, as text: what is closed, what is bounded, what is never absolute.

Whether nginx takes it and does what it says is for tests/sidecar, with a real nginx.
"""

from __future__ import annotations

import re

import jinja2
import pytest

from common import routes
from components import nginx_sidecar
from components.nginx_example import VARIABLES
from components.sidecar_sizing import LEAST_MEMORY_IN_GB, sizes
from policy.nginx_conf import parsed
from tests.unit.nginx_conf import configuration, map_of, model_location, only, servers
from tests.unit.program import STACKS, deploy, port


@pytest.mark.parametrize("missing", sorted(VARIABLES.keys() - {"trust_bundle_pem"}))
def test_a_template_variable_that_nobody_gives_is_an_error(missing: str) -> None:
    given = {name: value for name, value in VARIABLES.items() if name != missing}

    with pytest.raises(jinja2.UndefinedError, match=f"'{missing}' is undefined"):
        nginx_sidecar.render(given)


@pytest.mark.parametrize("stack", STACKS)
def test_everything_of_the_template_is_filled_in(stack: str) -> None:
    text = configuration(deploy(stack))

    assert text.endswith("}\n")
    assert not re.search(r"\{\{|\{%|%\}|\}\}$|None|Output|\[\]", text, re.MULTILINE)


@pytest.mark.parametrize("stack", STACKS)
def test_every_server_block_on_the_public_port_insists_on_a_certificate_or_closes(
    stack: str,
) -> None:
    endpoint_port, health_port = port(stack, "endpoint"), port(stack, "health")
    ours, other, health = servers(configuration(deploy(stack)))

    assert only(ours, "listen") == [str(endpoint_port), "ssl"]
    assert only(ours, "ssl_verify_client") == ["on"]
    assert only(ours, "ssl_verify_depth") == ["0"]
    assert only(other, "listen") == [str(endpoint_port), "ssl", "default_server"]
    assert only(other, "ssl_reject_handshake") == ["on"]
    # Without it a client with our name as SNI and another Host would get the default page.
    assert only(other, "return") == ["444"]
    assert only(health, "listen") == [str(health_port), "default_server"]


@pytest.mark.parametrize("stack", STACKS)
def test_the_port_for_probes_leads_nowhere(stack: str) -> None:
    _, _, health = servers(configuration(deploy(stack)))

    assert not [d for d in health.walk() if d.name.startswith("proxy_pass")]
    locations = {
        tuple(d.arguments): [a for r in d.find("return") for a in r.arguments[:1]]
        for d in health.find("location")
    }
    assert locations == {("=", "/health"): [], ("@healthy",): ["200"], ("/",): ["404"]}


def test_a_request_is_looked_at_before_it_goes_to_the_model() -> None:
    location = model_location(configuration(deploy("dev")))

    assert location.arguments == ["/"]
    assert [(" ".join(d.arguments), only(d, "return")[0]) for d in location.find("if")] == [
        ("$host_is_ours = no", "421"),
        ("$client_name = ", "403"),  # the empty name
        ("$verdict = 404", "404"),
        ("$verdict != allowed", "405"),
        ("$path_is_granted = no", "403"),
    ]


def test_error_pages_cannot_be_asked_for() -> None:
    ours, _, _ = servers(configuration(deploy("dev")))
    pages = {d.arguments[-1] for d in ours.find("error_page")}
    internal = {d.arguments[-1] for d in ours.find("location") if d.find("internal")}

    assert pages == internal != set()


@pytest.mark.parametrize("memory_in_gb", [LEAST_MEMORY_IN_GB, 0.5, 1, 240])
@pytest.mark.parametrize("body_in_mb", [1, 8, 64])
def test_what_is_buffered_of_all_clients_together_leaves_room_for_connections_and_pages(
    memory_in_gb: float, body_in_mb: int
) -> None:
    given = sizes(memory_in_gb, body_in_mb)

    assert given.requests * given.body_buffer_in_kb <= given.data_limit_in_kb * 0.625
    assert given.data_limit_in_kb <= (memory_in_gb * 1024 - 96) * 1024
    assert given.requests_per_client * 8 <= given.requests  # one leaves places for others


@pytest.mark.parametrize(("stack", "connections"), [("local", "26"), ("dev", "26"), ("prod", "58")])
def test_a_clients_connections_are_limited(stack: str, connections: str) -> None:
    location = model_location(configuration(deploy(stack)))

    limits = {d.arguments[0]: d.arguments[1] for d in location.find("limit_conn")}
    assert limits["connections_of_client"] == connections
    assert int(limits["connections_of_all"]) >= 8 * int(connections)


def test_what_is_counted_dies_with_the_worker_that_counts() -> None:
    """A worker that is killed takes nothing off; see FAULT-04 with a real one."""
    tree = parsed(configuration(deploy("prod")))
    (http,) = tree.find("http")

    assert only(tree, "worker_processes") == ["1"]
    zones = [d.arguments[0] for d in http.find("limit_conn_zone")]
    assert zones == ["$pid $client_name", "$pid $share"]


@pytest.mark.parametrize("stack", STACKS)
def test_no_session_is_resumed(stack: str) -> None:
    settings = [
        (d.name, d.arguments)
        for d in parsed(configuration(deploy(stack))).walk()
        if d.name.startswith("ssl_session")
    ]

    assert settings == [("ssl_session_cache", ["off"]), ("ssl_session_tickets", ["off"])]


@pytest.mark.parametrize("stack", STACKS)
def test_no_path_is_absolute_so_the_same_file_works_anywhere(stack: str) -> None:
    absolute = {
        (directive.name, argument)
        for directive in parsed(configuration(deploy(stack))).walk()
        for argument in directive.arguments
        if argument.startswith("/")
        and directive.name not in ("location", "error_page", "try_files")  # URLs
    }

    assert absolute == {("access_log", "/dev/stdout")}


@pytest.mark.parametrize("stack", STACKS)
def test_files_are_those_of_the_volume(stack: str) -> None:
    deployment = deploy(stack)
    ours, _, _ = servers(configuration(deployment))
    (volume,) = deployment["endpoint-group"].inputs["volumes"]

    files = ("ssl_certificate", "ssl_certificate_key", "ssl_client_certificate")
    named = [only(ours, file) for file in files]
    assert named == [["server.crt"], ["server.key"], ["ca.crt"]]
    assert {name for (name,) in named} < set(volume["secret"])


@pytest.mark.parametrize("stack", STACKS)
def test_the_endpoint_answers_to_the_names_in_its_certificate(stack: str) -> None:
    deployment = deploy(stack)
    text = configuration(deployment)
    names = deployment["server-request"].inputs["dnsNames"]

    assert only(servers(text)[0], "server_name") == names
    assert map_of(text, "$host_is_ours") == {
        "default": "no",
        **dict.fromkeys(names, "yes"),
        **dict.fromkeys([f"{name}:{port(stack, 'endpoint')}" for name in names], "yes"),
        **dict.fromkeys([f"{name}." for name in names], "yes"),
        **dict.fromkeys([f"{name}.:{port(stack, 'endpoint')}" for name in names], "yes"),
    }


def test_settings_reach_the_configuration() -> None:
    text = configuration(
        deploy(
            "dev",
            {
                "modelName": "other-1",
                "modelPort": 1001,
                "endpointPort": 1002,
                "healthPort": 1003,
                "maxRequestBodyInMB": 3,
                "resources": {
                    "model": {"cpu": 1, "memoryInGB": 1},
                    "sidecar": {"cpu": 1, "memoryInGB": 1},
                },
            },
        )
    )

    tree = parsed(text)
    (http,) = tree.find("http")
    (upstream,) = http.find("upstream")
    assert only(upstream, "server") == ["127.0.0.1:1001"]
    assert [only(s, "listen")[0] for s in http.find("server")] == ["1002", "1002", "1003"]
    assert only(http, "client_max_body_size") == ["3m"]
    (buffer,) = only(http, "client_body_buffer_size")
    assert in_bytes(buffer) == in_bytes("1280k")
    assert "demo" not in str(map_of(text, "$verdict"))
    assert "/v1/models/other-1" in str(map_of(text, "$verdict"))


def in_bytes(size: str) -> int:
    return int(size[:-1]) * {"k": 1024, "m": 1024**2}[size[-1]]


ALLOWED = {
    "POST /v1/models/demo:predict HTTP/1.1",
    "POST /v1/models/demo/versions/1:predict HTTP/1.0",
    "GET /v1/models/demo HTTP/1.1",
    "GET /v1/models/demo/versions/12 HTTP/1.1",
    "GET /v1/models/demo/metadata HTTP/1.1",
    "GET /v1/models/demo/versions/1/metadata HTTP/1.1",
    "GET /openapi.json HTTP/1.1",
    "GET /v2 HTTP/1.1",
    "GET /v2/health/live HTTP/1.1",
    "GET /v2/health/ready HTTP/1.1",
    "GET /v2/models/demo HTTP/1.1",
    "GET /v2/models/demo/versions/3 HTTP/1.1",
    "GET /v2/models/demo/ready HTTP/1.1",
    "GET /v2/models/demo/versions/3/ready HTTP/1.1",
    "POST /v2/models/demo/infer HTTP/1.1",
    "POST /v2/models/demo/versions/3/infer HTTP/1.1",
}
WRONG_METHOD = {
    "GET /v1/models/demo:predict HTTP/1.1": "only-POST",
    "DELETE /v1/models/demo HTTP/1.1": "only-GET",
    "POST /openapi.json HTTP/1.1": "only-GET",
    "GET /v2/models/demo/infer HTTP/1.1": "only-POST",
    "POST /v2/health/live HTTP/1.1": "only-GET",
}
UNKNOWN_ROUTE = {
    "GET / HTTP/1.1",
    "GET /health/ready HTTP/1.1",
    "GET /docs HTTP/1.1",
    "GET /v1/models HTTP/1.1",
    "GET /v1/models/demo/ HTTP/1.1",
    "GET /v1/models/other HTTP/1.1",
    "GET /v1/models/demo2 HTTP/1.1",
    "GET /v1/models/demo?x=1 HTTP/1.1",
    "GET /v1/models/demo/versions/x HTTP/1.1",
    "GET /v1/models/demo/versions/12345678901234567890 HTTP/1.1",
    "GET /openapiXjson HTTP/1.1",
    "GET /v1/models/dem%6f HTTP/1.1",
    "GET /v2/ HTTP/1.1",
    "GET /v2/models/demo/metadata HTTP/1.1",
    "GET /v2/models/other HTTP/1.1",
    "POST /v2/models/demo:predict HTTP/1.1",
    "POST /v2/repository/index HTTP/1.1",
    "POST /v1/models/demo/infer HTTP/1.1",
    "GET /x/../v1/models/demo HTTP/1.1",
    "GET http://demo/v1/models/demo HTTP/1.1",
    "POST /v1/models/demo:predict HTTP/2.0",
    "POST /v1/models/demo:predict HTTP/1.1 x",
    "POST /v1/models/demo:predictions HTTP/1.1",
    "POST /v1/models/demo:predict",
}


@pytest.mark.parametrize(
    ("request_line", "verdict"),
    [
        *((line, "allowed") for line in sorted(ALLOWED)),
        *sorted(WRONG_METHOD.items()),
        *((line, "404") for line in sorted(UNKNOWN_ROUTE)),
    ],
)
def test_only_the_models_routes_are_let_through(request_line: str, verdict: str) -> None:
    rules = map_of(configuration(deploy("dev")), "$verdict")
    default = rules.pop("default")
    assert all(pattern.startswith("~") for pattern in rules)

    # nginx takes the first pattern that matches, in the order of the file.
    hits = [v for pattern, v in rules.items() if re.search(pattern[1:], request_line)]
    assert [*hits, default][0] == verdict


def test_the_model_is_sent_who_calls_and_none_of_the_callers_headers() -> None:
    ours, _, _ = servers(configuration(deploy("dev")))
    (location,) = (d for d in ours.find("location") if d.arguments == ["/"])

    assert only(location, "proxy_pass") == ["http://model"]
    assert only(location, "proxy_pass_request_headers") == ["off"]
    assert {tuple(d.arguments) for d in location.find("proxy_set_header")} == {
        ("Host", "$host"),
        ("Connection", ""),
        ("Content-Type", "$content_type"),
        ("Content-Encoding", "$http_content_encoding"),
        ("Accept", "$http_accept"),
        ("Inference-Header-Content-Length", "$http_inference_header_content_length"),
        ("X-Client-Name", "$client_name"),
        ("X-Client-Serial", "$ssl_client_serial"),
        ("X-Request-ID", "$request_id"),
    }


def test_tls_is_as_mozilla_recommends_it() -> None:
    (http,) = parsed(configuration(deploy("dev"))).find("http")

    assert only(http, "ssl_protocols") == ["TLSv1.2", "TLSv1.3"]
    suites = only(http, "ssl_ciphers")[0].split(":")
    assert all(re.fullmatch(r"ECDHE-(ECDSA|RSA)-(AES\d+-GCM|CHACHA20)-\w+", s) for s in suites)


def test_slow_and_idle_clients_are_bounded() -> None:
    tree = parsed(configuration(deploy("dev")))
    (http,), (events,) = tree.find("http"), tree.find("events")

    assert only(events, "worker_connections") == ["8192"]
    assert only(http, "client_header_timeout") == ["5s"]
    assert only(http, "client_body_timeout") == ["10s"]
    assert http.find("limit_conn_zone")[0].arguments[0] == "$pid $client_name"


def test_versions_are_what_the_model_server_takes() -> None:
    """Both have a rule of their own, since the image holds nothing of the program."""
    project = nginx_sidecar.TEMPLATE.parent.parent
    server = (project / "model_image/model_server/models.py").read_text()

    assert f'r"{routes.VERSION}"' in server
    for name in ("1764115200", "1764115200000000000"):  # seconds, as TensorFlow's exporters; ns
        assert re.fullmatch(routes.VERSION, name)
