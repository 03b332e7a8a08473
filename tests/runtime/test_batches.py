"""The order of examples: complete, like lengths together, the same for the same seed."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pocketzo.runtime.batches import epoch_batches, evaluation_batches, padding
from pocketzo.runtime.examples import Example

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=200)


@given(LENGTHS, st.integers(1, 20), st.integers(0, 9), st.integers(0, 3))
def test_an_epoch_shows_each_example_at_most_once_in_full_batches(lengths, batch, seed, epoch):
    batches = epoch_batches(lengths, batch, seed, epoch)
    size = min(batch, len(lengths))
    assert all(len(b) == size for b in batches)
    seen = [i for b in batches for i in b.tolist()]
    assert len(set(seen)) == len(seen) == len(lengths) // size * size


def test_many_labels_stay_within_the_bounds_of_an_engine():
    examples = [Example([0] * 5, [0], [0] * 150, "") for _ in range(100)]
    assert [len(b) for b in evaluation_batches(examples, bounds={"B": 1024, "tokens": 4096})] == [27, 27, 27, 19]


def test_padding_is_at_most_a_tenth_where_random_batches_waste_more():
    import numpy as np

    lengths = np.random.default_rng(0).integers(10, 60, size=800).tolist()

    def waste(batches):
        padded = sum(len(b) * max(lengths[i] for i in b) for b in batches)
        return 1 - sum(lengths[i] for b in batches for i in b) / padded

    assert waste(epoch_batches(lengths, 16, 0, 0)) < 0.10 < waste(np.arange(800).reshape(-1, 16))


def test_epochs_and_seeds_differ_and_repeat():
    lengths = list(range(10, 74))
    first = [b.tolist() for b in epoch_batches(lengths, 8, 1, 0)]
    assert first == [b.tolist() for b in epoch_batches(lengths, 8, 1, 0)]
    assert first != [b.tolist() for b in epoch_batches(lengths, 8, 1, 1)]
    assert first != [b.tolist() for b in epoch_batches(lengths, 8, 2, 0)]


@given(LENGTHS, st.integers(1, 200))
def test_evaluation_sees_every_example_within_the_token_limit(lengths, tokens):
    examples = [Example([0] * n, [0], [0], "") for n in lengths]
    batches = list(evaluation_batches(examples, tokens))
    assert sorted(i for b in batches for i in b) == list(range(len(lengths)))
    assert all(len(b) == 1 or len(b) * max(lengths[i] for i in b) <= tokens for b in batches)


@given(LENGTHS, st.integers(1, 20), st.integers(200, 2000))
def test_evaluation_stays_within_the_bounds_of_an_engine(lengths, examples_at_most, tokens):
    examples = [Example([0] * n, [0], [0], "") for n in lengths]
    batches = list(evaluation_batches(examples, bounds={"B": examples_at_most, "tokens": tokens, "T": 1}))
    assert sorted(i for b in batches for i in b) == list(range(len(lengths)))
    assert all(len(b) <= examples_at_most for b in batches)
    assert all(len(b) == 1 or len(b) * max(lengths[i] for i in b) <= min(tokens, 1024) for b in batches)
    assert list(evaluation_batches(examples, bounds={"B": 10**6, "tokens": 10**6})) == list(
        evaluation_batches(examples)
    )


def test_padding_is_what_a_batch_computes_beyond_its_examples():
    assert padding([3, 3, 3, 3], 2, 0) == 0
    assert padding([1, 4], 2, 0) == 3 / 8
    lengths = np.random.default_rng(0).integers(5, 80, 2000).tolist()
    assert padding(lengths, 16, 0) < 0.1 < padding(lengths[:16], 16, 0)
