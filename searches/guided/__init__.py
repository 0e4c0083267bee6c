"""A search guided by a model: exact fronts of a proxy whose weights it learns from what was measured."""

from searches.guided.problem_tables import ProblemTables
from searches.guided.sampler import GuidedSampler
from searches.guided.variable import Variable

__all__ = ["GuidedSampler", "ProblemTables", "Variable"]
