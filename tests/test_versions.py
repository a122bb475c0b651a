"""Laws of the cache: a result is made once, by one, and given up with the files that it was made of."""

import gc
import os
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from explorer.cache import checkpoints, results, versions
from explorer.cache.results import BoundImage
from explorer.cache.versions import Version, cached
from vae.config import TrainConfig
from vae.models import build
from vae.storage import checkpoint
from vae.storage.checkpoint import Checkpoint


class Thing:
    """What can be seen to go."""


@pytest.fixture(autouse=True)
def empty_cache():
    versions.clear()


class Model:
    """Something that has a version."""

    def __init__(self, number, subject="model"):
        self.version = Version(subject, (number,))


def test_what_is_asked_for_again_is_not_made_again():
    made = []

    @cached()
    def make(model, number):
        made.append((model.version.stamp, number))
        return Thing()

    first = make(Model(1), 7)
    assert make(Model(1), 7) is first
    assert make(Model(1), 8) is not first
    assert make(Model(2), 7) is not first
    assert made == [((1,), 7), ((1,), 8), ((2,), 7)]


def test_what_is_known_by_its_name_has_the_version_that_its_name_has_now():
    now = {"mine": 1}

    @cached(version_of=lambda name: Version(name, (now[name],)))
    def make(name):
        return Thing()

    first = make("mine")
    assert make("mine") is first
    now["mine"] = 2
    assert make("mine") is not first


def test_of_many_who_ask_at_once_one_makes_it():
    made = []

    @cached()
    def make(model):
        time.sleep(0.05)
        made.append(model)
        return Thing()

    with ThreadPoolExecutor(8) as visitors:
        found = set(visitors.map(lambda _: make(Model(1)), range(8)))
    assert (len(found), len(made)) == (1, 1)


def test_two_results_are_made_side_by_side():
    both = threading.Barrier(2, timeout=10)

    @cached()
    def make(model, number):
        both.wait()

    with ThreadPoolExecutor(2) as visitors:
        list(visitors.map(lambda number: make(Model(1), number), range(2)))


def test_what_failed_is_tried_again():
    tries = []

    @cached()
    def make(model):
        tries.append(model)
        if len(tries) == 1:
            raise ValueError("not yet")
        return "made"

    with pytest.raises(ValueError, match="not yet"):
        make(Model(1))
    assert make(Model(1)) == "made"


def alive(things):
    gc.collect()
    return [number for number, thing in things.items() if thing() is not None]


def test_older_versions_results_beyond_the_most_and_subjects_beyond_their_number_go():
    things = {}

    @cached(most=3)
    def make(model, number):
        thing = Thing()
        things[model.version.subject, model.version.stamp[0], number] = weakref.ref(thing)
        return thing

    for stamp in range(5):
        make(Model(stamp), 0)
    assert alive(things) == [("model", stamp, 0) for stamp in (3, 4)]
    for number in (1, 2, 0, 3):
        make(Model(4), number)
    assert alive(things) == [("model", 3, 0), *(("model", 4, number) for number in (0, 2, 3))]
    for subject in range(versions.SUBJECTS):
        make(Model(0, subject), 0)
    assert alive(things) == [(subject, 0, 0) for subject in range(versions.SUBJECTS)]


def write(path, seed):
    config = TrainConfig(network="small", seed=seed)
    codes = torch.randn(1000, 2, generator=torch.Generator().manual_seed(seed))
    labels = torch.arange(1000).remainder(10).to(torch.uint8)
    record = {"run_id": str(seed), "config": config.to_dict(), "test": {}}
    checkpoint.write(path, Checkpoint("mine", config, build(config), codes, labels, record))
    for file in path.parent.iterdir():
        os.utime(file, ns=(seed, seed))


@pytest.mark.fault("a request had no bound in time or memory")
def test_a_model_that_is_written_again_and_again_takes_the_memory_of_two(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    image = np.zeros((28, 28), np.uint8)
    made = {}
    for seed in range(1, 25):
        write(tmp_path / "mine", seed)
        resource, model = checkpoints.resource("mine"), results.bound_model("mine")
        assert resource.checkpoint.record["run_id"] == model.checkpoint.record["run_id"] == str(seed)
        results.radius(resource), results.start(resource)
        results.own_code(resource, image.tobytes(), 0)
        found = [resource.stored, resource.checkpoint.model, resource.figure, model, results.encoder("mine")]
        found += [results.draws(model, BoundImage("test 0", "test", image, 0))] if seed == 1 else []
        made |= {(seed, rank): weakref.ref(each) for rank, each in enumerate(found) if not isinstance(each, tuple)}
        del resource, model, found
    assert {seed for seed, _ in alive(made)} == {23, 24}


def test_a_page_that_began_before_a_model_was_written_anew_ends_with_what_it_began_with(tmp_path, monkeypatch):
    monkeypatch.setattr(checkpoints, "FOLDER", tmp_path)
    write(tmp_path / "mine", 1)
    before = checkpoints.resource("mine")
    write(tmp_path / "mine", 2)
    after = checkpoints.resource("mine")
    (tmp_path / "mine.pt").unlink()
    assert before.checkpoint.config.seed == 1
    assert after.checkpoint.config.seed == 2
    assert before.id != after.id
    assert results.radius(before) != results.radius(after)
