"""Target before prediction in the criterion, Python's random for t, losses kept as numpy arrays."""

# base: paper

# %% imports
import random
import numpy as np

# %% train
def train(model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps):
    train_losses = np.zeros(num_epochs)
    val_losses = np.zeros(num_epochs)
    for epoch in range(num_epochs):
        model.train()
        for data, _ in train_loader:
            optimizer.zero_grad()
            timesteps = [random.randrange(totalTrainingTimesteps) for _ in range(len(data))]
            noisy_data, true_noise = diffuser.noise_diffusion(data.to(device), timesteps)
            predicted_noise = model.forward(noisy_data, torch.tensor(timesteps).to(device, torch.float32).view(-1, 1))
            loss = criterion(true_noise, predicted_noise)
            loss.backward()
            optimizer.step()
            train_losses[epoch] += loss.item() / len(train_loader)
        model.eval()
        for data, _ in val_loader:
            with torch.no_grad():
                timesteps = np.random.randint(0, totalTrainingTimesteps, size=len(data)).tolist()
                noisy_data, true_noise = diffuser.noise_diffusion(data.to(device), timesteps)
                predicted_noise = model.forward(noisy_data, torch.tensor(timesteps).to(device, torch.float32).view(-1, 1))
                val_losses[epoch] += criterion(true_noise, predicted_noise).item() / len(val_loader)
    return train_losses, val_losses
