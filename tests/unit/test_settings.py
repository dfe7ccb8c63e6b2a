"""What a stack file may say: the schema in `Pulumi.yaml` and the settings tell the same story."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic_core import PydanticUndefined

from program.settings import StackSettings, regions, stack_config
from program.settings.certificates import ValidityDays
from program.settings.sizes import ContainerResources
from tests.unit.plugins import private_key_pem
from tests.unit.program import ROOT, STACKS, as_config, config_of, run, schema, stack_file
from tests.unit.refused.names import LONG_NAME

REQUIRED = {"modelName", "dnsLabel", "clients"}


def load(stack: str, overrides: dict[str, Any] | None = None) -> StackSettings:
    return load_config(config_of(stack, overrides), stack)


def load_config(config: dict[str, str], stack: str = "dev") -> StackSettings:
    loaded: list[StackSettings] = []
    result = run(lambda: loaded.append(StackSettings.load()), stack=stack, config=config)
    assert result.error is None, result.error
    return loaded[0]


def fields() -> dict[str, Any]:
    by_key = {str(field.alias): field for field in StackSettings.model_fields.values()}
    del by_key["azure-native:location"]  # declared by its own provider
    return by_key


def test_pulumi_yaml_and_the_settings_know_the_same_keys() -> None:
    assert set(schema()) == set(fields())


def test_the_same_keys_are_required() -> None:
    """Without a default the engine would refuse them itself, and not say what to type."""
    required = {key for key, declared in schema().items() if declared["default"] == ""}
    assert required == REQUIRED
    assert all(schema()[key]["description"].startswith("Required. ") for key in REQUIRED)
    assert {key for key, field in fields().items() if field.is_required()} == REQUIRED


@pytest.mark.parametrize("key", sorted(set(schema()) - REQUIRED))
def test_a_default_is_the_same_on_both_sides(key: str) -> None:
    field = fields()[key]
    assert field.default is not PydanticUndefined
    required = {k: v for k, v in stack_file("dev").items() if k in REQUIRED or ":" in k}
    project = "mtls-model-endpoint"
    text_only = {k if ":" in k else f"{project}:{k}": v for k, v in as_config(required).items()}
    without = {k: v for k, v in text_only.items() if k != f"{project}:{key}"}

    by_schema, by_settings = load_config(text_only), load_config(without)

    assert by_schema == by_settings
    (name,) = (n for n, f in StackSettings.model_fields.items() if f.alias == key)
    assert getattr(by_settings, name) == field.default


@pytest.mark.parametrize("key", schema())
def test_every_key_has_a_default_and_a_description_that_is_a_sentence(key: str) -> None:
    """And no type: the engine would refuse another itself, and not say what to type."""
    declared = schema()[key]

    assert set(declared) == {"default", "description"}
    assert len(declared["description"]) > 20
    assert declared["description"].endswith(".")


@pytest.mark.parametrize("stack", STACKS)
def test_a_committed_stack_file_is_accepted(stack: str) -> None:
    assert load(stack).model_name == "demo"


def test_these_are_all_committed_stack_files() -> None:
    assert {path.name for path in ROOT.glob("Pulumi.*.yaml")} == {
        f"Pulumi.{stack}.yaml" for stack in STACKS
    }


@pytest.mark.parametrize("stack", STACKS)
def test_a_committed_stack_file_says_nothing_that_nobody_declared(stack: str) -> None:
    assert set(stack_file(stack)) <= {*schema(), "azure-native:location"}


def test_production_differs_from_development_where_it_matters() -> None:
    dev, prod = load("dev"), load("prod")

    assert (dev.environment, prod.environment) == ("dev", "prod")
    assert prod.tls == "mtls"
    assert prod.log_retention_days > dev.log_retention_days
    assert prod.certificates.validity_days.ca > dev.certificates.validity_days.ca
    assert prod.dns_label != dev.dns_label


def test_numbers_may_be_given_as_text_because_that_is_how_pulumi_config_set_leaves_them() -> None:
    sizes = {"model": {"cpu": "2", "memoryInGB": "1.5"}}
    days = {
        "validityDays": {"ca": "20", "server": "5", "client": "4"},
        "expiry": {"failDays": "0"},
    }
    loaded = load("dev", {"resources": sizes, "certificates": days, "endpointPort": "8443"})

    assert loaded.resources.model == ContainerResources(cpu=2, memoryInGB=1.5)
    assert loaded.certificates.validity_days == ValidityDays(ca=20, server=5, client=4)
    assert loaded.endpoint_port == 8443


LIMITS: dict[str, dict[str, Any]] = {
    "the lowest port": {"modelPort": 1},
    "the highest port": {"endpointPort": 65535},
    "the longest label": {"dnsLabel": "a" * 56},
    "the shortest label": {"dnsLabel": "a"},
    "the longest model name": {"modelName": "a" * 48},
    "the longest client name": {"clients": [{"name": "a" * 64}]},
    "a client name of all that is allowed": {"clients": [{"name": "a.b_c-9"}]},
    "the shortest validity": {
        "certificates": {
            "validityDays": {"ca": 6, "server": 2, "client": 2},
            "expiry": {"failDays": 0},
        }
    },
    "leaves as long as the CA's window": {
        "certificates": {
            "validityDays": {"ca": 100, "server": 99, "client": 99},
            "renewBeforeDays": {"ca": 99, "server": 98, "client": 98},
        }
    },
    "a century": {"certificates": {"validityDays": {"ca": 36500}}},
    "the narrowest windows": {
        "certificates": {
            "renewBeforeDays": {"server": 1, "client": 1},
            "expiry": {"failDays": 0},
        }
    },
    "another generation of the server": {"certificates": {"serverGeneration": 1_000_000}},
    "no gate": {"certificates": {"expiry": {"warnDays": 0, "failDays": 0}}},
    "a gate that only fails": {"certificates": {"expiry": {"warnDays": 7, "failDays": 7}}},
    "the widest gate": {"certificates": {"expiry": {"warnDays": 3650, "failDays": 120}}},
    "clocks that are an hour behind": {"certificates": {"clockSkewMinutes": 60}},
    "a CA that is not the first": {"certificates": {"ca": {"trusted": [7]}}},
    "the first of two CAs signs": {"certificates": {"ca": {"trusted": [1, 2], "issuing": 1}}},
    "the second of two CAs signs": {"certificates": {"ca": {"trusted": [2, 1], "issuing": 2}}},
    "several generations of a client": {"clients": [{"name": "a", "generations": [3, 1]}]},
    "the widest limits": {
        "clients": [
            {
                "name": "a",
                "requestsPerSecond": 10_000,
                "burst": 100_000,
                "maxConnections": 10_000,
            }
        ]
    },
    "the narrowest limits": {
        "clients": [{"name": "a", "requestsPerSecond": 1, "burst": 1, "maxConnections": 1}]
    },
    "keys without a value are as good as none": {
        "clients": [
            {
                "name": "a",
                "paths": None,
                "requestsPerSecond": None,
                "burst": None,
                "maxConnections": None,
            }
        ],
        "certificates": {"renewBeforeDays": {"ca": None}, "ca": {"trusted": None}},
    },
    "every path of the model": {
        "clients": [
            {
                "name": "a",
                "paths": [
                    "/v1/models/demo",
                    "/v1/models/demo:predict",
                    "/v1/models/demo/metadata",
                    "/v1/models/demo/versions/1",
                    "/v1/models/demo/versions/123456789:predict",
                    "/v1/models/demo/versions/0/metadata",
                    "/openapi.json",
                    "/v2",
                    "/v2/health/live",
                    "/v2/health/ready",
                    "/v2/models/demo",
                    "/v2/models/demo/infer",
                    "/v2/models/demo/versions/1/infer",
                    "/v2/models/demo/versions/1/ready",
                ],
            }
        ]
    },
    "as much CPU and memory as Azure has": {
        "resources": {
            "model": {"cpu": 30, "memoryInGB": 239},
            "sidecar": {"cpu": 1, "memoryInGB": 1},
        }
    },
    "as little CPU and memory as Azure takes": {
        "maxRequestBodyInMB": 4,
        "resources": {
            "model": {"cpu": 0.5, "memoryInGB": 0.5},
            "sidecar": {"cpu": 0.5, "memoryInGB": 0.5},
        },
    },
    # Only the model's container counts where there is no sidecar.
    "all CPUs for the model alone": {
        "tls": "none",
        "resources": {"model": {"cpu": 31, "memoryInGB": 240}},
    },
    "logs for two years": {"logRetentionDays": 730},
    "the largest bodies": {
        "maxRequestBodyInMB": 64,
        "resources": {"model": {"cpu": 1, "memoryInGB": 3.6}},
    },
    "the largest bodies for the least memory": {
        "maxRequestBodyInMB": 23,
        "resources": {"model": {"cpu": 1, "memoryInGB": 1.5}},
    },
    "a prebuilt image has a memory of its own": {
        "maxRequestBodyInMB": 64,
        "modelImage": {"ref": f"r.io/a@sha256:{'f' * 64}"},
    },
    "no client at all without TLS": {"clients": [], "tls": "none"},
    "a test stack without TLS": {"environment": "test", "tls": "none"},
    "an image by tag and digest": {"modelImage": {"ref": f"r.io/a/b:1@sha256:{'0' * 64}"}},
    "an image on a port": {"modelImage": {"ref": f"r.io:5000/a@sha256:{'f' * 64}"}},
    "a region as it is written": {"azure-native:location": "West Europe"},
    "as many of the longest names as a certificate holds": {
        "serverNames": [f"n{i:02}{LONG_NAME[3:]}" for i in range(100)]
    },
    "names in Punycode": {"serverNames": ["xn--bcher-kva.example.com", "xn--i-7iq.ws"]},
    "the longest tag": {"tags": {"n" * 512: "v" * 256}},
}


@pytest.mark.parametrize("case", LIMITS)
def test_what_is_just_within_the_limits_is_accepted(case: str) -> None:
    load("dev", LIMITS[case])


def test_config_in_the_environment_counts_too_and_less_than_the_engines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG", '{"mtls-model-endpoint:modelName": "other"}')
    config = config_of("dev")

    assert load_config(config).model_name == "demo"
    del config["mtls-model-endpoint:modelName"]
    assert load_config(config).model_name == "other"


def test_settings_do_not_change_after_they_were_read() -> None:
    loaded = load("dev")

    with pytest.raises(ValueError, match="frozen"):
        loaded.tls = "none"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (
            "mtls-model-endpont:environment",
            "did you mean mtls-model-endpoint:environment? allowed are mtls-model-endpoint, ",
        ),
        ("azure-nativ:location", "did you mean azure-native:location? "),
        ("something:else", "something:else: nobody reads this namespace; allowed are "),
    ],
)
def test_a_namespace_that_nobody_reads_is_refused(key: str, sentence: str) -> None:
    """`mtls-model-endpont:environment: prod` was ignored, and nothing protected."""
    refused = str(run(StackSettings.load, config={**config_of("dev"), key: "prod"}).error)

    assert sentence in refused
    if "mean" in sentence:
        assert "config rm" not in refused  # a remedy takes nothing away


@pytest.mark.parametrize(
    "key", ["azure-native:subscriptionId", "docker:host", "pulumi:disable-default-providers"]
)
def test_what_providers_and_the_engine_read_is_taken(key: str) -> None:
    load_config({**config_of("dev"), key: "x"})


def test_a_stack_file_that_says_something_twice_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The engine takes one of the two without a word: the second list of clients, say."""
    text = (stack_config.STACK_FILES / "Pulumi.dev.yaml").read_text()
    shutil.copy(stack_config.STACK_FILES / "Pulumi.yaml", tmp_path)
    (tmp_path / "Pulumi.dev.yaml").write_text(f"{text}  modelName: another\n")
    monkeypatch.setattr(stack_config, "STACK_FILES", tmp_path)

    refused = str(run(StackSettings.load, config=config_of("dev")).error)

    assert "modelName" in refused
    assert "line" in refused


@pytest.mark.parametrize(
    ("key", "text", "written"),
    [
        (
            "clients",
            '[{"name": "alice"},\n {"name": "Bob"}]',
            '[{"name": "alice"}, {"name": "Bob"}]',
        ),
        ("tags", '{"owner": "a", "owner": "b"}', '{"owner": "a", "owner": "b"}'),
        ("tags", f'{{"k": {json.dumps(private_key_pem("k"))}}}', '{"k": "[secret]\\n"}'),
    ],
    ids=["a good client beside a bad one", "a name that is there twice", "a key"],
)
def test_json_in_quotes_is_refused_with_the_same_as_yaml(
    key: str, text: str, written: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Every other advice would put one value in the place of all that are in the text."""
    file = {"config": {f"mtls-model-endpoint:{key}": text}}
    shutil.copy(stack_config.STACK_FILES / "Pulumi.yaml", tmp_path)
    (tmp_path / "Pulumi.dev.yaml").write_text(yaml.safe_dump(file))
    monkeypatch.setattr(stack_config, "STACK_FILES", tmp_path)

    refused = str(run(StackSettings.load, config=config_of("dev", {key: text})).error)

    assert refused == (
        f"Pulumi.dev.yaml cannot be deployed:\n  {key}: a list or map in quotes is not allowed; it "
        f"takes the same as YAML. Write in Pulumi.dev.yaml: {key}: {written}"
    )


def test_regions_are_those_that_the_stack_files_policies_and_prices_name() -> None:
    known = {regions.programmatic(region) for region in regions.REGIONS}
    policy = json.loads((ROOT / "policy/config/prod.json").read_bytes())["allowed-locations"]
    prices = json.loads((ROOT / "review/prices.json").read_bytes())["containerInstances"]

    assert list(regions.REGIONS) == sorted(regions.REGIONS)
    assert {*policy["allowed"], *prices, *(load(stack).region for stack in STACKS)} <= known


@pytest.mark.parametrize("written", ["West Europe", "westeurope", "WestEurope"])
def test_a_region_is_taken_as_azure_takes_it(written: str) -> None:
    assert load("dev", {"azure-native:location": written}).region == "westeurope"
