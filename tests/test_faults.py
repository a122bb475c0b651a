"""The table of faults names what the tests try, no more and no less."""

import ast
from pathlib import Path

import faults

HERE = Path(__file__).parent


def marked():
    """The faults named by marks, by the file of the test."""
    for file in HERE.glob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "fault":
                yield node.args[0].value, file.name


def test_the_table_has_each_fault_that_the_tests_try_with_their_files():
    lines = (HERE / "README.md").read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    listed = {
        (fault, file) for fault, files, _, _ in (row for row in rows if len(row) == 4) for file in files.split(", ")
    }
    assert set(marked()) == {(fault, file) for fault, file in listed if file.startswith("test_")}


def test_a_table_counts_the_tries_of_each_fault_and_those_that_held():
    tries = [faults.Try("a", "x.py", True), faults.Try("b", "x.py", True), faults.Try("a", "y.py", False)]
    assert faults.table(tries) == faults.HEAD + "| a | x.py, y.py | 2 | 1 |\n| b | x.py | 1 | 1 |\n"


def test_a_new_table_takes_the_place_of_the_old_one_and_nothing_else():
    old, new = faults.HEAD + "| a | x.py | 2 | 1 |\n", faults.HEAD + "| b | y.py | 1 | 1 |\n"
    assert faults.with_table(f"before\n\n{old}\n| after |\n", new) == f"before\n\n{new}\n| after |\n"
    readme = (HERE / "README.md").read_text(encoding="utf-8")
    assert faults.with_table(readme, new).index(new) == readme.index(faults.HEAD)
