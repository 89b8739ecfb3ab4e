"""The derivative of a sum, asked of a tensor of whole numbers."""

import torch

x = torch.tensor([1, 2, 3])
y = (x * x).sum()
(slope,) = torch.autograd.grad(y, x)
print(slope)
