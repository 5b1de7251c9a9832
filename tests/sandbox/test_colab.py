"""Notebook code finds the environment that it was written for: Colab's modules, a GPU, data, files."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from workers import LoadStudent

from grader.sandbox.values import CURRENT_DEVICE, ServedDataset, StudentError


def test_code_for_a_gpu_runs_on_the_device_in_use(load_student: LoadStudent) -> None:
    """Every way of requesting CUDA that notebooks use, on a machine that may have none."""
    source = """
import torch
from torch import nn
def f(device):
    torch.cuda.manual_seed(1); torch.cuda.manual_seed_all(1)
    torch.cuda.empty_cache(); torch.cuda.synchronize()
    x = torch.zeros(2, device="cuda") + torch.ones(2).cuda() + torch.ones(2).to("cuda") + torch.ones(2).to(0)
    x = x + torch.tensor([1.0, 1.0], device=torch.device("cuda")) + torch.ones(2).to(device)
    return nn.Linear(2, 1).cuda()(x).detach() * 0 + nn.Linear(2, 1).to("cuda")(x).detach() * 0 + x.sum()
"""
    assert load_student(source).call("f", CURRENT_DEVICE).item() == 10


def test_missing_packages_of_the_environment_are_inert_stubs(load_student: LoadStudent) -> None:
    source = """
from google.colab import drive, files
import google.colab
from tqdm.notebook import tqdm
from tqdm.auto import trange
import wandb
import matplotlib.pyplot as plt
class Callback(wandb.Callback): pass
def f():
    drive.mount("/content"); wandb.init(project="x").log({})
    plt.plot([1]); plt.show()
    bar = tqdm(range(3)); bar.set_postfix(loss=1)
    return [i for i in bar] + list(trange(2))
"""
    student = load_student(source)
    assert student.call("f") == [0, 1, 2, 0, 1]
    assert "wandb was replaced by a stub that does nothing." in student.notices


DATASET = """
import torchvision, torchvision.transforms as transforms
data = torchvision.datasets.{name}(root="./data", train=True, download=True, transform=transforms.ToTensor())
def f(): return len(data), data[1][0], data[1][1], type(data.data).__name__, list(data.data.shape)
"""


@pytest.mark.parametrize(
    ("name", "channels", "kind", "shape"),
    [("MNIST", 1, "Tensor", [5, 28, 28]), ("CIFAR10", 3, "ndarray", [5, 28, 28, 3])],
)
def test_a_dataset_holds_the_images_that_the_judge_sent(
    load_student: LoadStudent, name: str, channels: int, kind: str, shape: list[int]
) -> None:
    """No download; the student's transform applies, and images are stored as torchvision stores them."""
    images = torch.rand(5, channels, 28, 28)
    served = ServedDataset(name, images, torch.arange(5))
    count, image, label, *stored = load_student(DATASET.format(name=name), data=served).call("f")
    assert (count, label, stored) == (5, 1, [kind, shape])
    assert torch.allclose(image, images[1], atol=1 / 255)


def test_a_worker_cannot_import_the_grader_or_the_reference(load_student: LoadStudent) -> None:
    for name in ("grader", "reference", "rubrics.ddpm"):
        with pytest.raises(StudentError, match="ModuleNotFoundError"):
            load_student(f"def f():\n    import {name}").call("f")


def test_one_seed_determines_every_generator(load_student: LoadStudent) -> None:
    """torch, random, numpy's global generator, and numpy generators made without a seed."""
    source = """
import random, torch, numpy as np
def f(): return torch.rand(1).item(), random.random(), np.random.rand(), np.random.default_rng().random()
"""
    student = load_student(source)
    assert student.call("f", seed=3) == student.call("f", seed=3)
    assert student.call("f", seed=3) != student.call("f", seed=4)


def test_files_outside_the_scratch_folder_are_redirected(load_student: LoadStudent, tmp_path: Path) -> None:
    """Nothing is written where the notebook wants it, but it can read back all that it wrote."""
    drive = tmp_path / "drive"
    student = load_student(f"""
import os, torch
from pathlib import Path
def f():
    os.makedirs("{drive}/a/b", exist_ok=True); os.makedirs(name="{drive}/a/b"); Path("{drive}/c").mkdir()
    torch.save([1], "{drive}/a/b/w.pth"); torch.save(obj=[2], f="made by hand/w.pth")
    Path("{drive}/c/l.json").write_text("[3]")
    with open("{drive}/other/log.csv", "a") as file: file.write("4")
    with open("../up.txt", "w") as file: file.write("5")
    loaded = [torch.load("{drive}/a/b/w.pth"), torch.load(f="made by hand/w.pth")]
    read = [open(name).read() for name in ("{drive}/c/l.json", "{drive}/other/log.csv", "../up.txt")]
    there = [os.path.exists("{drive}/a/b/w.pth"), os.path.isdir("{drive}/c"), os.path.exists("{drive}/d")]
    return loaded + read + there
def g(): open("{drive}/a/missing")
def h(): open("{drive}/a/missing", "r+")
""")
    assert student.call("f") == [[1], [2], "[3]", "4", "5", True, True, False]
    for name in "gh":
        with pytest.raises(StudentError, match=r"FileNotFoundError|PermissionError"):
            student.call(name)
    assert not drive.exists()


def test_inspect_finds_the_source_of_functions(load_student: LoadStudent) -> None:
    """As it does in a notebook."""
    student = load_student(
        "import inspect\ndef f(x):\n    return x  # it\ndef g(): return inspect.getsource(f)"
    )
    assert student.call("g") == "def f(x):\n    return x  # it\n"


@pytest.mark.parametrize(
    ("made", "drawn"),
    [
        ("g = torch.Generator().manual_seed(3)", "torch.randn(4, generator=g)"),
        ("g = np.random.default_rng(3)", "g.standard_normal(4)"),
        ("g = np.random.default_rng(seed=3)", "g.standard_normal(4)"),
        ("g = np.random.default_rng(np.random.PCG64(3))", "g.random(4)"),
        ("g = np.random.RandomState(3)", "g.randn(4)"),
        ("g = np.random.Generator(np.random.PCG64(3))", "g.normal(size=4)"),
        ("g = random.Random(3)", "[g.gauss(0, 1) for _ in range(4)]"),
        ("g = [torch.Generator(device='cpu')]", "torch.rand(4, generator=g[0])"),
    ],
)
def test_a_generator_of_the_students_own_follows_the_seed(
    load_student: LoadStudent, made: str, drawn: str
) -> None:
    """Two calls with one seed draw the same numbers, so that probes can compare them."""
    student = load_student(
        f"import random, torch, numpy as np\n{made}\ndef f(): return torch.as_tensor({drawn})"
    )
    first, again, other = (student.call("f", seed=seed) for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert not torch.equal(other, student.call("f"))


def test_a_generator_that_is_seeded_inside_repeats_its_numbers(load_student: LoadStudent) -> None:
    source = "import torch\ndef f(): return torch.rand(4, generator=torch.Generator().manual_seed(3))"
    student = load_student(source)
    assert torch.equal(student.call("f", seed=1), student.call("f", seed=2))


def test_generators_are_still_what_they_were(load_student: LoadStudent) -> None:
    source = """
import copy, random, numpy, torch
g = torch.Generator()
h = numpy.random.default_rng(seed=1)
assert isinstance(h, numpy.random.Generator) and numpy.random.default_rng(h) is h
assert isinstance(numpy.random.mtrand._rand, numpy.random.RandomState)
def f():
    same = isinstance(g, torch.Generator) and isinstance(torch.default_generator, torch.Generator)
    mine = random.Random(1)
    return [same, type(g).__name__, isinstance(mine, random.Random), torch.randperm(3, generator=g).numel()]
"""
    assert load_student(source).call("f") == [True, "Generator", True, 3]


def test_what_can_only_be_given_by_position_may_be_named(load_student: LoadStudent) -> None:
    student = load_student("def f(a, b, /, c, *, d=4): return [a, b, c, d]")
    assert student.call("f", a=1, b=2, c=3) == [1, 2, 3, 4]
    assert student.call("f", 1, 2, c=3, d=5) == [1, 2, 3, 5]
