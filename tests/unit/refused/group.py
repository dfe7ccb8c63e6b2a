"""CPU, memory and images that cannot be deployed."""

from __future__ import annotations

from typing import Any

from tests.unit.program import ROOT
from tests.unit.refused.words import Cases, put, remove, write, wrong

CPU = "a number of CPUs from 0.05, at most 31 for the group"
MEMORY = "memory in GB from 0.1, at most 240 for the group"
SIDECAR_CPU = "at most 1 CPU (nginx has one worker there, which cannot use more)"
BUILD_ARGS = "build arguments of its Dockerfile, name to text (numbers in quotes)"
BY_DIGEST = (
    "an image by digest, in lower case and without a scheme (a tag can change under a "
    "running stack)"
)
DECLARED = "arguments that the Dockerfile declares with ARG (MODEL, PYTHON_IMAGE, TRUST_PICKLE)"
FOLDER = "a folder of this project with a Dockerfile and a model"
ZEROS = "0" * 64
PREBUILT = f"registry.example.com/model@sha256:{ZEROS}"


def bad_size(key: str, value: object, near: object = None) -> str:
    allowed, good = (CPU, near or 1) if key == "cpu" else (MEMORY, near or 1.5)
    path = f"resources.model.{key}"
    return wrong(path, value, allowed, f"pulumi config set --path {path} {good}")


def bad_sum(key: str, total: float, container: str, good: float = 1) -> str:
    allowed = "1 to 31 CPU" if key == "cpu" else "1 to 240 GB"
    return wrong(
        f"resources.*.{key}",
        total,
        f"{allowed} for the containers of the group together",
        f"pulumi config set --path resources.{container}.{key} {good}",
    )


def bad_step(path: str, given: float, good: float) -> str:
    step = "0.01 CPU" if path.endswith("cpu") else "0.1 GB"
    return wrong(
        f"resources.{path}",
        given,
        f"steps of {step}, which is what Azure counts in",
        f"pulumi config set --path resources.{path} {good}",
    )


def too_little(given: float, least: str, largest: int | None, good: float) -> str:
    return wrong(
        "resources.model.memoryInGB",
        given,
        f"at least {least}" + (f", or maxRequestBodyInMB of at most {largest}" if largest else ""),
        f"pulumi config set --path resources.model.memoryInGB {good}",
    )


def model(**values: object) -> dict[str, Any]:
    return {"resources": {"model": {"cpu": 1, "memoryInGB": 1, **values}}}


def bad_image(ref: str, good: str = "") -> tuple[dict[str, Any], list[str]]:
    typed = "pulumi config set --path modelImage.ref " + (
        good or "'registry.example.com/model@sha256:<64 hex digits>'"
    )
    shown = ref if len(ref) < 79 else ref[:76] + "..."
    told = wrong("modelImage.ref", shown, BY_DIGEST, typed)
    return {"modelImage": {"ref": ref}}, [told.replace('..." is not', "... is not")]


def bad_folder(context: str, problem: str) -> tuple[dict[str, Any], list[str]]:
    typed = "pulumi config set --path modelImage.context model_image"
    told = wrong("modelImage.context", context, f"{FOLDER}, and {problem}", typed)
    return {"modelImage": {"context": context}}, [told]


def bad_argument(name: str) -> tuple[dict[str, Any], list[str]]:
    key = f'modelImage.buildArgs["{name}"]'
    renamed = f"Rename: {key} to modelImage.buildArgs.PYTHON_IMAGE"
    typed = f"pulumi config rm --path '{key}'" if name in ("PATH", "a-b") else renamed
    told = wrong(key, "x", DECLARED, typed)
    return {"modelImage": {"buildArgs": {name: "x"}}}, [told]


SET_SIDECAR_CPU = "pulumi config set --path resources.sidecar.cpu 1"
PREBUILT_IMAGE = {"modelImage": {"ref": PREBUILT}}
CASES: Cases = {
    # CPU and memory, Azure's limits.
    "CPU that no container can work with": (
        {"resources": {"sidecar": {"cpu": 0.0001, "memoryInGB": 0.5}}},
        [wrong("resources.sidecar.cpu", 0.0001, CPU, put("resources.sidecar.cpu", 0.05))],
    ),
    "memory below the first step": (model(memoryInGB=0.05), [bad_size("memoryInGB", 0.05)]),
    "more decimals of CPU than Azure counts": (
        model(cpu=1.005),
        [bad_step("model.cpu", 1.005, 1.01)],
    ),
    "more decimals than Azure counts, everywhere": (
        {
            "resources": {
                "model": {"cpu": 0.9999, "memoryInGB": 1.55},
                "sidecar": {"cpu": 0.333, "memoryInGB": 0.25},
            }
        },
        [
            bad_step("model.cpu", 0.9999, 1),
            bad_step("sidecar.cpu", 0.333, 0.34),
            bad_step("model.memoryInGB", 1.55, 1.6),
            bad_step("sidecar.memoryInGB", 0.25, 0.3),
        ],
    ),
    "too much together, and too many decimals": (
        {
            "resources": {
                "model": {"cpu": 31, "memoryInGB": 240},
                "sidecar": {"cpu": 0.123, "memoryInGB": 0.5},
            }
        },
        [
            bad_sum("cpu", 31.123, "model"),
            bad_step("sidecar.cpu", 0.123, 0.13),
            bad_sum("memoryInGB", 240.5, "model", 2.3),
        ],
    ),
    "no CPU at all": (model(cpu=0), [bad_size("cpu", 0)]),
    "CPU below 0": (model(cpu=-1), [bad_size("cpu", -1)]),
    "too many CPUs": (model(cpu=32), [bad_size("cpu", 32)]),
    "CPU that is yes": (model(cpu=True), [bad_size("cpu", True)]),
    "CPU that is no number": (model(cpu="nan"), [bad_size("cpu", "nan")]),
    "CPU without end": (model(cpu="inf"), [bad_size("cpu", "inf")]),
    "CPU that is a word": (model(cpu="two"), [bad_size("cpu", "two")]),
    "no memory at all": (model(memoryInGB=0), [bad_size("memoryInGB", 0)]),
    "too much memory": (model(memoryInGB=241), [bad_size("memoryInGB", 241)]),
    "memory with a unit": (model(memoryInGB="2Gi"), [bad_size("memoryInGB", "2Gi", 2)]),
    "too little CPU together": (model(cpu=0.25), [bad_sum("cpu", 0.75, "model")]),
    "too little memory together": (
        {"tls": "none", **PREBUILT_IMAGE, **model(memoryInGB=0.2)},
        [bad_sum("memoryInGB", 0.2, "model")],
    ),
    "too little memory for the body, and together": (
        {
            "maxRequestBodyInMB": 1,
            "resources": {
                "model": {"cpu": 1, "memoryInGB": 0.2},
                "sidecar": {"cpu": 0.5, "memoryInGB": 0.2},
            },
        },
        [too_little(0.2, "0.4 to parse a body of 1 MB with 1 CPU", None, 0.8)],
    ),
    "too many CPUs together": (
        model(cpu=31, memoryInGB=4),
        [bad_sum("cpu", 31.5, "model")],
    ),
    "more CPUs than the memory has workers for": (
        model(cpu=30),
        [
            wrong(
                "resources.model.memoryInGB",
                1.0,
                "at least 2.3 to parse a body of 8 MB with 30 CPU",
                "pulumi config set --path resources.model.memoryInGB 2.3",
            )
        ],
    ),
    "several mistakes that show only together": (
        {
            "healthPort": 8501,
            "tls": "none",
            "clients": [{"name": "a"}, {"name": "a"}],
            "serverNames": ["a.example.com", "a.example.com"],
            "modelImage": {"context": "no_such_folder"},
            **model(cpu=0.5),
        },
        [
            wrong(
                "healthPort",
                8501,
                "a port that no other key uses (modelPort has it: the containers of a group share "
                "their ports)",
                "pulumi config set healthPort 8502",
            ),
            wrong("clients[1]", "a", "each name once", remove("clients[1]")),
            wrong("serverNames[1]", "a.example.com", "each name once", remove("serverNames[1]")),
            bad_sum("cpu", 0.5, "model"),
            *bad_folder("no_such_folder", f"{ROOT}/no_such_folder is without a Dockerfile")[1],
        ],
    ),
    "too many CPUs of the sidecar": (
        {"resources": {"sidecar": {"cpu": 31, "memoryInGB": 1}}},
        [wrong("resources.sidecar.cpu", 31.0, SIDECAR_CPU, SET_SIDECAR_CPU)],
    ),
    "too much memory together": (
        {"resources": {"sidecar": {"cpu": 1, "memoryInGB": 239}}},
        [bad_sum("memoryInGB", 240.5, "sidecar")],
    ),
    "a CPU that the sidecar cannot use": (
        {"resources": {"sidecar": {"cpu": 1.5, "memoryInGB": 1}}},
        [
            wrong("resources.sidecar.cpu", 1.5, SIDECAR_CPU, SET_SIDECAR_CPU),
        ],
    ),
    "too little memory for the sidecar": (
        {"resources": {"sidecar": {"cpu": 0.5, "memoryInGB": 0.1}}},
        [
            wrong(
                "resources.sidecar.memoryInGB",
                0.1,
                "0.2 GB or more (with less, clients could make Azure kill it)",
                "pulumi config set --path resources.sidecar.memoryInGB 0.2",
            )
        ],
    ),
    "too little for the model alone": (
        {"tls": "none", **model(cpu=0.5)},
        [bad_sum("cpu", 0.5, "model")],
    ),
    "too little memory for the largest body": (
        {"maxRequestBodyInMB": 64},
        [too_little(1.5, "3.6 to parse a body of 64 MB with 1 CPU", 23, 3.6)],
    ),
    "a little too little": (
        {"maxRequestBodyInMB": 24},
        [too_little(1.5, "1.6 to parse a body of 24 MB with 1 CPU", 23, 1.6)],
    ),
    "too little memory for more CPUs": (
        model(cpu=4, memoryInGB=0.8),
        [too_little(0.8, "0.9 to parse a body of 8 MB with 4 CPU", 6, 0.9)],
    ),
    "resources as text": (
        {"resources": "big"},
        [wrong("resources", "big", "an object with model, sidecar", write("resources", {}))],
    ),
    "resources of a container as text": (
        {"resources": {"model": "big"}},
        [
            wrong(
                "resources.model",
                "big",
                "an object with cpu, memoryInGB",
                write("resources.model", {"cpu": 1, "memoryInGB": 1.5}),
            )
        ],
    ),
    # The model's image.
    "image by tag": (
        {"modelImage": {"ref": "registry.example.com/model:1"}},
        [
            wrong(
                "modelImage.ref",
                "registry.example.com/model:1",
                BY_DIGEST,
                "pulumi config set --path modelImage.ref "
                "'registry.example.com/model@sha256:<64 hex digits>'",
            )
        ],
    ),
    "image by half a digest": (
        {"modelImage": {"ref": "model@sha256:abc"}},
        [
            wrong(
                "modelImage.ref",
                "model@sha256:abc",
                BY_DIGEST,
                "pulumi config set --path modelImage.ref "
                "'registry.example.com/model@sha256:<64 hex digits>'",
            )
        ],
    ),
    "image in capitals": bad_image(f"registry.example.com/Model@sha256:{ZEROS}", PREBUILT),
    "image with a scheme": bad_image(f"https:/registry.example.com/model@sha256:{ZEROS}"),
    "image that is an option": bad_image(f"-model@sha256:{ZEROS}"),
    "image with two tags": bad_image(f"r.example.com/model:a:b@sha256:{ZEROS}"),
    "folder outside the project": bad_folder("/usr", "/usr leaves the project"),
    "folder above the project": bad_folder("../model", f"{ROOT}/../model leaves the project"),
    "folder that leaves and comes back": bad_folder(
        "nginx/../model_image", f"{ROOT}/nginx/../model_image leaves the project"
    ),
    "folder at home": bad_folder("~/model", f"{ROOT}/~/model is without a Dockerfile"),
    "folder that is the project": bad_folder(".", f"{ROOT} is without a Dockerfile"),
    "folder that is a file": bad_folder("README.md", f"{ROOT}/README.md is without a Dockerfile"),
    "argument that is the builder's path": bad_argument("PATH"),
    "argument in another case": bad_argument("python_image"),
    "argument that is no name": bad_argument("a-b"),
    "prebuilt image with a folder": (
        {"modelImage": {"ref": PREBUILT, "context": "model_image"}},
        [
            wrong(
                "modelImage.context",
                "model_image",
                "nothing when modelImage.ref names a prebuilt image",
                "pulumi config rm --path modelImage.context",
            )
        ],
    ),
    "prebuilt image with build arguments": (
        {"modelImage": {"ref": PREBUILT, "buildArgs": {"A": "b"}}},
        [
            wrong(
                "modelImage.buildArgs",
                {"A": "b"},
                "nothing when modelImage.ref names a prebuilt image",
                "pulumi config rm --path modelImage.buildArgs",
            )
        ],
    ),
    "folder that does not exist": (
        {"modelImage": {"context": "no_such_folder"}},
        [
            wrong(
                "modelImage.context",
                "no_such_folder",
                f"{FOLDER}, and {ROOT}/no_such_folder is without a Dockerfile",
                "pulumi config set --path modelImage.context model_image",
            )
        ],
    ),
    "folder without a model": (
        {"modelImage": {"context": "nginx"}},
        [
            wrong(
                "modelImage.context",
                "nginx",
                f"{FOLDER}, and {ROOT}/nginx is without a model: "
                "neither model/<version>/ nor a train.py that makes one",
                "pulumi config set --path modelImage.context model_image",
            )
        ],
    ),
    "folder whose name is too long for any": (
        {"modelImage": {"context": "x" * 256}},
        [
            f'modelImage.context: "{"x" * 76}... is not allowed; it takes a folder of this project '
            "that holds a Dockerfile and a model. "
            "Type: pulumi config set --path modelImage.context model_image"
        ],
    ),
    "folder that is a number": (
        {"modelImage": {"context": 5}},
        [
            wrong(
                "modelImage.context",
                5,
                "a folder of this project that holds a Dockerfile and a model",
                "pulumi config set --path modelImage.context model_image",
            )
        ],
    ),
    "build argument that is a number": (
        {"modelImage": {"buildArgs": {"VERSION": 1.1}}},
        [
            wrong(
                "modelImage.buildArgs.VERSION",
                1.1,
                BUILD_ARGS,
                put("modelImage.buildArgs.VERSION", 1.1),
            )
        ],
    ),
    "build arguments as a list": (
        {"modelImage": {"buildArgs": ["VERSION=1"]}},
        [
            wrong(
                "modelImage.buildArgs",
                ["VERSION=1"],
                BUILD_ARGS,
                write("modelImage.buildArgs", {"VERSION": "1"}),
            )
        ],
    ),
    "image as text": (
        {"modelImage": "model_image"},
        [
            wrong(
                "modelImage",
                "model_image",
                "an object with context, model, trustPickle, buildArgs, ref",
                write("modelImage", {}),
            )
        ],
    ),
}
