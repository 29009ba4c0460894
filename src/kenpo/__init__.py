"""kenpo: the working system of a Japanese public health insurer (公的医療保険の保険者)."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kenpo.notebook import open as open

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`kenpo.open`, for notebooks: everything behind it is only loaded when it is asked for."""
    if name == "open":
        from kenpo.notebook import open

        return open
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
