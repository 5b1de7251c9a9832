"""Images padded from 28 to 32 first and the prediction cropped back: 32 to 16 to 8."""

# base: paper

# %% unet
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.pad = nn.ZeroPad2d(2)
        self.d1 = self.block(in_channels, 16)
        self.d2 = self.block(16, 32)
        self.mid = self.block(32, 64)
        self.u2 = nn.ConvTranspose2d(64, 32, 2, 2)
        self.c2 = self.block(64, 32)
        self.u1 = nn.ConvTranspose2d(32, 16, 2, 2)
        self.c1 = self.block(32, 16)
        self.o = nn.Conv2d(16, out_channels, 1)
        self.t = nn.Sequential(nn.Linear(1, 64), nn.ReLU(), nn.Linear(64, 64))

    def block(self, i, o):
        return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.ReLU())

    def forward(self, x, t=None):
        a = self.d1(self.pad(x))
        b = self.d2(F.max_pool2d(a, 2))
        y = self.mid(F.max_pool2d(b, 2)) + self.t(t.float().view(-1, 1))[:, :, None, None]
        y = self.c2(torch.cat([self.u2(y), b], 1))
        y = self.c1(torch.cat([self.u1(y), a], 1))
        return self.o(y)[:, :, 2:-2, 2:-2]
