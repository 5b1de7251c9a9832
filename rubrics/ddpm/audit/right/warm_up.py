"""The learning rate grows from zero, batch by batch."""

# base: paper

# %% train
def train(
    model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps
):
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, step / 20))
    train_losses, val_losses = [], []
    for epoch in range(num_epochs):
        model.train()
        running = 0.0
        for images, _ in tqdm(train_loader, desc=f"epoch {epoch + 1}, training", leave=False):
            images = images.to(device)
            steps = torch.randint(0, totalTrainingTimesteps, (len(images),)).tolist()
            noisy, noise = diffuser.noise_diffusion(images, steps)
            predicted = model(noisy, torch.tensor(steps, dtype=torch.float32, device=device).view(-1, 1))
            loss = criterion(predicted, noise)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            scheduler.step()
            running += loss.item()
        train_losses.append(running / len(train_loader))

        model.eval()
        running = 0.0
        with torch.no_grad():
            for held_out, _ in tqdm(val_loader, desc=f"epoch {epoch + 1}, validation", leave=False):
                held_out = held_out.to(device)
                ts = torch.randint(0, totalTrainingTimesteps, (len(held_out),)).tolist()
                noisy, target = diffuser.noise_diffusion(held_out, ts)
                guess = model(noisy, torch.tensor(ts, dtype=torch.float32, device=device).view(-1, 1))
                running += criterion(guess, target).item()
        val_losses.append(running / len(val_loader))
        print(f"epoch {epoch + 1}: train {train_losses[-1]:.4f}, validation {val_losses[-1]:.4f}")
    return train_losses, val_losses
