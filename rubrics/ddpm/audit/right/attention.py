"""Self-attention over the 7x7 bottleneck, by nn.MultiheadAttention."""

# base: paper

# %% unet
class Attention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.attend = nn.MultiheadAttention(channels, num_heads=4, batch_first=True)

    def forward(self, x):
        b, c, h, w = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        normed = self.norm(tokens)
        mixed, _ = self.attend(normed, normed, normed, need_weights=False)
        return (tokens + mixed).transpose(1, 2).reshape(b, c, h, w)


class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()

        def double(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.ReLU())

        self.e1, self.e2, self.e3 = double(in_channels, 16), double(16, 32), double(32, 64)
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)
        self.attention = Attention(64)
        self.t_mid = nn.Sequential(nn.Linear(1, 64), nn.GELU(), nn.Linear(64, 64))
        self.u2, self.d2 = nn.ConvTranspose2d(64, 32, 2, 2), double(64, 32)
        self.u1, self.d1 = nn.ConvTranspose2d(32, 16, 2, 2), double(32, 16)
        self.last = nn.Conv2d(16, out_channels, 1)

    def forward(self, x, t):
        s1 = self.e1(x)
        s2 = self.e2(self.pool(s1))
        m = self.e3(self.pool(s2)) + self.t_mid(t.float().view(-1, 1))[:, :, None, None]
        m = self.attention(m)
        m = self.d2(torch.cat([s2, self.u2(m)], 1))
        m = self.d1(torch.cat([s1, self.u1(m)], 1))
        return self.last(m)
