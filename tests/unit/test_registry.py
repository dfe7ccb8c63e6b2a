"""The registry: nobody gets in by password, and a push takes a token that soon ends."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qs

import httpx
import pulumi
import pytest

from components import registry
from tests.unit.plugins import PRINCIPAL_ID, SUBSCRIPTION
from tests.unit.program import PUSH_TOKEN, STACKS, deploy
from tests.unit.properties import Secret

ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"


@pytest.mark.parametrize("stack", STACKS)
def test_the_registry_knows_no_password_and_no_anonymous_pull(stack: str) -> None:
    inputs = deploy(stack)["registry-acr"].inputs

    assert inputs["adminUserEnabled"] is False
    assert inputs["anonymousPullEnabled"] is False
    assert inputs["sku"] == {"name": {"prod": "Standard"}.get(stack, "Basic")}
    assert inputs["resourceGroupName"] == deploy(stack)["resource-group"].outputs["name"]


def test_the_registrys_name_is_within_azures_rule_and_ends_at_random() -> None:
    deployment = deploy("dev")
    suffix = deployment["registry-suffix"]
    name = deployment["registry-acr"].inputs["registryName"]

    assert suffix.inputs == {"length": 12, "special": False, "upper": False}
    assert name == f"model{suffix.outputs['result']}"
    assert re.fullmatch(r"[a-z0-9]{5,50}", name)


@pytest.mark.parametrize("stack", STACKS)
def test_the_pull_identity_may_pull_from_this_registry_and_do_nothing_else(stack: str) -> None:
    deployment = deploy(stack)
    (assignment,) = deployment.of("RoleAssignment").values()

    assert assignment.inputs == {
        "roleAssignmentName": deployment["registry-acr-pull-name"].outputs["result"],
        "scope": deployment["registry-acr"].outputs["id"],
        "roleDefinitionId": (
            f"{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{ACR_PULL}"
        ),
        "principalId": PRINCIPAL_ID,
        "principalType": "ServicePrincipal",
    }
    assert set(deployment["registry-pull-identity"].inputs) == {"resourceGroupName", "tags"}


def test_both_images_are_pushed_with_one_secret_token_of_the_deployers() -> None:
    deployment = deploy("dev")
    server = deployment["registry-acr"].outputs["loginServer"]

    assert deployment.calls == [("azure-native:authorization:getClientToken", {})]
    assert deployment.token_exchanges == [
        {"login_server": server, "azure_token": "the deployer's Azure token"}
    ]
    for image in deployment.of("Image").values():
        assert image.inputs["registry"] == {
            "server": server,
            "username": "00000000-0000-0000-0000-000000000000",
            "password": Secret(PUSH_TOKEN),
        }


def test_the_password_of_a_preview_is_empty_and_secret_all_the_same() -> None:
    preview = deploy("dev", preview=True)

    assert [i.inputs["registry"]["password"] for i in preview.of("Image").values()] == [
        Secret(""),
        Secret(""),
    ]


def answering(
    monkeypatch: pytest.MonkeyPatch, handler: Callable[[httpx.Request], httpx.Response]
) -> list[httpx.Request]:
    """Everything asked through httpx goes to `handler`, and comes back as a list."""
    seen: list[httpx.Request] = []

    def record(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return handler(request)

    transports: list[dict[str, object]] = []

    def transport(**options: object) -> httpx.MockTransport:
        transports.append(options)
        return httpx.MockTransport(record)

    monkeypatch.setattr(httpx, "HTTPTransport", transport)
    return seen


def test_an_azure_token_is_traded_for_a_push_token(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = answering(monkeypatch, lambda _: httpx.Response(200, json={"refresh_token": "push"}))

    token = registry._exchange(login_server="r.azurecr.io", azure_token="arm&token")  # noqa: S106

    assert token == "push"  # noqa: S105
    (request,) = seen
    assert (request.method, str(request.url)) == ("POST", "https://r.azurecr.io/oauth2/exchange")
    assert parse_qs(request.content.decode()) == {
        "grant_type": ["access_token"],
        "service": ["r.azurecr.io"],
        "access_token": ["arm&token"],
    }


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_refused_token_says_what_role_is_missing(
    monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    answering(monkeypatch, lambda _: httpx.Response(status, text="a page full of ARM-TOKEN"))

    with pytest.raises(pulumi.RunError) as refused:
        registry._exchange(login_server="r.azurecr.io", azure_token="ARM-TOKEN")  # noqa: S106

    assert str(refused.value) == (
        f"registry r.azurecr.io gave no push token (HTTP {status}). Whoever deploys needs AcrPush "
        "on it: Owner or Contributor of the resource group has it."
    )


def test_a_registry_out_of_reach_says_what_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("Name or service not known")

    answering(monkeypatch, refuse)

    with pytest.raises(pulumi.RunError) as refused:
        registry._exchange(login_server="r.azurecr.io", azure_token="ARM-TOKEN")  # noqa: S106

    assert str(refused.value) == (
        "registry r.azurecr.io could not be reached to obtain a push token (Name or service not "
        "known). Check the network and run `pulumi up` again."
    )
