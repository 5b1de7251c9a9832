"""Every head is a module of its own."""
# base: the other parts

# %% heads
class Head(nn.Module):
    def __init__(self, d_model, d_head):
        super().__init__()
        self.query, self.key, self.value = (nn.Linear(d_model, d_head) for _ in range(3))

    def forward(self, x, mask=None):
        return scaled_dot_product_attention(self.query(x), self.key(x), self.value(x), mask)


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.heads = nn.ModuleList([Head(d_model, d_model // num_heads) for _ in range(num_heads)])
        self.output = nn.Linear(d_model, d_model)

    def forward(self, x, mask=None):
        return self.output(torch.cat([head(x, mask) for head in self.heads], dim=-1))
