"""An activation compiled by TorchScript, which reads its source."""

# base: paper

# %% unet
@torch.jit.script
def swish(x):
    return x * torch.sigmoid(x)


class Swish(nn.Module):
    def forward(self, x):
        return swish(x)


class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.enter = self.two_convs(in_channels, 16)
        self.down1 = nn.Sequential(nn.MaxPool2d(2), self.two_convs(16, 32))
        self.down2 = nn.Sequential(nn.MaxPool2d(2), self.two_convs(32, 64))
        self.time2 = self.time_mlp(64)
        self.up2 = nn.ConvTranspose2d(64, 32, kernel_size=2, stride=2)
        self.merge2 = self.two_convs(64, 32)
        self.time1 = self.time_mlp(32)
        self.up1 = nn.ConvTranspose2d(32, 16, kernel_size=2, stride=2)
        self.merge1 = self.two_convs(32, 16)
        self.leave = nn.Conv2d(16, out_channels, kernel_size=1)

    def two_convs(self, ins, outs):
        return nn.Sequential(
            nn.Conv2d(ins, outs, 3, padding=1), Swish(), nn.Conv2d(outs, outs, 3, padding=1), nn.ReLU()
        )

    def time_mlp(self, outs):
        return nn.Sequential(nn.Linear(1, outs), nn.ReLU(), nn.Linear(outs, outs))

    def forward(self, x, t=None):
        t = t.float().view(-1, 1)
        full = self.enter(x)  # 28 x 28
        half = self.down1(full)  # 14 x 14
        bottom = self.down2(half)  # 7 x 7
        y = self.up2(bottom + self.time2(t)[:, :, None, None])
        y = self.merge2(torch.cat([y, half], dim=1))
        y = self.up1(y + self.time1(t)[:, :, None, None])
        y = self.merge1(torch.cat([y, full], dim=1))
        return self.leave(y)
