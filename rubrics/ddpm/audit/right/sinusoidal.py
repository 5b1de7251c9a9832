"""Sinusoidal time embedding in a module of its own, in another cell."""

# base: paper

# %% imports
import math

# %% embedding
class SinusoidalEmbedding(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.dim = dim

    def forward(self, t):
        half = self.dim // 2
        freqs = torch.exp(-math.log(10000) * torch.arange(half, device=t.device) / (half - 1))
        angles = t.float().view(-1, 1) * freqs[None, :]
        return torch.cat([angles.sin(), angles.cos()], dim=-1)

# %% unet
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.temb = nn.Sequential(SinusoidalEmbedding(32), nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 64))
        self.to2, self.to1 = nn.Linear(64, 32), nn.Linear(64, 16)
        self.a = self.block(in_channels, 16)
        self.b = self.block(16, 32)
        self.c = self.block(32, 64)
        self.up_b = nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1)
        self.dec_b = self.block(64, 32)
        self.up_a = nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1)
        self.dec_a = self.block(32, 16)
        self.last = nn.Conv2d(16, out_channels, 1)

    @staticmethod
    def block(i, o):
        return nn.Sequential(nn.Conv2d(i, o, 3, padding="same"), nn.ReLU(), nn.Conv2d(o, o, 3, padding="same"), nn.ReLU())

    def forward(self, x, t=None):
        e = self.temb(t)
        a = self.a(x)
        b = self.b(F.max_pool2d(a, 2))
        c = self.c(F.max_pool2d(b, 2)) + e[:, :, None, None]
        y = self.up_b(c) + self.to2(e)[:, :, None, None]
        y = self.dec_b(torch.cat([y, b], 1))
        y = self.up_a(y) + self.to1(e)[:, :, None, None]
        y = self.dec_a(torch.cat([y, a], 1))
        return self.last(y)
