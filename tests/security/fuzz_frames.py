"""Fuzz the frame decoder with atheris: ``fuzz_frames.py FOLDER -atheris_runs=N``.

FOLDER collects the inputs that reached new code. Fails on any exception other than those of the protocol.
"""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path

import atheris
import torch

with atheris.instrument_imports(include=["grader"]):
    from grader.sandbox.decoding import AnswerDecoder
    from grader.sandbox.values import StudentError, WorkerError
    from grader.sandbox.worker.wire import MAX_ANSWER, REPLY, WireError, read_frame, write_frame

_MAX_BODY = 1 << 16


def main() -> None:
    stream = io.BytesIO()
    tensors = [torch.arange(6.0).reshape(2, 3), torch.ones(2, dtype=torch.bool)]
    write_frame(stream, REPLY, {"value": [{"tensor": 0}, {"tuple": [1, {"float": "nan"}]}]}, tensors)
    frame = stream.getvalue()
    (Path(sys.argv[1]) / "frame").write_bytes(b"\0" + frame)
    (Path(sys.argv[1]) / "header").write_bytes(b"\1" + frame[18 : -sum(t.nbytes for t in tensors)])
    atheris.Setup(sys.argv, _decode)
    atheris.Fuzz()


def _decode(data: bytes) -> None:
    """Decode ``data`` as a whole frame if its first byte is 0, else as the header of a valid frame."""
    kind, data = data[:1], data[1:]
    if kind != b"\0":
        data = struct.pack("<2sBBIQ", b"GW", 1, REPLY, len(data), 26) + data + bytes(26)
    try:
        _, header, received = read_frame(io.BytesIO(data), _MAX_BODY, MAX_ANSWER)
        AnswerDecoder(received, 1).reply(header, {"verb": "call"})
    except (WireError, StudentError, WorkerError):
        return


if __name__ == "__main__":
    main()
