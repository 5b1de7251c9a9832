"""Cell and line magics in the cells with the definitions, shell commands, and a %%time on top."""

# base: paper

# %% setup
%load_ext autoreload
%autoreload 2
!pip install -q tqdm
import torch
import torch.nn as nn
import torch.nn.functional as F
from tqdm import tqdm
%matplotlib inline
device = "cuda" if torch.cuda.is_available() else "cpu"
gpu = !nvidia-smi -L

# %% diffuser
%%time
class NoiseDiffuser:
    def __init__(self, start_beta, end_beta, total_steps, device="cpu"):
        assert start_beta < end_beta < 1.0
        self.device, self.start_beta, self.end_beta, self.total_steps = device, start_beta, end_beta, total_steps
        self.betas = self.linear_scheduler().to(device)
        self.alphas = 1 - self.betas
        self.alpha_bar = torch.cumprod(self.alphas, dim=0)

    def linear_scheduler(self):
        return torch.linspace(self.start_beta, self.end_beta, self.total_steps)

    def noise_diffusion(self, image, t):
        image = image.to(self.device)
        ab = self.alpha_bar[torch.as_tensor(t, device=self.device)].view(-1, 1, 1, 1)
        noise = torch.randn_like(image)
        return ab.sqrt() * image + (1 - ab).sqrt() * noise, noise

# %% run
NoiseDiffuser?
%timeit NoiseDiffuser(1e-4, 0.1, 100)
