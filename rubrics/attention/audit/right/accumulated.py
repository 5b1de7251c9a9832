"""Gradients are accumulated over two batches, with a schedule of the learning rate."""
# base: the other parts

# %% train
def train(model, batches, optimizer, criterion, num_epochs):
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_epochs * len(batches) + 10)
    losses = []
    for _ in range(num_epochs):
        model.train()
        seen = []
        optimizer.zero_grad()
        for number, window in enumerate(batches):
            logits = model(window[:, :-1])
            loss = criterion(logits.flatten(0, 1), window[:, 1:].flatten())
            (loss / 2).backward()
            if number % 2 == 1:
                optimizer.step()
                schedule.step()
                optimizer.zero_grad()
            seen.append(loss.item())
        losses.append(sum(seen) / len(seen))
    return losses
