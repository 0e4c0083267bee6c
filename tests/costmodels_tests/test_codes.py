import numpy as np
import pytest

from costmodels.codes import are_codes, code_dtype, code_levels, codes_of_ranks, ranks_of_codes

every_width = pytest.mark.parametrize("bits", range(1, 17))


@every_width
def test_b_bits_have_2_to_the_b_levels_that_their_type_holds(bits):
    levels = code_levels(bits)
    assert len(levels) == 2**bits
    assert np.array_equal(levels.astype(code_dtype(bits)), levels)


@every_width
def test_the_rank_of_a_code_is_its_place_among_the_levels(bits):
    codes = code_levels(bits).astype(code_dtype(bits))
    assert np.array_equal(ranks_of_codes(codes, bits), np.arange(2**bits))
    restored = codes_of_ranks(np.arange(2**bits), bits)
    assert np.array_equal(restored, codes)
    assert restored.dtype == codes.dtype


@every_width
def test_only_levels_are_codes(bits):
    levels = set(code_levels(bits).tolist())
    around = range(min(levels) - 2, max(levels) + 3)
    if bits > 8:
        around = [*around[:4], -1, 0, 1, *around[-4:]]
    assert [are_codes(np.array([value]), bits) for value in around] == [value in levels for value in around]
    assert are_codes(np.array([], int), bits)
