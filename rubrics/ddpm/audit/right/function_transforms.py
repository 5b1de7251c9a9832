"""Gradients by torch.func, as in JAX: pure functions of the weights, written back before the step."""

# base: paper

# %% train
from functools import partial, reduce

from torch.func import functional_call, grad_and_value

def loss_fn(params, model, criterion, xt, t, eps):
    return criterion(functional_call(model, params, (xt, t)), eps)

def prepare(key, diffuser, T, device, batch):
    x0 = batch[0].to(device)
    t = torch.randint(T, (x0.shape[0],), generator=key)
    xt, eps = diffuser.noise_diffusion(x0, t.tolist())
    return xt, t.to(device).float().unsqueeze(-1), eps

def update(model, opt, criterion, data):
    params = {k: v.detach() for k, v in model.named_parameters()}
    grads, value = grad_and_value(loss_fn)(params, model, criterion, *data)
    for k, p in model.named_parameters():
        p.grad = grads[k]
    opt.step()
    return value.item()

def mean(xs):
    xs = list(xs)
    return sum(xs) / len(xs)

def train(model, train_loader, val_loader, optimizer, criterion, device, num_epochs, diffuser, totalTrainingTimesteps):
    key = torch.Generator().manual_seed(0)
    prep = partial(prepare, key, diffuser, totalTrainingTimesteps, device)

    def epoch(history, i):
        model.train()
        tr = mean(map(partial(update, model, optimizer, criterion), map(prep, train_loader)))
        model.eval()
        with torch.no_grad():
            va = mean(criterion(model(xt, t), e).item() for xt, t, e in map(prep, val_loader))
        print(f"epoch {i}: {tr:.4f} {va:.4f}")
        return history + [(tr, va)]

    return tuple(map(list, zip(*reduce(epoch, range(num_epochs), []))))
