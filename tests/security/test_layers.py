"""No layer is taken on trust: the probe notices when one is gone, and then several notebooks are refused."""

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

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="walls are for Linux")


@pytest.fixture(scope="module")
def sound() -> Isolation:
    """This machine's walls, which the tests here take layers from."""
    isolation = measure()
    if isolation.level is not IsolationLevel.STRONG:
        pytest.skip(f"this machine's walls are {isolation.level}: {dict(isolation.missing)}")
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


def test_nothing_gets_through_all_layers(sound: Isolation) -> None:
    assert set(LAYERS) <= set(sound.layers) <= set(ALL_LAYERS)
    assert sound.breaches == ()
    assert set(sound.missing) <= {"namespaces"}


@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_that_is_gone_is_noticed(sound: Isolation, layer: str) -> None:
    """By what the probe could then do, and not only by the list."""
    if layer == "capabilities" and os.geteuid():
        pytest.skip("an ordinary user has none")
    isolation = measure([other for other in sound.layers if other != layer])
    assert isolation.breaches
    assert isolation.level is not IsolationLevel.STRONG
    assert layer in isolation.missing


def test_namespaces_that_are_not_to_be_had_are_done_without(sound: Isolation, tmp_path: Path) -> None:
    """As in most containers: the walls are as strong, and the doctor says what is not there."""
    ran = run(sys.executable, HERE / "old_kernel.py", "--no-namespaces", GRADE, "doctor", folder=tmp_path)
    said = " ".join(ran.stdout.split())
    assert ran.returncode == 0, ran.stdout
    assert "walls strong" in said
    assert "namespaces not here, and not needed: the kernel refused them (Operation not permitted)" in said
    assert "What to do" not in said


def test_namespaces_that_were_not_entered_are_noticed(sound: Isolation, tmp_path: Path) -> None:
    """A wall that says it is up and is not."""
    if "namespaces" not in sound.layers:
        pytest.skip(f"this machine has none to give: {sound.missing['namespaces']}")
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


def test_a_hole_is_not_strong_even_if_every_layer_says_it_is_up() -> None:
    assert Isolation(layers=LAYERS).level is IsolationLevel.STRONG
    assert Isolation(layers=LAYERS, breaches=("read a file",)).level is not IsolationLevel.STRONG


def test_an_old_landlock_does_not_count(sound: Isolation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before ABI 3 a file that may only be read could be emptied."""
    from grader.sandbox.worker.walls import landlock, system

    monkeypatch.setattr(landlock, "abi_version", lambda: 2)
    with pytest.raises(system.LayerError, match="has Landlock ABI 2, and ABI 3 is needed"):
        landlock.restrict([])


def test_several_notebooks_need_strong_walls(sound: Isolation, tmp_path: Path) -> None:
    """On a kernel without Landlock: exit 2, one sentence that says what to do, and no report."""
    shutil.copy(ALICE, tmp_path / "one.ipynb")
    shutil.copy(ALICE, tmp_path / "two.ipynb")
    ran = without_landlock(GRADE, tmp_path, "--quick", folder=tmp_path)
    assert ran.returncode == 2
    assert "needs strong isolation, and this machine's level is medium" in ran.stderr
    assert "grade doctor" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert not list(tmp_path.glob("reports/*"))


def test_one_notebook_may_run_behind_lesser_walls(sound: Isolation, tmp_path: Path) -> None:
    """Terminal, page and JSON say so."""
    arguments = ("--only", "schedule", "--out", tmp_path)
    ran = without_landlock(GRADE, ALICE, *arguments, folder=tmp_path)
    result = json.loads((tmp_path / "alice.json").read_text())
    assert ran.returncode == 0, ran.stderr
    assert "NOT FULLY SANDBOXED" in ran.stdout
    assert result["earned"] == 10
    assert result["environment"]["isolation_level"] == "medium"
    assert result["environment"]["isolation"] == [
        "process", *(layer for layer in sound.layers if layer != "landlock")
    ]  # fmt: skip
    assert 'class="banner unsandboxed"' in (tmp_path / "alice.html").read_text()


def test_a_worker_without_a_wall_that_it_was_to_have_is_not_used(sound: Isolation, tmp_path: Path) -> None:
    """It is an error of the sandbox, and nothing is asked."""
    code = "from grader.sandbox.zygote import Zygote\nwith Zygote() as zygote: zygote.worker()"
    ran = without_landlock(sys.executable, "-c", code, folder=tmp_path)
    assert "SandboxError: sandbox layer 'landlock' could not be applied to the worker" in ran.stderr


def test_walls_can_be_left_out_for_one_notebook_only(sound: Isolation, tmp_path: Path) -> None:
    shutil.copy(ALICE, tmp_path / "one.ipynb")
    options = ("--unsafe-no-sandbox", "--only", "schedule")
    refused = run(GRADE, ALICE, tmp_path / "one.ipynb", *options, folder=tmp_path)
    assert refused.returncode == 2
    assert "never for several" in refused.stderr
    ran = run(GRADE, ALICE, *options, folder=tmp_path)
    assert ran.returncode == 0
    assert "NOT FULLY SANDBOXED" in ran.stdout
    assert "isolation level “none”" in " ".join(ran.stdout.split())


def test_the_doctor_says_what_is_up(sound: Isolation, tmp_path: Path) -> None:
    ran = run(GRADE, "doctor", folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "walls           strong" in ran.stdout
    for found in (*LAYERS, "kernel", "Landlock ABI", "CUDA", "torch", "embedded digits", "MNIST"):
        assert found in ran.stdout
    assert "What to do" not in ran.stdout


def test_the_doctor_says_what_to_do(sound: Isolation, tmp_path: Path) -> None:
    ran = without_landlock(GRADE, "doctor", folder=tmp_path)
    said = " ".join(ran.stdout.split())
    assert ran.returncode == 1
    assert "landlock missing: this kernel has no Landlock" in said
    assert re.search(r"walls medium: code could still .*read a file", said)
    assert "What to do" in said
    assert "Use a kernel from 6.2 on" in said


@pytest.mark.parametrize(("system", "name"), [("Darwin", "macOS"), ("Windows", "Windows")])
def test_a_system_without_walls_is_told_what_it_does_not_give(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], system: str, name: str
) -> None:
    """As far as it can be seen from here: the doctor's words, and that a class is refused."""
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(worker_process, "can_fork", lambda: False)
    assert doctor.main([]) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert f"walls none: on {name} nothing keeps a notebook's code from your files" in said
    assert "Landlock" not in said
    with pytest.raises(UsageError, match="needs strong isolation, and this machine's level is none"):
        required_isolation(several=True, unsafe=False)
    assert required_isolation(several=False, unsafe=False).level is IsolationLevel.NONE


def test_walls_of_an_ordinary_user(tmp_path: Path) -> None:
    """Every attack again, as nobody: the walls need no privilege."""
    if os.geteuid():
        pytest.skip("these tests run as an ordinary user already")
    helper = (sys.executable, HERE / "as_nobody.py")
    reachable = run(*helper, sys.executable, "-c", "import grader, torch", folder=Path("/"))
    if reachable.returncode:
        pytest.skip(f"nobody cannot run this Python: {reachable.stderr.splitlines()[-1:]}")
    tests = (HERE / "test_walls.py", "-k", "test_the_walls_hold", "-p", "no:cacheprovider", "-rs")
    ran = run(*helper, sys.executable, "-m", "pytest", *tests, folder=Path("/"))
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr
    assert "skipped" not in ran.stdout


def test_where_the_grader_is_installed_everything_but_the_grader_can_be_read(tmp_path: Path) -> None:
    """Rules can only allow, so what lies beside it is allowed piece by piece."""
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


def test_nvidias_libraries_can_be_read_where_a_container_mounts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside the system's own folders, named in LD_LIBRARY_PATH, and often by way of a link."""
    from grader.sandbox.worker.walls import readable_paths

    for name in ("mounted", "linked", "own"):
        (tmp_path / name).mkdir()
    (tmp_path / "mounted" / "libcuda.so.580").write_text("")
    (tmp_path / "linked" / "libcuda.so.1").symlink_to(tmp_path / "mounted" / "libcuda.so.580")
    monkeypatch.setenv("LD_LIBRARY_PATH", f"{tmp_path / 'own'}:{tmp_path / 'linked'}::.")
    found = [path for path in readable_paths([], []) if path.startswith(str(tmp_path))]
    assert found == [str(tmp_path / "mounted")]


def test_threads_of_a_gpus_driver_are_walled_in(sound: Isolation, tmp_path: Path) -> None:
    """They are there before the last wall is: without it, such a thread gets its socket."""
    code = """
import json, socket, sys, threading
from worker.walls import Policy, apply_layers
go, said = threading.Event(), []
def try_it():
    go.wait()
    try:
        said.append(socket.socket(socket.AF_UNIX) and "a socket")
    except OSError as error:
        said.append(error.strerror)
thread = threading.Thread(target=try_it)
apply_layers(Policy(scratch=sys.argv[2], layers=json.loads(sys.argv[1]), gpu=True), (), thread.start)
go.set()
thread.join()
print(said[0])
"""
    package = Path(worker_process.__file__).parent
    said = {}
    for last, layers in (("landlock", LAYERS[:-1]), ("seccomp", LAYERS)):
        start = f"import sys; sys.path.insert(0, {str(package)!r})\n"
        ran = run(sys.executable, "-I", "-c", start + code, json.dumps(layers), tmp_path, folder=tmp_path)
        said[last] = ran.stdout.strip() or ran.stderr
    assert said == {"landlock": "a socket", "seccomp": os.strerror(errno.EPERM)}


@pytest.mark.parametrize(
    ("why", "said"),
    [
        (None, "H100, works, and behind the walls"),
        ("out of order", "H100, which workers cannot use: out of order What to do - Grade on the processor"),
    ],
)
def test_the_doctor_tries_the_gpu_behind_the_walls(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], why: str | None, said: str
) -> None:
    monkeypatch.setattr(doctor, "_asked", lambda arguments: {"name": "H100", "why": why})
    isolation = Isolation(layers=LAYERS)
    monkeypatch.setattr(doctor, "measure", lambda: isolation)
    monkeypatch.setattr(doctor, "_data", lambda: iter(()))
    doctor.main([])
    assert said in " ".join(capsys.readouterr().out.split())


def test_what_keeps_a_worker_from_the_gpu_is_told(sound: Isolation) -> None:
    import torch

    from grader.sandbox.gpu_trial import gpu_error

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert "NVIDIA driver" in (gpu_error(sound.layers) or "")
