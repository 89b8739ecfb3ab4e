"""A small convolutional network, on the one machine that it was written on."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Conv2d(3, 8, kernel_size=3, padding=1)
        self.head = nn.Linear(8, 10)

    def forward(self, images):
        return self.head(self.features(images).relu().mean(dim=(2, 3)))


def main():
    model = Net().cuda()
    images = torch.randn(4, 3, 32, 32, device="cuda")
    print(model(images).shape)


if __name__ == "__main__":
    main()
