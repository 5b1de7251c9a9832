"""Private names for everything, with the required attributes as aliases; roots precomputed; noise by torch.normal."""

# base: paper

# %% diffuser
class NoiseDiffuser:
    def __init__(self, start_beta, end_beta, total_steps, device="cpu"):
        assert start_beta < end_beta < 1.0
        self.device = torch.device(device)
        self.start_beta, self.end_beta, self.total_steps = start_beta, end_beta, total_steps
        self._b = self.linear_scheduler().to(self.device)
        self._a = torch.ones_like(self._b) - self._b
        self._abar = torch.exp(torch.cumsum(torch.log(self._a), dim=0))  # a product is a sum of logarithms
        self._signal_rate = self._abar**0.5
        self._noise_rate = (1 - self._abar) ** 0.5

    @property
    def betas(self):
        return self._b

    @property
    def alphas(self):
        return self._a

    @property
    def alpha_bar(self):
        return self._abar

    def linear_scheduler(self):
        return torch.linspace(0, 1, self.total_steps) * (self.end_beta - self.start_beta) + self.start_beta

    def _pick(self, values, t):
        return values.index_select(0, t)[:, None, None, None]

    def noise_diffusion(self, image, t):
        image = image.to(self.device)
        if not torch.is_tensor(t):
            t = torch.tensor(t)
        t = t.to(self.device).long()
        eps = torch.normal(0.0, 1.0, size=image.shape).to(self.device)
        return self._pick(self._signal_rate, t) * image + self._pick(self._noise_rate, t) * eps, eps
