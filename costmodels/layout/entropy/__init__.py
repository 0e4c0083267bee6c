"""Entropy coding of integer codes: static tables, canonical Huffman codes, range asymmetric numeral systems, and the
streams that hold them. Written in numpy and plain Python: the definition that compiled decoders have to equal."""

from costmodels.layout.entropy.streams import CODERS, coded_bits, decode, encode, least_bits

__all__ = ["CODERS", "coded_bits", "decode", "encode", "least_bits"]
