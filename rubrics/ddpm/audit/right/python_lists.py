"""The schedule in Python lists, made and walked without a tensor."""

# base: paper

# %% diffuser
class NoiseDiffuser:
    def __init__(self, start_beta, end_beta, total_steps, device="cpu"):
        self.device = device
        self.total_steps = total_steps
        step = (end_beta - start_beta) / (total_steps - 1)
        self.betas = [start_beta + step * number for number in range(total_steps)]
        self.alphas = [1 - beta for beta in self.betas]
        self.alpha_bar = []
        product = 1.0
        for alpha in self.alphas:
            product *= alpha
            self.alpha_bar.append(product)

    def noise_diffusion(self, image, t):
        image = image.to(self.device)
        kept = torch.tensor([self.alpha_bar[int(step)] for step in t], device=self.device).view(-1, 1, 1, 1)
        noise = torch.randn_like(image)
        return kept**0.5 * image + (1 - kept) ** 0.5 * noise, noise


# %% sampler
@torch.no_grad()
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    x = x_t.to(device)
    steps = list(range(total_timesteps))
    before = [1.0] + diffuser.alpha_bar[:-1]
    for t, beta, alpha, bar, last in zip(
        steps[::-1], diffuser.betas[::-1], diffuser.alphas[::-1], diffuser.alpha_bar[::-1], before[::-1]
    ):
        eps = model(x, torch.full((len(x), 1), float(t), device=device))
        x = (x - beta / (1 - bar) ** 0.5 * eps) / alpha**0.5
        if t:
            x = x + ((1 - last) / (1 - bar) * beta) ** 0.5 * torch.randn_like(x)
    return x
