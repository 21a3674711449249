"""What several test files of host adapters use."""

import pytest
import torch
from hosts.tiny_a1111 import TinyUnet


@pytest.fixture
def model():
    """A small UNet as A1111's, the same in every test."""
    torch.manual_seed(0)
    return TinyUnet()
