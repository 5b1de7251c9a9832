"""GELU, and a time that scales and shifts the feature maps (FiLM)."""

# base: paper

# %% unet
class FiLM(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(1, 32), nn.GELU(), nn.Linear(32, 2 * channels))

    def forward(self, x, t):
        scale, shift = self.net(t / 100).chunk(2, dim=1)
        return x * (1 + scale[:, :, None, None]) + shift[:, :, None, None]


class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.conv_a = nn.Sequential(nn.Conv2d(in_channels, 16, 5, padding=2), nn.GELU(), nn.Conv2d(16, 16, 3, padding=1), nn.GELU())
        self.conv_b = nn.Sequential(nn.Conv2d(16, 32, 3, padding=1), nn.GELU(), nn.Conv2d(32, 32, 3, padding=1), nn.GELU())
        self.conv_c = nn.Sequential(nn.Conv2d(32, 64, 3, padding=1), nn.GELU(), nn.Conv2d(64, 64, 3, padding=1), nn.GELU())
        self.film_a, self.film_b, self.film_c = FiLM(16), FiLM(32), FiLM(64)
        self.up_b = nn.ConvTranspose2d(64, 32, 2, stride=2)
        self.back_b = nn.Sequential(nn.Conv2d(64, 32, 3, padding=1), nn.GELU())
        self.up_a = nn.ConvTranspose2d(32, 16, 2, stride=2)
        self.back_a = nn.Sequential(nn.Conv2d(32, 16, 3, padding=1), nn.GELU())
        self.final = nn.Conv2d(16, out_channels, 3, padding=1)

    def forward(self, x, t=None):
        t = t.view(-1, 1).float()
        a = self.film_a(self.conv_a(x), t)
        b = self.film_b(self.conv_b(nn.functional.max_pool2d(a, 2)), t)
        c = self.film_c(self.conv_c(nn.functional.max_pool2d(b, 2)), t)
        y = self.back_b(torch.cat((self.up_b(c), b), 1))
        y = self.back_a(torch.cat((self.up_a(y), a), 1))
        return self.final(y)
