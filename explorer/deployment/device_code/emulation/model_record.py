"""What model.json says of an exported folder, checked on reading."""

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from costmodels.file_content import MOST_OPTION_BYTES, file_content
from explorer.system.errors import DeviceCodeError

__all__ = ["ModelRecord", "StepRecord", "read_record"]

Count = Annotated[int, Field(ge=0)]


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class StepRecord(_Record):
    """A step of the program.

    Args:
        name: of the layer or operation.
        kernel: that it calls.
        macs: multiply-accumulates.
        scratch_bytes: that it takes.
    """

    name: str
    kernel: str
    macs: Count
    scratch_bytes: Count


class ModelRecord(_Record):
    """An exported program.

    Args:
        network: its name.
        design: the id, or "".
        vectors: test vectors in the folder.
        arena_bytes: as planned.
        packed_bytes: of streams.
        number_bytes: of multipliers, biases and ranges.
        plan_bytes: of structures.
        input_bytes: of the caller's input.
        output_bytes: of the caller's output.
        steps: in order.
    """

    network: str
    design: str = ""
    vectors: Annotated[int, Field(ge=1)]
    arena_bytes: Count
    packed_bytes: Count
    number_bytes: Count
    plan_bytes: Count
    input_bytes: Count
    output_bytes: Count
    steps: Annotated[list[StepRecord], Field(min_length=1, max_length=10_000)]

    @property
    def constant_bytes(self) -> int:
        """Of everything in flash that is no code."""
        return self.packed_bytes + self.number_bytes + self.plan_bytes


def read_record(folder: Path) -> ModelRecord:
    """The record of a folder.

    Raises:
        DeviceCodeError: there is none, or it is damaged.
    """
    remedy = "write the folder again: filterfront export DIR --design ID --c"
    try:
        return ModelRecord.model_validate_json(file_content(folder / "model.json", MOST_OPTION_BYTES))
    except OSError as error:
        found = f"{folder} has no model.json that can be read ({error.strerror})"
        raise DeviceCodeError("a folder that is emulated was written by export --c", found, remedy) from error
    except ValidationError as error:
        fault = error.errors()[0]
        found = f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
        raise DeviceCodeError("model.json says what export --c wrote", found, remedy) from error
