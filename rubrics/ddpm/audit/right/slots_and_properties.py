"""The noisy image and the noise in an object with slots, whose properties name them."""

# base: paper

# %% pair
class Noised:
    __slots__ = ("_x", "_eps")

    def __init__(self, x, eps):
        self._x, self._eps = x, eps

    @property
    def noisy(self):
        return self._x

    @property
    def noise(self):
        return self._eps


# %% diffuser
class NoiseDiffuser:
    def __init__(self, start_beta, end_beta, total_steps, device="cpu"):
        self.start_beta, self.end_beta, self.total_steps, self.device = start_beta, end_beta, total_steps, device
        self.betas = self.linear_scheduler().to(device)
        self.alphas = 1 - self.betas
        self.alpha_bar = torch.cumprod(self.alphas, dim=0)

    def linear_scheduler(self):
        return torch.linspace(self.start_beta, self.end_beta, self.total_steps)

    def noise_diffusion(self, image, t):
        kept = self.alpha_bar[torch.as_tensor(t).long()].view(-1, 1, 1, 1)
        noise = torch.randn_like(image)
        return Noised(kept.sqrt() * image + (1 - kept).sqrt() * noise, noise)


# %% train
def train(model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps):
    def loss_of(images):
        t = torch.randint(totalTrainingTimesteps, (len(images),))
        made = diffuser.noise_diffusion(images, t.tolist())
        return criterion(model(made.noisy, t.float().view(-1, 1)), made.noise)

    averages = [], []
    for _ in range(num_epochs):
        model.train()
        losses = []
        for images, _ in train_loader:
            optimizer.zero_grad()
            loss = loss_of(images)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        averages[0].append(sum(losses) / len(losses))
        model.eval()
        with torch.no_grad():
            losses = [loss_of(images).item() for images, _ in val_loader]
        averages[1].append(sum(losses) / len(losses))
    return averages
