"""Codebooks: against exhaustive search, least squares and another k-means."""

import itertools

import numpy as np
import pytest
from sklearn.cluster import KMeans

from costmodels.schemes import VectorQuantized
from costmodels.shapes import ConvShape
from explorer.forms.fitting import fit
from explorer.forms.vector_quantized import additive, clusters
from explorer.forms.vector_quantized.additive import best_pairs, best_words
from explorer.forms.vector_quantized.clusters import cluster, nearest

SHAPE = ConvShape(16, 8, (3, 3), (8, 8))


def gaussian(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def energy(vectors, words, index):
    return float(np.square(vectors - words[0][index[0]] - words[1][index[1]]).sum())


class TestClusters:
    @pytest.mark.parametrize("seed", range(8))
    def test_few_vectors_in_two_clusters_against_all_partitions(self, seed):
        vectors = gaussian(9, 2, seed=seed)
        errors = []
        for sides in itertools.product([False, True], repeat=9):
            own = np.array(sides)
            if own.any() and not own.all():
                parts = vectors[own], vectors[~own]
                errors.append(sum(np.square(part - part.mean(axis=0)).sum() for part in parts))
        found = nearest(vectors, cluster(vectors, 2, np.random.default_rng(0)))[1].sum()
        assert found <= 1.02 * min(errors)

    @pytest.mark.parametrize("count", [8, 32])
    def test_as_good_as_another_k_means_from_twenty_starts(self, count):
        vectors = gaussian(600, 9)
        found = nearest(vectors, cluster(vectors, count, np.random.default_rng(0)))[1].sum()
        assert found <= 1.02 * KMeans(count, n_init=20, random_state=0).fit(vectors).inertia_

    def test_a_sample_is_nearly_as_good_as_all(self, monkeypatch):
        vectors = gaussian(2000, 4)
        whole = nearest(vectors, cluster(vectors, 16, np.random.default_rng(0)))[1].sum()
        monkeypatch.setattr(clusters, "MOST_SAMPLED", 500)
        assert nearest(vectors, cluster(vectors, 16, np.random.default_rng(0)))[1].sum() <= 1.03 * whole

    def test_as_many_codewords_as_distinct_vectors_are_these(self):
        vectors = np.repeat(gaussian(4, 3), 5, axis=0)
        words = cluster(vectors, 6, np.random.default_rng(0))
        assert words.shape == (6, 3)
        assert nearest(vectors, words)[1].max() < 1e-12

    def test_no_codeword_is_left_without_a_vector(self):
        """One far cluster of many and a few single vectors: refilled where k-means loses one."""
        vectors = np.concatenate([gaussian(300, 2) * 1e-3, 10 + gaussian(6, 2)])
        for seed in range(10):
            index = nearest(vectors, cluster(vectors, 7, np.random.default_rng(seed)))[0]
            assert len(np.unique(index)) == 7

    def test_the_nearest_in_blocks(self, monkeypatch):
        vectors, words = gaussian(50, 3), gaussian(7, 3, seed=1)
        distances = np.square(vectors[:, None] - words).sum(axis=2)
        monkeypatch.setattr(clusters, "BLOCK_PRODUCTS", 20)
        index, found = nearest(vectors, words)
        assert index.tolist() == distances.argmin(axis=1).tolist()
        np.testing.assert_allclose(found, distances.min(axis=1), atol=1e-12)


class TestPairs:
    @pytest.mark.parametrize("seed", range(4))
    def test_the_best_of_all_pairs(self, seed):
        vectors, words = gaussian(40, 3, seed=seed), gaussian(2, 7, 3, seed=seed + 9)
        sums = words[0][:, None] + words[1]
        distances = np.square(vectors[:, None, None] - sums).sum(axis=3).reshape(40, -1)
        index, error = best_pairs(vectors, words, np.zeros((2, 40), np.intp))
        assert (index[0] * 7 + index[1]).tolist() == distances.argmin(axis=1).tolist()
        assert error == pytest.approx(distances.min(axis=1).sum())

    def test_a_beam_leaves_no_vector_worse(self, monkeypatch):
        vectors, words = gaussian(60, 3), gaussian(2, 9, 3, seed=2)
        start = np.random.default_rng(0).integers(9, size=(2, 60))
        exact = best_pairs(vectors, words, start)[1]
        monkeypatch.setattr(additive, "MOST_PAIRS", 2 * 60 * 9)  # two first codewords
        index, error = best_pairs(vectors, words, start)
        assert exact <= error < energy(vectors, words, start)
        before, after = (np.square(vectors - words[0][own[0]] - words[1][own[1]]).sum(axis=1) for own in (start, index))
        assert (after <= before + 1e-12).all()

    def test_codebooks_of_least_squares(self):
        vectors, words = gaussian(50, 3), gaussian(2, 5, 3, seed=1)
        index = np.random.default_rng(2).integers(4, size=(2, 50))  # the last one of each is left out
        design = np.zeros((50, 10))
        design[np.arange(50), index[0]] = design[np.arange(50), 5 + index[1]] = 1
        expected = np.square(vectors - design @ np.linalg.lstsq(design, vectors, rcond=None)[0]).sum()
        found = best_words(vectors, words, index)
        assert energy(vectors, found, index) == pytest.approx(expected, rel=1e-6)
        np.testing.assert_allclose(found[:, 4], words[:, 4])


class TestFit:
    @pytest.mark.parametrize("books", [1, 2])
    def test_more_codewords_than_vectors_are_exact(self, books):
        weights = gaussian(*SHAPE.weight_shape).astype(np.float32)
        fitted = fit(weights, SHAPE, VectorQuantized(200, books, 32, 1))
        assert fitted.distortion < 1e-12
        assert fit(weights, SHAPE, VectorQuantized(200, books, 16, 1)).distortion < 1e-8

    def test_vectors_run_along_the_channels(self):
        """Two filters of four channels are four vectors of two channels, of which two are equal."""
        shape = ConvShape(2, 4, (1, 2), (3, 3))
        weights = np.array([[1, 2, 3, 4, -5, 6, 7, -8], [9, 3, 2, 1, 1, 2, 3, 4]], np.float64).reshape(
            shape.weight_shape
        )
        fitted = fit(weights, shape, VectorQuantized(3, 1, 32, 2))
        assert fitted.distortion == 0
        index = fitted.arrays["index"][0]
        assert index[0, 0] == index[1, 1]
        assert len(np.unique(index)) == 3
        assert fitted.arrays["codebook"][0, index[1, 0]].ravel().tolist() == [9, 3, 2, 1]

    @pytest.mark.parametrize("bits", [3, 8, 32])
    def test_a_second_codebook_lowers_the_error(self, bits):
        weights = gaussian(*SHAPE.weight_shape)
        one, two = (fit(weights, SHAPE, VectorQuantized(8, books, bits)).distortion for books in (1, 2))
        assert two < 0.85 * one

    def test_codes_of_more_bits_come_near_to_floats(self):
        weights = gaussian(*SHAPE.weight_shape)
        found = [fit(weights, SHAPE, VectorQuantized(16, 2, bits)).distortion for bits in (2, 4, 8, 32)]
        assert found[0] > found[1] > found[2]
        assert found[2] == pytest.approx(found[3], rel=0.02)

    def test_sums_that_are_there_are_found(self):
        """16 sums of four and four codewords, 128 vectors of each four: no error but that of a start."""
        words = gaussian(2, 4, 9) * np.array([[[4.0]], [[1.0]]])
        index = np.random.default_rng(3).integers(4, size=(2, 128))
        weights = (words[0][index[0]] + words[1][index[1]]).reshape(SHAPE.weight_shape)
        assert fit(weights, SHAPE, VectorQuantized(4, 2, 32)).distortion < 1e-9

    @pytest.mark.parametrize("codewords", [4, 16])
    def test_no_other_seed_leads_much_further(self, codewords):
        weights = gaussian(*SHAPE.weight_shape)
        for books in (1, 2):
            found = [fit(weights, SHAPE, VectorQuantized(codewords, books), seed).distortion for seed in range(6)]
            assert found[0] <= 1.04 * min(found)
