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
    "datasets": {"commands", "config", "flags", "images.sheet", "images.sources", "images.tensors"},
    "distributions": set(),
    "evaluate": {
        "classifier",
        "collapse",
        "commands",
        "config",
        "distributions",
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
        "inference.mutual_information",
        "storage.checkpoint",
        "storage.file_pair",
        "storage.stored_checkpoint",
    },
    "exact_metrics": {
        "classifier",
        "distributions",
        "measured",
        "models",
        "samples",
        "images.tensors",
        "inference.aggregate",
        "inference.decoded_lattice",
        "inference.estimators",
        "inference.inference_gap",
        "inference.joint",
        "inference.peak_normals",
        "inference.quadrature",
        "inference.two_part_code",
        "protocols",
    },
    "exact_objective": {"distributions", "grids", "models", "objectives", "inference.joint"},
    "flags": {"commands", "config", "storage.file_pair"},
    "geodesics": {"geometry"},
    "forward_mode": set(),
    "geometry": {"distributions", "forward_mode", "protocols"},
    "grids": set(),
    "interpolation": {"geodesics", "geometry"},
    "matmul_precision": set(),
    "measured": {"commands"},
    "nearness": set(),
    "metrics": {"config", "distributions", "models", "objectives", "samples", "images.corruption", "images.tensors"},
    "models": {"architecture", "config", "distributions", "networks", "objectives", "inference.decoded_lattice"},
    "networks": set(),
    "objectives": {"distributions"},
    "observers": {"config", "models", "objectives", "storage.checkpoint", "storage.file_pair"},
    "ppca": {"config", "distributions", "models"},
    "protocols": {"distributions"},
    "quasi_random": set(),
    "samples": {"protocols"},
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
        "exact_objective",
        "flags",
        "matmul_precision",
        "measured",
        "metrics",
        "models",
        "objectives",
        "observers",
        "snapshots",
        "images.corruption",
        "images.sources",
        "images.tensors",
        "storage.checkpoint",
        "storage.file_pair",
        "storage.stored_checkpoint",
    },
    "images": set(),
    "images.corruption": set(),
    "images.folder": {"architecture", "images.grey", "images.tensors"},
    "images.grey": set(),
    "images.ink": set(),
    "images.mnist_form": {"images.ink"},
    "images.sheet": {"images.grey", "images.tensors"},
    "images.sources": {
        "architecture",
        "commands",
        "config",
        "images.folder",
        "images.sheet",
        "images.tensors",
        "storage.file_pair",
    },
    "images.tensors": {"architecture"},
    "inference": set(),
    "inference.adaptive": {"distributions", "grids", "protocols", "inference.joint"},
    "inference.aggregate": {"distributions", "protocols", "quasi_random", "inference.joint"},
    "inference.decoded_lattice": {
        "distributions",
        "grids",
        "protocols",
        "quasi_random",
        "inference.joint",
        "inference.peak_normals",
    },
    "inference.elbo_climb": {"inference.gauss_hermite"},
    "inference.estimators": {"distributions", "protocols", "inference.joint"},
    "inference.gauss_hermite": {"grids"},
    "inference.gradient_estimators": {"distributions", "protocols", "inference.joint"},
    "inference.inference_gap": {
        "distributions",
        "grids",
        "protocols",
        "inference.adaptive",
        "inference.elbo_climb",
        "inference.gauss_hermite",
        "inference.joint",
        "inference.quadrature",
    },
    "inference.joint": {"distributions", "protocols"},
    "inference.mutual_information": {"distributions"},
    "inference.peak_normals": {
        "distributions",
        "forward_mode",
        "protocols",
        "inference.elbo_climb",
        "inference.gauss_hermite",
        "inference.joint",
    },
    "inference.quadrature": {
        "grids",
        "protocols",
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
EXPLORER_ARROWS = {  # "vae" stands for the whole package
    "access": set(),
    "app": {"access", "browser", "figures", "session", "startup", "cache.checkpoints", "views.parts"},
    "extent": set(),
    "figures": {"extent"},
    "memory": {"state"},
    "notebooks": {
        "browser",
        "extent",
        "figures",
        "planes",
        "state",
        "vae",
        "browser.export",
        "browser.packing",
        "markup.facts",
        "quantities.points",
        "quantities.tabulated",
    },
    "export": {"state", "vae", "cache.checkpoints", "views.single_file"},
    "planes": {"extent", "figures", "state", "vae"},
    "session": {"memory", "state"},
    "startup": {"memory"},
    "state": {"vae"},
    "browser": {"memory", "browser.modules", "browser.payloads", "markup.terms"},
    "browser.export": {"markup.terms"},
    "browser.modules": set(),
    "browser.packing": {"vae", "quantities.tabulated"},
    "browser.payloads": {"state"},
    "cache": set(),
    "cache.checkpoints": {"figures", "planes", "state", "vae", "browser.packing", "cache.versions", "markup.facts"},
    "cache.results": {
        "access",
        "extent",
        "figures",
        "vae",
        "browser.packing",
        "cache.checkpoints",
        "cache.versions",
        "markup.images",
        "quantities.bound",
        "quantities.magnification",
        "quantities.noise",
        "quantities.overlap",
        "quantities.own_image",
        "quantities.paths",
        "quantities.points",
        "quantities.training_preview",
        "trainings.jobs",
    },
    "cache.readings": {
        "extent",
        "vae",
        "browser.packing",
        "cache.checkpoints",
        "cache.versions",
        "quantities.regions",
    },
    "cache.versions": set(),
    "markup": set(),
    "markup.bars": {"markup.terms"},
    "markup.facts": {"vae"},
    "markup.formulas": {"extent", "vae", "markup.bars", "quantities.bound", "quantities.posterior_map"},
    "markup.images": {"vae"},
    "markup.tables": {"markup.terms"},
    "markup.lesson": {"markup.terms"},
    "markup.terms": set(),
    "quantities": set(),
    "quantities.bound": {"extent", "vae", "quantities.decode", "quantities.posterior_map"},
    "quantities.decode": {"vae"},
    "quantities.magnification": {"extent", "vae", "quantities.paths"},
    "quantities.noise": {"vae"},
    "quantities.overlap": {"vae"},
    "quantities.own_image": {"extent", "vae", "quantities.bound", "quantities.decode"},
    "quantities.paths": {"extent", "vae", "quantities.points"},
    "quantities.points": {"extent", "vae", "quantities.decode"},
    "quantities.posterior_map": {"extent", "vae"},
    "quantities.tabulated": {"extent", "vae"},
    "quantities.regions": {"extent", "vae", "quantities.decode"},
    "quantities.training_preview": {"extent", "vae", "quantities.decode", "quantities.points"},
    "trainings": set(),
    "trainings.jobs": {"access", "vae"},
    "trainings.plan": {"state", "vae"},
    "views": set(),
    "views.bound": {
        "browser",
        "extent",
        "figures",
        "session",
        "state",
        "vae",
        "browser.payloads",
        "cache.checkpoints",
        "cache.results",
        "markup.bars",
        "markup.formulas",
        "markup.images",
        "markup.terms",
        "quantities.bound",
        "quantities.decode",
        "quantities.noise",
        "quantities.own_image",
        "quantities.points",
        "quantities.posterior_map",
        "views.completion",
        "views.parts",
        "views.pins",
        "views.export_menu",
    },
    "views.classes": {
        "browser",
        "figures",
        "session",
        "state",
        "browser.export",
        "browser.payloads",
        "cache.checkpoints",
        "cache.results",
        "markup.images",
        "markup.terms",
        "quantities.decode",
        "quantities.points",
        "views.parts",
        "views.export_menu",
    },
    "views.completion": {
        "browser",
        "figures",
        "session",
        "state",
        "browser.payloads",
        "cache.results",
        "markup.bars",
        "markup.images",
        "markup.terms",
        "views.export_menu",
        "views.likelihood",
    },
    "views.draw": {
        "browser",
        "memory",
        "session",
        "state",
        "browser.payloads",
        "cache.checkpoints",
        "cache.results",
        "markup.images",
        "markup.terms",
        "quantities.own_image",
        "views.likelihood",
        "views.export_menu",
        "views.parts",
    },
    "views.interpolate": {
        "browser",
        "extent",
        "session",
        "state",
        "vae",
        "browser.payloads",
        "cache.checkpoints",
        "cache.readings",
        "cache.results",
        "markup.images",
        "markup.tables",
        "markup.terms",
        "quantities.decode",
        "quantities.paths",
        "quantities.points",
        "views.parts",
        "views.regions",
        "views.export_menu",
    },
    "views.learn": {
        "browser",
        "memory",
        "session",
        "state",
        "vae",
        "browser.payloads",
        "cache.checkpoints",
        "cache.results",
        "markup.lesson",
        "views.likelihood",
        "views.parts",
        "views.replay",
    },
    "views.likelihood": {"browser.payloads", "cache.checkpoints", "quantities.bound"},
    "views.maps": {
        "browser",
        "extent",
        "memory",
        "session",
        "startup",
        "state",
        "browser.payloads",
        "cache.checkpoints",
        "views.colouring",
        "views.parts",
        "views.pins",
        "views.regions",
        "views.export_menu",
        "views.samples",
        "views.single_file",
    },
    "views.parts": {
        "browser",
        "figures",
        "memory",
        "session",
        "state",
        "vae",
        "cache.checkpoints",
        "markup.facts",
        "markup.terms",
    },
    "views.pins": {
        "browser",
        "extent",
        "figures",
        "memory",
        "session",
        "state",
        "vae",
        "browser.payloads",
        "cache.checkpoints",
        "cache.results",
        "markup.images",
        "markup.terms",
        "quantities.decode",
        "quantities.points",
        "views.parts",
        "views.regions",
    },
    "views.regions": {
        "browser",
        "extent",
        "session",
        "state",
        "vae",
        "browser.payloads",
        "cache.checkpoints",
        "cache.readings",
        "markup.images",
        "quantities.regions",
        "views.parts",
    },
    "views.replay": {
        "browser",
        "extent",
        "session",
        "state",
        "vae",
        "browser.payloads",
        "cache.checkpoints",
        "cache.results",
        "views.export_menu",
        "views.parts",
    },
    "views.export_menu": {
        "browser",
        "memory",
        "session",
        "browser.export",
        "cache.checkpoints",
        "cache.results",
        "markup.images",
        "quantities.points",
        "views.parts",
    },
    "views.single_file": {
        "browser",
        "figures",
        "planes",
        "session",
        "state",
        "vae",
        "browser.export",
        "cache.checkpoints",
        "cache.readings",
        "cache.results",
        "markup.facts",
        "markup.lesson",
        "views.colouring",
        "views.export_menu",
        "views.learn",
        "views.likelihood",
        "views.pins",
        "views.regions",
        "views.replay",
    },
    "views.colouring": {"browser", "session", "state", "browser.packing", "browser.payloads", "cache.checkpoints"},
    "views.samples": {
        "browser",
        "session",
        "state",
        "browser.payloads",
        "cache.checkpoints",
        "views.likelihood",
        "views.parts",
    },
    "views.train": {
        "access",
        "memory",
        "session",
        "state",
        "cache.checkpoints",
        "cache.results",
        "trainings.jobs",
        "trainings.plan",
        "views.export_menu",
        "views.parts",
        "views.trainings",
    },
    "views.trainings": {
        "access",
        "browser",
        "memory",
        "session",
        "state",
        "vae",
        "browser.export",
        "browser.payloads",
        "cache.checkpoints",
        "cache.results",
        "markup.facts",
        "markup.images",
        "markup.terms",
        "quantities.training_preview",
        "trainings.jobs",
        "trainings.plan",
        "views.export_menu",
        "views.parts",
    },
}
SCRIPTS = ROOT / "explorer" / "browser" / "js"
SCRIPT_ARROWS = {  # a room of JavaScript: the others that its modules import from
    "base": set(),
    "model": {"base"},
    "lesson": {"base", "model", "plane", "widgets"},
    "plane": {"base"},
    "widgets": {"base", "model"},
    "export": {"base", "plane"},
    "pages": {"base", "export", "lesson", "model", "plane", "widgets"},
    "alone": {"base", "model", "plane", "widgets"},
    "shell": {"alone", "base", "model", "pages", "plane", "widgets"},
}
LIBRARIES = {  # library: the rooms and modules that may import it
    "torch": {"vae", "explorer.quantities"},
    "msgspec": {
        "vae.classifier",
        "vae.storage.file_pair",
        "vae.observers",
        "vae.storage.stored_checkpoint",
        "explorer.trainings.jobs",
    },
    "torchvision": {"vae.images.sources"},
    "filelock": {"vae.images.sources", "vae.storage.file_pair"},
    "tqdm": {"vae", "explorer.quantities.tabulated"},
    "scipy": {"vae.images.ink", "vae.geodesics", "vae.metrics", "vae.nearness"},
    "pandas": {"explorer.figures"},
    "plotly": {"explorer.figures"},
    "streamlit": {
        "explorer.app",
        "explorer.browser.__init__",
        "explorer.cache",
        "explorer.session",
        "explorer.memory",
        "explorer.views",
    },
    "PIL": {"vae.images.folder", "vae.images.grey", "vae.images.sheet", "explorer.markup.images"},
    "numpy": {
        "vae",
        "explorer.browser.export",
        "explorer.browser.packing",
        "explorer.cache.results",
        "explorer.extent",
        "explorer.figures",
        "explorer.markup.images",
        "explorer.notebooks",
        "explorer.planes",
        "explorer.quantities",
        "explorer.views",
    },
}


def imports(path):
    """Each imported module with the names taken from it: `from a import b` gives ("a", "b"), `import a` ("a", None)."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield from ((node.module, alias.name) for alias in node.names)


def modules_used_by(path, package, modules):
    """The modules of a package that a file imports, or imports names from."""
    for module, name in imports(path):
        source, _, inside = module.partition(".")
        if source == package:
            taken = f"{inside}.{name}".removeprefix(".")
            yield taken if taken in modules else inside or "__init__"


@pytest.mark.parametrize("module", VAE)
def test_a_module_of_vae_uses_just_those_that_its_arrows_name(module):
    assert set(modules_used_by(VAE[module], "vae", VAE)) == VAE_ARROWS[module]


def test_vae_knows_the_app_in_one_place_and_only_once_it_is_asked_for_it():
    named = {module: {source.split(".")[0] for source, _ in imports(path)} for module, path in VAE.items()}
    assert {module for module, sources in named.items() if "explorer" in sources} == {"__init__"}
    at_once = [node for node in ast.parse(VAE["__init__"].read_text(encoding="utf-8")).body if hasattr(node, "names")]
    assert at_once
    assert "explorer" not in " ".join(map(ast.unparse, at_once))


@pytest.mark.parametrize("module", EXPLORER)
def test_a_module_of_explorer_uses_just_those_that_its_arrows_name(module):
    used = set(modules_used_by(EXPLORER[module], "explorer", EXPLORER))
    library = {"vae"} & {source.split(".")[0] for source, _ in imports(EXPLORER[module])}
    assert used | library == EXPLORER_ARROWS[module]


@pytest.mark.parametrize("arrows", [VAE_ARROWS, EXPLORER_ARROWS], ids=["vae", "explorer"])
def test_the_arrows_of_python_make_no_circle(arrows):
    assert set(graphlib.TopologicalSorter(arrows).static_order()) - {"vae"} == arrows.keys()  # raises on a circle


def test_no_module_of_the_app_hides_one_of_python():
    """Streamlit puts the script's folder first on the path, before the script can say otherwise."""
    assert not {path.stem for path in (ROOT / "explorer").iterdir()} & sys.stdlib_module_names


@pytest.mark.parametrize("module", [module for module in EXPLORER if module.startswith("views.")])
def test_a_view_takes_from_vae_only_the_errors_it_shows(module):
    taken = {name for source, name in imports(EXPLORER[module]) if source.split(".")[0] == "vae"}
    assert taken <= {"CheckpointError", "DataError"}


@pytest.mark.parametrize("path", [*VAE.values(), *EXPLORER.values()], ids=lambda path: str(path.relative_to(ROOT)))
def test_a_library_is_imported_only_where_it_belongs(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    rooms = {".".join(parts[:length]) for length in range(1, len(parts) + 1)}
    for module, _ in imports(path):
        library = module.split(".")[0]
        if library not in sys.stdlib_module_names and library not in ("vae", "explorer"):
            assert rooms & LIBRARIES.get(library, set()), f"{path.relative_to(ROOT)} imports {library}"


@pytest.mark.parametrize("library", LIBRARIES)
def test_each_place_that_may_import_a_library_does(library):
    users = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in [*VAE.values(), *EXPLORER.values()]
        if library in {module.split(".")[0] for module, _ in imports(path)}
    ]
    idle = {room for room in LIBRARIES[library] if not any(f"{user}.".startswith(f"{room}.") for user in users)}
    assert not idle


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
    shell = (SCRIPTS / "shell").glob("*.js")
    entries = [path for path in shell if path.stem in ("standalone", "lattice_worker") or "mount" in path.stem]
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
        "import explorer.views.maps; from explorer.cache.checkpoints import family, resource, with_posterior;"
        "resource('vae'), family(), with_posterior()",
    ],
    ids=["a checkpoint", "a map"],
)
def test_what_can_be_shown_without_pytorch_is(shown):
    code = shown + "; import sys; sys.exit('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment).returncode == 0
