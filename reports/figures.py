"""The picture files of a run: front and layers, each as PNG and SVG. The same run gives the same bytes."""

import io

import matplotlib as mpl
from matplotlib.figure import Figure

from reports.front_figure import draw_front
from reports.front_info import best_front_infos, front_info
from reports.layers_figure import draw_layers
from reports.layers_info import default_design, layers_info
from reports.run_record import RunRecord

__all__ = ["figure_bytes", "picture_files"]

FRONT_DPI, LAYERS_DPI = 200, 160


def figure_bytes(figure: Figure, kind: str, dpi: int) -> bytes:
    """A figure as the bytes of a ``png`` or ``svg`` file, without a date in it."""
    stream = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "filterfront"}):
        figure.savefig(stream, format=kind, dpi=dpi, metadata={"Date": None} if kind == "svg" else None)
    return stream.getvalue()


def picture_files(run: RunRecord, design: str | None = None) -> dict[str, bytes]:
    """File name -> content: front.png and front.svg; layers.png and layers.svg unless the front is empty; gap.png and
    gap.svg where a pair of figures has a gap that the front does not show.

    Args:
        run: the run.
        design: whose layers are drawn; the recommended one by default.

    Raises:
        ReportError: the front has no such design.
    """
    figures = {"front": (draw_front(front_info(run)), FRONT_DPI)}
    for number, info in enumerate(best_front_infos(run), start=1):
        figures["gap" if number == 1 else f"gap-{number}"] = (draw_front(info), FRONT_DPI)
    design = design or default_design(run)
    if design is not None:
        figures["layers"] = draw_layers(layers_info(run, design)), LAYERS_DPI
    files = {}
    for name, (figure, dpi) in figures.items():
        files[f"{name}.png"] = figure_bytes(figure, "png", dpi)
        figure.set_layout_engine("none")  # all is in its place now, and finding it took as long as drawing it
        files[f"{name}.svg"] = figure_bytes(figure, "svg", dpi)
    return files
