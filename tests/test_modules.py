"""Laws of joined scripts: a module stands once, after those it imports; what a shared scope cannot hold is refused."""

import re

import pytest

from explorer.browser import SHELL, modules
from explorer.browser.modules import ModuleError

ENTRIES = ["mount_runtime", "mount_bank", "mount_bridge", "standalone", "lattice_worker"]


@pytest.fixture
def write(tmp_path):
    """Writes modules, each a file of its text, and gives the path of the first."""

    def write(**texts):
        for name, text in texts.items():
            (tmp_path / f"{name}.js").write_text(text, encoding="utf-8")
        return tmp_path / f"{next(iter(texts))}.js"

    return write


def test_a_module_stands_once_and_after_those_that_it_imports(write):
    entry = write(
        a='// A.\nimport { b } from "./b.js";\nimport {\n  c,\n  d,\n} from "./c.js";\nexport default function () {}\n',
        b='import { c } from "./c.js";\nexport const b = c;\n',
        c="export class c {}\nexport async function d() {}\nconst own = 1;\n",
        e="not reached",
    )
    assert modules.joined(entry) == (
        "class c {}\nasync function d() {}\nconst own = 1;\n\nconst b = c;\n\n// A.\nexport default function () {}\n"
    )


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ({"a": 'import { b } from "./b.js";\n'}, "b.js cannot be read"),
        ({"a": 'import { b } from "./b.js";\n', "b": "const b = 1;\n"}, "does not export"),
        ({"a": 'import { b as c } from "./b.js";\n', "b": "export const b = 1;\n"}, "not of the form"),
        ({"a": 'import * as b from "./b.js";\n', "b": "export const b = 1;\n"}, "not of the form"),
        ({"a": 'import b from "./b.js";\n', "b": "export default 1;\n"}, "not of the form"),
        ({"a": 'import "./b.js";\n', "b": "export const b = 1;\n"}, "not of the form"),
        ({"a": 'import { b } from "b";\n', "b": "export const b = 1;\n"}, "not of the form"),
        ({"a": 'import { b } from "./b.js"\n', "b": "export const b = 1;\n"}, "not of the form"),
        ({"a": 'import { b } from "./b.js";\n', "b": "export const b = 1;\nexport default b;\n"}, "only an entry"),
        ({"a": "const b = 1;\nexport { b };\n"}, "only a declaration"),
        ({"a": 'export * from "./b.js";\n', "b": "export const b = 1;\n"}, "only a declaration"),
        ({"a": "const { b, c } = d;\n"}, "one name"),
        (
            {
                "a": 'import { b } from "./b.js";\nexport const a = 1;\n',
                "b": 'import { a } from "./a.js";\nexport const b = a;\n',
            },
            "circle",
        ),
        (
            {"a": 'import { b } from "./b.js";\nconst c = b;\n', "b": "const c = 1;\nexport const b = c;\n"},
            "both declare c",
        ),
    ],
)
def test_what_a_shared_scope_could_not_hold_is_refused(write, texts, said):
    with pytest.raises(ModuleError, match=said):
        modules.joined(write(**texts))


@pytest.mark.parametrize("entry", ENTRIES)
def test_a_script_holds_no_import_and_no_export_but_its_entrys(entry):
    script = modules.joined(SHELL / f"{entry}.js")
    assert not re.findall(r"^\s*import\b.*", script, re.MULTILINE)
    assert len(re.findall(r"^export\b", script, re.MULTILINE)) == entry.startswith("mount")


def test_the_exported_file_has_what_it_reaches_and_nothing_else():
    reached = {path.stem for path in modules.reached(SHELL / "standalone.js")}
    assert {"maps", "interpolate", "bound", "draw", "replay", "tiles", "plot"} <= reached
    assert not reached & {"svg", "picture", "pictures", "train", "connection", "plotly_viewport", "fetched"}
