"""A search guided by a model: exact fronts of a proxy whose weights it learns from what was measured."""

from searches.guided.guide import MOST_OBJECTIVES, Guide, Part
from searches.guided.sampler import GuidedSampler

__all__ = ["MOST_OBJECTIVES", "Guide", "GuidedSampler", "Part"]
