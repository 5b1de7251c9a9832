"""The self-test notices a missing layer, and without strong isolation several notebooks are refused."""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from grader.commands import doctor
from grader.errors import UsageError
from grader.sandbox import worker_process
from grader.sandbox.isolation import Isolation, IsolationLevel, measure, required_isolation
from grader.sandbox.worker.walls import ALL_LAYERS, LAYERS

HERE = Path(__file__).parent
ALICE = HERE.parents[1] / "submissions" / "alice.ipynb"
GRADE = str(Path(sys.executable).with_name("grade"))

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="sandbox layers are for Linux")


@pytest.fixture(scope="module")
def strong() -> Isolation:
    """This machine's isolation, from which the tests remove layers."""
    isolation = measure()
    if isolation.level is not IsolationLevel.STRONG:
        pytest.skip(f"this machine's isolation is {isolation.level}: {dict(isolation.missing)}")
    return isolation


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)),
        cwd=folder,
        env=os.environ | {"NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def without_landlock(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return run(sys.executable, HERE / "old_kernel.py", *command, folder=folder)


def test_all_layers_together_have_no_breach(strong: Isolation) -> None:
    assert set(LAYERS) <= set(strong.layers) <= set(ALL_LAYERS)
    assert strong.breaches == ()
    assert set(strong.missing) <= {"namespaces"}


@pytest.mark.parametrize("layer", LAYERS)
def test_a_missing_layer_is_noticed(strong: Isolation, layer: str) -> None:
    """The probe succeeds at something, so the layer is not only missing from a list."""
    if layer == "capabilities" and os.geteuid():
        pytest.skip("an ordinary user has no capabilities")
    isolation = measure([other for other in strong.layers if other != layer])
    assert isolation.breaches
    assert isolation.level is not IsolationLevel.STRONG
    assert layer in isolation.missing


def test_namespaces_are_optional(strong: Isolation, tmp_path: Path) -> None:
    """Where they cannot be created, as in most containers, isolation is strong and the doctor says why."""
    ran = run(sys.executable, HERE / "old_kernel.py", "--no-namespaces", GRADE, "doctor", folder=tmp_path)
    output = " ".join(ran.stdout.split())
    assert ran.returncode == 0, ran.stdout
    assert "sandbox strong" in output
    assert (
        "namespaces not available, and not required: the kernel refused them (Operation not permitted)"
        in output
    )
    assert "Suggested fixes" not in output


def test_namespaces_that_were_not_entered_are_noticed(strong: Isolation, tmp_path: Path) -> None:
    """A layer that reports success without effect is a breach."""
    if "namespaces" not in strong.layers:
        pytest.skip(f"this machine does not allow any: {strong.missing['namespaces']}")
    code = """
import sys
from pathlib import Path
from grader.sandbox.worker.walls import ALL_LAYERS, namespaces, readable_paths, self_test
if sys.argv[2] == "pretend": namespaces.enter = lambda: None
print(self_test.run_self_test(Path(sys.argv[1]), ALL_LAYERS, readable_paths([], []))["breaches"])
"""
    breaches = {}
    for how in ("really", "pretend"):
        (tmp_path / how).mkdir()
        start = f"import sys; sys.path.insert(0, {str(HERE.parents[1])!r})\n"  # -I drops PYTHONPATH
        ran = run(sys.executable, "-I", "-c", start + code, tmp_path / how, how, folder=tmp_path)
        breaches[how] = ran.stdout.strip() or ran.stderr
    assert "share a namespace with its parent" not in breaches["really"]
    assert "share a namespace with its parent" in breaches["pretend"]


def test_a_breach_is_not_strong_even_with_every_layer() -> None:
    assert Isolation(layers=LAYERS).level is IsolationLevel.STRONG
    assert Isolation(layers=LAYERS, breaches=("read a file",)).level is not IsolationLevel.STRONG


def test_an_old_landlock_is_refused(strong: Isolation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before ABI 3, a file that may only be read could be truncated."""
    from grader.sandbox.worker.walls import landlock, system

    monkeypatch.setattr(landlock, "abi_version", lambda: 2)
    with pytest.raises(system.LayerError, match="has Landlock ABI 2, and ABI 3 is needed"):
        landlock.restrict([])


def test_several_notebooks_need_strong_isolation(strong: Isolation, tmp_path: Path) -> None:
    """A kernel without Landlock: exit status 2, one sentence that says what to do, and no report."""
    shutil.copy(ALICE, tmp_path / "one.ipynb")
    shutil.copy(ALICE, tmp_path / "two.ipynb")
    ran = without_landlock(GRADE, tmp_path, "--quick", folder=tmp_path)
    assert ran.returncode == 2
    assert "needs strong isolation, and this machine's level is medium" in ran.stderr
    assert "grade doctor" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("reports/*"))


def test_one_notebook_may_run_with_less_isolation(strong: Isolation, tmp_path: Path) -> None:
    """Terminal, report and JSON say so."""
    arguments = ("--only", "schedule", "--out", tmp_path)
    ran = without_landlock(GRADE, ALICE, *arguments, folder=tmp_path)
    result = json.loads((tmp_path / "alice.json").read_text())
    assert ran.returncode == 0, ran.stderr
    assert "NOT FULLY SANDBOXED" in ran.stdout
    assert result["earned"] == 10
    assert result["environment"]["isolation_level"] == "medium"
    assert result["environment"]["isolation"] == [
        "process", *(layer for layer in strong.layers if layer != "landlock")
    ]  # fmt: skip
    assert 'class="banner unsandboxed"' in (tmp_path / "alice.html").read_text()


@pytest.mark.slow
def test_a_worker_without_a_requested_layer_is_not_used(strong: Isolation, tmp_path: Path) -> None:
    """Starting it raises SandboxError."""
    code = "from grader.sandbox.zygote import Zygote\nwith Zygote() as zygote: zygote.worker()"
    ran = without_landlock(sys.executable, "-c", code, folder=tmp_path)
    assert "SandboxError: sandbox layer 'landlock' could not be applied to the worker" in ran.stderr


def test_the_sandbox_can_be_disabled_for_one_notebook_only(strong: Isolation, tmp_path: Path) -> None:
    shutil.copy(ALICE, tmp_path / "one.ipynb")
    options = ("--unsafe-no-sandbox", "--only", "schedule")
    refused = run(GRADE, ALICE, tmp_path / "one.ipynb", *options, folder=tmp_path)
    assert refused.returncode == 2
    assert "never for several" in refused.stderr
    ran = run(GRADE, ALICE, *options, folder=tmp_path)
    assert ran.returncode == 0
    assert "NOT FULLY SANDBOXED" in ran.stdout
    assert "isolation level “none”" in " ".join(ran.stdout.split())


def test_the_doctor_lists_the_layers(strong: Isolation, tmp_path: Path) -> None:
    ran = run(GRADE, "doctor", folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "sandbox         strong" in ran.stdout
    for found in (*LAYERS, "kernel", "Landlock ABI", "CUDA", "torch", "embedded digits", "MNIST"):
        assert found in ran.stdout
    assert "Suggested fixes" not in ran.stdout


def test_the_doctor_suggests_a_fix(strong: Isolation, tmp_path: Path) -> None:
    ran = without_landlock(GRADE, "doctor", folder=tmp_path)
    output = " ".join(ran.stdout.split())
    assert ran.returncode == 1
    assert "landlock missing: this kernel has no Landlock" in output
    assert re.search(r"sandbox medium: code could still .*read a file", output)
    assert "Suggested fixes" in output
    assert "Use Linux 6.2 or later" in output


@pytest.mark.parametrize(("system", "name"), [("Darwin", "macOS"), ("Windows", "Windows")])
def test_the_doctor_says_that_a_system_has_no_layers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], system: str, name: str
) -> None:
    """Its words are checked, and that a class is refused; the system itself is only pretended."""
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(worker_process, "can_fork", lambda: False)
    assert doctor.main([]) == 1
    output = " ".join(capsys.readouterr().out.split())
    assert f"sandbox none: on {name} nothing keeps a notebook's code from your files" in output
    assert "Landlock" not in output
    with pytest.raises(UsageError, match="needs strong isolation, and this machine's level is none"):
        required_isolation(several=True, unsafe=False)
    assert required_isolation(several=False, unsafe=False).level is IsolationLevel.NONE


@pytest.mark.slow
def test_the_layers_need_no_privilege(tmp_path: Path) -> None:
    """Every attack fails for the user nobody, too."""
    if os.geteuid():
        pytest.skip("these tests already run as an ordinary user")
    helper = (sys.executable, HERE / "as_nobody.py")
    reachable = run(*helper, sys.executable, "-c", "import grader, torch", folder=Path("/"))
    if reachable.returncode:
        pytest.skip(f"nobody cannot run this Python: {reachable.stderr.splitlines()[-1:]}")
    tests = (
        HERE / "test_walls.py",
        "-k",
        "test_attacks_fail_in_the_sandbox",
        "-p",
        "no:cacheprovider",
        "-rs",
    )
    ran = run(*helper, sys.executable, "-m", "pytest", *tests, folder=Path("/"))
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr
    assert "skipped" not in ran.stdout


def test_packages_beside_the_grader_can_be_read_but_not_the_grader(tmp_path: Path) -> None:
    """Rules can only allow, so the folder's other entries are allowed one by one."""
    from grader.sandbox.worker.walls import readable_paths

    site = tmp_path / "lib" / "site-packages"
    for name in ("grader", "reference", "numpy", "torch"):
        (site / name).mkdir(parents=True)
    (site / "six.py").write_text("")
    found = set(
        readable_paths([str(site), str(tmp_path / "lib")], [str(site / "grader"), str(site / "reference")])
    )
    assert {str(site / "numpy"), str(site / "torch"), str(site / "six.py")} <= found
    assert not {str(site), str(site.parent), str(site / "grader"), str(site / "reference")} & found


def test_nvidias_libraries_can_be_read_where_containers_mount_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may lie outside the system's folders, in LD_LIBRARY_PATH, and behind a link."""
    from grader.sandbox.worker.walls import readable_paths

    for name in ("mounted", "linked", "own"):
        (tmp_path / name).mkdir()
    (tmp_path / "mounted" / "libcuda.so.580").write_text("")
    (tmp_path / "linked" / "libcuda.so.1").symlink_to(tmp_path / "mounted" / "libcuda.so.580")
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{tmp_path / 'own'}:{tmp_path / 'linked'}::.")
    found = [path for path in readable_paths([], []) if path.startswith(str(tmp_path))]
    assert found == [str(tmp_path / "mounted")]


def test_threads_of_a_gpu_driver_are_filtered(strong: Isolation, tmp_path: Path) -> None:
    """They start before the filter, which then covers them: without it, such a thread can open a socket."""
    code = """
import json, socket, sys, threading
from worker.walls import Policy, apply_layers
start, result = threading.Event(), []
def open_socket():
    start.wait()
    try:
        result.append(socket.socket(socket.AF_UNIX) and "a socket")
    except OSError as error:
        result.append(error.strerror)
thread = threading.Thread(target=open_socket)
apply_layers(Policy(scratch=sys.argv[2], layers=json.loads(sys.argv[1]), gpu=True), (), thread.start)
start.set()
thread.join()
print(result[0])
"""
    package = Path(worker_process.__file__).parent
    output = {}
    for last, layers in (("landlock", LAYERS[:-1]), ("seccomp", LAYERS)):
        start = f"import sys; sys.path.insert(0, {str(package)!r})\n"
        ran = run(sys.executable, "-I", "-c", start + code, json.dumps(layers), tmp_path, folder=tmp_path)
        output[last] = ran.stdout.strip() or ran.stderr
    assert output == {"landlock": "a socket", "seccomp": os.strerror(errno.EPERM)}


@pytest.mark.parametrize(
    ("why", "output"),
    [
        (None, "H100, which works inside the sandbox"),
        ("out of order", "H100, which workers cannot use: out of order Suggested fixes - Grade on the CPU"),
    ],
)
def test_the_doctor_tries_the_gpu_in_the_sandbox(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], why: str | None, output: str
) -> None:
    monkeypatch.setattr(doctor, "_run_json", lambda arguments: {"name": "H100", "why": why})
    isolation = Isolation(layers=LAYERS)
    monkeypatch.setattr(doctor, "measure", lambda: isolation)
    monkeypatch.setattr(doctor, "_data", lambda rubric: iter(()))
    doctor.main([])
    assert output in " ".join(capsys.readouterr().out.split())


def test_a_gpu_that_a_worker_cannot_use_gives_a_reason(strong: Isolation) -> None:
    import torch

    from grader.sandbox.gpu_trial import gpu_error

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert "NVIDIA driver" in (gpu_error(strong.layers) or "")
