"""Residual blocks with GroupNorm and SiLU, the time added inside each block."""

# base: paper

# %% unet
class ResBlock(nn.Module):
    def __init__(self, c_in, c_out, c_time):
        super().__init__()
        self.norm1 = nn.GroupNorm(min(8, c_in), c_in)
        self.conv1 = nn.Conv2d(c_in, c_out, 3, padding=1)
        self.time = nn.Linear(c_time, c_out)
        self.norm2 = nn.GroupNorm(8, c_out)
        self.conv2 = nn.Conv2d(c_out, c_out, 3, padding=1)
        self.short = nn.Conv2d(c_in, c_out, 1) if c_in != c_out else nn.Identity()

    def forward(self, x, emb):
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.time(emb)[..., None, None]
        h = self.conv2(F.silu(self.norm2(h)))
        return h + self.short(x)


class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.time = nn.Sequential(nn.Linear(1, 64), nn.SiLU(), nn.Linear(64, 64))
        self.stem = nn.Conv2d(in_channels, 16, 3, padding=1)
        self.block1 = ResBlock(16, 16, 64)
        self.block2 = ResBlock(16, 32, 64)
        self.middle = ResBlock(32, 64, 64)
        self.block3 = ResBlock(64 + 32, 32, 64)
        self.block4 = ResBlock(32 + 16, 16, 64)
        self.head = nn.Sequential(nn.GroupNorm(8, 16), nn.SiLU(), nn.Conv2d(16, out_channels, 3, padding=1))

    def forward(self, x, t=None):
        emb = self.time(t.float().reshape(-1, 1) / 100)
        h1 = self.block1(self.stem(x), emb)
        h2 = self.block2(F.avg_pool2d(h1, 2), emb)
        h = self.middle(F.avg_pool2d(h2, 2), emb)
        h = F.interpolate(h, scale_factor=2, mode="nearest")
        h = self.block3(torch.cat((h, h2), dim=1), emb)
        h = F.interpolate(h, scale_factor=2, mode="nearest")
        h = self.block4(torch.cat((h, h1), dim=1), emb)
        return self.head(h)
