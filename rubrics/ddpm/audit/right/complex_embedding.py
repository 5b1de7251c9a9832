"""The step as complex waves, pixel (un)shuffle to change the resolution, and gates on summed skip connections."""
# base: paper


# %% unet
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels, width=16):
        super().__init__()
        conv = lambda i, o: nn.Sequential(
            nn.Conv2d(i, o, 3, 1, 1), nn.SiLU(), nn.Conv2d(o, o, 3, 1, 1), nn.SiLU()
        )
        self.w = width
        self.freqs = nn.Parameter(torch.exp(torch.linspace(0, -7, 16)), requires_grad=False)
        self.net = nn.ModuleDict(
            dict(
                a=conv(in_channels, width),
                b=conv(4 * width, 2 * width),
                c=conv(8 * width, 4 * width),
                ub=nn.Conv2d(4 * width, 8 * width, 1),
                d=conv(2 * width, 2 * width),
                ua=nn.Conv2d(2 * width, 4 * width, 1),
                e=conv(width, width),
                out=nn.Conv2d(width, out_channels, 1),
            )
        )
        self.time = nn.ModuleList(nn.Linear(32, n) for n in (4 * width, 2 * width, width))
        self.gate = nn.Parameter(torch.ones(2))

    def embed(self, t):
        wave = torch.polar(torch.ones(()), t.reshape(-1, 1).float() * self.freqs)
        return torch.view_as_real(wave).flatten(1)

    def forward(self, x, t):
        n, emb = self.net, self.embed(t)
        tc, tb, ta = (layer(emb)[..., None, None] for layer in self.time)
        a = n["a"](x)
        b = n["b"](F.pixel_unshuffle(a, 2))
        c = n["c"](F.pixel_unshuffle(b, 2)) + tc
        y = n["d"](torch.stack((F.pixel_shuffle(n["ub"](c), 2), self.gate[0] * b)).sum(0) + tb)
        y = n["e"](torch.stack((F.pixel_shuffle(n["ua"](y), 2), self.gate[1] * a)).sum(0) + ta)
        return n["out"](y)
