import pytest
import torch

from digits.model import Net, attention, heads_merged, largest


def test_one_logit_a_digit():
    assert Net()(torch.zeros(2, 1, 28, 28)).shape == (2, 10)


@pytest.mark.parametrize("length", [5, 7])
def test_attention_sums_to_one(length):
    weights = attention(torch.randn(2, length, 16), torch.randn(2, length, 16))
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, length))


def test_heads_side_by_side():
    assert heads_merged(torch.zeros(2, 4, 5, 16)).shape == (2, 5, 64)


def test_images_have_one_channel():
    with pytest.raises(RuntimeError):  # what is expected is not explained
        Net()(torch.zeros(2, 3, 28, 28))


def test_largest():
    assert largest(torch.eye(3)).tolist() == [0, 1, 2]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_on_gpu():
    assert Net().cuda()(torch.zeros(2, 1, 28, 28).cuda()).is_cuda
