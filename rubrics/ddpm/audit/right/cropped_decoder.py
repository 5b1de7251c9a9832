"""The decoder's map cropped to the skip, instead of the skip padded to the decoder's map."""

# base: paper

# %% unet
import torchvision.transforms.functional as TF

class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        c = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ELU(), nn.Conv2d(o, o, 3, padding=1), nn.ELU())
        self.enc = nn.ModuleDict({"at28": c(in_channels, 16), "at14": c(16, 32), "at7": c(32, 64)})
        self.dec = nn.ModuleDict({"at14": c(64, 32), "at28": c(32, 16)})
        self.up = nn.ModuleDict({"at14": nn.ConvTranspose2d(64, 32, 3, stride=2), "at28": nn.ConvTranspose2d(32, 16, 3, stride=2)})
        self.time = nn.ModuleDict({"at14": nn.Linear(1, 32), "at28": nn.Linear(1, 16)})
        self.pool = nn.MaxPool2d(2)
        self.out = nn.Conv2d(16, out_channels, 1)

    def forward(self, x, t=None):
        t = t.view(-1, 1).float() / 100
        maps = {}
        maps["at28"] = self.enc["at28"](x)
        maps["at14"] = self.enc["at14"](self.pool(maps["at28"]))
        y = self.enc["at7"](self.pool(maps["at14"]))
        for level in ("at14", "at28"):
            y = TF.center_crop(self.up[level](y), maps[level].shape[-2:])
            y = torch.cat([y, maps[level]], dim=1)
            y = self.dec[level](y) + self.time[level](t)[:, :, None, None]
        return self.out(y)
