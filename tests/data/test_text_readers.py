"""Readers of texts, tags, pairs, rolls and captions: layouts, and input that is not as it should be."""

from __future__ import annotations

import gzip
import os
import unicodedata

import numpy
import pytest
import scipy.io
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gatefield.core.errors import ArgumentError, DataError, InputError
from gatefield.data.readers.coco_captions import CocoCaptions
from gatefield.data.readers.conll import Conll
from gatefield.data.readers.conll_u import ConllU
from gatefield.data.readers.dates import Dates
from gatefield.data.readers.digit_scenes import DigitScenes
from gatefield.data.readers.fasta import Fasta
from gatefield.data.readers.multi30k import Multi30k
from gatefield.data.readers.pair_lines import PairLines
from gatefield.data.readers.parallel_files import ParallelFiles
from gatefield.data.readers.piano_rolls import PianoRolls
from gatefield.data.readers.python_documentation import PythonDocumentation
from gatefield.data.readers.python_tokens import PythonTokens, tagged_lines
from gatefield.data.readers.rt_polarity import RtPolarity
from gatefield.data.readers.sst import Sst, parse_tree
from gatefield.data.readers.surnames import Surnames
from gatefield.data.readers.text_file import TextFile
from gatefield.data.readers.text_folder import TextFolder
from gatefield.data.readers.text_lines import TextLines
from gatefield.data.readers.uci_dna import Splice


def _write(path, text):
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def _texts(items):
    return [(item.text, item.label) for item in items]


def _refused(make, *words):
    with pytest.raises(InputError) as caught:
        make()
    for word in words:
        assert word in caught.value.message, caught.value.message
    assert caught.value.hint


def test_the_end_of_a_text_is_held_out(tmp_path):
    path = _write(tmp_path / "text.txt", "0123456789" * 10)
    parts = TextFile(path, validation=0.2, test=0.1).read()
    assert (parts.train, parts.validation, parts.test) == (["0123456789" * 7], ["0123456789" * 2], ["0123456789"])
    whole = TextFile(path, validation=0.0).read()
    assert (whole.validation, whole.test) == (None, None)
    _refused(lambda: TextFile(path, validation=0.5, test=0.5), "leave nothing")
    _refused(TextFile(_write(tmp_path / "empty.txt", "")).read, "empty")


def test_labelled_lines_with_tabs(tmp_path):
    path = _write(tmp_path / "a.tsv", 'good\tI "like" it \x85 yes\r\n\nbad\tno\ngood\t \n')
    parts = TextLines(path).read()
    assert _texts(parts.train) == [('I "like" it \x85 yes', 1), ("no", 0)]
    assert parts.classes == ["bad", "good"]
    assert parts.train[1].place == f"{path}:3"
    assert "a.tsv:4" in parts.notes[0]
    numbered = TextLines(_write(tmp_path / "n.tsv", "10\tx\n9\ty\n-1\tz\n")).read()
    assert numbered.classes == ["-1", "9", "10"]


def test_labelled_rows_with_names(tmp_path):
    path = _write(tmp_path / "a.csv", 'id,review,stars\n1,"a, b\nc",5\n2,"say ""x""",1\n')
    parts = TextLines(path, label="stars", text="review").read()
    assert _texts(parts.train) == [("a, b\nc", 1), ('say "x"', 0)]
    assert [item.place for item in parts.train] == [f"{path}:2", f"{path}:4"]
    same = TextLines(path, label=3, text=2, header=True).read()
    assert same.train == parts.train
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    assert _texts(TextLines(str(tmp_path / "a.csv.gz"), label="stars", text="review").read().train) == _texts(
        parts.train
    )
    _refused(TextLines(path, label="star", text="review").read, "no column named 'star'")
    _refused(TextLines(path, label=4, text=2, header=True).read, "no column 4, only 3")
    _refused(lambda: TextLines(path, label="stars", header=False), "no row that names")
    _refused(lambda: TextLines(path, label=2, text=2), "same column")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a\tb\na\tb\tc\n", [":2", "3 columns", "has 2"]),
        ("a\tb\nc\n", [":2", "1 columns"]),
        ("a\tx\na\ty\n", ["every training text has the label 'a'", ":1"]),
        ("a\tx\n\ty\n", [":2", "no label"]),
        ("", ["is empty"]),
        (b"a\tx\nb\t\xff\n", [":2", "byte 3", "0xFF"]),
    ],
)
def test_labelled_lines_that_cannot_be_read(tmp_path, text, words):
    _refused(TextLines(_write(tmp_path / "a.tsv", text)).read, "a.tsv", *words)


def test_a_label_that_was_never_trained_on_is_named(tmp_path):
    train = _write(tmp_path / "train.tsv", "a\tx\nb\ty\n")
    test = _write(tmp_path / "test.tsv", "a\tx\nB\ty\n")
    _refused(TextLines(train, test=test).read, "test.tsv:2", "'B'")
    parts = TextLines(train, validation=train).read()
    assert parts.test is None
    assert parts.validation == parts.train


LABELLED = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.text(alphabet=st.characters(blacklist_characters="\t\r\n", blacklist_categories=["Cs"]), min_size=1),
    ),
    min_size=1,
)


@settings(deadline=None)
@given(LABELLED.filter(lambda rows: len({label for label, text in rows if not text.isspace()}) > 1))
def test_labelled_lines_come_back(tmp_path_factory, rows):
    path = _write(tmp_path_factory.mktemp("lines") / "a.tsv", "".join(f"{label}\t{text}\n" for label, text in rows))
    parts = TextLines(path, label=1, text=2).read()
    kept = [(text, label) for label, text in rows if not text.isspace()]
    assert [(item.text, parts.classes[item.label]) for item in parts.train] == kept


def test_a_line_of_a_hundred_thousand_words(tmp_path):
    path = _write(tmp_path / "a.csv", "a," + "word " * 100_000 + "\nb,x\n")
    assert len(TextLines(path).read().train[0].text.split()) == 100_000


def test_folders_and_files_of_classes(tmp_path):
    for name, text in {"b/1.txt": "x\ny", "b/2.txt": " ", "a/sub/3.txt": "z", "a/4.md": "not this"}.items():
        (tmp_path / "one" / name).parent.mkdir(parents=True, exist_ok=True)
        _write(tmp_path / "one" / name, text)
    parts = TextFolder(str(tmp_path / "one")).read()
    assert _texts(parts.train) == [("z", 0), ("x\ny", 1)]
    assert "2.txt" in parts.notes[0]
    (tmp_path / "two").mkdir()
    _write(tmp_path / "two" / "b.txt", "x\n\ny\n")
    _write(tmp_path / "two" / "a.txt", "z\n")
    parts = TextFolder(str(tmp_path / "two")).read()
    assert _texts(parts.train) == [("z", 0), ("x", 1), ("y", 1)]
    assert parts.train[2].place.endswith("b.txt:3")
    _refused(TextFolder(str(tmp_path / "two"), layout="folders").read, "has no folders")
    _refused(TextFolder(str(tmp_path / "two"), pattern="*.tex").read, "*.tex")


def test_links_out_of_the_folder_are_not_read(tmp_path):
    (tmp_path / "in").mkdir()
    _write(tmp_path / "secret.txt", "secret\n")
    _write(tmp_path / "in" / "a.txt", "x\n")
    _write(tmp_path / "in" / "b.txt", "y\n")
    os.symlink(tmp_path / "secret.txt", tmp_path / "in" / "c.txt")
    assert TextFolder(str(tmp_path / "in")).read().classes == ["a", "b"]


def test_equal_names_are_held_out_together(tmp_path):
    _write(tmp_path / "A.txt", "x\n" * 50 + "".join(f"a{n}\n" for n in range(50)))
    _write(tmp_path / "B.txt", "x\n" + "".join(f"b{n}\n" for n in range(49)))
    for share in (0.1, 0.5):
        parts = Surnames(str(tmp_path), test=share).read()
        assert not {item.text for item in parts.train} & {item.text for item in parts.test}
        assert len(parts.train) + len(parts.test) == 150
    assert Surnames(str(tmp_path), test=0.0).read().test is None


def test_reviews_keep_their_next_line_characters(tmp_path):
    parts = RtPolarity.sample(tmp_path).read()
    assert len(parts.train) + len(parts.test) == 24
    assert all("\x85" in item.text and "café" in item.text for item in parts.train)


def test_phrases_of_a_tree():
    tree = "(3 (2 It) (4 (2 's) (4 (3 -LRB-) (2 lovely))))"
    assert parse_tree(tree, "x") == [
        (2, ["It"]),
        (2, ["'s"]),
        (3, ["("]),
        (2, ["lovely"]),
        (4, ["(", "lovely"]),
        (4, ["'s", "(", "lovely"]),
        (3, ["It", "'s", "(", "lovely"]),
    ]
    deep = "(2 (2 a) " * 5000 + "(2 b)" + ")" * 5000
    assert len(parse_tree(deep, "x")[-1][1]) == 5001


@pytest.mark.parametrize(
    "line",
    ["(", ")", "(3", "(3 )", "(5 a)", "(3 a", "(3 a))", "a", "(3 a) (2 b)", "(3 a) b", "(x a)", "3 a", "(3 (2 a)"],
)
def test_trees_that_are_none(line, tmp_path):
    _refused(lambda: parse_tree(line, "train.txt:7"), "train.txt:7")


def test_two_moods_leave_out_the_neutral(tmp_path):
    five, two = (Sst.sample(tmp_path).read(), Sst(str(tmp_path), classes=2).read())
    assert [item.label for item in five.train] == [0, 1, 2, 3, 4]
    assert [item.label for item in two.train] == [0, 0, 1, 1]
    phrases = Sst(str(tmp_path), phrases=True).read()
    assert len(phrases.train) == len(set(_texts(phrases.train))) > len(five.train)
    assert len(phrases.test) == len(five.test)


def test_fasta(tmp_path):
    path = _write(tmp_path / "a.fa", ";note\n>s1 note b\nacg\nT-\n\n>s2 a\nN*\n")
    parts = Fasta(path).read()
    assert _texts(parts.train) == [("ACGT-", 1), ("N*", 0)]
    assert parts.train[0].place == f"{path}:2"
    assert Fasta(path, label=r">s(\d)").read().classes == ["1", "2"]
    for text, words in {
        "acg\n>s a\nA\n": [":1", "no header before"],
        ">s a\n>t b\nA\n": [":1", "no sequence"],
        ">s a\nA\n>t b\n": [":3", "no sequence"],
        ">s\nA\n": [":1", "no class"],
        ">s a\nA1\n": [":2", "'A1'"],
    }.items():
        _refused(Fasta(_write(tmp_path / "b.fa", text)).read, "b.fa", *words)
    _refused(lambda: Fasta(path, label="("), "regular expression")
    _refused(lambda: Fasta(path, label="a"), "0 groups")


def test_dna_rows(tmp_path):
    path = _write(tmp_path / "splice.data", "EI,  a-1,   ACGT\nN,b,\t\tddnr\nIE,c,A\n\n")
    parts = Splice(path, test=0.0).read()
    assert _texts(parts.train) == [("ACGT", 0), ("DDNR", 2), ("A", 1)]
    for line in ("EI,a", "XX,a,ACG", "EI,a,AC4", "EI,a,", "EI,a,b,ACG"):
        _refused(Splice(_write(tmp_path / "splice.data", f"N,a,A\n{line}\n")).read, "splice.data:2")


CONLL_U = "1\tWe\twe\tPRON\tPRP\tNumber=Plur\t2\tnsubj\t_\t_"


def test_words_of_conll_u(tmp_path):
    lines = [
        "# text",
        "1-2\tdon't" + "\t_" * 8,
        CONLL_U,
        CONLL_U.replace("1\tWe", "2\tnot"),
        "2.1\t_" + "\t_" * 8,
        "",
        "",
    ]
    path = _write(tmp_path / "a-train.conllu", "\n".join(lines) + CONLL_U)
    for column, tag in {
        "upos": "PRON",
        "xpos": "PRP",
        "feats": "Number=Plur",
        "deprel": "nsubj",
        "lemma": "we",
    }.items():
        parts = ConllU(path, column=column).read()
        assert [(s.words, s.tags) for s in parts.train] == [(["We", "not"], [tag, tag]), (["We"], [tag])]
    assert [s.place for s in parts.train] == [f"{path}:3", f"{path}:7"]
    _write(tmp_path / "a-dev.conllu", CONLL_U.replace("PRON", "X"))
    found = ConllU(str(tmp_path)).read()
    assert found.classes == ["PRON", "X"]
    assert "X" in found.notes[0]
    assert found.test is None
    _write(tmp_path / "b-dev.conllu", "")
    _refused(ConllU(str(tmp_path)).read, "both a validation part")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("2\tWe", [":1", "2 columns"]),
        (CONLL_U.replace("1\t", "2\t", 1), [":1", "word 2 comes after word 0"]),
        (CONLL_U.replace("1\t", "x\t", 1), [":1", "'x' is not the number"]),
        (CONLL_U.replace("1\t", "1-\t", 1), [":1", "'1-' is not the number"]),
        (CONLL_U.replace("\t", " "), [":1", "1 columns"]),
    ],
)
def test_conll_u_that_cannot_be_read(tmp_path, line, words):
    _refused(ConllU(_write(tmp_path / "a.conllu", line + "\n")).read, "a.conllu", *words)


def test_columns_and_spans(tmp_path):
    text = "-DOCSTART- -X- O\n\nU.N. NNP I-ORG\nofficial  NN O\n\nRome NNP I-LOC\nParis NNP B-LOC\nX Y I-ORG\n"
    path = _write(tmp_path / "a.conll", text)
    parts = Conll(path).read()
    assert [s.words for s in parts.train] == [["U.N.", "official"], ["Rome", "Paris", "X"]]
    assert [s.tags for s in parts.train] == [["B-ORG", "O"], ["B-LOC", "B-LOC", "B-ORG"]]
    assert "3 tags" in parts.notes[0]
    assert Conll(path, tag=2, scheme="any").read().train[0].tags == ["NNP", "NN"]
    assert Conll(path, scheme="any").read().train[0].tags == ["I-ORG", "O"]
    tabs = _write(tmp_path / "b.conll", "New York\tB-LOC\n\t\n\n")
    assert Conll(tabs, separator="tab").read().train[0].words == ["New York"]
    commas = _write(tmp_path / "c.csv", "a,O\nb,B-x\n")
    assert Conll(commas, separator="comma").read().train[0].tags == ["O", "B-x"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a O\nb\n", [":2", "1 columns"]),
        ("a\nb\n", [":1", "1 columns", "2 are wanted"]),
        ("a O\n\nb X\n", [":3", "'X' is not a BIO tag"]),
        ("a O\nb B-x,B-y\n", [":2", "BIO"]),
        ("a B-\n", [":1", "BIO"]),
    ],
)
def test_columns_that_cannot_be_read(tmp_path, text, words):
    _refused(Conll(_write(tmp_path / "a.conll", text)).read, "a.conll", *words)


SPANS = st.lists(st.tuples(st.sampled_from("xy"), st.integers(1, 3), st.integers(0, 2)), min_size=1, max_size=5)


@settings(deadline=None)
@given(SPANS)
def test_spans_survive_the_older_scheme(tmp_path_factory, spans):
    """IOB1 writes B- only between neighbours of one kind; read, both schemes give the same tags."""
    newer, older, before = [], [], None
    for kind, length, gap in spans:
        newer += [f"B-{kind}"] + [f"I-{kind}"] * (length - 1) + ["O"] * gap
        older += [f"{'B' if before == kind else 'I'}-{kind}"] + [f"I-{kind}"] * (length - 1) + ["O"] * gap
        before = None if gap else kind
    folder = tmp_path_factory.mktemp("spans")
    for name, tags in (("new", newer), ("old", older)):
        _write(folder / name, "".join(f"w {tag}\n" for tag in tags))
        assert Conll(str(folder / name)).read().train[0].tags == newer


def test_lines_of_python_are_tagged():
    found = tagged_lines("class A(B):\n    x = f(a.b, key=1)  # why\n\ndef g():\n    return 'é'\n", "a.py")
    assert [sentence.words for sentence in found] == [
        ["class", "A", "(", "B", ")", ":"],
        ["x", "=", "f", "(", "a", ".", "b", ",", "key", "=", "1", ")", "# why"],
        ["def", "g", "(", ")", ":"],
        ["return", "'é'"],
    ]
    operators = set("():.,=")
    assert [[tag for word, tag in zip(s.words, s.tags) if word not in operators] for s in found] == [
        ["keyword", "definition", "name"],
        ["name", "call", "name", "attribute", "argument", "number", "comment"],
        ["keyword", "definition"],
        ["keyword", "string"],
    ]
    assert all((word in operators) == (tag == "operator") for s in found for word, tag in zip(s.words, s.tags))
    assert [s.place for s in found] == ["a.py:1", "a.py:2", "a.py:4", "a.py:5"]
    assert [s.words for s in tagged_lines("x = 1\ny = (\n", "a.py")] == [["x", "=", "1"]]
    assert all("string" in s.tags for s in tagged_lines("x = f'{a}b'\n", "a.py"))


def test_python_comes_with_text_and_tags():
    text = PythonDocumentation(characters=300_000).read()
    assert sum(len(document) for part in (text.train, text.validation, text.test) for document in part) == 300_000
    tags = PythonTokens(sentences=1000).read()
    assert [len(part) for part in (tags.train, tags.validation, tags.test)] == [900, 50, 50]
    assert len(tags.classes) == 10


def test_parallel_files(tmp_path):
    _write(tmp_path / "train.de", "eins\n\x85zwei \n\n")
    (tmp_path / "train.en.gz").write_bytes(gzip.compress(b"one\ntwo\nthree\n"))
    parts = ParallelFiles(str(tmp_path / "train"), "de", "en").read()
    assert [pair[:2] for pair in parts.train] == [("eins", "one"), ("zwei", "two")]
    assert "train.de:3" in parts.notes[0]
    folder = ParallelFiles(str(tmp_path), source="train.de", target="train.en").read()
    assert folder.train == parts.train
    _write(tmp_path / "val.de", "a\nb\n")
    _write(tmp_path / "val.en", "a\nb\nc\n")
    wrong = ParallelFiles(str(tmp_path / "train"), "de", "en", validation=str(tmp_path / "val"))
    _refused(wrong.read, "2 lines", "3", "val.en:3 has no partner")
    _refused(ParallelFiles(str(tmp_path / "train"), "de", "fr").read, "train.fr")
    _refused(lambda: ParallelFiles("x", "de", "de"), "both 'de'")
    _refused(lambda: Multi30k(source="fr", target="fr"), "both 'fr'")


def test_pair_lines(tmp_path):
    path = _write(tmp_path / "p.txt", "Go.\tGeh.\r\n\nHi.\tHallo!\tCC-BY\nHi.\t\n")
    parts = PairLines(path).read()
    assert [pair[:2] for pair in parts.train] == [("Go.", "Geh."), ("Hi.", "Hallo!")]
    assert parts.train[1].place == f"{path}:3"
    assert "p.txt:4" in parts.notes[0]
    assert [pair[:2] for pair in PairLines(path, reverse=True).read().train] == [("Geh.", "Go."), ("Hallo!", "Hi.")]
    for line in ("alone", "a\tb\tc\td"):
        _refused(PairLines(_write(tmp_path / "q.txt", f"a\tb\n{line}\n")).read, "q.txt:2")
    _refused(PairLines(_write(tmp_path / "q.txt", "")).read, "empty")


def test_dates_are_what_they_say():
    parts = Dates(count=2000, held_out=100).read()
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (2000, 100, 100)
    targets = [pair.target for part in (parts.train, parts.validation, parts.test) for pair in part]
    assert len(set(targets)) == len(targets)
    for pair in parts.train:
        year, _, day = pair.target.split("-")
        assert year in pair.source
        assert str(int(day)) in pair.source
    assert any("Samstag, der" in pair.source for pair in parts.train)
    assert any(" 22nd" in pair.source for pair in parts.train)
    letters = {letter for pair in parts.train for letter in pair.source}
    assert all(unicodedata.normalize("NFC", letter) == letter for letter in letters)
    _refused(lambda: Dates(first_year=2000, last_year=1999), "before")
    _refused(lambda: Dates(count=400, held_out=1, first_year=2000, last_year=2000), "366 days")


def test_piano_rolls(tmp_path):
    parts = PianoRolls.sample(tmp_path).read()
    assert [len(part) for part in (parts.train, parts.validation, parts.test)] == [4, 2, 2]
    assert torch.equal(parts.train[1].notes.argmax(1), torch.arange(1, 14))
    assert "traindata 2" in parts.train[1].place
    assert PianoRolls(str(tmp_path / "JSB_Chorales.mat")).read().train[0].notes.equal(parts.train[0].notes)


def _cells(*matrices):
    row = numpy.empty((1, len(matrices)), dtype=object)
    for number, matrix in enumerate(matrices):
        row[0, number] = matrix
    return row


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (_cells(numpy.zeros((3, 87))), ["traindata 1", "(3, 87)"]),
        (_cells(numpy.zeros((3, 88)), numpy.full((3, 88), 2.0)), ["traindata 2", "other than 0 and 1"]),
        (_cells(numpy.full((3, 88), numpy.nan)), ["traindata 1", "other than 0 and 1"]),
        (_cells(numpy.array(["text"])), ["traindata 1"]),
        (numpy.zeros((3, 88)), ["no row of cells 'traindata'"]),
    ],
)
def test_rolls_that_are_none(tmp_path, cells, words):
    good = _cells(numpy.zeros((3, 88), dtype=numpy.uint8))
    scipy.io.savemat(tmp_path / "a.mat", {"traindata": cells, "validdata": good, "testdata": good})
    _refused(PianoRolls(str(tmp_path / "a.mat")).read, "a.mat", *words)


def test_damaged_matlab_files(tmp_path):
    PianoRolls.sample(tmp_path)
    whole = (tmp_path / "JSB_Chorales.mat").read_bytes()
    for damaged in (
        b"",
        b"no matrix at all" * 20,
        whole[:400],
        whole[:200] + b"\xff" * 64 + whole[264:],
        b"\x80\x04\x95.",
    ):
        _refused(PianoRolls(_write(tmp_path / "b.mat", damaged)).read, "b.mat")
    hdf = b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x00" * 400
    _refused(PianoRolls(_write(tmp_path / "c.mat", hdf)).read, "7.3")
    _refused(PianoRolls(str(tmp_path), file="../c.mat").read, "not the name of a file")


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 1 << 16), st.binary(min_size=1, max_size=8))
def test_matlab_files_with_noise_never_crash(tmp_path_factory, place, noise):
    folder = tmp_path_factory.mktemp("mat")
    PianoRolls.sample(folder)
    path = folder / "JSB_Chorales.mat"
    content = bytearray(path.read_bytes())
    place %= len(content)
    content[place : place + len(noise)] = noise
    path.write_bytes(bytes(content))
    try:
        PianoRolls(str(folder)).read()
    except DataError as error:
        assert "JSB_Chorales.mat" in error.message


def test_captions(tmp_path):
    parts = CocoCaptions.sample(tmp_path).read()
    assert parts.train[2].captions == ["Noise of many colors.", "Picture number 2."]
    assert parts.test is None
    parts.train[1].path.unlink()
    _refused(CocoCaptions(str(tmp_path)).read, "000000000001.png", "not there")
    some = CocoCaptions(str(tmp_path), skip_missing=True).read()
    assert len(some.train) == 2
    assert "000000000001.png" in some.notes[0]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        "[" * 10_000,
        '{"images": [], "annotations": 3}',
        '{"images": [{"id": "x"}], "annotations": []}',
        '{"images": [{"id": 1, "file_name": "../../secret.png"}], "annotations": []}',
        '{"images": [{"id": 1, "file_name": "/elsewhere/secret.png"}], "annotations": []}',
        '{"images": [], "annotations": [{"image_id": 1, "caption": null}]}',
    ],
)
def test_captions_that_cannot_be_read(tmp_path, content):
    CocoCaptions.sample(tmp_path)
    (tmp_path / "annotations" / "captions_train2017.json").write_text(content)
    _refused(CocoCaptions(str(tmp_path)).read)


def test_scenes_are_what_their_captions_say(tmp_path):
    from gatefield.data.decode import decode

    parts = DigitScenes(count=30, held_out=5, path=str(tmp_path)).read()
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (30, 5, 5)
    rows, columns = ("top", "middle", "bottom"), ("left", "center", "right")
    for scene in parts.train:
        pixels = torch.as_tensor(decode(scene.path, 1))[0]
        assert tuple(pixels.shape) == (48, 48)
        for row in range(3):
            for column in range(3):
                said = f"at the {rows[row]} {columns[column]}" in scene.captions[1]
                assert bool(pixels[16 * row : 16 * row + 16, 16 * column : 16 * column + 16].any()) == said
        assert len(scene.captions) == 3
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.png")}
    assert len(written) == 40
    DigitScenes(count=30, held_out=5, path=str(tmp_path)).read()
    assert written == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}


def test_arguments_are_checked():
    for make in (
        lambda: TextFile("x", validation=1.0),
        lambda: TextLines("x", separator="|"),
        lambda: Conll("x", word=0),
    ):
        with pytest.raises(ArgumentError):
            make()
