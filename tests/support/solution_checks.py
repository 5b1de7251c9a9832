"""Checks of a right solution against numbers worked out by hand; they share no code with the grader."""

from __future__ import annotations

import functools
import inspect
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils import data


def diffuser_of(student: Any, start_beta: float, end_beta: float, total_steps: int) -> Any:
    """Build the student's diffuser by the handout's names; one that wraps a network gets one."""
    schedule = {"start_beta": start_beta, "end_beta": end_beta, "total_steps": total_steps}
    wraps = "eps_model" in inspect.signature(student.NoiseDiffuser).parameters
    network = {"eps_model": student.UNet(in_channels=1, out_channels=1)} if wraps else {}
    if student.__name__ == "corpus_positional_only":
        return student.NoiseDiffuser(*schedule.values(), "cpu")
    return student.NoiseDiffuser(**schedule, **network, device="cpu")


def curve(diffuser: Any, name: str) -> list[float]:
    """Return a curve of the schedule, from any container; ᾱ may be called alphas_prod."""
    values = getattr(diffuser, name) if hasattr(diffuser, name) else diffuser.alphas_prod
    return torch.as_tensor(values).flatten().tolist()


def encode_step(student: Any, alpha_bar: list[float], step: int) -> float:
    """Return the number that a solution passes to its network at a step of a schedule with this ᾱ."""
    match student.__name__:
        case "corpus_told_the_level":
            return alpha_bar[step] ** 0.5
        case "corpus_told_from_minus_one":
            return 2 * step / len(alpha_bar) - 1
    return step


def check_diffuser(student: Any, reading: str) -> None:
    """Check the schedule, the coefficients and the noise; ``reading`` is the formulation it follows."""
    diffuser = diffuser_of(student, 0.001, 0.2, 50)
    betas = [0.001 + (0.2 - 0.001) * i / 49 for i in range(50)]
    products = [1.0]
    for beta in betas:
        products.append(products[-1] * (1 - beta))
    assert curve(diffuser, "betas") == pytest.approx(betas, rel=1e-4)
    assert curve(diffuser, "alphas") == pytest.approx([1 - beta for beta in betas], rel=1e-4)
    assert curve(diffuser, "alpha_bar") == pytest.approx(products[1:], rel=1e-3)

    ab = torch.tensor(products[1:])
    signal, spread, returned = {
        "paper": (ab.sqrt(), (1 - ab).sqrt(), torch.ones(50)),
        "handout_text": (ab, 1 - ab, torch.ones(50)),
        "handout_code": (ab.sqrt().sqrt(), (1 - ab.sqrt()).sqrt(), (1 - ab.sqrt()).sqrt()),
    }[reading]
    image = torch.rand(50, 1, 28, 28)
    t = torch.randperm(50)
    noisy, noise = noisy_and_noise(diffuser.noise_diffusion(image, t.tolist()))
    assert noisy.dtype == noise.dtype == torch.float32
    signal, spread, returned = (values[t].view(-1, 1, 1, 1) for values in (signal, spread, returned))
    torch.testing.assert_close(noisy, signal * image + spread * (noise / returned), atol=2e-4, rtol=1e-3)
    standard = noise / returned
    assert abs(standard.mean()) < 0.02
    assert abs(standard.var() - 1) < 0.03
    assert standard.abs().max() > 3.5  # normal, not uniform
    assert abs((standard[0] * standard[1]).mean()) < 0.2
    again, _ = noisy_and_noise(diffuser.noise_diffusion(image, t.tolist()))
    assert not torch.equal(again, noisy)


def check_network(student: Any) -> None:
    """Check shapes, skip connections and dependence on t, with perturbed weights."""
    for channels in (1, 3):
        network = student.UNet(in_channels=channels, out_channels=1)
        with torch.no_grad():
            for weights in network.parameters():  # a zero-initialised layer would block all paths
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
        assert any(_lowest_output(network, image) < -1 for _ in range(5)), "noise is often below -1"


def _lowest_output(network: nn.Module, image: Tensor) -> float:
    """Return the lowest output under large random weights."""
    with torch.no_grad():
        for weights in network.parameters():
            weights.normal_(0, 0.5)
        return float(network(image, torch.full((len(image), 1), 7.0)).min())


def _bottlenecks(node: Any, known: dict[Any, frozenset[int]]) -> frozenset[int]:
    """Return the set of the smallest resolutions on the paths from this result back to the image.

    The autograd graph only has operations that carry values: a zeros_like of a feature map is not in it.
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
    """Return whether a node multiplies by zeros only."""
    factors = (getattr(node, "_saved_other", None), getattr(node, "_saved_self", None))
    return type(node).__name__ == "MulBackward0" and any(
        factor is not None and not torch.as_tensor(factor).any() for factor in factors
    )


class _Line(nn.Module):
    """A linear network of two weights, whose gradient is known in closed form; records its calls."""

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
        twin.calls = self.calls  # an averaged copy records into the same list
        return twin


class _CheckingSGD(torch.optim.SGD):
    """SGD that compares the gradients with those of the losses since the last step alone, before each step.

    A batch may go through the network in parts, whose losses are weighted by their share of it.
    """

    def __init__(self, line: _Line, targets: list[tuple[Tensor, list[int]]]) -> None:
        super().__init__(line.parameters(), lr=0.1)
        self.line, self.targets, self.steps, self.asked = line, targets, 0, 0

    def step(self, closure: Any = None) -> Any:
        loss = None if closure is None else closure()
        new = list(zip(self.line.calls, self.targets, strict=True))[self.asked :]
        parts = [(call["x"], noise) for call, (noise, _) in new if call["training"]]
        assert parts, "a step without a call of the network in training mode"
        x, noise = (torch.cat(each) for each in zip(*parts, strict=True))
        self.asked = len(self.line.calls)
        off = (self.line.slope * x + self.line.offset - noise).detach()
        due = torch.stack([2 * (off * x).mean(), 2 * off.mean()])
        assert self.line.slope.grad is not None, "a step without a gradient"
        got = torch.stack([self.line.slope.grad, self.line.offset.grad])
        if got.norm() < 0.999 * due.norm():  # clipped to length 1
            due = due / due.norm()
        torch.testing.assert_close(got, due, atol=1e-4, rtol=1e-3)
        self.steps += 1
        super().step()
        return loss


class Loader(list[Any]):
    """A list of batches that passes for a DataLoader."""

    drop_last = False
    __class__ = property(lambda self: data.DataLoader)  # type: ignore[assignment]

    @property
    def dataset(self) -> data.TensorDataset:
        return data.TensorDataset(*(torch.cat(parts) for parts in zip(*self, strict=True)))

    @property
    def sampler(self) -> data.TensorDataset:
        return self.dataset


def check_trainer(student: Any) -> None:
    """Check two epochs of three batches: fresh gradients at each step, and a validation without updates."""
    diffuser, line = diffuser_of(student, 1e-4, 0.1, 100), passing_for(student.UNet, _Line)()
    alpha_bar = curve(diffuser, "alpha_bar")
    targets: list[tuple[Tensor, list[int]]] = []
    noisy_images: list[Tensor] = []
    original = diffuser.noise_diffusion

    def recording(image: Tensor, t: Any, **more: Any) -> Any:
        result = original(image, t, **more)
        noisy, noise = noisy_and_noise(result)
        targets.append((noise, torch.as_tensor(t).tolist()))
        noisy_images.append(noisy)
        return result

    diffuser.noise_diffusion = recording
    optimizer = _CheckingSGD(line, targets)
    batches = Loader([(torch.rand(16, 1, 28, 28), torch.zeros(16)) for _ in range(3)])
    held_out = Loader([(torch.rand(16, 1, 28, 28), torch.zeros(16)) for _ in range(2)])
    losses = student.train(line, batches, held_out, optimizer, nn.MSELoss(), "cpu", 2, diffuser, 100)

    assert isinstance(losses, list | tuple | dict) or getattr(losses, "__dict__", None)
    assert optimizer.steps == 6
    phases = [(call["training"], call["grad"]) for call in line.calls for _ in call["x"]]
    assert phases == ([(True, True)] * 3 * 16 + [(False, False)] * 2 * 16) * 2
    for call, (_, t) in zip(line.calls, targets, strict=True):
        assert call["t"] == pytest.approx([encode_step(student, alpha_bar, step) for step in t], rel=1e-5)
    assert all(torch.equal(call["x"], noisy) for call, noisy in zip(line.calls, noisy_images, strict=True))
    assert targets[0][1] != targets[1][1]
    drawn = [step for _, t in targets for step in t]
    assert min(drawn) >= 0
    assert max(drawn) < 100
    assert len(set(drawn)) > 50
    assert all(len(set(t)) > 5 for _, t in targets)


def noisy_and_noise(result: Any) -> tuple[Tensor, Tensor]:
    """Return what ``noise_diffusion`` returned as a pair; an object has it as ``noisy`` and ``noise``."""
    noisy, noise = (result.noisy, result.noise) if hasattr(result, "noisy") else result
    return noisy, noise


def passing_for(kind: type, base: type) -> Any:
    """Return a subclass of ``base`` whose objects are instances of ``kind`` for ``isinstance``."""
    return type(base.__name__, (base,), {"__class__": property(lambda self: kind)})


class _Oracle(nn.Module):
    """The exact noise predictor for images of one uniform shade."""

    def __init__(self, alpha_bar: list[float], shade: float, encoded: list[float]) -> None:
        super().__init__()
        self.nothing = nn.Parameter(torch.zeros(()))
        self.alpha_bar, self.shade, self.encoded = alpha_bar, shade, encoded
        self.seen: list[tuple[int, float, float]] = []

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        first = float(t.reshape(-1)[0])
        step = min(range(len(self.encoded)), key=lambda step: abs(self.encoded[step] - first))
        assert first == pytest.approx(self.encoded[step], rel=1e-5)
        assert t.numel() in (1, len(x))
        assert (t == first).all()
        self.seen.append((step, x.mean().item(), x.var().item()))
        ab = self.alpha_bar[step]
        return (x - ab**0.5 * self.shade) / (1 - ab) ** 0.5 + self.nothing


def check_sampler(student: Any) -> None:
    """Check mean and variance of every x_t, which are known for the exact predictor."""
    diffuser, shade, steps = diffuser_of(student, 0.001, 0.2, 20), 0.6, 20
    betas, alpha_bar = curve(diffuser, "betas"), curve(diffuser, "alpha_bar")
    encoded = [encode_step(student, alpha_bar, step) for step in range(steps)]
    oracle = passing_for(student.UNet, _Oracle)(alpha_bar, shade, encoded)
    start = alpha_bar[-1] ** 0.5 * shade + (1 - alpha_bar[-1]) ** 0.5 * torch.randn(64, 1, 28, 28)
    rest = {"total_timesteps": steps, "diffuser": diffuser, "device": "cpu"}
    by_name = student.__name__ == "corpus_positional_only"
    samples = student.generate_samples(
        start, oracle, 64, *(() if by_name else rest.values()), **(rest if by_name else {})
    )

    assert samples.shape == (64, 1, 28, 28)
    assert not samples.requires_grad
    assert samples.mean().item() == pytest.approx(shade, abs=2e-3)
    assert samples.var().item() == pytest.approx(0, abs=1e-6) or samples.var().item() == pytest.approx(
        betas[0], rel=0.05
    )
    assert oracle.seen
    for begin in range(0, len(oracle.seen), steps):  # some sample a part of the images at a time
        run = oracle.seen[begin : begin + steps]
        assert [step for step, _, _ in run] == list(range(steps - 1, -1, -1))
        assert [mean for _, mean, _ in run] == pytest.approx(
            [alpha_bar[step] ** 0.5 * shade for step in reversed(range(steps))], abs=0.02
        )
        variances = [variance for _, _, variance in run]
        assert any(
            variances == pytest.approx(_variances(betas, alpha_bar, spread), rel=0.05)
            for spread in ("beta", "posterior")
        )


def _variances(betas: list[float], alpha_bar: list[float], spread: str) -> list[float]:
    """Return the variance of x_t at each step, from the posterior of a known x_0 (eq. 7 of the paper)."""
    values = [1 - alpha_bar[-1]]
    for t in range(len(betas) - 1, 0, -1):
        posterior = betas[t] * (1 - alpha_bar[t - 1]) / (1 - alpha_bar[t])
        share = (
            (1 - betas[t]) ** 0.5 * (1 - alpha_bar[t - 1]) / (1 - alpha_bar[t])
        )  # of x_t in the mean of x_{t-1}
        values.append(share**2 * values[-1] + (betas[t] if spread == "beta" else posterior))
    return values


@functools.cache
def digits_28() -> Tensor:
    """Return scikit-learn's 8x8 digits, enlarged to 28x28 and shuffled, float (N, 1, 28, 28)."""
    images = pytest.importorskip("sklearn.datasets").load_digits().images
    large = nn.functional.interpolate(torch.tensor(images).float()[:, None] / 16, size=28, mode="bilinear")
    return large[torch.randperm(len(large), generator=torch.Generator().manual_seed(0))]
