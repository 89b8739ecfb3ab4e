"""Attention heads put side by side, with a `view` that is believed to make the tensor contiguous."""

import torch

batch, heads, length, width = 2, 4, 10, 16
per_head = torch.randn(batch, heads, length, width)
by_position = per_head.transpose(1, 2)
merged = by_position.view(-1, heads * width)
print(merged.shape)
