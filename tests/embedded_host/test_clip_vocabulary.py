"""The tokenizer that is built from open_clip's vocabulary is CLIP's own."""

import pytest
from sd_relight.embedded_host.checkpoints import clip_vocabulary

pytestmark = pytest.mark.skipif(clip_vocabulary.vocabulary_file() is None, reason="open_clip is not installed")


@pytest.fixture(scope="module")
def tokenizer():
    return clip_vocabulary.clip_tokenizer()


def test_size_and_markers(tokenizer):
    assert len(tokenizer) == 49408
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id) == (49406, 49407, 49407)


@pytest.mark.parametrize(("text", "ids"), [
    ("a photo of a cat", [320, 1125, 539, 320, 2368]), ("a diagram", [320, 22697]), ("a dog", [320, 1929]), ("", [])])
def test_known_tokens(tokenizer, text, ids):
    """Numbers as in the examples of OpenAI's CLIP."""
    assert tokenizer(text).input_ids == [49406, *ids, 49407]
