"""Laws of the named sets: what is trained on is what torchvision reads, all of it, and MNIST's pixels are known."""

import time
import urllib.error
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch

from vae import datasets
from vae.images import sources
from vae.images.sources import SOURCES, load_dataset, load_test_split
from vae.images.tensors import DataError, fingerprint
from vae.storage.stored_checkpoint import MNIST_TEST_SHA256


def write_raw(root, source, seed=0, exist_ok=False):
    """Random images and labels in the four files of a set, where torchvision would put them."""
    raw = root / source.torchvision / "raw"
    raw.mkdir(parents=True, exist_ok=exist_ok)
    generator = np.random.default_rng(seed)
    for prefix, count in zip(source.prefixes, source.counts, strict=True):
        for kind, shape, below in (("images-idx3", (count, 28, 28), 256), ("labels-idx1", (count,), 10)):
            header = np.array([0x800 + len(shape), *shape], ">u4").tobytes()
            values = generator.integers(0, below, shape, np.uint8)
            (raw / f"{prefix}-{kind}-ubyte").write_bytes(header + values.tobytes())


@pytest.fixture(params=[name for name in SOURCES if name != "mnist"])
def small_set(request, monkeypatch, tmp_path):
    """A named set of few images, in torchvision's own layout."""
    source = SOURCES[request.param]._replace(counts=(60, 20))
    monkeypatch.setitem(SOURCES, request.param, source)
    write_raw(tmp_path, source)
    return request.param, source, tmp_path


def test_a_named_set_is_what_torchvision_reads(small_set):
    name, source, root = small_set
    found = load_dataset(name, root, download=False)
    parts = (found[:2], found[2:4])
    for train, (images, labels) in zip((True, False), parts, strict=True):
        theirs = getattr(sources.torchvision_parts()[0], source.torchvision)(str(root), train=train, **source.arguments)
        assert torch.equal(images.transpose(1, 2) if source.transposed else images, theirs.data)
        assert torch.equal(labels, theirs.targets)
        assert list(found.class_names) == list(theirs.classes)
    images, labels, class_names = load_test_split(name, root)
    assert torch.equal(images, found.test_images)
    assert torch.equal(labels, found.test_labels)
    assert class_names == found.class_names


@pytest.mark.parametrize(
    "spoil",
    [lambda content: content[:-1], lambda content: content + b"\0", lambda content: bytes(4) + content[4:]],
    ids=["cut", "too long", "foreign"],
)
@pytest.mark.parametrize("rank", range(4))
def test_a_truncated_or_foreign_file_is_refused_by_name(small_set, spoil, rank):
    name, source, root = small_set
    file = sorted((root / source.torchvision / "raw").iterdir())[rank]
    file.write_bytes(spoil(file.read_bytes()))
    with pytest.raises(DataError, match=rf"{file.name}.*delete it"):
        load_dataset(name, root)


def test_a_label_that_no_class_has_is_refused(small_set):
    name, source, root = small_set
    file = root / source.torchvision / "raw" / f"{source.prefixes[1]}-labels-idx1-ubyte"
    file.write_bytes(file.read_bytes()[:-1] + b"\x0a")
    with pytest.raises(DataError, match=file.name):
        load_dataset(name, root)


def test_whatever_has_mnists_size_but_not_its_pixels_is_refused(tmp_path):
    write_raw(tmp_path, SOURCES["mnist"])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.*delete it"):
        load_dataset("mnist", tmp_path)


def test_the_flag_goes_before_the_environment_and_that_before_the_default(monkeypatch):
    monkeypatch.delenv("VAE_DATA_DIR", raising=False)
    assert str(sources.data_dir()) == "data"
    monkeypatch.setenv("VAE_DATA_DIR", "elsewhere")
    assert str(sources.data_dir()) == "elsewhere"
    assert str(sources.data_dir("here")) == "here"


@pytest.mark.parametrize("name", SOURCES)
def test_absent_without_a_network_names_all_ways_out(tmp_path, monkeypatch, name):
    class Unreachable:
        def __getattr__(self, _):
            def download(*_, **__):
                raise urllib.error.URLError("no route to host")

            return download

    monkeypatch.setattr(sources, "torchvision_parts", lambda: (Unreachable(), None))
    for download in (True, False):
        with pytest.raises(DataError) as caught:
            load_dataset(name, tmp_path, download=download)
        for way in (str(tmp_path), "--data-dir", "VAE_DATA_DIR", "network", f"{SOURCES[name].torchvision}/raw"):
            assert way in str(caught.value)


class Torchvision:
    """Puts a set where it is asked to, slowly; after `files` of the four it dies half-way through the next."""

    def __init__(self, source, files=4):
        self.source, self.files, self.fetched = source, files, 0

    def __getattr__(self, _):
        return self.download

    def download(self, root, download, **_):
        self.fetched += 1
        write_raw(Path(root), self.source, exist_ok=True)
        time.sleep(0.2)
        if self.files < 4:
            files = sources._files(self.source, Path(root))
            for file in files[self.files :]:
                file.write_bytes(file.read_bytes()[:1000])
            raise EOFError("Compressed file ended before the end-of-stream marker was reached")


@pytest.fixture
def fetched(monkeypatch):
    """Have a small set fetched by this torchvision."""
    source = SOURCES["kmnist"]._replace(counts=(60, 20))
    monkeypatch.setitem(SOURCES, "kmnist", source)

    def use(files=4):
        torchvision = Torchvision(source, files)
        monkeypatch.setattr(sources, "torchvision_parts", lambda: (torchvision, None))
        return torchvision

    return use


@pytest.mark.fault("two processes that fetched a data set disturbed each other")
def test_of_many_who_want_a_set_one_fetches_it(fetched, tmp_path):
    torchvision = fetched()
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda _: load_dataset("kmnist", tmp_path), range(6)))
    assert torchvision.fetched == 1
    assert all(torch.equal(each.train_images, found[0].train_images) for each in found)
    assert [file.name for file in tmp_path.iterdir() if file.is_dir()] == ["KMNIST"]


@pytest.mark.fault("two processes that fetched a data set disturbed each other")
@pytest.mark.parametrize("files", range(4))
def test_a_fetch_that_dies_half_way_leaves_nothing_that_passes_for_whole(fetched, files, tmp_path):
    fetched(files)
    with pytest.raises(DataError, match=r"download failed \(EOFError: Compressed file ended"):
        load_dataset("kmnist", tmp_path)
    assert not sources.is_here("kmnist", tmp_path)
    assert list((tmp_path / "KMNIST" / "raw").iterdir()) == []
    (tmp_path / ".KMNIST.part" / "KMNIST" / "raw").mkdir(parents=True)  # as a kill leaves it
    fetched()
    assert len(load_dataset("kmnist", tmp_path).train_images) == 60
    assert not (tmp_path / ".KMNIST.part").exists()


def test_archives_that_are_there_are_not_fetched_again(fetched, tmp_path):
    (tmp_path / "KMNIST" / "raw").mkdir(parents=True)
    (tmp_path / "KMNIST" / "raw" / "train.gz").write_bytes(b"archive")
    torchvision, seen = fetched(), []
    whole = torchvision.download

    def download(root, **options):
        seen.extend(file.name for file in (Path(root) / "KMNIST" / "raw").iterdir())
        whole(root, **options)

    torchvision.download = download
    load_dataset("kmnist", tmp_path)
    assert seen == ["train.gz"]


@pytest.mark.fault("what vanished, or might not be read any more, took a page down")
@pytest.mark.parametrize(("read", "name"), [(load_dataset, "mnist"), (load_test_split, "kmnist")])
def test_what_may_not_be_read_is_a_data_error_that_names_it(read, name, tmp_path, monkeypatch):
    def refused(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_dir", refused)
    monkeypatch.setattr(Path, "is_file", refused)
    for asked, file in ((str(tmp_path / "pets"), "pets"), (name, "train-images-idx3-ubyte")):
        with pytest.raises(DataError, match=f"{file}: Permission denied"):
            read(asked, tmp_path)
        assert not sources.is_here(asked, tmp_path)


def test_torchvision_is_there_to_download_with():
    for source in SOURCES.values():
        assert callable(getattr(sources.torchvision_parts()[0], source.torchvision))


def test_a_name_that_is_neither_set_nor_folder_is_answered_with_those_that_are(tmp_path):
    with pytest.raises(DataError) as caught:
        load_dataset(str(tmp_path / "fashion"))
    assert "fashion'" in str(caught.value)
    assert all(name in str(caught.value) for name in SOURCES)


def test_the_command_tells_what_a_set_holds(small_set, capsys):
    name, source, root = small_set
    datasets.main(["--dataset", name, "--data-dir", str(root)])
    said = capsys.readouterr().out
    assert said.startswith(f"{source.title} is whole: 60 training images, 20 test images, 10 classes")
    with pytest.raises(SystemExit, match="error: there is no folder 'nothing'"):
        datasets.main(["--dataset", "nothing"])


@pytest.mark.mnist
def test_the_real_set_has_its_known_counts(mnist):
    assert [len(part) for part in mnist[:4]] == [60_000, 60_000, 10_000, 10_000]
    assert mnist.train_labels.bincount().tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert mnist.test_labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert mnist.train_images.float().mean().item() == pytest.approx(33.318, abs=1e-3)


@pytest.mark.mnist
def test_the_test_images_of_models_that_name_none_are_mnists(mnist):
    assert fingerprint(mnist.test_images) == MNIST_TEST_SHA256
