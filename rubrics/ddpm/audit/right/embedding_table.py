"""Time as rows of an nn.Embedding: long t inside, whatever comes in."""

# base: paper

# %% constants
MAX_T = 1000

# %% unet
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.embed = nn.Embedding(MAX_T, 64)
        self.first = self.convs(in_channels, 16)
        self.second = self.convs(16, 32)
        self.third = self.convs(32, 64)
        self.up2 = nn.ConvTranspose2d(64, 32, 2, stride=2)
        self.second_up = self.convs(64, 32)
        self.up1 = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.first_up = self.convs(32, 16)
        self.final = nn.Conv2d(16, out_channels, kernel_size=1)

    def convs(self, i, o):
        return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.ReLU())

    def forward(self, x, t=None):
        e = self.embed(t.long().view(-1))[:, :, None, None]
        s1 = self.first(x)
        s2 = self.second(F.max_pool2d(s1, 2))
        h = self.third(F.max_pool2d(s2, 2)) + e
        h = self.second_up(torch.cat([self.up2(h), s2], dim=1))
        h = self.first_up(torch.cat([self.up1(h), s1], dim=1))
        return self.final(h)
