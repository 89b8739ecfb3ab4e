import pytest
import torch

from digits.training import accuracy, train


@pytest.fixture
def batches():
    return [(torch.randn(4, 1, 28, 28), torch.randint(10, (4,))) for _ in range(3)]


@pytest.fixture
def letters():
    return [(torch.randn(4, 1, 28, 28), torch.tensor([3, 11, 25, 7]))]


def test_the_loss_falls(linear, batches):
    losses = train(linear, batches * 5)
    assert losses[-1] < losses[0]


def test_letters_too(linear, letters):
    train(linear, letters)


def test_accuracy(linear, batches):
    assert 0 <= accuracy(linear, batches) <= 1
