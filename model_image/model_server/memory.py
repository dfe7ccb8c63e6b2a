"""What a body costs, and how much of it the memory holds at once.

Measured by `tests/model_image/test_model_memory.py` with bodies of 8 MB, rows and columns alike:
how far resident memory rose (`VmHWM`) from before `predict` to after it or, where that is more, to
where the server has the answer too; per MB of body, which counts itself. MB are 2**20 bytes.

| body | MB per MB |
| --- | --- |
| `[[[[1]]]]`, nested 500 deep (is refused) | 50 |
| `[[1],[1],...]`, answered by rows of a text and two numbers; columns | 47; 41 |
| `["","",...]`; `["a","a",...]`; other letters | 28; 37; 33 to 38 |
| `["ab","ab",...]` and longer ones in few letters | 43 |
| `[{"":0},...]` (is refused) | 38 |
| `[{"x":[1]},...]` | 37 |
| `[[1],[1],...]`, answered by a number or two | 32 |
| `[[0.123],...]` | 21 |
| two inputs, `{"count":1,"flag":true}` | 14 |
| infer: `data` as above, nested or flat | no more than that |
| infer: text in binary form; answered so; JSON, answered so | 17 to 36; to 41; 28 to 43 |
| infer: `inputs` or `parameters` full of `{}` (is refused) | 31 |

An answer that is many times its body, such as a thousand numbers for one, is not counted.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

MB = 2**20
SMALL = MB
"""Bytes of a body up to which it is small: parsed within half a second, and by a worker that
stays."""
COST = 52
"""Bytes of memory for each byte of a body: the worst of the table."""
RESERVE = 64 * MB
"""For answers on their way out and the buffers of sockets."""


def room(memory: int, held: int, workers: int) -> int:
    """Bytes for large bodies: what the processes do not hold, and small bodies will not need.

    Each worker may keep what a small body took; one that had a large body ends after it.
    """
    return memory - held - RESERVE - workers * COST * SMALL


def held_by(processes: Iterable[int]) -> int:
    """Bytes that processes hold together; what they share counts once."""
    return sum(map(_held, processes))


def _held(process: int) -> int:
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))
    except OSError:  # some sandboxes have none: then what is shared counts for each
        resident = Path(f"/proc/{process}/statm").read_text().split()[1]
        return int(resident) * os.sysconf("SC_PAGE_SIZE")


def limit_of_this_machine() -> int:
    """Bytes of the smallest control group this process is in, or of the machine."""
    limits = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers in ("", "memory"):
            root = Path("/sys/fs/cgroup", controllers)
            name = "memory.limit_in_bytes" if controllers else "memory.max"
            inside = Path(group.lstrip("/"))
            # In a container the path may be the host's, and then only the last of these is there.
            for folder in (inside, *inside.parents):
                with contextlib.suppress(OSError, ValueError):  # "max" is no limit
                    limits.append(int((root / folder / name).read_text()))
    return min(limits)
