"""The page Replay without a browser."""

import json

from app import errors, payload, run_page
from chromium import ROOT

from explorer.cache import results


def test_replay_offers_only_trainings_that_were_kept_and_says_how_to_keep_others():
    app = run_page("replay")
    assert errors(app) == []
    assert app.selectbox("replay_left").options == app.selectbox("replay_right").options
    assert len(app.selectbox("replay_left").options) == 2
    assert [app.selectbox(f"replay_{side}").value for side in ("left", "right")] == ["ae", "vae"]
    assert "vae-best" in app.caption[0].value
    assert "page Train keeps one" in app.caption[0].value
    sides = payload(app, page="replay")["sides"]
    for side, name in (("left", "ae"), ("right", "vae")):
        replay = results.replay(name)
        assert len(replay.decoders) == len(sides[side]["views"]) == len(replay.metrics["loss_nats"])
    titles = {curve["title"]: set(curve["lines"]) for curve in payload(app, page="replay")["curves"]}
    assert titles == {"squared error": {"left", "right"}, "KL, nats": {"right"}, "loss, nats": {"left", "right"}}


def test_a_link_to_a_model_without_a_replay_names_the_command_that_makes_one(own_folder):
    app = run_page("replay", replay_left="cvae", replay_right="vae")
    (message,) = errors(app)
    assert "cvae has no replay" in message
    assert "`python -m vae.train --model=cvae --name cvae --snapshots" in message
    assert list(payload(app, page="replay")["sides"]) == ["right"]
    app.selectbox("replay_left").set_value("ae").run()
    assert errors(app) == []
    assert list(payload(app, page="replay")["sides"]) == ["left", "right"]


def test_without_any_replay_the_page_names_the_command(own_folder):
    for file in own_folder.glob("*.replay.pt"):
        file.unlink()
    messages = errors(run_page("replay"))
    assert all("python -m vae.train" in message and "--snapshots" in message for message in messages)
    assert messages


def test_a_replay_of_another_training_is_not_shown(own_folder):
    (own_folder / "vae.replay.pt").unlink()
    (own_folder / "vae.replay.pt").symlink_to(ROOT / "checkpoints" / "ae.replay.pt")
    (message,) = errors(run_page("replay"))
    assert "vae.replay.pt is of another run" in message


def test_losses_under_different_likelihoods_share_no_curve(own_folder):
    for name, sigma in (("ae", 0.5), ("vae", 1.0)):
        record = json.loads((own_folder / f"{name}.json").read_text(encoding="utf-8"))
        record["config"]["sigma"] = sigma
        (own_folder / f"{name}.json").write_text(json.dumps(record), encoding="utf-8")
    app = run_page("replay")
    assert errors(app) == []
    losses = [curve["lines"] for curve in payload(app, page="replay")["curves"] if curve["title"].startswith("loss")]
    assert sorted(map(list, losses)) == [["left"], ["right"]]
