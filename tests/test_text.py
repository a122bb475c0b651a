"""Laws of the source as text: files are UTF-8 on every machine, and docstrings name what a function takes."""

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


def takes(function):
    """The names of the parameters of a function, without self."""
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, arguments.vararg, *arguments.kwonlyargs, arguments.kwarg]
    return [each.arg for each in named if each and each.arg not in ("self", "cls")]


def public_functions(tree, prefix=""):
    """The public functions of a module and the public methods of its public classes, by name."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public_functions(node, f"{node.name}.")
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield prefix + node.name, node


def unexplained(tree):
    """The parameters that no docstring explains, of functions with two or more."""
    for name, function in public_functions(tree):
        said = ast.get_docstring(function) or ""
        explained = said.partition("Args:")[2]
        if len(takes(function)) > 1 and "arguments as of `" not in said:
            yield from (f"{name}: {each}" for each in takes(function) if f"    {each}: " not in explained)


VIEWS = ROOT / "explorer" / "views"  # what a part of a page takes is plain
EXPLAINED = sorted({*(ROOT / "vae").rglob("*.py"), *(ROOT / "explorer").rglob("*.py")} - {*VIEWS.glob("*.py")})


@pytest.mark.parametrize("file", EXPLAINED, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_parameter_of_a_public_function_is_explained(file):
    assert list(unexplained(ast.parse(file.read_text(encoding="utf-8")))) == []


def test_a_parameter_that_is_not_explained_is_found():
    source = 'class A:\n    def f(self, a, b):\n        """F.\n\n        Args:\n            a: one.\n        """\n'
    assert list(unexplained(ast.parse(source))) == ["A.f: b"]
