"""Record: typed facts that are kept as JSON; FileRecord: all that is in one file, with the number of its schema."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticSerializationError

from reports.errors import ReportError
from reports.json_files import json_bytes, no_json

__all__ = ["FileRecord", "Number", "Record"]

Number = int | float
"""A number that stays the integer or the float that it is."""


class Record(BaseModel):
    """Facts that do not change. A key that the record does not know is refused, and so is NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, ser_json_inf_nan="constants")

    def changed(self, **changes: Any) -> Self:
        """The record with other values, which are checked.

        Args:
            changes: by key, as in the file.

        Raises:
            ValidationError: pydantic's, where a value is of the wrong kind.
        """
        return type(self).model_validate({**self.to_json(), **changes})

    def to_json(self) -> dict[str, Any]:
        """Plain data with every key of the record, in the order of its fields."""
        return self.model_dump(mode="json", by_alias=True)


class FileRecord(Record):
    """The content of a JSON file.

    ``schema`` is the number of its form. Files that were written before there was one have none and are of the first
    form. A number goes up when a newer form cannot be read as the older one.

    Class attributes:
        newest: the newest form that is read, and the one that is written.
        remedy: what to do about a file that does not have the form.
    """

    newest: ClassVar[int] = 1
    remedy: ClassVar[str] = "run the search again"

    schema_version: int = Field(default=1, alias="schema", ge=1)

    def content(self, name: str) -> bytes:
        """The content of the file.

        Args:
            name: what errors call it.

        Raises:
            ReportError: a value is nothing that JSON holds.
        """
        try:
            plain = self.to_json()
        except PydanticSerializationError as error:
            raise no_json(name, error) from None
        return json_bytes(plain, name)

    @classmethod
    def parse(cls, plain: Mapping[str, Any], source: str) -> Self:
        """The record that plain data are.

        Args:
            plain: the content of a file.
            source: what errors call the file.

        Raises:
            ReportError: the data are of a newer schema, or keys are missing, unknown or of the wrong kind; all of them
                are named.
        """
        version = plain.get("schema", 1)
        if isinstance(version, int) and version > cls.newest:
            rule = f"this filterfront reads schema {cls.newest} of such files"
            raise ReportError(rule, f"{source} has schema {version}", "read it with a newer filterfront")
        try:
            return cls.model_validate(dict(plain))
        except ValidationError as error:
            raise cls._refused(error, source) from None

    @classmethod
    def _refused(cls, error: ValidationError, source: str) -> ReportError:
        faults = error.errors()
        unknown = {"extra_forbidden", "unexpected_keyword_argument"}
        texts = ["unknown key" if fault["type"] in unknown else fault["msg"].lower() for fault in faults]
        places = [".".join(map(str, fault["loc"])) or "all of it" for fault in faults]
        found = ", ".join(f"{place} ({text})" for place, text in zip(places, texts, strict=True))
        is_newer = all(fault["type"] in unknown for fault in faults)
        remedy = "read it with the filterfront that wrote it, or a newer one" if is_newer else cls.remedy
        return ReportError(f"{source} has the keys of schema {cls.newest}", found, remedy)
