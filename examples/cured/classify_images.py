"""A small convolutional network, on a GPU where there is one."""

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
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = Net().to(device)
    images = torch.randn(4, 3, 32, 32, device=device)
    print(model(images).shape)


if __name__ == "__main__":
    main()
