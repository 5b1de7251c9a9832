"""A schedule computed by numpy and turned into tensors."""

# base: paper

# %% imports
import numpy as np

# %% diffuser
class NoiseDiffuser:
    def __init__(self, start_beta, end_beta, total_steps, device="cpu"):
        assert start_beta < end_beta < 1.0
        self.device = device
        self.start_beta = start_beta
        self.end_beta = end_beta
        self.total_steps = total_steps
        betas = self.linear_scheduler()
        self.betas = torch.from_numpy(betas).to(device)
        self.alphas = torch.from_numpy(1 - betas).to(device)
        self.alpha_bar = torch.from_numpy(np.cumprod(1 - betas)).to(device)

    def linear_scheduler(self):
        return np.linspace(self.start_beta, self.end_beta, self.total_steps).astype("float32")

    def noise_diffusion(self, image, t):
        image = image.to(self.device)
        t = torch.from_numpy(np.array(t)).to(self.device)
        k = torch.gather(self.alpha_bar, 0, t).reshape(len(image), 1, 1, 1)
        eps = torch.empty_like(image).normal_()
        return torch.sqrt(k) * image + torch.sqrt(1.0 - k) * eps, eps
