"""Run out of order: the training cell stands above the definitions, the sampler above the network."""

# base: paper

# %% run
import matplotlib.pyplot as plt

model = UNet(1, 1).to(device)
diffuser = NoiseDiffuser(1e-4, 0.1, 100, device)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
train_losses, val_losses = train(model, trainloader, valloader, optimizer, nn.MSELoss(), device, 10, diffuser, 100)
torch.save(model.state_dict(), "HW3SDModel.pth")
plt.plot(train_losses)

# %% sampler
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    x_t = x_t.to(device)
    with torch.no_grad():
        for i in range(total_timesteps - 1, -1, -1):
            a, b, ab = diffuser.alphas[i], diffuser.betas[i], diffuser.alpha_bar[i]
            eps = model(x_t, torch.full((num_samples, 1), float(i), device=device))
            x_t = (x_t - (1 - a) / (1 - ab).sqrt() * eps) / a.sqrt() + (b.sqrt() * torch.randn_like(x_t) if i else 0)
    return x_t

# %% unet
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.one, self.two, self.three = Twice(in_channels, 16), Twice(16, 32), Twice(32, 64)
        self.up2, self.up1 = nn.ConvTranspose2d(64, 32, 2, 2), nn.ConvTranspose2d(32, 16, 2, 2)
        self.back2, self.back1 = Twice(64, 32), Twice(32, 16)
        self.time = nn.Sequential(nn.Linear(1, 64), nn.ReLU(), nn.Linear(64, 64))
        self.out = nn.Conv2d(16, out_channels, 1)

    def forward(self, x, t=None):
        a = self.one(x)
        b = self.two(F.max_pool2d(a, 2))
        c = self.three(F.max_pool2d(b, 2)) + self.time(t.float().view(-1, 1))[:, :, None, None]
        y = self.back2(torch.cat([self.up2(c), b], dim=1))
        return self.out(self.back1(torch.cat([self.up1(y), a], dim=1)))

# %% layers
class Twice(nn.Module):
    def __init__(self, i, o):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(i, o, 3, padding=1), nn.Conv2d(o, o, 3, padding=1)

    def forward(self, x):
        return F.relu(self.conv2(F.relu(self.conv1(x))))
