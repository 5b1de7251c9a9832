"""Training that returns the model and both losses, validates in a helper of another cell, under inference_mode."""

# base: paper

# %% helpers
def one_loss(model, x, diffuser, T, criterion, device):
    x = x.to(device)
    t = torch.randint(0, T, (len(x),)).tolist()
    x_t, eps = diffuser.noise_diffusion(x, t)
    eps_hat = model(x=x_t, t=torch.FloatTensor(t).to(device).view(-1, 1))
    return criterion(eps_hat, eps)


@torch.inference_mode()
def evaluate(model, loader, diffuser, T, criterion, device):
    model.eval()
    losses = [one_loss(model, x, diffuser, T, criterion, device).item() for x, _ in loader]
    return sum(losses) / len(losses)

# %% train
def train(model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps):
    train_losses = []
    val_losses = []
    for epoch in range(1, num_epochs + 1):
        model.train()
        losses = []
        for x, _ in tqdm(train_loader):
            loss = one_loss(model, x, diffuser, totalTrainingTimesteps, criterion, device)
            model.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        train_losses.append(sum(losses) / len(losses))
        val_losses.append(evaluate(model, val_loader, diffuser, totalTrainingTimesteps, criterion, device))
    return model, train_losses, val_losses
