"""Automatic mixed precision where there is a GPU: autocast and a gradient scaler."""

# base: paper

# %% train
def train(model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps):
    amp = torch.device(device).type == "cuda"
    scaler = torch.amp.GradScaler("cuda", enabled=amp)
    train_losses, val_losses = [], []

    def step_loss(data):
        data = data.to(device)
        timesteps = torch.randint(0, totalTrainingTimesteps, (len(data),), device=device).long().tolist()
        noisy, noise = diffuser.noise_diffusion(data, timesteps)
        with torch.autocast(torch.device(device).type, dtype=torch.float16 if amp else torch.bfloat16, enabled=amp):
            predicted = model(noisy, torch.tensor(timesteps, device=device, dtype=torch.float32).view(-1, 1))
        return criterion(predicted.float(), noise)

    for epoch in range(num_epochs):
        model.train()
        total = 0
        for data, _ in tqdm(train_loader, total=len(train_loader)):
            optimizer.zero_grad()
            loss = step_loss(data)
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
            total += loss.item()
        train_losses.append(total / len(train_loader))
        model.eval()
        with torch.no_grad():
            val_losses.append(sum(step_loss(data).item() for data, _ in val_loader) / len(val_loader))
    return train_losses, val_losses
