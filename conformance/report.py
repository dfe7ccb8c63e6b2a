"""The table of a run: on the terminal, as Markdown, as JUnit XML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from rich import box
from rich.table import Table
from rich.text import Text

from conformance.case import Case, Result

_MISSING = {
    "authority": "the CA's key",
    "limits": "limits on the containers' memory and CPU",
    "logs": "the containers' logs",
    "stack": "the engine",
}


@dataclass(frozen=True)
class Row:
    """One case in words; `result` is None where it was not run."""

    case: Case
    result: Result | None

    @property
    def cells(self) -> tuple[str, ...]:
        expected = " or ".join(self.case.expected)
        if self.result is None:
            return (self.case.id, self.case.presented, "-", "-", expected, "not run")
        observed = self.result.observed
        reached = "not visible" if observed.reached_model is None else str(observed.reached_model)
        if self.case.reaches is None:
            reached = "-"
        return (
            self.case.id,
            self.case.presented,
            observed.came_back,
            reached,
            expected,
            "; ".join(filter(None, ["DIFFERENT" if self.result.differs else "", observed.note])),
        )


HEADINGS = ("id", "presented", "came back", "reached the model", "expected", "")


def why_not(case: Case) -> str:
    """What a case needs, of which a run that leaves it out does not have all."""
    return "needs " + " and ".join(_MISSING[need] for need in sorted(case.needs))


def summary(rows: Sequence[Row]) -> str:
    """How many were as expected, different, or not run."""
    ran = [row.result for row in rows if row.result]
    different = [result.case.id for result in ran if result.differs]
    left_out = len(rows) - len(ran)
    words = [f"{len(ran) - len(different)} of {len(ran)} as expected"]
    if different:
        words.append(f"different: {', '.join(different)}")
    if left_out:
        words.append(f"{left_out} not run")
    return "; ".join(words)


def markdown(rows: Sequence[Row], title: str) -> str:
    """One table; what stands in a cell cannot end it."""
    lines = [f"# {title}", "", f"{summary(rows)}.", "", _line(HEADINGS)]
    lines.append(_line("---" for _ in HEADINGS))
    lines += [_line(map(_escaped, row.cells)) for row in rows]
    left_out = [row.case for row in rows if row.result is None]
    if left_out:
        lines += ["", "Not run:", ""]
        lines += [f"- {case.id}: {why_not(case)}" for case in left_out]
    return "\n".join(lines) + "\n"


def junit(rows: Sequence[Row], title: str) -> str:
    """As CI systems read it: a testcase for each case, in the class of its group."""
    ran = [row.result for row in rows if row.result]
    suite = ElementTree.Element(
        "testsuite",
        name=title,
        tests=str(len(rows)),
        failures=str(sum(result.differs for result in ran)),
        errors="0",
        skipped=str(len(rows) - len(ran)),
        time=f"{sum(result.seconds for result in ran):.3f}",
    )
    for row in rows:
        seconds = row.result.seconds if row.result else 0.0
        test = ElementTree.SubElement(
            suite,
            "testcase",
            classname=f"conformance.{row.case.group}",
            name=f"{row.case.id} {row.case.presented}",
            time=f"{seconds:.3f}",
        )
        if row.result is None:
            ElementTree.SubElement(test, "skipped", message=why_not(row.case))
        elif row.result.differs:
            _, _, came_back, reached, expected, _ = map(_printable, row.cells)
            message = f"came back: {came_back}; expected: {expected}"
            failure = ElementTree.SubElement(test, "failure", message=message)
            failure.text = f"{message}; reached the model: {reached}, expected {row.case.reaches}"
        if row.result and row.result.observed.note:
            ElementTree.SubElement(test, "system-out").text = _printable(row.result.observed.note)
    suites = ElementTree.Element("testsuites")
    suites.append(suite)
    ElementTree.indent(suites)
    return ElementTree.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def table(rows: Sequence[Row]) -> Table:
    """For a terminal, and just as well for a log file."""
    made = Table(*HEADINGS, box=box.SIMPLE_HEAD, pad_edge=False)
    for row in rows:
        different = row.result is not None and row.result.differs
        style = "red" if different else "dim" if row.result is None else ""
        made.add_row(*(Text(_printable(cell)) for cell in row.cells), style=style)
    return made


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _escaped(text: str) -> str:
    return _printable(text).replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
