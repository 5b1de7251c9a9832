"""A GPU that is full or broken costs nobody points. There is none here, so its errors are played."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from classes import notebook, tiny_rubric

from grader.checkrun import Options
from grader.model import Grade
from grader.pipeline import judge_notebook
from grader.rubric import Rubric
from grader.sandbox.launch import Nursery
from grader.sandbox.source import Source
from grader.sandbox.student import Student
from grader.sandbox.terms import DeviceError, StudentError

FAILS = """
import torch

def full():
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

def lost():
    raise RuntimeError("CUDA error: device-side assert triggered")

def broken():
    raise RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED")

def mixed():
    raise RuntimeError("Expected all tensors to be on the same device, but got mat1 is on cpu")

def own():
    raise RuntimeError("shapes do not match")

def fine():
    return 42
"""
CHECKS = '''
from grader.checks import criterion
from grader.sandbox.terms import DeviceError

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
    with Nursery() as nursery:
        source = Source(statements=[{"source": FAILS, "cell": 1, "line": 1, "flags": 0}])
        student = Student(nursery=nursery, source=source)
        student.start()
        yield student
        student.close()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("full", "the GPU failed"),
        ("lost", "the GPU failed"),
        ("broken", "the GPU failed"),
        ("mixed", "on a processor is no mistake"),
    ],
)
def test_trouble_of_the_gpus_is_not_the_students(student: Student, name: str, said: str) -> None:
    """And the next question goes to a fresh worker, since the old one can use the GPU no more."""
    student.device = "cuda"
    with pytest.raises(DeviceError, match=said):
        student.call(name)
    student.device = "cpu"
    assert student.call("fine") == 42
    assert student.generation == 2


def test_errors_of_the_students_own_stay_theirs_on_a_gpu(student: Student) -> None:
    student.device = "cuda"
    with pytest.raises(StudentError, match="shapes do not match"):
        student.call("own")
    assert student.call("fine") == 42
    assert student.generation == 1


def test_without_a_gpu_nobody_can_plead_its_trouble(student: Student) -> None:
    with pytest.raises(StudentError, match="CUDA out of memory"):
        student.call("full")


def _grade(tmp_path: Path, device: str) -> Grade:
    folder = tiny_rubric(tmp_path / "tiny")
    (folder / "check_answer.py").write_text(CHECKS)
    path = notebook(tmp_path / "student.ipynb", "answer = 42")
    options = Options(device=device, seed=0)
    return judge_notebook(path, "student", Rubric.load(str(folder)), options, lambda event: None).grade


def test_what_a_gpu_could_not_do_is_done_again_on_the_processor(tmp_path: Path) -> None:
    grade = _grade(tmp_path, "auto")
    assert (grade.earned, grade.provisional) == (10, False)
    assert "All was graded again on the processor of this machine, since the GPU failed" in grade.notes[-1]


def test_where_the_gpu_was_asked_for_a_person_has_to_look(tmp_path: Path) -> None:
    grade = _grade(tmp_path, "cuda")
    assert (grade.earned, grade.provisional) == (2, True)
    assert "the GPU failed (CUDA out of memory)" in grade.criteria[1].message
