"""Characters are drawn by the Gumbel trick, from logits after a log-softmax."""
# base: the other parts

# %% generate
def generate(model, prompt, num_tokens, temperature=1.0):
    model.eval()
    out = list(prompt)
    for _ in range(num_tokens):
        context = torch.stack(out[-model.max_length :]).unsqueeze(0)
        with torch.no_grad():
            logits = F.log_softmax(model(context)[0, -1], dim=-1)
        noise = -torch.log(-torch.log(torch.rand_like(logits)))
        out.append((logits + temperature * noise).argmax())
    return torch.stack(out)
