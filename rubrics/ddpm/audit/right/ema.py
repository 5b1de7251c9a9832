"""An exponential moving average of the weights, validated, and handed to the model at the end."""

# base: paper

# %% imports
import copy

# %% train
def train(model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps):
    averaged = copy.deepcopy(model)
    for p in averaged.parameters():
        p.requires_grad_(False)
    updates = 0
    train_losses, val_losses = [], []
    for epoch in range(num_epochs):
        model.train()
        seen = []
        for data, _ in train_loader:
            data = data.to(device)
            t = torch.randint(0, totalTrainingTimesteps, (len(data),), device=device)
            noisy, noise = diffuser.noise_diffusion(data, t)
            loss = criterion(model(noisy, t.view(-1, 1).float()), noise)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
            updates += 1
            decay = min(0.99, updates / (updates + 10))
            with torch.no_grad():
                for slow, fast in zip(averaged.parameters(), model.parameters()):
                    slow.lerp_(fast, 1 - decay)
        train_losses.append(sum(seen) / len(seen))
        model.eval()
        averaged.eval()
        seen = []
        with torch.no_grad():
            for data, _ in val_loader:
                data = data.to(device)
                t = torch.randint(0, totalTrainingTimesteps, (len(data),), device=device)
                noisy, noise = diffuser.noise_diffusion(data, t)
                seen.append(criterion(averaged(noisy, t.view(-1, 1).float()), noise).item())
        val_losses.append(sum(seen) / len(seen))
    with torch.no_grad():
        for slow, fast in zip(averaged.parameters(), model.parameters()):
            fast.copy_(slow)
    return train_losses, val_losses
