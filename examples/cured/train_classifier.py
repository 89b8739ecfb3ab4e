"""Trains a classifier, with every fault of ../train_classifier.py mended."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Classifier(nn.Module):
    def __init__(self, features, classes, depth=3):
        super().__init__()
        self.blocks = nn.ModuleList(nn.Linear(features, features) for _ in range(depth))
        self.head = nn.Linear(features, classes)

    def forward(self, x):
        for block in self.blocks:
            x = F.dropout(F.relu(block(x)), p=0.1, training=self.training)
        return self.head(x)


def train(model, loader, epochs=3):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1)
    criterion = nn.CrossEntropyLoss()
    model.train()
    for epoch in range(epochs):
        total = 0.0
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        scheduler.step()
        print(f"epoch {epoch}: loss {total / len(loader):.3f}")


def evaluate(model, loader):
    model.eval()
    correct = 0
    with torch.no_grad():
        for x, y in loader:
            correct += (model(x).argmax(dim=1) == y).sum().item()
    return correct / len(loader.dataset)


def main():
    torch.manual_seed(0)
    x = torch.randn(512, 16)
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
    model = Classifier(features=16, classes=3)
    train(model, loader)
    print(f"accuracy {evaluate(model, loader):.2f}")


if __name__ == "__main__":
    main()
