"""Laws of the story file: what is read is what was trained, at any moment, cut or resumed."""

import io
import os
import time
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vae import observers, train
from vae.config import TrainConfig
from vae.objectives import Terms
from vae.observers import Beginning, Observer, StoryFile

CONFIG = TrainConfig(batch_size=32, epochs=4)


class Clock:
    """Seconds that pass only when they are told to."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def terms(loss):
    return Terms(log_likelihood=-torch.tensor(loss), squared_error=torch.zeros(len(loss)))


class Writer(StoryFile):
    """A story file of a made-up run that counts its steps itself."""

    def starts(self, epochs, steps, history=()):
        self.steps = len(history) * steps
        nothing = torch.zeros(0)
        config, model = TrainConfig(epochs=epochs), torch.nn.Linear(1, 1, bias=False)
        self.begin(Beginning(config, model, steps, list(history), nothing, nothing, "cpu"))

    def steps_on(self, loss):
        self.steps += 1
        self.step(self.steps, terms(loss))


@pytest.fixture
def told(tmp_path):
    """A story file with a clock of its own, and how to read it."""
    clock = Clock()
    with (tmp_path / "progress").open("a", encoding="utf-8") as file:
        yield Writer(file, clock), clock, lambda: observers.read(tmp_path / "progress")


class Diary(Observer):
    """Notes what it is told."""

    def __init__(self, events):
        self.events = events

    def begin(self, beginning):
        self.events.append(("begin", beginning.steps_per_epoch))

    def step(self, step, terms):
        self.events.append(("step", step))

    def epoch(self, row):
        self.events.append(("epoch", row["epoch"]))

    def measuring(self, what):
        self.events.append(("measuring", what))

    def trained(self, result):
        self.events.append(("trained", result.record["test"]))

    def done(self, result):
        self.events.append(("done", result.record["test"]))


def test_all_observers_are_told_of_all_events_in_the_order_of_the_list(digits):
    events, bare = [], Observer()
    trained = train.train(CONFIG, digits, observers=[Diary(events), bare, Diary(events)])
    assert events[::2] == events[1::2]
    names = [name for name, _ in events[::2]]
    assert names == ["begin", *(["step"] * 7 + ["epoch"]) * 4, "measuring", "trained", *["measuring"] * 7, "done"]
    assert [value for name, value in events[::2] if name == "step"] == list(range(1, 29))
    (first,), (last,) = ([value for name, value in events[::2] if name == kind] for kind in ("trained", "done"))
    assert first.items() < last.items()
    assert last == trained.record["test"]


def test_the_rows_are_the_history_and_what_is_within_lies_between_them(digits, tmp_path):
    with (tmp_path / "progress").open("a", encoding="utf-8") as file:
        every, observers.EVERY_SECONDS = observers.EVERY_SECONDS, 0.0
        try:
            trained = train.train(CONFIG, digits, observers=[StoryFile(file)])
        finally:
            observers.EVERY_SECONDS = every
    story = observers.read(tmp_path / "progress")
    assert list(story.rows) == trained.record["history"]
    assert story.parameters == sum(weight.numel() for weight in trained.model.parameters())
    assert (story.epochs, story.steps, len(story.within)) == (4, 7, 4 * 7)
    for row in story.rows:
        within = [p["loss_nats"] for p in story.within if row["epoch"] - 1 < p["epoch"] <= row["epoch"]]
        sizes = [32] * 6 + [8]
        mean = sum(size * loss for size, loss in zip(sizes, within, strict=True)) / 200
        assert mean == pytest.approx(row["loss_nats"])
    assert story.epoch == 4
    assert story.seconds_left in (None, 0)


def test_a_step_is_told_of_with_the_mean_since_the_last(told):
    report, clock, read = told
    report.starts(epochs=2, steps=4)
    for loss in ([1.0, 3.0], [5.0, 7.0], [100.0, 100.0]):
        clock.now += 0.3
        report.steps_on(loss)
    (point,) = read().within
    assert (point["epoch"], point["loss_nats"]) == (0.5, 4.0)


def test_a_figure_that_is_not_finite_is_left_out(told):
    report, clock, read = told
    report.starts(epochs=2, steps=4)
    clock.now += 1
    report.steps_on([1.0, float("nan")])
    (point,) = read().within
    assert point == {"epoch": 0.25, "squared_error": 0.0}


def test_the_time_left_is_at_the_pace_so_far_once_that_is_known(told):
    report, clock, read = told
    report.starts(epochs=10, steps=2, history=[{"epoch": 1}, {"epoch": 2}])
    clock.now += 1
    report.steps_on([1.0])
    assert read().seconds_left is None
    clock.now += 3
    report.steps_on([1.0])
    report.epoch({"epoch": 3})
    assert read().seconds_left == pytest.approx(7 * 4)
    clock.now += 1
    report.steps_on([1.0])
    assert read().seconds_left == pytest.approx(6.5 * 5 / 1.5)


def test_a_long_run_is_told_of_ever_less_often(told):
    report, clock, read = told
    report.starts(epochs=1, steps=10**6)
    for _ in range(20_000):
        clock.now += 0.5
        report.steps_on([1.0])
    assert len(read().within) < 500 + 500 * 3.8  # the first 250 s, and 500 for each e-fold of the 10,000


def test_what_is_said_of_epochs_that_do_not_stand_is_void(told):
    report, clock, read = told
    report.starts(epochs=3, steps=2)
    for loss in (8.0, 7.0, 6.0):
        clock.now += 1
        report.steps_on([loss])
        if loss == 7.0:
            report.epoch({"epoch": 1, "loss_nats": 7.5})
    assert read().epoch == 1.5
    report.starts(epochs=3, steps=2, history=[{"epoch": 1, "loss_nats": 7.5}])
    story = read()
    assert story.epoch == 1
    assert [point["loss_nats"] for point in story.within] == [8.0, 7.0]
    assert story.rows == ({"epoch": 1, "loss_nats": 7.5},)


def test_a_line_that_a_kill_has_cut_does_no_harm(told, tmp_path):
    report, clock, read = told
    report.starts(epochs=3, steps=2)
    clock.now += 1
    report.steps_on([8.0])
    file = tmp_path / "progress"
    file.write_text(file.read_text(encoding="utf-8") + '{"event": "epo', encoding="utf-8")
    with file.open("a", encoding="utf-8") as again:
        Writer(again, clock).starts(3, 2, [{"epoch": 1}])
    assert (read().epoch, len(read().within)) == (1, 1)


def test_a_line_that_is_not_whole_is_left_for_the_next_time(tmp_path):
    file = tmp_path / "progress"
    assert observers.read(file) == observers.Story()
    whole = io.StringIO()
    report = Writer(whole)
    report.starts(epochs=1, steps=1)
    report.measuring("codes")
    report.done(SimpleNamespace(record={"run_id": "one"}))
    for length in range(len(whole.getvalue())):
        file.write_text(whole.getvalue()[:length], encoding="utf-8")
        assert observers.read(file).run_id == ""
    file.write_text(whole.getvalue(), encoding="utf-8")
    assert observers.read(file)[-2:] == ("codes", "one")


LINES = [
    b'{"event": "run", "epochs": 3, "steps": 2, "parameters": 1, "device": "cpu", "history": [{"epoch": 1}]}',
    b'{"event": "step", "epoch": 1.5, "seconds": 5.1, "loss_nats": 489.1}',
    b'{"event": "epoch", "seconds": 6.2, "row": {"epoch": 2, "loss_nats": 480.5}}',
    b'{"event": "measuring", "what": "codes"}',
    b'{"event": "done", "run_id": "one"}',
]
FOREIGN = [
    b"", b"null", b"7", b"[]", b"{}", b'{"event": 7}', b'{"event": "done"}', b'{"event": "done", "run_id": null}',
    b'{"event": "other"}', b'{"event": "run"}', b'{"event": "step", "epoch": 1}',
    b'{"event": "epoch", "seconds": 1, "row": {}}', b'{"event": "epoch", "seconds": 1, "row": {"epoch": -7}}',
    b'{"event": "step", "epoch": -1, "seconds": 1}', b'{"event": "step", "epoch": 1, "seconds": 1, "loss_nats": [1]}',
    b'{"event": "epoch", "seconds": 1, "row": {"epoch": null}}',
    b'{"event": "run", "epochs": 0, "steps": 2, "parameters": 1, "device": "cpu", "history": []}',
    b'{"event": "run", "epochs": 3, "steps": 2, "parameters": 1, "device": "cpu", "history": [{"loss_nats": 1}]}',
    b'{"event": "epoch", "seconds": 1e999, "row": {"epoch": 2}}', b'{"event": "done", "run_id": "on', b"\xff\xfe",
    b"[" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("line", FOREIGN)
@pytest.mark.parametrize("place", range(len(LINES) + 1))
def test_a_line_that_is_not_ours_is_passed_over(tmp_path, line, place):
    file = tmp_path / "progress"
    file.write_bytes(b"\n".join([*LINES, b""]))
    known = observers.read(file)
    assert (known.epochs, known.epoch, known.measuring, known.run_id) == (3, 2, "codes", "one")
    file.write_bytes(b"\n".join([*LINES[:place], line, *LINES[place:], b""]))
    assert observers.read(file) == known


def test_a_word_among_the_figures_is_left_out(tmp_path):
    (tmp_path / "progress").write_bytes(LINES[0] + b"\n" + LINES[1].replace(b"489.1", b'"x"') + b"\n")
    assert observers.read(tmp_path / "progress").within == ({"epoch": 1.5},)


def test_a_time_left_that_is_no_number_is_not_known(tmp_path):
    (tmp_path / "progress").write_bytes(LINES[0] + b'\n{"event": "step", "epoch": 1.0000000001, "seconds": 1e300}\n')
    assert observers.read(tmp_path / "progress").seconds_left is None


@pytest.mark.fault("what vanished, or might not be read any more, took a page down")
@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(content=st.binary(max_size=300) | st.tuples(st.integers(0, 400), st.binary(max_size=3)))
def test_any_bytes_tell_a_story(tmp_path_factory, content):
    whole = b"\n".join([*LINES, b""])
    if isinstance(content, tuple):
        at, more = content
        content = whole[:at] + more + whole[at + 1 :]
    file = tmp_path_factory.mktemp("story") / "progress"
    file.write_bytes(content)
    story = observers.read(file)
    assert all(row["epoch"] >= 0 for row in (*story.rows, *story.within))
    assert all(isinstance(value, float) for row in (*story.rows, *story.within) for value in row.values())


def test_a_long_file_is_read_in_time_that_grows_with_its_length(tmp_path):
    (tmp_path / "progress").write_bytes(LINES[0] + b"\n" + 200_000 * (LINES[1] + b"\n"))
    began = time.perf_counter()
    assert len(observers.read(tmp_path / "progress").within) == 200_000
    assert time.perf_counter() - began < 5


@pytest.mark.fault("a strange file in the folder of checkpoints hung or slowed every page")
def test_what_is_no_file_tells_nothing(tmp_path):
    os.mkfifo(tmp_path / "progress")
    assert observers.read(tmp_path / "progress") == observers.Story()
    assert observers.read(tmp_path) == observers.Story()
