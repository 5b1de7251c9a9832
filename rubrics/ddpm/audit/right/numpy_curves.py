"""NumPy arrays stay what they are until they are needed; ᾱ under a name of its own, and read by a method."""

# base: paper

# %% diffuser
import numpy as np


class NoiseDiffuser:
    def __init__(self, start_beta, end_beta, total_steps, device="cpu"):
        self.device = device
        self.betas = np.linspace(start_beta, end_beta, total_steps, dtype=np.float64)
        self.alphas = 1.0 - self.betas
        self.alphas_prod = np.cumprod(self.alphas)

    def level(self, t):
        return torch.from_numpy(self.alphas_prod.astype(np.float32)).to(self.device)[t]

    def noise_diffusion(self, image, t):
        image = image.to(self.device)
        kept = self.level(torch.as_tensor(t, dtype=torch.long, device=self.device)).reshape(-1, 1, 1, 1)
        noise = torch.randn_like(image)
        return kept.sqrt() * image + (1 - kept).sqrt() * noise, noise


# %% sampler
@torch.no_grad()
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    x = x_t.to(device)
    sigmas = np.sqrt(diffuser.betas.astype(np.float32))
    shares = (1 - diffuser.alphas) / np.sqrt(1 - diffuser.alphas_prod)
    roots = torch.from_numpy(np.sqrt(diffuser.alphas)).float().to(device)
    for t in range(total_timesteps - 1, -1, -1):
        eps = model(x, torch.full((len(x), 1), float(t), device=device))
        x = (x - float(shares[t]) * eps) / roots[t]
        if t > 0:
            x = x + float(sigmas[t]) * torch.randn_like(x)
    return x
