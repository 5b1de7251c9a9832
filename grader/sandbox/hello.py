"""The first message of a worker: the sandbox layers that it has locked itself into."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from grader.errors import SandboxError
from grader.sandbox.connection import WorkerConnection
from grader.sandbox.waiting import Tell, wait_until_readable


def read_hello(
    connection: WorkerConnection, wanted: Sequence[str], pids: Sequence[int], seconds: float, tell: Tell
) -> tuple[str, ...]:
    """Wait until a worker reports its layers; one without any of the wanted ones is not used.

    Args:
        pids: the processes that it needs besides itself.
        seconds: the most to wait.
        tell: see ``wait_until_readable``.

    Raises:
        OSError: it ended, was stopped, or did not answer in time.
        SandboxError: a layer could not be applied.
    """
    from grader.sandbox.worker.wire import HELLO, WireError, read_frame

    timer = threading.Timer(seconds, connection.kill)
    timer.start()
    try:
        if connection.pid:
            all_pids = (*pids, connection.pid)
            wait_until_readable(connection.replies.fileno(), lambda: all_pids, seconds, tell)
        kind, hello, _ = read_frame(connection.replies, max_body=0, max_header=1 << 12)
    except WireError as error:
        raise OSError("the worker ended") from error
    finally:
        timer.cancel()
    if kind != HELLO or "failed" in hello:
        what, why = hello.get("failed"), hello.get("why")
        raise SandboxError(f"sandbox layer {what!r} could not be applied to the worker: {why}")
    if (layers := tuple(hello.get("layers", ()))) != tuple(wanted):
        raise SandboxError(f"the worker reports the sandbox layers {layers}, not {tuple(wanted)}")
    return layers
