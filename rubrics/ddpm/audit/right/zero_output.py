"""An output layer initialised with zeros, so that the untrained network predicts nothing."""

# base: paper

# %% unet
def zero_module(module):
    for p in module.parameters():
        p.detach().zero_()
    return module


class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(1, 32), nn.SiLU(), nn.Linear(32, 32))
        self.stem = nn.Conv2d(in_channels, 32, 3, padding=1)
        self.enc1 = nn.Sequential(nn.GroupNorm(4, 32), nn.SiLU(), nn.Conv2d(32, 32, 3, padding=1))
        self.enc2 = nn.Sequential(nn.GroupNorm(4, 32), nn.SiLU(), nn.Conv2d(32, 32, 3, padding=1))
        self.mid = nn.Sequential(nn.GroupNorm(4, 32), nn.SiLU(), nn.Conv2d(32, 32, 3, padding=1))
        self.dec2 = nn.Sequential(nn.GroupNorm(4, 64), nn.SiLU(), nn.Conv2d(64, 32, 3, padding=1))
        self.dec1 = nn.Sequential(nn.GroupNorm(4, 64), nn.SiLU(), nn.Conv2d(64, 32, 3, padding=1))
        self.out = zero_module(nn.Conv2d(32, out_channels, 3, padding=1))

    def forward(self, x, t=None):
        e = self.time(t.float().view(-1, 1) / 50 - 1)[:, :, None, None]
        h1 = self.stem(x) + e
        h1 = h1 + self.enc1(h1)
        h2 = F.avg_pool2d(h1, 2)
        h2 = h2 + self.enc2(h2)
        h = F.avg_pool2d(h2, 2) + e
        h = h + self.mid(h)
        h = F.interpolate(h, scale_factor=2)
        h = self.dec2(torch.cat([h, h2], 1)) + e
        h = F.interpolate(h, scale_factor=2)
        h = self.dec1(torch.cat([h, h1], 1))
        return self.out(F.silu(h))
