"""What bitsandbytes itself makes of a small tensor, and its tables.

pip install torch==2.15.0 bitsandbytes==0.50.2 safetensors==0.8.0 numpy==2.4.6
python make.py                 # writes tables.json, quantized.safetensors and quantized.json beside this file

Everything runs on the CPU. bitsandbytes has two CPU paths for blockwise 8-bit codes: the plain PyTorch one, which
takes the nearest level as its GPU kernels do, and a compiled one, which gives 0 and other values below about 3e-6 of
the largest a level that is not the nearest. The files hold the first. `python make.py --native` prints the nested
codes of the second instead; for this tensor they are the same.
"""
import ctypes
import hashlib
import json
import pathlib
import sys

import torch

NATIVE = "--native" in sys.argv
if not NATIVE:

    def refuse(*_args, **_kwargs):
        raise OSError("hidden: the plain PyTorch path is wanted")

    load = ctypes.cdll.LoadLibrary
    ctypes.cdll.LoadLibrary = refuse

import bitsandbytes  # noqa: E402
import bitsandbytes.functional as bnb  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

if not NATIVE:
    ctypes.cdll.LoadLibrary = load

here = pathlib.Path(__file__).parent
ROWS, COLUMNS = 130, 130  # 16900 values: 265 blocks of 64, the last of 4 values; two blocks of 256 absmax


def weight() -> torch.Tensor:
    """Normal values whose spread differs from row to row, exact in bfloat16."""
    random = torch.Generator().manual_seed(7)
    spread = torch.rand(ROWS, 1, generator=random) * 0.05 + 0.01
    values = (torch.randn(ROWS, COLUMNS, generator=random) * spread).bfloat16().float()
    values[3, :64] = 0  # with the flat blocks of 64 this leaves one block of zeros
    values[4, :] = 0
    return values


def tables() -> None:
    out = {
        "dynamic": bnb.create_dynamic_map().tolist(),
        "fp4": bnb.get_4bit_type("fp4", device="cpu").tolist(),
        "nf4": bnb.get_4bit_type("nf4", device="cpu").tolist(),
        "af4": bnb.get_4bit_type("af4", device="cpu").tolist(),
    }
    (here / "tables.json").write_text(json.dumps(out, indent=1) + "\n")


def cases():
    for kind in ("nf4", "fp4"):
        for block in (64, 128):
            for nested in (False, True):
                yield f"{kind}-{block}{'-nested' if nested else ''}", kind, block, nested


def main() -> None:
    x = weight()
    tensors, facts = {"input": x.bfloat16()}, {}
    for name, kind, block, nested in cases():
        packed, state = bnb.quantize_4bit(x, blocksize=block, quant_type=kind, compress_statistics=nested)
        tensors[f"{name}/weight"] = packed
        for key, value in state.as_dict(packed=True).items():
            tensors[f"{name}/weight.{key}"] = value.contiguous()
        back = bnb.dequantize_4bit(packed, state)
        tensors[f"{name}/head"] = back.reshape(-1)[:256].clone()
        facts[name] = {
            "kind": kind,
            "block": block,
            "nested": nested,
            "offset": float(state.offset) if nested else None,
            "dequantizedSha256": hashlib.sha256(back.contiguous().numpy().tobytes()).hexdigest(),
        }
    if NATIVE:
        print(json.dumps({n: tensors[f"{n}/weight.absmax"].tolist() for n in facts if facts[n]["nested"]}))
        return
    save_file(tensors, here / "quantized.safetensors")
    versions = {"bitsandbytes": bitsandbytes.__version__, "torch": torch.__version__}
    (here / "quantized.json").write_text(json.dumps({**versions, "cases": facts}, indent=1) + "\n")
    tables()


main()
