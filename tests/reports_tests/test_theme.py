"""Colours of the page: contrast as WCAG asks, by arithmetic, on light and on dark ground."""

import pytest

from reports.palette import COMPONENT_STYLES, METHOD_STYLES, lightness
from reports.theme import DARK, EDGE_CONTRAST, LIGHT, TEXT_CONTRAST, Theme, contrast, mirrored


def test_contrast_by_hand() -> None:
    # grey #777777: 119/255 = 0.46667; ((0.46667 + 0.055) / 1.055)^2.4 = 0.18448; 1.05 / 0.23448 = 4.478
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=1e-3)
    assert contrast("#ffffff", "#777777") == contrast("#777777", "#ffffff")


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_text_and_edges_are_told_from_their_ground(theme: Theme) -> None:
    grounds = (theme.paper, theme.wash, theme.chosen)
    for ground in grounds:
        for text in (theme.ink, theme.soft, theme.accent):
            assert contrast(text, ground) >= TEXT_CONTRAST, (text, ground)
    for mark in (theme.edge, theme.warm, theme.good, theme.best, theme.moved, theme.ink):
        assert contrast(mark, theme.paper) >= EDGE_CONTRAST, mark


def test_mirrored_colours_stay_told_apart_by_lightness() -> None:
    for styles in (METHOD_STYLES, COMPONENT_STYLES):
        light = [lightness(mirrored(style.color)) for style in styles.values()]
        assert min(abs(one - other) for at, one in enumerate(light) for other in light[:at]) > 3
