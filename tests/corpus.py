"""Notebooks with a known grade: right solutions in many styles, and right solutions with one slip each."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

SOLUTIONS = Path(__file__).parent / "solutions"
PARTS = ("setup", "diffuser", "unet", "train", "sampler")
RUN = "run"  # a cell of this name works at top level: it stands in the notebook, and no test executes it

_MARKER = re.compile(r"^# %%[ \t]+(\w+)[ \t]*$", re.MULTILINE)


class Cell(NamedTuple):
    """A code cell and the part it plays; several cells may play the same part, and the last one counts."""

    part: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """A slip in the base solution, and the criterion that ought to name it."""

    name: str
    part: str
    old: str  # occurs exactly once in the part
    new: str
    loses: frozenset[str]

    def cells(self) -> list[Cell]:
        """The base solution with this slip in it."""
        return [Cell(part, self._slip(source) if part == self.part else source) for part, source in base()]

    def notebook(self) -> NotebookNode:
        """The base solution with this slip in it, as handed in."""
        return notebook([source for _, source in self.cells()])

    def _slip(self, source: str) -> str:
        if (times := source.count(self.old)) != 1:
            raise ValueError(f"{self.name}: {self.old!r} occurs {times} times in part {self.part}, not once")
        return source.replace(self.old, self.new)


def notebook(cells: list[str]) -> NotebookNode:
    """A notebook with these code cells under a title, none of them executed yet."""
    title = new_markdown_cell("# Homework 3: a diffusion model for MNIST")
    kernel = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    body = [title, *(new_code_cell(source) for source in cells)]
    for number, cell in enumerate(body):
        cell["id"] = f"cell-{number}"
    return new_notebook(cells=body, metadata=kernel)


def base() -> list[Cell]:
    """The cells of the plain right solution, in the order of PARTS."""
    return read_cells(SOLUTIONS / "base.py")


def right_cells(name: str) -> list[Cell]:
    """The cells of one right solution: the base's for the parts it leaves out, then its own as they stand."""
    own = read_cells(_path(name))
    if "# base: paper" not in _preamble(name):
        return own
    present = {cell.part for cell in own}
    borrowed = [cell for cell in base() if cell.part not in present]
    return sorted(borrowed + own, key=lambda cell: cell.part != "setup")  # imports first, else as they stand


def own_parts(name: str) -> frozenset[str]:
    """The parts that a right solution does not borrow from the base."""
    return frozenset(cell.part for cell in read_cells(_path(name)))


def reading(name: str) -> str:
    """The accepted reading that a right solution follows: paper, handout_code or handout_text."""
    stated = re.search(r"^# reading: (\w+)$", _preamble(name), re.MULTILINE)
    return stated[1] if stated else "paper"


def wrong(*names: str) -> list[str]:
    """The base solution's sources with several slips at once."""
    slips = [mistake for mistake in MISTAKES if mistake.name in names]
    sources = []
    for part, source in base():
        for slip in slips:
            source = slip._slip(source) if slip.part == part else source
        sources.append(source)
    return sources


def right_names() -> list[str]:
    """The right solutions by name, the base among them."""
    return ["base", *sorted(path.stem for path in (SOLUTIONS / "right").glob("*.py"))]


def right_solutions() -> dict[str, NotebookNode]:
    """Every right solution as handed in; none of them deserves to lose a point."""
    return {name: notebook([source for _, source in right_cells(name)]) for name in right_names()}


def read_cells(path: Path) -> list[Cell]:
    """Split a file at its ``# %% part`` lines; what precedes the first of them is about the file."""
    _, *pieces = _MARKER.split(path.read_text(encoding="utf-8"))
    return [Cell(part, source.strip()) for part, source in zip(pieces[::2], pieces[1::2], strict=True)]


def _path(name: str) -> Path:
    return SOLUTIONS / "base.py" if name == "base" else SOLUTIONS / "right" / f"{name}.py"


def _preamble(name: str) -> str:
    return _MARKER.split(_path(name).read_text(encoding="utf-8"))[0]


def _slips(part: str, *rows: tuple[str, str, str, str]) -> tuple[Mistake, ...]:
    """One mistake per row: its name, the criteria it loses, what the base says, what the student wrote."""
    return tuple(
        Mistake(name=name, part=part, old=old, new=new, loses=frozenset(loses.split()))
        for name, loses, old, new in rows
    )


_LINSPACE = "torch.linspace(self.start_beta, self.end_beta, self.total_steps)"
_ALPHA_BAR = "torch.cumprod(self.alphas, dim=0)"
_KEPT = "self.alpha_bar[t].view(-1, 1, 1, 1)"
_DRAWN = "noise = torch.randn_like(image)"
_RETURNED = "return diffused, noise"
_TIMES = "t = t.float().view(-1, 1)"
_OUTER, _INNER = "torch.cat([y, full], dim=1)", "torch.cat([y, half], dim=1)"
_LOSS = "criterion(predicted, noise)"
_STEPS = "steps = torch.randint(0, totalTrainingTimesteps, (len(images),)).tolist()"
_BACKWARDS = "range(total_timesteps - 1, -1, -1)"
_MEAN = "shrink * (x_t - share * eps)"
_Z = "z = torch.randn_like(x_t) if step > 0 else torch.zeros_like(x_t)"

# alphas are judged by the student's own betas, alpha_bar by the student's own alphas.
_SCHEDULE = _slips(
    "diffuser",
    (
        "betas_reversed",
        "schedule.betas",
        _LINSPACE,
        "torch.linspace(self.end_beta, self.start_beta, self.total_steps)",
    ),
    (
        "betas_logarithmic",
        "schedule.betas",
        _LINSPACE,
        "self.start_beta * (self.end_beta / self.start_beta) ** torch.linspace(0, 1, self.total_steps)",
    ),
    (
        "betas_linear_in_root",
        "schedule.betas",
        _LINSPACE,
        "torch.linspace(self.start_beta**0.5, self.end_beta**0.5, self.total_steps) ** 2",
    ),
    ("betas_without_end", "schedule.betas", _LINSPACE, f"{_LINSPACE[:-1]} + 1)[:-1]"),
    ("betas_one_too_few", "schedule.betas", _LINSPACE, f"{_LINSPACE[:-1]} - 1)"),
    ("alphas_are_betas", "schedule.alphas", "self.alphas = 1 - self.betas", "self.alphas = self.betas"),
    ("alpha_bar_sums", "schedule.alpha_bar", _ALPHA_BAR, "torch.cumsum(self.alphas, dim=0)"),
    ("alpha_bar_of_betas", "schedule.alpha_bar", _ALPHA_BAR, "torch.cumprod(self.betas, dim=0)"),
    ("alpha_bar_is_alphas", "schedule.alpha_bar", _ALPHA_BAR, "self.alphas"),
)

# A wrong step shows in both coefficients; the noise's is judged by what the image's implies, so it costs one.
_FORWARD = _slips(
    "diffuser",
    ("image_root_missing", "forward.image_coefficient", "signal = kept.sqrt()", "signal = kept"),
    ("image_root_twice", "forward.image_coefficient", "kept.sqrt()", "kept.sqrt().sqrt()"),
    ("alpha_for_alpha_bar", "forward.image_coefficient", _KEPT, "self.alphas[t].view(-1, 1, 1, 1)"),
    (
        "one_step_late",
        "forward.image_coefficient",
        _KEPT,
        "self.alpha_bar[(t - 1).clamp(min=0)].view(-1, 1, 1, 1)",
    ),
    ("noise_root_missing", "forward.noise_coefficient", "(1 - kept).sqrt()", "1 - kept"),
    ("noise_at_full_strength", "forward.noise_coefficient", "spread * noise", "noise"),
    ("noise_uniform", "forward.noise_distribution", _DRAWN, "noise = torch.rand_like(image)"),
    (
        "noise_uniform_unit_variance",
        "forward.noise_distribution",
        _DRAWN,
        "noise = (torch.rand_like(image) - 0.5) * 12**0.5",
    ),
    (
        "noise_same_for_the_batch",
        "forward.noise_distribution",
        _DRAWN,
        "noise = torch.randn_like(image[:1]).expand_as(image)",
    ),
    (
        "noise_same_every_call",
        "forward.noise_distribution",
        _DRAWN,
        "noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0)).to(image.device)",
    ),
    ("first_t_for_all", "forward.batched_t", _KEPT, "self.alpha_bar[t[0]].view(-1, 1, 1, 1)"),
    ("noise_returned_fresh", "forward.noise_returned", _RETURNED, "return diffused, torch.randn_like(image)"),
    ("noise_returned_negated", "forward.noise_returned", _RETURNED, "return diffused, -noise"),
    ("noise_returned_is_noisy_image", "forward.noise_returned", _RETURNED, "return diffused, diffused"),
    ("noise_returned_is_image", "forward.noise_returned", _RETURNED, "return diffused, image"),
)

_NETWORK = _slips(
    "unet",
    ("outer_skip_zeros", "unet.skip_level1", _OUTER, "torch.cat([y, torch.zeros_like(y)], dim=1)"),
    ("outer_skip_times_zero", "unet.skip_level1", _OUTER, "torch.cat([y, 0 * full], dim=1)"),
    ("outer_skip_is_decoder", "unet.skip_level1", _OUTER, "torch.cat([y, y], dim=1)"),
    ("outer_skip_detached_shape", "unet.skip_level1", _OUTER, "torch.cat([y, torch.ones_like(full)], dim=1)"),
    ("inner_skip_zeros", "unet.skip_level2", _INNER, "torch.cat([y, torch.zeros_like(y)], dim=1)"),
    ("inner_skip_times_zero", "unet.skip_level2", _INNER, "torch.cat([y, half * 0.0], dim=1)"),
    ("inner_skip_is_decoder", "unet.skip_level2", _INNER, "torch.cat([y, y], dim=1)"),
    ("inner_skip_noise", "unet.skip_level2", _INNER, "torch.cat([y, torch.randn_like(half)], dim=1)"),
    ("time_ignored", "unet.time_conditioning", _TIMES, "t = torch.zeros(len(x), 1, device=x.device)"),
    ("time_times_zero", "unet.time_conditioning", _TIMES, f"{_TIMES} * 0"),
    ("one_channel_only", "unet.shape_3ch", "self.two_convs(in_channels, 16)", "self.two_convs(1, 16)"),
    (
        "three_channels_out",
        "unet.shape_3ch",
        "16, out_channels, kernel_size=1",
        "16, self.enter[0].in_channels, kernel_size=1",
    ),
    (
        "output_cropped",
        "unet.shape_1ch unet.shape_3ch",
        "return self.leave(y)",
        "return self.leave(y)[:, :, :, :27]",
    ),
)

_TRAINING = _slips(
    "train",
    ("loss_against_clean_image", "train.loss_target", _LOSS, "criterion(predicted, images)"),
    ("loss_against_noisy_image", "train.loss_target", _LOSS, "criterion(predicted, noisy)"),
    ("loss_against_fresh_noise", "train.loss_target", _LOSS, "criterion(predicted, torch.randn_like(noise))"),
    ("loss_against_itself", "train.loss_target", _LOSS, "criterion(noise, noise + 0 * predicted)"),
    ("step_missing", "train.optimizer_step", "optimizer.step()", "pass  # TODO"),
    ("backward_missing", "train.optimizer_step", "loss.backward()", "pass  # TODO"),
    ("zero_grad_missing", "train.zero_grad", "optimizer.zero_grad()", "pass  # TODO"),
    (
        "zero_grad_before_step",
        "train.optimizer_step",
        "loss.backward()",
        "loss.backward(); optimizer.zero_grad()",
    ),
    ("t_constant", "train.random_t", _STEPS, "steps = [totalTrainingTimesteps // 2] * len(images)"),
    ("t_last_only", "train.random_t", _STEPS, "steps = [totalTrainingTimesteps - 1] * len(images)"),
    (
        "t_of_a_few",
        "train.random_t",
        "steps = torch.randint(0, totalTrainingTimesteps",
        "steps = torch.randint(0, 5",
    ),
    ("eval_missing", "train.eval_mode_no_grad", "model.eval()", "pass  # TODO"),
    ("train_mode_missing", "train.eval_mode_no_grad", "model.train()", "pass  # TODO"),
    (
        "validation_with_gradients",
        "train.eval_mode_no_grad",
        "with torch.no_grad()",
        "with torch.enable_grad()",
    ),
    ("returns_nothing", "train.returns_losses", "return train_losses, val_losses", "return None"),
)

_SAMPLING = _slips(
    "sampler",
    ("steps_ascending", "sample.order", _BACKWARDS, "range(total_timesteps)"),
    ("last_step_left_out", "sample.order", _BACKWARDS, "range(total_timesteps - 1, 0, -1)"),
    ("first_step_left_out", "sample.order", _BACKWARDS, "range(total_timesteps - 2, -1, -1)"),
    ("shrink_missing", "sample.formula", _MEAN, "x_t - share * eps"),
    ("shrink_without_root", "sample.formula", "1 / torch.sqrt(alpha)\n", "1 / alpha\n"),
    ("alpha_for_alpha_bar_in_share", "sample.formula", "torch.sqrt(1 - alpha_bar)", "torch.sqrt(1 - alpha)"),
    ("share_without_root", "sample.formula", "torch.sqrt(1 - alpha_bar)", "(1 - alpha_bar)"),
    ("plus_for_minus", "sample.formula", "x_t - share * eps", "x_t + share * eps"),
    ("z_missing", "sample.noise", _Z, "z = torch.zeros_like(x_t)"),
    ("z_times_beta", "sample.noise", "sigma = torch.sqrt(beta)", "sigma = beta"),
    ("z_uniform", "sample.noise", _Z, "z = torch.rand_like(x_t)"),
    (
        "z_same_every_step",
        "sample.noise",
        _Z,
        "z = torch.randn(x_t.shape, generator=torch.Generator().manual_seed(0)).to(device)",
    ),
    ("gradients_kept", "sample.no_grad_or_detach", "with torch.no_grad()", "with torch.enable_grad()"),
    ("one_sample_only", "sample.shape", "return x_t", "return x_t[:1]"),
    ("samples_squeezed", "sample.shape", "return x_t", "return x_t.squeeze(1)"),
)

MISTAKES: tuple[Mistake, ...] = (*_SCHEDULE, *_FORWARD, *_NETWORK, *_TRAINING, *_SAMPLING)
