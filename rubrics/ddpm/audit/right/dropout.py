"""Dropout in the network, so that two calls in training mode differ."""

# base: paper

# %% unet
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels, p=0.1):
        super().__init__()
        self.p = p
        self.ini = self.double(in_channels, 16)
        self.low = self.double(16, 32)
        self.lower = self.double(32, 64)
        self.t2 = nn.Sequential(nn.Linear(1, 64), nn.ReLU(), nn.Linear(64, 64))
        self.t1 = nn.Sequential(nn.Linear(1, 32), nn.ReLU(), nn.Linear(32, 32))
        self.up2 = nn.ConvTranspose2d(64, 32, 2, 2)
        self.up1 = nn.ConvTranspose2d(32, 16, 2, 2)
        self.after2 = self.double(64, 32)
        self.after1 = self.double(32, 16)
        self.drop = nn.Dropout2d(p)
        self.out = nn.Conv2d(16, out_channels, 1)

    def double(self, i, o):
        return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.Dropout(self.p), nn.Conv2d(o, o, 3, padding=1), nn.ReLU())

    def forward(self, x, t=None):
        t = t.float().view(-1, 1)
        x1 = self.ini(x)
        x2 = self.low(F.max_pool2d(x1, 2))
        x3 = self.drop(self.lower(F.max_pool2d(x2, 2)))
        y2 = self.after2(torch.cat([self.up2(x3 + self.t2(t)[:, :, None, None]), x2], dim=1))
        y1 = self.after1(torch.cat([self.up1(y2 + self.t1(t)[:, :, None, None]), x1], dim=1))
        return self.out(y1)
