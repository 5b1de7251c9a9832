"""The worker's entry point: a warm process that has imported torch, and forks one child for each set of
questions. Each child walls itself in before it is sent anything.

Run as a script by ``grader.sandbox.zygote``, isolated (``-I -S``): it sees the standard library, the site-
packages given on its command line, and this folder as the package ``worker``. Where fork is not to be had, it
serves once. With ``--self-test`` it only says which walls can be had here, without importing torch.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import importlib.util
import json
import os
import signal
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

MAX_MESSAGE = 1 << 16


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--control", type=int, help="socket on which children are asked for")
    parser.add_argument("--policy", type=json.loads, help="serve once, behind these walls")
    parser.add_argument(
        "--self-test", nargs="*", metavar="LAYER", help="try out walls, and print what came up"
    )
    parser.add_argument("--scratch", required=True)
    parser.add_argument("--hidden", nargs="*", default=[], help="names that cannot be imported")
    parser.add_argument("--secret", nargs="*", default=[], help="folders that cannot be read")
    parser.add_argument("--path", nargs="*", default=[], help="site-packages")
    parser.add_argument("--preload", nargs="*", default=[], help="modules that all children will want")
    options = parser.parse_args()
    sys.argv[:] = [""]
    sys.path.extend(options.path)
    sys.dont_write_bytecode = True
    _import_package()
    if options.self_test is not None:
        _self_test(options)
        return
    colab = importlib.import_module("worker.colab")
    colab.quiet_environment(options.scratch)
    os.chdir(options.scratch)
    sys.meta_path.insert(0, importlib.import_module("worker.standins").StandInFinder(options.hidden))
    _warm_up(options.preload)
    if options.control is None:
        _serve_once(options.policy)
    else:
        _serve_children(socket.socket(fileno=options.control), _readable(options))


def _import_package() -> None:
    """Make this folder importable as ``worker`` without putting its parent on the path."""
    folder = Path(__file__).parent
    spec = importlib.util.spec_from_file_location(
        "worker", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["worker"] = package
    spec.loader.exec_module(package)


def _self_test(options: argparse.Namespace) -> None:
    run_self_test = importlib.import_module("worker.walls.self_test").run_self_test
    print(json.dumps(run_self_test(Path(options.scratch), options.self_test, _readable(options))))


def _readable(options: argparse.Namespace) -> list[str]:
    found: list[str] = importlib.import_module("worker.walls").readable_paths(options.path, options.secret)
    return found


def _warm_up(preload: list[str]) -> None:
    """Import what every child needs, with one thread: a pool of more would hang the children (libgomp)."""
    import torch

    importlib.import_module("worker.serve")
    colab = importlib.import_module("worker.colab")
    colab.plain_progress_bars()
    colab.take_old_arguments()
    torch.set_num_threads(1)
    torch.backends.cpu.get_cpu_capability()  # it reads /proc, which a walled child may not see
    torch.optim.Adam([torch.empty(1, requires_grad=True)])  # its constructor imports torch._dynamo, 2 s
    with torch.no_grad():  # a backward pass would start the threads and the driver of any GPU there is
        torch.nn.Conv2d(1, 1, 3)(torch.zeros(1, 1, 8, 8))
    for name in preload:
        with contextlib.suppress(ImportError):  # then the student's own import says so
            importlib.import_module(name)


def _serve_once(policy: dict[str, Any]) -> None:
    """Serve over what were standard input and output, which student code gets no hold of."""
    requests, replies = os.dup(0), os.dup(1)
    _child(requests, replies, policy)


def _serve_children(control: socket.socket, readable: list[str]) -> None:
    """Fork a child for each pair of pipes that arrives; when the judge hangs up, end with all of them.

    What arrives with a socket instead is another judge's: a child of its own serves it in the same way, and
    there is no answer.
    """
    if sys.platform == "linux":
        importlib.import_module("worker.walls.seccomp")  # and what else a child needs to wall itself in
        importlib.import_module("worker.walls.landlock")
    gc.collect()
    gc.freeze()  # so that a child's collector does not copy what it shares with this process
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, MAX_MESSAGE, 2)
        _reap()
        if not message:
            os.killpg(0, signal.SIGKILL)
        policy = json.loads(message)
        child = os.fork()
        if child == 0:
            control.close()
            try:
                if policy.get("branch"):
                    os.setsid()
                    _serve_children(socket.socket(fileno=descriptors[0]), readable)
                requests, replies = descriptors
                _child(requests, replies, {**policy, "readable": readable})
            finally:
                os._exit(0)
        if not policy.get("branch"):
            handle = os.pidfd_open(child)
            socket.send_fds(control, [str(child).encode()], [handle])
            os.close(handle)
        for descriptor in descriptors:
            os.close(descriptor)


def _reap() -> None:
    """Collect children that have ended. Not when they end: their descriptors must name them until then."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _child(requests: int, replies: int, policy: dict[str, Any]) -> None:
    """Wall this process in, say so, and serve; where a wall fails, say that and end."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    importlib.import_module("worker.colab").quiet_environment(policy["scratch"])
    os.chdir(policy["scratch"])
    tempfile.tempdir = None  # what was looked up before belongs to another folder
    first_gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    os.environ["CUDA_VISIBLE_DEVICES"] = first_gpu if policy["gpu"] else ""
    hello = _walled(policy, requests, replies)
    wire, serve = importlib.import_module("worker.wire"), importlib.import_module("worker.serve").serve
    with open(requests, "rb", buffering=0) as incoming, open(replies, "wb", buffering=0) as outgoing:
        wire.write_frame(outgoing, wire.HELLO, hello, [])
        if "failed" not in hello:
            serve(incoming, outgoing)


def _walled(policy: dict[str, Any], requests: int, replies: int) -> dict[str, Any]:
    walls, system = importlib.import_module("worker.walls"), importlib.import_module("worker.walls.system")
    try:
        start_driver = importlib.import_module("worker.gpu").start if policy["gpu"] else lambda: None
        walls.apply_layers(walls.Policy(**policy), (requests, replies), start_driver)
    except system.LayerError as error:
        return {"failed": error.layer, "why": str(error)}
    except Exception as error:  # whatever it is, nothing may be graded behind a wall that is not up
        return {"failed": "walls", "why": f"{type(error).__name__}: {error}"}
    return {"layers": list(policy["layers"])}


if __name__ == "__main__":
    main()
