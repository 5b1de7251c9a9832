"""Names of zip members, which archives hold as bytes in an encoding that few of them give.

Sources: PKWARE's APPNOTE 4.4.4 (bit 11: the name is UTF-8) and 4.6.9 (0x7075, the Info-ZIP Unicode Path
extra field). Without either, macOS and many libraries write UTF-8 all the same, and Windows writes the code
page of its language.
"""

from __future__ import annotations

import codecs
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from zipfile import ZipInfo

from grader.errors import UsageError

DEFAULT = "cp437"  # what the specification says
_UTF8_FLAG = 0x800
_UNICODE_PATH = 0x7075
_DOUBLE_BYTE = re.compile(rb"[\x81-\x9f\xe0-\xfc]\\")  # a letter whose second byte is that of a backslash


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberNames:
    """The names of all members of an archive.

    Attributes:
        names: the name of each member, with "/" between folders.
        guessed: a name with letters whose encoding nothing told; "" if there is none.
    """

    names: tuple[str, ...]
    guessed: str = ""


def check_encoding(name: str) -> str:
    """Return an encoding by the name that Python calls it.

    Raises:
        UsageError: there is no such text encoding.
    """
    try:
        found = codecs.lookup(name)
        "".encode(name)  # fails for those that are no encodings of text, such as base64
    except (LookupError, ValueError) as error:
        raise UsageError(
            f"--zip-names takes an encoding such as utf-8, gbk, shift-jis or cp850, not {name!r}"
        ) from error
    return found.name


def member_names(members: Sequence[ZipInfo], encoding: str | None) -> MemberNames:
    """Return the members' names.

    Args:
        encoding: that of names whose encoding the archive does not give, unless all of them are UTF-8.
    """
    given = [_given_name(member) for member in members]
    raw = [_bytes(member) for member in members]
    unknown = [name for name, known in zip(raw, given, strict=True) if known is None and not name.isascii()]
    candidates = ["utf-8"] if all(map(_is_utf8, unknown)) else [encoding] if encoding else []
    names, guessed = [], ""
    for name, known in zip(raw, given, strict=True):
        text = known if known is not None else _decode(name, candidates)
        if text is None:
            names.append(_guess(name))
            guessed = guessed or names[-1]
        else:
            names.append(text.partition("\0")[0].replace("\\", "/"))  # Windows's separators
    return MemberNames(names=tuple(names), guessed=guessed)


def _bytes(member: ZipInfo) -> bytes:
    """Return the name as the archive holds it; zipfile has decoded it as UTF-8 or as CP437."""
    flagged = bool(member.flag_bits & _UTF8_FLAG)
    return member.orig_filename.encode("utf-8" if flagged else "cp437", errors="replace")


def _given_name(member: ZipInfo) -> str | None:
    """Return the name if the archive gives its encoding, or needs none."""
    raw = _bytes(member)
    if raw.isascii():
        return raw.decode()
    if member.flag_bits & _UTF8_FLAG:
        return raw.decode("utf-8", errors="replace")
    for kind, data in _extra_fields(member.extra):
        if kind == _UNICODE_PATH and len(data) > 5:
            version, checksum = struct.unpack("<BL", data[:5])
            if version == 1 and checksum == zlib.crc32(raw) and _is_utf8(data[5:]):
                return data[5:].decode()
    return None


def _extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    while len(extra) >= 4:
        kind, length = struct.unpack("<HH", extra[:4])
        yield kind, extra[4 : 4 + length]
        extra = extra[4 + length :]


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _decode(name: bytes, encodings: Sequence[str]) -> str | None:
    """Return the name in the first encoding that it is valid in; None if there is none."""
    for encoding in encodings:
        try:
            return name.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _guess(name: bytes) -> str:
    """Return a name in an unknown encoding as the specification says.

    In Shift-JIS, GBK and Big5 the second byte of a letter may be that of a backslash, which must not be
    taken for a separator.
    """
    text = name.partition(b"\0")[0].decode(DEFAULT)
    if _DOUBLE_BYTE.search(name):
        text = re.sub(r"(?<=[^\x00-\x7f])\\", "_", text)
    return text.replace("\\", "/")
