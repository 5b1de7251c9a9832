"""The mean squared error written out in place of the criterion, gradients cleared by hand, averages over the data set."""

# base: paper

# %% train
def train(model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps):
    train_losses, val_losses = [], []
    for epoch in range(num_epochs):
        model.train()
        total = 0.0
        for images, labels in train_loader:
            images = images.to(device)
            t = torch.randint(0, totalTrainingTimesteps, (images.shape[0],)).tolist()
            x_t, eps = diffuser.noise_diffusion(images, t)
            eps_hat = model(x_t, torch.tensor(t).float().to(device).reshape(-1, 1))
            loss = ((eps - eps_hat) ** 2).mean()
            for p in model.parameters():
                p.grad = None
            loss.backward()
            optimizer.step()
            total += loss.item() * len(images)
        train_losses.append(total / len(train_loader.dataset))
        model.eval()
        total = 0.0
        with torch.no_grad():
            for images, labels in val_loader:
                images = images.to(device)
                t = torch.randint(0, totalTrainingTimesteps, (images.shape[0],)).tolist()
                x_t, eps = diffuser.noise_diffusion(images, t)
                eps_hat = model(x_t, torch.tensor(t).float().to(device).reshape(-1, 1))
                total += F.mse_loss(eps_hat, eps).item() * len(images)
        val_losses.append(total / len(val_loader.dataset))
    return train_losses, val_losses
