"""Tagged text that every machine has: the tokens of Python's standard library."""

from __future__ import annotations

import io
import keyword
import pathlib
import platform
import token
import tokenize
from typing import Self

from ...core.arguments import PositiveInt
from ...core.errors import DataError
from ..corpus import Parts, TaggedSentence
from ..reader import TaggedReader
from ..standard_library import HOMEPAGE, LICENCE, sources
from ..tags import tagged_parts

_KINDS = {token.NUMBER: "number", token.STRING: "string", token.OP: "operator", tokenize.COMMENT: "comment"}
_LAYOUT = (tokenize.NEWLINE, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER)
_EVERY = 20


class PythonTokens(TaggedReader):
    """The tokens of Python's own sources, tagged with what they are; needs no download.

    A sentence is a logical line, a word one of its tokens, as the module ``tokenize`` cuts them. Tags: ``keyword``,
    ``number``, ``string``, ``operator``, ``comment``; and for a name what it is here: ``definition`` (after def or
    class), ``attribute`` (after a point), ``call`` (before a parenthesis), ``argument`` (before = within parentheses),
    or ``name``. The last five need the words around. Every tenth sentence is held out, in turn for validation and for
    test. The text depends on the version of Python, which the notes name, and on nothing else.

    Args:
        sentences: at most so many in all.
    """

    name = "python-tokens"
    licence = LICENCE
    homepage = HOMEPAGE

    def __init__(self, sentences: PositiveInt = 10_000) -> None:
        self.sentences = sentences

    @classmethod
    def sample(cls, folder: pathlib.Path) -> Self:
        """The first sentences of the library itself."""
        return cls(sentences=200)

    def read(self) -> Parts[TaggedSentence]:
        """The three parts."""
        found: list[TaggedSentence] = []
        met: set[tuple[str, ...]] = set()
        for file, text in sources():
            for sentence in tagged_lines(text, str(file)):
                if tuple(sentence.words) not in met:  # a line that comes again would be tested after being learned
                    met.add(tuple(sentence.words))
                    found.append(sentence)
            if len(found) >= self.sentences:
                break
        if not found:
            hint = "use a complete Python, or read tagged text of your own: conll"
            raise DataError("this Python comes without its sources", hint=hint)
        found = found[: self.sentences]
        parts = {"train": [sentence for number, sentence in enumerate(found, 1) if number % (_EVERY // 2)]}
        for part, first in (("validation", _EVERY // 2 - 1), ("test", _EVERY - 1)):
            if found[first::_EVERY]:
                parts[part] = found[first::_EVERY]
        return tagged_parts(parts, (f"of Python {platform.python_version()}",))


def tagged_lines(text: str, file: str) -> list[TaggedSentence]:
    """The logical lines of a source, tagged; what ``tokenize`` cannot read ends the list."""
    sentences: list[TaggedSentence] = []
    line: list[tokenize.TokenInfo] = []
    try:
        for found in tokenize.generate_tokens(io.StringIO(text).readline):
            if found.type == tokenize.NEWLINE and line:
                sentences.append(_tagged(line, file))
                line = []
            elif found.type not in _LAYOUT and found.string:
                line.append(found)
    except (tokenize.TokenError, SyntaxError):
        pass
    return sentences


def _tagged(line: list[tokenize.TokenInfo], file: str) -> TaggedSentence:
    words = [found.string for found in line]
    tags: list[str] = []
    depth = 0
    for place, found in enumerate(line):
        before = words[place - 1] if place else ""
        after = words[place + 1] if place + 1 < len(words) else ""
        depth += (found.string in "([{") - (found.string in ")]}") if found.type == token.OP else 0
        if found.type != token.NAME:
            tags.append(_KINDS.get(found.type, "string"))  # parts of f-strings have types of their own from 3.12 on
        elif keyword.iskeyword(found.string):
            tags.append("keyword")
        elif before in ("def", "class"):
            tags.append("definition")
        elif before == ".":
            tags.append("attribute")
        elif after == "(":
            tags.append("call")
        elif after == "=" and depth:
            tags.append("argument")
        else:
            tags.append("name")
    return TaggedSentence(words, tags, f"{file}:{line[0].start[0]}")
