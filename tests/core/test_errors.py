"""Errors say what and where, advise, carry an exit code and survive the way between processes."""

from __future__ import annotations

import pickle

import pytest

from gatefield.core import errors
from gatefield.core.errors import ArgumentError, GatefieldError, InputError, nearest, suggest

CLASSES = [cls for cls in vars(errors).values() if isinstance(cls, type) and issubclass(cls, GatefieldError)]


@pytest.mark.parametrize("cls", CLASSES)
def test_message_then_hint(cls):
    error = cls("the disk is full", hint="free some space")
    assert str(error) == "the disk is full\nhint: free some space"


@pytest.mark.parametrize("cls", CLASSES)
def test_exit_code_is_two_where_the_user_can_mend_it(cls):
    assert cls.exit_code == (2 if issubclass(cls, InputError) else 1)


@pytest.mark.parametrize("cls", CLASSES)
def test_pickle_keeps_class_message_and_hint(cls):
    error = pickle.loads(pickle.dumps(cls("what", hint="do")))
    assert (type(error), error.message, error.hint) == (cls, "what", "do")


def test_pickle_keeps_the_path():
    error = pickle.loads(pickle.dumps(ArgumentError("what", hint="do", path=("model", "width"))))
    assert error.path == ("model", "width")


def test_nearest_ignores_case_and_keeps_spelling():
    assert nearest("lenet", ["LeNet5", "MLP"]) == ["LeNet5"]
    assert nearest("zzz", ["LeNet5", "MLP"]) == []


def test_suggestions():
    assert suggest("wdith", ["width", "depth"]) == "did you mean 'width'? allowed are: depth, width"
    assert suggest("zzz", ["width"]) == "allowed are: width"


def test_of_many_names_only_the_nearest_are_suggested():
    many = [*(f"{shape}-net" for shape in "abcdefghijklmnopqrst"), "lenet5", "lenet-1998"]
    assert suggest("lenet", many) == "did you mean 'lenet5'? of 22 names these are the nearest: lenet5, l-net, e-net"
    assert suggest("lenet5x", many[-2:]) == "did you mean 'lenet5'? allowed are: lenet-1998, lenet5"
    assert suggest("0000", many).startswith("allowed are: a-net, ")
    assert suggest("zzz", []) == "nothing is allowed here"
