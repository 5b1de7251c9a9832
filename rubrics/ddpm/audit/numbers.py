"""The numbers of a DDPM notebook: schedule, forward process, network, training and samples, each by itself.

The plain interpreter of ``grader/audit/numbers`` executes the notebook and then calls these functions. They share
no code with the rubric's probes: parts are called with the handout's arguments, as the handout's cells call them.

A quantity "alone" is computed with plain stand-ins for the other parts, one "together" with the notebook's own.
So a mistake in one part changes what is alone of that part only.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torchvision
import tqdm
import tqdm.notebook
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from grader.audit.numbers.execution import Notebook

T = 12
BETAS = {"start_beta": 0.002, "end_beta": 0.3, "total_steps": T, "device": torch.device("cpu")}
STEPS = (0, 1, 5, 10, 11)
FORMS: tuple[Callable[[list[int]], Any], ...] = (
    lambda t: torch.tensor(t, dtype=torch.float32).view(-1, 1),
    lambda t: torch.tensor(t),
    lambda t: torch.tensor(t, dtype=torch.float32),
)


def prepare() -> None:
    """Serve a few images in place of MNIST, draw no figures, and warm up what is slow the first time."""
    torchvision.datasets.MNIST = _FewDigits
    import matplotlib.figure
    import matplotlib.pyplot as plt

    plt.tight_layout = plt.show = lambda *given, **named: None
    matplotlib.figure.Figure.tight_layout = lambda *given, **named: None
    torch.cuda.is_available = lambda: False
    torch.Tensor.cuda = nn.Module.cuda = lambda self, *given, **named: self
    tqdm.notebook.tqdm = tqdm.tqdm
    net = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU(), nn.ConvTranspose2d(4, 1, 2, 2))
    torch.optim.Adam(net.parameters())
    net(torch.zeros(2, 1, 28, 28)).sum().backward()


def measure(notebook: Notebook) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield the name of each quantity, and the function that computes it."""
    parts = _Parts(notebook.names)
    for curve in ("betas", "alphas", "alpha_bar"):
        yield f"schedule.{curve}", lambda curve=curve: getattr(parts.diffuser(), curve)
    for t in STEPS:
        yield f"forward.{t}", lambda t=t: _diffused(parts.diffuser(), [t] * 3)
    yield "forward.mixed", lambda: _diffused(parts.diffuser(), [3, 0, 11])
    yield "forward.colour", lambda: _diffused(parts.diffuser(), [2, 7, 9], channels=3)
    yield "forward.twice", lambda: _diffused_twice(parts.diffuser())
    for channels in (1, 3):
        yield f"network.{channels}", lambda channels=channels: _predictions(parts.network(channels), channels)
    yield "train.alone", lambda: _train(parts, _Network(), _Diffuser())
    yield "train.together", lambda: _train(parts, parts.network(1), parts.diffuser())
    yield "train.alone_calls", lambda: _calls(lambda network: _train(parts, network, _Diffuser()))
    yield "sampler.alone", lambda: _samples(parts, _Network(), _Diffuser())
    yield "sampler.alone_many", lambda: _samples(parts, _Network(), _Diffuser(), count=7)
    yield "sampler.alone_shape", lambda: list(_samples(parts, _Network(), _Diffuser()).shape)
    yield "sampler.alone_calls", lambda: _calls(lambda network: _samples(parts, network, _Diffuser()))
    yield "sampler.together", lambda: _samples(parts, parts.network(1), parts.diffuser())


class _Parts:
    """The notebook's parts, by the handout's names."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.names = names

    def diffuser(self) -> Any:
        return call(self.names["NoiseDiffuser"], BETAS | _network_wanted(self.names["NoiseDiffuser"]))

    def network(self, channels: int) -> nn.Module:
        network = call(self.names["UNet"], {"in_channels": channels, "out_channels": 1})
        set_parameters(network)
        return network


def call(
    function: Callable[..., Any], given: dict[str, Any], *, like: Callable[..., Any] | None = None
) -> Any:
    """Call a function with the handout's arguments: by name where it has those names, else in their order.

    Args:
        function: a function, class or module.
        given: the arguments, by the handout's names, in its order.
        like: the method that declares the parameters, for a module.
    """
    try:
        signature = inspect.signature(like or function)
    except (TypeError, ValueError):
        return function(*given.values())
    parameters = list(signature.parameters.values())
    named = {each.name for each in parameters if each.kind != each.POSITIONAL_ONLY}
    takes_any = any(each.kind == each.VAR_POSITIONAL for each in parameters)
    by_name = ((), {name: value for name, value in given.items() if name in named})
    in_order = (tuple(given.values()), {})
    ways = (
        *([in_order, by_name] if takes_any else [by_name, in_order]),
        *_mixed(parameters, given),
        ((), given),
    )
    for args, kwargs in ways:
        try:
            signature.bind(*args, **kwargs)
        except TypeError:
            continue
        return function(*args, **kwargs)
    return function(*given.values())


def _mixed(
    parameters: Sequence[inspect.Parameter], given: dict[str, Any]
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Yield the arguments in their order, those that can only be named by name."""
    only = {each.name for each in parameters if each.kind == each.KEYWORD_ONLY}
    yield (
        tuple(value for name, value in given.items() if name not in only),
        {name: value for name, value in given.items() if name in only},
    )
    places = sum(each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD) for each in parameters)
    yield tuple(given.values())[:places], {}


def _network_wanted(function: Callable[..., Any]) -> dict[str, Any]:
    """Return a network for the constructor of a diffuser that is built around one."""
    try:
        names = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return {}
    return {name: _Network() for name in names if "model" in name or "net" in name}


def set_parameters(network: nn.Module) -> None:
    """Set the weights by a rule of their shape, and of their order among those of one shape."""
    seen: dict[tuple[int, ...], int] = {}
    with torch.no_grad():
        for values in network.parameters():
            shape = tuple(values.shape)
            number = seen[shape] = seen.get(shape, -1) + 1
            inputs = max(1, values[0].numel()) if values.ndim > 1 else 4
            index = torch.arange(values.numel(), dtype=torch.float64)
            wave = torch.sin(1.7 * index + 0.9 * index.sqrt() + 2.3 * number + 0.7) * (2.0 / inputs) ** 0.5
            if values.ndim == 1:
                wave = 0.1 * wave + (1.0 if _is_scale(network, values) else 0.0)
            values.copy_(wave.reshape(shape))


def _is_scale(network: nn.Module, values: nn.Parameter) -> bool:
    kinds = (nn.GroupNorm, nn.LayerNorm, nn.BatchNorm1d, nn.BatchNorm2d)
    return any(isinstance(one, kinds) and one.weight is values for one in network.modules())


def _diffused(diffuser: Any, t: list[int], channels: int = 1) -> Any:
    images = _pictures(len(t), channels)
    try:
        return call(diffuser.noise_diffusion, {"image": images, "t": t})
    except (TypeError, AttributeError, IndexError, RuntimeError):
        return call(diffuser.noise_diffusion, {"image": images, "t": torch.tensor(t)})


def _diffused_twice(diffuser: Any) -> list[Any]:
    """Return two results of one diffuser, whose noise must not be the same."""
    return [_diffused(diffuser, [4, 8]), _diffused(diffuser, [4, 8])]


def _predictions(network: nn.Module, channels: int) -> Any:
    network.eval()
    images = _pictures(4, channels) - 0.5
    return _first_that_works(
        lambda form: call(network, {"x": images, "t": form([0, 3, 11, 7])}, like=network.forward)
    )


def _first_that_works(compute: Callable[[Callable[[list[int]], Any]], Any]) -> Any:
    """Return the result with the first form of the steps that the network accepts."""
    error: Exception | None = None
    for form in FORMS:
        try:
            return compute(form)
        except Exception as new:  # noqa: BLE001  whatever the notebook raises
            error = error or new
    assert error is not None
    raise error


def _train(parts: _Parts, network: nn.Module, diffuser: Any) -> list[Any]:
    """Return the losses of two epochs of three batches, and the weights after them."""
    pictures, labels = _pictures(12, 1), torch.arange(12) % 10
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05, momentum=0.5)
    given = {
        "model": network,
        "train_loader": DataLoader(TensorDataset(pictures[:8], labels[:8]), batch_size=3),
        "val_loader": DataLoader(TensorDataset(pictures[8:], labels[8:]), batch_size=3),
        "optimizer": optimizer,
        "criterion": nn.MSELoss(),
        "device": torch.device("cpu"),
        "num_epochs": 2,
        "diffuser": diffuser,
        "totalTrainingTimesteps": T,
    }
    losses = call(parts.names["train"], given)
    return [losses, [each.detach() for each in network.parameters()]]


def _samples(parts: _Parts, network: nn.Module, diffuser: Any, count: int = 3) -> Any:
    network.eval()
    given = {
        "x_t": torch.randn(count, 1, 28, 28),
        "model": network,
        "num_samples": count,
        "total_timesteps": T,
        "diffuser": diffuser,
        "device": torch.device("cpu"),
    }
    return call(parts.names["generate_samples"], given)


def _pictures(count: int, channels: int) -> torch.Tensor:
    """Return images with values in [0, 1] and a shape of their own each, (count, channels, 28, 28)."""
    y, x = torch.meshgrid(torch.linspace(0, 3, 28), torch.linspace(0, 3, 28), indexing="ij")
    waves = [torch.sin((1 + 0.3 * i) * x + 0.7 * i * y + c) for i in range(count) for c in range(channels)]
    return (torch.stack(waves).view(count, channels, 28, 28) + 1) / 2


def _calls(use: Callable[[nn.Module], Any]) -> list[Any]:
    """Return the mode of the network, and whether gradients were recorded, at each call."""
    network = _Network()
    use(network)
    return network.calls


class _Network(nn.Module):
    """A stand-in that takes steps in any form; its output depends on image, step and two weights."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[int, bool, bool]] = []
        self.gain, self.shift = nn.Parameter(torch.tensor(0.4)), nn.Parameter(torch.tensor(0.1))

    def forward(self, x: torch.Tensor, t: Any = None) -> torch.Tensor:
        self.calls.append((len(x), self.training, torch.is_grad_enabled()))
        step = torch.as_tensor(t).to(x).reshape(-1)
        step = step.expand(len(x)) if step.numel() == 1 else step
        return self.gain * x + self.shift * (1 + step.view(-1, 1, 1, 1) / T) + 0.05 * x.roll(1, -1)


class _Diffuser:
    """A stand-in with the handout's attributes and arguments."""

    def __init__(self) -> None:
        self.start_beta, self.end_beta, self.total_steps = 0.002, 0.3, T
        self.device = torch.device("cpu")
        self.betas = torch.linspace(0.002, 0.3, T)
        self.alphas = 1 - self.betas
        self.alpha_bar = torch.cumprod(self.alphas, dim=0)

    def noise_diffusion(self, image: torch.Tensor, t: Any) -> tuple[torch.Tensor, torch.Tensor]:
        kept = self.alpha_bar[torch.as_tensor(t, dtype=torch.long)].view(-1, 1, 1, 1)
        noise = torch.randn_like(image)
        return kept.sqrt() * image + (1 - kept).sqrt() * noise, noise


class _FewDigits(TensorDataset):
    """Forty images in place of MNIST."""

    def __init__(self, root: Any = None, train: bool = True, transform: Any = None, **named: Any) -> None:
        self.transform = transform
        self.data = (_pictures(40, 1)[:, 0] * 255).to(torch.uint8)
        self.targets = torch.arange(40) % 10
        super().__init__(_pictures(40, 1), self.targets)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        from PIL import Image

        picture = Image.fromarray(self.data[index].numpy())
        return (self.transform(picture) if self.transform else picture), int(self.targets[index])
