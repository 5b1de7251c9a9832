"""Checks all that it is given before it begins, as assistants write it; losses come back in a dataclass."""

# base: paper

# %% train
from dataclasses import dataclass, field

from torch.utils.data import DataLoader


@dataclass
class TrainingHistory:
    train: list = field(default_factory=list)
    validation: list = field(default_factory=list)


def train(
    model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps
):
    if not isinstance(model, UNet):
        raise TypeError("model must be a UNet")
    if not isinstance(train_loader, DataLoader) or not isinstance(val_loader, DataLoader):
        raise TypeError("loaders must be DataLoader instances")
    assert isinstance(diffuser, NoiseDiffuser), "diffuser must be a NoiseDiffuser"
    assert isinstance(optimizer, torch.optim.Optimizer) and isinstance(criterion, nn.Module)
    assert train_loader.dataset[0][0].shape == (1, 28, 28), "the images must be 28 x 28"
    print("drops the last batch:", train_loader.drop_last, "images:", len(train_loader.sampler))
    history = TrainingHistory()
    for epoch in range(num_epochs):
        for loader, losses in ((train_loader, history.train), (val_loader, history.validation)):
            learning = loader is train_loader
            model.train(learning)
            total = 0.0
            with torch.set_grad_enabled(learning):
                for images, _ in loader:
                    images = images.to(device)
                    t = torch.randint(0, totalTrainingTimesteps, (images.shape[0],), device=device)
                    noisy, noise = diffuser.noise_diffusion(images, t)
                    loss = criterion(model(noisy, t.float().view(-1, 1)), noise)
                    if learning:
                        optimizer.zero_grad()
                        loss.backward()
                        optimizer.step()
                    total += loss.item()
            losses.append(total / len(loader))
    return history


# %% sampler
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    if not isinstance(model, nn.Module) or not isinstance(model, UNet):
        raise TypeError("model must be a UNet")
    if type(diffuser).__name__ != "NoiseDiffuser" and not isinstance(diffuser, NoiseDiffuser):
        raise TypeError("diffuser must be a NoiseDiffuser")
    if x_t.shape[0] != num_samples:
        raise ValueError(f"x_t must hold {num_samples} images")
    model.eval()
    x = x_t.to(device)
    with torch.no_grad():
        for i in range(total_timesteps - 1, -1, -1):
            t = torch.full((num_samples, 1), i, dtype=torch.float32, device=device)
            eps = model(x, t)
            x = (x - diffuser.betas[i] / (1 - diffuser.alpha_bar[i]).sqrt() * eps) / diffuser.alphas[i].sqrt()
            if i > 0:
                x = x + diffuser.betas[i].sqrt() * torch.randn_like(x)
    return x
