"""Other names for definitions and arguments."""
# base: the other parts

# %% attention
def attention(queries, keys, values, attn_mask=None):
    scores = queries @ keys.transpose(-2, -1) / math.sqrt(queries.size(-1))
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, -1e9)
    return torch.softmax(scores, dim=-1) @ values


# %% heads
class MultiHeadSelfAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, inputs, attn_mask=None):
        b, n, d = inputs.shape
        q, k, v = self.qkv(inputs).view(b, n, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        return self.out(attention(q, k, v, attn_mask).transpose(1, 2).reshape(b, n, d))


# %% block
class Block(nn.Module):
    def __init__(self, dim, heads, hidden):
        super().__init__()
        self.attn = MultiHeadSelfAttention(dim, heads)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.ffn = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, dim))

    def forward(self, x, attn_mask=None):
        x = x + self.attn(self.norm1(x), attn_mask)
        return x + self.ffn(self.norm2(x))


# %% model
class CharLM(nn.Module):
    def __init__(self, vocab, dim, heads, layers, max_len):
        super().__init__()
        self.max_length = max_len
        self.embedding = nn.Embedding(vocab, dim)
        self.register_buffer("pe", positional_encoding(max_len, dim))
        self.blocks = nn.ModuleList([Block(dim, heads, 4 * dim) for _ in range(layers)])
        self.out = nn.Linear(dim, vocab)

    def forward(self, ids):
        n = ids.shape[1]
        x = self.embedding(ids) + self.pe[:n]
        for block in self.blocks:
            x = block(x, torch.tril(torch.ones(n, n)).bool())
        return self.out(x)


# %% train
def fit(net, loader, opt, loss_fn, epochs):
    history = []
    for _ in range(epochs):
        net.train()
        losses = []
        for batch in loader:
            opt.zero_grad()
            out = net(batch[:, :-1])
            loss = loss_fn(out.transpose(1, 2), batch[:, 1:])
            loss.backward()
            opt.step()
            losses.append(loss.item())
        history.append(sum(losses) / len(losses))
    return history


# %% generate
@torch.no_grad()
def sample(net, start, n, temp=1.0):
    net.eval()
    ids = start.tolist()
    for _ in range(n):
        logits = net(torch.tensor([ids[-net.max_length :]]))[0, -1]
        if temp == 0:
            ids.append(int(logits.argmax()))
        else:
            ids.append(int(torch.multinomial((logits / temp).softmax(0), 1)))
    return torch.tensor(ids)
