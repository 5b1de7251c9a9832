"""A frame can be read back, and a malformed one raises WireError and nothing else."""

from __future__ import annotations

import io
import json
import struct

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.sandbox.worker.wire import REPLY, Closed, WireError, read_frame, write_frame

HEAD = struct.Struct("<2sBBIQ")


def _frame(
    header: bytes, body: bytes = b"", *, magic: bytes = b"GW", kind: int = REPLY, length: int | None = None
) -> io.BytesIO:
    head = HEAD.pack(magic, 1, kind, len(header) if length is None else length, len(body))
    return io.BytesIO(head + header + body)


def test_a_frame_survives_the_round_trip() -> None:
    stream = io.BytesIO()
    tensors = [torch.arange(6.0).reshape(2, 3), torch.tensor(True), torch.empty(0, 2, dtype=torch.int64)]
    write_frame(stream, REPLY, {"value": [1, "ä"]}, tensors)
    stream.seek(0)
    kind, header, back = read_frame(stream)
    assert (kind, header) == (REPLY, {"value": [1, "ä"]})
    assert all(torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(tensors, back, strict=True))


@pytest.mark.parametrize(
    "header",
    [
        b"not json",
        b"[]",
        b"{}",
        b'{"tensors": 3}',
        b'{"tensors": [["float32", [-1]]]}',
        b'{"tensors": [["float32", [1e3]]]}',
        b'{"tensors": [["float32", [true]]]}',
        b'{"tensors": [["object", [1]]]}',
        b'{"tensors": [["float32", [1]]]}',
        b'{"tensors": [["float32", [0, 99999999999999999999]]]}',
        b'{"tensors": [["uint8", [0, 268435456, 268435456, 268435456]]]}',
        b'{"tensors": [["uint8", [1,1,1,1,1,1,1,1,1]]]}',
        b'{"tensors": [], "x": NaN}',
        b'{"x": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"tensors": ' + json.dumps([["uint8", [0]]] * 300).encode() + b"}",
        b"\xff\xfe",
    ],
)
def test_a_malformed_header_is_rejected(header: bytes) -> None:
    with pytest.raises(WireError):
        read_frame(_frame(header))


def test_a_length_beyond_the_limit_is_rejected_before_anything_is_read() -> None:
    """So nothing is allocated for a frame that only claims to be huge."""
    with pytest.raises(WireError, match="exceeds the limit"):
        read_frame(_frame(b"", length=2**32 - 1))
    huge = io.BytesIO(HEAD.pack(b"GW", 1, REPLY, 2, 2**62) + b"{}")
    with pytest.raises(WireError, match="exceeds the limit"):
        read_frame(huge)
    with pytest.raises(WireError, match="exceeds the limit"):
        read_frame(_frame(b'{"tensors": [["uint8", [9]]]}', b"123456789"), max_body=8)


def test_an_incomplete_head_means_closed_and_a_wrong_magic_is_rejected() -> None:
    with pytest.raises(Closed):
        read_frame(io.BytesIO(b"GW\x01"))
    with pytest.raises(WireError):
        read_frame(_frame(b"{}", magic=b"PK"))


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_raise_only_wire_errors(noise: bytes) -> None:
    with pytest.raises(WireError):
        read_frame(io.BytesIO(noise))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("float32"),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=500, deadline=None)
@given(json_values, st.binary(max_size=40))
def test_random_layouts_raise_only_wire_errors(layout: object, body: bytes) -> None:
    """Either the tensors fill the body exactly, or the frame is rejected."""
    header = json.dumps({"tensors": layout}).encode()
    try:
        _, _, tensors = read_frame(_frame(header, body))
    except WireError:
        return
    assert sum(tensor.nbytes for tensor in tensors) == len(body)
