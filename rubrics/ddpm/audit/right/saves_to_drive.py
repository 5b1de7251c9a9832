"""Checkpoints on a mounted drive, logs in folders of Kaggle's and in one that was made by hand."""

# base: paper

# %% setup
import json
import os
from pathlib import Path

import matplotlib.pyplot as plt
import torch
import torch.nn as nn
import torch.nn.functional as F
from tqdm import tqdm

torch.manual_seed(0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")


# %% train
def train(
    model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps
):
    os.makedirs("/content/drive/MyDrive/ddpm", exist_ok=True)
    Path("/kaggle/working/logs").mkdir(parents=True, exist_ok=True)
    log = open("results/losses.csv", "w")  # the folder was made by hand
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
        torch.save(model.state_dict(), f"/content/drive/MyDrive/ddpm/epoch{epoch}.pth")
        assert os.path.exists("/content/drive/MyDrive/ddpm/epoch0.pth")
        Path("/kaggle/working/logs/last.json").write_text(json.dumps(val_losses))
        print(train_losses[-1], val_losses[-1], sep=",", file=log)
        print(f"epoch {epoch + 1}: train {train_losses[-1]:.4f}, validation {val_losses[-1]:.4f}")
    log.close()
    model.load_state_dict(torch.load(f"/content/drive/MyDrive/ddpm/epoch{num_epochs - 1}.pth"))
    with open("/kaggle/working/logs/last.json") as file:
        assert json.load(file) == val_losses
    return train_losses, val_losses
