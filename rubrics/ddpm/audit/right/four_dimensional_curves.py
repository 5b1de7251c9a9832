"""Curves of shape (T, 1, 1, 1), so that a batch of steps picks what broadcasts; samples in three parts of unequal size."""

# base: paper

# %% diffuser
class NoiseDiffuser:
    def __init__(self, start_beta, end_beta, total_steps, device="cpu"):
        self.device = device
        self.betas = torch.linspace(start_beta, end_beta, total_steps, device=device).view(-1, 1, 1, 1)
        self.alphas = 1 - self.betas
        self.alpha_bar = self.alphas.cumprod(dim=0)

    def noise_diffusion(self, image, t):
        image = image.to(self.device)
        kept = self.alpha_bar[torch.as_tensor(t, dtype=torch.long, device=self.device)]
        noise = torch.randn_like(image)
        return kept.sqrt() * image + (1 - kept).sqrt() * noise, noise


# %% sampler
@torch.no_grad()
def walk(x, model, total_timesteps, diffuser, device):
    for step in reversed(range(total_timesteps)):
        t = torch.full((x.shape[0],), step, dtype=torch.long, device=device)
        eps = model(x, t.float().unsqueeze(1))
        x = (x - (1 - diffuser.alphas[t]) / (1 - diffuser.alpha_bar[t]).sqrt() * eps) / diffuser.alphas[t].sqrt()
        if step > 0:
            x = x + diffuser.betas[t].sqrt() * torch.randn_like(x)
    return x


def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    return torch.cat([walk(chunk.to(device), model, total_timesteps, diffuser, device) for chunk in x_t.tensor_split(3)])
