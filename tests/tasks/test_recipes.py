"""The contract of the recipes that ship: each says what it is, builds its task, and round-trips when filled in."""

from __future__ import annotations

import pytest

from gatefield import train
from gatefield.core.errors import ArgumentError
from gatefield.core.recipe import Recipe
from gatefield.tasks.image_classification import ImageClassification
from gatefield.tasks.recipes import recipe_from, resolve, task_from

#: What a recipe leaves to its user.
OPEN = {"image-folder": ["data.path=pictures"], "image-folder-vgg": ["data.path=pictures"]}


@pytest.mark.parametrize("name", sorted(Recipe.shipped()))
def test_a_recipe_that_ships(name, tmp_path):
    first, _ = Recipe.shipped()[name].read_text(encoding="utf-8").split("\n", 1)
    assert first.startswith("# ")
    filled_in = resolve(name, OPEN.get(name, ()))
    file = tmp_path / "again.yaml"
    file.write_text(filled_in.dump(), encoding="utf-8")
    again = Recipe.load(file)
    assert again.values == filled_in.values
    assert recipe_from(task_from(again)).values == filled_in.values


def test_settings_do_not_change_a_task_that_is_built(tmp_path):
    """They would be lost: a task may hold data that no recipe describes."""
    task = ImageClassification.sample(tmp_path)
    with pytest.raises(ArgumentError, match=r"'training.epochs=5' would change a recipe") as caught:
        train(task, "training.epochs=5", out=tmp_path / "run")
    assert caught.value.hint
    assert not (tmp_path / "run").exists()
