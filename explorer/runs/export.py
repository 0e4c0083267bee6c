"""``filterfront export``: a design of a run folder as files to deploy, each checked against torch before it is kept."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from costmodels.units import format_bytes
from explorer.config.given import NOTHING_GIVEN, Given
from explorer.deployment.device_code.targets import HOST, Target
from explorer.deployment.device_code.writing import check_place, write_c_folder
from explorer.deployment.packed.comparison import TOLERANCE, Comparison, compare, exact_runner, torch_runner
from explorer.deployment.packed.network import FLOATS, pack_network
from explorer.deployment.packed.reading import PackedFile, read_packed
from explorer.deployment.packed.size_breakdown import SizeBreakdown, size_breakdown
from explorer.deployment.packed.writing import packed_content
from explorer.measurement.activation_ranges import ActivationRanges
from explorer.networks.onnx_file import check_onnx_installed, onnx_content, onnx_runner
from explorer.runs.c_export import CExport, c_export
from explorer.runs.design import RunDesign, open_design
from explorer.runs.integer_onnx import IntegerOnnx, check_forms_installed, integer_onnx
from explorer.system.errors import ExportCheckError
from explorer.system.inputs import parts_of
from reports.atomic_write import write_files
from reports.json_files import finite, json_bytes

__all__ = ["ExportCheckError", "Exported", "export_design", "names_in"]

_MADE_UP_IMAGES = 16
_ONNX_IMAGES = 256

_MOST_LOST = 0.1
"""Share of the images that the packed file may be right about and the program not: close answers, rounded otherwise."""


@dataclass(frozen=True, eq=False, repr=False)
class Exported:
    """What was exported.

    Args:
        design: that was.
        paths: of the files by kind: ``packed``, ``weights``, ``onnx``, ``record``; and ``c``, the folder of C.
        sizes: of all but the record and the folder, in bytes.
        breakdown: every byte of the packed file.
        images: which ones the files were checked on, in words.
        floats: the packed file compared with torch, activations in floats.
        rounded: the packed file compared with torch, activations as the design rounds them.
        onnx: onnxruntime compared with torch, activations in floats; None where it was not asked for.
        c: the program in C; None where it was not asked for.
        integers: ONNX with integers; None where it was not asked for.
    """

    design: RunDesign
    paths: Mapping[str, Path]
    sizes: Mapping[str, int]
    breakdown: SizeBreakdown
    images: str
    floats: Comparison
    rounded: Comparison
    onnx: Comparison | None
    c: CExport | None = None
    integers: IntegerOnnx | None = None

    def __repr__(self) -> str:
        sizes = ", ".join(f"{self.paths[kind].name} {format_bytes(size)}" for kind, size in self.sizes.items())
        checked = f"outputs equal to torch's on {self.images}"
        return f"<Exported {self.design.design} into {self.paths['packed'].parent}: {sizes}; {checked}>"

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        design = self.design
        return {
            "design": design.design,
            "network": design.traced.spec.name,
            "tuned": design.tuned,
            "activation_bits": design.ranges.bits,
            "compression_ratio": design.cost.compression_ratio,
            "files": {kind: {"name": self.paths[kind].name, "bytes": size} for kind, size in self.sizes.items()},
            "flash_bytes_formula": design.cost.flash_bytes,
            "size_breakdown": self.breakdown.to_json(),
            "checked_on": self.images,
            "float_activations": self.floats.to_json(),
            "rounded_activations": self.rounded.to_json(),
            "onnx": self.onnx.to_json() if self.onnx else None,
            "c": self.c.to_json() if self.c else None,
            "integers": {form: found.to_json() for form, found in self.integers.compared.items()}
            if self.integers
            else None,
        }


def names_in(out: Path) -> tuple[Path, dict[str, str]]:
    """(folder, file names by kind): ``out`` is the folder, or the packed file itself where it ends in .safetensors."""
    if out.suffix == ".safetensors":
        stem = out.stem
        names = {"packed": out.name, "weights": f"{stem}.weights.safetensors", "onnx": f"{stem}.onnx"}
        names |= {"qdq": f"{stem}.qdq.onnx", "qonnx": f"{stem}.qonnx.onnx"}
        return out.parent, {**names, "record": f"{stem}.json", "c": f"{stem}-c"}
    names = {"packed": "packed.safetensors", "weights": "weights.safetensors", "onnx": "network.onnx"}
    names |= {"qdq": "network.qdq.onnx", "qonnx": "network.qonnx.onnx"}
    return out, {**names, "record": "export.json", "c": "c"}


def export_design(
    folder: Path,
    design_id: str,
    out: Path | None = None,
    onnx: bool = False,
    given: Given = NOTHING_GIVEN,
    c: bool = False,
    target: Target = HOST,
    forms: Sequence[str] = (),
) -> Exported:
    """Writes a design as a packed file, as a state dict with reconstructed weights and, where asked for, as ONNX and C.

    Everything is made and checked first, then written whole and renamed.

    Args:
        folder: of the run.
        design_id: of a design of its front.
        out: a folder, or the packed file's own name ending in .safetensors; DIR/exports/ID by default.
        onnx: whether ONNX is written too.
        given: objects in the place of the names of the search.
        c: whether a folder of C is written too.
        target: what its Makefile compiles for.
        forms: of `explorer.runs.integer_onnx.INTEGER_FORMS`: ONNX with integers.

    Raises:
        DeviceCodeError: the network cannot be written as C.
        ExportCheckError: outputs of a file are not those of torch.
        FilterfrontError: run, design or network cannot be used.
    """
    if onnx:
        check_onnx_installed()
    check_forms_installed(forms)
    target_folder, names = names_in(folder / "exports" / design_id if out is None else out)
    if c:
        check_place(target_folder / names["c"])
    design = open_design(folder, design_id, given)
    network = pack_network(design.traced, design.layers, design.ranges, design.executions)
    normalization = design.dataset.normalization if design.dataset else None
    packed = packed_content(network, design.traced.spec, design_id, normalization)
    contents = {"packed": packed, "weights": _state(design)}
    if onnx:
        contents["onnx"] = onnx_content(design.network, design.example, any_batch=design.traced.fixed_batch is None)
    images, labels, said = _images(design)
    file = _packed_file(contents["packed"])
    of_c = _checked_c(c_export(file.network(), design_id, images, labels, target)) if c else None
    integers = integer_onnx(file.network(), images, labels, forms) if forms else None
    contents |= integers.contents if integers else {}
    breakdown, floats, rounded = _checked_packed(design, file, images, labels)
    of_onnx = _checked_onnx(design, contents["onnx"], tuple(part[:_ONNX_IMAGES] for part in images)) if onnx else None
    paths = {kind: target_folder / names[kind] for kind in (*contents, "record", *(["c"] if c else []))}
    sizes = {kind: len(content) for kind, content in contents.items()}
    exported = Exported(design, paths, sizes, breakdown, said, floats, rounded, of_onnx, of_c, integers)
    contents["record"] = json_bytes(finite(exported.to_json()), names["record"])
    if of_c is not None:
        write_c_folder(paths["c"], of_c.folder.files)
    write_files(target_folder, {names[kind]: content for kind, content in contents.items()})
    return exported


def _state(design: RunDesign) -> bytes:
    """The state dict of the original module, with reconstructed weights."""
    state = {name: tensor.detach().clone().contiguous() for name, tensor in design.network.state_dict().items()}
    return save(state, {"made": f"{design.traced.spec.name}, design {design.design}"})


def _images(design: RunDesign) -> tuple[tuple[Tensor, ...], Tensor | None, str]:
    """Images to check on, their labels, and what they are: the test part, else the validation part, else noise."""
    if design.dataset is not None:
        part = "validation" if design.dataset.test is None else "test"
        split = design.dataset.part(part)
        return parts_of(split.inputs), split.labels, f"the {part} part of {design.dataset.name}"
    inputs = design.example if isinstance(design.example, tuple) else (design.example,)
    count, generator = max(_MADE_UP_IMAGES, design.traced.fixed_batch or 1), torch.Generator().manual_seed(0)
    made = tuple(torch.randn((count, *tensor.shape[1:]), generator=generator) for tensor in inputs)
    return made, None, "random images" if len(made) == 1 else f"random values of {len(made)} inputs"


def _packed_file(content: bytes) -> PackedFile:
    """A packed file, read as whoever gets it reads it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "packed.safetensors"
        path.write_bytes(content)
        return read_packed(path)


def _checked_c(found: CExport) -> CExport:
    """The program, unless it does not compute what it has to: not its own integers once compiled, or answers that are
    wrong where the packed file's are right.

    Raises:
        ExportCheckError: it does not.
    """
    if found.host.compiler and not found.host.right:
        rule = f"the C program, compiled by {found.host.compiler}, gives the outputs of its test vectors"
        raise ExportCheckError(rule, found.host.said)
    rounding = found.rounding
    if rounding.correct is not None and rounding.correct_other is not None:
        lost = rounding.correct_other - rounding.correct
        if lost > _MOST_LOST * rounding.images:
            rule = "the C program, which rounds integers, is right about as often as the packed file"
            value = f"{lost} fewer right answers to {rounding.images} images"
            raise ExportCheckError(rule, value)
    return found


def _checked_packed(
    design: RunDesign, file: PackedFile, images: tuple[Tensor, ...], labels: Tensor | None
) -> tuple[SizeBreakdown, Comparison, Comparison]:
    """The size breakdown of a packed file, and the file compared with torch, with float and with rounded activations.

    Raises:
        ExportCheckError: they differ where activations are floats.
    """
    network = file.network(float_activations=True)
    floats = rounded = _against_torch(design, network, FLOATS, images, labels, "packed file, float activations")
    _refuse_unequal(floats, "the packed file")
    if design.ranges.bits != FLOATS.bits:
        title = f"packed file, {design.ranges.bits}-bit activations"
        rounded = _against_torch(design, file.network(), design.ranges, images, labels, title)
    return size_breakdown(file), floats, rounded


def _checked_onnx(design: RunDesign, content: bytes, images: tuple[Tensor, ...]) -> Comparison:
    found = _against_torch(design, onnx_runner(content), FLOATS, images, None, "running the ONNX file")
    _refuse_unequal(found, "the ONNX file")
    return found


def _against_torch(
    design: RunDesign,
    run: Any,
    ranges: ActivationRanges,
    images: tuple[Tensor, ...],
    labels: Tensor | None,
    title: str,
) -> Comparison:
    traced, other = design.traced, torch_runner(design.traced, ranges)
    found = compare(run, other, images, labels, traced.fixed_batch, title)
    if found.equal or ranges.bits != FLOATS.bits:
        return found
    return compare(run, other, images, labels, traced.fixed_batch, title, exact_runner(traced))


def _refuse_unequal(found: Comparison, what: str) -> None:
    if not found.equal:
        rule = f"outputs of {what} are those of torch within {TOLERANCE:g} of the largest, or within rounding"
        value = f"{found.deviation:.2g} apart on {found.apart} of {found.images} images"
        raise ExportCheckError(rule, value)
