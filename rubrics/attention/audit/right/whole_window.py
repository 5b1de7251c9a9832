"""The model reads the whole window, and the last prediction is dropped."""
# base: the other parts

# %% model
class CharacterModel(nn.Module):
    def __init__(self, vocab_size, d_model, num_heads, num_layers, max_length):
        super().__init__()
        self.max_length = max_length
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.register_buffer("positions", positional_encoding(max_length + 1, d_model))
        self.blocks = nn.ModuleList([TransformerBlock(d_model, num_heads, 4 * d_model) for _ in range(num_layers)])
        self.head = nn.Linear(d_model, vocab_size)

    def forward(self, tokens):
        length = tokens.shape[1]
        x = self.embedding(tokens) + self.positions[:length]
        for block in self.blocks:
            x = block(x, torch.ones(length, length).tril() > 0)
        return self.head(x)


# %% train
def train(model, batches, optimizer, criterion, num_epochs):
    model.train()
    epoch_losses = []
    for epoch in range(num_epochs):
        total, n = 0.0, 0
        for window in batches:
            optimizer.zero_grad(set_to_none=True)
            logits = model(window)[:, :-1, :]
            loss = criterion(logits.flatten(0, 1), window[:, 1:].flatten())
            loss.backward()
            optimizer.step()
            total += loss.item()
            n += 1
        epoch_losses.append(total / n)
        print(f"epoch {epoch}: {epoch_losses[-1]:.3f}")
    return epoch_losses
