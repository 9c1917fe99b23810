"""Stands where Coral's compiler would: a program that takes its arguments and leaves its files.

    drawn_edgetpu_compiler.py -s -o FOLDER MODEL.tflite

It compiles the first operation, as the real one names what it compiled, so that the delegate of
the accelerators' tests can run it. The environment's DRAWN_COMPILER asks for a fault: refuse,
nothing, unmapped, hang.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

CUSTOM = 32


def main() -> int:
    """Compiles, or does what it is asked to do wrong."""
    fault = os.environ.get("DRAWN_COMPILER", "")
    assert sys.argv[1:3] == ["-s", "-o"]
    folder, source = Path(sys.argv[3]), Path(sys.argv[4])
    if fault == "refuse":
        sys.stderr.write("ERROR: Didn't find op for builtin opcode\nInternal compiler error.\n")
        return 1
    if fault == "hang":
        time.sleep(600)
    content = source.read_bytes()
    if fault != "unmapped":
        content = compiled(content)
    if fault != "nothing":
        (folder / f"{source.stem}_edgetpu.tflite").write_bytes(content)
    sys.stdout.write("Edge TPU Compiler version 16.0\nModel compiled successfully in 12 ms.\n")
    sys.stdout.write("Number of operations that will run on Edge TPU: 1\n")
    sys.stdout.write("Number of operations that will run on CPU: 11\n")
    return 0


def compiled(content: bytes) -> bytes:
    """The file with its first operation as the compiler leaves it."""
    model = schema.ModelT.InitFromPackedBuf(content, 0)
    graph = model.subgraphs[0]
    for tensor in graph.tensors:
        signature = tensor.shapeSignature
        assert signature is None or -1 not in signature, "sizes are left open"
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode = CUSTOM, CUSTOM
    code.customCode, code.version = "edgetpu-custom-op", 1
    model.operatorCodes.append(code)
    first = graph.operators[0]
    first.opcodeIndex = len(model.operatorCodes) - 1
    first.builtinOptions, first.builtinOptionsType = None, 0
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


if __name__ == "__main__":
    sys.exit(main())
