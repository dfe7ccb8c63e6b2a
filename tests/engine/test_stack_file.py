"""The reader of stack files against the real engine: both have to read the same."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable

import pytest
import yaml

from common import stack_file
from common.refusal import Refusal

NUMBERS = (
    "0o17 017 08 0x1F 0b11 -0o17 +5 -0 1_000 1__0 0.1_0 1e3 0.10 8443.0 .5 .5_0 5. 0x_1 0o8 09.5 "
    "+ . 12345678901234567890 123456789012345678901234567890 9007199254740993 -9223372036854775808"
)
WORDS = (
    "no No on off yes y n true True TRUE false tRue null Null NULL nULL ~ 12:30 1:2:3 = 1.2.3 v1"
)
OTHERS = (
    '""',
    '"no"',
    "'017'",
    "2026-13",
    "20260102",
    '"2026-01-02"',
    "a b",
    "[]",
    "{}",
    "[~, no, 017]",
)
SCALARS = [*NUMBERS.split(), *WORDS.split(), *OTHERS]
FILES = {
    **{text: f"config:\n  a: {text}\n  b: {{c: {text}, d: [{text}]}}\n" for text in SCALARS},
    "no value": "config:\n  a:\n  b: {c: , d: [~]}\n",
    "keys": "config:\n  a: {5: x, true: y, no: z, 017: w, 12:30: v, '6': u}\n",
    "namespaces": "config:\n  a: 1\n  p:b: 2\n  p:config:c: 3\n  docker:host: h\n",
    "merged": "x: &x {b: 1, c: 2}\ny: &y {c: 5, d: 6}\nconfig:\n  a: {<<: [*x, *y], b: 3}\n",
    "merged once": "x: &x {b: 1, c: 2}\nconfig:\n  a: {c: 3, <<: *x}\n",
    "aliases": "config:\n  a: &a [1, 2]\n  b: *a\n",
    "folded": "config:\n  a: >-\n    one\n    two\n  b: |\n    x\n",
    "a mark of the byte order": "\ufeffconfig:\n  a: 1\n",
    "nothing": "",
}
TWICE = {
    "at the top": "config:\n  a: 1\n  a: 2\n",
    "below": "config:\n  a: {b: 1, b: 2}\n",
    "number and text": "config:\n  a: {5: 1, '5': 2}\n",
    "merges": "x: &x {b: 1}\nconfig:\n  a: {<<: *x, <<: *x}\n",
}
Ask = Callable[[str], subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Ask:
    """What `pulumi config` says of a stack file."""
    folder = tmp_path_factory.mktemp("p")
    (folder / "state").mkdir()
    declared = {"environment": {"default": "dev"}}
    project = {"name": "p", "runtime": "python", "config": declared}
    (folder / "Pulumi.yaml").write_text(yaml.safe_dump(project))
    environment = {
        **os.environ,
        "PULUMI_HOME": str(folder / "home"),
        "PULUMI_BACKEND_URL": f"file://{folder}/state",
        "PULUMI_CONFIG_PASSPHRASE": "x",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }

    def pulumi(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["pulumi", *words],  # noqa: S607  the one on PATH is meant
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    assert pulumi("stack", "init", "dev").returncode == 0

    def config(text: str) -> subprocess.CompletedProcess[str]:
        (folder / "Pulumi.dev.yaml").write_text(text)
        return pulumi("config", "--json", "--stack", "dev")

    config.folder = folder  # type: ignore[attr-defined]
    return config


@pytest.mark.parametrize("case", FILES)
def test_what_is_read_is_what_the_engine_reads(ask: Ask, case: str) -> None:
    """Written down again, as the local cloud does, it is the same to the engine."""
    engines = ask(FILES[case])
    assert engines.returncode == 0, engines.stderr

    file = stack_file.read(ask.folder, "dev")  # type: ignore[attr-defined]
    ours = ask(yaml.safe_dump({"config": file.config}))

    assert json.loads(ours.stdout) == json.loads(engines.stdout)


@pytest.mark.parametrize("case", TWICE)
def test_what_is_said_twice_is_refused_by_both(ask: Ask, case: str) -> None:
    assert "already defined at line" in ask(TWICE[case]).stderr
    with pytest.raises(Refusal, match="a second one is not allowed"):
        stack_file.read(ask.folder, "dev")  # type: ignore[attr-defined]
