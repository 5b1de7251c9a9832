"""Three poolings, 28 to 14 to 7 to 3, padded on the way up; the innermost level has its skip too."""

# base: paper

# %% unet
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.inc = self._conv(in_channels, 8)
        self.down = nn.ModuleList([self._conv(8, 16), self._conv(16, 32), self._conv(32, 48)])
        self.up = nn.ModuleList([nn.ConvTranspose2d(48, 32, 2, 2), nn.ConvTranspose2d(32, 16, 2, 2), nn.ConvTranspose2d(16, 8, 2, 2)])
        self.conv = nn.ModuleList([self._conv(64, 32), self._conv(32, 16), self._conv(16, 8)])
        self.temb = nn.ModuleList([self._mlp(48), self._mlp(32), self._mlp(16)])
        self.outc = nn.Conv2d(8, out_channels, 1)

    def _conv(self, i, o):
        return nn.Sequential(nn.Conv2d(i, o, 3, 1, 1), nn.ReLU(), nn.Conv2d(o, o, 3, 1, 1), nn.ReLU())

    def _mlp(self, o):
        return nn.Sequential(nn.Linear(1, o), nn.ReLU(), nn.Linear(o, o))

    def _fit(self, small, big):
        dy, dx = big.size(2) - small.size(2), big.size(3) - small.size(3)
        return F.pad(small, (dx // 2, dx - dx // 2, dy // 2, dy - dy // 2))

    def forward(self, x, t=None):
        t = t.float().view(-1, 1)
        h = [self.inc(x)]
        for layer in self.down:
            h.append(layer(F.max_pool2d(h[-1], 2)))
        y = h.pop()
        for up, conv, temb in zip(self.up, self.conv, self.temb):
            skip = h.pop()
            y = self._fit(up(y + temb(t)[:, :, None, None]), skip)
            y = conv(torch.cat([skip, y], dim=1))
        return self.outc(y)
