"""The faults that were found by trying, and whether what was tried holds by now: `python tests/faults.py`.

A test that tries a fault again is marked with what once went wrong:

    @pytest.mark.fault("an uploaded file ran as a program")

The command runs the tests so marked and writes a line a fault into the table of README.md beside it. With arguments for
pytest it runs some of them, and prints their lines only.
"""

import sys
from collections import defaultdict
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

import pytest

README = Path(__file__).with_name("README.md")
HEAD = "| what once went wrong | tried again by | tries | held |\n| --- | --- | ---: | ---: |\n"


class Try(NamedTuple):
    """One test that tries a fault."""

    fault: str
    file: str
    held: bool


class Tries:
    """A plugin of pytest that runs the marked tests and keeps what became of each."""

    def __init__(self) -> None:
        self.faults: dict[str, list[str]] = {}  # of each test
        self.all: list[Try] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Keep the marked tests."""
        self.faults = {item.nodeid: [mark.args[0] for mark in item.iter_markers("fault")] for item in items}
        items[:] = [item for item in items if self.faults[item.nodeid]]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note a test that has run, or that failed before it could."""
        if report.when == "call" or not report.passed:
            file = report.nodeid.partition("::")[0].removeprefix("tests/")
            self.all += [Try(fault, file, report.passed) for fault in self.faults[report.nodeid]]


def table(tries: list[Try]) -> str:
    """The tries as Markdown, a line a fault, in the order in which the tests stand."""
    faults: dict[str, list[Try]] = defaultdict(list)
    for each in tries:
        faults[each.fault].append(each)
    lines = [
        f"| {fault} | {', '.join(dict.fromkeys(each.file for each in group))} | {len(group)} "
        f"| {sum(each.held for each in group)} |\n"
        for fault, group in faults.items()
    ]
    return HEAD + "".join(lines)


def with_table(text: str, new: str) -> str:
    """A text with another table of faults."""
    before, after = text.split(HEAD)
    rows = "".join(takewhile(lambda line: line.startswith("|"), after.splitlines(keepends=True)))
    return before + new + after.removeprefix(rows)


def main() -> None:
    """Run the marked tests and write or print the table; the exit code is that of pytest."""
    tries = Tries()
    code = pytest.main(["--no-header", "-qq", "-W", "ignore", *sys.argv[1:]], plugins=[tries])
    if sys.argv[1:]:
        print(table(tries.all))
    else:
        README.write_text(with_table(README.read_text(encoding="utf-8"), table(tries.all)), encoding="utf-8")
    sys.exit(code)


if __name__ == "__main__":
    main()
