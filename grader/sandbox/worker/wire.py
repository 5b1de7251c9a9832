"""Message framing between judge and worker: a fixed head, a JSON header, raw tensor bytes.

::

    0      2        3     4               8             16
    "GW"   version  kind  header length   body length   header (JSON, UTF-8)   body (tensors)

The head's integers are little-endian. The header's ``tensors`` lists ``[dtype, shape]`` of each tensor; the
body is their bytes, contiguous and little-endian, one tensor after another.

The judge reads frames from a process that runs untrusted code. So nothing is unpickled, the lengths in the
head are checked before anything is allocated, and shapes must account for the body's length exactly.
"""

from __future__ import annotations

import json
import math
import struct
from typing import Any, BinaryIO

import torch
from torch import Tensor

REQUEST, REPLY, CALLBACK, ANSWER, HELLO = range(1, 6)

MAX_HEADER = 4 << 20  # the largest header holds a notebook's statements, which are limited to 2 MB
MAX_ANSWER = 1 << 20  # for a header from a worker; parsed JSON takes some thirty times as much memory
MAX_BODY = 256 << 20
MAX_TENSORS = 256
_SMALL = 1 << 16  # a pipe's capacity: up to here, one write of a copy wakes the reader only once
MAX_DIMENSIONS = 8

_HEAD = struct.Struct("<2sBBIQ")
_MAGIC, _VERSION = b"GW", 1
FRAME_DTYPES = (
    torch.bool,
    torch.uint8,
    torch.int8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.float16,
    torch.bfloat16,
    torch.float32,
    torch.float64,
)
_DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in FRAME_DTYPES}


class WireError(Exception):
    """The bytes received are not a frame within the agreed limits."""


class Closed(WireError):
    """The other side has closed its end."""


def write_frame(stream: BinaryIO, kind: int, header: dict[str, Any], tensors: list[Tensor]) -> None:
    """Send one frame.

    Raises:
        WireError: the frame is larger than the receiver accepts.
        Closed: the other side has closed its end.
    """
    bodies = [_raw(tensor) for tensor in tensors]
    layout = [[str(tensor.dtype).removeprefix("torch."), list(tensor.shape)] for tensor in tensors]
    text = json.dumps({**header, "tensors": layout}, allow_nan=False).encode()
    length = sum(len(body) for body in bodies)
    if len(text) > MAX_HEADER or length > MAX_BODY or len(tensors) > MAX_TENSORS:
        raise WireError(
            f"a frame of {len(text) + length:,} bytes and {len(tensors)} tensors is too large to send"
        )
    parts: list[bytes | memoryview[int]] = [
        _HEAD.pack(_MAGIC, _VERSION, kind, len(text), length),
        text,
        *bodies,
    ]
    if len(text) + length <= _SMALL:
        parts = [b"".join(parts)]
    try:
        for part in parts:
            _write_all(stream, part)
    except (BrokenPipeError, ConnectionError, ValueError) as error:
        raise Closed("the other side has closed the pipe") from error


def read_frame(
    stream: BinaryIO, max_body: int = MAX_BODY, max_header: int = MAX_HEADER
) -> tuple[int, dict[str, Any], list[Tensor]]:
    """Receive one frame, and return its kind, header and tensors.

    Args:
        stream: unbuffered binary stream.
        max_body, max_header: limits in bytes; a frame that exceeds them is rejected before it is read.

    Raises:
        WireError: the frame is malformed or too large. The stream is out of step and cannot be used any more.
        Closed: the other side has closed its end.
    """
    magic, version, kind, header_length, body_length = _HEAD.unpack(_read_exactly(stream, _HEAD.size))
    if magic != _MAGIC or version != _VERSION or not REQUEST <= kind <= HELLO:
        raise WireError("the head is malformed")
    if header_length > min(max_header, MAX_HEADER) or body_length > min(max_body, MAX_BODY):
        raise WireError(f"a frame of {header_length + body_length:,} bytes exceeds the limit")
    header = _parse(_read_exactly(stream, header_length))
    layout = header.pop("tensors", None)
    shapes = _checked_layout(layout, body_length)
    return kind, header, _split(_read_exactly(stream, body_length), shapes)


def _parse(text: bytearray) -> dict[str, Any]:
    try:
        header = json.loads(text.decode(), parse_constant=_reject_constant)
    except (ValueError, RecursionError) as error:  # an integer of 5,000 digits raises ValueError as well
        raise WireError("the header is not JSON") from error
    if not isinstance(header, dict):
        raise WireError("the header is not a JSON object")
    return header


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")  # Python's parser accepts NaN and Infinity


def _checked_layout(layout: object, body_length: int) -> list[tuple[torch.dtype, list[int]]]:
    if not isinstance(layout, list) or len(layout) > MAX_TENSORS:
        raise WireError("the list of tensors is malformed")
    shapes, total = [], 0
    for entry in layout:
        match entry:
            case [str(name), list(shape)] if name in _DTYPES and len(shape) <= MAX_DIMENSIONS:
                # A bool is an int to isinstance. Zeros count as 1 in the product: [0, 2**28, 2**28] has no
                # elements, but torch cannot represent its strides.
                sizes_are_valid = all(type(size) is int and 0 <= size <= MAX_BODY for size in shape)
                if not sizes_are_valid or math.prod(max(size, 1) for size in shape) > MAX_BODY:
                    raise WireError("a tensor's shape is malformed")
                total += math.prod(shape) * _DTYPES[name].itemsize
                shapes.append((_DTYPES[name], shape))
            case _:
                raise WireError("a tensor's description is malformed")
    if total != body_length:
        raise WireError("the tensors do not match the length of the body")
    return shapes


def _split(body: bytearray, shapes: list[tuple[torch.dtype, list[int]]]) -> list[Tensor]:
    tensors, start = [], 0
    for dtype, shape in shapes:
        length = math.prod(shape) * dtype.itemsize
        tensors.append(_tensor(body, start, length, dtype).reshape(shape))
        start += length
    return tensors


def _tensor(body: bytearray, start: int, length: int, dtype: torch.dtype) -> Tensor:
    if not length:
        return torch.empty(0, dtype=dtype)
    raw = torch.frombuffer(body, dtype=torch.uint8, offset=start, count=length)
    if dtype is torch.bool:
        return raw.ne(0)  # a bool with byte value 2 would be undefined behaviour
    return raw.clone().view(dtype)  # the clone is aligned, and does not keep the whole body alive


def _raw(tensor: Tensor) -> memoryview[int]:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return memoryview(flat.view(torch.uint8).numpy().data) if flat.numel() else memoryview(b"")


def _write_all(stream: BinaryIO, data: bytes | memoryview[int]) -> None:
    view = memoryview(data)
    while view:
        view = view[stream.write(view) :]


def _read_exactly(stream: BinaryIO, length: int) -> bytearray:
    data = bytearray(length)
    view = memoryview(data)
    while view:
        count = stream.readinto(view)  # type: ignore[attr-defined]
        if not count:
            raise Closed("the other side has closed the pipe")
        view = view[count:]
    return data
