"""Bilinear upsampling followed by a convolution, instead of transposed convolutions."""

# base: paper

# %% unet
class Up(nn.Module):
    def __init__(self, c_in, c_skip, c_out):
        super().__init__()
        self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        self.conv = nn.Sequential(nn.Conv2d(c_in + c_skip, c_out, 3, padding=1), nn.ReLU(), nn.Conv2d(c_out, c_out, 3, padding=1), nn.ReLU())
        self.time = nn.Sequential(nn.Linear(1, c_in), nn.ReLU(), nn.Linear(c_in, c_in))

    def forward(self, x, skip, t):
        x = self.up(x + self.time(t)[:, :, None, None])
        return self.conv(torch.cat([skip, x], dim=1))


class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super(UNet, self).__init__()
        self.inc = nn.Sequential(nn.Conv2d(in_channels, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU())
        self.down1 = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU())
        self.down2 = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(), nn.Conv2d(64, 64, 3, padding=1), nn.ReLU())
        self.up2 = Up(64, 32, 32)
        self.up1 = Up(32, 16, 16)
        self.outc = nn.Conv2d(16, out_channels, 1)

    def forward(self, x, t=None):
        assert t is not None
        t = t.float().view(-1, 1)
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        return self.outc(self.up1(self.up2(x3, x2, t), x1, t))
