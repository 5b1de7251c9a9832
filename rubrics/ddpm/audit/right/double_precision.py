"""A float64 schedule, cast back to float32 where it meets the image."""

# base: paper

# %% diffuser
class NoiseDiffuser:
    def __init__(self, start_beta, end_beta, total_steps, device="cpu"):
        assert start_beta < end_beta < 1.0
        self.device = device
        self.start_beta = start_beta
        self.end_beta = end_beta
        self.total_steps = total_steps
        self.betas = self.linear_scheduler().to(device)
        self.alphas = 1.0 - self.betas
        self.alpha_bar = torch.cumprod(self.alphas, dim=0)

    def linear_scheduler(self):
        return torch.linspace(self.start_beta, self.end_beta, self.total_steps, dtype=torch.float64)

    def noise_diffusion(self, image, t):
        image = image.to(self.device)
        t = torch.as_tensor(t, device=self.device).long()
        a = self.alpha_bar.sqrt()[t].float()[:, None, None, None]
        b = (1 - self.alpha_bar).sqrt()[t].float()[:, None, None, None]
        noise = torch.randn(image.shape, dtype=image.dtype, device=self.device)
        return a * image + b * noise, noise


# %% sampler
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    betas, alphas, bars = diffuser.betas.tolist(), diffuser.alphas.tolist(), diffuser.alpha_bar.tolist()
    with torch.no_grad():
        for i in range(total_timesteps - 1, -1, -1):
            eps = model(x_t, torch.full((x_t.shape[0], 1), i, dtype=torch.float32, device=device))
            x_t = (x_t - betas[i] / (1 - bars[i]) ** 0.5 * eps) / alphas[i] ** 0.5
            if i > 0:
                x_t = x_t + betas[i] ** 0.5 * torch.randn_like(x_t)
    return x_t
