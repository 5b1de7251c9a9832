"""A learning rate schedule inside train, and gradients clipped."""

# base: paper

# %% train
def train(model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps):
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=num_epochs)
    train_losses, val_losses = [], []
    for epoch in range(num_epochs):
        model.train()
        epoch_loss = 0.0
        for data, _ in tqdm(train_loader, leave=False):
            data = data.to(device, non_blocking=True)
            timesteps = torch.randint(low=0, high=totalTrainingTimesteps, size=(data.shape[0],)).long()
            noisy, noise = diffuser.noise_diffusion(data, timesteps.tolist())
            optimizer.zero_grad()
            output = model(noisy, timesteps.float().view(-1, 1).to(device))
            loss = criterion(output, noise)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            optimizer.step()
            epoch_loss += loss.item()
        scheduler.step()
        train_losses.append(epoch_loss / len(train_loader))

        model.eval()
        val_loss = 0.0
        with torch.no_grad():
            for data, _ in val_loader:
                data = data.to(device)
                timesteps = torch.randint(low=0, high=totalTrainingTimesteps, size=(data.shape[0],)).long()
                noisy, noise = diffuser.noise_diffusion(data, timesteps.tolist())
                val_loss += criterion(model(noisy, timesteps.float().view(-1, 1).to(device)), noise).item()
        val_losses.append(val_loss / len(val_loader))
        print(f"epoch {epoch + 1}: {train_losses[-1]:.4f} {val_losses[-1]:.4f} lr {scheduler.get_last_lr()[0]:.2e}")
    return train_losses, val_losses
