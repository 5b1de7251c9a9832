"""Depthwise convolutions and a projection of the skip by a 1x1 convolution before it is joined."""

# base: paper

# %% unet
class Block(nn.Module):
    def __init__(self, i, o, emb=32):
        super().__init__()
        self.depth = nn.Conv2d(i, i, 7, padding=3, groups=i)
        self.emb = nn.Linear(emb, i)
        self.net = nn.Sequential(nn.GroupNorm(1, i), nn.Conv2d(i, 2 * o, 3, padding=1), nn.GELU(), nn.Conv2d(2 * o, o, 1))
        self.res = nn.Conv2d(i, o, 1)

    def forward(self, x, e):
        return self.net(self.depth(x) + self.emb(e)[:, :, None, None]) + self.res(x)


class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.emb = nn.Sequential(nn.Linear(1, 32), nn.GELU(), nn.Linear(32, 32), nn.GELU())
        self.stem = nn.Conv2d(in_channels, 12, 3, padding=1)
        self.b1, self.b2, self.b3 = Block(12, 12), Block(12, 24), Block(24, 48)
        self.s1, self.s2 = nn.Conv2d(12, 8, 1), nn.Conv2d(24, 16, 1)
        self.u2, self.u1 = nn.ConvTranspose2d(48, 24, 2, 2), nn.ConvTranspose2d(24, 12, 2, 2)
        self.c2, self.c1 = Block(40, 24), Block(20, 12)
        self.head = nn.Conv2d(12, out_channels, 1)

    def forward(self, x, t=None):
        e = self.emb(t.float().view(-1, 1) / 100)
        h1 = self.b1(self.stem(x), e)
        h2 = self.b2(F.max_pool2d(h1, 2), e)
        h3 = self.b3(F.max_pool2d(h2, 2), e)
        y = self.c2(torch.hstack([self.u2(h3), self.s2(h2)]), e)
        y = self.c1(torch.hstack([self.u1(y), self.s1(h1)]), e)
        return self.head(y)
