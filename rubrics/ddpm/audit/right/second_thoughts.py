"""First attempts left in the notebook, wrong, with the right definitions further down."""

# base: paper

# %% diffuser
class NoiseDiffuser:
    # first try
    def __init__(self, start_beta, end_beta, total_steps, device="cpu"):
        self.betas = torch.linspace(start_beta, end_beta, total_steps)
        self.alphas = 1 - self.betas
        self.alpha_bar = torch.cumsum(self.alphas, dim=0)

    def noise_diffusion(self, image, t):
        return image + torch.randn_like(image), None

# %% sampler
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    # does not work yet!!
    for i in range(total_timesteps):
        x_t = x_t + model(x_t, torch.full((len(x_t), 1), float(i)))
    return x_t

# %% diffuser
class NoiseDiffuser:
    # second try, now with cumprod
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
        ab = self.alpha_bar[torch.as_tensor(t, device=self.device).long()].view(-1, 1, 1, 1)
        noise = torch.randn_like(image)
        return ab.sqrt() * image + (1 - ab).sqrt() * noise, noise

# %% sampler
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    # works
    x_t = x_t.to(device)
    for i in reversed(range(total_timesteps)):
        with torch.no_grad():
            eps = model(x_t, torch.full((len(x_t), 1), float(i), device=device))
        x_t = (x_t - diffuser.betas[i] / (1 - diffuser.alpha_bar[i]) ** 0.5 * eps) / diffuser.alphas[i] ** 0.5
        if i > 0:
            x_t = x_t + diffuser.betas[i] ** 0.5 * torch.randn_like(x_t)
    return x_t
