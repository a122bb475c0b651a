"""Text is UTF-8 wherever it is read or written, whatever the code page of the machine."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILES = [file for room in ("vae", "explorer", "tests") for file in sorted((ROOT / room).rglob("*.py"))]
OPENERS = {"open", "read_text", "write_text", "fdopen", "NamedTemporaryFile", "TemporaryFile"}
NOT_FILES = {"Image", "os", "archive"}  # whose `open` opens no text


def without_encoding(tree):
    """The lines of a module on which a file is opened as text in the encoding of the machine."""
    awaited = {each.value for each in ast.walk(tree) if isinstance(each, ast.Await)}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or node in awaited:
            continue
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        owner = getattr(getattr(node.func, "value", None), "id", "")
        modes = [
            each.value for each in ast.walk(node) if isinstance(each, ast.Constant) and isinstance(each.value, str)
        ]
        binary = name not in ("read_text", "write_text") and any("b" in mode and len(mode) <= 3 for mode in modes)
        told = any(keyword.arg == "encoding" for keyword in node.keywords)
        if name in OPENERS and owner not in NOT_FILES and not binary and not told:
            yield node.lineno


@pytest.mark.fault("text was read in the code page of the machine")
@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(ROOT)))
def test_no_text_is_in_the_encoding_of_the_machine(file):
    assert list(without_encoding(ast.parse(file.read_text(encoding="utf-8")))) == []


def test_such_a_line_is_found():
    source = "open(a)\nb.read_text()\nc.open('rb')\nopen(d, encoding='utf-8')\ne.write_text('b')\nImage.open(f)"
    assert list(without_encoding(ast.parse(source))) == [1, 2, 5]
