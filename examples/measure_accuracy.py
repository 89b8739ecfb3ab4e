"""How good is the model? It says something else each time it is asked."""

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(20, 64),
            nn.BatchNorm1d(64),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(64, 3),
        )

    def forward(self, x):
        return self.layers(x)


def accuracy(model, loader):
    correct = total = 0
    with torch.no_grad():
        for x, y in loader:
            prediction = model(x).argmax(dim=1)
            correct += (prediction == y).sum().item()
            total += len(y)
    return correct / total


if __name__ == "__main__":
    torch.manual_seed(0)
    loader = DataLoader(TensorDataset(torch.randn(256, 20), torch.randint(3, (256,))), batch_size=32)
    model = Classifier()
    print(accuracy(model, loader), accuracy(model, loader))
