"""Directions against numpy, a Philox written from its paper, and the published known answers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pocketzo.runtime.directions import STREAM_DIRECTIONS, directions, permutation, philox_words

MASK = 2**64 - 1
WORD = st.integers(0, MASK)


def philox(counter: tuple[int, ...], key: tuple[int, int]) -> tuple[int, ...]:
    """Philox4x64-10 as Salmon et al. (2011) define it, in Python integers."""
    a, b, c, d = counter
    k0, k1 = key
    for _ in range(10):
        high0, low0 = divmod(0xD2E7470EE14C6C93 * a, 2**64)
        high1, low1 = divmod(0xCA5A826395121157 * c, 2**64)
        a, b, c, d = high1 ^ b ^ k0, low1, high0 ^ d ^ k1, low0
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & MASK, (k1 + 0xBB67AE8584CAA73B) & MASK
    return a, b, c, d


# Random123's known-answer file, the three lines for philox4x64 with 10 rounds: counter, key, result.
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), (0, 0), (0x16554D9ECA36314C, 0xDB20FE9D672D0FDC, 0xD7E772CEE186176B, 0x7E68B68AEC7BA23B)),
    (
        (MASK,) * 4,
        (MASK,) * 2,
        (0x87B092C3013FE90B, 0x438C3C67BE8D0224, 0x9CC7D7C69CD777B6, 0xA09CAEBF594F0BA0),
    ),
    (
        (0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89),
        (0x452821E638D01377, 0xBE5466CF34E90C6C),
        (0xA528F45403E61D95, 0x38C72DBD566E9788, 0xA5A1610E72FD18B5, 0x57BD43B5E52B7FE6),
    ),
]


def before(counter: tuple[int, ...]) -> np.ndarray:
    """The counter less one, little-endian over its four words: numpy increments before its first block."""
    number = sum(word << (64 * i) for i, word in enumerate(counter))
    number = (number - 1) % 2**256
    return np.array([(number >> (64 * i)) & MASK for i in range(4)], dtype=np.uint64)


@pytest.mark.parametrize(("counter", "key", "result"), KNOWN_ANSWERS)
def test_numpy_and_the_paper_give_the_known_answers(counter, key, result):
    generator = np.random.Philox(key=np.array(key, dtype=np.uint64), counter=before(counter))
    assert tuple(generator.random_raw(4).tolist()) == result
    assert philox(counter, key) == result


@given(WORD, st.integers(0, 3), WORD, st.integers(0, 7))
def test_words_are_the_documented_blocks(seed, stream, step, row):
    words = philox_words(seed, stream, step, row, 9)
    expected = [w for block in (1, 2, 3) for w in philox((block, row, step, 0), (seed, stream))][:9]
    assert words.tolist() == expected


@given(st.integers(0, 2**63 - 1), st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 200))
def test_value_i_takes_bit_i(seed, step, rows, count):
    z = directions(seed, step, rows, count)
    assert z.dtype == np.float32
    for row in range(rows):
        words = philox_words(seed, STREAM_DIRECTIONS, step, row, (count + 63) // 64).tolist()
        assert z[row].tolist() == [1.0 if words[i // 64] >> (i % 64) & 1 else -1.0 for i in range(count)]


def test_rows_and_steps_are_uncorrelated():
    z = np.concatenate([directions(7, step, 2, 100_000) for step in range(3)])
    correlation = z @ z.T / z.shape[1] - np.eye(len(z))
    assert np.abs(correlation).max() < 0.02


@given(st.integers(0, 100), st.integers(0, 5), st.integers(1, 300))
def test_permutation_holds_every_index_once(seed, epoch, count):
    assert sorted(permutation(seed, epoch, 0, count).tolist()) == list(range(count))
