"""Networks that come as ONNX files."""

from explorer.networks.onnx_network.load import load_onnx

__all__ = ["load_onnx"]
