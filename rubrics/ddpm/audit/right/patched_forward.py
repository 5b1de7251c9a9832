"""Classes completed in later cells: UNet.forward and a method of the diffuser assigned after the class."""

# base: paper

# %% diffuser
class NoiseDiffuser:
    def __init__(self, start_beta, end_beta, total_steps, device="cpu"):
        assert start_beta < end_beta < 1.0
        self.device = device
        self.start_beta = start_beta
        self.end_beta = end_beta
        self.total_steps = total_steps
        self.betas = self.linear_scheduler().to(device)
        self.alphas = 1 - self.betas
        self.alpha_bar = torch.cumprod(self.alphas, dim=0)

    def linear_scheduler(self):
        return torch.linspace(self.start_beta, self.end_beta, self.total_steps)

# %% diffuser
def noise_diffusion(self, image, t):
    image = image.to(self.device)
    ab = self.alpha_bar[torch.as_tensor(t, device=self.device).long()].view(-1, 1, 1, 1)
    noise = torch.randn_like(image)
    return ab.sqrt() * image + (1 - ab).sqrt() * noise, noise

NoiseDiffuser.noise_diffusion = noise_diffusion

# %% unet
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        def block(i, o):
            return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.ReLU())
        self.first, self.second, self.third = block(in_channels, 16), block(16, 32), block(32, 64)
        self.time = nn.Sequential(nn.Linear(1, 64), nn.ReLU(), nn.Linear(64, 64))
        self.up2, self.up1 = nn.ConvTranspose2d(64, 32, 2, 2), nn.ConvTranspose2d(32, 16, 2, 2)
        self.back2, self.back1 = block(64, 32), block(32, 16)
        self.out = nn.Conv2d(16, out_channels, 1)

    def forward(self, x, t=None):
        raise NotImplementedError("next cell")

# %% unet
def forward(self, x, t=None):
    s1 = self.first(x)
    s2 = self.second(F.max_pool2d(s1, 2))
    s3 = self.third(F.max_pool2d(s2, 2)) + self.time(t.float().view(-1, 1))[:, :, None, None]
    y = self.back2(torch.cat([self.up2(s3), s2], dim=1))
    y = self.back1(torch.cat([self.up1(y), s1], dim=1))
    return self.out(y)

UNet.forward = forward
