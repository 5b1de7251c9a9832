"""The worker answers requests, survives what it should, and locates errors in the student's code."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from workers import LoadStudent, source_of

from grader.sandbox import worker_process
from grader.sandbox.student import Student
from grader.sandbox.values import StudentError, WorkerError
from grader.sandbox.zygote import Zygote


def test_values_survive_the_round_trip(load_student: LoadStudent) -> None:
    """Numbers, text, tensors of every dtype, nested containers, infinities and NaN."""
    student = load_student("def echo(x): return x")
    values = [1, 2.5, "text", None, True, (1, [2, {"a": 3}]), float("inf"), torch.arange(6).reshape(2, 3)]
    back = student.call("echo", values)
    assert back[:7] == values[:7]
    assert torch.equal(back[7], values[7])
    assert str(student.call("echo", float("nan"))) == "nan"
    for dtype in (torch.bool, torch.uint8, torch.float16, torch.bfloat16, torch.float64):
        tensor = torch.ones(3, dtype=dtype)
        assert torch.equal(student.call("echo", tensor), tensor)
    assert student.call("echo", torch.empty(0, 4)).shape == (0, 4)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the watchdog")
def test_processor_time_is_known_once_a_worker_has_ended(load_student: LoadStudent) -> None:
    spin = "def spin():\n    while time.process_time() < before + 0.5: pass"
    student = load_student(f"import time\nbefore = time.process_time()\n{spin}")
    with student.fresh() as another:
        another.call("spin")
    assert student.spent.cpu_seconds > 0.4
    assert student.spent.seconds > 0.4


@pytest.mark.skipif(sys.platform != "linux", reason="allocation is only tuned on Linux")
def test_freed_memory_is_kept_for_the_next_allocation(load_student: LoadStudent) -> None:
    """A page fault is the kernel handing out memory; every training step would cause thousands."""
    source = """
import resource
import torch
from torch import nn
widths = [1, 32, 64, 32, 1]
network = nn.Sequential(*(nn.Conv2d(a, b, 3, padding=1) for a, b in zip(widths, widths[1:])))

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    network(torch.ones(16, 1, 28, 28)).sum().backward()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
"""
    student = load_student(source)
    first = student.call("faults")
    assert min(student.call("faults") for _ in range(10)) < min(500, first)


NETWORK = "import torch\nNet = lambda: torch.nn.Linear(2, 3)"


def test_weights_can_be_copied_from_one_worker_to_another(load_student: LoadStudent) -> None:
    """They travel as a file's bytes, which the judge never unpickles; a limit on their size holds."""
    first, second = load_student(NETWORK), load_student(NETWORK)
    original, copy = first.call("Net", keep=True), second.call("Net", keep=True)
    content = first.ask("state", original, most=1 << 20)
    second.ask("weights", copy, content=content)
    x = torch.ones(1, 2)
    assert torch.equal(first.call(original, x), second.call(copy, x))
    assert len(first.ask("state", original, most=8)) == 0


def test_a_state_dict_is_found_in_a_checkpoint(load_student: LoadStudent) -> None:
    """Under a usual key, or one that the rubric names; optimizer state is not mistaken for it."""
    save = """
import io
def checkpoint(net, key):
    optimizer, file = torch.optim.Adam(net.parameters()), io.BytesIO()
    net(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    torch.save({"optimizer": optimizer.state_dict(), key: net.state_dict()}, file)
    return torch.frombuffer(bytearray(file.getvalue()), dtype=torch.uint8)
"""
    student, x = load_student(NETWORK + save), torch.ones(1, 2)
    saved = student.call("Net", keep=True)
    for key, keys in (("model_state_dict", []), ("encoder", ["encoder"])):
        content, loaded = student.call("checkpoint", saved, key), student.call("Net", keep=True)
        student.ask("weights", loaded, content=content, keys=keys)
        assert torch.equal(student.call(loaded, x), student.call(saved, x))
    with pytest.raises(StudentError, match="holds no state dict"):
        student.ask("weights", saved, content=student.call("checkpoint", saved, "encoder"))
    other = load_student(NETWORK.replace("2, 3", "4, 5"))
    with pytest.raises(StudentError, match="the weights do not fit this network"):
        other.ask("weights", other.call("Net", keep=True), content=student.ask("state", saved, most=1 << 20))


def test_an_abandoned_student_answers_no_further_call(load_student: LoadStudent) -> None:
    student = load_student("def f(): return 1")
    assert student.call("f") == 1
    student.cancel()
    for _ in range(2):
        with pytest.raises(StudentError):
            student.call("f")
    assert student.generation == 1


def test_kept_objects_are_addressed_by_handles(load_student: LoadStudent) -> None:
    student = load_student(
        "class Box:\n    def __init__(self, x): self.x = x\n    def twice(self): return 2 * self.x"
    )
    box = student.call("Box", torch.ones(2), keep=True)
    assert torch.equal(student.call(box, method="twice"), torch.full((2,), 2.0))
    student.set(box, "x", 5)
    assert student.get(box, "x") == 5


def test_an_error_names_cell_and_line(load_student: LoadStudent) -> None:
    """Cell 7 starts with the statement at line 3; the mistake is two lines below."""
    student = load_student("def f():\n    x = 1\n    return y")
    with pytest.raises(StudentError, match=r"cell 7, line 5: NameError: name 'y' is not defined"):
        student.call("f")


@pytest.mark.parametrize(
    ("body", "type"),
    [
        ("while True: pass", "Timeout"),
        ("import os; os._exit(0)", "Died"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "Died"),
        ("import torch; return torch.zeros(30_000_000)", "Flood"),
    ],
)
def test_a_lost_worker_is_replaced(load_student: LoadStudent, body: str, type: str) -> None:
    """The next call goes to a fresh worker, and handles of the old one are rejected."""
    student = load_student(f"def f():\n    {body}\ndef fine(): return 1\nclass Box: pass")
    box = student.call("Box", keep=True)
    with pytest.raises(StudentError) as error:
        student.call("f", timeout=1.0)
    assert error.value.type == type
    assert error.value.lost
    assert student.call("fine") == 1
    with pytest.raises(StudentError, match="the Box was lost"):
        student.call(box)


def test_a_statement_that_fails_does_not_stop_the_others(load_student: LoadStudent) -> None:
    student = load_student("import nowhere", "def f(): return 1", "x = 1 / 0")
    student.start()
    assert [(p["type"], p["line"]) for p in student.problems] == [("ZeroDivisionError", 5)]
    assert [notice.split(";")[0] for notice in student.notices] == [
        "nowhere is not installed on the grading machine"
    ]
    assert student.call("f") == 1


def test_without_fork_every_worker_is_a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS and Windows: slower to start, but with the same answers and deadlines."""
    monkeypatch.setattr(worker_process.sys, "platform", "darwin")
    source = source_of("def f(): return 1", "def hang():\n    while True: pass")
    with Zygote() as zygote, Student(zygote=zygote, source=source) as student:
        assert student.call("f") == 1
        with pytest.raises(StudentError, match="no answer within 1 seconds"):
            student.call("hang", timeout=1.0)
        assert student.call("f") == 1


@pytest.mark.slow
def test_a_top_level_statement_that_takes_too_long_is_interrupted(load_student: LoadStudent) -> None:
    """The statements after it still run."""
    endless = "numbers = sum(n for n in iter(int, 1))"  # without filling memory
    student = load_student(endless, "def f(): return 1")
    assert student.call("f") == 1
    assert [(p["type"], p["line"]) for p in student.problems] == [("TimeoutError", 3)]


@pytest.mark.parametrize(
    ("criterion", "loss"),
    [("mse", (1 + 9) / 2), ("l1", (1 + 3) / 2), ("cross_entropy", 4 * torch.tensor(2.0).log().item())],
)
@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_training_step_uses_the_named_loss_and_optimizer(
    load_student: LoadStudent, criterion: str, loss: float, optimizer: str
) -> None:
    """Outputs start at 0, and goals are 1 and 3; the first step of Adam is the learning rate itself."""
    student = load_student(
        "import torch\n"
        "class Net(torch.nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.bias = torch.nn.Parameter(torch.zeros(2))\n"
        "    def forward(self, x): return self.bias + 0 * x"
    )
    network = student.call("Net", keep=True)
    x, goal = torch.ones(1, 2), torch.tensor([[1.0, 3.0]])
    kept = student.ask("optimizer", network, name=optimizer, lr=0.5, keep=True)
    assert student.call(student.ask("criterion", name=criterion, keep=True), x * 0, goal) == pytest.approx(
        loss
    )
    fitted = student.ask("fit", network, optimizer=kept, criterion=criterion, args=[x], goal=goal, seed=0)
    assert fitted == pytest.approx(loss)
    bias = student.get(network, "bias")
    gradient = {"mse": [-1.0, -3.0], "l1": [-0.5, -0.5], "cross_entropy": [1.0, -1.0]}[criterion]
    step = torch.tensor(gradient) if optimizer == "sgd" else torch.tensor(gradient).sign()
    torch.testing.assert_close(bias, -0.5 * step)


UNLISTED: dict[str, dict[str, Any]] = {
    "criterion": {"name": "Net"},
    "optimizer": {"name": "Net", "lr": 0.1},
    "fit": {"criterion": "Net", "args": [torch.ones(1, 2)], "goal": torch.ones(1, 3), "seed": 0},
    "data": {"name": "Net", "images": torch.ones(1, 1, 2, 2), "labels": torch.ones(1)},
}


@pytest.mark.parametrize("verb", UNLISTED)
def test_a_request_selects_from_fixed_lists_only(load_student: LoadStudent, verb: str) -> None:
    """Any other name, even one that the notebook defines, is an error of the judge and not of the student."""
    student = load_student(NETWORK)
    network = student.call("Net", keep=True)
    options = UNLISTED[verb]
    if verb == "fit":
        options = {**options, "optimizer": student.ask("optimizer", network, name="sgd", lr=0.1, keep=True)}
    with pytest.raises(WorkerError, match=r"'Net' is not one of|no class 'Net'"):
        student.ask(verb, network, **options)


def test_slots_and_properties_are_attributes(load_student: LoadStudent) -> None:
    student = load_student(
        """
import dataclasses

@dataclasses.dataclass(slots=True)
class Pair:
    first: int
    second: int

    @property
    def total(self):
        return self.first + self.second

def make():
    return Pair(1, 2)
"""
    )
    pair = student.call("make")
    assert student.ask("describe", pair)["attributes"] == ["first", "second", "total"]


def test_functions_read_the_files_that_the_notebook_writes_and_no_others(load_student: LoadStudent) -> None:
    student = load_student(
        "def read(path):\n    with open(path) as file:\n        return file.read()",
        files={"sizes.json": "[16]", "conf/a.yaml": "b: 1", "/content/far.txt": "c", "../up.txt": "d"},
    )
    read = {path: student.call("read", path) for path in ("sizes.json", "conf/a.yaml", "/content/far.txt")}
    assert read == {"sizes.json": "[16]", "conf/a.yaml": "b: 1", "/content/far.txt": "c"}
    with pytest.raises(StudentError, match="No such file"):
        student.call("read", "other.json")
