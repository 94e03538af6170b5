"""Recipes: what is read, what is refused and where, what a setting on the command line changes, and the way back."""

from __future__ import annotations

import math
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.core.errors import RecipeError
from gatefield.core.recipe import Recipe


def parsed(text: str) -> dict:
    return Recipe.parse(text).values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("+1", 1),
        ("1_000", 1000),
        ("1e-3", 1e-3),
        ("1.5e3", 1500.0),
        ("1E5", 1e5),
        (".5", 0.5),
        ("-.5e2", -50.0),
        ("1.", 1.0),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
        ("yes", True),
        ("Off", False),
        ("true", True),
        ("~", None),
        ("null", None),
        ("", None),
        ("'1e-3'", "1e-3"),
        ('"no"', "no"),
        ("010", "010"),
        ("12:30", "12:30"),
        ("2024-99-99", "2024-99-99"),
        ("0x_", "0x_"),
        ("=", "="),
        ("1.2.3", "1.2.3"),
        ("[1, [a, {b: 2}]]", [1, ["a", {"b": 2}]]),
        ("C:\\data", "C:\\data"),
    ],
)
def test_scalars(text, value):
    result = parsed(f"key: {text}")["key"]
    assert result == value
    assert type(result) is type(value)


def test_nan_is_a_number_and_keys_are_text():
    assert math.isnan(parsed("key: .nan")["key"])
    assert parsed("1: a\non: b\n~: c\na.b: d") == {"1": "a", "on": "b", "~": "c", "a.b": "d"}


@pytest.mark.parametrize("text", ["", "\n\n", "# only a remark", "---", "null", "{}", "\ufeff"])
def test_an_empty_recipe_is_empty(text):
    assert parsed(text) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\nb: [1", "f.yaml, line 2: cannot be read: while parsing a flow sequence, expected ',' or ']'"),
        ("a: 1\n---\nb: 2", "f.yaml, line 2: cannot be read: expected a single document"),
        ("a: 1\n\tb: 2", "f.yaml, line 2: cannot be read: while scanning for the next token, found character"),
        ("a: 1\nb:\n  c: 1\n  c: 2", "f.yaml, line 4: 'c' is written twice"),
        ("a: 1\n1: 2\n'1': 3", "f.yaml, line 3: '1' is written twice"),
        ("a: &x 1\nb: 2", "f.yaml, line 1: cannot be read: anchors (&), aliases (*) and tags (!) have no meaning"),
        ("a: 1\nb: *x", "f.yaml, line 2: cannot be read: anchors (&), aliases (*) and tags (!) have no meaning"),
        ("a: &x [*x]", "f.yaml, line 1: cannot be read: anchors"),
        ("a: 1\nb: !!int abc", "f.yaml, line 2: cannot be read: anchors (&), aliases (*) and tags (!) have no meaning"),
        ("!!python/object/apply:os.system [true]", "f.yaml, line 1: cannot be read: anchors"),
        ("a: 1\n? [x]\n: 2", "f.yaml, line 2: a list or mapping cannot be a key"),
        ("a: 1\nb: \0", "f.yaml, line 2: character 0x0 is not text"),
        ("a: 1\nb: " + "9" * 5000, "f.yaml, line 2: a number of 5000 digits"),
        ("[" * 3000, "f.yaml: nested too deeply"),
        ("- 1\n- 2", "f.yaml: a recipe is a mapping of settings"),
        ("digits", "f.yaml: a recipe is a mapping of settings"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text, message):
    with pytest.raises(RecipeError) as caught:
        Recipe.parse(text, "f", "f.yaml")
    assert caught.value.message.startswith(message)
    assert "\n" not in caught.value.message
    assert caught.value.hint
    assert caught.value.exit_code == 2


YAML_LIKE = st.lists(
    st.sampled_from([*"abc019.:-_[]{}&*!?|>'\"%@`#,~<=+eE\n\t \0é"])
    | st.sampled_from(["\n  ", ": ", "- ", "<<: ", "!!int ", "0x", "1e"])
).map("".join)


@settings(deadline=None, max_examples=300)
@given(st.text() | YAML_LIKE)
def test_any_text_is_a_recipe_or_a_recipe_error(text):
    try:
        recipe = Recipe.parse(text)
    except RecipeError as error:
        assert "\n" not in error.message
        assert error.hint
    else:
        assert str(Recipe.parse(recipe.dump()).values) == str(recipe.values)


@settings(deadline=None)
@given(
    YAML_LIKE, st.lists(st.sampled_from(["model", "augment", "0", "1", "9", "x"]), min_size=1, max_size=4).map(".".join)
)
def test_any_setting_applies_or_is_a_recipe_error(text, key):
    recipe = Recipe.parse("model: mlp\naugment: [flip, {name: shift, pixels: 3}]\nx: 3")
    before = str(recipe.values)
    try:
        recipe.override([f"{key}={text}"])
    except RecipeError as error:
        assert error.hint
    assert str(recipe.values) == before


WORDS = st.text(string.printable + "äß→", max_size=8) | st.sampled_from(
    [
        "yes",
        "no",
        "null",
        "~",
        "1e-3",
        "1e5",
        ".5",
        "010",
        "12:30",
        "2024-01-01",
        "0x1F",
        "1_0",
        "<<",
        "=",
        "*a",
        "&a",
        "!t",
        ".inf",
        "",
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(WORDS, VALUES, max_size=4))
def test_dump_and_parse_are_inverse(values):
    again = parsed(Recipe(values).dump())
    assert again == values
    assert str(again) == str(values)  # 1 and 1.0 and True are equal, and not the same


def test_dump_repeats_what_is_shared_and_keeps_the_order():
    shared = {"b": 1, "a": 2}
    assert Recipe({"y": shared, "x": shared}).dump() == "y:\n  b: 1\n  a: 2\nx:\n  b: 1\n  a: 2\n"


# ---- settings on the command line

BASE = """\
model:
  name: mlp
  width: 3
data: digits
augment:
  - flip
  - {name: shift, pixels: 3}
epochs: 3
schedule:
"""


@pytest.mark.parametrize(
    ("setting", "key", "value"),
    [
        ("epochs=5", "epochs", 5),
        ("model=lenet5", "model", "lenet5"),
        ("model.width=1e-3", "model", {"name": "mlp", "width": 1e-3}),
        ("model={name: lenet5, width: 5}", "model", {"name": "lenet5", "width": 5}),
        ("data.size=28", "data", {"name": "digits", "size": 28}),
        ("data.path=a=b", "data", {"name": "digits", "path": "a=b"}),
        ("augment.0.axis=1", "augment", [{"name": "flip", "axis": 1}, {"name": "shift", "pixels": 3}]),
        ("augment.1.pixels=2", "augment", ["flip", {"name": "shift", "pixels": 2}]),
        ("augment.1=rotate", "augment", ["flip", "rotate"]),
        ("augment=[]", "augment", []),
        ("schedule.floor=0.1", "schedule", {"floor": 0.1}),
        ("training.optimizer.rate=0.1", "training", {"optimizer": {"rate": 0.1}}),
        ("epochs=", "epochs", None),
    ],
)
def test_override(setting, key, value):
    recipe = Recipe.parse(BASE)
    before = Recipe.parse(BASE).values
    assert recipe.override([setting]).values == before | {key: value}
    assert recipe.values == before


def test_overrides_apply_in_order():
    recipe = Recipe.parse(BASE).override(["model=lenet5", "model.width=5", "model.width=6"])
    assert recipe.values["model"] == {"name": "lenet5", "width": 6}


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("epochs", "'epochs' is not a setting"),
        ("=3", "'=3' is not a setting"),
        ("model..width=3", "'model..width=3' is not a setting"),
        (".=3", "'.=3' is not a setting"),
        ("epochs.x=3", "command line, epochs.x=3: 3 has no setting 'x'"),
        ("model.width.x.y=3", "command line, model.width.x.y=3: 3 has no setting 'x'"),
        ("augment.2.x=1", "command line, augment.2.x=1: there is no item 2 in a list of 2"),
        ("augment.-1=flip", "command line, augment.-1=flip: there is no item -1 in a list of 2"),
        ("augment.²=flip", "command line, augment.²=flip: there is no item ² in a list of 2"),
        ("augment.pixels=1", "command line, augment.pixels=1: there is no item pixels in a list of 2"),
        ("epochs=[1", "command line, epochs=[1, line 1: cannot be read"),
        ("model={a: 1, a: 2}", "command line, model={a: 1, a: 2}, line 1: 'a' is written twice"),
    ],
)
def test_an_impossible_setting_is_refused_by_name(setting, message):
    with pytest.raises(RecipeError) as caught:
        Recipe.parse(BASE).override([setting])
    assert caught.value.message.startswith(message)
    assert caught.value.hint


# ---- building, and where what is wrong was written

DRAWING = """\
# a remark
name: square
side: 4
inside:
  - dot
  - name: circle
    radius: 2
"""


def build_error(shapes, text, *settings) -> RecipeError:
    with pytest.raises(RecipeError) as caught:
        Recipe.parse(text, "f", "f.yaml").override(settings).build(shapes.Shape)
    return caught.value


def test_build(shapes):
    square = Recipe.parse(DRAWING).build(shapes.Shape)
    assert square.side == 4
    assert square.inside[1].radius == 2.0
    assert Recipe.parse("name: circle").build(shapes.Shape, radius=3).radius == 3.0


@pytest.mark.parametrize(
    ("old", "new", "message", "hint"),
    [
        (
            "radius: 2",
            "raduis: 2",
            "f.yaml, line 7: inside.1.raduis: shape 'circle' has no argument 'raduis'",
            "did you mean 'radius'? allowed are: color, radius",
        ),
        (
            "radius: 2",
            "radius: -1",
            "f.yaml, line 7: inside.1.radius: -1.0 is outside (0, inf)",
            "give a number in (0, inf)",
        ),
        ("radius: 2", "radius: .nan", "f.yaml, line 7: inside.1.radius: nan is not a number", "give a number"),
        (
            "radius: 2",
            "color: no",
            "f.yaml, line 7: inside.1.color: False is not text",
            "give text; in a recipe, quotes",
        ),
        ("    radius: 2\n", "", "f.yaml, line 6: inside.1: shape 'circle' needs 'radius'", "add 'radius' to the shape"),
        ("circle", "crcle", "f.yaml, line 6: inside.1: there is no shape named 'crcle'", "did you mean 'circle'?"),
        ("- dot", "- dto", "f.yaml, line 5: inside.0: there is no shape named 'dto'", "did you mean 'dot'?"),
        ("- dot", "- 3", "f.yaml, line 5: inside.0: 3 does not describe the shape", "give the name of the shape"),
        (
            "side: 4",
            "side: huge",
            "f.yaml, line 3: side: 'huge' is not a whole number or one of: auto",
            "give a whole number",
        ),
        (
            "side: 4",
            "side: 4.0",
            "f.yaml, line 3: side: 4.0 is not a whole number or one of: auto",
            "give a whole number",
        ),
        ("side: 4", "<<: 4", "f.yaml, line 3: <<: shape 'square' has no argument '<<'", "allowed are: inside, side"),
        (
            "side: 4",
            "inside.0: 4",
            "f.yaml, line 3: inside.0: shape 'square' has no argument 'inside.0'",
            "did you mean",
        ),
        ("name: square", "x: square", "f.yaml, line 2: this shape has no name", "add 'name'; allowed are: circle, dot"),
    ],
)
def test_a_wrong_recipe_is_answered_with_place_key_and_what_is_allowed(shapes, old, new, message, hint):
    error = build_error(shapes, DRAWING.replace(old, new))
    assert error.message == message
    assert error.hint.startswith(hint)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["sdie=3"], "command line, sdie=3: sdie: shape 'square' has no argument 'sdie'"),
        (["sdie.x=3"], "command line, sdie.x=3: sdie: shape 'square' has no argument 'sdie'"),
        (["inside.1.radius=0"], "command line, inside.1.radius=0: inside.1.radius: 0.0 is outside (0, inf)"),
        (
            ["inside.1={name: circle, radius: 0}"],
            "command line, inside.1={name: circle, radius: 0}: inside.1.radius: 0.0",
        ),
        (["inside.0=crcle"], "command line, inside.0=crcle: inside.0: there is no shape named 'crcle'"),
        (["name=sqare"], "command line, name=sqare: there is no shape named 'sqare'"),
        (["inside.0.size=3"], "command line, inside.0.size=3: inside.0.size: shape 'dot' has no argument 'size'"),
        (["side=7", "inside.1.radius=x"], "command line, inside.1.radius=x: inside.1.radius: 'x' is not a number"),
    ],
)
def test_a_wrong_setting_is_answered_with_the_setting(shapes, settings, message):
    assert build_error(shapes, DRAWING, *settings).message.startswith(message)


def test_a_setting_does_not_take_the_blame_for_the_file(shapes):
    error = build_error(shapes, DRAWING.replace("radius: 2", "radius: 0"), "inside.1.color=blue")
    assert error.message.startswith("f.yaml, line 7: inside.1.radius: ")


def test_an_empty_recipe_builds_nothing(shapes):
    with pytest.raises(RecipeError, match="f: this shape has no name"):
        Recipe.parse("", "f").build(shapes.Shape)


# ---- files


def test_load_a_file(tmp_path):
    (tmp_path / "mine.yaml").write_text("label: größe", encoding="utf-8")
    recipe = Recipe.load(tmp_path / "mine.yaml")
    assert recipe.values == {"label": "größe"}
    assert recipe.label == "mine"
    assert recipe.place(("label", "x")) == f"{tmp_path / 'mine.yaml'}, line 1"


def test_a_file_needs_no_suffix_and_does_not_hide_a_recipe_that_ships(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("mine", "digits"):
        (tmp_path / name).write_text("a: 1")
    assert Recipe.load("mine").values == {"a": 1}
    assert Recipe.load("./digits").values == {"a": 1}
    assert "task" in Recipe.load("digits").values


@pytest.mark.parametrize(
    ("source", "message", "hint"),
    [
        ("digts", "there is no recipe named 'digts'", "did you mean 'digits'?"),
        ("no.yaml", "there is no recipe file no.yaml", "check the path"),
        ("folder.yml", "there is no recipe file folder.yml", "check the path"),
        ("", "there is no recipe named ''", "allowed are: "),
        ("x" * 300, "there is no recipe named 'xxx", "allowed are: "),
        ("latin.yaml", "latin.yaml, line 2: not UTF-8 text", "save the recipe as UTF-8"),
        ("utf16.yaml", "utf16.yaml, line 1: not UTF-8 text", "save the recipe as UTF-8"),
        ("nul.yaml", "nul.yaml, line 3: character 0x0 is not text", "save the recipe as plain text"),
    ],
)
def test_what_cannot_be_loaded(tmp_path, monkeypatch, source, message, hint):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.yml").mkdir()
    (tmp_path / "latin.yaml").write_bytes("a: 1\nlabel: größe".encode("latin-1"))
    (tmp_path / "utf16.yaml").write_bytes("a: 1".encode("utf-16"))
    (tmp_path / "nul.yaml").write_bytes(b"a: 1\n\nb: \0")
    with pytest.raises(RecipeError) as caught:
        Recipe.load(source)
    assert caught.value.message.startswith(message)
    assert caught.value.hint.startswith(hint)


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    file = tmp_path / "mine.yaml"
    file.write_text("a: 1")

    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.read_text", refuse)
    with pytest.raises(RecipeError) as caught:
        Recipe.load(file)
    assert caught.value.message == f"cannot read {file}: Permission denied"


def test_the_recipes_that_ship_can_be_read():
    assert "digits" in Recipe.shipped()
    for name in Recipe.shipped():
        assert Recipe.load(name).label == name
