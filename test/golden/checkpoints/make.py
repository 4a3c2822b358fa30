"""Tiny checkpoints, what the original packages make of their weights, and what they read of ours.

pip install torch==2.15.0 transformers==5.23.0 accelerate==1.15.0 bitsandbytes==0.50.2 compressed-tensors==0.20.0 \
    safetensors==0.8.0 numpy==2.4.6
python make.py quantize        # writes models.json, quantized.json and quantized.safetensors beside this file
npm run build
python make.py load            # writes loaded.json: `lowbit quantize` makes folders, transformers loads them

Everything runs on the CPU, with the compiled library of bitsandbytes hidden: its plain PyTorch code does what its GPU
kernels do (nearest level, products in float32; see ../bitsandbytes/make.py). `python make.py load --native` shows it and
writes nothing: of the same folders it decodes the same weights, computes with them in bfloat16 (logits differ by up to
0.02), and stops at layers whose number of outputs does not fit its blocks, which the folder `odd` has.
"""
import ctypes
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors.torch import load_file, save_file

MODE = sys.argv[1]
here = pathlib.Path(__file__).parent
root = here.parent.parent.parent

NATIVE = "--native" in sys.argv
if not NATIVE:

    def refuse(*_args, **_kwargs):
        raise OSError("hidden: the plain PyTorch path is wanted")

    load = ctypes.cdll.LoadLibrary
    ctypes.cdll.LoadLibrary = refuse

import bitsandbytes  # noqa: E402
import bitsandbytes.functional as bnb  # noqa: E402

if not NATIVE:
    ctypes.cdll.LoadLibrary = load

import compressed_tensors  # noqa: E402
import transformers  # noqa: E402

VOCABULARY = 64
IDS = [1, 5, 9, 30, 63, 2, 17]
# even: every side a multiple of 128. odd: blocks of 64 begin and end inside rows, the last one is cut, counts are odd.
SIZES = {"even": (128, 256, 4, 4), "odd": (36, 75, 4, 2)}
TARGETS = ["bnb:nf4", "bnb:nf4-double", "bnb:fp4", "bnb:fp4-double", "bnb:int8", "fp8:tensor", "fp8:channel", "fp8:block"]


def values(name: str, shape: list[int]) -> torch.Tensor:
    """Exact in bfloat16: sign and mantissa by a hash of name and index, exponents that fall off and differ by row."""
    seed = np.uint32(0x811C9DC5)
    with np.errstate(over="ignore"):
        for byte in name.encode():
            seed = np.uint32((int(seed) ^ byte) * 0x01000193 & 0xFFFFFFFF)
        x = np.arange(int(np.prod(shape)), dtype=np.uint32)
        row = x // np.uint32(shape[-1])
        x = x * np.uint32(0x9E3779B9) ^ seed
        x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
        x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
        x ^= x >> np.uint32(16)
    low = x & np.uint32(15)
    zeros = np.select([low & 1 != 0, low & 2 != 0, low & 4 != 0, low & 8 != 0], [0, 1, 2, 3], 4).astype(np.uint32)
    exponent = np.uint32(123) - zeros - row % np.uint32(3)
    bits = (x >> np.uint32(31) << np.uint32(31)) | (exponent << np.uint32(23)) | ((x >> np.uint32(24) & np.uint32(127)) << np.uint32(16))
    out = torch.from_numpy(bits.view(np.float32).copy()).reshape(shape)
    if name.endswith("norm.weight"):
        return out + 1
    if name.endswith("q_proj.weight"):
        out.view(-1)[64:192] = 0  # blocks of zeros
        out[5] = 0
    return out


def model(size: str):
    hidden, inner, heads, kv = SIZES[size]
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden, "intermediate_size": inner,
        "num_attention_heads": heads, "num_key_value_heads": kv, "head_dim": hidden // heads if size == "even" else 10,
        "num_hidden_layers": 1, "vocab_size": VOCABULARY, "max_position_embeddings": 64, "rms_norm_eps": 1e-05,
        "rope_theta": 10000.0, "tie_word_embeddings": False, "hidden_act": "silu", "torch_dtype": "float32",
    }
    head = config["head_dim"]
    layer = "model.layers.0."
    shapes = {
        "model.embed_tokens.weight": [VOCABULARY, hidden],
        layer + "input_layernorm.weight": [hidden],
        layer + "post_attention_layernorm.weight": [hidden],
        layer + "self_attn.q_proj.weight": [heads * head, hidden],
        layer + "self_attn.k_proj.weight": [kv * head, hidden],
        layer + "self_attn.v_proj.weight": [kv * head, hidden],
        layer + "self_attn.o_proj.weight": [hidden, heads * head],
        layer + "mlp.gate_proj.weight": [inner, hidden],
        layer + "mlp.up_proj.weight": [inner, hidden],
        layer + "mlp.down_proj.weight": [hidden, inner],
        "model.norm.weight": [hidden],
        "lm_head.weight": [VOCABULARY, hidden],
    }
    return config, shapes


def sha(tensor: torch.Tensor) -> str:
    return hashlib.sha256(tensor.contiguous().view(torch.uint8).numpy().tobytes() if tensor.ndim else bytes([int(tensor)])).hexdigest()


def four_bit(weight: torch.Tensor, kind: str, nested: bool) -> dict[str, torch.Tensor]:
    packed, state = bnb.quantize_4bit(weight, blocksize=64, quant_type=kind, compress_statistics=nested)
    return {"": packed, **{f".{key}": value for key, value in state.as_dict(packed=True).items()}}


def float8(weight: torch.Tensor, strategy: str) -> dict[str, torch.Tensor]:
    from compressed_tensors.compressors.naive_quantized.base import FloatQuantizationCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
    from compressed_tensors.quantization.utils import calculate_qparams

    args = QuantizationArgs(num_bits=8, type="float", symmetric=True, strategy=strategy)
    dims = 1 if strategy == "channel" else (0, 1)
    low, high = weight.amin(dims, keepdim=True), weight.amax(dims, keepdim=True)
    scale, _ = calculate_qparams(low, high, args)
    scheme = QuantizationScheme(targets=["Linear"], weights=args)
    out = FloatQuantizationCompressor.compress({"weight": weight, "weight_scale": scale}, scheme)
    return {"": out["weight"], "_scale": scale.reshape(-1)}


def float8_block(weight: torch.Tensor) -> dict[str, torch.Tensor]:
    from transformers import FineGrainedFP8Config
    from transformers.integrations.finegrained_fp8 import Fp8Quantize

    class Quantizer:
        quantization_config = FineGrainedFP8Config()

    out = Fp8Quantize(Quantizer())._quantize_one("x.weight", weight)
    return {"": out["x.weight"], "_scale_inv": out["x.weight_scale_inv"]}


def quantize() -> None:
    models, shas, tensors = {}, {}, {}
    for size in SIZES:
        config, shapes = model(size)
        models[size] = {"config": json.dumps(config, indent=2), "tensors": shapes, "sha256": {n: sha(values(n, s)) for n, s in shapes.items()}}
        for name, shape in shapes.items():
            if not name.endswith("proj.weight"):
                continue
            weight = values(name, shape)
            made = {}
            for kind in ("nf4", "fp4"):
                made[f"bnb:{kind}"] = four_bit(weight, kind, False)
                made[f"bnb:{kind}-double"] = four_bit(weight, kind, True)
            codes, scale, _ = bnb.int8_vectorwise_quant(weight.half())
            made["bnb:int8"] = {"": codes, "SCB": scale}
            made["fp8:tensor"] = float8(weight, "tensor")
            made["fp8:channel"] = float8(weight, "channel")
            if size == "even":
                made["fp8:block"] = float8_block(weight)
            for target, parts in made.items():
                for ending, value in parts.items():
                    key = f"{size}/{target}/{name}{ending}"
                    shas[key] = sha(value)
                    # Where our bytes are not theirs: 5/12 is as far from 1/3 as from 1/2; scales of rows of zeros.
                    if (target == "bnb:fp4" and ending == "") or (target == "fp8:channel" and ending == "_scale"):
                        tensors[key] = value.contiguous()
    versions = {p.__name__: p.__version__ for p in (torch, transformers, bitsandbytes, compressed_tensors)}
    (here / "models.json").write_text(json.dumps(models, indent=1) + "\n")
    (here / "quantized.json").write_text(json.dumps({"versions": versions, "sha256": shas}, indent=1) + "\n")
    save_file(tensors, here / "quantized.safetensors")


def loaded_weights(model) -> dict[str, torch.Tensor]:
    """The weight of every linear layer of the decoder, as the package of its module decodes it."""
    found = {}
    for name, module in model.named_modules():
        if not name.endswith("_proj"):
            continue
        kind = type(module).__name__
        if kind == "Linear4bit":
            weight = bnb.dequantize_4bit(module.weight.data, module.weight.quant_state)
        elif kind == "Linear8bitLt":
            weight = bnb.int8_vectorwise_dequant(module.weight.data, module.weight.SCB)
        else:
            weight = module.weight.data.clone()
        found[f"{name}.weight"] = (kind, weight)
    return found


def load_folders() -> None:
    facts = {}
    lowbit = ["node", str(root / "dist/apps/cli/main.js")]
    ids = torch.tensor([IDS])
    with tempfile.TemporaryDirectory() as place:
        for size in SIZES:
            config, shapes = model(size)
            source = pathlib.Path(place) / size
            source.mkdir()
            (source / "config.json").write_text(json.dumps(config, indent=2))
            save_file({n: values(n, s) for n, s in shapes.items()}, source / "model.safetensors", {"format": "pt"})
            for target in TARGETS:
                if size == "odd" and target == "fp8:block":
                    continue
                out = pathlib.Path(place) / f"{size}-{target.replace(':', '-')}"
                back = pathlib.Path(place) / f"{out.name}-floats"
                subprocess.run([*lowbit, "quantize", str(source), "--to", target, "-o", f"{out}/", "--json"], check=True, capture_output=True)
                subprocess.run([*lowbit, "convert", str(out), "--to", "safetensors:float32", "-o", f"{back}/", "--json"], check=True, capture_output=True)
                ours = load_file(back / "model.safetensors")
                theirs = transformers.AutoModelForCausalLM.from_pretrained(out, device_map="cpu", dtype=torch.float32)
                plain = transformers.AutoModelForCausalLM.from_pretrained(back, device_map="cpu", dtype=torch.float32)
                weights = loaded_weights(theirs)
                with torch.no_grad():
                    logits = theirs(ids).logits.float()
                    wanted = plain(ids).logits.float()
                if target.startswith("fp8:t") or target.startswith("fp8:c"):
                    weights = loaded_weights(theirs)  # compressed-tensors decodes when a module first runs
                equal = {n: bool(torch.equal(w.float(), ours[n])) for n, (_, w) in weights.items()}
                facts[f"{size}/{target}"] = {
                    "sha256": {f: hashlib.sha256((out / f).read_bytes()).hexdigest() for f in ("model.safetensors", "config.json")},
                    "modules": sorted({kind for kind, _ in weights.values()}),
                    "weights": len(weights),
                    "weightsEqual": sum(equal.values()),
                    "largestWeightDifference": max(float((w.float() - ours[n]).abs().max()) for n, (_, w) in weights.items()),
                    "largestLogit": float(wanted.abs().max()),
                    "largestLogitDifference": float((logits - wanted).abs().max()),
                }
                print(size, target, json.dumps(facts[f"{size}/{target}"]))
    versions = {p.__name__: p.__version__ for p in (torch, transformers, bitsandbytes, compressed_tensors)}
    if NATIVE:
        return
    (here / "loaded.json").write_text(json.dumps({"versions": versions, "folders": facts}, indent=1) + "\n")


{"quantize": quantize, "load": load_folders}[MODE]()
