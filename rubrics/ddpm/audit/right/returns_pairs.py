"""Training that returns one list of (train, validation) pairs, zero_grad after the step, no progress bar."""

# base: paper

# %% train
def train(model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps):
    history = []
    optimizer.zero_grad()
    for epoch in range(num_epochs):
        sums, counts = [0.0, 0.0], [0, 0]
        model.train()
        for batch in train_loader:
            img = batch[0].to(device)
            t = torch.randint(totalTrainingTimesteps, (img.size(0),), device=device)
            x_t, eps = diffuser.noise_diffusion(img, t.tolist())
            loss = criterion(model(x_t, t.float().unsqueeze(1)), eps)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            sums[0] += loss.item() * img.size(0)
            counts[0] += img.size(0)
        model.eval()
        with torch.no_grad():
            for batch in val_loader:
                img = batch[0].to(device)
                t = torch.randint(totalTrainingTimesteps, (img.size(0),), device=device)
                x_t, eps = diffuser.noise_diffusion(img, t.tolist())
                sums[1] += criterion(model(x_t, t.float().unsqueeze(1)), eps).item() * img.size(0)
                counts[1] += img.size(0)
        history.append((sums[0] / counts[0], sums[1] / counts[1]))
    return history
