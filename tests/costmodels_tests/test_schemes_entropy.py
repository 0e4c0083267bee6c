"""Entropy-coded layers: streams by hand, against other coders, and damaged ones; bits and operations by hand."""

import heapq
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodels import ConvShape, EntropyCoded, LayerUsage, layer_cost, layer_cost_columns, load_device
from costmodels.errors import KernelError
from costmodels.kernels.engine.coded import CodedWeights
from costmodels.kernels.loops.counter import Counter
from costmodels.kernels.naive import run_naive
from costmodels.kernels.packing import PackedLayer, locate, pack_layer, unpack_layer
from costmodels.kernels.run import prepare_layer, run_layer
from costmodels.latency import kernel_path, layer_work
from costmodels.latency.estimate import DeviceEstimate
from costmodels.layout.bitstream import BitStream
from costmodels.layout.entropy import CODERS, coded_bits, decode, encode, least_bits
from costmodels.layout.entropy.huffman import HuffmanTable, code_lengths
from costmodels.layout.entropy.rans import RansTable

PLAIN = ConvShape(512, 512, 3, 4, padding=1)  # 16 positions
GROUPED = ConvShape(12, 8, (1, 5), (6, 7), groups=4)  # 12*2*5 weights, 18 positions
ROW = ConvShape(1, 6, (1, 1), (1, 1))
CODES = np.array([1, 0, 0, -1, 0, 0], np.int8).reshape(ROW.weight_shape)

ranks_of = st.integers(3, 8).flatmap(
    lambda bits: st.tuples(
        st.just(bits),
        st.one_of(
            st.lists(st.integers(0, (1 << bits) - 1), min_size=1, max_size=70),
            st.lists(st.sampled_from([0, (1 << bits) - 1, 3]), min_size=1, max_size=200),
            st.tuples(st.integers(0, (1 << bits) - 1), st.integers(1, 400)).map(lambda pair: [pair[0]] * pair[1]),
        ),
    )
)
on_both_coders = pytest.mark.parametrize("coder", CODERS)


def packed_row(coder="huffman", bits=3, weights=CODES):
    return pack_layer(ROW, EntropyCoded(4.0, bits, coder, scale="none"), {"weights": weights})


def bits_of(stream):
    return "".join(str(stream.data[bit // 8] >> bit % 8 & 1) for bit in range(stream.bits))


class TestStorage:
    @pytest.mark.parametrize(
        ("scheme", "shape", "storage"),
        [
            (EntropyCoded(2.0), PLAIN, {"weights": 2 * 512 * 512 * 9, "scales": 32 * 512}),
            (EntropyCoded(1.5, scale="layer"), GROUPED, {"weights": 180, "scales": 32}),
            (EntropyCoded(1.7, 4, scale="none"), GROUPED, {"weights": 204, "scales": 0}),
            (EntropyCoded(1.0, 4, scale="none"), GROUPED, {"weights": 16 + 2 * 4 + 3 + 120, "scales": 0}),
            (EntropyCoded(0.5, 4, "rans", scale="none"), PLAIN, {"weights": 512 * 512 * 9 // 2, "scales": 0}),
        ],
    )
    def test_before_a_fit_the_limit_counts_or_weights_of_one_value(self, scheme, shape, storage):
        assert scheme.storage(shape) == storage

    def test_another_fit_stays_within_what_the_first_one_took(self):
        """120 weights in 180 bits: 1.5 bits a weight; before a fit nothing is known."""
        scheme = EntropyCoded(bits_per_weight=2.0)
        narrow = scheme.within(GROUPED, LayerUsage(coded_bits=180))
        assert (narrow.bits_per_weight, narrow.most_bits(GROUPED)) == (1.5, 180)
        assert scheme.within(GROUPED, LayerUsage()) == scheme

    def test_a_fitted_layer_has_its_own_bits(self):
        assert EntropyCoded(2.0).storage(PLAIN, LayerUsage(coded_bits=1234))["weights"] == 1234
        assert layer_cost(PLAIN, EntropyCoded(2.0), 8, LayerUsage(coded_bits=0)).storage["weights"] == 0

    @on_both_coders
    def test_usage_is_the_length_of_the_stream(self, coder):
        packed = packed_row(coder)
        assert packed.scheme.usage(ROW, {"weights": CODES}) == LayerUsage(coded_bits=packed.storage["weights"])

    @on_both_coders
    @given(bits=st.integers(3, 8), count=st.integers(1, 3000), data=st.data())
    def test_one_value_takes_no_more_than_the_least(self, coder, bits, count, data):
        rank = data.draw(st.integers(0, (1 << bits) - 1))
        assert coded_bits(np.full(count, rank), bits, coder) <= least_bits(coder, bits, count)

    def test_columns_count_the_limit(self):
        schemes = [EntropyCoded(1.3, 4), EntropyCoded(2.6, 8), EntropyCoded(0.01, 8)]
        stored = [sum(scheme.storage(GROUPED).values()) for scheme in schemes]
        assert layer_cost_columns(GROUPED, schemes)["storage_bits"].tolist() == stored
        assert layer_cost_columns(GROUPED, schemes)["decoded"].tolist() == [120, 120, 120]


class TestOperations:
    def test_every_weight_is_decoded_once_and_multiplied_at_every_position(self):
        work = EntropyCoded(2.0, 6).executions(GROUPED, 8)["direct"]
        assert (work.macs, work.additions, work.multiplications, work.decoded) == (120 * 18, 0, 0, 120)
        assert work.bit_ops == 120 * 18 * 6 * 8
        assert work.scratch_bytes == 2 * 5  # a filter of a group, a byte a weight

    def test_decoding_is_in_the_costs_of_a_layer_of_all_calls(self):
        cost = layer_cost(GROUPED, EntropyCoded(2.0))
        assert cost.decoded == cost.to_json()["decoded"] == 120
        assert layer_cost(GROUPED, "dense(weight_bits=4)").decoded == 0

    def test_a_device_takes_an_addition_for_a_step(self):
        device = load_device("stm32f446")
        estimate, cost = DeviceEstimate(device), layer_cost(GROUPED, EntropyCoded(2.0, 4))
        dense = layer_cost(GROUPED, "dense(weight_bits=4)")
        more = estimate.of_cost(cost) - estimate.of_cost(dense)
        assert more == pytest.approx(120 * device.cycles.addition / device.clock_hz, rel=1e-9)

    def test_the_scale_of_a_filter_takes_up_a_factor(self):
        assert EntropyCoded().takes_channel_scale
        assert not EntropyCoded(scale="layer").takes_channel_scale
        assert not EntropyCoded(scale_bits=8).takes_channel_scale


class TestHuffman:
    def test_a_stream_by_hand(self):
        """Ranks 5, 4, 4, 3, 4, 4: 4 has one bit, 3 and 5 have two. Lengths 2, 1, 2 in two bits each, from rank 3 on."""
        bits = bits_of(packed_row().streams["weights"])
        assert bits[16:] == "011" + "010" + "010" + "10" + "01" + "10" + "11" + "0" + "0" + "10" + "0" + "0"
        assert len(bits) == 16 + 3 + 3 + 3 + 3 * 2 + 2 * 2 + 4 * 1
        crc = 0xFFFF
        for byte in packed_row().streams["weights"].data[2:]:
            crc ^= byte << 8
            for _ in range(8):
                crc = (crc << 1 ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
        assert int(bits[:16], 2) == crc

    def test_weights_of_one_value_take_a_bit_each(self):
        packed = packed_row(weights=np.full(ROW.weight_shape, -4, np.int8))
        assert bits_of(packed.streams["weights"])[16:] == "000" + "000" + "000" + "000000"

    @given(st.lists(st.integers(0, 1000), min_size=2, max_size=40).filter(lambda counts: sum(map(bool, counts)) > 1))
    def test_code_lengths_are_those_of_a_naive_huffman_tree(self, counts):
        """The total is that of joining the two rarest again and again."""
        heap, total = sorted(count for count in counts if count), 0
        heapq.heapify(heap)
        while len(heap) > 1:
            joined = heapq.heappop(heap) + heapq.heappop(heap)
            total += joined
            heapq.heappush(heap, joined)
        assert int(code_lengths(counts, 15) @ np.array(counts)) >= total
        assert int(code_lengths(counts, 60) @ np.array(counts)) == total

    @pytest.mark.parametrize("limit", [2, 3, 4])
    def test_limited_lengths_are_the_best_of_all_complete_codes(self, limit):
        generator = np.random.default_rng(limit)
        for _ in range(20):
            counts = generator.integers(1, 4, 4) ** generator.integers(1, 6, 4)
            complete = (
                np.array(lengths)
                for lengths in itertools.product(range(1, limit + 1), repeat=4)
                if sum(2.0**-length for length in lengths) == 1
            )
            best = min(int(lengths @ counts) for lengths in complete)
            found = code_lengths(counts.tolist(), limit)
            assert found.max() <= limit
            assert int(found @ counts) == best

    def test_lengths_of_fibonacci_counts_are_limited(self):
        counts = [1, 1]
        while len(counts) < 30:
            counts.append(counts[-1] + counts[-2])
        assert code_lengths(counts, 60).max() == 29
        limited = code_lengths(counts, 15)
        assert limited.max() == 15
        assert (0.5**limited).sum() == 1

    def test_a_short_table_is_taken_where_it_saves_more_than_longer_codes(self):
        """Lengths up to 3 take two bits each, up to 7 three."""
        counts = np.array([1, 1, 2, 4, 8])
        table = HuffmanTable.of_counts(counts)
        assert table.lengths.max() == 3
        longer = HuffmanTable(code_lengths(counts.tolist(), 7))
        assert table.table_bits + table.stream_bits(counts) <= longer.table_bits + longer.stream_bits(counts)


class TestRans:
    @given(st.lists(st.integers(0, 10**6), min_size=2, max_size=256).filter(any))
    def test_frequencies_add_up_and_none_that_is_needed_is_zero(self, counts):
        table = RansTable.of_counts(np.array(counts))
        assert table.frequencies.sum() == 4096
        assert table.frequencies.max() <= 4032
        assert (table.frequencies[np.array(counts) > 0] > 0).all()

    @pytest.mark.parametrize("spread", [0.3, 1.0, 4.0])
    def test_a_long_stream_is_within_a_hundredth_of_the_entropy(self, spread):
        ranks = np.clip(np.rint(np.random.default_rng(1).normal(128, spread, 20_000)), 0, 255).astype(np.int64)
        counts = np.bincount(ranks)
        shares = counts[counts > 0] / len(ranks)
        entropy = -(shares * np.log2(shares)).sum() * len(ranks)
        table = RansTable.of_counts(counts[ranks.min() : ranks.max() + 1])
        assert entropy <= encode(ranks, 8, "rans").bits <= 1.01 * entropy + table.table_bits + 48


@on_both_coders
class TestStreams:
    @settings(max_examples=100, deadline=None)
    @given(case=ranks_of)
    def test_ranks_come_back(self, coder, case):
        bits, ranks = case[0], np.array(case[1])
        stream = encode(ranks, bits, coder)
        assert stream.bits == coded_bits(ranks, bits, coder)
        assert np.array_equal(decode(stream, bits, coder, len(ranks)), ranks)

    @settings(max_examples=40, deadline=None)
    @given(case=ranks_of)
    def test_the_compiled_decoder_is_equal(self, coder, case):
        bits, ranks = case[0], np.array(case[1])
        shape = ConvShape(1, len(ranks), (1, 1), (1, 1))
        codes = (ranks - (1 << bits - 1)).astype(np.int8).reshape(shape.weight_shape)
        packed = pack_layer(shape, EntropyCoded(8.0, bits, coder, scale="none"), {"weights": codes})
        found = CodedWeights.of(locate(packed)["weights"]).into(np.empty(len(ranks), np.float32))
        assert np.array_equal(found, codes.reshape(-1))

    @pytest.mark.parametrize("count", [1, 7, 60])
    def test_every_flipped_bit_is_refused(self, coder, count):
        ranks = np.random.default_rng(count).binomial(15, 0.5, count)
        stream = encode(ranks, 4, coder)
        for bit in range(stream.bits):
            data = bytearray(stream.data)
            data[bit // 8] ^= 1 << bit % 8
            with pytest.raises(KernelError, match="; pack the layer again"):
                decode(BitStream(stream.bits, bytes(data)), 4, coder, count)

    def test_every_shorter_and_longer_stream_is_refused(self, coder):
        ranks = np.random.default_rng(0).binomial(15, 0.5, 40)
        text = bits_of(encode(ranks, 4, coder))
        for end in range(len(text)):
            with pytest.raises(KernelError):
                decode(stream_of(text[:end]), 4, coder, 40)
        for more in ("0", "1", "00000000", "1" * 40):
            with pytest.raises(KernelError):
                decode(stream_of(text + more), 4, coder, 40)
        for count in (1, 39, 41, 400):
            with pytest.raises(KernelError):
                decode(stream_of(text), 4, coder, count)

    def test_noise_with_a_sound_checksum_is_refused_or_is_a_stream(self, coder):
        """Nothing but the stream that the encoder makes is taken."""
        generator, taken = np.random.default_rng(7), 0
        for _ in range(1500):
            stream = with_checksum("".join(map(str, generator.integers(0, 2, generator.integers(10, 60)))))
            try:
                ranks = decode(stream, 3, coder, 4)
            except KernelError:
                continue
            taken += 1
            assert encode(ranks, 3, coder) == stream
        assert taken < 100

    def test_a_short_stream_takes_no_memory_for_many_weights(self, coder):
        with pytest.raises(KernelError, match="26 bits for 1000000000000 weights; a bit stands for 64 weights at most"):
            decode(BitStream(26, bytes(4)), 8, coder, 10**12)


def stream_of(text):
    data = bytearray(-(-len(text) // 8))
    for bit, value in enumerate(text):
        data[bit // 8] |= int(value) << bit % 8
    return BitStream(len(text), bytes(data))


def with_checksum(rest):
    """A stream of these bits after its checksum, taken from how the encoder makes it of sound streams."""
    from costmodels.layout.entropy.streams import _checksum

    data = np.frombuffer(stream_of("0" * 16 + rest).data, np.uint8)
    return stream_of(f"{_checksum(data):016b}{rest}")


class TestAgainstAnotherCoder:
    """constriction (bamler-lab.github.io/constriction), where it is installed: ``pip install filterfront[oracle]``."""

    @pytest.mark.parametrize("spread", [0.5, 2.0, 20.0])
    def test_huffman_codes_are_as_long(self, spread):
        huffman = pytest.importorskip("constriction").symbol.huffman
        ranks = np.clip(np.rint(np.random.default_rng(3).normal(128, spread, 5000)), 0, 255).astype(np.int64)
        symbols = np.unique(ranks, return_inverse=True)[1]
        counts = np.bincount(symbols)
        coder = pytest.importorskip("constriction").symbol.StackCoder()
        tree = huffman.EncoderHuffmanTree(counts.astype(np.float32))
        for symbol in symbols[::-1].tolist():
            coder.encode_symbol(symbol, tree)
        _, bits = coder.get_compressed()
        assert int(code_lengths(counts.tolist(), 60) @ counts) == bits

    @pytest.mark.parametrize("spread", [0.3, 1.0, 4.0])
    def test_rans_is_as_short_under_the_same_frequencies(self, spread):
        stream = pytest.importorskip("constriction").stream
        ranks = np.clip(np.rint(np.random.default_rng(4).normal(128, spread, 20_000)), 0, 255).astype(np.int64)
        symbols = (ranks - ranks.min()).astype(np.int32)
        table = RansTable.of_counts(np.bincount(symbols))
        model = stream.model.Categorical(table.frequencies.astype(np.float32) / 4096, perfect=False)
        coder = stream.stack.AnsCoder()
        coder.encode_reverse(symbols, model)
        own = len(table.encode(symbols))
        assert abs(own - coder.num_valid_bits()) <= 0.002 * own + 48


@on_both_coders
class TestRunning:
    IMAGE = np.array([3, 5, 100, 7, 11, 100]).reshape(6, 1, 1)

    def test_by_hand(self, coder):
        packed = packed_row(coder)
        result = run_naive(packed, self.IMAGE, "direct", 8)
        assert result.output.item() == 3 - 7
        assert result.counter == Counter(8, macs=6, bit_ops=6 * 3 * 8, scratch_bytes=6, decoded=6)
        for bits in (8, 16):
            assert run_layer(packed, self.IMAGE, None, bits).item() == 3 - 7
        assert run_layer(packed, self.IMAGE.astype(np.float32)).item() == 3 - 7

    def test_a_damaged_layer_is_refused_before_it_runs(self, coder):
        packed = packed_row(coder)
        stream = packed.streams["weights"]
        data = bytes([*stream.data[:-1], stream.data[-1] ^ 1])
        damaged = PackedLayer(ROW, packed.scheme, {"weights": BitStream(stream.bits, data)}, {}, {})
        message = "weights: got another; an entropy-coded stream has the checksum that it states; pack the layer again"
        for call in (unpack_layer, prepare_layer):
            with pytest.raises(KernelError, match=message):
                call(damaged)

    def test_filters_are_decoded_again_for_each_image(self, coder):
        shape = ConvShape(24, 80, (3, 3), (6, 5), padding=(1, 1))
        scheme = EntropyCoded(2.0, 4, coder)
        assert kernel_path(shape, scheme, 4, "direct").kernel == "entropy-coded / direct / integer"
        for bits in (4, 32):
            assert layer_work(shape, scheme, bits, "direct").amounts["coded"] == 24 * 80 * 9
