"""The worker's entry point: a warm process that has imported torch and forks workers on request.

Importing torch takes seconds, a fork milliseconds. Each worker locks itself into the sandbox before it is
sent any student code.

``grader.sandbox.zygote`` runs this file as a script, isolated (``-I -S``): it sees the standard library,
the site-packages given on its command line, and this folder as the package ``worker``. Where processes
cannot be forked, it serves once. With ``--self-test`` it only reports which sandbox layers work here, without
importing torch.
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
    parser.add_argument("--control", type=int, help="socket on which workers are requested")
    parser.add_argument("--policy", type=json.loads, help="serve once, under this sandbox policy")
    parser.add_argument(
        "--self-test", nargs="*", metavar="LAYER", help="try out layers, and print which work"
    )
    parser.add_argument("--scratch", required=True)
    parser.add_argument("--hidden", nargs="*", default=[], help="packages that cannot be imported")
    parser.add_argument("--secret", nargs="*", default=[], help="folders that cannot be read")
    parser.add_argument("--path", nargs="*", default=[], help="site-packages")
    parser.add_argument("--preload", nargs="*", default=[], help="modules that most workers will import")
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
    sys.meta_path.insert(0, importlib.import_module("worker.stubs").StubFinder(options.hidden))
    _warm_up(options.preload)
    if options.control is None:
        _serve_once(options.policy)
    else:
        _serve_workers(socket.socket(fileno=options.control), _readable(options))


def _import_package() -> None:
    """Make this folder importable as ``worker`` without putting its parent, the grader, on the path."""
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
    """Import and initialise what every worker needs, without starting a thread.

    Fork copies only the calling thread. OpenMP's pool would exist in the workers with its threads missing,
    and they would wait for it for ever; so torch computes with one thread here.
    """
    import torch

    importlib.import_module("worker.serve")
    colab = importlib.import_module("worker.colab")
    colab.use_plain_progress_bars()
    colab.accept_verbose()
    torch.set_num_threads(1)
    torch.backends.cpu.get_cpu_capability()  # reads /proc, which a sandboxed worker may not see
    torch.optim.Adam([torch.empty(1, requires_grad=True)])  # its constructor imports torch._dynamo, 2 s
    with torch.no_grad():  # backward would start autograd's threads, and the driver of any GPU
        torch.nn.Conv2d(1, 1, 3)(torch.zeros(1, 1, 8, 8))
    for name in preload:
        with contextlib.suppress(ImportError):  # the student's own import will report it
            importlib.import_module(name)


def _serve_once(policy: dict[str, Any]) -> None:
    """Serve over the process's standard input and output, which student code then cannot reach."""
    requests, replies = os.dup(0), os.dup(1)
    _run_worker(requests, replies, policy)


def _serve_workers(control: socket.socket, readable: list[str]) -> None:
    """Fork a worker for each message on the socket; when the judge closes it, kill all of them and exit.

    A message is the worker's policy, with the two pipes as file descriptors (SCM_RIGHTS). The answer is the
    worker's process id and a pidfd. A message with ``"ended"`` asks for the exit code of a worker that has
    ended, negative for a signal. A message with ``"branch"`` brings a socket instead: a child of its own
    serves that in the same way, for another judge. There is no answer here; that socket gets the child's
    process id.
    """
    if sys.platform == "linux":
        # Imported before the fork, since a worker cannot read these files once it is sandboxed.
        importlib.import_module("worker.walls.seccomp")
        importlib.import_module("worker.walls.landlock")
    # Fork shares memory pages until they are written to. Frozen objects are left out of garbage collection,
    # which would write to the header of every object, and so copy every page in every worker.
    gc.collect()
    gc.freeze()
    ended: dict[int, int] = {}  # exit codes by process id
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, MAX_MESSAGE, 2)
        _reap(ended)
        if not message:
            os.killpg(0, signal.SIGKILL)
        policy = json.loads(message)
        if "ended" in policy:
            control.send(str(ended.pop(policy["ended"], 0)).encode())
            continue
        child = os.fork()
        if child == 0:
            control.close()
            try:
                if policy.get("branch"):
                    os.setsid()
                    _serve_workers(socket.socket(fileno=descriptors[0]), readable)
                requests, replies = descriptors
                _run_worker(requests, replies, {**policy, "readable": readable})
            finally:
                os._exit(0)  # without the exit handlers and buffers inherited from the parent
        if policy.get("branch"):
            with contextlib.suppress(OSError):  # whoever asked for it is gone
                os.write(descriptors[0], str(child).encode())
        else:
            pidfd = os.pidfd_open(child)
            socket.send_fds(control, [str(child).encode()], [pidfd])
            os.close(pidfd)
        for descriptor in descriptors:
            os.close(descriptor)


def _reap(ended: dict[int, int]) -> None:
    """Collect children that have exited.

    Called with the next message rather than on SIGCHLD: as long as a child is a zombie its process id is not
    given to another process, so that ``pidfd_open`` above cannot name the wrong one.
    """
    try:
        while (child := os.waitpid(-1, os.WNOHANG))[0]:
            ended[child[0]] = os.waitstatus_to_exitcode(child[1])
    except ChildProcessError:
        return


def _run_worker(requests: int, replies: int, policy: dict[str, Any]) -> None:
    """Sandbox this process, send the hello, and serve; if a layer fails, say so and return."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    importlib.import_module("worker.colab").quiet_environment(policy["scratch"])
    os.chdir(policy["scratch"])
    tempfile.tempdir = None  # cached from another folder
    first_gpu = os.environ.get("CUDA_VISIBLE_DEVICES", "0").partition(",")[0]
    os.environ["CUDA_VISIBLE_DEVICES"] = first_gpu if policy["gpu"] else ""
    hello = _sandboxed(policy, requests, replies)
    wire, serve = importlib.import_module("worker.wire"), importlib.import_module("worker.serve").serve
    with open(requests, "rb", buffering=0) as incoming, open(replies, "wb", buffering=0) as outgoing:
        wire.write_frame(outgoing, wire.HELLO, hello, [])
        if "failed" not in hello:
            serve(incoming, outgoing)


def _sandboxed(policy: dict[str, Any], requests: int, replies: int) -> dict[str, Any]:
    """Lock this process into its sandbox layers, and return the hello message."""
    walls, system = importlib.import_module("worker.walls"), importlib.import_module("worker.walls.system")
    try:
        start_driver = importlib.import_module("worker.gpu").start if policy["gpu"] else lambda: None
        walls.apply_layers(walls.Policy(**policy), (requests, replies), start_driver)
    except system.LayerError as error:
        return {"failed": error.layer, "why": str(error)}
    except Exception as error:  # whatever went wrong, no student code may run without the sandbox
        return {"failed": "walls", "why": f"{type(error).__name__}: {error}"}
    return {"layers": list(policy["layers"])}


if __name__ == "__main__":
    main()
