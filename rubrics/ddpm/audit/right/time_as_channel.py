"""Time as one more input channel."""

# base: paper

# %% unet
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.l1 = self.pair(in_channels + 1, 16)
        self.l2 = self.pair(16, 32)
        self.l3 = self.pair(32, 64)
        self.u2 = nn.ConvTranspose2d(64, 32, kernel_size=3, stride=2, padding=1, output_padding=1)
        self.r2 = self.pair(64, 32)
        self.u1 = nn.ConvTranspose2d(32, 16, kernel_size=3, stride=2, padding=1, output_padding=1)
        self.r1 = self.pair(32, 16)
        self.out = nn.Conv2d(16, out_channels, 1)

    def pair(self, i, o):
        return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.ReLU())

    def forward(self, x, t=None):
        clock = (t.float() / 100).view(-1, 1, 1, 1).expand(x.shape[0], 1, x.shape[2], x.shape[3])
        s1 = self.l1(torch.cat([x, clock], dim=1))
        s2 = self.l2(F.max_pool2d(s1, 2))
        y = self.l3(F.max_pool2d(s2, 2))
        y = self.r2(torch.cat([self.u2(y), s2], dim=1))
        y = self.r1(torch.cat([self.u1(y), s1], dim=1))
        return self.out(y)
