"""The softmax is written by hand, without an overflow, and empty rows get zeros."""
# base: the other parts

# %% attention
def softmax(scores):
    largest = scores.max(dim=-1, keepdim=True).values.clamp(min=-1e30)
    e = torch.exp(scores - largest)
    return e / e.sum(dim=-1, keepdim=True).clamp(min=1e-20)


def scaled_dot_product_attention(q, k, v, mask=None):
    scores = (q / math.sqrt(q.shape[-1])) @ k.transpose(-1, -2)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    return softmax(scores) @ v
