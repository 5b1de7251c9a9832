"""Parameters that can only be given by position, and others only by name."""

# base: paper

# %% diffuser
class NoiseDiffuser:
    def __init__(self, start_beta, end_beta, total_steps, /, device="cpu"):
        self.device = device
        self.betas = torch.linspace(start_beta, end_beta, total_steps, device=device)
        self.alphas = 1 - self.betas
        self.alpha_bar = torch.cumprod(self.alphas, dim=0)

    def noise_diffusion(self, image, t, /):
        image = image.to(self.device)
        kept = self.alpha_bar[torch.as_tensor(t, dtype=torch.long, device=self.device)].view(-1, 1, 1, 1)
        noise = torch.randn_like(image)
        return kept.sqrt() * image + (1 - kept).sqrt() * noise, noise


# %% sampler
@torch.no_grad()
def generate_samples(x_t, model, /, num_samples, *, total_timesteps, diffuser, device):
    x = x_t.to(device)
    for i in range(total_timesteps - 1, -1, -1):
        alpha, beta, kept = diffuser.alphas[i], diffuser.betas[i], diffuser.alpha_bar[i]
        eps = model(x, torch.full((len(x), 1), float(i), device=device))
        x = (x - (1 - alpha) / (1 - kept).sqrt() * eps) / alpha.sqrt()
        if i > 0:
            x = x + beta.sqrt() * torch.randn_like(x)
    return x
