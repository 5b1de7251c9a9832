"""Keeps the weights of the best epoch and puts them back at the end; saves a checkpoint as it goes."""

# base: paper

# %% train
def train(model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps):
    train_losses, val_losses = [], []
    best, best_state = float("inf"), None
    for epoch in range(num_epochs):
        model.train()
        total = torch.zeros((), device=device)
        for data, _ in train_loader:
            data = data.to(device)
            ts = torch.randint(0, totalTrainingTimesteps, (data.shape[0],)).tolist()
            noisy, noise = diffuser.noise_diffusion(data, ts)
            loss = criterion(model(noisy, torch.tensor(ts, device=device).float().view(-1, 1)), noise)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach()
        train_losses.append((total / len(train_loader)).item())
        model.eval()
        with torch.no_grad():
            total = 0
            for data, _ in val_loader:
                data = data.to(device)
                ts = torch.randint(0, totalTrainingTimesteps, (data.shape[0],)).tolist()
                noisy, noise = diffuser.noise_diffusion(data, ts)
                total += criterion(model(noisy, torch.tensor(ts, device=device).float().view(-1, 1)), noise).item()
        val_losses.append(total / len(val_loader))
        if val_losses[-1] < best:
            best = val_losses[-1]
            best_state = {k: v.detach().clone() for k, v in model.state_dict().items()}
            torch.save(best_state, "checkpoint.pth")
    model.load_state_dict(best_state)
    return train_losses, val_losses
