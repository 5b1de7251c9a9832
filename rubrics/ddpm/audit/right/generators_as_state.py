"""Generators of its own kept as state: torch's in an attribute, NumPy's in a global, one as a default argument."""

# base: paper

# %% diffuser
import numpy as np

steps_rng = np.random.default_rng(7)


class NoiseDiffuser:
    def __init__(self, start_beta, end_beta, total_steps, device="cpu"):
        self.device = device
        self.generator = torch.Generator().manual_seed(42)
        self.betas = torch.linspace(start_beta, end_beta, total_steps, device=device)
        self.alphas = 1 - self.betas
        self.alpha_bar = torch.cumprod(self.alphas, dim=0)

    def noise_diffusion(self, image, t):
        image = image.to(self.device)
        kept = self.alpha_bar[torch.as_tensor(t, dtype=torch.long, device=self.device)].view(-1, 1, 1, 1)
        noise = torch.randn(image.shape, generator=self.generator).to(image)
        return kept.sqrt() * image + (1 - kept).sqrt() * noise, noise


# %% train
def train(
    model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps
):
    def loss_of(images):
        images = images.to(device)
        t = torch.from_numpy(steps_rng.integers(0, totalTrainingTimesteps, len(images))).to(device)
        noisy, noise = diffuser.noise_diffusion(images, t)
        return criterion(model(noisy, t.float()[:, None]), noise)

    train_losses, val_losses = [], []
    for _ in range(num_epochs):
        model.train()
        losses = []
        for images, _ in train_loader:
            loss = loss_of(images)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        train_losses.append(sum(losses) / len(losses))
        model.eval()
        with torch.no_grad():
            losses = [loss_of(images).item() for images, _ in val_loader]
        val_losses.append(sum(losses) / len(losses))
    return train_losses, val_losses


# %% sampler
def fresh(like, generator=torch.Generator().manual_seed(9)):
    return torch.randn(like.shape, generator=generator).to(like)


@torch.no_grad()
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    x = x_t.to(device)
    for i in range(total_timesteps - 1, -1, -1):
        alpha, beta, kept = diffuser.alphas[i], diffuser.betas[i], diffuser.alpha_bar[i]
        eps = model(x, torch.full((len(x), 1), float(i), device=device))
        x = (x - (1 - alpha) / (1 - kept).sqrt() * eps) / alpha.sqrt()
        if i > 0:
            x = x + beta.sqrt() * fresh(x)
    return x
