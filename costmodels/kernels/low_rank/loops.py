"""Low rank: a layer of few filters, then one of combinations of their maps; or filters put together beforehand."""

from typing import Any

from costmodels.kernels.loops.layer_run import LayerRun
from costmodels.schemes.base import ACCUMULATOR_BITS, FLOAT_BITS

__all__ = ["direct", "shared_maps"]


def direct(run: LayerRun) -> None:
    """Each filter is put together once, in 32 bits, and convolved."""
    shape, scheme, counter = run.shape, run.scheme, run.counter
    basis, coefficients = _basis(run), run.arrays["coefficients"].tolist()
    reconstructed = counter.hold(shape.group_inputs, shape.kernel_area)
    for group in range(shape.groups):
        for i in run.filters(group):
            for kernel in reconstructed:
                kernel[:] = [0] * len(kernel)
            for item in range(scheme.filters):
                scale = _filter_scale(run, group, item)
                factor = counter.scale(coefficients[i][item], scale)
                factor_bits = scheme.coefficient_bits if scale is None else FLOAT_BITS
                for channel, kernel in enumerate(basis[group][item]):
                    for element, weight in enumerate(kernel):
                        reconstructed[channel][element] += factor * weight
                        counter.accumulate(scheme.basis_bits, factor_bits)
            for row, column, window in run.positions():
                total = run.dot(run.channels(group), reconstructed, window, FLOAT_BITS)
                run.output[i][row][column] = counter.requantize(total, run.output_scale(i))


def shared_maps(run: LayerRun) -> None:
    """The maps of a group's filters, an output row at a time in 32 bits, then their combinations."""
    shape, scheme, counter = run.shape, run.scheme, run.counter
    basis, coefficients = _basis(run), run.arrays["coefficients"].tolist()
    maps = counter.hold(scheme.filters, shape.output_size[1])
    for group in range(shape.groups):
        for row, windows in enumerate(run.windows):
            for column, window in enumerate(windows):
                for item in range(scheme.filters):
                    value = run.dot(run.channels(group), basis[group][item], window, scheme.basis_bits)
                    maps[item][column] = counter.scale(value, _filter_scale(run, group, item))
                for i in run.filters(group):
                    total: Any = 0
                    for item in range(scheme.filters):
                        total += coefficients[i][item] * maps[item][column]
                        counter.accumulate(scheme.coefficient_bits, ACCUMULATOR_BITS)
                    run.output[i][row][column] = counter.requantize(total, run.output_scale(i))


def _basis(run: LayerRun) -> list[Any]:
    return run.rows("basis", run.shape.groups, run.scheme.filters, run.shape.group_inputs, run.shape.kernel_area)


def _filter_scale(run: LayerRun, group: int, item: int) -> float | None:
    return float(run.arrays["basis_scales"][group, item]) if "basis_scales" in run.arrays else None
