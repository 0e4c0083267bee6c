"""The sources of the algorithms in `searches`, by the key that docstrings cite in brackets.

Those that a run names too, of schemes and of samplers, are in `costmodels.references`.
"""

from costmodels.references import Reference

__all__ = ["ALGORITHMS"]

_ALL = (
    Reference(
        "busing2022monotone",
        "Frank M. T. A. Busing",
        "Monotone Regression: A Simple and Fast O(n) PAVA Implementation",
        "Journal of Statistical Software, Code Snippets 102(1), 1-25",
        2022,
        "https://doi.org/10.18637/jss.v102.c01",
    ),
    Reference(
        "chinneck1991locating",
        "John W. Chinneck, Erik W. Dravnieks",
        "Locating Minimal Infeasible Constraint Sets in Linear Programs",
        "ORSA Journal on Computing 3(2), 157-168",
        1991,
        "https://doi.org/10.1287/ijoc.3.2.157",
    ),
    Reference(
        "diakonikolas2009small",
        "Ilias Diakonikolas, Mihalis Yannakakis",
        "Small Approximate Pareto Sets for Biobjective Shortest Paths and Other Problems",
        "SIAM Journal on Computing 39(4), 1340-1371",
        2009,
        "https://doi.org/10.1137/080724514",
    ),
    Reference(
        "dyer1995hybrid",
        "Martin E. Dyer, W. O. Riha, J. Walker",
        "A Hybrid Dynamic Programming/Branch-and-Bound Algorithm for the Multiple-Choice Knapsack Problem",
        "Journal of Computational and Applied Mathematics 58(1), 43-54",
        1995,
        "https://doi.org/10.1016/0377-0427(93)E0264-M",
    ),
    Reference(
        "huangfu2018parallelizing",
        "Qi Huangfu, J. A. Julian Hall",
        "Parallelizing the Dual Revised Simplex Method",
        "Mathematical Programming Computation 10(1), 119-142",
        2018,
        "https://doi.org/10.1007/s12532-017-0130-5",
    ),
    Reference(
        "gardner2014bayesian",
        "Jacob R. Gardner, Matt J. Kusner, Zhixiang Xu, Kilian Q. Weinberger, John P. Cunningham",
        "Bayesian optimization with inequality constraints",
        "ICML, PMLR 32(2), 937-945",
        2014,
        "https://proceedings.mlr.press/v32/gardner14.html",
    ),
    Reference(
        "huber1964robust",
        "Peter J. Huber",
        "Robust Estimation of a Location Parameter",
        "Annals of Mathematical Statistics 35(1), 73-101",
        1964,
        "https://doi.org/10.1214/aoms/1177703732",
    ),
    Reference(
        "lamport1974new",
        "Leslie Lamport",
        "A New Solution of Dijkstra's Concurrent Programming Problem",
        "Communications of the ACM 17(8), 453-455",
        1974,
        "https://doi.org/10.1145/361082.361093",
    ),
    Reference(
        "mackay1992practical",
        "David J. C. MacKay",
        "A Practical Bayesian Framework for Backpropagation Networks",
        "Neural Computation 4(3), 448-472",
        1992,
        "https://doi.org/10.1162/neco.1992.4.3.448",
    ),
    Reference(
        "marquardt1963algorithm",
        "Donald W. Marquardt",
        "An Algorithm for Least-Squares Estimation of Nonlinear Parameters",
        "Journal of the Society for Industrial and Applied Mathematics 11(2), 431-441",
        1963,
        "https://doi.org/10.1137/0111030",
    ),
    Reference(
        "nemhauser1969discrete",
        "George L. Nemhauser, Zev Ullmann",
        "Discrete Dynamic Programming and Capital Allocation",
        "Management Science 15(9), 494-505",
        1969,
        "https://doi.org/10.1287/mnsc.15.9.494",
    ),
    Reference(
        "papadimitriou2000approximability",
        "Christos H. Papadimitriou, Mihalis Yannakakis",
        "On the Approximability of Trade-offs and Optimal Access of Web Sources",
        "FOCS, 86-92",
        2000,
        "https://doi.org/10.1109/SFCS.2000.892068",
    ),
    Reference(
        "rasmussen2006gaussian",
        "Carl Edward Rasmussen, Christopher K. I. Williams",
        "Gaussian Processes for Machine Learning",
        "MIT Press",
        2006,
        "https://gaussianprocess.org/gpml/",
    ),
    Reference(
        "sinha1979multiple",
        "Prabhakant Sinha, Andris A. Zoltners",
        "The Multiple-Choice Knapsack Problem",
        "Operations Research 27(3), 503-515",
        1979,
        "https://doi.org/10.1287/opre.27.3.503",
    ),
)

ALGORITHMS: dict[str, Reference] = {reference.key: reference for reference in _ALL}
"""Every source by its key."""
