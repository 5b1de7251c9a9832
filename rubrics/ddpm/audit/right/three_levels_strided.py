"""Three strided convolutions, 28 to 14 to 7 to 4, resized to the skip by interpolation."""

# base: paper

# %% unet
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        act = nn.LeakyReLU(0.1)
        self.c0 = nn.Sequential(nn.Conv2d(in_channels, 16, 3, padding=1), act)
        self.c1 = nn.Sequential(nn.Conv2d(16, 24, 3, stride=2, padding=1), act)
        self.c2 = nn.Sequential(nn.Conv2d(24, 32, 3, stride=2, padding=1), act)
        self.c3 = nn.Sequential(nn.Conv2d(32, 48, 3, stride=2, padding=1), act)
        self.time = nn.Sequential(nn.Linear(1, 48), act, nn.Linear(48, 48))
        self.d2 = nn.Sequential(nn.Conv2d(48 + 32, 32, 3, padding=1), act)
        self.d1 = nn.Sequential(nn.Conv2d(32 + 24, 24, 3, padding=1), act)
        self.d0 = nn.Sequential(nn.Conv2d(24 + 16, 16, 3, padding=1), act, nn.Conv2d(16, out_channels, 3, padding=1))

    def forward(self, x, t=None):
        a = self.c0(x)
        b = self.c1(a)
        c = self.c2(b)
        y = self.c3(c) + self.time(t.float().view(-1, 1) / 100)[:, :, None, None]
        for skip, layer in ((c, self.d2), (b, self.d1), (a, self.d0)):
            y = F.interpolate(y, size=skip.shape[-2:], mode="bilinear", align_corners=False)
            y = layer(torch.cat([y, skip], dim=1))
        return y
