"""The network is told the step on a scale from −1 to 1; the sampler is wrapped after its definition."""

# base: paper

# %% train
def train(
    model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps
):
    def loss_of(images):
        images = images.to(device)
        t = torch.randint(0, totalTrainingTimesteps, (len(images),), device=device)
        noisy, noise = diffuser.noise_diffusion(images, t)
        return criterion(model(noisy, (2 * t.float() / totalTrainingTimesteps - 1).view(-1, 1)), noise)

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
def _generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    x = x_t.to(device)
    for i in range(total_timesteps - 1, -1, -1):
        alpha, beta, kept = diffuser.alphas[i], diffuser.betas[i], diffuser.alpha_bar[i]
        eps = model(x, torch.full((len(x), 1), 2 * i / total_timesteps - 1, device=device))
        x = (x - (1 - alpha) / (1 - kept).sqrt() * eps) / alpha.sqrt()
        if i > 0:
            x = x + beta.sqrt() * torch.randn_like(x)
    return x


generate_samples = torch.inference_mode()(_generate_samples)
