"""The formula as the handout prints it: alpha_bar times the image, one minus alpha_bar times the noise."""

# base: paper
# reading: handout_text

# %% diffuser
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
        blend = self.alpha_bar[t].view(-1, 1, 1, 1)  # indexing with the list works too
        noise = torch.randn_like(image)
        noisy_image = image * blend + noise * (1 - blend)
        return noisy_image, noise
