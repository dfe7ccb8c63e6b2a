"""The example with which the sidecar's image is built: always the same, and of everything."""

from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
import tarfile
from datetime import UTC, datetime

import jinja2
from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jinja2 import nodes

from components import nginx_example, nginx_sidecar
from program.settings.clients import Client
from tests.unit.program import ROOT, STACKS, deploy


def files() -> dict[str, bytes]:
    archive = io.BytesIO(base64.b64decode(nginx_example.volume()))
    with tarfile.open(fileobj=archive) as tar:
        return {m.name: content.read() for m in tar if (content := tar.extractfile(m))}


def test_it_is_the_same_text_every_time_and_everywhere() -> None:
    """Else the image would be built again by anyone who deploys next."""
    program = "from components import nginx_example as e; print(e.volume())"
    environment = {"PATH": os.environ["PATH"], "PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo"}
    elsewhere = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()

    assert nginx_example.volume() == nginx_example.volume() == elsewhere


def test_it_is_the_same_in_every_stack_whatever_the_stack_file_says() -> None:
    limited = {"clients": [{"name": "a", "requestsPerSecond": 1}], "modelName": "other"}
    builds = [*(deploy(stack) for stack in STACKS), deploy("dev", limited)]

    volumes = {d["sidecar-image-build"].inputs["build"]["args"]["EXAMPLE_VOLUME"] for d in builds}

    assert volumes == {nginx_example.volume()}


def test_it_fits_where_a_build_argument_goes() -> None:
    """Linux takes at most 128 KiB for one variable of a process (execve(2))."""
    assert len("EXAMPLE_VOLUME=" + nginx_example.volume()) < 128 * 1024


def test_it_has_the_files_of_the_volume() -> None:
    (volume,) = deploy("dev")["endpoint-group"].inputs["volumes"]

    assert set(files()) == set(volume["secret"])


def test_its_certificate_is_worth_nothing_and_fits_its_key() -> None:
    certificate = x509.load_pem_x509_certificate(files()["server.crt"])
    key = load_pem_private_key(files()["server.key"], password=None)

    assert certificate.public_key() == key.public_key()
    assert certificate.not_valid_after_utc < datetime(2026, 2, 1, tzinfo=UTC)
    assert not list(certificate.extensions)


def test_it_goes_through_every_branch_of_the_template() -> None:
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=True)
    environment.filters["regex_escape"] = str
    tree = environment.parse(nginx_sidecar.TEMPLATE.read_text())
    reached: set[str] = set()

    def reach(text: str, place: str) -> str:
        reached.add(place)
        return text

    environment.filters["reached"] = reach
    places = mark(tree)

    environment.from_string(tree).render(nginx_example.VARIABLES)

    assert reached == places
    assert len(places) >= 15


def mark(tree: nodes.Template) -> set[str]:
    """Makes every branch of a template tell when it is gone through, and returns their names.

    A branch is the body of a loop, and both ways of a condition: `if`, and what a loop skips.
    """
    places: set[str] = set()

    def tell(place: str) -> nodes.Output:
        places.add(place)
        word = nodes.Filter(nodes.Const(""), "reached", [nodes.Const(place)], [], None, None)
        return nodes.Output([word])

    for loop in list(tree.find_all(nodes.For)):
        loop.body.insert(0, tell(f"line {loop.lineno}: in the loop"))
    for number, condition in enumerate(list(tree.find_all(nodes.If))):
        condition.body.insert(0, tell(f"line {condition.lineno}, {number}: yes"))
        condition.else_.insert(0, tell(f"line {condition.lineno}, {number}: no"))
    return places


def test_it_has_clients_with_each_limit_alone_and_with_all_of_them() -> None:
    given = {
        frozenset(
            name
            for name in ("paths", "requests_per_second", "burst", "max_connections")
            if getattr(client, name) is not None
        )
        for client in nginx_example.ENFORCED.limits
    }

    assert {
        frozenset({"paths"}),
        frozenset({"requests_per_second"}),
        frozenset({"max_connections"}),
        frozenset({"paths", "requests_per_second", "burst", "max_connections"}),
    } <= given
    no_limits = {"name", "generations", "readers", "reader_groups"}
    assert set(Client.model_fields) - no_limits == frozenset().union(*given), (
        "a stack file has a limit that the example has not"
    )
