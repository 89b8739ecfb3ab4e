"""A small network for images of digits."""

import torch
from torch import nn


class Net(nn.Module):
    """Takes images (N, 1, 28, 28) and gives one logit a digit (N, 10)."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, kernel_size=3),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.head = nn.Linear(8 * 14 * 14, 10)

    def forward(self, images):
        maps = self.features(images)
        return self.head(maps.flatten(1))


def attention(queries, keys):
    """Takes (N, T, C) twice and gives the weights (N, T, T)."""
    scores = queries @ keys.transpose(1, 2)
    return (scores / queries.shape[-1] ** 0.5).softmax(dim=-1)


def heads_merged(heads):
    """Takes (N, H, T, C) and gives (N, T, H * C)."""
    batch, _, length, _ = heads.shape
    return heads.transpose(1, 2).view(batch, length, -1)


def largest(logits):
    return torch.argmax(logits, dim=1)
