"""Generations, paths, limits and readers of a client that may not stand in a stack file."""

from __future__ import annotations

import json
from typing import Any

from tests.unit.refused.words import Cases, absent, put, remove, write, wrong

GENERATION = "a whole number from 1: raise it by one to rotate"
GENERATIONS = "a list of different whole numbers from 1, at least one"
PATHS = "a list of paths of the model, as they stand in the request, at least one"
ROUTES = (
    "/openapi.json, /v1/models/demo[/versions/<number>] with nothing, :predict or /metadata behind "
    "it, /v2/models/demo[/versions/<number>] with nothing, /infer or /ready, /v2, or "
    "/v2/health/live or /ready"
)
READER = "an object id of Microsoft Entra (a GUID; an application's own id is another)"
READERS = {
    "readers": "a list of object ids of service principals and managed identities",
    "readerGroups": "a list of object ids of groups",
}
ASKED = {
    "readers": "\"$(az ad sp show --id '<application id>' --query id --output tsv)\"",
    "readerGroups": "\"$(az ad group show --group '<name>' --query id --output tsv)\"",
}
SOMEBODY = "6d1d0f6d-9bd3-4cdc-b2fb-3f4e5e5a0c11"
PREDICT = "/v1/models/demo:predict"
NUMBERS = {
    "requestsPerSecond": ("requests", 10_000, 10),
    "burst": ("requests", 100_000, 20),
    "maxConnections": ("connections", 10_000, 4),
}


def client(**values: object) -> dict[str, Any]:
    """A second client; the first one is good."""
    return {"clients": [{"name": "a"}, {"name": "b", **values}]}


def generation(value: object, good: int) -> tuple[dict[str, Any], list[str]]:
    path = "clients[1].generations[0]"
    return client(generations=[value]), [wrong(path, value, GENERATION, put(path, good))]


def path(value: str) -> tuple[dict[str, Any], list[str]]:
    key = "clients[1].paths[1]"
    return client(paths=["/openapi.json", value]), [wrong(key, value, ROUTES, put(key, PREDICT))]


def number(key: str, value: Any, **beside: object) -> tuple[dict[str, Any], list[str]]:
    what, most, good = NUMBERS[key]
    if value not in (True, "many") or value == 1.5:
        good = max(1, min(int(value), most))
    where = f"clients[1].{key}"
    return client(**{key: value}, **beside), [
        wrong(where, value, f"a whole number of {what} from 1 to {most}", put(where, good))
    ]


def reader(key: str, value: object) -> tuple[dict[str, Any], list[str]]:
    where = f"clients[1].{key}[1]"
    told = wrong(where, value, READER, f"pulumi config set --path '{where}' {ASKED[key]}")
    return client(**{key: [SOMEBODY, value]}), [absent(told)]


def twice(key: str, index: int, **readers: object) -> tuple[dict[str, Any], list[str]]:
    where = f"clients[1].{key}[{index}]"
    allowed = "each object id once, in readers or in readerGroups"
    return client(**readers), [wrong(where, SOMEBODY, allowed, remove(where))]


def no_secret(name: str, other: str) -> tuple[dict[str, Any], list[str]]:
    key = "clients[1].name"
    allowed = (
        "letters, digits and '-' alone for a client with readers (it becomes the name of a secret "
        "in the key vault)"
    )
    return client(name=name, readers=[SOMEBODY]), [wrong(key, name, allowed, put(key, other))]


def beside_a_burst(key: str) -> dict[str, int]:
    return {"requestsPerSecond": 1} if key == "burst" else {}


CASES: Cases = {
    "nobody at all": (
        {"clients": []},
        [
            wrong(
                "clients",
                [],
                "at least one client (without one nobody can call; to take it all down, destroy "
                "the stack)",
                put("clients[0].name", "billing"),
            )
        ],
    ),
    "no generation": (
        client(generations=[]),
        [wrong("clients[1].generations", [], GENERATIONS, put("clients[1].generations[0]", 1))],
    ),
    "a generation twice": (
        client(generations=[2, 1, 2]),
        [
            wrong(
                "clients[1].generations",
                [2, 1, 2],
                GENERATIONS,
                remove("clients[1].generations[2]"),
            )
        ],
    ),
    "the first generation twice": (
        client(generations=[1, 1, 2]),
        [
            wrong(
                "clients[1].generations",
                [1, 1, 2],
                GENERATIONS,
                remove("clients[1].generations[1]"),
            )
        ],
    ),
    "generation as a number": (
        client(generations=2),
        [wrong("clients[1].generations", 2, GENERATIONS, write("clients[1].generations", [2]))],
    ),
    **{
        f"generation {json.dumps(value)}": generation(value, 1)
        for value in (0, -1, True, False, "two", 1.5)
    },
    "generation 1000001": generation(1_000_001, 1_000_000),
    "generations as text": (
        client(generations="1, 2"),
        [
            wrong(
                "clients[1].generations",
                "1, 2",
                GENERATIONS,
                write("clients[1].generations", [1, 2]),
            )
        ],
    ),
    "an id with a blank": (
        client(readers=[f"{SOMEBODY} "]),
        [
            wrong(
                "clients[1].readers[0]",
                f"{SOMEBODY} ",
                READER,
                put("clients[1].readers[0]", SOMEBODY),
            )
        ],
    ),
    "no path": (
        client(paths=[]),
        [wrong("clients[1].paths", [], PATHS, put("clients[1].paths[0]", PREDICT))],
    ),
    "path as text": (
        client(paths=PREDICT),
        [wrong("clients[1].paths", PREDICT, PATHS, write("clients[1].paths", [PREDICT]))],
    ),
    "a path twice": (
        client(paths=[PREDICT, PREDICT, "/openapi.json"]),
        [
            wrong(
                "clients[1].paths",
                [PREDICT, PREDICT, "/openapi.json"],
                "each path once",
                remove("clients[1].paths[1]"),
            )
        ],
    ),
    "path that is a number": (
        client(paths=[5]),
        [wrong("clients[1].paths[0]", 5, PATHS, put("clients[1].paths[0]", PREDICT))],
    ),
    **{
        f"path {value!r}": path(value)
        for value in (
            "",
            "/",
            "/*",
            "/v1/models",
            "/v1/models/other:predict",
            "/v1/models/Demo:predict",
            "/v1/models/demo/",
            "/v1/models/demo:predict?x=1",
            "/v1/models/demo:predict\n",
            "/v1/models/demo/versions/x:predict",
            "/v1/models/demo/versions/12345678901234567890:predict",
            "v1/models/demo:predict",
            "/openapiXjson",
            "/health",
            '/openapi.json" yes; default no; "',
        )
    },
    **{
        f"{key} {json.dumps(value)}": number(key, value, **beside_a_burst(key))
        for key, (_, most, _) in NUMBERS.items()
        for value in (0, -1, most + 1, 1.5, True, "many")
    },
    "burst without a rate": (
        client(burst=5),
        [
            wrong(
                "clients[1].burst",
                5,
                "a number only beside requestsPerSecond, whose peaks it lets through",
                put("clients[1].requestsPerSecond", 10),
            )
        ],
    ),
    **{
        f"{key} {json.dumps(value)}": reader(key, value)
        for key in READERS
        for value in (
            "",
            5,
            "alice",
            "alice@example.com",
            SOMEBODY[:-1],
            f"{SOMEBODY}0",
            SOMEBODY.replace("-", ""),
            SOMEBODY.replace("6", "g"),
        )
    },
    **{
        f"{key} as text": (
            client(**{key: SOMEBODY}),
            [wrong(f"clients[1].{key}", SOMEBODY, allowed, write(f"clients[1].{key}", [SOMEBODY]))],
        )
        for key, allowed in READERS.items()
    },
    "a reader twice": twice("readers", 1, readers=[SOMEBODY, SOMEBODY.upper()]),
    "a group twice": twice("readerGroups", 1, readerGroups=[SOMEBODY, SOMEBODY]),
    "a group that is a reader": twice(
        "readerGroups", 0, readers=[SOMEBODY], readerGroups=[SOMEBODY]
    ),
    "readers of a client with a dot": no_secret("team.b", "team-b"),
    "readers of a client with an underscore": no_secret("team_b", "team-b"),
    **{
        f"{key} without TLS": (
            {"tls": "none", **client(**{key: [SOMEBODY]})},
            [
                wrong(
                    f"clients[1].{key}",
                    [SOMEBODY],
                    "nothing when tls is none (clients have no certificates then)",
                    "pulumi config set tls mtls",
                )
            ],
        )
        for key in READERS
    },
}
