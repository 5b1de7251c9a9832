"""The course's network, 28 to 14 to 7, up to 15 and 31 and back by the 5x5 and 4x4 kernels, skips filled in."""

# base: paper

# %% unet
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super(UNet, self).__init__()
        self.ini = self.doubleConvolution(inC=in_channels, oC=16)
        self.down1 = self.Down(16, 32)
        self.down2 = self.Down(32, 64)
        self.time_emb2 = self.timeEmbeddings(1, 64)
        self.up2 = nn.ConvTranspose2d(64, 32, kernel_size=3, stride=2)
        self.afterup2 = self.doubleConvolution(64, 32)
        self.time_emb1 = self.timeEmbeddings(1, 32)
        self.up1 = nn.ConvTranspose2d(32, 16, kernel_size=3, stride=2)
        self.afterup1 = self.doubleConvolution(32, 16, kS1=5, kS2=4)
        self.out = nn.Conv2d(16, out_channels, kernel_size=1)

    def forward(self, x, t=None):
        assert t is not None
        x1 = self.ini(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        y2 = self.up2(x3 + self.time_emb2(t)[:, :, None, None])
        y2 = self.afterup2(torch.cat([y2, self.xLikeY(x2, y2)], axis=1))
        y1 = self.up1(y2 + self.time_emb1(t)[:, :, None, None])
        y1 = self.afterup1(torch.cat([y1, self.xLikeY(x1, y1)], axis=1))
        return self.out(y1)

    def timeEmbeddings(self, inC, oSize):
        return nn.Sequential(nn.Linear(inC, oSize), nn.ReLU(), nn.Linear(oSize, oSize))

    def doubleConvolution(self, inC, oC, kS1=3, kS2=3, sT=1, pA=1):
        return nn.Sequential(
            nn.Conv2d(inC, oC, kS1, stride=sT, padding=pA), nn.ReLU(inplace=True),
            nn.Conv2d(oC, oC, kS2, stride=sT, padding=pA), nn.ReLU(inplace=True),
        )

    def Down(self, inputC, outputC):
        return nn.Sequential(nn.MaxPool2d(2), self.doubleConvolution(inputC, outputC))

    def xLikeY(self, source, target):
        dh = target.size(2) - source.size(2)
        dw = target.size(3) - source.size(3)
        return F.pad(source, [dw // 2, dw - dw // 2, dh // 2, dh - dh // 2])
