"""BatchNorm after every convolution, the layers kept in ModuleLists, skips pushed and popped."""

# base: paper

# %% unet
class ConvBlock(nn.Sequential):
    def __init__(self, i, o):
        super().__init__(
            nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True),
            nn.Conv2d(o, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True),
        )


class UNet(nn.Module):
    def __init__(self, in_channels, out_channels, widths=(16, 32)):
        super().__init__()
        self.downs, self.ups, self.times = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        channels = in_channels
        for width in widths:
            self.downs.append(ConvBlock(channels, width))
            channels = width
        self.bottleneck = ConvBlock(widths[-1], 2 * widths[-1])
        for width in reversed(widths):
            self.times.append(nn.Sequential(nn.Linear(1, 2 * width), nn.ReLU(), nn.Linear(2 * width, 2 * width)))
            self.ups.append(nn.ModuleList([nn.ConvTranspose2d(2 * width, width, 2, stride=2), ConvBlock(2 * width, width)]))
        self.final = nn.Conv2d(widths[0], out_channels, 1)

    def forward(self, x, t=None):
        t = t.view(-1, 1).float()
        skips = []
        for down in self.downs:
            x = down(x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottleneck(x)
        for time, (up, block) in zip(self.times, self.ups):
            x = up(x + time(t)[:, :, None, None])
            x = block(torch.cat((skips.pop(), x), dim=1))
        return self.final(x)
