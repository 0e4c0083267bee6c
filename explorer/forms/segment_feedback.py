"""Error feedback over segments of a filter: what one is worth when the later ones make up for its error.

With C^-1 = U^T U, U upper triangular in blocks of a segment, choosing v in the place of x in segment j costs
|(x - v) U_jj^-1|^2 once all later segments take their best real values, which change by -(x - v) U_jj^-1 U_j,later.

Source: Frantar et al., GPTQ, arXiv 2210.17323, whose columns are segments of one value.
"""

import numpy as np

from explorer.forms.metric import Metric

__all__ = ["segment_feedback"]


def segment_feedback(metric: Metric, segments: int) -> tuple[np.ndarray, np.ndarray]:
    """The metrics of single segments, and how errors pass on.

    Args:
        metric: full.
        segments: S, which divides the D values.

    Returns:
        (g, S, L, L) and (g, D, D): U_jj^-1 U_jj^-T, and U_jj^-1 times the block row j of U.
    """
    upper = metric.feedback
    groups, values = upper.shape[:2]
    length = values // segments
    by_block = upper.reshape(groups, segments, length, values)
    diagonal = np.stack([by_block[:, j, :, j * length : (j + 1) * length] for j in range(segments)], axis=1)
    inverse = np.linalg.inv(diagonal)
    onward = (inverse @ by_block).reshape(groups, values, values)
    return np.ascontiguousarray(inverse @ inverse.swapaxes(2, 3)), np.ascontiguousarray(onward)
