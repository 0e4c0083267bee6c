"""A search guided by a model: exact fronts of a proxy whose weights it learns from what was measured."""

from searches.guided.problem_tables import MOST_OBJECTIVES, ProblemTables, Variable
from searches.guided.sampler import GuidedSampler

__all__ = ["MOST_OBJECTIVES", "GuidedSampler", "ProblemTables", "Variable"]
