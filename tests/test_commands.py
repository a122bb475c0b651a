"""Laws of all commands: whatever is asked of one, it does its work or says in one sentence why it cannot."""

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from vae import benchmark, classifier, commands, datasets, evaluate, train
from vae.images import sources
from vae.storage.file_pair import locked

ROOT = Path(__file__).parent.parent
COMMANDS = {
    "train": train,
    "evaluate": evaluate,
    "datasets": datasets,
    "classifier": classifier,
    "benchmark": benchmark,
}
STRICT = ["-X", "warn_default_encoding", "-W", "error::EncodingWarning"]


@pytest.fixture
def said(capsys):
    """The exit code of a command, and the one sentence that it ended in."""

    def run(command, *arguments):
        with pytest.raises(SystemExit) as ended:
            COMMANDS[command].main(list(map(str, arguments)))
        code = ended.value.code
        last = code if isinstance(code, str) else capsys.readouterr().err
        assert last.startswith("error: ")
        assert last.count("\n") <= 1
        return (1, last) if isinstance(code, str) else (code, last)

    return run


@pytest.fixture
def images(tmp_path):
    """A folder data set of two small classes, one with a name that few consoles can show."""
    for label, name in enumerate(("日本語", "cat")):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for index in range(10):
            image = Image.new("L", (28, 28))
            image.putpixel((5 + 10 * label, 5 + index), 255)
            image.save(tmp_path / "pets" / name / f"{index}.png")
    return tmp_path / "pets"


WRONG = [
    *(["--sigma", value] for value in ("0", "-1", "nan", "inf", "1e300", "x")),
    *(["--adam-beta2", value] for value in ("1", "-0.1")),
    *(["--latent-dim", value] for value in ("0", "1000000000", "1e9", "2.5")),
    *(["--points", value] for value in ("99999999999999999999", "0")),
    *(["--samples", value] for value in ("100000000", "-1")),
    *(["--epochs", value] for value in (str(10**12), "9" * 400, "9" * 5000, "")),
    *(["--batch-size", value] for value in (str(10**12), "0")),
    *(["--seed", value] for value in (str(2**70), "-1")),
    *(["--snapshots", value] for value in (str(10**9), "1", "-3")),
    *(["--name", value] for value in ("../vae", "classifier", "family", "x" * 300, "größe", "a.b", "a\nb", "")),
    *(["--name", value] for value in ("Family", "JOBS", "Classifier")),
    *(["--device", value] for value in ("meta", "mps", "xla", "abacus", "cuda:99", "cpu:x", "")),
    ["--learning-rate", "1e300"],
    ["--beta", "1e300"],
    ["--objective", "exact", "--model", "ae"],
    ["--model", "gan"],
    ["--no-such-flag"],
]


@pytest.mark.fault("a command ended in a traceback")
@pytest.mark.parametrize("arguments", WRONG, ids=lambda arguments: " ".join(arguments)[:40])
def test_a_wrong_argument_of_a_training_is_one_sentence_that_names_it(arguments, said, tmp_path):
    code, last = said("train", *arguments, "--folder", tmp_path)
    assert code == 2
    assert arguments[0].strip("-").replace("-", "_") in last.replace("-", "_")
    assert len(last) < 400
    assert list(tmp_path.iterdir()) == []


@pytest.mark.fault("a command ended in a traceback")
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_a_flag_that_it_has_not(command, said):
    code, last = said(command, "--nonsense")
    assert code == 2
    assert f"`python -m vae.{command} --help`" in last


@pytest.mark.fault("a command ended in a traceback")
@pytest.mark.parametrize("command", ["classifier", "benchmark"])
def test_every_command_that_computes_refuses_a_device_that_cannot(command, said):
    assert said(command, "--device", "meta")[0] == 2


@pytest.mark.fault("a command ended in a traceback")
@pytest.mark.parametrize("command", ["train", "classifier"])
@pytest.mark.parametrize("below", ["", "/deeper"])
def test_a_folder_that_is_a_file_is_named(command, below, said, images):
    (images.parent / "file").touch()
    code, last = said(command, "--dataset", images, "--folder", f"{images.parent}/file{below}", "--device", "cpu")
    assert code == 1
    assert str(images.parent / "file") in last


@pytest.mark.fault("a command ended in a traceback")
@pytest.mark.parametrize("command", ["train", "datasets", "classifier"])
def test_a_data_set_that_is_not_there_is_named(command, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, last = said(command, "--dataset", "nothing")
    assert code == 1
    assert "there is no folder 'nothing'" in last


@pytest.mark.parametrize("command", ["train", "datasets", "classifier", "benchmark"])
def test_a_data_set_that_cannot_be_fetched_names_the_ways_out(command, said, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "torchvision_parts", lambda: (_ for _ in ()).throw(OSError(errno.EACCES, "no", "x")))
    monkeypatch.chdir(tmp_path)
    code, last = said(command, "--data-dir", tmp_path / "none")
    assert code == 1
    assert "VAE_DATA_DIR" in last


@pytest.mark.fault("a command ended in a traceback")
@pytest.mark.parametrize("folder", ["empty", "absent"])
@pytest.mark.parametrize("more", [[], ["--table"]])
def test_no_model_to_measure_is_said(folder, more, said, tmp_path):
    (tmp_path / "empty").mkdir()
    code, last = said("evaluate", "--folder", tmp_path / folder, *more)
    assert code == 1
    assert f"there is no model in {tmp_path / folder}: train one with `python -m vae.train`" in last


@pytest.mark.fault("a command ended in a traceback")
def test_a_class_folder_without_permission_is_named(said, images, monkeypatch):
    whole = Path.iterdir

    def refused(path):
        if path.name == "cat":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return whole(path)

    monkeypatch.setattr(Path, "iterdir", refused)
    code, last = said("datasets", "--dataset", images)
    assert code == 1
    assert f"{images / 'cat'} cannot be read (Permission denied)" in last


@pytest.mark.fault("a command ended in a traceback")
def test_a_progress_file_in_a_missing_folder_is_named(said, images, tmp_path):
    arguments = ["--folder", tmp_path / "models", "--progress-file", tmp_path / "none" / "file", "--device", "cpu"]
    code, last = said("train", "--dataset", images, *arguments)
    assert (code, last) == (1, f"error: {tmp_path / 'none' / 'file'}: No such file or directory")


@pytest.mark.fault("a command ended in a traceback")
@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), "there is not enough memory for this"),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate\n2 GiB"), "there is not enough memory for this"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"), "there is not enough memory"),
        (RuntimeError("first\nsecond"), "error: first"),
        (RuntimeError(), "error: RuntimeError"),
        (KeyError("x"), "error: KeyError: 'x'"),
        (OSError(errno.ENOSPC, "No space left on device", "some.pt"), "error: some.pt: No space left on device"),
    ],
)
@pytest.mark.parametrize("command", COMMANDS)
def test_whatever_happens_on_the_way_is_one_sentence(command, error, expected, said, tmp_path, monkeypatch):
    monkeypatch.setattr(COMMANDS[command], "load_dataset", lambda *_, **__: (_ for _ in ()).throw(error))
    arguments = ["--folder", tmp_path] if command in ("train", "classifier") else []
    arguments = [ROOT / "checkpoints" / "vae"] if command == "evaluate" else arguments
    code, last = said(command, *arguments)
    assert code == 1
    assert expected in last


@pytest.mark.fault("a command ended in a traceback")
def test_home_folders_are_found_wherever_a_path_is_given(images, monkeypatch, capsys):
    monkeypatch.setenv("HOME", str(images.parent))
    train.main(["--dataset=~/pets", "--folder=~/models", "--epochs=1", "--network=small", "--quick", "--device=cpu"])
    evaluate.main(["--folder=~/models", "--quick", "--json=~/figures"])
    evaluate.main(["~/models/vae.pt", "--table"])
    assert (images.parent / "models" / "vae.json").is_file()
    assert (images.parent / "figures").is_file()
    monkeypatch.setenv("VAE_DATA_DIR", "~/data")
    assert sources.data_dir() == images.parent / "data"
    assert sources.data_dir("~/other") == images.parent / "other"
    assert sources.is_here("~/pets")


def run(*arguments, **more):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **more.pop("environment", {})}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        **{"env": environment, "capture_output": True, "text": True, "encoding": "utf-8", **more},
    )


SMALL = ["--epochs", 1, "--network", "small", "--quick", "--device", "cpu"]


@pytest.mark.fault("text was read in the code page of the machine")
def test_all_text_has_an_encoding_and_a_narrow_console_is_no_hindrance(images):
    folder = images.parent / "models"
    for command, *arguments in (
        ["datasets", "--dataset", images],
        ["train", "--dataset", images, "--folder", folder, *SMALL, "--progress-file", images.parent / "progress"],
        ["evaluate", "--folder", folder, "--quick", "--record", "--json", images.parent / "figures"],
        ["benchmark", "--help"],
        ["classifier", "--help"],
    ):
        done = run(*STRICT, "-m", f"vae.{command}", *arguments, environment={"PYTHONIOENCODING": "cp1252"})
        assert done.returncode == 0, done.stderr
        if command == "datasets":
            assert r"(cat, \u65e5\u672c\u8a9e)" in done.stdout


@pytest.mark.fault("a full disk, or Ctrl-C, ended in a traceback and left half a file")
def test_a_full_disk_ends_a_training_in_a_sentence_and_leaves_nothing(images):
    def small_disk():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    folder = images.parent / "models"
    done = run("-m", "vae.train", "--dataset", images, "--folder", folder, *SMALL, preexec_fn=small_disk)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"error: {folder / 'vae.resume.pt'}: File too large"
    assert "Traceback" not in done.stderr
    assert [file.name for file in folder.iterdir()] == [".locks"]


@pytest.mark.fault("a full disk, or Ctrl-C, ended in a traceback and left half a file")
@pytest.mark.parametrize("seconds", [0, 0.2, 1, 4])
def test_ctrl_c_is_no_traceback_from_the_import_of_pytorch_on(seconds, images):
    command = [sys.executable, "-m", "vae.train", "--dataset", str(images), "--folder", str(images.parent / "models")]
    with subprocess.Popen(
        [*command, "--epochs", "100000"], cwd=ROOT, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        while process.poll() is None and "torch" not in Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8"):
            time.sleep(0.005)
        time.sleep(seconds)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert "Traceback" not in said
    assert said.splitlines()[-1].startswith("stopped")


@pytest.mark.fault("a full disk, or Ctrl-C, ended in a traceback and left half a file")
def test_an_interrupt_within_exec_has_the_exit_code_of_any_other(tmp_path):
    lines = """
from vae.commands import Parser, run
run(Parser(), lambda given: exec("raise KeyboardInterrupt"), [])
"""
    (tmp_path / "interrupted.py").write_text(lines, encoding="utf-8")
    done = run("-m", "interrupted", environment={"PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)])})
    assert (done.returncode, done.stderr) == (130, "\nstopped\n")


@pytest.mark.fault("a full disk, or Ctrl-C, ended in a traceback and left half a file")
def test_an_interrupt_is_known_however_it_is_wrapped():
    def wrapped():
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise RuntimeError("unexpected pos 64 vs 0")  # noqa: B904

    with pytest.raises(RuntimeError) as caught:
        wrapped()
    assert commands._is_interrupt(caught.value)
    assert not commands._is_interrupt(RuntimeError())


@pytest.mark.fault("two processes of one name, or two kills in a row, left no model that could be read")
def test_a_name_that_is_being_trained_is_refused_at_once(said, images):
    folder = images.parent / "models"
    training = [sys.executable, "-m", "vae.train", "--dataset", str(images), "--folder", str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([*training, "--epochs", "1000000"], env=environment, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while not (folder / "vae.resume.pt").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        try:
            start = time.monotonic()
            code, last = said("train", "--dataset", images, "--folder", folder, *SMALL)
            assert (code, time.monotonic() - start < 10) == (1, True)
            assert f"another process is training or writing vae in {folder}" in last
        finally:
            process.kill()
    with locked(folder / "vae"):
        pass
