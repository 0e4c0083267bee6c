"""Options of a search: defaults, what is read, and every fault at once."""

import json
from pathlib import Path

import pytest

from costmodels.units import KIB, MIB
from explorer.config.search import SearchConfig, make_config
from explorer.system.errors import ConfigError


def faults_of(**options):
    with pytest.raises(ConfigError) as caught:
        make_config(**options)
    return str(caught.value)


def test_with_no_option_the_demo_runs():
    config = make_config()
    assert (config.network, config.data_name, config.device_name) == ("digits-cnn", "digits", "stm32l432")
    assert config.objective_names == ("accuracy", "flash")
    assert (config.trials, config.seed, config.sampler, config.activation_bits) == (300, 0, None, 8)
    assert config.trains_here
    assert not config.resume


@pytest.mark.parametrize("budget", [{"flash": "64KiB"}, {"sram": "64KiB"}, {"max_bit_ops": "2e9"}])
def test_a_budget_takes_the_place_of_the_demos_device(budget):
    assert make_config(**budget).device_name is None
    assert make_config(**budget, device="stm32f446").device_name == "stm32f446"


def test_other_networks_have_no_device_and_no_data_of_their_own():
    config = make_config(network="resnet20-cifar")
    assert (config.device_name, config.data_name) == (None, None)
    assert config.objective_names == ("noise", "storage")
    assert not config.trains_here


def test_small_networks_of_the_zoo_are_trained_on_the_data_unless_weights_are_given():
    assert make_config(data="digits").trains_here
    assert make_config(data="mine.py:parts").trains_here
    assert make_config(network="resnet20-cifar", data="glyphs32").trains_here
    assert not make_config(network="resnet18", data="images:photos").trains_here
    assert not make_config(network="mine.py:net", data="glyphs32").trains_here
    assert not make_config(weights="net.safetensors").trains_here
    assert make_config(weights="net.safetensors").data_name == "digits"
    assert make_config(network="mine.py:net", data="mine.py:parts").objective_names == ("accuracy", "storage")


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"schemes": ["dense"] * 2_001}, "--schemes: 2,001 of them; an option lists 2,000 names at most"),
        ({"layers": {"a\x1b": "dense"}}, "a layer's name can be read"),
        ({"storage": "sqlite:///\x07.db"}, "--storage: 14 letters with control characters; an address can be read"),
    ],
)
def test_lists_are_bounded_and_control_characters_are_none(options, fault):
    assert fault in faults_of(**options)
    assert "\x1b" not in faults_of(**options)


def test_sizes_and_counts_are_read():
    config = make_config(flash="1.5MiB", sram="64 KiB", max_bit_ops="2e9", network="resnet20-cifar")
    assert (config.flash, config.sram, config.max_bit_ops) == (3 * MIB // 2, 64 * KIB, 2_000_000_000)


@pytest.mark.parametrize("text", ["0", "0B", "0KiB", " 0 MiB "])
def test_a_reserve_may_be_nothing(text):
    assert make_config(reserve_flash=text).reserve_flash == 0


def test_a_limit_on_time_is_read_again_as_it_is_written():
    config = make_config(max_latency="1.5s")
    for written in (config.to_json(), config.to_job()):
        assert written["max_latency"] == "1500.0ms"
        assert make_config(max_latency=written["max_latency"]).max_latency == 1500


def test_a_reserve_is_a_size():
    assert make_config(reserve_ram="10KiB").reserve_ram == 10 * KIB


def test_names_are_separated_by_commas():
    config = make_config(objectives="storage, macs", schemes="dense,,pruned", keep=" first ,last")
    assert config.objectives == ("storage", "macs")
    assert config.schemes == ("dense", "pruned")
    assert config.keep == ("first", "last")


@pytest.mark.parametrize("empty", ["", " ", ",", ()])
def test_no_name_at_all_is_as_if_the_option_were_not_given(empty):
    config = make_config(objectives=empty, schemes=empty, keep=empty)
    assert (config.objectives, config.schemes, config.keep) == (None, None, None)
    assert config.objective_names == ("accuracy", "flash")


def test_all_faults_are_said_at_once():
    message = faults_of(
        flash="-1KiB",
        sram="64KB",
        max_bit_ops="many",
        reserve_ram="x",
        activation_bits=17,
        objectives="storge",
        sampler="nsga",
        trials=0,
        seed=-1,
        colour="blue",
    )
    assert message.startswith("--flash: ")
    for fault in (
        "--flash: got -1KiB; a size is a whole positive number of bytes",
        "--sram: got 64KB; a size is a number with B, KiB, MiB or GiB",
        "--max-bit-ops: got many; a count is a whole positive number",
        "--reserve-ram: got x; a size is a number with B, KiB, MiB or GiB",
        "--activation-bits: got 17; activation_bits is 1 to 16, or 32",
        "--objectives: got storge; an objective has a known name; did you mean storage?",
        "--sampler: got nsga; a sampler has a known name; did you mean nsga",
        "--trials: got 0; Input should be greater than or equal to 1",
        "--seed: got -1; Input should be greater than or equal to 0",
        "--colour: got 'blue'; Extra inputs are not permitted",
    ):
        assert fault in message
    assert message.count(" | ") == 9
    assert message.endswith("; options have values that can be used; mend each of these")


def test_an_objective_is_given_once():
    assert "got macs; an objective is given once" in faults_of(objectives="macs,macs")


@pytest.mark.parametrize(
    "options",
    [
        {"flash": "1MiB", "reserve_flash": "1KiB"},  # no device
        {"flash": "1MiB", "reserve_flash": "0", "device": "stm32f446"},  # --flash is in its place
        {"network": "resnet20-cifar", "reserve_flash": "1KiB"},
    ],
)
def test_a_reserve_without_effect_is_refused(options):
    message = faults_of(**options)
    assert "--reserve-flash is taken off a device's memory, and --flash is a budget already" in message
    assert "give a device and no --flash, or leave the reserve out" in message


def test_a_reserve_of_the_other_memory_has_effect():
    assert make_config(device="stm32f446", sram="64KiB", reserve_flash="10KiB").reserve_flash == 10 * KIB
    assert "--reserve-ram" in faults_of(device="stm32f446", sram="64KiB", reserve_ram="10KiB")


def test_validation_images_are_some_and_of_data():
    assert make_config(validation_images=50).validation_images == 50
    assert "--validation-images: got 0; Input should be greater than or equal to 1" in faults_of(validation_images=0)
    message = faults_of(network="resnet20-cifar", validation_images=5)
    assert "--validation-images limits the images that accuracy is measured on; give --data too" in message


def test_a_configuration_does_not_change():
    with pytest.raises(ValueError, match="frozen"):
        make_config().trials = 3


def test_plain_data_with_the_defaults_filled_in():
    plain = json.loads(json.dumps(make_config(flash="64KiB", out=Path("runs/a"), keep="first").to_json()))
    assert plain["flash"] == 64 * KIB
    assert plain["out"] == "runs/a"
    assert plain["keep"] == ["first"]
    assert (plain["data"], plain["device"], plain["objectives"]) == ("digits", None, ["accuracy", "flash"])
    assert plain.keys() == SearchConfig.model_fields.keys()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("dense(weight_bits=2,scale_bits=8), ternary", ("dense(weight_bits=2,scale_bits=8)", "ternary")),
        ("dense,,", ("dense",)),
        ("dense(" * 3 + "," + ")" * 2, ("dense(dense(dense(,))",)),
        ("dense)," + "pruned", ("dense)", "pruned")),
    ],
)
def test_names_are_parted_at_commas_outside_of_brackets(text, parts):
    assert make_config(schemes=text).schemes == parts
