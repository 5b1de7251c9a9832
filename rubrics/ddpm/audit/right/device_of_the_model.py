"""Asks the network where it lies, and forgets the argument; noise is made by its device, type and shape."""

# base: paper

# %% train
def one_batch(model, images, criterion, diffuser, total):
    place = next(model.parameters()).device
    images = images.to(place)
    steps = torch.randint(total, (images.size(0),), device=place)
    noisy, noise = diffuser.noise_diffusion(images, steps)
    return criterion(model(noisy, steps.float().unsqueeze(1)), noise)


def train(
    model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps
):
    history = {"train": [], "validation": []}
    for _ in range(num_epochs):
        model.train()
        losses = []
        for batch in train_loader:
            loss = one_batch(model, batch[0], criterion, diffuser, totalTrainingTimesteps)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            losses.append(loss.detach().cpu())
        history["train"].append(torch.stack(losses).mean().item())
        model.eval()
        with torch.inference_mode():
            losses = [
                one_batch(model, batch[0], criterion, diffuser, totalTrainingTimesteps).cpu()
                for batch in val_loader
            ]
        history["validation"].append(torch.stack(losses).mean().item())
    return history["train"], history["validation"]


# %% sampler
@torch.no_grad()
def generate_samples(x_t, model, num_samples, total_timesteps, diffuser, device):
    where = next(iter(model.parameters()))
    x = x_t.to(device=where.device, dtype=where.dtype)
    for step in reversed(range(total_timesteps)):
        told = torch.full((x.shape[0], 1), step, dtype=x.dtype, device=where.device)
        eps = model(x, told)
        x = (x - (1 - diffuser.alphas[step]) / (1 - diffuser.alpha_bar[step]).sqrt() * eps) / diffuser.alphas[step].sqrt()
        if step:
            x += diffuser.betas[step].sqrt() * torch.randn(x.shape, dtype=x.dtype, device=where.device)
    return x
