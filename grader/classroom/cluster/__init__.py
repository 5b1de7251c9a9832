"""More than one machine: a plan, shards that judge parts of it, and the merge of their results."""
