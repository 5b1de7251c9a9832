"""A diffuser that is a module around the network, as many tutorials have it."""

# base: paper

# %% diffuser
class NoiseDiffuser(nn.Module):
    def __init__(self, eps_model, start_beta, end_beta, total_steps, device="cpu"):
        super().__init__()
        assert start_beta < end_beta < 1.0
        self.eps_model = eps_model.to(device)
        self.total_steps = total_steps
        betas = torch.linspace(start_beta, end_beta, total_steps, device=device)
        self.register_buffer("betas", betas)
        self.register_buffer("alphas", 1 - betas)
        self.register_buffer("alpha_bar", (1 - betas).cumprod(0))

    def noise_diffusion(self, image, t):
        t = torch.as_tensor(t, device=self.betas.device)
        image = image.to(self.betas.device)
        noise = torch.randn_like(image)
        kept = self.alpha_bar[t].view(-1, 1, 1, 1)
        return kept.sqrt() * image + (1 - kept).sqrt() * noise, noise

    def forward(self, image, t):
        x_t, noise = self.noise_diffusion(image, t)
        return nn.functional.mse_loss(self.eps_model(x_t, t), noise)
