"""Named intermediate results and a recursion for alpha_bar written with torch.prod."""

# base: paper

# %% diffuser
class NoiseDiffuser:
    """Forward process q(x_t | x_0)."""

    def __init__(self, start_beta, end_beta, total_steps, device='cpu'):
        assert start_beta < end_beta < 1.0

        self.device = device
        self.start_beta = start_beta
        self.end_beta = end_beta
        self.total_steps = total_steps

        self.betas = self.linear_scheduler().to(self.device)
        self.alphas = torch.sub(1, self.betas)
        self.alpha_bar = torch.stack([torch.prod(self.alphas[: i + 1]) for i in range(total_steps)])

    def linear_scheduler(self):
        increment = (self.end_beta - self.start_beta) / (self.total_steps - 1)
        return self.start_beta + increment * torch.arange(self.total_steps)

    def noise_diffusion(self, image, t):
        image = image.to(self.device)
        t = torch.LongTensor(t).to(self.device)
        mean = torch.sqrt(self.alpha_bar[t]).unsqueeze(1).unsqueeze(2).unsqueeze(3) * image
        variance = (1 - self.alpha_bar[t]).unsqueeze(1).unsqueeze(2).unsqueeze(3)
        noise = torch.randn(*image.shape, device=self.device)
        return mean + variance.sqrt() * noise, noise
