"""The derivative of a sum: of floating-point numbers, recorded from the start."""

import torch

x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
y = (x * x).sum()
(slope,) = torch.autograd.grad(y, x)
print(slope)
