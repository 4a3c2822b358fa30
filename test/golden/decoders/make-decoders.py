"""Golden logits of tiny random decoders, one JSON file per case beside this recipe.

    python -m venv venv && venv/bin/pip install torch==2.15.0 transformers==5.23.0 safetensors numpy
    venv/bin/python test/golden/decoders/make-decoders.py [case ...]

Weights are not stored. Value i of a tensor is base + m * 2^-shift, where m in [-64, 64) is the top 7 bits of a hash
of the tensor's name and i: exact in float32, float16 and bfloat16 (test/conversion/tiny-checkpoint.ts makes the same).
A case keeps config.json, names, shapes, base and shift of all tensors as transformers saves them, the token ids, and
the logits of some positions, computed in float32 on the CPU.
"""

import base64
import json
import pathlib
import shutil
import sys
import tempfile

import numpy
import torch
import transformers
from safetensors import safe_open
from safetensors.torch import save_file
from transformers import AutoConfig, AutoModelForCausalLM

HERE = pathlib.Path(__file__).parent
VERSIONS = ("5.23.0", "2.15.0")

small = dict(
    vocab_size=256, hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4,
    num_key_value_heads=2, max_position_embeddings=128, bos_token_id=1, eos_token_id=2, pad_token_id=0,
)
even = {**small, "num_key_value_heads": 4}
moe = {**small, "moe_intermediate_size": 48, "num_experts": 6, "num_experts_per_tok": 2}
llama3 = dict(
    rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
    original_max_position_embeddings=32,
)
yarn = dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=32)
longrope = dict(
    rope_type="longrope", rope_theta=10000.0, short_factor=[1.0, 1.1, 1.3, 1.6, 2.0, 2.5, 3.1, 3.9],
    long_factor=[1.5, 1.9, 2.7, 4.0, 6.0, 9.0, 14.0, 22.0], factor=4.0, original_max_position_embeddings=32,
)
by_layer = lambda full, sliding: {"full_attention": full, "sliding_attention": sliding}
plain = lambda theta: {"rope_type": "default", "rope_theta": theta}
gemma3 = dict(
    num_hidden_layers=4, head_dim=24, query_pre_attn_scalar=24, sliding_window=8, tie_word_embeddings=True,
    layer_types=["sliding_attention", "sliding_attention", "sliding_attention", "full_attention"],
    rope_parameters=by_layer({"rope_type": "linear", "rope_theta": 1e6, "factor": 8.0}, plain(20000.0)),
)

# Case -> (model_type, config, how many tokens). Every setting that a family's row looks at is in one of them.
CASES = {
    "llama": ("llama", {**small, "num_hidden_layers": 3}, 32),
    "llama-head-dim-biases": (
        "llama", {**small, "head_dim": 24, "attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}, 24),
    "llama-rope-linear": ("llama", {**small, "rope_parameters": {**plain(5e5), "rope_type": "linear", "factor": 4.0}}, 40),
    "llama-rope-llama3": ("llama", {**small, "rope_parameters": llama3}, 40),
    "llama-rope-yarn": ("llama", {**small, "rope_parameters": yarn}, 40),
    "llama-rope-yarn-attention": (
        "llama", {**small, "rope_parameters": {**yarn, "attention_factor": 1.25}}, 40),
    # llama.cpp rounds a context up to 256 tokens before it chooses the factors.
    "llama-rope-longrope-short": (
        "llama",
        {**small, "max_position_embeddings": 2048,
         "rope_parameters": {**longrope, "original_max_position_embeddings": 512}}, 24),
    "llama-rope-longrope-long": ("llama", {**small, "rope_parameters": longrope}, 40),
    "smollm3": ("smollm3", {**small, "num_hidden_layers": 5, "rope_parameters": plain(2e6)}, 32),
    "mistral": ("mistral", {**small, "head_dim": 24, "sliding_window": None}, 32),
    "ministral3": (
        "ministral3",
        {**small, "head_dim": 24, "rope_parameters": {
            **yarn, "beta_fast": 16.0, "beta_slow": 2.0, "mscale": 1.0, "mscale_all_dim": 1.0,
            "llama_4_scaling_beta": 0.5, "original_max_position_embeddings": 16}}, 40),
    "mixtral": ("mixtral", {**small, "num_local_experts": 4, "num_experts_per_tok": 2}, 32),
    "qwen2": ("qwen2", {**small, "tie_word_embeddings": True, "rope_parameters": plain(1e6)}, 32),
    "qwen2-rope-yarn": ("qwen2", {**small, "rope_parameters": {**yarn, "rope_theta": 1e6}}, 40),
    "qwen2-moe": ("qwen2_moe", {**moe, "shared_expert_intermediate_size": 80, "norm_topk_prob": False}, 32),
    "qwen3": ("qwen3", {**small, "head_dim": 24, "tie_word_embeddings": True, "rope_parameters": plain(1e6)}, 32),
    "qwen3-moe": ("qwen3_moe", {**moe, "head_dim": 24, "norm_topk_prob": True}, 32),
    "gemma": ("gemma", {**small, "num_key_value_heads": 1, "head_dim": 24}, 32),
    "gemma2": (
        "gemma2",
        {**small, "num_hidden_layers": 4, "head_dim": 24, "query_pre_attn_scalar": 24, "sliding_window": 8}, 32),
    "gemma2-query-scalar": (
        "gemma2",
        {**small, "head_dim": 24, "query_pre_attn_scalar": 96, "sliding_window": 16, "final_logit_softcapping": 20.0,
         "attn_logit_softcapping": 6.0}, 32),
    "gemma3": ("gemma3_text", {**small, **gemma3}, 40),
    "gemma3-query-scalar": (
        "gemma3_text", {**small, **gemma3, "query_pre_attn_scalar": 6, "final_logit_softcapping": 20.0}, 32),
    "phi2": ("phi", {**even, "rope_parameters": {**plain(10000.0), "partial_rotary_factor": 0.5}}, 32),
    "phi3": ("phi3", {**small, "original_max_position_embeddings": 128}, 32),
    "phi3-partial-longrope": (
        "phi3",
        {**small, "original_max_position_embeddings": 32, "tie_word_embeddings": True, "rope_parameters": {
            **longrope, "short_factor": longrope["short_factor"][:6], "long_factor": longrope["long_factor"][:6],
            "partial_rotary_factor": 0.75}}, 40),
    "gpt2": ("gpt2", dict(vocab_size=256, n_positions=64, n_embd=64, n_layer=2, n_head=4, bos_token_id=1, eos_token_id=2), 32),
    "gpt2-inner": (
        "gpt2", dict(vocab_size=256, n_positions=48, n_embd=64, n_layer=2, n_head=4, n_inner=160, bos_token_id=1,
                     eos_token_id=2, tie_word_embeddings=False), 32),
    "stablelm": ("stablelm", {**even, "use_qkv_bias": True, "rope_parameters": {**plain(10000.0), "partial_rotary_factor": 0.25}}, 32),
    "stablelm-parallel": (
        "stablelm",
        {**small, "qk_layernorm": True, "use_parallel_residual": True,
         "rope_parameters": {**plain(10000.0), "partial_rotary_factor": 0.5}}, 32),
    "olmo": ("olmo", {**small, "clip_qkv": 1.5}, 32),
    "olmo2-tied": ("olmo2", {**even, "tie_word_embeddings": True}, 24),
    "olmo2": ("olmo2", {**small, "rope_parameters": plain(5e5)}, 32),
    "olmo3": (
        "olmo3",
        {**small, "num_hidden_layers": 4, "sliding_window": 8,
         "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "full_attention"],
         "rope_parameters": by_layer({**yarn, "rope_theta": 5e5}, plain(5e5))}, 40),
    "olmoe": ("olmoe", {**even, "num_experts": 6, "num_experts_per_tok": 2}, 32),
}

# How far a tensor's values go from their base: 64 * 2^-shift. Larger than a trained model's, so that every part shows.
SHIFTS = [("embed_tokens.weight", 6), ("wte.weight", 6), ("wpe.weight", 7), (".bias", 9)]


EPSILON = {"gpt2": "layer_norm_epsilon", "stablelm": "layer_norm_eps", "phi": "layer_norm_eps"}


def kind(name, shape, model_type):
    """(base, shift)"""
    if len(shape) == 1 and not name.endswith(".bias"):
        return (0 if model_type.startswith("gemma") else 1), 7
    return 0, next((shift for end, shift in SHIFTS if name.endswith(end)), 8)


def values(name, shape, base, shift):
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    x = (numpy.arange(int(numpy.prod(shape)), dtype=numpy.uint32) * numpy.uint32(0x9E3779B9)) ^ numpy.uint32(seed)
    for right, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x ^= x >> numpy.uint32(right)
        x *= numpy.uint32(factor)
    x ^= x >> numpy.uint32(16)
    m = (x >> numpy.uint32(25)).astype(numpy.int32) - 64
    return (base + m * 2.0**-shift).astype(numpy.float32).reshape(shape)


def make(case):
    model_type, settings, count = CASES[case]
    # Large enough to be seen: with a wrong or a missing epsilon the logits differ.
    if model_type != "olmo":
        settings = {EPSILON.get(model_type, "rms_norm_eps"): 1e-2, **settings}
    config = AutoConfig.for_model(model_type, **settings)
    config._attn_implementation = "eager"
    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
        tensors = []
        made = {}
        with safe_open(folder / "model.safetensors", "pt") as saved:
            for name in sorted(saved.keys()):
                shape = list(saved.get_slice(name).get_shape())
                base, shift = kind(name, shape, model_type)
                tensors.append([name, shape, base, shift])
                made[name] = torch.from_numpy(values(name, shape, base, shift))
        save_file(made, folder / "model.safetensors", {"format": "pt"})
        model, info = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
        assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"], info
        ids = [1] + [(37 * i * i + 11 * i + 5) % 256 for i in range(1, count)]
        with torch.no_grad():
            logits = model.eval()(torch.tensor([ids])).logits[0].to(torch.float32).numpy()
        positions = sorted({0, 1, count // 3, 2 * count // 3, count - 1})
        saved_config = json.loads((folder / "config.json").read_text())
        golden = {
            "config": saved_config,
            "tensors": tensors,
            "ids": ids,
            "positions": positions,
            "logits": base64.b64encode(logits[positions].astype("<f4").tobytes()).decode(),
        }
        lines = ",\n".join(f'  "{key}": {json.dumps(value)}' for key, value in golden.items())
        (HERE / f"{case}.json").write_text("{\n" + lines + "\n}\n")
        spread = float(numpy.abs(logits[positions]).max())
        print(f"{case}: {sum(int(numpy.prod(s)) for _, s, _, _ in tensors)} values, largest logit {spread:.2f}")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    assert (transformers.__version__, torch.__version__.split("+")[0]) == VERSIONS, "other versions, other goldens"
    torch.manual_seed(0)
    for case in sys.argv[1:] or CASES:
        make(case)
