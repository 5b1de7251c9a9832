"""The worker's entry point: a warm process that has imported torch, and forks one child for each set of
questions.

Run as a script by ``grader.sandbox.launch``, isolated (``-I -S``): it sees the standard library, the site-
packages given on its command line, and this folder as the package ``worker``. Where fork is not to be had, it
serves once.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import signal
import socket
import sys
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "--control", type=int, help="socket on which children are asked for; serve once if absent"
    )
    parser.add_argument("--scratch", required=True)
    parser.add_argument("--hidden", nargs="*", default=[])
    parser.add_argument("--path", nargs="*", default=[])
    options = parser.parse_args()
    sys.argv[:] = [""]
    sys.path.extend(options.path)
    _import_package()
    colab = importlib.import_module("worker.colab")
    colab.quiet_environment(options.scratch)
    os.chdir(options.scratch)
    sys.meta_path.insert(0, importlib.import_module("worker.standins").Finder(options.hidden))
    _warm_up()
    if options.control is None:
        _serve_once()
    else:
        _serve_children(socket.socket(fileno=options.control))


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


def _warm_up() -> None:
    """Import what every child needs, with one thread: a pool of more would hang the children (libgomp)."""
    import torch

    importlib.import_module("worker.serve")
    colab = importlib.import_module("worker.colab")
    colab.plain_progress_bars()
    colab.take_old_arguments()
    torch.set_num_threads(1)
    torch.backends.cpu.get_cpu_capability()  # it reads /proc, which a walled child may not see
    torch.optim.Adam([torch.empty(1, requires_grad=True)])  # its constructor imports torch._dynamo, 2 s
    convolution = torch.nn.Conv2d(1, 1, 3)
    convolution(torch.zeros(1, 1, 8, 8)).sum().backward()


def _serve_once() -> None:
    """Serve over what were standard input and output, which student code gets no hold of."""
    requests, replies = os.dup(0), os.dup(1)
    _child(requests, replies)


def _serve_children(control: socket.socket) -> None:
    """Fork a child for each pair of pipes that arrives; when the judge hangs up, end with all of them."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 2)
        _reap()
        if not message:
            os.killpg(0, signal.SIGKILL)
        requests, replies = descriptors
        child = os.fork()
        if child == 0:
            control.close()
            try:
                _child(requests, replies)
            finally:
                os._exit(0)
        handle = os.pidfd_open(child)
        socket.send_fds(control, [str(child).encode()], [handle])
        for descriptor in (handle, requests, replies):
            os.close(descriptor)


def _reap() -> None:
    """Collect children that have ended. Not when they end: their descriptors must name them until then."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _child(requests: int, replies: int) -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    serve = importlib.import_module("worker.serve").serve
    with open(requests, "rb", buffering=0) as incoming, open(replies, "wb", buffering=0) as outgoing:
        serve(incoming, outgoing)


if __name__ == "__main__":
    main()
