"""What a compressed form leaves out is refused when it is registered, and a form that nobody checked never agrees."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from costmodels.errors import KernelError, SchemeError
from costmodels.kernels.form_kernels import kernel_registry
from costmodels.kernels.forms import KERNELS, kernels_of
from costmodels.kernels.naive import run_naive
from costmodels.kernels.packing import pack_layer
from costmodels.kernels.run import prepare_layer
from costmodels.kernels.samples import random_arrays, random_layers, random_scheme
from costmodels.schemes import SCHEMES, Dense, Scheme
from costmodels.schemes.registry import CLASS_MEMBERS, scheme_registry
from costmodels.shapes import ConvShape
from costmodels.validation import checks, torch_counts
from costmodels.validation.expansions import expansions_of
from explorer.validation import kernel_outputs

SHAPE = ConvShape(4, 6, (3, 2), (5, 5))
MEMBERS = sorted(Scheme.__abstractmethods__)


def another_form(leaves_out=()):
    """A form like dense weights under a name of its own, without some of the members."""
    members = {name: value for name, value in vars(Dense).items() if not name.startswith("__") or name in KEPT}
    members |= {"name": "another", "__module__": __name__}
    kind = type("Another", (Scheme,), {name: value for name, value in members.items() if name not in leaves_out})
    return dataclass(frozen=True)(kind)


KEPT = ("__annotations__", "__post_init__", "__doc__")


def test_a_whole_form_is_registered():
    kind = another_form()
    assert scheme_registry((Dense, kind)) == {"dense": Dense, "another": kind}


@pytest.mark.parametrize("member", [*MEMBERS, *CLASS_MEMBERS])
def test_a_form_without_a_member_is_refused_and_the_member_named(member):
    with pytest.raises(SchemeError, match=rf"^Another lacks {member}; a compressed form is .*every member of Scheme;"):
        scheme_registry((another_form((member,)),))


def test_a_form_without_its_dataclass_is_refused(monkeypatch):
    kind = another_form()
    plain = type("Plain", (kind,), {"name": "plain"})
    monkeypatch.setattr("costmodels.schemes.registry.is_dataclass", lambda found: found is not plain)
    with pytest.raises(SchemeError, match="Plain lacks its dataclass"):
        scheme_registry((plain,))


def test_two_forms_of_one_name_are_refused():
    with pytest.raises(SchemeError, match="got dense; a compressed form has a name of its own"):
        scheme_registry((Dense, Dense))


def test_a_reference_that_is_not_listed_is_refused(monkeypatch):
    kind = another_form()
    monkeypatch.setattr(kind, "reference", "nobody1999nothing")
    with pytest.raises(SchemeError, match="got nobody1999nothing; the reference of another is listed"):
        scheme_registry((kind,))


def test_a_form_that_does_not_run_directly_is_refused(monkeypatch):
    kind = another_form()
    monkeypatch.setattr(kind, "method_names", ("shared-maps",))
    with pytest.raises(SchemeError, match="another runs as shared-maps; every form runs as direct; add the method"):
        scheme_registry((kind,))


def test_an_incomplete_form_cannot_be_made():
    with pytest.raises(TypeError, match=r"abstract method '?layout"):
        another_form(("layout",))()


def test_every_form_has_kernels():
    assert list(KERNELS) == list(SCHEMES)
    with pytest.raises(KernelError, match="none of pruned; every compressed form has kernels; add them to"):
        kernel_registry([record for name, record in KERNELS.items() if name != "pruned"], SCHEMES)


@pytest.mark.parametrize(("part", "words"), [("loops", "counted loops"), ("compiled", "compiled kernels")])
@pytest.mark.parametrize("name", SCHEMES)
def test_a_method_without_a_kernel_is_refused(part, words, name):
    record = KERNELS[name]
    for method in record.scheme.method_names:
        fewer = {key: kernel for key, kernel in getattr(record, part).items() if key != method}
        with pytest.raises(KernelError, match=f"{name} has {words} of direct"):
            kernel_registry([replace(record, **{part: fewer})], {name: record.scheme})


@pytest.mark.parametrize("name", SCHEMES)
def test_a_method_without_an_expansion_is_refused(name):
    record = KERNELS[name]
    for method in record.scheme.method_names:
        fewer = {key: expand for key, expand in record.expansions().items() if key != method}
        with pytest.raises(KernelError, match=f"{name} has expansions into torch of direct"):
            expansions_of(replace(record, expansions=lambda fewer=fewer: fewer))


def test_kernels_of_no_form_and_two_of_one_are_refused():
    record = KERNELS["dense"]
    with pytest.raises(KernelError, match="got another; kernels are of a compressed form"):
        kernel_registry([replace(record, scheme=another_form())], SCHEMES)
    with pytest.raises(KernelError, match=r"two of dense; .*one record of kernels; remove one"):
        kernel_registry([record, record], SCHEMES)


def test_a_form_that_is_not_registered_is_drawn_packed_and_run_by_nobody():
    kind, generator = another_form(), np.random.default_rng(0)
    with pytest.raises(KernelError, match="got another; random schemes are of a registered form; choose of dense, "):
        random_scheme(kind, SHAPE, generator, filters=4)
    packed = pack_layer(SHAPE, kind(), random_arrays(SHAPE, kind(), generator))
    with pytest.raises(KernelError, match="got another; a scheme has kernels; choose of dense, "):
        run_naive(packed, np.zeros((6, 5, 5)), "direct")
    with pytest.raises(KernelError, match="got another; a scheme has kernels"):
        prepare_layer(packed)
    impostor = type("Impostor", (kind,), {"name": "dense"})
    with pytest.raises(KernelError, match="got dense; a scheme has kernels"):
        kernels_of(impostor)


SECTIONS = {
    "packed bits": (checks, checks.packed_bits),
    "counted loops": (checks, checks.counted_operations),
    "other counters": (torch_counts, torch_counts.torch_operations),
    "compiled kernels": (kernel_outputs, kernel_outputs.check_kernels),
}


@pytest.mark.parametrize("section", SECTIONS)
def test_validation_says_nothing_of_a_form_that_it_did_not_check(section, monkeypatch):
    """One form is left out of the layers that are drawn: the section ends with an error, and not with agreement."""
    module, run = SECTIONS[section]

    def fewer(*given, **named):
        return (layer for layer in random_layers(*given, **named) if layer[1].name != "lego-net")

    monkeypatch.setattr(module, "random_layers", fewer)
    with pytest.raises(KernelError, match=r"no case of lego-net; every form is checked: .*; draw layers of it"):
        run(1, 0)


@pytest.mark.parametrize("section", ["counted loops", "other counters", "compiled kernels"])
def test_validation_stops_at_a_form_without_kernels(section, monkeypatch):
    kind = another_form()
    monkeypatch.setitem(SCHEMES, "another", kind)
    with pytest.raises((KernelError, KeyError), match="another"):
        SECTIONS[section][1](1, 0)
