"""Keys that are missing, and keys that do not exist."""

from __future__ import annotations

from program.settings import regions
from tests.unit.refused.group import CPU, MEMORY
from tests.unit.refused.names import CLIENT_NAME, DNS_LABEL, MODEL_NAME, bad_name, bad_port
from tests.unit.refused.words import Cases, missing, names, unknown, wrong

TOP_LEVEL = (
    "allowed are environment, tls, modelName, modelImage, modelPort, endpointPort, healthPort, "
    "dnsLabel, dnsLabelScope, serverNames, resources, maxRequestBodyInMB, clients, certificates, "
    "registrySku, rolePropagationMinutes, logRetentionDays, tags. "
)
CLIENT = "name, generations, paths, requestsPerSecond, burst, maxConnections, readers, readerGroups"

CASES: Cases = {
    # Keys that are missing.
    "no model name": (
        {"modelName": None},
        [missing("modelName", MODEL_NAME, "modelName demo")],
    ),
    "no label": ({"dnsLabel": None}, [missing("dnsLabel", DNS_LABEL, "dnsLabel model-dev")]),
    "no clients": (
        {"clients": None},
        [missing("clients", "a list of {name: ...}", "--path 'clients[0].name' billing")],
    ),
    "no region": (
        {"azure-native:location": None},
        [missing("azure-native:location", regions.ALLOWED, "azure-native:location westeurope")],
    ),
    "no memory": (
        {"resources": {"model": {"cpu": 1}}},
        [missing("resources.model.memoryInGB", MEMORY, "--path resources.model.memoryInGB 1.5")],
    ),
    "no CPU": (
        {"resources": {"sidecar": {"memoryInGB": 1}}},
        [missing("resources.sidecar.cpu", CPU, "--path resources.sidecar.cpu 1")],
    ),
    "a client without a name": (
        {"clients": [{"name": "a"}, {}]},
        [missing("clients[1].name", CLIENT_NAME, "--path 'clients[1].name' billing")],
    ),
    # Keys that do not exist, often because they are misspelt.
    "misspelt key": (
        {"modelName": None, "modelNam": "demo"},
        [
            f"modelNam: there is no such key; did you mean modelName? {TOP_LEVEL}"
            "Rename: modelNam to modelName",
        ],
    ),
    "unknown key": (
        {"flavour": "x"},
        [f"flavour: there is no such key; {TOP_LEVEL}Type: pulumi config rm flavour"],
    ),
    # With --path the command would take the good value away, and leave this one.
    "path that was set without --path": (
        {"clients[0].name": "bob"},
        [
            "clients[0].name: there is no such key (a path into a key is set with `pulumi config "
            f"set --path`); {TOP_LEVEL}Type: pulumi config rm -- 'clients[0].name'"
        ],
    ),
    "key that looks like an option": (
        {"--help": "1"},
        [
            "--help: there is no such key (a path into a key is set with `pulumi config set "
            f"--path`); {TOP_LEVEL}Type: pulumi config rm -- --help"
        ],
    ),
    "key in Python's spelling": (
        {"model_name": "demo"},
        [
            f"model_name: there is no such key; did you mean modelName? {TOP_LEVEL}"
            "Type: pulumi config rm model_name"
        ],
    ),
    "misspelt container": (
        {"resources": {"modle": {"cpu": 1, "memoryInGB": 1}}},
        [
            unknown("resources.modle", "model, sidecar", meant="model"),
        ],
    ),
    "misspelt unit": (
        {"resources": {"model": {"cpu": 1, "memoryInGb": 1}}},
        [
            unknown("resources.model.memoryInGb", "cpu, memoryInGB", meant="memoryInGB"),
        ],
    ),
    "misspelt role": (
        {"certificates": {"validityDays": {"clients": 30}}},
        [
            unknown("certificates.validityDays.clients", "ca, server, client", meant="client"),
        ],
    ),
    "unknown key of the image": (
        {"modelImage": {"tag": "1"}},
        [
            "modelImage.tag: there is no such key; allowed are context, model, trustPickle, "
            "buildArgs, ref. Type: pulumi config rm --path modelImage.tag"
        ],
    ),
    "misspelt key of a client": (
        {"clients": [{"nam": "alice"}]},
        [
            unknown("clients[0].nam", CLIENT, meant="name"),
        ],
    ),
    "misspelt number of a client": (
        {"clients": [{"name": "a", "generation": [1]}]},
        [unknown("clients[0].generation", CLIENT, meant="generations")],
    ),
    "rate in Python's spelling": (
        {"clients": [{"name": "a", "requests_per_second": 1}]},
        [unknown("clients[0].requests_per_second", CLIENT, meant="requestsPerSecond")],
    ),
    "misspelt window": (
        {"certificates": {"renewBeforeDays": {"clients": 5}}},
        [unknown("certificates.renewBeforeDays.clients", "ca, server, client", meant="client")],
    ),
    "misspelt gate": (
        {"certificates": {"expiry": {"failDay": 5}}},
        [unknown("certificates.expiry.failDay", "warnDays, failDays", meant="failDays")],
    ),
    "misspelt CA": (
        {"certificates": {"ca": {"issuer": 1}}},
        [unknown("certificates.ca.issuer", "trusted, issuing", meant="issuing")],
    ),
    "misspelt skew": (
        {"certificates": {"clockSkew": 5}},
        [
            unknown(
                "certificates.clockSkew",
                "keyAlgorithm, validityDays, renewBeforeDays, serverGeneration, ca, authority, "
                "alsoTrust, expiry, clockSkewMinutes",
                meant="clockSkewMinutes",
            )
        ],
    ),
    # More than one at once, each with its sentence.
    "many": (
        {"tls": "off", "modelPort": 0, **names("A"), "flavour": "x"},
        [
            wrong("tls", "off", "one of mtls, none", "pulumi config set tls mtls"),
            bad_port("modelPort", "0", 8501),
            bad_name(0, "A", "a"),
            f"flavour: there is no such key; {TOP_LEVEL}Type: pulumi config rm flavour",
        ],
    ),
}
