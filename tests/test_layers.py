"""Who may use whom, read from the import statements of every module: the arrows point one way."""

import ast
import graphlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from explorer.browser import modules

ROOT = Path(__file__).parent.parent
VAE = {
    ".".join(path.relative_to(ROOT / "vae").with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "vae").rglob("*.py")
}
EXPLORER = {
    ".".join(path.relative_to(ROOT / "explorer").with_suffix("").parts).removesuffix(".__init__"): path
    for path in (ROOT / "explorer").rglob("*.py")
}

VAE_ARROWS = {
    "__init__": set(),  # it imports what it is asked for
    "architecture": {"config"},
    "benchmark": {
        "commands",
        "config",
        "flags",
        "matmul_precision",
        "metrics",
        "objectives",
        "train",
        "images.sources",
        "images.tensors",
        "storage.file_pair",
    },
    "classifier": {
        "architecture",
        "commands",
        "flags",
        "images.sources",
        "images.tensors",
        "storage.file_pair",
        "storage.stored_checkpoint",
    },
    "collapse": set(),
    "commands": set(),
    "config": set(),
    "datasets": {"commands", "config", "flags", "images.sources"},
    "distributions": set(),
    "evaluate": {
        "classifier",
        "collapse",
        "commands",
        "config",
        "exact_metrics",
        "flags",
        "matmul_precision",
        "measured",
        "metrics",
        "models",
        "objectives",
        "images.sources",
        "images.tensors",
        "inference.aggregate",
        "storage.checkpoint",
        "storage.file_pair",
        "storage.stored_checkpoint",
    },
    "exact_metrics": {
        "classifier",
        "measured",
        "models",
        "images.tensors",
        "inference.aggregate",
        "inference.estimators",
        "inference.inference_gap",
        "inference.joint",
        "inference.quadrature",
        "inference.two_part_code",
    },
    "flags": {"commands", "config", "storage.file_pair"},
    "geodesics": {"geometry"},
    "geometry": {"distributions", "models"},
    "grids": set(),
    "interpolation": {"geodesics", "geometry"},
    "matmul_precision": set(),
    "measured": {"commands"},
    "metrics": {"config", "distributions", "models", "objectives", "images.tensors", "inference.map_codes"},
    "models": {"architecture", "config", "distributions", "networks", "objectives", "quasi_random"},
    "networks": set(),
    "objectives": {"distributions"},
    "observers": {"config", "models", "objectives", "storage.checkpoint", "storage.file_pair"},
    "quasi_random": set(),
    "snapshots": {
        "config",
        "metrics",
        "models",
        "objectives",
        "observers",
        "storage.checkpoint",
        "storage.file_pair",
        "storage.stored_checkpoint",
    },
    "train": {
        "__init__",
        "classifier",
        "commands",
        "config",
        "evaluate",
        "flags",
        "matmul_precision",
        "measured",
        "metrics",
        "models",
        "objectives",
        "observers",
        "snapshots",
        "images.sources",
        "images.tensors",
        "storage.checkpoint",
        "storage.file_pair",
        "storage.stored_checkpoint",
    },
    "images": set(),
    "images.folder": {"architecture", "images.grey", "images.tensors"},
    "images.grey": set(),
    "images.ink": set(),
    "images.mnist_form": {"images.ink"},
    "images.sources": {"architecture", "commands", "config", "images.folder", "images.tensors", "storage.file_pair"},
    "images.tensors": {"architecture"},
    "inference": set(),
    "inference.adaptive": {"distributions", "grids", "models", "inference.joint"},
    "inference.aggregate": {"distributions", "models", "quasi_random", "inference.joint"},
    "inference.estimators": {"distributions", "models", "inference.joint"},
    "inference.gauss_hermite": {"grids"},
    "inference.inference_gap": {
        "distributions",
        "grids",
        "models",
        "inference.adaptive",
        "inference.gauss_hermite",
        "inference.joint",
        "inference.quadrature",
    },
    "inference.joint": {"distributions", "models"},
    "inference.map_codes": {"grids", "models", "inference.joint"},
    "inference.population_monte_carlo": {"models", "quasi_random", "inference.joint", "inference.map_codes"},
    "inference.quadrature": {
        "grids",
        "models",
        "inference.adaptive",
        "inference.gauss_hermite",
        "inference.joint",
    },
    "inference.two_part_code": {"architecture"},
    "storage": set(),
    "storage.checkpoint": {"config", "models", "storage.file_pair", "storage.stored_checkpoint"},
    "storage.file_pair": {"storage.torch_zip"},
    "storage.stored_checkpoint": {"architecture", "config", "flags", "storage.file_pair"},
    "storage.torch_zip": set(),
}
EXPLORER_ARROWS = {  # a folder's name stands for each module in it
    "access": set(),
    "app": {"access", "browser", "opening", "resources", "views"},  # the views by their names
    "bars": set(),
    "browser": {"browser"},
    "compute": {"vae"},
    "drawing": {"compute", "evidence", "vae"},
    "export": set(),
    "evidence": {"compute", "landscape", "vae"},
    "figures": set(),
    "formulas": {"bars", "evidence", "landscape", "vae"},
    "glimpse": {"compute", "figures", "vae"},
    "jobs": {"access", "vae"},
    "keeping": set(),
    "landscape": {"vae"},
    "opening": {"results"},  # by its name
    "packing": {"vae"},
    "pictures": {"vae"},
    "recipe": {"state", "vae"},
    "resources": {"figures", "keeping", "packing", "state", "vae"},
    "results": {"access", "compute", "drawing", "evidence", "figures", "glimpse", "jobs", "keeping", "packing"}
    | {"pictures", "resources", "shape", "vae"},
    "shape": {"compute", "vae"},
    "state": set(),
    "views": {"access", "bars", "browser", "compute", "drawing", "evidence", "export", "figures", "formulas"}
    | {"glimpse", "jobs", "landscape", "opening", "pictures", "recipe", "resources", "results", "shape", "state", "vae"}
    | {"views"},
}
SCRIPTS = ROOT / "explorer" / "browser" / "js"
SCRIPT_ARROWS = {  # a room of JavaScript: the others that its modules import from
    "base": set(),
    "model": {"base"},
    "plane": {"base"},
    "widgets": {"base", "model"},
    "export": {"base", "plane"},
    "pages": {"base", "export", "model", "plane", "widgets"},
    "shell": {"base", "model", "pages", "plane"},
}
LIBRARIES = {  # library: the rooms that may import it, of both packages
    "torch": {"vae", "compute", "drawing", "evidence", "glimpse", "landscape", "shape"},
    "msgspec": {"vae.classifier", "vae.storage.file_pair", "vae.observers", "vae.storage.stored_checkpoint", "jobs"},
    "torchvision": {"vae.images.sources"},
    "filelock": {"vae.images.sources", "vae.storage.file_pair"},
    "tqdm": {"vae"},
    "scipy": {"vae.images.ink", "vae.geodesics"},
    "pandas": {"figures"},
    "plotly": {"figures"},
    "streamlit": {"app", "browser", "opening", "resources", "results", "views"},
    "PIL": {"vae.images.folder", "vae.images.grey", "pictures"},
    "numpy": {"vae", "compute", "drawing", "evidence", "export", "figures", "glimpse", "landscape", "packing"}
    | {"pictures", "results", "shape", "views"},
}


def imports(path):
    """Each imported module with the names taken from it: `from a import b` gives ("a", "b"), `import a` ("a", None)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from ((node.module, alias.name) for alias in node.names)


def vae_modules_used_by(path):
    for module, name in imports(path):
        package, _, inside = module.partition(".")
        if package == "vae":
            taken = f"{inside}.{name}".removeprefix(".")
            yield taken if taken in VAE else inside or "__init__"


def rooms_used_by(path):
    """The first part of each import: a room of explorer, or another package."""
    for module, name in imports(path):
        package, _, rest = module.partition(".")
        yield (rest.split(".")[0] or name) if package == "explorer" else package


@pytest.mark.parametrize("module", VAE)
def test_a_module_of_vae_uses_just_those_that_its_arrows_name(module):
    assert set(vae_modules_used_by(VAE[module])) == VAE_ARROWS[module]


def test_the_arrows_of_vae_make_no_circle():
    assert len(list(graphlib.TopologicalSorter(VAE_ARROWS).static_order())) == len(VAE)  # raises on a circle


@pytest.mark.parametrize("module", EXPLORER)
def test_a_module_of_explorer_uses_only_those_its_arrows_name(module):
    room = module.split(".")[0]
    used = set(rooms_used_by(EXPLORER[module]))
    assert used & (EXPLORER_ARROWS.keys() | {"vae"}) <= EXPLORER_ARROWS[room]


@pytest.mark.parametrize("module", [module for module in EXPLORER if module.startswith("views")])
def test_a_view_takes_from_vae_only_the_errors_it_shows(module):
    taken = {name for source, name in imports(EXPLORER[module]) if source.split(".")[0] == "vae"}
    assert taken <= {"CheckpointError", "DataError"}


@pytest.mark.parametrize("path", [*VAE.values(), *EXPLORER.values()], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_library_is_imported_only_where_it_belongs(path):
    inside = path.relative_to(ROOT).with_suffix("").parts
    rooms = {"vae", ".".join(inside)} if inside[0] == "vae" else {inside[1]}
    own = {"vae", "explorer", *EXPLORER_ARROWS}
    for module, _ in imports(path):
        library = module.split(".")[0]
        if library not in sys.stdlib_module_names and library not in own:
            assert rooms & LIBRARIES.get(library, set()), f"{path.relative_to(ROOT)} imports {library}"


def scripts_used_by(room):
    for path in (SCRIPTS / room).glob("*.js"):
        yield from modules.read(path, default=True).imports


def test_the_rooms_of_javascript_are_those_with_arrows():
    assert {path.name for path in SCRIPTS.iterdir()} == SCRIPT_ARROWS.keys()


@pytest.mark.parametrize("room", SCRIPT_ARROWS)
def test_a_room_of_javascript_uses_just_those_that_its_arrows_name(room):
    assert {path.parent.name for path in scripts_used_by(room)} - {room} == SCRIPT_ARROWS[room]


def test_the_arrows_of_javascript_make_no_circle():
    assert set(graphlib.TopologicalSorter(SCRIPT_ARROWS).static_order()) == SCRIPT_ARROWS.keys()  # raises on a circle


def test_no_page_imports_from_another_and_every_module_is_reached():
    assert not [path for path in scripts_used_by("pages") if path.parent.name == "pages"]
    entries = [path for path in (SCRIPTS / "shell").glob("*.js") if path.stem == "standalone" or "mount" in path.stem]
    reached = set().union(*map(modules.reached, entries))
    assert reached == {path.resolve() for path in SCRIPTS.rglob("*.js")}


def test_what_a_module_of_javascript_exports_is_imported_somewhere():
    scripts = {path.resolve(): modules.read(path, default=True) for path in SCRIPTS.rglob("*.js")}
    taken = {
        (source, name) for script in scripts.values() for source, names in script.imports.items() for name in names
    }
    assert {(path, name) for path, script in scripts.items() for name in script.exports} == taken


@pytest.mark.parametrize(
    "shown",
    [
        "from vae.storage import stored_checkpoint; stored_checkpoint.read('checkpoints/vae')",
        "import explorer.views.maps; from explorer.resources import family, resource, with_posterior;"
        "resource('vae'), family(), with_posterior()",
    ],
    ids=["a checkpoint", "a map"],
)
def test_what_can_be_shown_without_pytorch_is(shown):
    code = shown + "; import sys; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment).returncode == 0
