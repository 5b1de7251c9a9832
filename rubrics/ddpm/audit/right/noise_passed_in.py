"""The noise is drawn in train and given to the diffuser, which answers with a named tuple."""

# base: paper

# %% diffuser
from typing import NamedTuple


class Noised(NamedTuple):
    image: torch.Tensor
    noise: torch.Tensor


class NoiseDiffuser:
    def __init__(self, start_beta, end_beta, total_steps, device="cpu"):
        self.device = device
        self.betas = torch.linspace(start_beta, end_beta, total_steps, device=device)
        self.alphas = 1 - self.betas
        self.alpha_bar = torch.cumprod(self.alphas, dim=0)

    def noise_diffusion(self, image, t, noise=None):
        image = image.to(self.device)
        if noise is None:
            noise = torch.randn_like(image)
        kept = self.alpha_bar[torch.as_tensor(t, dtype=torch.long, device=self.device)].view(-1, 1, 1, 1)
        return Noised(image=kept.sqrt() * image + (1 - kept).sqrt() * noise, noise=noise)


# %% train
def train(
    model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps
):
    def loss_of(images):
        images = images.to(device)
        t = torch.randint(0, totalTrainingTimesteps, (len(images),), device=device)
        eps = torch.randn_like(images)
        noised = diffuser.noise_diffusion(images, t, noise=eps)
        return criterion(model(noised.image, t.float()[:, None]), eps)

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
