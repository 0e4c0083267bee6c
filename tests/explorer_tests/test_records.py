"""What a run says of its sources."""

from costmodels.references import REFERENCES
from explorer.runs.describe_run import BACKGROUND
from searches.samplers import GUIDED, SAMPLER_REFERENCES, SAMPLERS


def test_every_sampler_has_known_references():
    assert SAMPLER_REFERENCES.keys() == {GUIDED, *SAMPLERS}
    assert {key for keys in SAMPLER_REFERENCES.values() for key in keys} <= REFERENCES.keys()


def test_every_background_reference_is_known():
    assert set(BACKGROUND) <= REFERENCES.keys()
