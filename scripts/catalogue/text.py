"""A feed's lines as text. Bytes that are not what they should be refuse the file: guessing would store mojibake."""

import codecs
import io
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from catalogue.feed import MAX_ROW, Refused

ENCODINGS = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "iso-8859-15", "windows-1252")
MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
"""Byte-order marks, and what reads a file that starts with one."""


class Line(NamedTuple):
    """A line with its end, which is always a newline; no text if it is too long."""

    number: int
    text: str | None


def lines(chunks: Iterable[bytes], name: str, encoding: str | None) -> Iterator[Line]:
    """A feed's lines, the first of which is 1.

    Args:
        name: the file's, for errors.
        encoding: one of ENCODINGS; None for UTF-8, or what the byte-order mark says.
    Raises:
        Refused: it is not in that encoding.
    """
    number, text, skipping = 1, "", False
    for part in _decoded(chunks, name, encoding):
        *ended, text = (text + part).split("\n")
        for one in ended:
            yield Line(number, None if skipping or len(one) > MAX_ROW else one + "\n")
            number, skipping = number + 1, False
        if skipping or len(text) > MAX_ROW:
            text, skipping = "", True
    if text or skipping:
        yield Line(number, None if skipping else text)


def _decoded(chunks: Iterable[bytes], name: str, encoding: str | None) -> Iterator[str]:
    decoder: codecs.IncrementalDecoder | None = None
    ends = io.IncrementalNewlineDecoder(None, translate=True)
    newlines = 0
    for chunk in chunks:
        decoder = decoder or _decoder(chunk, name, encoding)
        pending = decoder.getstate()[0]
        try:
            text = ends.decode(decoder.decode(chunk))
        except UnicodeDecodeError as error:
            before = (pending + chunk)[: error.start].decode(error.encoding, "replace")
            line = newlines + ends.decode(before, final=True).count("\n") + 1
            raise _not_in(name, line, encoding) from None
        newlines += text.count("\n")
        yield text
    if decoder:
        yield ends.decode(_end(decoder, name, newlines + 1, encoding), final=True)


def _end(decoder: codecs.IncrementalDecoder, name: str, line: int, encoding: str | None) -> str:
    try:
        return decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise _not_in(name, line, encoding) from None


def _decoder(start: bytes, name: str, encoding: str | None) -> codecs.IncrementalDecoder:
    marked = next((reader for mark, reader in MARKS.items() if start.startswith(mark)), None)
    if encoding is None and marked is None and b"\0" in start[:4]:
        raise Refused(
            f"{name}: it looks like UTF-16 without a byte-order mark; name it: --encoding utf-16-le or utf-16-be."
        )
    chosen = (marked if marked and (encoding or "utf-").startswith("utf-") else encoding) or "utf-8"
    return codecs.getincrementaldecoder(chosen)()


def _not_in(name: str, line: int, encoding: str | None) -> Refused:
    hint = "" if encoding else "; if it is Latin-1 or Windows-1252, name it: --encoding latin-1 or windows-1252"
    return Refused(f"{name}, line {line}: it is not in {(encoding or 'utf-8').upper()}{hint}.")
