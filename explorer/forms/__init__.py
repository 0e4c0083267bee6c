"""The compressed forms on the side of the network: a folder each, with its fit and its trainable layer.

A form declares one record, `explorer.forms.form.Form`, and is named here. That is all that there is to it: fitting,
training, fine-tuning, packing and the contract suites read `FORMS`.
"""

from collections.abc import Mapping

from costmodels.schemes import SCHEMES, Scheme
from explorer.forms import (
    dense,
    entropy_coded,
    linear_representation,
    low_rank,
    nm_sparse,
    palettized,
    pruned,
    sparse_basis,
    stacked,
    ternary,
    vector_quantized,
)
from explorer.forms.form import Form, by_scheme

__all__ = ["FORMS", "Form"]

FORMS: Mapping[type[Scheme], Form] = by_scheme(
    (
        dense.FORM,
        pruned.FORM,
        stacked.FORM,
        linear_representation.FORM,
        sparse_basis.FORM,
        ternary.FORM,
        palettized.FORM,
        vector_quantized.FORM,
        entropy_coded.FORM,
        nm_sparse.FORM,
        low_rank.FORM,
    ),
    SCHEMES.values(),
)
"""The form of every scheme of `costmodels.schemes.SCHEMES`, in their order; a scheme without one is refused here."""
