"""Linear representation of kernels: bits and operations by hand."""

import pytest

from costmodels.schemes import LayerUsage, LinearRepresentation
from costmodels.shapes import ConvShape

PLAIN = ConvShape(512, 512, 3, 4, padding=1)  # 16 positions, rows of 4, 16 input pixels
STRIDED = ConvShape(32, 16, 3, (8, 8), stride=2, padding=1)  # 64 input pixels, 16 positions
DEPTHWISE = ConvShape(16, 16, 3, 10, padding=1, groups=16)
KERNELS = 512 * 512


@pytest.mark.parametrize(
    ("templates", "expected"), [(64, 4.114), (128, 4.056), (256, 4.000), (512, 3.945), (1024, 3.892)]
)
def test_the_ratio_with_the_codebook_uncounted(templates, expected):
    """9*32 bits a kernel against 2*32 + L2(K)."""
    stored = sum(LinearRepresentation(templates, codebook="uncounted").storage(PLAIN).values())
    assert stored == KERNELS * (64 + templates.bit_length() - 1)
    assert round(32 * PLAIN.weights / stored, 3) == expected


def test_storage_by_component():
    scheme = LinearRepresentation(templates=100, coefficient_bits=8, template_bits=4)
    assert scheme.storage(PLAIN) == {
        "coefficients": KERNELS * 2 * 8,
        "index": KERNELS * 7,
        "codebook": 4 * 100 * 9,
        "scales": 2 * 32,  # one for all a, one for all b
    }


def test_without_offset_it_is_kernel_clustering_with_a_scale():
    storage = LinearRepresentation(100, coefficient_bits=8, offset=False).storage(PLAIN)
    assert (storage["coefficients"], storage["scales"]) == (KERNELS * 8, 32)


@pytest.mark.parametrize(("codebook", "own", "shared"), [("layer", 1, 0), ("network", 0, 1), ("uncounted", 0, 0)])
def test_whose_the_codebook_is(codebook, own, shared):
    scheme = LinearRepresentation(templates=256, codebook=codebook)
    assert scheme.storage(PLAIN)["codebook"] == own * 32 * 256 * 9
    assert list(scheme.shared_storage(PLAIN).values()) == [32 * 256 * 9] * shared


def test_a_network_has_one_codebook_for_each_kernel_size():
    scheme = LinearRepresentation(codebook="network")
    wide = ConvShape(4, 4, (1, 5), 8)
    assert scheme.shared_storage(PLAIN) == scheme.shared_storage(STRIDED)
    assert scheme.shared_storage(PLAIN).keys() != scheme.shared_storage(wide).keys()
    assert list(scheme.shared_storage(wide).values()) == [32 * 256 * 5]


def test_direct_rebuilds_each_filter_and_convolves():
    work = LinearRepresentation(16, coefficient_bits=8, template_bits=4).executions(PLAIN, 8)["direct"]
    assert (work.macs, work.additions) == (PLAIN.dense_macs, PLAIN.weights)
    assert work.multiplications == PLAIN.weights + KERNELS  # each b times the ratio of the scales
    assert work.bit_ops == PLAIN.dense_macs * 32 * 8 + PLAIN.weights * (8 * 4 + 32) + KERNELS * 32 * 32
    assert work.scratch_bytes == 512 * 9 * 4  # one filter


def test_convolve_then_add():
    """16 templates on each of 512 channels, then 2*n*c coefficient MACs; box sums of d^2 - 1 additions a channel."""
    work = LinearRepresentation(16).executions(PLAIN, activation_bits=32)["shared-maps"]
    assert work.method == "convolve-then-add"
    assert work.macs == 16 * (9 * 16 * 512 + 2 * KERNELS)
    assert work.additions == 512 * 8 * 16
    assert work.bit_ops == 16 * (9 * 16 * 512 * 32 * 32 + 2 * KERNELS * 32 * 32) + 512 * 8 * 16 * 32
    assert work.scratch_bytes == (16 + 1 + 512) * 4 * 4  # maps, box and the filters' sums, a row of 4 each


def test_add_then_convolve():
    """Many outputs of one input channel: U_j is n, V_i is 1, so adding first is cheaper."""
    shape = ConvShape(1, 64, 3, 8, padding=1)
    work = LinearRepresentation(2, coefficient_bits=4, template_bits=4).executions(shape, 4)["shared-maps"]
    first = 64 * (9 * 64) * 1 * 4 * 4 + 2 * 64 * 64 * 4 * 32 + 64 * 8 * 64 * 4 + 64 * 64 * 32 * 32  # convolve-then-add
    second = 2 * 64 * 64 * 4 * 4 + 2 * 9 * 64 * 4 * 32 + 1 * 9 * 64 * 32 + 1 * 64 * 32 * 32  # add-then-convolve
    assert second < first
    assert work.method == "add-then-convolve"
    assert work.bit_ops == second
    assert work.macs == 2 * 64 * 64 + 2 * 9 * 64
    assert work.additions == 9 * 64
    assert work.multiplications == 64  # the box sum of the one filter at 64 positions, into the unit of a
    assert work.scratch_bytes == (2 + 1) * 64 * 4  # the sums of two templates and the box's, whole maps of 8x8


def test_a_quantized_b_is_brought_into_the_unit_of_a():
    """Convolve-then-add: the box sum of each of 512 channels, once a position, whatever the filters."""
    scheme, used = LinearRepresentation(16, coefficient_bits=8, template_bits=4), LayerUsage(templates_by_output=10**9)
    work = scheme.executions(PLAIN, 8, used)["shared-maps"]
    assert work.method == "convolve-then-add"
    assert work.multiplications == 512 * 16
    mixed = 16 * (9 * 16 * 512 * 4 * 8 + 2 * KERNELS * 8 * 32)
    assert work.bit_ops == mixed + 512 * 8 * 16 * 8 + 512 * 16 * 32 * 32


@pytest.mark.parametrize("scheme", [LinearRepresentation(16, 8, 4, offset=False), LinearRepresentation(16, 32, 4)])
def test_one_scale_or_none_waits_for_the_output(scheme):
    executions = scheme.executions(PLAIN, 8)
    assert executions["shared-maps"].multiplications == 0
    assert executions["direct"].multiplications == PLAIN.weights  # a times its template


def test_templates_cannot_exceed_what_a_channel_meets():
    """With more templates than filters, a channel is convolved with n/g of them at most."""
    few, many = (LinearRepresentation(templates).executions(DEPTHWISE, 8)["shared-maps"] for templates in (1, 1000))
    assert few == many


def test_a_fitted_layer_counts_the_templates_it_uses():
    used = LayerUsage(templates_by_input=100, templates_by_output=10**9)
    work = LinearRepresentation(16).executions(PLAIN, 8, used)["shared-maps"]
    assert work.method == "convolve-then-add"
    assert work.macs == 16 * (9 * 100 + 2 * KERNELS)
    used = LayerUsage(templates_by_input=10**9, templates_by_output=50)
    work = LinearRepresentation(16).executions(STRIDED, 8, used)["shared-maps"]
    assert work.method == "add-then-convolve"
    assert work.macs == 2 * 32 * 16 * 64 + 9 * 50 * 16  # 64 input pixels, 16 output positions


def test_no_offset_needs_no_box_sums():
    work = LinearRepresentation(16, offset=False).executions(PLAIN, 8)["shared-maps"]
    assert work.additions == 0
    assert work.macs == 16 * (9 * 16 * 512 + KERNELS)
