"""A GPU that is full or broken costs no points. Its errors are simulated, so no GPU is needed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from classes import notebook, tiny_rubric
from conftest import SUBMISSIONS, Command

from grader.model import Grade
from grader.options import Options
from grader.pipeline import judge_notebook
from grader.rubric import Rubric
from grader.sandbox import devices
from grader.sandbox import zygote as zygote_module
from grader.sandbox.diagnosis import gpu_failure
from grader.sandbox.source import WorkerSource
from grader.sandbox.student import Student
from grader.sandbox.values import DeviceError, StudentError
from grader.sandbox.zygote import Zygote

FAILS = """
import torch

def full():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

def lost():
    raise RuntimeError("CUDA error: device-side assert triggered")

def broken():
    raise RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED")

def ends():
    import os
    os._exit(1)

def own():
    raise RuntimeError("shapes do not match")

def fine():
    return 42
"""
CHECKS = '''
from grader.checks import criterion
from grader.sandbox.values import DeviceError

@criterion("answer.given")
def check_an_answer_is_given(judge):
    """An answer is given."""

@criterion("answer.right")
def check_the_answer_is_right(judge):
    """The answer is 42."""
    if judge.request["device"] != "cpu":
        raise DeviceError("the GPU failed (CUDA out of memory)")

@criterion("answer.secret")
def check_nothing_is_forbidden(judge):
    """No word of the secret list occurs."""
'''


@pytest.fixture
def student() -> Iterator[Student]:
    with Zygote() as zygote:
        source = WorkerSource(statements=[{"source": FAILS, "cell": 1, "line": 1, "flags": 0}])
        student = Student(zygote=zygote, source=source)
        student.start()
        yield student
        student.close()


# Messages of PyTorch and its libraries.
GPU_FAILURES = (
    "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.11 GiB",
    "CUDA error: an illegal memory access was encountered",
    "CUDA driver error: invalid argument",
    "CUDA unknown error - this may be due to an incorrectly set up environment",
    "CUDA driver initialization failed, you might not have a CUDA gpu.",
    "Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before",
    "No CUDA GPUs are available",
    "The NVIDIA driver on your system is too old (found version 12000).",
    "CUDA call failed lazily at initialization with error: out of memory",
    "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED",
    "Unable to find a valid cuDNN algorithm to run convolution",
    "GET was unable to find an engine to execute this computation",
    "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
)
MIXED_DEVICES = (
    "Expected all tensors to be on the same device, but found at least two devices, cuda:0 and cpu!",
    "Expected all tensors to be on the same device, but got mat1 is on cpu, different from other",
    "Expected tensor for argument #1 'indices' to have the same device as tensor for argument #2 'weight'",
    "indices should be either on cpu or on the same device as the indexed tensor (cpu)",
    "Expected a 'cuda' device type for generator but found 'cpu'",
    "Input type (torch.FloatTensor) and weight type (torch.cuda.FloatTensor) should be the same",
    "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy",
    "Function AddBackward0 returned an invalid gradient at index 0 - expected device cuda:0 but got cpu",
)
STUDENT_ERRORS = (
    "mat1 and mat2 shapes cannot be multiplied (64x784 and 10x10)",
    "The size of tensor a (31) must match the size of tensor b (28) at non-singleton dimension 3",
    "Given groups=1, weight of size [16, 1, 3, 3], expected input[32, 3, 28, 28] to have 1 channels",
    "element 0 of tensors does not require grad and does not have a grad_fn",
    "expected scalar type Float but found Double",
    "Input type (float) and bias type (double) should be the same",
)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (GPU_FAILURES, "the GPU failed"),
        (MIXED_DEVICES, "which works without a GPU"),
        (STUDENT_ERRORS, None),
    ],
    ids=["gpu", "two devices", "student"],
)
def test_a_gpu_failure_is_recognised_by_its_message(texts: tuple[str, ...], said: str | None) -> None:
    for text in texts:
        found = gpu_failure(StudentError("RuntimeError", text, 3, 1))
        assert (found is None) if said is None else (said in (found or "")), text


@pytest.mark.parametrize("name", ["full", "lost", "broken", "ends"])
def test_a_gpu_failure_is_not_a_student_error(student: Student, name: str) -> None:
    """The next call goes to a fresh worker, since the old one cannot use the GPU any more."""
    student.device = "cuda"
    with pytest.raises(DeviceError, match=r"the GPU failed|CUDA or its libraries"):
        student.call(name)
    student.device = "cpu"
    assert student.call("fine") == 42
    assert student.generation == 2


def test_a_student_error_stays_one_on_a_gpu(student: Student) -> None:
    student.device = "cuda"
    with pytest.raises(StudentError, match="shapes do not match"):
        student.call("own")
    assert student.call("fine") == 42
    assert student.generation == 1


def test_on_the_cpu_a_gpu_failure_counts_as_a_student_error(student: Student) -> None:
    with pytest.raises(StudentError, match="CUDA out of memory"):
        student.call("full")


def _grade(tmp_path: Path, device: str) -> Grade:
    folder = tiny_rubric(tmp_path / "tiny")
    (folder / "check_answer.py").write_text(CHECKS)
    path = notebook(tmp_path / "student.ipynb", "answer = 42")
    options = Options(device=device, seed=0)
    return judge_notebook(path, "student", Rubric.load(str(folder)), options, lambda event: None).grade


def test_device_auto_grades_again_on_the_cpu_after_a_gpu_failure(tmp_path: Path) -> None:
    grade = _grade(tmp_path, "auto")
    assert (grade.earned, grade.provisional) == (10, False)
    assert "Everything was graded again on the CPU, because the GPU failed" in grade.notes[-1]


def test_device_cuda_makes_the_grade_provisional_after_a_gpu_failure(tmp_path: Path) -> None:
    grade = _grade(tmp_path, "cuda")
    assert (grade.earned, grade.provisional) == (2, True)
    assert "the GPU failed (CUDA out of memory)" in grade.criteria[1].message


# A CUDA runtime with one GPU that logs the id of every process that asks for it.
DRIVER = """
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
static int asked(void) {
    const char *path = getenv("GPU_LOG");
    FILE *log = path ? fopen(path, "a") : NULL;
    if (log) { fprintf(log, "%d\\n", getpid()); fclose(log); }
    return 0;
}
int cudaGetDeviceCount(int *count) { *count = 1; return asked(); }
int cudaGetDevice(int *device) { *device = 0; return 0; }
int cudaSetDevice(int device) { return 0; }
int cudaDriverGetVersion(int *version) { *version = 13000; return 0; }
"""


@pytest.fixture
def driver(tmp_path: Path) -> Path:
    if not (compiler := shutil.which("cc")) or sys.platform != "linux":
        pytest.skip("needs a C compiler and LD_PRELOAD")
    (tmp_path / "driver.c").write_text(DRIVER)
    library = tmp_path / "driver.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, tmp_path / "driver.c"], check=True)
    return library


def test_backward_works_in_workers_of_a_machine_with_a_gpu(
    driver: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would hang in every worker if the zygote had initialised CUDA before the fork."""
    environment = zygote_module.worker_environment() | {"LD_PRELOAD": str(driver)}
    monkeypatch.setattr(zygote_module, "worker_environment", lambda: environment)
    code = (
        "import torch\ndef gradient():\n    x = torch.ones(1, requires_grad=True)\n    (2 * x).backward()\n"
    )
    code += "    return x.grad.item()"
    with Zygote() as zygote:
        source = WorkerSource(statements=[{"source": code, "cell": 1, "line": 1, "flags": 0}])
        with Student(zygote=zygote, source=source) as student:
            assert student.call("gradient") == 2.0


@pytest.mark.slow
def test_no_process_initialises_cuda_for_a_grade_on_the_cpu(
    grade: Command, driver: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "asked.txt"
    monkeypatch.setenv("LD_PRELOAD", str(driver))
    monkeypatch.setenv("GPU_LOG", str(log))
    backward = [sys.executable, "-c", "import torch; torch.ones(1, requires_grad=True).backward()"]
    subprocess.run(backward, check=True)
    assert log.read_text(), "the fake driver logs nothing"
    log.unlink()
    ran = grade(SUBMISSIONS / "alice.ipynb", "--quick", "--device", "cpu")
    assert ran.code == 0, ran.err
    assert not log.exists()


def test_the_judge_hides_the_gpu_from_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else even an optimizer step on the CPU would take some of the GPU's memory."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,2")
    monkeypatch.setattr(devices, "can_fork", lambda: False)
    assert devices.resolve_device("cuda") == "cuda"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1,2"  # workers that start later inherit it
    monkeypatch.setattr(devices, "can_fork", lambda: True)
    assert devices.resolve_device("cuda") == "cuda"
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""


@pytest.mark.parametrize(("gpu", "seen"), [(True, "1"), (False, "")])
def test_a_worker_sees_one_gpu_or_none(monkeypatch: pytest.MonkeyPatch, gpu: bool, seen: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,2")
    code = "import os\ndef visible():\n    return os.environ['CUDA_VISIBLE_DEVICES']"
    with Zygote() as zygote:
        start_worker = zygote.worker
        monkeypatch.setattr(zygote, "worker", lambda **_: start_worker(gpu=gpu))
        source = WorkerSource(statements=[{"source": code, "cell": 1, "line": 1, "flags": 0}])
        with Student(zygote=zygote, source=source) as student:
            assert student.call("visible") == seen
