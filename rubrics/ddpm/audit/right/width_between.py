"""A network with a width between the channels, all with defaults: built by keyword, as in the handout's cells."""

# base: paper

# %% unet
class UNet(nn.Module):
    def __init__(self, in_channels=1, width=16, out_channels=1):
        super().__init__()
        self.enter = nn.Sequential(self.two_convs(in_channels, width), nn.GroupNorm(4, width))
        self.down1 = nn.Sequential(nn.MaxPool2d(2), self.two_convs(width, 2 * width))
        self.down2 = nn.Sequential(nn.MaxPool2d(2), self.two_convs(2 * width, 4 * width))
        self.time2 = self.time_mlp(4 * width)
        self.up2 = nn.ConvTranspose2d(4 * width, 2 * width, kernel_size=2, stride=2)
        self.merge2 = self.two_convs(4 * width, 2 * width)
        self.time1 = self.time_mlp(2 * width)
        self.up1 = nn.ConvTranspose2d(2 * width, width, kernel_size=2, stride=2)
        self.merge1 = self.two_convs(2 * width, width)
        self.leave = nn.Conv2d(width, out_channels, kernel_size=1)

    def two_convs(self, ins, outs):
        return nn.Sequential(nn.Conv2d(ins, outs, 3, padding=1), nn.ReLU(), nn.Conv2d(outs, outs, 3, padding=1), nn.ReLU())

    def time_mlp(self, outs):
        return nn.Sequential(nn.Linear(1, outs), nn.ReLU(), nn.Linear(outs, outs))

    def forward(self, x, t=None):
        t = t.float().view(-1, 1)
        full = self.enter(x)
        half = self.down1(full)
        bottom = self.down2(half)
        y = self.up2(bottom + self.time2(t)[:, :, None, None])
        y = self.merge2(torch.cat([y, half], dim=1))
        y = self.up1(y + self.time1(t)[:, :, None, None])
        y = self.merge1(torch.cat([y, full], dim=1))
        return self.leave(y)
