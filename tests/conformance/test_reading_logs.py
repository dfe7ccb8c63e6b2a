"""A log is read on where its file was replaced, as supervisord does at 4 MB."""

from __future__ import annotations

from pathlib import Path

from conformance.actors.peers import read_since


def test_what_was_written_since_is_read_across_a_new_file(tmp_path: Path) -> None:
    log = tmp_path / "model.log"
    log.write_bytes(b"old\n")
    start = log.stat().st_size
    with log.open("ab") as file:
        file.write(b"last of the old file\n")
    assert read_since(log, start) == b"last of the old file\n"

    log.rename(tmp_path / "model.log.1")
    log.write_bytes(b"new\n"[:2])

    assert read_since(log, start) == b"last of the old file\nne"
