"""A figure that shows itself in a notebook, whether or not ``matplotlib.pyplot`` was imported there."""

import io

from matplotlib.figure import Figure

__all__ = ["NotebookFigure"]

DPI = 110


class NotebookFigure(Figure):
    """A matplotlib figure with the picture that notebooks ask an object for."""

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=DPI)
        return stream.getvalue()
