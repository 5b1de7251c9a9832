"""Constructors with fewer, more, reordered or renamed parameters are called as they are meant."""

from __future__ import annotations

import pytest
from corpus import CORPUS
from variants import changed_cells, grade_cells
from warm import lost

from grader.audit.corpus import notebook
from grader.audit.warm import WarmGrader
from grader.options import Options

HANDOUT_SIGNATURE = 'def __init__(self, start_beta, end_beta, total_steps, device="cpu"):'


@pytest.mark.slow
@pytest.mark.parametrize(
    "signature",
    [
        "def __init__(self, start_beta, end_beta, total_steps):\n        device = 'cpu'",
        "def __init__(self, total_steps, start_beta, end_beta, device='cpu'):",
        "def __init__(self, a, b, T, device):\n        start_beta, end_beta, total_steps = a, b, T",
        "def __init__(self, start_beta, end_beta, total_steps, device='cpu', schedule='linear'):",
        "def __init__(self, num_train_timesteps=1000, beta_start=1e-4, final_beta=0.02, device='cpu'):\n"
        "        start_beta, end_beta, total_steps = beta_start, final_beta, num_train_timesteps",
    ],
)
def test_another_signature_loses_no_points(warm: WarmGrader, signature: str) -> None:
    cells = [cell.source.replace(HANDOUT_SIGNATURE, signature) for cell in CORPUS.base]
    assert signature in "".join(cells)
    assert lost(warm.grade(notebook(cells), Options(quick=True))) == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("signature", "call"),
    [
        ("self, image, *, t", "image=images, t=steps"),
        ("self, *, t, image, noise=None", "image=images, t=steps"),
        ("self, *, timesteps, batch", "batch=images, timesteps=steps"),
    ],
)
def test_arguments_of_the_forward_process_may_only_have_names(
    warm: WarmGrader, signature: str, call: str
) -> None:
    renamed = "image, t = batch, timesteps\n        " if "batch" in signature else ""
    in_class = [
        ("noise_diffusion(self, image, t)", f"noise_diffusion({signature})"),
        ("image = image.to(self.device)", f"{renamed}image = image.to(self.device)"),
    ]
    held_out = call.replace("images", "held_out").replace("=steps", "=ts")
    in_train = [
        ("noise_diffusion(images, steps)", f"noise_diffusion({call})"),
        ("noise_diffusion(held_out, ts)", f"noise_diffusion({held_out})"),
    ]
    cells = changed_cells(diffuser=in_class, train=in_train)
    assert lost(grade_cells(warm, cells, "forward")) == {}


NETWORK_SIGNATURE = "def __init__(self, in_channels, out_channels):"
FIRST_LAYER = "self.enter = self.two_convs(in_channels, 16)"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("signature", "use"),
    [
        ("def __init__(self, in_ch=1, width=16, out_c=1):", ""),
        ("def __init__(self, width=16):", ""),
        ("def __init__(self, steps, width):", "T, width = 50, 16\nnet = UNet(T, width=width).to(device)"),
        ("def __init__(self, steps, width, channels):", "net = UNet(50, 16, channels=1)\nnet = UNet(*sizes)"),
    ],
)
def test_a_network_is_built_by_keyword_or_as_in_the_notebook(
    warm: WarmGrader, signature: str, use: str
) -> None:
    """A width or a number of steps is never set to 1: GroupNorm(4, 1) would fail."""
    channels = next((name for name in ("in_ch", "channels") if name in signature), "1")
    outs = "out_c" if "out_c" in signature else "1"
    layer = f"self.enter = nn.Sequential(self.two_convs({channels}, width), nn.GroupNorm(4, width))"
    changes = [
        (NETWORK_SIGNATURE, signature),
        (FIRST_LAYER, layer),
        ("16, out_channels,", f"16, {outs},"),
    ]
    grade = grade_cells(warm, [*changed_cells(unet=changes), use], "unet")
    expected = [] if channels != "1" else ["unet.shape_3ch"]
    assert list(lost(grade)) == expected
    if expected:
        assert "expected input[32, 3, 28, 28] to have 1 channels" in lost(grade)["unet.shape_3ch"]


SAMPLER_SIGNATURE = "def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):"


@pytest.mark.slow
def test_a_parameter_is_known_by_what_the_sampler_does_with_it(warm: WarmGrader) -> None:
    """Of four parameters one has a name of its own: it is where betas and alphas come from."""
    cells = changed_cells(
        sampler=[
            (SAMPLER_SIGNATURE, "def generate_samples(model, num_samples, plan, device):"),
            ("x_t = x_t.to(device)", "x_t = torch.randn(num_samples, 1, 28, 28, device=device)"),
            ("range(total_timesteps", "range(len(plan.betas)"),
            (
                "diffuser.alphas[step], diffuser.betas[step], diffuser.alpha_bar[step]",
                "plan.alphas[step], plan.betas[step], plan.alpha_bar[step]",
            ),
        ]
    )
    assert lost(grade_cells(warm, cells, "sample")) == {}


@pytest.mark.slow
def test_a_parameter_that_nothing_explains_is_named(warm: WarmGrader) -> None:
    cells = changed_cells(
        sampler=[(SAMPLER_SIGNATURE, SAMPLER_SIGNATURE.replace("x_t, model", "x_t, model, flavour, mood"))]
    )
    message = lost(grade_cells(warm, cells, "sample"))["sample.formula"]
    assert (
        "generate_samples requires flavour and mood, but it is called with the handout's arguments: x_t"
        in message
    )


@pytest.mark.slow
def test_the_error_is_that_of_the_form_of_t_that_came_furthest(warm: WarmGrader) -> None:
    """An embedding refuses t as float (B, 1); as long (B,) it is accepted, and a layer further down fails."""
    cells = changed_cells(
        unet=[
            (
                "self.time2 = self.time_mlp(64)",
                "self.known = nn.Embedding(1000, 64)\n        self.even = nn.LayerNorm(32)",
            ),
            ("t = t.float().view(-1, 1)", "told = self.known(t)\n        x = self.even(x)"),
        ]
    )
    message = lost(grade_cells(warm, cells, "unet.shape_1ch"))["unet.shape_1ch"]
    assert "normalized_shape=[32]" in message
    assert "Long" not in message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameters", "training"),
    [
        ("model, dataset, val_dataset, optimizer", "DataLoader(dataset, batch_size=64, shuffle=True)"),
        ("model, training_set, val_dataset, optimizer", "DataLoader(dataset=training_set, batch_size=32)"),
    ],
)
def test_a_train_that_builds_its_own_loaders_loses_no_points(
    warm: WarmGrader, parameters: str, training: str
) -> None:
    """A data set knows its images: the losses are averaged over them."""
    name = parameters.split(", ")[1]
    cells = changed_cells(
        train=[
            ("model, train_loader, val_loader, optimizer", parameters),
            (
                "    train_losses, val_losses = [], []",
                f"    from torch.utils.data import DataLoader\n    train_loader = {training}\n"
                "    val_loader = DataLoader(val_dataset, 64)\n    train_losses, val_losses = [], []",
            ),
            ("running += loss.item()", "running += loss.item() * len(images)"),
            ("running / len(train_loader)", f"running / len({name})"),
        ]
    )
    assert lost(grade_cells(warm, cells, "train")) == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("parameters", "whole"),
    [("model, images, optimizer", "images"), ("model, train_loader, optimizer", "train_loader.dataset")],
)
def test_a_train_that_splits_its_data_set_loses_no_points(
    warm: WarmGrader, parameters: str, whole: str
) -> None:
    """The smaller part takes the place of the validation batches."""
    split = f"torch.utils.data.random_split({whole}, [0.9, 0.1])"
    cells = changed_cells(
        train=[
            ("model, train_loader, val_loader, optimizer", parameters),
            (
                "    train_losses, val_losses = [], []",
                f"    from torch.utils.data import DataLoader\n    larger, smaller = {split}\n"
                "    train_loader, val_loader = DataLoader(larger, 64), DataLoader(smaller, 64)\n"
                "    train_losses, val_losses = [], []",
            ),
        ]
    )
    assert lost(grade_cells(warm, cells, "train")) == {}


@pytest.mark.slow
def test_the_ends_of_a_schedule_are_known_by_what_is_done_with_them(warm: WarmGrader) -> None:
    slip = [
        ("self, start_beta, end_beta, total_steps,", "self, small, large, many,"),
        ("assert start_beta < end_beta < 1.0", "pass"),
        ("self.start_beta = start_beta", "self.start_beta = small"),
        ("self.end_beta = end_beta", "self.end_beta = large"),
        ("self.total_steps = total_steps", "self.total_steps = many"),
        ("self.linear_scheduler().to(device)", "torch.linspace(small, large, many)"),
    ]
    assert lost(grade_cells(warm, changed_cells(diffuser=slip), "schedule")) == {}
