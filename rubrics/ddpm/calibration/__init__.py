"""What the reference and known solutions reach, measured over many seeds: the basis of every bound."""
