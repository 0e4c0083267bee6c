"""A user's recipe: what a file or a mapping may say, and that designs are trained by it."""

import pytest
import torch

from explorer.cli import main
from explorer.config.recipe_values import recipe_values, tuning_recipe
from explorer.config.search import make_config
from explorer.system.errors import ConfigError, TrainingError
from explorer.training.augmentation import shifted
from explorer.training.tuning_recipe import TuningRecipe


def refused(capsys, *command: str) -> str:
    """The one line that a command is refused in."""
    with pytest.raises(SystemExit) as ended:
        main(list(command))
    assert ended.value.code == 2
    line: str = capsys.readouterr().err
    assert line.count("\n") == 1
    return line


def test_a_recipe_changes_what_it_names(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text("distillation = 1\nmixing = 0.5\nshift_pixels = 3\nshift_columns = 0\nsequential = false\n")
    values = recipe_values(path)
    assert values == {"distillation": 1, "mixing": 0.5, "shift_pixels": 3, "shift_columns": 0, "sequential": False}
    assert recipe_values(values) == values
    expected = TuningRecipe(epochs=7, distillation=1, mixing=0.5, shift_pixels=3, shift_columns=0, sequential=False)
    assert tuning_recipe(values, 7) == expected
    assert tuning_recipe(None, 7) == TuningRecipe(epochs=7)
    assert make_config(trained=4, recipe=str(path)).recipe == values


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        ("epochs = 3", ConfigError, "got epochs; a recipe has patience, batch_size, "),
        ("mixing = true", ConfigError, "got True; mixing of a recipe is a number; see docs/how-to/fine-tuning.md"),
        ("patience = 2.5", ConfigError, "got 2.5; patience of a recipe is a whole number"),
        ("sequential = 1", ConfigError, "got 1; sequential of a recipe is true or false"),
        ("shift_columns = -1", TrainingError, "got -1; shift_columns is at least 0"),
        ("averaging = 1.0", TrainingError, "got 1.0; averaging is at least 0 and below 1"),
        ("mixing = ", ConfigError, "--recipe is a TOML file"),
    ],
)
def test_what_is_no_recipe_is_refused(tmp_path, capsys, text, error, said):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    with pytest.raises(error) as caught:
        recipe_values(path)
    assert said in str(caught.value)
    line = refused(capsys, "search", "--trained", "2", "--recipe", str(path))
    assert line.startswith("filterfront: --recipe")
    assert said in line


def test_a_recipe_without_a_training_is_refused(tmp_path, capsys):
    path = tmp_path / "recipe.toml"
    path.write_text("mixing = 0.5")
    line = refused(capsys, "search", "--recipe", str(path))
    assert "--recipe says how designs are trained; give --trained or --finetune-top too" in line


def test_columns_are_shifted_by_a_number_of_their_own():
    """Two rows each way are five places of a row, and no column moves."""
    torch.manual_seed(0)
    image = torch.arange(1.0, 26.0).reshape(1, 1, 5, 5)
    found = {tuple(shifted(image, 2, 0)[0, 0, 2].tolist()) for _ in range(60)}
    assert found == {tuple(row.tolist()) for row in image[0, 0]}
    assert shifted(image, 0, 0) is image
