"""The ES modules below `js/`, joined to one script without a bundler.

A component and an HTML file take their script as one text. `joined` makes it: it follows the imports from an entry,
puts each module after those that it imports, and strips the import lines and the word `export`. All modules then share
one scope. What would mean something else there than it does in modules is refused.
"""

import graphlib
import re
from pathlib import Path
from typing import NamedTuple

_IMPORT = re.compile(r"^import\b[^;]*(?:;[^\n]*\n|\Z)", re.MULTILINE)
_FROM = re.compile(r'import\s*\{([\w$\s,]*)\}\s*from\s*"(\.[^"]*)";\s*')
_NAME = re.compile(r"[\w$]+")
_EXPORT = re.compile(r"^export\b *(default\b)?", re.MULTILINE)
_DECLARATION = re.compile(r"(?:(?:async )?function\*? |class |const |let |var )([\w$]+|[{\[])")


class ModuleError(ValueError):
    """A module holds what a joined script could not, or asks for what is not there."""


class Module(NamedTuple):
    """One file."""

    imports: dict[Path, list[str]]  # the names that it takes from each other file
    exports: set[str]
    declared: set[str]  # at the top level, exported or not
    body: str  # its text without import lines and the word `export`


def joined(entry: Path) -> str:
    """The script of an entry and of all modules that it reaches.

    Raises:
        ModuleError: A module is missing, an import takes what its module does not export or goes in a circle, two
            modules declare the same name, or one has a statement that `read` does not know.
    """
    modules = reached(entry)
    for path, module in modules.items():
        for source, names in module.imports.items():
            if unknown := sorted(set(names) - modules[source].exports):
                raise ModuleError(f"{path} imports {', '.join(unknown)}, which {source} does not export")
    owners: dict[str, Path] = {}
    for path, module in modules.items():
        for name in sorted(module.declared):
            if owners.setdefault(name, path) != path:
                raise ModuleError(f"{path} and {owners[name]} both declare {name}, and share a scope once joined")
    graph = graphlib.TopologicalSorter({path: module.imports for path, module in modules.items()})
    try:
        return "\n".join(modules[path].body for path in graph.static_order())
    except graphlib.CycleError as error:
        raise ModuleError(f"modules import each other in a circle: {' <- '.join(map(str, error.args[1]))}") from None


def reached(entry: Path) -> dict[Path, Module]:
    """An entry and all modules that its imports lead to."""
    modules: dict[Path, Module] = {}
    waiting = [entry.resolve()]
    while waiting:
        path = waiting.pop()
        if path not in modules:
            modules[path] = read(path, default=not modules)
            waiting += modules[path].imports
    return modules


def read(path: Path, default: bool = False) -> Module:
    """One module.

    Args:
        path: Its file.
        default: Whether it may have an `export default`, as only an entry may.

    Raises:
        ModuleError: The file is missing; or an import is not of the form `import { a, b } from "./file.js";`, an export
            does not stand before a declaration, or a declaration at the top level takes a value apart.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ModuleError(f"the module {path} cannot be read: {error.strerror}") from None
    imports: dict[Path, list[str]] = {}
    for statement in _IMPORT.findall(text):
        form = _FROM.fullmatch(statement)
        names = [name.strip() for name in form[1].split(",") if name.strip()] if form else []
        if not form or not names or not all(map(_NAME.fullmatch, names)):
            raise ModuleError(f'{path}: `{statement.strip()}` is not of the form `import {{ a, b }} from "./file.js";`')
        imports.setdefault((path.parent / form[2]).resolve(), []).extend(names)
    body = _IMPORT.sub("", text)
    exports = set()
    for export in _EXPORT.finditer(body):
        declaration = _DECLARATION.match(body, export.end())
        if export[1] and default:
            continue
        if export[1] or not declaration:
            raise ModuleError(f"{path}: only a declaration is exported, and only an entry has a default")
        exports.add(declaration[1])
    body = _EXPORT.sub(lambda export: export[0] if export[1] else "", body)
    declared = {form[1] for line in body.splitlines() if (form := _DECLARATION.match(line))}
    if declared & {"{", "["}:
        raise ModuleError(f"{path}: at the top level a declaration has one name")
    return Module(imports, exports, declared, body.strip("\n") + "\n")
