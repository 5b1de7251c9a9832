"""Short notebooks that define what the ddpm rubric wants, and their extraction."""

from __future__ import annotations

from pathlib import Path

import nbformat

from grader.audit.corpus import notebook
from grader.extraction.extract import extract
from grader.extraction.student_source import StudentSource
from grader.notebook.submission import read_notebook
from grader.rubric import Rubric

RUBRIC = Rubric.load("ddpm")
OWN_NAMES = {name: name for name in RUBRIC.wanted}
DIFFUSER = """\
class NoiseDiffuser:
    def __init__(self, start_beta, end_beta, total_steps, device='cpu'):
        self.betas = torch.linspace(start_beta, end_beta, total_steps)
    def noise_diffusion(self, image, t):
        noise = torch.randn_like(image)
        return image, noise"""
UNET = """\
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    def forward(self, x, t):
        return self.conv(x)"""
TRAIN = """\
def train(model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, T):
    for image, _ in train_loader:
        noisy, noise = diffuser.noise_diffusion(image, [0])
        criterion(model(noisy, 0), noise).backward()"""
SAMPLE = """\
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    for t in reversed(range(total_timesteps)):
        x_t = x_t - diffuser.betas[t] * model(x_t, t) + torch.randn_like(x_t)
    return x_t"""
IMPORTS = "import torch\nfrom torch import nn"


def extract_cells(
    folder: Path, *cells: str, files: dict[str, str] | None = None, **mapped: str
) -> StudentSource:
    """Write a notebook with these cells and ``files`` beside it, and extract the rubric's definitions."""
    for name, text in (files or {}).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    nbformat.write(notebook(list(cells)), folder / "student.ipynb")
    submission = read_notebook(folder / "student.ipynb", "student")
    return extract(submission, RUBRIC.wanted, RUBRIC.shapes, mapped)


def names_found(source: StudentSource) -> dict[str, str]:
    """The notebook's own name for each definition that was found."""
    return {definition.name: definition.found for definition in source.definitions}
