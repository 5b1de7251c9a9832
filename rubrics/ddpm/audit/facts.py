"""Facts of a solution that an edit may change, computed without the grader: what makes an edit a mistake.

Of diffuser, training and sampler these are the numbers themselves, in a form that leaves out what the handout
leaves open: how often random numbers are drawn or the network is asked the same thing, the scale of the
returned losses, learning rates, the sign of z, and z in the last step, which the handout's own code adds. A
network's numbers say nothing, since its architecture is free; its facts are what the handout asks for: shapes,
skip connections, use of t, and that neither the rest of the batch nor a limit on its values matters.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from grader.audit.numbers.flat import arrays
from grader.audit.numbers.scale_free import courses
from grader.audit.numbers.segments import Segments

SCHEDULE = {"start_beta": 1e-3, "end_beta": 0.2, "total_steps": 12}
CPU = torch.device("cpu")
_FORMS: tuple[Callable[[Tensor], Any], ...] = (
    lambda t: t.float().view(-1, 1),
    lambda t: t,
    lambda t: t.float(),
)


def prepare() -> None:
    """Make ``.cuda()`` harmless, and import what is imported with the first optimizer step."""
    Tensor.cuda = lambda self, *given, **named: self  # type: ignore[method-assign]
    nn.Module.cuda = lambda self, *given, **named: self  # type: ignore[method-assign,assignment]
    network = Small()
    for kind in (torch.optim.SGD, torch.optim.Adam):
        network(torch.zeros(1, 1, 28, 28), torch.zeros(1)).sum().backward()
        kind(network.parameters(), lr=0.1).step()
    for name in ("matplotlib.pyplot", "torchvision", "tqdm.auto", "einops"):
        importlib.import_module(name)


def measure(notebook: Any) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the name of each fact, beginning with its part, and the function that computes it."""
    names, segments = notebook.names, Segments(notebook.script)
    yield "diffuser: schedule", lambda: _schedule(names)
    yield "diffuser: x_t and noise", lambda: _diffused(names, segments)
    yield "diffuser: fresh noise", lambda: _is_fresh(names, segments)
    yield "unet: shapes", lambda: [*_network(names, 1)[1].shape, *_network(names, 3)[1].shape]
    yield "unet: use of t", lambda: _uses_t(names)
    yield "unet: each image alone", lambda: _is_independent(names)
    yield "unet: skips", lambda: _skips(names)
    yield "unet: range", lambda: _range(names)
    trained, sampled = (
        cache(lambda: _trained(names, segments)),
        cache(lambda: _sampled(names, segments)),
    )
    yield "train: weights and losses", lambda: trained()[:2]
    yield "train: calls of the network", lambda: trained()[2]
    yield "sampler: samples", lambda: sampled()[0]
    yield "sampler: calls of the network", lambda: sampled()[1]
    yield "together", lambda: _together(names)


class Small(nn.Module):
    """A network of one layer that notes how it is called; what it is asked twice in a row counts once."""

    def __init__(self, segments: Segments | None = None) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 1, 3, padding=1)
        with torch.no_grad():
            self.layer.weight.copy_(torch.linspace(-0.2, 0.3, 9).view(1, 1, 3, 3))
            self.layer.bias.fill_(0.05)
        self.calls: list[list[float]] = []
        self._segments, self._last = segments, (torch.zeros(0), list[float]())

    def forward(self, x: Tensor, t: Any = None, *others: Any, **named: Any) -> Tensor:
        steps = torch.as_tensor(t).float().reshape(-1)
        steps = steps.expand(len(x)) if steps.numel() == 1 else steps
        call = [float(self.training), float(torch.is_grad_enabled()), *steps.tolist()]
        if not (torch.equal(x, self._last[0]) and call == self._last[1]):
            self.calls.append(call)
            self._last = x.detach().clone(), call
            if self._segments:
                self._segments.advance()
        return self.layer(x) * (1 + 0.05 * steps[: len(x)].view(-1, 1, 1, 1))


class _PlainDescent(torch.optim.SGD):
    """Gradient descent with one learning rate and no momentum, whatever is set."""

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        for group in self.param_groups:
            for weights in group["params"]:
                if weights.grad is not None:
                    weights.add_(weights.grad, alpha=-0.05)


def _diffuser(names: dict[str, Any]) -> Any:
    return names["NoiseDiffuser"](**SCHEDULE, device=CPU)


def _schedule(names: dict[str, Any]) -> list[Tensor]:
    diffuser = _diffuser(names)
    return [torch.as_tensor(getattr(diffuser, name)) for name in ("betas", "alphas", "alpha_bar")]


def _diffused(names: dict[str, Any], segments: Segments) -> list[Any]:
    diffuser = _diffuser(names)
    images = torch.linspace(0, 1, 6 * 784).view(6, 1, 28, 28)
    batches = ([0, 1, 5, 7, 10, 11], [11, 4, 4, 2, 6, 9])
    return [_noised(diffuser, images, steps, segments) for steps in batches]


def _noised(diffuser: Any, images: Tensor, steps: list[int], segments: Segments) -> Any:
    segments.advance()
    try:
        return diffuser.noise_diffusion(images.clone(), steps)
    except Exception:
        return diffuser.noise_diffusion(images.clone(), torch.tensor(steps))


def _is_fresh(names: dict[str, Any], segments: Segments) -> list[bool]:
    """Return whether a second call adds other noise, and whether the images of a batch get different noise."""
    diffuser, images = _diffuser(names), torch.zeros(2, 1, 28, 28)
    first, second = (next(arrays(_noised(diffuser, images, [11, 11], segments))) for _ in range(2))
    return [not np.allclose(first, second), not np.allclose(first.reshape(2, -1)[0], first.reshape(2, -1)[1])]


def _network(names: dict[str, Any], channels: int) -> tuple[Callable[..., Tensor], Tensor]:
    """Return the network as a function of images and whole steps, and one output."""
    network = names["UNet"](channels, 1).eval()
    with torch.no_grad():
        for weights in network.parameters():
            weights.add_(0.01 * torch.randn_like(weights))  # a last layer may begin at zero
    images, steps = _noise(4, channels), torch.tensor([1, 5, 8, 11])
    problem = None
    for form in _FORMS:
        try:
            with torch.no_grad():
                output = network(images, form(steps))
        except Exception as error:
            problem = problem or error
            continue

        def call(x: Tensor, t: Tensor, form: Callable[[Tensor], Any] = form) -> Tensor:
            return network(x, form(t))

        call.network = network  # type: ignore[attr-defined]
        return call, output
    assert problem is not None
    raise problem


def _noise(count: int, channels: int = 1) -> Tensor:
    return torch.randn(count, channels, 28, 28)


def _uses_t(names: dict[str, Any]) -> list[bool]:
    call, output = _network(names, 1)
    x = _noise(4)
    with torch.no_grad():
        early, late = call(x, torch.tensor([0, 0, 0, 0])), call(x, torch.tensor([9, 9, 9, 9]))
        near = call(x, torch.tensor([8, 8, 8, 8]))
    return [bool((early - late).norm() > 1e-5 * late.norm()), bool((near - late).norm() > 1e-6 * late.norm())]


def _is_independent(names: dict[str, Any]) -> list[bool]:
    call, _ = _network(names, 1)
    x, steps = _noise(4), torch.tensor([1, 5, 8, 11])
    with torch.no_grad():
        whole = call(x, steps)
        alone = torch.cat([call(x[n : n + 1], steps[n : n + 1]) for n in range(4)])
    return [whole.shape == alone.shape and torch.allclose(whole, alone, atol=1e-4)]


def _skips(names: dict[str, Any]) -> list[bool]:
    """Return whether features of 28 x 28, and of 14 x 14, reach the output without passing lower ones.

    Gradients are cut at the outputs of all layers that have a lower resolution. What then still has a gradient
    has a way around them.
    """
    call, _ = _network(names, 1)
    leaves = [layer for layer in call.network.modules() if not list(layer.children())]  # type: ignore[attr-defined]
    sizes: list[int] = []

    def note(layer: nn.Module, given: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim == 4:
            sizes.append(output.shape[2])

    handles = [layer.register_forward_hook(note) for layer in leaves]
    call(_noise(1), torch.tensor([3]))
    for handle in handles:
        handle.remove()
    return [_has_way_around(call, leaves, size) for size in (sizes[0], sizes[0] // 2)]


def _has_way_around(call: Callable[..., Tensor], leaves: list[nn.Module], size: int) -> bool:
    entered: list[Tensor] = []
    state = {"below": False}

    def cut(layer: nn.Module, given: Any, output: Tensor) -> Tensor | None:
        if not isinstance(output, Tensor) or output.ndim != 4:
            return None
        if output.shape[2] < size - 3:
            state["below"] = True
            return output.detach()
        if abs(output.shape[2] - size) <= 1 and not state["below"]:
            fresh = output.detach().requires_grad_()  # what the encoder has at this resolution
            entered.append(fresh)
            return fresh + 0
        return None

    handles = [layer.register_forward_hook(cut) for layer in leaves]
    for layer in leaves:
        if hasattr(layer, "inplace"):
            layer.inplace = False
    try:
        output = call(_noise(2), torch.tensor([3, 7]))
        if not entered or not output.requires_grad:
            return False
        gradients = torch.autograd.grad(output.square().sum(), entered, allow_unused=True)
    finally:
        for handle in handles:
            handle.remove()
    return any(gradient is not None and bool(gradient.abs().max() > 0) for gradient in gradients)


def _range(names: dict[str, Any]) -> list[bool]:
    """Return whether the output goes well below and well above 0 once all weights are six times as large."""
    call, _ = _network(names, 1)
    with torch.no_grad():
        for weights in call.network.parameters():  # type: ignore[attr-defined]
            weights.mul_(6)
        output = call(_noise(4), torch.tensor([1, 5, 8, 11]))
    return [bool(output.isfinite().all()), bool(output.min() < -1.2), bool(output.max() > 1.2)]


def _trained(names: dict[str, Any], segments: Segments) -> tuple[list[Tensor], Any, list[list[float]]]:
    network = Small(segments)
    images = torch.rand(10, 4, 1, 28, 28)
    training = [(one, torch.zeros(4, dtype=torch.int64)) for one in images[:6]]
    held_out = [(one, torch.zeros(4, dtype=torch.int64)) for one in images[6:]]
    optimizer = _PlainDescent(network.parameters(), lr=0.05)
    returned = names["train"](
        network, training, held_out, optimizer, nn.MSELoss(), CPU, 2, _diffuser(names), SCHEDULE["total_steps"]
    )
    return [each.detach() for each in network.parameters()], courses(returned), network.calls


def _sampled(names: dict[str, Any], segments: Segments) -> tuple[list[Any], list[list[float]]]:
    """Return the samples without z and the size of what z adds, then the steps passed to the network."""
    start, total = _noise(4), SCHEDULE["total_steps"]
    with_z = []
    for sign in (1, -1):
        network = Small(segments).eval()
        segments.restart(sign=sign, silent_from=int(total))
        samples = names["generate_samples"](start.clone(), network, 4, total, _diffuser(names), CPU)
        with_z.append(np.concatenate([each.ravel() for each in arrays(samples)]))
    plus, minus = with_z
    parts = [plus + minus, np.abs(plus - minus), np.array(np.shape(samples), dtype=float)]
    return [*parts, getattr(samples, "requires_grad", False)], [call[2:] for call in network.calls]


def _together(names: dict[str, Any]) -> list[bool]:
    """Return whether the four parts run with one another and give finite numbers."""
    network = names["UNet"](1, 1)
    batches = [(torch.rand(4, 1, 28, 28), torch.zeros(4, dtype=torch.int64)) for _ in range(2)]
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    names["train"](
        network, batches, batches[:1], optimizer, nn.MSELoss(), CPU, 1, _diffuser(names), SCHEDULE["total_steps"]
    )
    network.eval()
    samples = names["generate_samples"](_noise(2), network, 2, 3, _diffuser(names), CPU)
    return [bool(torch.as_tensor(samples).isfinite().all())]
