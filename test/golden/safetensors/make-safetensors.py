"""Writes the files beside it with the format's reference library.

pip install torch==2.15.0 safetensors==0.8.0 huggingface_hub==2.4.0
python make-safetensors.py
"""

from pathlib import Path

import torch
from huggingface_hub import save_torch_state_dict
from safetensors.torch import save_file

here = Path(__file__).parent


def of(values, dtype):
    return torch.tensor(values).to(dtype)


bits = torch.arange(8, dtype=torch.uint8) + 56

save_file(
    {
        "z.f64": of([0.1, -2.0], torch.float64),
        "a.f32": of([[1.5, -2.0, 3.0], [0.0, 5.0, 6.0]], torch.float32),
        "b.w": of([1.0, 2.0, 3.0], torch.float16),
        "b": of([1.0, -0.5], torch.bfloat16),
        "é": of([[], []], torch.float32).reshape(2, 0),
        "\u2028\"\\\n\u0001": of([1], torch.int8),
        "scalar": of(7, torch.int64),
        "i32": of([1, -2], torch.int32),
        "i16": of([1, -2], torch.int16),
        "u8": of([1, 255, 3], torch.uint8),
        "u16": of([65535], torch.uint16),
        "u32": of([7], torch.uint32),
        "u64": of([9], torch.uint64),
        "flags": of([True, False], torch.bool),
        "c64": of([1 + 2j], torch.complex64),
        "f8.e4m3": bits.clone().view(torch.float8_e4m3fn),
        "f8.e5m2": bits.clone().view(torch.float8_e5m2),
        "f8.e8m0": bits.clone().view(torch.float8_e8m0fnu),
        "f8.e4m3fnuz": bits.clone().view(torch.float8_e4m3fnuz),
        "f8.e5m2fnuz": bits.clone().view(torch.float8_e5m2fnuz),
        "f4": bits.clone().view(torch.float4_e2m1fn_x2).reshape(2, 4),
    },
    here / "types.safetensors",
    metadata={"note": 'quotes " and \\ and\nlines'},
)

(here / "sharded").mkdir(exist_ok=True)
save_torch_state_dict(
    {
        f"layers.{i}.{name}": torch.arange(n, dtype=torch.float32) + i
        for i in range(3)
        for name, n in [("w", 20), ("b", 4)]
    },
    here / "sharded",
    max_shard_size=200,
)
