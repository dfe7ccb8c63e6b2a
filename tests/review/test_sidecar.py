"""What is read back from a configuration, against what the template writes."""

from __future__ import annotations

from components import nginx_example, nginx_sidecar
from review.sidecar import Rights, Sidecar, parsed


def test_rights_and_names_are_read_as_the_template_writes_them() -> None:
    assert parsed(nginx_sidecar.render(nginx_example.VARIABLES)) == Sidecar(
        server_names=("localhost", "model.example.com"),
        max_body_in_mb=8,
        rights={
            "limited": Rights(
                paths=frozenset(["/v1/models/example:predict"]),
                requests_per_second=10,
                burst=20,
                max_connections=4,
            ),
            "a.b-c_d": Rights(paths=frozenset(["/openapi.json"])),
            "rate": Rights(requests_per_second=1, burst=1),
            "connections": Rights(max_connections=1),
        },
    )


def test_a_configuration_that_is_hidden_is_not_known() -> None:
    assert parsed("[secret]") is None
