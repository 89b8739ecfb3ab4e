"""Attention heads put side by side: `reshape` copies where it must."""

import torch

batch, heads, length, width = 2, 4, 10, 16
per_head = torch.randn(batch, heads, length, width)
by_position = per_head.transpose(1, 2)
merged = by_position.reshape(-1, heads * width)
print(merged.shape)
