"""Skips that are added instead of concatenated, average pooling."""

# base: paper

# %% unet
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        conv = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.ReLU())
        self.in_conv = conv(in_channels, 24)
        self.down_a = conv(24, 48)
        self.down_b = conv(48, 64)
        self.up_b = nn.ConvTranspose2d(64, 48, 2, stride=2)
        self.mix_b = conv(48, 48)
        self.up_a = nn.ConvTranspose2d(48, 24, 2, stride=2)
        self.mix_a = conv(24, 24)
        self.out_conv = nn.Conv2d(24, out_channels, 1)
        self.time_b = nn.Sequential(nn.Linear(1, 64), nn.ReLU(), nn.Linear(64, 64))
        self.time_a = nn.Sequential(nn.Linear(1, 48), nn.ReLU(), nn.Linear(48, 48))

    def forward(self, x, t=None):
        t = t.view(-1, 1).to(x.dtype)
        x1 = self.in_conv(x)
        x2 = self.down_a(F.avg_pool2d(x1, 2))
        x3 = self.down_b(F.avg_pool2d(x2, 2))
        y = self.up_b(x3 + self.time_b(t).unsqueeze(-1).unsqueeze(-1))
        y = self.mix_b(y + x2)
        y = self.up_a(y + self.time_a(t).unsqueeze(-1).unsqueeze(-1))
        y += x1
        return self.out_conv(self.mix_a(y))
