"""All randomness from a RandomState that is a default argument; the diffuser in NumPy; steps of the optimiser by a closure."""

# base: paper

# %% imports
import numpy as np

rng = np.random.RandomState(1234)


# %% diffuser
class NoiseDiffuser:
    def __init__(self, start_beta, end_beta, total_steps, device='cpu', rng=rng):
        self.device, self.rng = device, rng
        self.start_beta, self.end_beta, self.total_steps = start_beta, end_beta, total_steps
        betas = np.linspace(start_beta, end_beta, total_steps)
        self._np = {"betas": betas, "alphas": 1 - betas, "alpha_bar": np.cumprod(1 - betas)}
        for name, curve in self._np.items():
            setattr(self, name, torch.tensor(curve, dtype=torch.float32, device=device))

    def linear_scheduler(self):
        return self.betas

    def noise_diffusion(self, image, t):
        t = np.asarray(t.cpu() if torch.is_tensor(t) else t).astype(int).ravel()
        a = self._np["alpha_bar"][t].reshape(-1, 1, 1, 1)
        x0 = image.detach().cpu().numpy()
        eps = self.rng.standard_normal(x0.shape)
        x = np.sqrt(a) * x0 + np.sqrt(1 - a) * eps
        return tuple(torch.from_numpy(v.astype(np.float32)).to(self.device) for v in (x, eps))


# %% unet
class UNet(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        C = [16, 32, 64]
        act = nn.ELU
        self.a0 = nn.Sequential(nn.Conv2d(in_channels, C[0], 3, 1, 1), act())
        self.a1 = nn.Sequential(nn.Conv2d(C[0], C[1], 3, 2, 1), act(), nn.Conv2d(C[1], C[1], 3, 1, 1), act())
        self.a2 = nn.Sequential(nn.Conv2d(C[1], C[2], 3, 2, 1), act(), nn.Conv2d(C[2], C[2], 3, 1, 1), act())
        self.temb = nn.Embedding(2000, C[2])
        self.b1 = nn.Sequential(nn.Conv2d(C[2], 4 * C[1], 3, 1, 1), nn.PixelShuffle(2), act())
        self.c1 = nn.Sequential(nn.Conv2d(2 * C[1], C[1], 3, 1, 1), act())
        self.b0 = nn.Sequential(nn.Conv2d(C[1], 4 * C[0], 3, 1, 1), nn.PixelShuffle(2), act())
        self.c0 = nn.Sequential(nn.Conv2d(2 * C[0], C[0], 3, 1, 1), act())
        self.out = nn.Conv2d(C[0], out_channels, 3, 1, 1)

    def forward(self, x, t):
        e = self.temb(t.long().flatten())
        h0 = self.a0(x)
        h1 = self.a1(h0)
        h2 = self.a2(h1) + e.view(e.size(0), -1, 1, 1)
        u1 = self.c1(torch.cat([h1, self.b1(h2)], -3))
        u0 = self.c0(torch.cat([h0, self.b0(u1)], -3))
        return self.out(u0)


# %% train
def draw(n, T):
    return rng.randint(0, T, n).tolist()

def train(model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps):
    log = np.full((num_epochs, 2), np.nan)
    for epoch in range(num_epochs):
        model.train()
        values, it = [], iter(train_loader)
        while (batch := next(it, None)) is not None:
            t = draw(len(batch[0]), totalTrainingTimesteps)
            x, eps = diffuser.noise_diffusion(batch[0], t)
            x, eps, tt = x.to(device), eps.to(device), torch.tensor(t, dtype=torch.float32, device=device)[:, None]
            def closure():
                optimizer.zero_grad()
                loss = criterion(model(x, tt), eps)
                loss.backward()
                return loss
            values.append(optimizer.step(closure).item())
        log[epoch, 0] = np.mean(values)
        model.eval()
        with torch.no_grad():
            values = []
            for i, (xb, yb) in enumerate(val_loader):
                t = draw(len(xb), totalTrainingTimesteps)
                x, eps = diffuser.noise_diffusion(xb, t)
                values.append(criterion(model(x.to(device), torch.tensor(t, dtype=torch.float32, device=device)[:, None]), eps.to(device)).item())
            log[epoch, 1] = np.mean(values)
    return log[:, 0], log[:, 1]


# %% sampler
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    x = x_t.cpu().numpy().astype(np.float64)
    beta, alpha, abar = (getattr(diffuser, n).cpu().numpy().astype(np.float64) for n in ("betas", "alphas", "alpha_bar"))
    Z = rng.standard_normal((total_timesteps,) + x.shape)
    for k, i in enumerate(np.arange(total_timesteps - 1, -1, -1)):
        with torch.no_grad():
            e = model(torch.as_tensor(x, dtype=torch.float32, device=device), torch.full((len(x), 1), float(i), device=device)).cpu().numpy()
        x = (x - (1 - alpha[i]) / np.sqrt(1 - abar[i]) * e) / np.sqrt(alpha[i]) + (i > 0) * np.sqrt(beta[i]) * Z[k]
    return torch.tensor(x, dtype=torch.float32, device=device)
