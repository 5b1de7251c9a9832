"""One linear layer makes all heads, with the three parts of each head side by side."""
# base: the other parts

# %% heads
class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.num_heads = num_heads
        self.all = nn.Linear(d_model, 3 * d_model)
        self.out = nn.Linear(d_model, d_model)

    def forward(self, x, mask=None):
        b, n, d = x.shape
        q, k, v = self.all(x).reshape(b, n, self.num_heads, 3, -1).permute(3, 0, 2, 1, 4).unbind(0)
        y = scaled_dot_product_attention(q, k, v, mask)
        return self.out(y.permute(0, 2, 1, 3).flatten(2))
