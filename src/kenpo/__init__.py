"""kenpo: the working system of a Japanese public health insurer (公的医療保険の保険者)."""

__version__ = "0.1.0"
