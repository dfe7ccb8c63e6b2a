"""Names, ports, choices and tags that may not stand in a stack file."""

from __future__ import annotations

from program.settings import regions
from tests.unit.refused.words import Cases, absent, names, put, write, wrong

MODEL_NAME = "1 to 48 letters, digits, '_' or '-' (it is part of the URL)"
DNS_LABEL = (
    "1 to 56 lower-case letters, digits or '-', beginning with a letter and not ending with '-' "
    "(seven more characters make it unique; Azure takes 63)"
)
CLIENT_NAME = (
    "a name of 1 to 64 lower-case letters, digits, '.', '_' or '-' that begins and ends with a "
    "letter or digit (it becomes the certificate's common name and a folder's name)"
)
DNS_NAME = "a DNS name in lower case of up to 231 characters, without scheme, port or wildcard"
OWN_TAGS = "names other than project, stack, environment, which every resource has already"
NUMBER = "a DNS name, whose last part is no number (an IP address is none)"
PUNYCODE = "parts with xn-- that are a name's in Punycode"
AZURES = "names of your own (the endpoint's name in Azure is in the certificate anyway)"
LONG_NAME = ".".join(["a" * 57] * 4)
"""The longest that is taken."""
PORT = "a TCP port from 1 to 65535 that no other key uses"
SHARED = "the containers of a group share their ports"
TAGS = (
    "at most 40 tags; names of up to 512 characters without <>%&\\?/, texts of up to 256 (numbers "
    "in quotes)"
)


def bad_name(index: int, value: object, good: str = "billing") -> str:
    key = f"clients[{index}].name"
    return wrong(key, value, CLIENT_NAME, put(key, good))


def bad_dns_name(value: str, good: str = "model.example.com") -> str:
    typed = f"pulumi config set --path 'serverNames[0]' {good}"
    return wrong("serverNames[0]", value, DNS_NAME, typed)


def unusable_name(index: int, value: str, allowed: str) -> str:
    key = f"serverNames[{index}]"
    return wrong(key, value, allowed, f"pulumi config rm --path '{key}'")


def bad_port(key: str, value: str, good: int) -> str:
    return wrong(key, value, PORT, f"pulumi config set {key} {good}")


def taken_port(key: str, value: int, other: str, good: int) -> str:
    allowed = f"a port that no other key uses ({other} has it: {SHARED})"
    return wrong(key, value, allowed, f"pulumi config set {key} {good}")


def bad_tag(name: str, allowed: str) -> str:
    key = f'tags["{name}"]'
    return wrong(key, "x", allowed, f"pulumi config rm --path '{key}'")


CASES: Cases = {
    # Clients.
    "the same client twice": (
        names("a", "b", "a"),
        [wrong("clients[2]", "a", "each name once", "pulumi config rm --path 'clients[2]'")],
    ),
    "two clients of one name": (
        {"clients": [{"name": "a"}, {"name": "a", "generations": [2]}]},
        [wrong("clients[1]", "a", "each name once", put("clients[1].name", "a-2"))],
    ),
    "client without letters": (names(""), [absent(bad_name(0, ""))]),
    "client in capitals": (names("Alice"), [bad_name(0, "Alice", "alice")]),
    "client that leaves its folder": (names("../a"), [bad_name(0, "../a", "a")]),
    "client that is a path": (names("a/b"), [bad_name(0, "a/b", "a-b")]),
    "client that is an option": (names("-a"), [bad_name(0, "-a", "a")]),
    "client that ends with a dot": (names("a."), [bad_name(0, "a.", "a")]),
    "client with a blank": (names("a b"), [bad_name(0, "a b", "a-b")]),
    "client that is nginx": (names('a"; }'), [bad_name(0, 'a"; }', "a")]),
    "client with a line's end": (names("a\n"), [bad_name(0, "a\n", "a")]),
    "client with an umlaut": (names("bär"), [bad_name(0, "bär", "b-r")]),
    "client too long for a common name": (names("a" * 65), [bad_name(0, "a" * 65, "a" * 64)]),
    "client that is a number": (
        names(42),
        [
            wrong(
                "clients[0].name",
                42,
                CLIENT_NAME,
                "pulumi config set --path --type string 'clients[0].name' 42",
            )
        ],
    ),
    "two bad clients": (names("A", "b", "C"), [bad_name(0, "A", "a"), bad_name(2, "C", "c")]),
    "clients as plain names": (
        {"clients": ["alice"]},
        [
            wrong(
                "clients[0]",
                "alice",
                "an object with name, generations, paths, requestsPerSecond, burst, "
                "maxConnections, readers, readerGroups",
                write("clients[0]", {"name": "alice"}),
            )
        ],
    ),
    "clients as text": (
        {"clients": "alice"},
        [
            wrong(
                "clients",
                "alice",
                "a list of {name: ...}",
                put("clients[0].name", "alice"),
            )
        ],
    ),
    # Names of the endpoint.
    "the same name twice": (
        {"serverNames": ["a.example.com", "a.example.com"]},
        [
            wrong(
                "serverNames[1]",
                "a.example.com",
                "each name once",
                "pulumi config rm --path 'serverNames[1]'",
            )
        ],
    ),
    "name with a scheme": (
        {"serverNames": ["https://a.example.com"]},
        [bad_dns_name("https://a.example.com", "a.example.com")],
    ),
    "name with a wildcard": ({"serverNames": ["*.example.com"]}, [bad_dns_name("*.example.com")]),
    "name in capitals": (
        {"serverNames": ["A.example.com"]},
        [bad_dns_name("A.example.com", "a.example.com")],
    ),
    "name with a port": ({"serverNames": ["a.com:443"]}, [bad_dns_name("a.com:443", "a.com")]),
    "name of a zone's file": (
        {"serverNames": ["A.example.com."]},
        [bad_dns_name("A.example.com.", "a.example.com")],
    ),
    "name with a gap": ({"serverNames": ["a..com"]}, [bad_dns_name("a..com")]),
    "label of a name too long": (
        {"serverNames": ["a" * 64 + ".com"]},
        [bad_dns_name("a" * 64 + ".com")],
    ),
    "name too long for nginx": (
        {"serverNames": ["b" + LONG_NAME]},
        [
            f'serverNames[0]: "b{LONG_NAME[:75]}... is not allowed; it takes {DNS_NAME}. '
            "Type: pulumi config set --path 'serverNames[0]' model.example.com"
        ],
    ),
    **{
        f"name that clients cannot find, {name}": (
            {"serverNames": ["model.example.com", name]},
            [unusable_name(1, name, allowed)],
        )
        for name, allowed in (
            ("127.0.0.1", NUMBER),
            ("example.0x7f", NUMBER),
            ("model.123", NUMBER),
            ("demo-dev-abcdefg.westeurope.azurecontainer.io", AZURES),
            *(
                (f"{label}.example.com", f"{PUNYCODE}, and {label} is none")
                for label in ("xn--a", "xn--abc-0", "xn--99999999999")
            ),
        )
    },
    "more names than a certificate holds": (
        {"serverNames": [f"n{i}.example.com" for i in range(101)]},
        [
            unusable_name(
                100,
                "n100.example.com",
                "at most 100 names, here are 101 (clients refuse larger certificates)",
            )
        ],
    ),
    "scope that Azure does not have": (
        {"dnsLabelScope": "tenantReuse", "serverNames": ["model.example.com"]},
        [
            wrong(
                "dnsLabelScope",
                "tenantReuse",
                "one of Unsecure, TenantReuse",
                "pulumi config set dnsLabelScope TenantReuse",
            )
        ],
    ),
    "scope with a hash, and no other name": (
        {"dnsLabelScope": "TenantReuse"},
        [
            wrong(
                "dnsLabelScope",
                "TenantReuse",
                "Unsecure where there are no serverNames (Azure's name has a hash in it then, so "
                "the server certificate cannot hold it)",
                "pulumi config set --path 'serverNames[0]' model.example.com",
            )
        ],
    ),
    "names as text": (
        {"serverNames": "a.example.com"},
        [
            wrong(
                "serverNames",
                "a.example.com",
                "a list of DNS names",
                put("serverNames[0]", "a.example.com"),
            )
        ],
    ),
    # Ports.
    "port 0": ({"modelPort": 0}, [bad_port("modelPort", "0", 8501)]),
    "port too high": ({"endpointPort": 70000}, [bad_port("endpointPort", "70000", 443)]),
    "port below 0": ({"healthPort": -1}, [bad_port("healthPort", "-1", 8502)]),
    "port that is a word": ({"modelPort": "http"}, [bad_port("modelPort", "http", 8501)]),
    "half a port": ({"endpointPort": 443.5}, [bad_port("endpointPort", "443.5", 443)]),
    "port that is yes": ({"endpointPort": True}, [bad_port("endpointPort", "true", 443)]),
    "endpoint on the model's port": (
        {"endpointPort": 8501},
        [taken_port("endpointPort", 8501, "modelPort", 8503)],
    ),
    "probes on the endpoint's port": (
        {"healthPort": 443},
        [taken_port("healthPort", 443, "endpointPort", 8502)],
    ),
    "probes on the model's port": (
        {"modelPort": 8502},
        [taken_port("healthPort", 8502, "modelPort", 8501)],
    ),
    # Names within Azure's rules, and in the URL.
    **{
        f"label {label!r}": (
            {"dnsLabel": label},
            [absent(wrong("dnsLabel", label, DNS_LABEL, f"pulumi config set dnsLabel {good}"))],
        )
        for label, good in {
            "": "model-dev",
            "1demo": "demo",
            "-demo": "demo",
            "Demo": "demo",
            "demo-": "demo",
            "de_mo": "de-mo",
            "a" * 57: "a" * 56,
        }.items()
    },
    **{
        f"model {name!r}": (
            {"modelName": name},
            [absent(wrong("modelName", name, MODEL_NAME, f"pulumi config set modelName {good}"))],
        )
        for name, good in {
            "": "demo",
            "a b": "a-b",
            "a/b": "a-b",
            "x$": "x",
            "_x": "x",
            "a.b": "a-b",
            "a" * 49: "a" * 48,
        }.items()
    },
    **{
        f"region {region!r}": (
            {"azure-native:location": region},
            [
                wrong(
                    "azure-native:location",
                    region,
                    regions.ALLOWED,
                    f"pulumi config set azure-native:location {good}",
                )
            ],
        )
        for region, good in {
            "2west": "westeurope",
            "west-europe": "westeurope",
            "west.europe": "westeurope",
            "westerope": "westeurope",
            "Mars Central": "westeurope",
            "Sweden Centrl": "swedencentral",
            "eastus4": "eastus",
            # Another cloud of Azure's: the name in the server's certificate would be wrong.
            "usgovvirginia": "westeurope",
            "China North 3": "westeurope",
        }.items()
    },
    # Choices and numbers.
    "unknown environment": (
        {"environment": "production"},
        [
            wrong(
                "environment",
                "production",
                "one of dev, test, prod",
                "pulumi config set environment prod",
            )
        ],
    ),
    "unknown kind of TLS": (
        {"tls": "off"},
        [wrong("tls", "off", "one of mtls, none", "pulumi config set tls mtls")],
    ),
    "production without TLS": (
        {"environment": "prod", "tls": "none"},
        [
            wrong(
                "tls",
                "none",
                "mtls when environment is prod (plain HTTP is for throw-away trials)",
                "pulumi config set tls mtls",
            )
        ],
    ),
    "unknown SKU": (
        {"registrySku": "basic"},
        [
            wrong(
                "registrySku",
                "basic",
                "one of Basic, Standard, Premium",
                "pulumi config set registrySku Basic",
            )
        ],
    ),
    **{
        f"roles that count after {minutes} minutes": (
            {"rolePropagationMinutes": minutes},
            [
                wrong(
                    "rolePropagationMinutes",
                    str(minutes),
                    "a whole number of minutes from 0 to 30",
                    f"pulumi config set rolePropagationMinutes {near}",
                )
            ],
        )
        for minutes, near in ((-1, 0), (31, 30), ("soon", 3))
    },
    **{
        f"logs for {days} days": (
            {"logRetentionDays": days},
            [
                wrong(
                    "logRetentionDays",
                    str(days),
                    "a whole number of days from 30 to 730",
                    f"pulumi config set logRetentionDays {good}",
                )
            ],
        )
        for days, good in ((29, 30), (731, 730))
    },
    **{
        f"bodies of {size} MB": (
            {"maxRequestBodyInMB": size},
            [
                wrong(
                    "maxRequestBodyInMB",
                    str(size),
                    "a whole number of MB from 1 to 64",
                    f"pulumi config set maxRequestBodyInMB {good}",
                )
            ],
        )
        for size, good in ((0, 1), ("9MB", 9))
    },
    # Tags.
    "tag's name": (
        {"tags": {"a<b": "c"}},
        [wrong('tags["a<b"]', "a<b", TAGS, 'Rename: tags["a<b"] to tags.a-b')],
    ),
    "tag without a name": (
        {"tags": {"": "c"}},
        [wrong('tags[""]', "", TAGS, 'Rename: tags[""] to tags.name')],
    ),
    "tag that is a number": (
        {"tags": {"cost.centre": 4711}},
        [
            wrong(
                'tags["cost.centre"]',
                4711,
                TAGS,
                "pulumi config set --path --type string 'tags[\"cost.centre\"]' 4711",
            )
        ],
    ),
    "tag too long": (
        {"tags": {"a": "x" * 257}},
        [
            f'tags.a: "{"x" * 76}... is not allowed; it takes {TAGS}. '
            f"Type: pulumi config set --path tags.a {'x' * 256}"
        ],
    ),
    **{
        f"tag {name!r}, which the program sets": (
            {"tags": {name: "x"}},
            [bad_tag(name, OWN_TAGS)],
        )
        for name in ("environment", "Environment", "STACK", "Project")
    },
    **{
        f"tag {name!r}, which is Azure's": (
            {"tags": {name: "x"}},
            [bad_tag(name, "names that do not begin with azure, microsoft, windows (Azure's own)")],
        )
        for name in ("azure-owner", "Microsoft.team", "windows")
    },
    "tags that differ in case alone": (
        {"tags": {"owner": "a", "Owner": "x"}},
        [bad_tag("Owner", 'each name once, and "owner" is the same name for Azure')],
    ),
    "tags as text": (
        {"tags": "owner=me"},
        [wrong("tags", "owner=me", TAGS, put("tags.owner", "me"))],
    ),
}
