"""Base classes in other cells: a scheduler to inherit from, and a network to specialise."""

# base: paper

# %% bases
from abc import ABC, abstractmethod

class Schedule(ABC):
    def __init__(self, start_beta, end_beta, total_steps, device):
        assert start_beta < end_beta < 1.0
        self.start_beta, self.end_beta, self.total_steps, self.device = start_beta, end_beta, total_steps, device
        self.betas = self.linear_scheduler().to(device)
        self.alphas = 1 - self.betas
        self.alpha_bar = torch.cumprod(self.alphas, dim=0)

    @abstractmethod
    def linear_scheduler(self): ...

class EncoderDecoder(nn.Module):
    channels = (16, 32, 64)

    def __init__(self, in_channels, out_channels):
        super().__init__()
        a, b, c = self.channels
        self.enc = nn.ModuleList([self.block(in_channels, a), self.block(a, b), self.block(b, c)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(c, b, 2, 2), nn.ConvTranspose2d(b, a, 2, 2)])
        self.dec = nn.ModuleList([self.block(2 * b, b), self.block(2 * a, a)])
        self.out = nn.Conv2d(a, out_channels, 1)

    def block(self, i, o):
        raise NotImplementedError

# %% diffuser
class NoiseDiffuser(Schedule):
    def __init__(self, start_beta, end_beta, total_steps, device="cpu"):
        super().__init__(start_beta, end_beta, total_steps, device)

    def linear_scheduler(self):
        return torch.linspace(self.start_beta, self.end_beta, self.total_steps)

    def noise_diffusion(self, image, t):
        image = image.to(self.device)
        ab = self.alpha_bar[torch.as_tensor(t, device=self.device)].reshape(-1, 1, 1, 1)
        noise = torch.randn_like(image)
        return ab.sqrt() * image + (1.0 - ab).sqrt() * noise, noise

# %% unet
class UNet(EncoderDecoder):
    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)
        self.time = nn.Sequential(nn.Linear(1, 64), nn.ReLU(), nn.Linear(64, 64))

    def block(self, i, o):
        return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.ReLU())

    def forward(self, x, t=None):
        s1 = self.enc[0](x)
        s2 = self.enc[1](F.max_pool2d(s1, 2))
        y = self.enc[2](F.max_pool2d(s2, 2)) + self.time(t.float().view(-1, 1))[:, :, None, None]
        y = self.dec[0](torch.cat([s2, self.up[0](y)], dim=1))
        y = self.dec[1](torch.cat([s1, self.up[1](y)], dim=1))
        return self.out(y)
