"""Downsampling by moving pixels into channels and upsampling by PixelShuffle."""

# base: paper

# %% unet
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(in_channels, 16, 3, padding=1), nn.SiLU(), nn.Conv2d(16, 16, 3, padding=1), nn.SiLU())
        self.shrink = nn.PixelUnshuffle(2)
        self.grow = nn.PixelShuffle(2)
        self.e2 = nn.Sequential(nn.Conv2d(64, 32, 1), nn.SiLU(), nn.Conv2d(32, 32, 3, padding=1), nn.SiLU())
        self.e3 = nn.Sequential(nn.Conv2d(128, 64, 1), nn.SiLU(), nn.Conv2d(64, 64, 3, padding=1), nn.SiLU())
        self.temb = nn.Sequential(nn.Linear(1, 64), nn.SiLU(), nn.Linear(64, 64))
        self.d2 = nn.Sequential(nn.Conv2d(32 + 32, 32, 3, padding=1), nn.SiLU())
        self.g2, self.g1 = nn.Conv2d(64, 128, 1), nn.Conv2d(32, 64, 1)
        self.d1 = nn.Sequential(nn.Conv2d(16 + 16, 16, 3, padding=1), nn.SiLU())
        self.out = nn.Conv2d(16, out_channels, 1)

    def forward(self, x, t=None):
        a = self.stem(x)
        b = self.e2(self.shrink(a))
        c = self.e3(self.shrink(b)) + self.temb(t.float().view(-1, 1) / 100)[:, :, None, None]
        y = self.d2(torch.cat([self.grow(self.g2(c)), b], dim=1))
        y = self.d1(torch.cat([self.grow(self.g1(y)), a], dim=1))
        return self.out(y)
