"""A stack file that cannot be read is refused in a sentence, before anything is touched."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from common.names import PROJECT
from common.refusal import Refusal
from localcloud import stack
from localcloud.home import Home

FILES = {
    "clients:\n    - name: alice\n      - name: bob\n": "Pulumi.local.yaml is no YAML: line 3: ",
    "config: {": "Pulumi.local.yaml is no YAML: line 1: ",
    "config:\n  key: \x07\n": "Pulumi.local.yaml is no YAML, or has characters in it",
    "": "Pulumi.local.yaml has no `config:` with the stack's keys below it",
    "config: 7": "Pulumi.local.yaml has no `config:`",
    "config:": "Pulumi.local.yaml has no `config:`",
    "- config": "Pulumi.local.yaml has no `config:`",
}


@pytest.mark.parametrize("text", FILES)
def test_it_is_said_what_is_wrong_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    shutil.copy(PROJECT / "Pulumi.yaml", tmp_path)
    (tmp_path / "Pulumi.local.yaml").write_text(text)
    monkeypatch.setattr(stack, "PROJECT", tmp_path)

    with pytest.raises(Refusal) as refused, stack.opened("local", home=Home(tmp_path / "home")):
        pass

    assert str(refused.value).startswith(FILES[text])
    assert "\n" not in str(refused.value)
