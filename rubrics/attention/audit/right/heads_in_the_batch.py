"""Heads are folded into the batch."""
# base: the other parts

# %% heads
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.h, self.d = num_heads, d_model // num_heads
        self.wq, self.wk, self.wv, self.wo = [nn.Linear(d_model, d_model) for _ in range(4)]

    def fold(self, x):
        return torch.cat(x.split(self.d, dim=-1), dim=0)

    def forward(self, x, mask=None):
        y = scaled_dot_product_attention(self.fold(self.wq(x)), self.fold(self.wk(x)), self.fold(self.wv(x)), mask)
        return self.wo(torch.cat(y.split(len(x), dim=0), dim=-1))
