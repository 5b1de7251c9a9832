"""Whatever a worker writes, the judge raises a StudentError in time and continues with a fresh worker."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.sandbox.decoding import AnswerDecoder
from grader.sandbox.source import WorkerSource
from grader.sandbox.student import Student
from grader.sandbox.values import Handle, StudentError, WorkerError
from grader.sandbox.worker.wire import (
    ANSWER,
    CALLBACK,
    HELLO,
    MAX_ANSWER,
    REPLY,
    WireError,
    read_frame,
    write_frame,
)
from grader.sandbox.zygote import Zygote

linux = pytest.mark.skipif(sys.platform != "linux", reason="workers are forked on Linux only")
FORGE = """
import json, os, stat, struct, time
def write(data):
    for number in range(3, 256):
        try: mode = os.fstat(number).st_mode
        except OSError: continue
        if stat.S_ISFIFO(mode):
            try: os.write(number, data)
            except OSError: pass
def frame(header, body=b"", kind=2, length=None):
    length = len(body) if length is None else length
    return struct.pack("<2sBBIQ", b"GW", 1, kind, len(header), length) + header + body
def reply(value): return frame(json.dumps({"value": value, "tensors": []}).encode())
def fine(): return 1
def attack():
    write(BODY)
    time.sleep(9)
"""


def student(zygote: Zygote, body: str) -> Student:
    statement = {"source": FORGE.replace("BODY", body), "cell": 1, "line": 1, "flags": 0}
    return Student(zygote=zygote, source=WorkerSource(statements=[statement]))


@linux
@pytest.mark.parametrize(
    "body",
    [
        "os.urandom(4096)",
        "b'GW' + bytes(14)",
        "frame(b'not json')",
        "frame(b'[]')",
        "frame(b'{}')",
        "frame(b'[' * 100_000)",
        "frame(b'{\"value\":' + b'[' * 900 + b']' * 900 + b',\"tensors\":[]}')",
        "frame(b'{\"value\":' + b'9' * 200_000 + b',\"tensors\":[]}')",
        "frame(b'{}', length=1 << 62)",
        "struct.pack('<2sBBIQ', b'GW', 1, 2, 1 << 31, 0)",
        "frame(b'x' * (3 << 20))",
        "frame(b'{\"tensors\":[]}', kind=1)",
        "frame(b'{\"tensors\":[]}', kind=4)",
        "frame(b'{\"tensors\":[]}', kind=5)",
        'frame(b\'{"tensors":[],"double":1,"event":"forward","args":[],"kwargs":{},"state":{}}\', kind=3)',
        'frame(b\'{"tensors":[],"double":[1]}\', kind=3)',
        'frame(b\'{"tensors":[],"raised":7}\')',
        'frame(b\'{"tensors":[],"raised":{"type":1,"message":2,"cell":"<b>","line":0}}\')',
        "frame(json.dumps({'tensors': [['float32', [1 << 40]]], 'value': {'tensor': 0}}).encode())",
        "reply({'tensor': 0})",
        "reply({'dict': [[1]]})",
        "reply({'dict': 3})",
        "reply({'float': '1e5'})",
        "reply({'handle': 'x', 'type': 3})",
        "reply({'__class__': 'Grade', 'earned': 100})",
    ],
)
def test_a_forged_frame_ends_only_its_worker(zygote: Zygote, body: str) -> None:
    one = student(zygote, body)
    with pytest.raises(StudentError) as error:
        one.call("attack", timeout=10.0)
    assert error.value.type == "Flood"
    assert one.call("fine") == 1
    one.close()


@linux
def test_half_a_frame_ends_at_the_deadline(zygote: Zygote) -> None:
    one = student(zygote, "frame(b'{}', length=1000)[:-1]")
    with pytest.raises(StudentError, match=r"no answer within|malformed"):
        one.call("attack", timeout=1.0)
    assert one.call("fine") == 1
    one.close()


@linux
def test_a_forged_reply_is_an_answer_not_a_verdict(zygote: Zygote) -> None:
    """It arrives as a plain value, to be judged like any other."""
    one = student(zygote, "reply({'dict': [['verdict', 'pass'], ['earned', 100]]})")
    assert one.call("attack", timeout=10.0) == {"verdict": "pass", "earned": 100}
    one.close()


@linux
def test_a_lone_surrogate_is_replaced(zygote: Zygote) -> None:
    """JSON can carry lone surrogates, which UTF-8 cannot encode."""
    one = student(zygote, 'frame(b\'{"value":"a\\\\ud800","tensors":[]}\')')
    assert one.call("attack", timeout=10.0) == "a?"
    one.close()


REQUESTS = [
    {"verb": "call"},
    {"verb": "call", "keep": True},
    {"verb": "load"},
    {"verb": "describe"},
    {"verb": "record"},
    {"verb": "replay"},
    {"verb": "fit"},
    {"verb": "data"},
]


@pytest.mark.parametrize(
    ("request_", "value"),
    [
        ({"verb": "call", "keep": True}, 5),
        ({"verb": "load"}, 7),
        ({"verb": "load"}, ["x"]),
        ({"verb": "load"}, [{"dict": [["type", "x"]]}]),
        ({"verb": "describe"}, {"dict": [["type", "x"], ["arguments", [1]]]}),
        (
            {"verb": "describe"},
            {"dict": [["type", "x"], ["arguments", []], ["parameters", "many"]]},
        ),
        ({"verb": "record"}, {"dict": [["graph", "{}"], ["constants", 1], ["reads", False]]}),
        ({"verb": "record"}, {"dict": [["refused", "so"], ["graph", "{}"]]}),
        ({"verb": "replay"}, {"dict": [["clean", 1], ["base", 1], ["open", 1], ["ways", 1]]}),
        ({"verb": "fit"}, "low"),
    ],
)
def test_an_answer_of_the_wrong_kind_is_refused(request_: dict[str, Any], value: Any) -> None:
    with pytest.raises(WireError):
        AnswerDecoder([], 1).reply({"value": value}, request_)


class _Double:
    def describe(self) -> dict[str, Any]:
        return {}

    def answer(self, event: str, args: Any, kwargs: Any, state: Any) -> Any:
        return state["call"] + 1


def test_calls_of_test_doubles_are_checked() -> None:
    call = {"double": 1, "event": "forward", "args": [], "kwargs": {}, "state": {"call": 1}}
    doubles = {1: _Double()}
    assert AnswerDecoder([], 1).callback(call, doubles).answer() == 2
    for change in (
        {"double": 2},
        {"double": "1"},
        {"event": 3},
        {"args": {}},
        {"kwargs": []},
        {"state": {"call": "1"}},
        {"state": {"call": 1 << 80}},
        {"state": {"unheard": 1}},
        {"state": {}},
        {"event": "backward"},
        {"event": "compare", "args": [1, 2]},
    ):
        with pytest.raises(WireError):
            AnswerDecoder([], 1).callback({**call, **change}, doubles).answer()


FIELDS = [
    *("value", "raised", "tensor", "tuple", "dict", "float", "handle", "type", "message", "cell", "line"),
    *("double", "event", "args", "kwargs", "state", "ours", "x"),
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


def test_a_refused_recording_comes_with_the_numbers_of_weights() -> None:
    value = {"dict": [["refused", "it uses the operator x"], ["weights", 3], ["loose", 1], ["new", 0]]}
    reply = AnswerDecoder([], 1).reply({"value": value}, {"verb": "record"})
    assert reply["value"] == {"refused": "it uses the operator x", "weights": 3, "loose": 1, "new": 0}


@settings(max_examples=1000, deadline=None)
@given(anything, st.sampled_from(REQUESTS))
def test_random_answers_raise_only_protocol_errors(answer: Any, request_: dict[str, Any]) -> None:
    """Decoding gives a value or raises StudentError, WorkerError or WireError."""
    if not isinstance(answer, dict):
        answer = {"value": answer}
    try:
        reply = AnswerDecoder([torch.ones(1)], 1).reply(answer, request_)
    except (WireError, StudentError, WorkerError):
        return
    json.dumps(_plain(reply["value"])).encode()


@settings(max_examples=500, deadline=None)
@given(anything)
def test_random_callbacks_raise_only_protocol_errors(call: Any) -> None:
    if not isinstance(call, dict):
        call = {"double": 1, "event": "forward", "args": [call], "kwargs": {}, "state": {"call": 0}}
    try:
        AnswerDecoder([torch.ones(1)], 1).callback(call, {1: _Double()}).answer()
    except WireError:
        return


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_frame_raises_only_protocol_errors(data: st.DataObject) -> None:
    """A valid frame in which some bytes are replaced, removed or inserted."""
    stream = io.BytesIO()
    tensors = [torch.arange(6.0).reshape(2, 3), torch.ones(2, dtype=torch.bool)]
    kind = data.draw(st.sampled_from([REPLY, CALLBACK, ANSWER, HELLO]))
    write_frame(stream, kind, {"value": [{"tensor": 0}, {"tuple": [1]}]}, tensors)
    frame = bytearray(stream.getvalue())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(frame) - 1))
        frame[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    try:
        _, header, received = read_frame(io.BytesIO(bytes(frame)), 1 << 16, MAX_ANSWER)
        AnswerDecoder(received, 1).reply(header, {"verb": "call"})
    except (WireError, StudentError, WorkerError):
        return


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1))
def test_announced_lengths_are_checked_before_reading(header: int, body: int) -> None:
    """If they exceed this reply's limits, nothing more is read or allocated."""
    stream = io.BytesIO(struct.pack("<2sBBIQ", b"GW", 1, REPLY, header, body) + b"{}")
    with pytest.raises(WireError):
        read_frame(stream, max_body=100, max_header=100)
    assert stream.tell() <= 18


@pytest.mark.slow
def test_fuzzed_frames_raise_only_protocol_errors(tmp_path: Path) -> None:
    """The fuzzer is guided by the lines that each input reaches."""
    pytest.importorskip("atheris", reason="atheris, which is for Linux only, is not installed")
    ran = subprocess.run(
        [sys.executable, Path(__file__).with_name("fuzz_frames.py"), tmp_path, "-atheris_runs=100000"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert "Done 100000" in ran.stderr
    assert len(list(tmp_path.iterdir())) > 10  # it reached more than the first check


def _plain(value: Any) -> Any:
    match value:
        case dict():
            return [[_plain(key), _plain(item)] for key, item in value.items()]
        case list() | tuple():
            return [_plain(item) for item in value]
        case torch.Tensor() | Handle():
            return str(value)
    return value
