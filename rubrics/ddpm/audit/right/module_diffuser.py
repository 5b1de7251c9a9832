"""The diffuser as an nn.Module with buffers, called through a keyword-friendly helper."""

# base: paper

# %% diffuser
class NoiseDiffuser(nn.Module):
    def __init__(self, start_beta, end_beta, total_steps, device="cpu"):
        super().__init__()
        assert start_beta < end_beta < 1.0
        self.device = device
        self.start_beta = start_beta
        self.end_beta = end_beta
        self.total_steps = total_steps
        betas = self.linear_scheduler()
        self.register_buffer("betas", betas)
        self.register_buffer("alphas", 1 - betas)
        self.register_buffer("alpha_bar", (1 - betas).cumprod(dim=0))
        self.to(device)

    def linear_scheduler(self):
        return torch.linspace(self.start_beta, self.end_beta, steps=self.total_steps)

    def q_sample(self, x0, t, eps):
        ab = self.alpha_bar[t].reshape(-1, *[1] * (x0.dim() - 1))
        return ab.sqrt() * x0 + (1 - ab).sqrt() * eps

    def noise_diffusion(self, image, t):
        image = image.to(self.betas.device)
        t = torch.as_tensor(t, dtype=torch.int64, device=self.betas.device)
        eps = torch.randn_like(image)
        return self.q_sample(image, t, eps), eps
