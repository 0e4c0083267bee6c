"""What is printed about packed files: their sizes, and how they compare with torch."""

from collections.abc import Iterator

from explorer.deployment.packed.comparison import TOLERANCE, Comparison
from explorer.deployment.packed.size_breakdown import COUNTED, SHARED, UNCOUNTED, SizeBreakdown

__all__ = ["accuracy_line", "comparison_lines", "size_lines"]

_OTHER = {"shift": "bias, normalization", "factor": "bias, normalization", "values": "other constants"}


def size_lines(sizes: SizeBreakdown) -> Iterator[str]:
    """The bytes of a packed file, component by component."""
    sums: dict[str, list[int]] = {}
    for row in sizes.rows:
        of_layers = row.kind in (COUNTED, SHARED, UNCOUNTED)
        name = row.component if of_layers else _OTHER[row.component.split(" ")[0]]
        name = f"{name}, uncounted" if row.kind == UNCOUNTED else name
        line = sums.setdefault(name, [0, 0, 0])
        for place, value in enumerate((row.bits, row.padding_bits, row.bytes)):
            line[place] += value
    yield f"{'packed file':<24}{'bits':>12}{'padding bits':>14}{'bytes':>12}  [counted]"
    for name, (bits, padding, size) in sums.items():
        yield f"  {name:<22}{bits:>12,}{padding:>14,}{size:>12,}"
    beyond = f" + {sizes.beyond_bytes:,} beyond it" if sizes.beyond_bytes else ""
    yield f"  {'header':<48}{sizes.header_bytes:>12,}"
    said = f"{sizes.formula_bytes:,} by formula{beyond} + {sizes.header_bytes:,} of header"
    yield f"  {'file':<48}{sizes.file_bytes:>12,}  = {said}"


def comparison_lines(floats: Comparison, rounded: Comparison, bits: int, onnx: Comparison | None) -> Iterator[str]:
    """How far the files' outputs are from those of torch, and the accuracy."""
    yield f"  float activations: outputs {_apart(floats)}"
    if bits != 32:
        close = rounded.images - rounded.apart
        yield (
            f"  {bits}-bit activations: {close:,} of {rounded.images:,} images within {TOLERANCE:g}, "
            f"{rounded.answers_apart} answered otherwise [measured]"
        )
    if onnx is not None:
        yield f"  ONNX in onnxruntime, float activations: outputs {_apart(onnx)}"
    if rounded.accuracy is not None and rounded.correct_other is not None:
        torch_share = rounded.correct_other / rounded.images
        yield f"  {accuracy_line(rounded.accuracy, rounded.images)}; in torch {torch_share:.2%}"


def accuracy_line(accuracy: float, images: int) -> str:
    """The accuracy of a packed file."""
    return f"accuracy run from the file: {accuracy:.2%} of {images:,} images [measured]"


def _apart(found: Comparison) -> str:
    said = f"{found.deviation:.1e} apart at most on {found.images:,} images"
    return f"{said}, the largest output being {found.largest_output:.3g} [measured]"
