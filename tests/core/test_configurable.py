"""A constructor's signature is the configuration: checked, remembered, written out and read back."""

from __future__ import annotations

import copy
import pathlib
import pickle
from typing import Annotated, ClassVar, Literal

import pytest
import torch
from torch import nn

from gatefield.core.arguments import Interval, PositiveInt
from gatefield.core.configurable import DEFAULTS, Configurable, Spec, plain
from gatefield.core.errors import ArgumentError, UnknownName


class Settings(Configurable):
    """Belongs to no family: it has no name."""

    kind: ClassVar[str] = "settings"

    def __init__(
        self,
        epochs: PositiveInt = 10,
        rate: Annotated[float, Interval("(0, 1]")] = 1,
        mode: Literal["fast", 3] | None = None,
        kernel: tuple[int, int] = (3, 3),
        folder: pathlib.Path | None = None,
    ) -> None:
        if mode == "fast" and rate == 1:
            raise ArgumentError("fast and rate 1 contradict each other", hint="choose", path=("mode",))
        self.epochs, self.rate, self.mode, self.kernel, self.folder = epochs, rate, mode, kernel, folder


class Job(Configurable):
    kind: ClassVar[str] = "job"

    def __init__(self, settings: Settings = DEFAULTS, more: list[Settings] = ()) -> None:  # type: ignore[assignment]
        self.settings, self.more = settings, more


class Net(Configurable, nn.Module):
    kind: ClassVar[str] = "net"

    def __init__(self, width: PositiveInt = 2, settings: Settings = DEFAULTS) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 1)
        self.settings = settings


class Wide(Net):
    def __init__(self, factor: PositiveInt = 2) -> None:
        super().__init__(width=3 * factor)


class Bare(Configurable):
    """No constructor at all."""


def test_arguments_are_checked_converted_and_remembered():
    settings = Settings(rate=1, kernel=[5, 5])
    assert settings.kernel == (5, 5)
    assert isinstance(settings.rate, float)
    assert dict(settings.arguments) == {"epochs": 10, "rate": 1.0, "mode": None, "kernel": (5, 5), "folder": None}
    with pytest.raises(ArgumentError) as caught:
        Settings(epochs=0)
    assert (caught.value.message, caught.value.path) == ("0 is outside [1, inf)", ("epochs",))


def test_config_is_plain_and_round_trips():
    job = Job(settings=Settings(3, 0.5, "fast", (1, 2), pathlib.Path("a/b")), more=[Settings(), {"epochs": 7}])
    config = job.config()
    assert config["settings"] == {"epochs": 3, "rate": 0.5, "mode": "fast", "kernel": [1, 2], "folder": "a/b"}
    assert config["more"][1]["epochs"] == 7
    again = Job.from_config(config)
    assert again.config() == config
    assert again.settings.folder == pathlib.Path("a/b")


def test_a_default_that_is_itself_configurable_is_fresh_for_everyone():
    first, second = Job(), Job()
    assert first.settings.epochs == 10
    assert first.settings is not second.settings


@pytest.mark.parametrize(
    ("config", "path", "message"),
    [
        ({"settings": {"epoch": 3}}, ("settings", "epoch"), "settings has no argument 'epoch'"),
        ({"settings": {"epochs": "x"}}, ("settings", "epochs"), "'x' is not a whole number"),
        ({"settings": {"mode": "fast"}}, ("settings", "mode"), "fast and rate 1 contradict each other"),
        ({"more": [{}, {"rate": 2}]}, ("more", "1", "rate"), "2.0 is outside (0, 1]"),
        ({"more": [{"mode": "fast"}]}, ("more", "0", "mode"), "fast and rate 1 contradict each other"),
        ({"settings": "fast"}, ("settings",), "'fast' does not describe the settings"),
        ({"settings": None}, ("settings",), "None does not describe the settings"),
        ({"settings": Spec(Job)}, ("settings",), None),
        ({"preset": 1}, ("preset",), "job has no argument 'preset'"),
        ({"self": 1}, ("self",), "job has no argument 'self'"),
    ],
)
def test_an_error_says_where(config, path, message):
    with pytest.raises(ArgumentError) as caught:
        Job.from_config(config)
    assert caught.value.path == path
    if message:
        assert caught.value.message == message


def test_a_module_is_configurable_and_its_arguments_are_not_its_weights():
    net = Net(3)
    assert dict(net.arguments)["width"] == 3
    assert list(net.state_dict()) == ["linear.weight", "linear.bias"]
    assert Net.from_config(net.config()).config() == net.config()


def test_an_inner_constructor_does_not_change_what_is_remembered():
    wide = Wide(2)
    assert wide.linear.in_features == 6
    assert dict(wide.arguments) == {"factor": 2}
    assert list(Wide.signature()) == ["factor"]


def test_without_a_constructor_there_is_nothing_to_configure():
    assert Bare().config() == {}
    assert dict(Bare().arguments) == {}
    assert Bare.signature() == {}
    with pytest.raises(TypeError):
        Bare(3)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_deepcopy_and_pickle(clone):
    net = Net(3, settings=Settings(epochs=4))
    other = clone(net)
    assert other.config() == net.config()
    assert torch.equal(other.linear.weight, net.linear.weight)
    assert other.arguments["settings"] is not net.arguments["settings"]
    assert clone(Spec(Net, width=3)).build().linear.in_features == 3


def test_misspelled_in_python_is_an_ordinary_type_error():
    with pytest.raises(TypeError, match="epoch"):
        Settings(epoch=3)


def test_what_cannot_be_written_is_refused():
    with pytest.raises(ArgumentError, match="sqrt cannot be written into a recipe"):
        plain({"f": torch.sqrt})


def test_a_name_a_mapping_a_class_or_an_object_make_a_member(shapes):
    circle = shapes.Circle(2)
    assert shapes.Shape.from_config(circle) is circle
    assert shapes.Shape.from_config("unit-circle").radius == 1.0
    assert shapes.Shape.from_config({"name": "circle", "radius": 3}).radius == 3.0
    assert shapes.Shape.from_config(shapes.Dot).config() == {"name": "dot"}
    assert shapes.Circle.from_config("wheel").color == "black"


def test_a_preset_fixes_arguments_that_a_recipe_may_change(shapes):
    wheel = shapes.Shape.from_config({"name": "wheel", "color": "blue"})
    assert wheel.config() == {"name": "circle", "radius": 0.3, "color": "blue"}
    assert shapes.Shape.from_config(wheel.config()).config() == wheel.config()


def test_members_nest_in_lists(shapes):
    square = shapes.Shape.from_config({"name": "square", "side": 3, "inside": ["dot", {"name": "circle", "radius": 1}]})
    assert [shape.name for shape in square.inside] == ["dot", "circle"]
    assert shapes.Shape.from_config(square.config()).config() == square.config()


NAMES = "circle, dot, square, unit-circle, wheel"


@pytest.mark.parametrize(
    ("config", "path", "message", "hint"),
    [
        ("crcle", ("x",), "there is no shape named 'crcle'", f"did you mean 'circle'? allowed are: {NAMES}"),
        ({"name": [1]}, ("x",), "there is no shape named [1]", f"allowed are: {NAMES}"),
        ({"radius": 1}, ("x",), "this shape has no name", f"add 'name'; allowed are: {NAMES}"),
        ("circle", ("x",), "shape 'circle' needs 'radius'", "add 'radius' to the shape"),
        ({"name": "dot", "x": 1}, ("x", "x"), "shape 'dot' has no argument 'x'", "nothing is allowed here"),
        (
            {"name": "wheel", "colour": "red"},
            ("x", "colour"),
            "shape 'wheel' has no argument 'colour'",
            "did you mean 'color'? allowed are: color, radius",
        ),
        (
            {"name": "square", "inside": ["dot", "circl"]},
            ("x", "inside", "1"),
            "there is no shape named 'circl'",
            f"did you mean 'circle'? allowed are: {NAMES}",
        ),
        (3, ("x",), "3 does not describe the shape", "give the name of the shape, or a mapping with its arguments"),
    ],
)
def test_what_is_wrong_with_a_member(shapes, config, path, message, hint):
    with pytest.raises(ArgumentError) as caught:
        shapes.Shape.from_config(config, ("x",))
    assert (caught.value.path, caught.value.message, caught.value.hint) == (path, message, hint)


def test_in_a_union_an_unknown_name_beats_the_other_parts(shapes):
    from gatefield.core.arguments import convert

    with pytest.raises(UnknownName, match="there is no shape named 'crcle'"):
        convert("crcle", float | shapes.Shape | None)
    assert convert(0.5, float | shapes.Shape | None) == 0.5
    assert convert(None, float | shapes.Shape | None) is None


def drawing(shapes):
    """A class whose arguments default to members by name, and leave one open."""

    class Drawing(Configurable):
        kind: ClassVar[str] = "drawing"

        def __init__(self, main: Spec[shapes.Shape] = "circle", frame: shapes.Shape = "square") -> None:
            self.main, self.frame = main, frame

    Drawing.__init__.__wrapped__.__annotations__ = {"main": Spec[shapes.Shape], "frame": shapes.Shape}
    return Drawing


def test_defaults_given_as_names_become_objects(shapes):
    picture = drawing(shapes)()
    assert isinstance(picture.main, Spec)
    assert picture.frame.side == "auto"


def test_a_mapping_without_a_name_is_about_the_default(shapes):
    picture = drawing(shapes).from_config({"main": {"color": "blue"}, "frame": {"side": 3}})
    assert picture.main.build(radius=2).config() == {"name": "circle", "radius": 2.0, "color": "blue"}
    assert picture.frame.side == 3


def test_a_spec_is_completed_by_what_the_data_tell_and_the_recipe_wins(shapes):
    spec = Spec.from_config({"name": "circle", "color": "blue"}, (), shapes.Shape)
    circle = spec.build(radius=2, color="green", nothing_it_knows=3)
    assert (circle.radius, circle.color) == (2.0, "blue")
    assert spec.config() == {"name": "circle", "color": "blue"}
    assert Spec.from_config(spec.config(), (), shapes.Shape).config() == spec.config()
    with pytest.raises(ArgumentError, match="shape 'circle' needs 'radius'"):
        spec.build()


def test_a_spec_with_defaults_round_trips(shapes):
    picture = drawing(shapes)()
    assert picture.config() == {
        "main": {"name": "circle", "color": "red"},
        "frame": {"name": "square", "side": "auto", "inside": []},
    }
    spec = Spec(drawing(shapes))
    assert spec.config() == picture.config()
    assert Spec.from_config(spec.config(), (), spec.cls).config() == spec.config()


def test_a_spec_of_another_family_is_refused(shapes):
    with pytest.raises(ArgumentError, match="does not describe the shape"):
        Spec.from_config(Spec(Settings), (), shapes.Shape)
    spec = Spec(shapes.Dot)
    assert Spec.from_config(spec, (), shapes.Shape) is spec


def test_signature_gives_annotations_and_defaults():
    signature = Settings.signature()
    assert signature["epochs"] == (PositiveInt, 10)
    assert list(signature) == ["epochs", "rate", "mode", "kernel", "folder"]
