"""What a run says of its sources."""

from costmodels.references import REFERENCES
from explorer.records import BACKGROUND


def test_every_background_reference_is_known():
    assert set(BACKGROUND) <= REFERENCES.keys()
