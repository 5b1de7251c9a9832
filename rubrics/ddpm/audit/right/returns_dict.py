"""Training by phases in one loop, returning a dict of histories."""

# base: paper

# %% train
def train(model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps):
    history = {"train_loss": [], "val_loss": []}
    loaders = {"train": train_loader, "val": val_loader}
    for epoch in range(num_epochs):
        for phase, loader in loaders.items():
            model.train(phase == "train")
            total = 0
            for i, (x, y) in enumerate(loader):
                x = x.to(device)
                t = torch.randint(0, totalTrainingTimesteps, (x.shape[0],)).tolist()
                noisy, noise = diffuser.noise_diffusion(x, t)
                with torch.set_grad_enabled(phase == "train"):
                    prediction = model(noisy, torch.tensor(t, dtype=torch.float, device=device)[:, None])
                    loss = criterion(prediction, noise)
                if phase == "train":
                    optimizer.zero_grad(set_to_none=True)
                    loss.backward()
                    optimizer.step()
                total += loss.detach().item()
            history[phase + "_loss"].append(total / (i + 1))
        print(epoch, {k: round(v[-1], 4) for k, v in history.items()})
    return history
