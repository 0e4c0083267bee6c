import hashlib
import json
import logging
from dataclasses import asdict, replace

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from explorer.data import Dataset, Split, count_correct, make_dataset
from explorer.networks.zoo import build
from explorer.system.cache_folder import cache_folder
from explorer.system.errors import DataError, TrainingError
from explorer.training.augmentation import shifted
from explorer.training.checkpoint import Checkpoint
from explorer.training.learner import Learner
from explorer.training.recipe import Recipe, default_recipe
from explorer.training.train import train
from explorer.training.trained_cache import trained

SHORT = Recipe(epochs=2, batch_size=32)


def small_network():
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(4), nn.Flatten(),
        nn.Linear(32, 10),
    )  # fmt: skip


@pytest.fixture(scope="module")
def few_digits(digits) -> Dataset:
    few = {
        part: Split(digits.part(part).inputs[:200], digits.part(part).labels[:200]) for part in ("train", "validation")
    }
    return replace(digits, **few)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("FILTERFRONT_CACHE", str(tmp_path / "cache"))


def same_weights(first, second):
    return all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def cached_files():
    return sorted((cache_folder() / "trained").iterdir())


def test_the_same_seed_gives_the_same_weights_bit_for_bit(few_digits):
    first, second, other = small_network(), small_network(), small_network()
    torch.manual_seed(1)
    record = train(first, few_digits, SHORT, seed=5)
    torch.manual_seed(2)
    again = train(second, few_digits, SHORT, seed=5)
    train(other, few_digits, SHORT, seed=6)
    assert same_weights(first, second)
    assert not same_weights(first, other)
    assert replace(record, seconds=0) == replace(again, seconds=0)


def test_the_global_random_state_is_left_alone(few_digits):
    network = small_network()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    train(network, few_digits, SHORT)
    trained("small", network, few_digits, SHORT)
    assert torch.equal(before, torch.get_rng_state())


def test_the_record_is_what_the_network_does(few_digits):
    network = small_network()
    record = train(network, few_digits, Recipe(epochs=3))
    assert not network.training
    for part in ("train", "validation", "test"):
        split = few_digits.part(part)
        with torch.no_grad():
            right = (network(split.inputs).argmax(1) == split.labels).sum().item()
        assert getattr(record, f"{part}_accuracy") == right / len(split)
    assert len(record.curve) == 3
    assert record.curve[-1].validation_accuracy == record.validation_accuracy
    assert record.curve[-1].loss < record.curve[0].loss
    assert record.seconds > 0


@pytest.mark.parametrize(("progress", "shown"), [(None, False), (False, False), (True, True)])
def test_progress_is_shown_on_a_terminal_or_on_request(few_digits, capsys, progress, shown):
    train(small_network(), few_digits, SHORT, progress=progress)
    written = capsys.readouterr()
    assert written.out == ""
    assert ("training on digits" in written.err) == ("validation accuracy" in written.err) == shown


def test_data_without_a_test_part_leave_its_accuracy_open(few_digits):
    assert train(small_network(), replace(few_digits, test=None), SHORT).test_accuracy is None


def test_only_the_training_part_is_learned_from(few_digits):
    first, second = small_network(), small_network()
    train(first, few_digits, SHORT)
    blank = Split(torch.zeros(4, 1, 8, 8), torch.zeros(4, dtype=torch.int64))
    train(second, replace(few_digits, validation=blank, test=None), SHORT)
    assert same_weights(first, second)


def test_shifted_images_are_moved_by_every_offset_with_zeros_filled_in():
    image = torch.arange(1.0, 10).reshape(1, 1, 3, 3)
    torch.manual_seed(0)
    moved = shifted(image.expand(200, 2, 3, 3), 1)
    assert torch.equal(moved[:, 0], moved[:, 1])
    seen = {tuple(one.flatten().tolist()) for one in moved[:, 0]}
    assert len(seen) == 3 * 3
    assert (1, 2, 3, 4, 5, 6, 7, 8, 9) in seen
    assert (0, 0, 0, 0, 1, 2, 0, 4, 5) in seen
    assert (5, 6, 0, 8, 9, 0, 0, 0, 0) in seen


def test_rows_with_nan_or_infinity_count_as_wrong():
    nan, inf = float("nan"), float("inf")
    logits = torch.tensor([[0.0, 1.0], [nan, 1.0], [inf, 1.0], [2.0, 1.0]])
    assert count_correct(logits, torch.tensor([1, 0, 0, 0])) == 1 + 0 + 0 + 1


def test_trained_weights_are_read_back(few_digits):
    first, second = small_network(), small_network()
    record = trained("small", first, few_digits, SHORT)
    again = trained("small", second, few_digits, SHORT)
    assert same_weights(first, second)
    assert not second.training
    assert (record.from_cache, again.from_cache) == (False, True)
    assert replace(again, from_cache=False) == record
    assert [path.suffix for path in cached_files()] == [".safetensors"]


def test_any_change_is_trained_again(few_digits):
    wider = small_network()
    wider[4] = nn.Sequential(nn.Flatten(), nn.Identity())
    other_data = make_dataset(
        {
            "train": (few_digits.train.inputs[:150], few_digits.train.labels[:150]),
            "validation": few_digits_pair(few_digits),
        },
        "digits",
        "a part of the digits",
    )
    for change in (
        (small_network(), few_digits, SHORT, 0),
        (small_network(), few_digits, SHORT, 1),
        (small_network(), few_digits, replace(SHORT, weight_decay=0.02), 0),
        (small_network(), other_data, SHORT, 0),
        (wider, few_digits, SHORT, 0),
    ):
        assert not trained("small", *change).from_cache
    assert len(cached_files()) == 5


def few_digits_pair(dataset):
    return dataset.validation.inputs, dataset.validation.labels


def _cut(path):
    path.write_bytes(path.read_bytes()[:-100])


def _flip(path):
    content = bytearray(path.read_bytes())
    content[-5] ^= 0x40
    path.write_bytes(content)


def _empty(path):
    path.write_bytes(b"")


def _forget_record(path):
    with safe_open(path, framework="pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (the file is no mapping)
        digest = file.metadata()["digest"]
    save_file(state, path, {"digest": digest, "record": json.dumps({"seed": 1})})


@pytest.mark.parametrize("damage", [_cut, _flip, _empty, _forget_record])
def test_a_damaged_file_is_trained_again_and_mended(few_digits, caplog, damage):
    first, second = small_network(), small_network()
    trained("small", first, few_digits, SHORT)
    (path,) = cached_files()
    damage(path)
    with caplog.at_level(logging.WARNING):
        record = trained("small", second, few_digits, SHORT)
    assert f"{path} is damaged and is trained again" in caplog.text
    assert not record.from_cache
    assert same_weights(first, second)
    assert trained("small", small_network(), few_digits, SHORT).from_cache


def test_a_folder_that_cannot_be_written_costs_a_warning_only(few_digits, caplog, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("FILTERFRONT_CACHE", str(tmp_path / "file"))
    assert not trained("small", small_network(), few_digits, SHORT).from_cache
    assert "the trained weights are not cached" in caplog.text


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (nn.Sequential(nn.Conv2d(3, 4, 3)), "; the network takes the inputs of digits; "),
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 9)), "one logit for each of the 10 classes of digits"),
        (nn.Sequential(nn.Conv2d(1, 10, 1)), "an output of shape (1, 10, 8, 8)"),
    ],
)
def test_a_network_that_does_not_fit_the_data_is_refused(few_digits, network, message):
    with pytest.raises(DataError) as caught:
        train(network, few_digits, SHORT)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_training_that_diverges_is_refused_and_not_cached(few_digits):
    with pytest.raises(TrainingError, match="got nan; the loss is finite in epoch 1; lower the peak learning rate"):
        trained(
            "small", nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), few_digits, replace(SHORT, peak_learning_rate=1e38)
        )
    assert not (cache_folder() / "trained").exists()


class Stopped(Exception):
    """Stands for a process that ends."""


@pytest.mark.parametrize("recipe", [replace(SHORT, epochs=4), replace(SHORT, epochs=4, channels_last=True, threads=2)])
def test_a_stopped_training_goes_on_to_the_same_weights_bit_for_bit(few_digits, monkeypatch, recipe):
    whole, stopped = small_network(), small_network()
    record = train(whole, few_digits, recipe, seed=3)
    learn_epoch = Learner.learn_epoch

    def learn_and_stop(learner, on_batch):
        if len(learner.curve) == 2:
            raise Stopped
        return learn_epoch(learner, on_batch)

    monkeypatch.setattr(Learner, "learn_epoch", learn_and_stop)
    with pytest.raises(Stopped):
        trained("small", stopped, few_digits, recipe, seed=3)
    (kept,) = cached_files()
    assert kept.name.endswith(".checkpoint.pt")
    epochs = []

    def learn_and_count(learner, on_batch):
        epochs.append(len(learner.curve) + 1)
        return learn_epoch(learner, on_batch)

    monkeypatch.setattr(Learner, "learn_epoch", learn_and_count)
    other = small_network()
    resumed = trained("small", other, few_digits, recipe, seed=3)
    assert epochs == [3, 4]
    assert same_weights(whole, other)
    assert replace(resumed, seconds=0) == replace(record, seconds=0)
    assert resumed.seconds > 0
    assert [path.suffix for path in cached_files()] == [".safetensors"]


def _of_another_network(path):
    Checkpoint(path).save({"module": {"weight": torch.zeros(2)}})


def _a_pickle_that_calls(path):
    content = f"cos\nsystem\n(S'touch {path.parent}/touched'\ntR.".encode()
    path.write_bytes(hashlib.sha256(content).digest() + content)


@pytest.mark.parametrize("damage", [_cut, _flip, _empty, _of_another_network, _a_pickle_that_calls])
def test_a_damaged_checkpoint_is_said_and_the_training_begins_again(few_digits, tmp_path, caplog, damage):
    first, second = small_network(), small_network()
    checkpoint = Checkpoint(tmp_path / "state.pt")
    train(first, few_digits, SHORT, checkpoint=checkpoint)
    damage(checkpoint.path)
    with caplog.at_level(logging.WARNING):
        train(second, few_digits, SHORT, checkpoint=checkpoint)
    assert "the training begins again" in caplog.text
    assert same_weights(first, second)
    assert not (tmp_path / "touched").exists()


def test_a_checkpoint_that_cannot_be_written_costs_a_warning_only(few_digits, tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        train(small_network(), few_digits, SHORT, checkpoint=Checkpoint(tmp_path / "file" / "state.pt"))
    assert "this epoch's state is not kept" in caplog.text


def test_channels_last_is_a_matter_of_speed(few_digits):
    """The same training but for rounding; the module comes back in the ordinary layout."""
    first, second = small_network(), small_network()
    train(first, few_digits, SHORT)
    train(second, few_digits, replace(SHORT, channels_last=True))
    for one, other in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.allclose(one.double(), other.double(), atol=1e-3)
        assert other.is_contiguous()


def test_the_recipe_depends_on_the_size_of_the_images():
    assert default_recipe((1, 8, 8)) == default_recipe((3, 16, 16)) == Recipe()
    assert default_recipe((3, 32, 32)).channels_last
    assert default_recipe((3, 32, 32)).shift_pixels == 2


def test_a_recipe_that_trains_nothing_is_refused():
    with pytest.raises(TrainingError, match="got 0; epochs is at least 1"):
        Recipe(epochs=0)
    assert asdict(Recipe())["epochs"] > 1


def test_the_zoo_network_trains_to_the_same_weights_twice(few_digits):
    first, second = build("digits-cnn")[0], build("digits-cnn")[0]
    torch.manual_seed(1)
    train(first, few_digits, SHORT, seed=1)
    torch.manual_seed(2)
    train(second, few_digits, SHORT, seed=1)
    assert same_weights(first, second)


def test_the_full_training_reaches_its_accuracy(trained_digits):
    module, record = trained_digits
    assert sum(p.numel() for name, p in module.named_parameters() if p.ndim > 1) >= 30_000
    assert record.test_accuracy >= 0.975
    assert record.validation_accuracy >= 0.975
    assert len(record.curve) == Recipe().epochs
