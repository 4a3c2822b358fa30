"""Golden logits of real checkpoints, one JSON file beside this recipe: real.json.

    python -m venv venv && venv/bin/pip install torch==2.15.0 transformers==5.23.0 sentencepiece numpy
    venv/bin/python test/golden/real-models/make-real-models.py <folder with lm-4m, lm-35m, stories260k, docs-text, tinystories>

For each model: the ids of a text, the mean negative log-likelihood of its tokens after the first, the largest logits
of some positions, and what the model itself writes after a prompt (the likeliest token each time). Everything is
computed by transformers in float32 on the CPU; stories260K becomes a Llama in memory, by llama2.c's own layout.
"""

import json
import pathlib
import struct
import sys

import numpy
import torch
import transformers
from sentencepiece import SentencePieceProcessor
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

HERE = pathlib.Path(__file__).parent
ASSETS = pathlib.Path(sys.argv[1])
TOP = 12


def golden(model, encode, decode, text, prompt):
    ids = encode(text)[:256]
    with torch.no_grad():
        logits = model(torch.tensor([ids])).logits[0].float()
        losses = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:]))
        written = encode(prompt)
        for _ in range(24):
            written.append(int(model(torch.tensor([written])).logits[0, -1].argmax()))
    positions = {}
    for position in (0, 1, 20, 100, len(ids) - 1):
        values, top = logits[position].topk(TOP)
        positions[position] = [[int(i), float(v)] for i, v in zip(top, values)]
    return {
        "text": text,
        "ids": ids,
        "loss": float(losses),
        "positions": positions,
        "prompt": prompt,
        "promptIds": encode(prompt),
        "written": decode(written),
        "writtenIds": written,
    }


def hugging_face(name):
    model = AutoModelForCausalLM.from_pretrained(ASSETS / name, dtype=torch.float32, attn_implementation="eager")
    tokenizer = AutoTokenizer.from_pretrained(ASSETS / name)
    encode = lambda text: tokenizer(text, add_special_tokens=True).input_ids
    text = (ASSETS / "docs-text" / "heldout.txt").read_text(encoding="utf-8")[:1400]
    return golden(model.eval(), encode, tokenizer.decode, text, "The following example shows how to")


def stories():
    data = (ASSETS / "stories260k" / "stories260K.bin").read_bytes()
    dim, hidden, layers, heads, kv_heads, vocabulary, context = struct.unpack("<7i", data[:28])
    assert vocabulary > 0
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=dim, intermediate_size=hidden, num_hidden_layers=layers,
        num_attention_heads=heads, num_key_value_heads=kv_heads, max_position_embeddings=context, rms_norm_eps=1e-5,
        tie_word_embeddings=True, attn_implementation="eager")
    model = LlamaForCausalLM(config).float()
    at = 28
    kv = dim // heads * kv_heads

    def take(*shape):
        nonlocal at
        count = int(numpy.prod(shape))
        values = numpy.frombuffer(data, "<f4", count, at).reshape(shape)
        at += 4 * count
        return torch.from_numpy(values.copy())

    halves = lambda rows, count: rows.reshape(layers, count, -1, 2, dim).transpose(2, 3).reshape(layers, -1, dim)
    state = {"model.embed_tokens.weight": take(vocabulary, dim)}
    stacks = {
        "input_layernorm": take(layers, dim),
        "self_attn.q_proj": halves(take(layers, dim, dim), heads),
        "self_attn.k_proj": halves(take(layers, kv, dim), kv_heads),
        "self_attn.v_proj": take(layers, kv, dim),
        "self_attn.o_proj": take(layers, dim, dim),
        "post_attention_layernorm": take(layers, dim),
        "mlp.gate_proj": take(layers, hidden, dim),
        "mlp.down_proj": take(layers, dim, hidden),
        "mlp.up_proj": take(layers, hidden, dim),
    }
    for name, stack in stacks.items():
        for layer in range(layers):
            state[f"model.layers.{layer}.{name}.weight"] = stack[layer]
    state["model.norm.weight"] = take(dim)
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model.load_state_dict(state)
    words = SentencePieceProcessor(model_file=str(ASSETS / "stories260k" / "tok512.model"))
    encode = lambda text: [1] + words.encode(text)
    text = ("Once upon a time, there was a little girl named Lily. She loved to play in the park with her dog. One day, "
            "she saw a big red ball under a tree. \"Can I have it?\" she asked her mom. Her mom smiled and said, \"Yes, "
            "but you must share it with your friends.\" Lily was very happy.")
    return golden(model.eval(), encode, lambda ids: words.decode(ids[1:]), text, "One day, Tim and his")


if __name__ == "__main__":
    assert (transformers.__version__, torch.__version__.split("+")[0]) == ("5.23.0", "2.15.0")
    result = {"lm-4m": hugging_face("lm-4m"), "lm-35m": hugging_face("lm-35m"), "stories260k": stories()}
    for name, one in result.items():
        print(name, len(one["ids"]), "tokens, loss", one["loss"], repr(one["written"]))
    (HERE / "real.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
