"""A schedule computed with Python loops and lists, a batch diffused image by image."""

# base: paper

# %% diffuser
class NoiseDiffuser:
    def __init__(self, start_beta, end_beta, total_steps, device='cpu'):
        assert start_beta < end_beta < 1.0
        self.device = device
        self.start_beta = start_beta
        self.end_beta = end_beta
        self.total_steps = total_steps
        self.betas = self.linear_scheduler().to(device)
        alphas = []
        alpha_bar = []
        product = 1.0
        for beta in self.betas:
            alpha = 1.0 - beta.item()
            product = product * alpha
            alphas.append(alpha)
            alpha_bar.append(product)
        self.alphas = torch.tensor(alphas).to(device)
        self.alpha_bar = torch.tensor(alpha_bar).to(device)

    def linear_scheduler(self):
        step = (self.end_beta - self.start_beta) / (self.total_steps - 1)
        return torch.tensor([self.start_beta + i * step for i in range(self.total_steps)])

    def noise_diffusion(self, image, t):
        image = image.to(self.device)
        noisy = []
        noises = []
        for i in range(len(image)):
            ab = self.alpha_bar[int(t[i])]
            n = torch.randn(image[i].shape).to(self.device)
            noisy.append(torch.sqrt(ab) * image[i] + torch.sqrt(1 - ab) * n)
            noises.append(n)
        return torch.stack(noisy), torch.stack(noises)
