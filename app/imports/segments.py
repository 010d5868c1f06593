"""HL7 v2 as it comes: messages in a file, their character sets, segments and fields."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import hl7  # type: ignore[import-untyped]  # the package has no types
from hl7.util import unescape  # type: ignore[import-untyped]  # the package has no types

from app.imports.results import File, Sent, Skipped, Unreadable, contents

_BEGIN = re.compile(rb"[\x0b\s]*(\xef\xbb\xbf)?[\x0b\s]*(MSH|FHS|BHS)[^A-Za-z0-9\s]")
_AROUND = frozenset({"FHS", "BHS", "BTS", "FTS"})
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}$")
_DELIMITERS = re.compile(r"MSH([^\w\s])[^\w\s]{3,5}?(?=\1)")

CHARACTER_SETS = {
    "": "utf-8",
    "ASCII": "ascii",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UTF-8": "utf-8",
    **{f"8859/{part}": f"iso8859-{part}" for part in (*range(1, 10), 15)},
}
"""Table 0211; where MSH-18 is empty, UTF-8, of which the standard's ASCII is a part."""


def is_one(file: File) -> bool:
    """Say whether a file begins as HL7 v2 does."""
    if isinstance(file, Sent):
        return _BEGIN.match(file.content) is not None
    with file.open("rb") as opened:
        return _BEGIN.match(opened.read(64)) is not None


def messages_of(file: File) -> Iterator[list[str]]:
    """Give the lines of each message, decoded by what its own MSH-18 says."""
    content = contents(file)
    if _BEGIN.match(content) is None:
        raise Unreadable(file.name, "line 1", "begins with none of MSH, FHS and BHS")
    content = content.removeprefix(b"\xef\xbb\xbf").translate(None, b"\x0b\x1c")
    # A file that was put together of files without a last CR has a header inside a line.
    content = re.sub(rb"(?<=[^\r\n])(?=MSH\|\^~\\&)", b"\r", content)
    number, encoding = 0, "utf-8"
    message: list[str] = []
    for place, line in enumerate(re.split(rb"\r\n|\r|\n", content), 1):
        if not line.strip():
            continue
        name = line[:3].decode("latin-1")
        if name == "MSH":
            if message:
                yield message
            number, message = number + 1, []
            encoding = _encoding(file, number, line)
        try:
            decoded = line.decode(encoding)
        except UnicodeDecodeError as failure:
            raise Unreadable(
                file.name,
                f"message {number}, segment {name} (line {place}), byte {failure.start + 1}",
                f"is not {encoding.upper()}, the character set that MSH-18 says or leaves out",
            ) from None
        if name not in _AROUND:
            message.append(decoded)
    if message:
        yield message


def _encoding(file: File, number: int, header: bytes) -> str:
    text = header.decode("latin-1")
    fields = text.split(text[3:4] or "|")
    said = fields[17].partition("~")[0].strip().upper() if len(fields) > 17 else ""
    if said not in CHARACTER_SETS:
        known = ", ".join(filter(None, CHARACTER_SETS))
        raise Unreadable(file.name, f"message {number}, segment MSH", f"MSH-18 is none of {known}")
    return CHARACTER_SETS[said]


# ---- segments


class Segment:
    """One segment; `broken`: the line after it begins no segment."""

    def __init__(self, parsed: Any, *, broken: bool) -> None:
        self.parsed = parsed
        self.name = str(parsed[0])
        self.broken = broken

    def said(self, field: int, component: int = 1, part: int = 1, repeat: int = 1) -> str | None:
        """Give a text of a field; None where it is empty, absent or HL7's null."""
        node = self.parsed
        try:
            for place in (field, repeat - 1, component - 1, part - 1):
                if isinstance(node, hl7.Container):
                    node = node[place]
                elif place:
                    return None
        except IndexError:
            return None
        text = self._unescaped(str(node)).strip()
        return text if text and text != '""' else None

    def _unescaped(self, text: str) -> str:
        """Put the delimiters back that were escaped; a damaged escape stays as it was sent.

        The library would write the text of a damaged one to the log.
        """
        escape = re.escape(self.parsed.esc)
        whole = rf"[^{escape}]*({escape}([FSTREHN]|\.br){escape}[^{escape}]*)+"
        return str(unescape(self.parsed, text)) if re.fullmatch(whole, text) else text

    def repeats(self, field: int) -> range:
        """Give the numbers of a field's repetitions."""
        return range(1, len(self.parsed[field]) + 1) if field < len(self.parsed) else range(0)


def field_of(segment: Segment | None, field: int) -> str | None:
    return segment.said(field) if segment else None


def segments_of(lines: Sequence[str]) -> list[Segment]:
    """Read the lines of a message.

    Raises:
        Skipped: its header does not say five delimiters, each of which means one thing.
    """
    header = _DELIMITERS.match(lines[0])
    if header is None or len(set(header[0][3:])) != len(header[0][3:]):
        raise Skipped("segment_broken", "MSH does not say its delimiters")
    whole: list[str] = []
    broken: set[int] = set()
    for line in lines:
        if _SEGMENT.match(line.split(header[1], 1)[0]):
            whole.append(line)
        else:
            broken.add(len(whole) - 1)
    parsed = hl7.parse("\r".join(whole))
    return [Segment(one, broken=place in broken) for place, one in enumerate(parsed)]
