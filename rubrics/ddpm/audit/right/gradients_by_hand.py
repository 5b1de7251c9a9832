"""Gradients from torch.autograd.grad, which replace those of the last batch, and stratified steps."""
# base: paper


# %% train
def train(
    model,
    train_loader,
    val_loader,
    optimizer,
    criterion,
    device,
    num_epochs,
    diffuser,
    totalTrainingTimesteps,
):
    params = [p for g in optimizer.param_groups for p in g["params"]]

    def strata(n):
        u = (torch.arange(n) + torch.rand(n)) / n
        return (u[torch.randperm(n)] * totalTrainingTimesteps).long().clamp_(max=totalTrainingTimesteps - 1)

    def loss_of(x):
        t = strata(len(x))
        noisy, eps = diffuser.noise_diffusion(x.to(device), t.tolist())
        return criterion(model(noisy, t.float().view(-1, 1).to(device)), eps)

    train_losses, val_losses = [], []
    epoch = 0
    while epoch < num_epochs:
        model.train()
        seen = []
        batches = iter(train_loader)
        while (batch := next(batches, None)) is not None:
            loss = loss_of(batch[0])
            for p, g in zip(params, torch.autograd.grad(loss, params, allow_unused=True)):
                p.grad = g
            optimizer.step()
            seen += [loss.item()]
        train_losses += [sum(seen) / len(seen)]
        model.eval()
        with torch.no_grad():
            val_losses += [torch.stack([loss_of(x) for x, _ in val_loader]).mean().item()]
        epoch += 1
    return train_losses, val_losses
