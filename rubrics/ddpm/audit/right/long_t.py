"""A network that takes t as long (B,), and a sampler and a train that give it so."""

# base: paper

# %% unet
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.a = self.two(in_channels, 16)
        self.b = self.two(16, 32)
        self.c = self.two(32, 64)
        self.pool = nn.MaxPool2d(2)
        self.time = nn.Sequential(nn.Linear(1, 64), nn.ReLU(), nn.Linear(64, 64))
        self.up_b, self.dec_b = nn.ConvTranspose2d(64, 32, 2, 2), self.two(64, 32)
        self.up_a, self.dec_a = nn.ConvTranspose2d(32, 16, 2, 2), self.two(32, 16)
        self.out = nn.Conv2d(16, out_channels, 1)

    def two(self, i, o):
        return nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.ReLU(), nn.Conv2d(o, o, 3, padding=1), nn.ReLU())

    def forward(self, x, t=None):
        t = t.to(x.device).reshape(-1, 1).to(torch.float32)  # (B,) and (B, 1), long and float, all the same
        a = self.a(x)
        b = self.b(self.pool(a))
        c = self.c(self.pool(b)) + self.time(t)[:, :, None, None]
        y = self.dec_b(torch.cat([self.up_b(c), b], dim=1))
        y = self.dec_a(torch.cat([self.up_a(y), a], dim=1))
        return self.out(y)


# %% train
def train(model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps):
    train_losses, val_losses = [], []
    for epoch in range(num_epochs):
        model.train()
        batch_losses = []
        for data, _ in tqdm(train_loader):
            data = data.to(device)
            t = torch.randint(0, totalTrainingTimesteps, (data.shape[0],), device=device)
            noisy, noise = diffuser.noise_diffusion(data, t)
            loss = criterion(model(noisy, t), noise)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            batch_losses.append(loss.item())
        train_losses.append(torch.tensor(batch_losses).mean().item())
        model.eval()
        batch_losses = []
        with torch.no_grad():
            for data, _ in val_loader:
                data = data.to(device)
                t = torch.randint(0, totalTrainingTimesteps, (data.shape[0],), device=device)
                noisy, noise = diffuser.noise_diffusion(data, t)
                batch_losses.append(criterion(model(noisy, t), noise).item())
        val_losses.append(torch.tensor(batch_losses).mean().item())
    return train_losses, val_losses


# %% sampler
@torch.no_grad()
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    for i in reversed(range(total_timesteps)):
        t = torch.full((x_t.shape[0],), i, dtype=torch.long, device=device)
        beta, alpha, ab = (v[t].view(-1, 1, 1, 1) for v in (diffuser.betas, diffuser.alphas, diffuser.alpha_bar))
        eps = model(x_t, t)
        x_t = (x_t - beta / (1 - ab).sqrt() * eps) / alpha.sqrt()
        if i:
            x_t = x_t + beta.sqrt() * torch.randn_like(x_t)
    return x_t
