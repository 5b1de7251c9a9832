"""The model returns its logits and a loss, which is None without targets."""
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

    def forward(self, idx, targets=None):
        B, T = idx.shape
        mask = torch.ones(T, T, device=idx.device).tril().bool()
        x = self.embedding(idx) + self.positions[:T]
        for block in self.blocks:
            x = block(x, mask)
        logits = self.head(self.norm(x))
        loss = None
        if targets is not None:
            loss = F.cross_entropy(logits.view(B * T, -1), targets.reshape(B * T))
        return logits, loss


# %% train
def train(model, batches, optimizer, criterion, num_epochs):
    losses = []
    for _ in range(num_epochs):
        model.train()
        seen = []
        for window in batches:
            logits, _ = model(window[:, :-1])
            loss = criterion(logits.flatten(0, 1), window[:, 1:].flatten())
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
        losses.append(sum(seen) / len(seen))
    return losses


# %% generate
@torch.no_grad()
def generate(model, prompt, num_tokens, temperature=1.0):
    model.eval()
    idx = prompt[None]
    for _ in range(num_tokens):
        logits, _ = model(idx[:, -model.max_length :])
        logits = logits[:, -1, :]
        if temperature == 0:
            idx_next = logits.argmax(dim=-1, keepdim=True)
        else:
            idx_next = torch.multinomial(F.softmax(logits / temperature, dim=-1), num_samples=1)
        idx = torch.cat((idx, idx_next), dim=1)
    return idx[0]
