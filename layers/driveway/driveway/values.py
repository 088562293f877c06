"""Values are msgspec structs: what the library needs of them beyond `msgspec` itself (decision 0005)."""

from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct

if TYPE_CHECKING:
    # mypy checks replaced fields by this name only. At run time a struct is no dataclass.
    from dataclasses import replace
else:
    from msgspec.structs import replace

__all__ = ["Confidential", "replace"]


class Confidential(Struct, frozen=True):
    """A value with fields that are never shown: not in a log, a traceback or a failed test."""

    hidden: ClassVar[tuple[str, ...]]

    def __repr__(self) -> str:
        shown = (f"{name}={getattr(self, name)!r}" for name in self.__struct_fields__ if name not in self.hidden)
        return f"{type(self).__name__}({', '.join(shown)})"
