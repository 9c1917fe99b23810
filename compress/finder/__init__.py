"""The learned finder made small: INT8 for LiteRT and ONNX Runtime, parity on fields, its bundle."""
