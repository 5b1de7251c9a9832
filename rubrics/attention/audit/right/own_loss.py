"""train computes its own cross-entropy."""
# base: the other parts

# %% train
def train(model, batches, optimizer, criterion, num_epochs):
    losses = []
    for _ in range(num_epochs):
        sums, count = 0.0, 0
        for window in batches:
            x, y = window[:, :-1].contiguous(), window[:, 1:].contiguous()
            log_probabilities = F.log_softmax(model(x), dim=-1)
            loss = -log_probabilities.gather(-1, y.unsqueeze(-1)).mean()
            model.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            sums, count = sums + loss.detach() * len(x), count + len(x)
        losses.append(float(sums / count))
    return losses
