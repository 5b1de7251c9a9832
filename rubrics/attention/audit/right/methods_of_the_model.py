"""The model computes its loss from targets, and has a method that generates."""
# base: the other parts

# %% model
class CharacterModel(nn.Module):
    def __init__(self, vocab_size, d_model, num_heads, num_layers, max_length):
        super().__init__()
        self.max_length = max_length
        self.embedding = nn.Embedding(vocab_size, d_model)
        self.register_buffer("positions", positional_encoding(max_length, d_model))
        self.blocks = nn.ModuleList([TransformerBlock(d_model, num_heads, 4 * d_model) for _ in range(num_layers)])
        self.norm = nn.LayerNorm(d_model)
        self.head = nn.Linear(d_model, vocab_size)

    def forward(self, tokens, targets=None):
        length = tokens.shape[1]
        mask = torch.ones(length, length, device=tokens.device).tril().bool()
        x = self.embedding(tokens) + self.positions[:length]
        for block in self.blocks:
            x = block(x, mask)
        logits = self.head(self.norm(x))
        if targets is None:
            return logits
        return logits, F.cross_entropy(logits.transpose(1, 2), targets)

    @torch.no_grad()
    def generate(self, tokens, count, temperature):
        self.eval()
        for _ in range(count):
            logits = self(tokens[:, -self.max_length :])[:, -1]
            if temperature == 0:
                chosen = logits.argmax(-1, keepdim=True)
            else:
                chosen = torch.multinomial((logits / temperature).softmax(-1), 1)
            tokens = torch.cat([tokens, chosen], dim=1)
        return tokens


# %% train
def train(model, batches, optimizer, criterion, num_epochs):
    losses = []
    for _ in range(num_epochs):
        model.train()
        total = 0.0
        for window in batches:
            _, loss = model(window[:, :-1], targets=window[:, 1:])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total / len(batches))
    return losses


# %% generate
def generate(model, prompt, num_tokens, temperature=1.0):
    return model.generate(prompt.unsqueeze(0), num_tokens, temperature).squeeze(0)
