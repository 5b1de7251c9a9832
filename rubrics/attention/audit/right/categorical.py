"""Characters are drawn by a distribution of PyTorch, and the text is kept in a tensor that grows."""
# base: the other parts

# %% generate
def generate(model, prompt, num_tokens, temperature=1.0):
    was_training = model.training
    model.eval()
    text = prompt.clone()
    with torch.inference_mode():
        while len(text) < len(prompt) + num_tokens:
            window = text[-model.max_length :][None, :]
            scores = model(window)[0, -1, :]
            if temperature > 0:
                choice = torch.distributions.Categorical(logits=scores / temperature).sample()
            else:
                choice = torch.argmax(scores)
            text = torch.cat((text, choice.reshape(1)))
    model.train(was_training)
    return text
