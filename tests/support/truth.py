"""What it means for a solution to be right, in numbers worked out by hand. Shares nothing with the grader."""

from __future__ import annotations

import functools
import inspect
import linecache
import re
import sys
import types
from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils import data


def diffuser_of(student: Any, start_beta: float, end_beta: float, total_steps: int) -> Any:
    """The student's diffuser, built by the handout's names; one that wraps the network is given one."""
    schedule = {"start_beta": start_beta, "end_beta": end_beta, "total_steps": total_steps}
    wraps = "eps_model" in inspect.signature(student.NoiseDiffuser).parameters
    network = {"eps_model": student.UNet(1, 1)} if wraps else {}
    return student.NoiseDiffuser(**schedule, **network, device="cpu")


def curve(diffuser: Any, name: str) -> list[float]:
    """A curve of the schedule, in whatever container, and ᾱ under whatever name."""
    values = getattr(diffuser, name) if hasattr(diffuser, name) else diffuser.alphas_prod
    return torch.as_tensor(values).flatten().tolist()


def told(student: Any, kept: list[float], step: int) -> float:
    """What a style's network is told at a step, of as many as ᾱ has."""
    match student.__name__:
        case "corpus_told_the_level":
            return kept[step] ** 0.5
        case "corpus_told_from_minus_one":
            return 2 * step / len(kept) - 1
    return step


def check_diffuser(student: Any, reading: str) -> None:
    """Schedule by hand, coefficients by probing with a bright image and by the returned noise."""
    diffuser = diffuser_of(student, 0.001, 0.2, 50)
    betas = [0.001 + (0.2 - 0.001) * i / 49 for i in range(50)]
    products = [1.0]
    for beta in betas:
        products.append(products[-1] * (1 - beta))
    assert curve(diffuser, "betas") == pytest.approx(betas, rel=1e-4)
    assert curve(diffuser, "alphas") == pytest.approx([1 - beta for beta in betas], rel=1e-4)
    assert curve(diffuser, "alpha_bar") == pytest.approx(products[1:], rel=1e-3)

    kept = torch.tensor(products[1:])
    signal, spread, returned = {
        "paper": (kept.sqrt(), (1 - kept).sqrt(), torch.ones(50)),
        "handout_text": (kept, 1 - kept, torch.ones(50)),
        "handout_code": (kept.sqrt().sqrt(), (1 - kept.sqrt()).sqrt(), (1 - kept.sqrt()).sqrt()),
    }[reading]
    image = torch.rand(50, 1, 28, 28)
    t = torch.randperm(50)
    noisy, noise = diffuser.noise_diffusion(image, t.tolist())
    assert noisy.dtype == noise.dtype == torch.float32
    signal, spread, returned = (values[t].view(-1, 1, 1, 1) for values in (signal, spread, returned))
    torch.testing.assert_close(noisy, signal * image + spread * (noise / returned), atol=2e-4, rtol=1e-3)
    standard = noise / returned
    assert abs(standard.mean()) < 0.02
    assert abs(standard.var() - 1) < 0.03
    assert standard.abs().max() > 3.5  # normal, not uniform
    assert abs((standard[0] * standard[1]).mean()) < 0.2
    again, _ = diffuser.noise_diffusion(image, t.tolist())
    assert not torch.equal(again, noisy)


def check_network(student: Any) -> None:
    """Shapes, the resolutions that paths from input to output pass through, an answer that depends on t."""
    for channels in (1, 3):
        network = student.UNet(in_channels=channels, out_channels=1)
        with torch.no_grad():
            for weights in network.parameters():  # a zero-initialised layer would hide everything behind it
                weights.add_(0.02 * torch.randn_like(weights))
        network.eval()
        image = torch.randn(4, channels, 28, 28, requires_grad=True)
        output = network.forward(x=image, t=torch.tensor([3, 3, 40, 40]).to(torch.float32).view(-1, 1))
        assert output.shape == (4, 1, 28, 28)

        smallest = sorted(_bottlenecks(output.grad_fn, {}))
        assert smallest[-1] >= 28, "no skip at full resolution"
        assert any(13 <= size <= 16 for size in smallest), "no skip at half resolution"
        assert smallest[0] <= 8

        late = network.forward(x=image, t=torch.full((4, 1), 40.0))
        assert not torch.allclose(output[:2], late[:2])
        torch.testing.assert_close(output[2:], late[2:])
        assert any(_lowest_answer(network, image) < -1 for _ in range(5)), "noise is often below -1"


def _lowest_answer(network: nn.Module, image: Tensor) -> float:
    """With large random weights."""
    with torch.no_grad():
        for weights in network.parameters():
            weights.normal_(0, 0.5)
        return float(network(image, torch.full((len(image), 1), 7.0)).min())


def _bottlenecks(node: Any, known: dict[Any, frozenset[int]]) -> frozenset[int]:
    """The smallest resolution on each path from this result back to the image, as a set.

    The autograd graph holds only what carries values: a zeros_like of a feature map is no part of it.
    """
    if node not in known:
        shape = node._input_metadata[0].shape if node._input_metadata else ()
        here = shape[-1] if len(shape) == 4 else 10_000
        if type(node).__name__ == "AccumulateGrad":
            is_image = node.variable.dim() == 4 and node.variable.shape[-1] == 28
            known[node] = frozenset({28}) if is_image else frozenset()
        elif _erases(node):
            known[node] = frozenset()
        else:
            below = [_bottlenecks(parent, known) for parent, _ in node.next_functions if parent is not None]
            known[node] = frozenset(min(here, size) for sizes in below for size in sizes)
    return known[node]


def _erases(node: Any) -> bool:
    """Does it multiply by nothing but zeros?"""
    factors = (getattr(node, "_saved_other", None), getattr(node, "_saved_self", None))
    return type(node).__name__ == "MulBackward0" and any(
        factor is not None and not torch.as_tensor(factor).any() for factor in factors
    )


class _Line(nn.Module):
    """A network of two weights, whose gradient can be worked out by hand. Remembers how it was called."""

    def __init__(self) -> None:
        super().__init__()
        self.slope, self.offset = nn.Parameter(torch.tensor(0.1)), nn.Parameter(torch.tensor(0.2))
        self.calls: list[dict[str, Any]] = []

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        grad, training = torch.is_grad_enabled(), self.training
        self.calls.append({"x": x.detach(), "t": t.reshape(-1).tolist(), "grad": grad, "training": training})
        return self.slope * x + self.offset

    def __deepcopy__(self, _memo: dict[int, Any]) -> _Line:
        twin = _Line()
        twin.load_state_dict(self.state_dict())
        twin.calls = self.calls  # an averaged copy reports to the same list
        return twin


class _Checking(torch.optim.SGD):
    """Before each step compares the gradients with those that the last loss must have, and no other."""

    def __init__(self, line: _Line, answers: list[tuple[Tensor, list[int]]]) -> None:
        super().__init__(line.parameters(), lr=0.1)
        self.line, self.answers, self.steps = line, answers, 0

    def step(self, closure: Any = None) -> Any:
        x, noise = self.line.calls[-1]["x"], self.answers[-1][0]
        off = (self.line.slope * x + self.line.offset - noise).detach()
        due = torch.stack([2 * (off * x).mean(), 2 * off.mean()])
        assert self.line.slope.grad is not None, "a step without a gradient"
        got = torch.stack([self.line.slope.grad, self.line.offset.grad])
        if got.norm() < 0.999 * due.norm():  # clipped to length 1
            due = due / due.norm()
        torch.testing.assert_close(got, due, atol=1e-4, rtol=1e-3)
        self.steps += 1
        return super().step(closure)


class Loader(list[Any]):
    """Batches in a list, with what else a DataLoader has, which it passes for."""

    drop_last = False
    __class__ = property(lambda self: data.DataLoader)  # type: ignore[assignment]

    @property
    def dataset(self) -> data.TensorDataset:
        return data.TensorDataset(*(torch.cat(parts) for parts in zip(*self, strict=True)))

    @property
    def sampler(self) -> data.TensorDataset:
        return self.dataset


def check_trainer(student: Any) -> None:
    """Two epochs of three batches: each step follows the fresh gradient, validation only looks."""
    diffuser, line = diffuser_of(student, 1e-4, 0.1, 100), passing_for(student.UNet, _Line)()
    kept = curve(diffuser, "alpha_bar")
    answers: list[tuple[Tensor, list[int]]] = []
    noised: list[Tensor] = []
    original = diffuser.noise_diffusion

    def remembering(image: Tensor, t: Any, **more: Any) -> Any:
        answer = original(image, t, **more)
        noisy, noise = answer
        answers.append((noise, torch.as_tensor(t).tolist()))
        noised.append(noisy)
        return answer

    diffuser.noise_diffusion = remembering
    optimizer = _Checking(line, answers)
    batches = Loader([(torch.rand(16, 1, 28, 28), torch.zeros(16)) for _ in range(3)])
    held_out = Loader([(torch.rand(16, 1, 28, 28), torch.zeros(16)) for _ in range(2)])
    losses = student.train(line, batches, held_out, optimizer, nn.MSELoss(), "cpu", 2, diffuser, 100)

    assert isinstance(losses, list | tuple | dict) or getattr(losses, "__dict__", None)
    assert optimizer.steps == 6
    phases = [(call["training"], call["grad"]) for call in line.calls]
    assert phases == ([(True, True)] * 3 + [(False, False)] * 2) * 2
    for call, (_, t) in zip(line.calls, answers, strict=True):
        assert call["t"] == pytest.approx([told(student, kept, step) for step in t], rel=1e-5)
    assert all(torch.equal(call["x"], noisy) for call, noisy in zip(line.calls, noised, strict=True))
    assert answers[0][1] != answers[1][1]
    drawn = [step for _, t in answers for step in t]
    assert min(drawn) >= 0
    assert max(drawn) < 100
    assert len(set(drawn)) > 50
    assert all(len(set(t)) > 5 for _, t in answers)


def passing_for(kind: type, base: type) -> Any:
    """``base``, whose objects pass for those of another class."""
    return type(base.__name__, (base,), {"__class__": property(lambda self: kind)})


class _Oracle(nn.Module):
    """Knows that every image is flat and of one shade: names the noise in x_t exactly."""

    def __init__(self, alpha_bar: list[float], shade: float, told: list[float]) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(()))
        self.alpha_bar, self.shade, self.told = alpha_bar, shade, told
        self.seen: list[tuple[int, float, float]] = []

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        first = float(t.reshape(-1)[0])
        step = min(range(len(self.told)), key=lambda step: abs(self.told[step] - first))
        assert first == pytest.approx(self.told[step], rel=1e-5)
        assert t.numel() in (1, len(x))
        assert (t == first).all()
        self.seen.append((step, x.mean().item(), x.var().item()))
        kept = self.alpha_bar[step]
        return (x - kept**0.5 * self.shade) / (1 - kept) ** 0.5 + self.nothing


def check_sampler(student: Any) -> None:
    """With the exact predictor for images of one shade, mean and variance of every x_t are known."""
    diffuser, shade, steps = diffuser_of(student, 0.001, 0.2, 20), 0.6, 20
    betas, kept = curve(diffuser, "betas"), curve(diffuser, "alpha_bar")
    tells = [told(student, kept, step) for step in range(steps)]
    oracle = passing_for(student.UNet, _Oracle)(kept, shade, tells)
    start = kept[-1] ** 0.5 * shade + (1 - kept[-1]) ** 0.5 * torch.randn(64, 1, 28, 28)
    samples = student.generate_samples(start, oracle, 64, steps, diffuser, "cpu")

    assert samples.shape == (64, 1, 28, 28)
    assert not samples.requires_grad
    assert samples.mean().item() == pytest.approx(shade, abs=2e-3)
    assert samples.var().item() == pytest.approx(0, abs=1e-6) or samples.var().item() == pytest.approx(
        betas[0], rel=0.05
    )
    assert oracle.seen
    for begin in range(0, len(oracle.seen), steps):  # some walk with a part of the images at a time
        walk = oracle.seen[begin : begin + steps]
        assert [step for step, _, _ in walk] == list(range(steps - 1, -1, -1))
        assert [mean for _, mean, _ in walk] == pytest.approx(
            [kept[step] ** 0.5 * shade for step in reversed(range(steps))], abs=0.02
        )
        variances = [variance for _, _, variance in walk]
        assert any(
            variances == pytest.approx(_variances(betas, kept, spread), rel=0.05)
            for spread in ("beta", "posterior")
        )


def _variances(betas: list[float], kept: list[float], spread: str) -> list[float]:
    """Variance of x_t on the way down, from the posterior of a known x_0 (eq. 7 of the paper)."""
    values = [1 - kept[-1]]
    for t in range(len(betas) - 1, 0, -1):
        posterior = betas[t] * (1 - kept[t - 1]) / (1 - kept[t])
        share = (1 - betas[t]) ** 0.5 * (1 - kept[t - 1]) / (1 - kept[t])  # of x_t in the mean of x_{t-1}
        values.append(share**2 * values[-1] + (betas[t] if spread == "beta" else posterior))
    return values


def definitions(cells: Iterable[tuple[str, str]], name: str = "notebook") -> types.ModuleType:
    """A module with everything that the cells define, the runs left out."""
    module = types.ModuleType(f"corpus_{name}")
    sys.modules[module.__name__] = module  # dataclasses look their module up
    for number, (part, source) in enumerate(cells):
        if part != "run":
            text, place = plain(source), f"<{name}, cell {number}>"
            lines = text.splitlines(keepends=True)
            linecache.cache[place] = (len(text), None, lines, place)  # TorchScript reads it
            exec(compile(text, place, "exec", dont_inherit=True), module.__dict__)
    return module


def plain(source: str) -> str:
    """The source without what only a notebook understands: magics, shell commands, question marks."""
    lines = (
        re.sub(r"(?m)^(\s*)([%!].*|.*=\s*[!%]\w.*|[\w.]+\?+)$", r"\1pass", line)
        for line in source.splitlines()
    )
    return "\n".join(lines)


@functools.cache
def digits_28() -> Tensor:
    """scikit-learn's 8x8 digits, enlarged to 28x28, shuffled."""
    images = pytest.importorskip("sklearn.datasets").load_digits().images
    large = nn.functional.interpolate(torch.tensor(images).float()[:, None] / 16, size=28, mode="bilinear")
    return large[torch.randperm(len(large), generator=torch.Generator().manual_seed(0))]
