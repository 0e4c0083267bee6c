"""The papers behind the schemes, the fitting, the networks and the searches, by the key that the code cites."""

import re
from dataclasses import dataclass

__all__ = ["BACKGROUND", "REFERENCES", "Reference"]

_FAMILY = re.compile(r"(?:[Vv]an )?\S+")
_VENUE = re.compile(r"[^0-9,]+(?:(?:19|20)[0-9]{2}\b)?")


@dataclass(frozen=True)
class Reference:
    """A published source.

    Args:
        key: how the code cites it.
        authors: their names, separated by commas.
        title: as published.
        venue: where it appeared, with volume and pages.
        year: of publication.
        url: a lasting address.
    """

    key: str
    authors: str
    title: str
    venue: str
    year: int
    url: str

    @property
    def short(self) -> str:
        """For a line of a table: family names, et al. from three on, and where it appeared.

        >>> REFERENCES["lan2021stacking"].short, REFERENCES["chen2018linear"].short
        ('Lan & Lan, AAAI 2021', 'Chen et al., ICMV 2018')
        """
        names = [_FAMILY.findall(author)[-1] for author in self.authors.split(", ")]
        who = " & ".join(names) if len(names) < 3 else f"{names[0]} et al."
        venue = _VENUE.findall(self.venue)[0].strip()
        return f"{who}, {venue if venue[-1].isdigit() else f'{venue} {self.year}'}"

    def __str__(self) -> str:
        return f"{self.authors}. {self.title}. {self.venue}, {self.year}. {self.url}"


_ALL = (
    Reference(
        "lan2021stacking",
        "Weichao Lan, Liang Lan",
        "Compressing Deep Convolutional Neural Networks by Stacking Low-dimensional Binary Convolution Filters",
        "AAAI 35(9), 8235-8242",
        2021,
        "https://doi.org/10.1609/aaai.v35i9.17002",
    ),
    Reference(
        "chen2018linear",
        "Ruobing Chen, Yefei Chen, Jianbo Su",
        "Deep convolutional neural networks compression method based on linear representation of kernels",
        "ICMV 2018, Proc. SPIE 11041, 110412N",
        2019,
        "https://doi.org/10.1117/12.2522992",
    ),
    Reference(
        "lan2024sparse",
        "Weichao Lan, Yiu-ming Cheung, Liang Lan, Juyong Jiang, Zhikai Hu",
        "Convolution Filter Compression via Sparse Linear Combinations of Quantized Basis",
        "IEEE Transactions on Neural Networks and Learning Systems 36(6), 10257-10270, online 2024",
        2025,
        "https://doi.org/10.1109/TNNLS.2024.3457943",
    ),
    Reference(
        "rastegari2016xnor",
        "Mohammad Rastegari, Vicente Ordonez, Joseph Redmon, Ali Farhadi",
        "XNOR-Net: ImageNet Classification Using Binary Convolutional Neural Networks",
        "ECCV",
        2016,
        "https://doi.org/10.1007/978-3-319-46493-0_32",
    ),
    Reference(
        "han2016deep",
        "Song Han, Huizi Mao, William J. Dally",
        "Deep Compression: Compressing Deep Neural Networks with Pruning, Trained Quantization and Huffman Coding",
        "ICLR",
        2016,
        "https://arxiv.org/abs/1510.00149",
    ),
    Reference(
        "li2016ternary",
        "Fengfu Li, Bin Liu",
        "Ternary Weight Networks",
        "arXiv",
        2016,
        "https://arxiv.org/abs/1605.04711",
    ),
    Reference(
        "mishra2021accelerating",
        "Asit Mishra, Jorge Albericio Latorre, Jeff Pool, Darko Stosic, Dusan Stosic, Ganesh Venkatesh, Chong Yu, "
        "Paulius Micikevicius",
        "Accelerating Sparse Deep Neural Networks",
        "arXiv",
        2021,
        "https://arxiv.org/abs/2104.08378",
    ),
    Reference(
        "zhou2021learning",
        "Aojun Zhou, Yukun Ma, Junnan Zhu, Jianbo Liu, Zhijie Zhang, Kun Yuan, Wenxiu Sun, Hongsheng Li",
        "Learning N:M Fine-grained Structured Sparse Neural Networks From Scratch",
        "ICLR",
        2021,
        "https://arxiv.org/abs/2102.04010",
    ),
    Reference(
        "denton2014exploiting",
        "Emily Denton, Wojciech Zaremba, Joan Bruna, Yann LeCun, Rob Fergus",
        "Exploiting Linear Structure Within Convolutional Networks for Efficient Evaluation",
        "NIPS 27",
        2014,
        "https://arxiv.org/abs/1404.0736",
    ),
    Reference(
        "jaderberg2014speeding",
        "Max Jaderberg, Andrea Vedaldi, Andrew Zisserman",
        "Speeding up Convolutional Neural Networks with Low Rank Expansions",
        "BMVC",
        2014,
        "https://arxiv.org/abs/1405.3866",
    ),
    Reference(
        "stock2020bit",
        "Pierre Stock, Armand Joulin, Rémi Gribonval, Benjamin Graham, Hervé Jégou",
        "And the Bit Goes Down: Revisiting the Quantization of Neural Networks",
        "ICLR",
        2020,
        "https://arxiv.org/abs/1907.05686",
    ),
    Reference(
        "egiazarian2024extreme",
        "Vage Egiazarian, Andrei Panferov, Denis Kuznedelev, Elias Frantar, Artem Babenko, Dan Alistarh",
        "Extreme Compression of Large Language Models via Additive Quantization",
        "ICML",
        2024,
        "https://arxiv.org/abs/2401.06118",
    ),
    Reference(
        "duda2013asymmetric",
        "Jarek Duda",
        "Asymmetric numeral systems: entropy coding combining speed of Huffman coding with compression rate of "
        "arithmetic coding",
        "arXiv",
        2013,
        "https://arxiv.org/abs/1311.2540",
    ),
    Reference(
        "yang2019legonet",
        "Zhaohui Yang, Yunhe Wang, Chuanjian Liu, Hanting Chen, Chunjing Xu, Boxin Shi, Chao Xu, Chang Xu",
        "LegoNet: Efficient Convolutional Neural Networks with Lego Filters",
        "ICML, PMLR 97, 7005-7014",
        2019,
        "https://proceedings.mlr.press/v97/yang19c.html",
    ),
    Reference(
        "li2019learning",
        "Yawei Li, Shuhang Gu, Luc Van Gool, Radu Timofte",
        "Learning Filter Basis for Convolutional Neural Network Compression",
        "ICCV, 5623-5632",
        2019,
        "https://openaccess.thecvf.com/content_ICCV_2019/html/"
        "Li_Learning_Filter_Basis_for_Convolutional_Neural_Network_Compression_ICCV_2019_paper.html",
    ),
    Reference(
        "son2018clustering",
        "Sanghyun Son, Seungjun Nah, Kyoung Mu Lee",
        "Clustering Convolutional Kernels to Compress Deep Neural Networks",
        "ECCV, LNCS 11212",
        2018,
        "https://doi.org/10.1007/978-3-030-01237-3_14",
    ),
    Reference(
        "duchi2008efficient",
        "John Duchi, Shai Shalev-Shwartz, Yoram Singer, Tushar Chandra",
        "Efficient Projections onto the l1-Ball for Learning in High Dimensions",
        "ICML",
        2008,
        "https://doi.org/10.1145/1390156.1390191",
    ),
    Reference(
        "baalen2020bayesian",
        "Mart van Baalen, Christos Louizos, Markus Nagel, Rana Ali Amjad, Ying Wang, Tijmen Blankevoort, Max Welling",
        "Bayesian Bits: Unifying Quantization and Pruning",
        "NeurIPS 33",
        2020,
        "https://arxiv.org/abs/2005.07093",
    ),
    Reference(
        "simonyan2015very",
        "Karen Simonyan, Andrew Zisserman",
        "Very Deep Convolutional Networks for Large-Scale Image Recognition",
        "ICLR",
        2015,
        "https://arxiv.org/abs/1409.1556",
    ),
    Reference(
        "he2016deep",
        "Kaiming He, Xiangyu Zhang, Shaoqing Ren, Jian Sun",
        "Deep Residual Learning for Image Recognition",
        "CVPR",
        2016,
        "https://doi.org/10.1109/CVPR.2016.90",
    ),
    Reference(
        "sandler2018mobilenetv2",
        "Mark Sandler, Andrew Howard, Menglong Zhu, Andrey Zhmoginov, Liang-Chieh Chen",
        "MobileNetV2: Inverted Residuals and Linear Bottlenecks",
        "CVPR, 4510-4520",
        2018,
        "https://openaccess.thecvf.com/content_cvpr_2018/html/Sandler_MobileNetV2_Inverted_Residuals_CVPR_2018_paper.html",
    ),
    Reference(
        "akiba2019optuna",
        "Takuya Akiba, Shotaro Sano, Toshihiko Yanase, Takeru Ohta, Masanori Koyama",
        "Optuna: A Next-generation Hyperparameter Optimization Framework",
        "KDD",
        2019,
        "https://arxiv.org/abs/1907.10902",
    ),
    Reference(
        "deb2002fast",
        "Kalyanmoy Deb, Amrit Pratap, Sameer Agarwal, T. Meyarivan",
        "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II",
        "IEEE Transactions on Evolutionary Computation 6(2)",
        2002,
        "https://doi.org/10.1109/4235.996017",
    ),
    Reference(
        "deb2014evolutionary",
        "Kalyanmoy Deb, Himanshu Jain",
        "An Evolutionary Many-Objective Optimization Algorithm Using Reference-Point-Based Nondominated Sorting "
        "Approach, Part I: Solving Problems With Box Constraints",
        "IEEE Transactions on Evolutionary Computation 18(4)",
        2014,
        "https://doi.org/10.1109/TEVC.2013.2281535",
    ),
    Reference(
        "bergstra2011algorithms",
        "James Bergstra, Rémi Bardenet, Yoshua Bengio, Balázs Kégl",
        "Algorithms for Hyper-Parameter Optimization",
        "NIPS 24",
        2011,
        "https://papers.nips.cc/paper/4443-algorithms-for-hyper-parameter-optimization.pdf",
    ),
    Reference(
        "ozaki2022multiobjective",
        "Yoshihiko Ozaki, Yuki Tanigaki, Shuhei Watanabe, Masahiro Nomura, Masaki Onishi",
        "Multiobjective Tree-Structured Parzen Estimator",
        "Journal of Artificial Intelligence Research 73, 1209-1250",
        2022,
        "https://doi.org/10.1613/jair.1.13188",
    ),
    Reference(
        "jamieson2016non",
        "Kevin Jamieson, Ameet Talwalkar",
        "Non-stochastic Best Arm Identification and Hyperparameter Optimization",
        "AISTATS, 240-248",
        2016,
        "https://proceedings.mlr.press/v51/jamieson16.html",
    ),
    Reference(
        "martens2015optimizing",
        "James Martens, Roger Grosse",
        "Optimizing Neural Networks with Kronecker-factored Approximate Curvature",
        "ICML 2015",
        2015,
        "https://arxiv.org/abs/1503.05671",
    ),
    Reference(
        "yang2019efficient",
        "Kaifeng Yang, Michael Emmerich, André Deutz, Thomas Bäck",
        "Efficient computation of expected hypervolume improvement using box decomposition algorithms",
        "Journal of Global Optimization 75, 3-34",
        2019,
        "https://doi.org/10.1007/s10898-019-00798-7",
    ),
)

REFERENCES: dict[str, Reference] = {reference.key: reference for reference in _ALL}
"""Every reference by its key."""

BACKGROUND = frozenset(
    {
        "akiba2019optuna",
        "baalen2020bayesian",
        "bergstra2011algorithms",
        "deb2002fast",
        "deb2014evolutionary",
        "duchi2008efficient",
        "egiazarian2024extreme",
        "duda2013asymmetric",
        "he2016deep",
        "jaderberg2014speeding",
        "jamieson2016non",
        "li2019learning",
        "martens2015optimizing",
        "ozaki2022multiobjective",
        "sandler2018mobilenetv2",
        "simonyan2015very",
        "son2018clustering",
        "yang2019efficient",
        "zhou2021learning",
    }
)
"""Keys that no scheme cites: the special cases, the fitting, the networks, the measure and the searches."""
