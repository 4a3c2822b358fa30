"""
Golden token ids for test/vocabulary/: small tokenizers with the structure of real families, and what the tokenizers
library (or SentencePiece, or tiktoken) makes of the texts in texts.json with them.

    pip install tokenizers==0.23.3 sentencepiece==0.2.3 tiktoken==0.9.0
    LOWBIT_ASSETS=... python make.py

The ids are those of the published files as the tokenizers library reads them, which transformers wraps. (Its version 5
builds Llama's tokenizer anew instead: a text that begins with a space then gets no second one.)

Writes byte-level.json, pieces-*.json, *.model and families/*.json beside itself. The corpus is docs-text/calib.txt of
the assets and texts.json itself.

Byte-level families share one vocabulary: what sets them apart is normalizer, pre-tokenizer, flags and added tokens,
which are those of the published tokenizer.json of the family. It is trained on text that is cut at spaces only, so that its
tokens cross the borders that pre-tokenizers draw: between letters, digits, signs and line ends. `extra` tokens are made by no merge: only a tokenizer that ignores
merges for whole words finds them.
"""

import base64
import io
import json
import os
import re
from pathlib import Path

import sentencepiece
import tiktoken
from sentencepiece import sentencepiece_model_pb2 as proto
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

here = Path(__file__).parent
assets = Path(os.environ.get("LOWBIT_ASSETS", here / "../../../../shared/assets"))
texts = json.loads((here / "texts.json").read_text("utf-8"))


def lines():
    corpus = (assets / "docs-text/calib.txt").read_text("utf-8")[:250_000]
    pieces = [corpus[i : i + 160] for i in range(0, len(corpus), 160)]
    foreign = [text for text in texts if sum(ord(c) > 0x2FF for c in text) * 2 > len(text)]
    return pieces + [text for text in texts if text.strip("\0") != ""] * 12 + foreign * 60


def write(name, value):
    (here / name).write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", "utf-8")


# ---- byte-level ---------------------------------------------------------------------------------------------------


def train_byte_level():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(r" ?\S+\n*|\s+(?!\S)|\s+"), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ])
    trainer = trainers.BpeTrainer(
        vocab_size=960,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
        max_token_length=16,
    )
    tokenizer.train_from_iterator(lines(), trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    words = ["Hello", "Ġworld", "Ġthree", "return", "12", "123", "camel", "Ġtabs", "email", "Ġmind", "ĠÐ¼Ð¸ÑĢ", "ĊĊĊĊ"]
    extra = [word for word in words if word not in model["vocab"]]
    return {"tokens": tokens, "merges": [list(m) for m in model["merges"]], "extra": extra}


ANY_CASE = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
SIGNS = r" ?[^\s\p{L}\p{N}]+[\r\n]*"
SPACES = r"\s+(?!\S)|\s+"
LLAMA3 = ANY_CASE + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|" + SIGNS + r"|\s*[\r\n]+|" + SPACES
QWEN2 = LLAMA3.replace("{1,3}", "")
QWEN35 = ANY_CASE + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|" + SPACES
UP, LOW = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"


def camel(digits, contraction):
    before = r"[^\r\n\p{L}\p{N}]?"
    return (
        f"{before}{UP}*{LOW}+{contraction}|{before}{UP}+{LOW}*{contraction}|{digits}"
        + r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|"
        + SPACES
    )


DEEPSEEK3 = (
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"
)
JAIS = LLAMA3.replace(
    r"|\s+(?!\S)|\s+",
    "|" + "|".join(rf"\s{{{n}}}(?!\S)" for n in (512, 256, 128, 64, 32, 16, 8, 4)) + r"|\s{1,2}(?!\S)|\s{1}",
)


def split(regex, removed=False):
    behavior = "Removed" if removed else "Isolated"
    return {"type": "Split", "pattern": {"Regex": regex}, "behavior": behavior, "invert": removed}


def byte_level(use_regex=False):
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": use_regex}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def splits(*regexes, removed=False):
    return sequence(*[split(regex, removed) for regex in regexes], byte_level())


DIGITS = {"type": "Digits", "individual_digits": True}
NFC = {"type": "NFC"}


def bos_first(token):
    """What Llama 3 puts before a text."""
    special = {"SpecialToken": {"id": token, "type_id": 0}}
    text = {"Sequence": {"id": "A", "type_id": 0}}
    return {
        "type": "TemplateProcessing",
        "single": [special, text],
        "pair": [special, text, {"SpecialToken": {"id": token, "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {token: {"id": token, "ids": None, "tokens": [token]}},
    }


def added(content, special=True, **flags):
    defaults = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"content": content, **defaults, "special": special, **flags}


def plain(*contents):
    return [added(content) for content in contents]


def byte_level_families():
    chatml = plain("<|endoftext|>", "<|im_start|>", "<|im_end|>")
    spaces = [added(" " * n, False, normalized=True) for n in range(24, 1, -1)]
    thinking = [added(t, False) for t in ("<tool_call>", "</tool_call>", "<|fim_prefix|>", "<|fim_middle|>",
                                          "<|fim_suffix|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>",
                                          "<think>", "</think>")]
    llama3 = plain("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>")
    ends = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}
    clean, keep = {"clean_up_tokenization_spaces": True}, {"clean_up_tokenization_spaces": False}
    deepseek = plain("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜▁pad▁｜>") + [
        added(t, False, normalized=True) for t in ("<｜fim▁hole｜>", "<｜fim▁begin｜>", "<｜fim▁end｜>", "<｜User｜>", "<｜Assistant｜>")]
    mistral = plain("<unk>", "<s>", "</s>", "[INST]", "[/INST]")
    return {
        "gpt-2": dict(pre=byte_level(True), added=plain("<|endoftext|>"), config={**ends}),
        "gpt-2-kept": dict(pre=byte_level(True), added=chatml, config={**ends, **keep, "add_bos_token": False}),
        "olmo": dict(norm=NFC, pre=byte_level(True), added=plain("<|endoftext|>", "<|padding|>") + spaces +
                     [added("|||EMAIL_ADDRESS|||", False, normalized=True)],
                     config={**clean, "bos_token": None, "eos_token": "<|endoftext|>", "pad_token": "<|padding|>"}),
        "olmo-2": dict(pre=splits(LLAMA3, removed=True), added=chatml + plain("<|pad|>"),
                       config={**ends, **clean, "pad_token": "<|pad|>"}),
        "smollm": dict(pre=sequence(DIGITS, byte_level(True)), added=chatml + plain("<repo_name>"), config={**ends, **keep}),
        "starcoder": dict(pre=sequence(DIGITS, byte_level(True)), added=plain("<|endoftext|>", "<fim_prefix>", "<fim_middle>",
                          "<fim_suffix>", "<fim_pad>"), config={**ends, **clean}),
        "command-r": dict(norm=NFC, pre=sequence(DIGITS, byte_level(True)), added=plain("<PAD>", "<BOS_TOKEN>", "<|END_OF_TURN_TOKEN|>"),
                          config={**keep, "add_bos_token": True, "bos_token": "<BOS_TOKEN>",
                                  "eos_token": "<|END_OF_TURN_TOKEN|>", "pad_token": "<PAD>"}, bos="<BOS_TOKEN>"),
        "llama-3": dict(pre=splits(LLAMA3), ignore=True, extra=True, bos="<|begin_of_text|>", added=llama3,
                        config={**clean, "bos_token": "<|begin_of_text|>", "eos_token": "<|eot_id|>"}),
        "qwen-2.5": dict(norm=NFC, pre=splits(QWEN2), extra=True, added=chatml,
                         config={**keep, "add_bos_token": False, "bos_token": None, "eos_token": "<|im_end|>",
                                 "pad_token": "<|endoftext|>"}),
        "qwen-3": dict(norm=NFC, pre=splits(QWEN2), added=chatml + thinking,
                       config={**keep, "add_bos_token": False, "bos_token": None, "eos_token": "<|im_end|>",
                               "pad_token": "<|endoftext|>"}),
        "qwen-3.5": dict(norm=NFC, pre=splits(QWEN35), added=chatml + thinking,
                         config={**keep, "bos_token": None, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}),
        "stablelm-2": dict(pre=splits(QWEN2), added=chatml, config={**ends, **clean}),
        "ufakzeka": dict(pre=splits(QWEN2.removeprefix(ANY_CASE + "|")), added=chatml, config={**ends, **keep}),
        "minicpm-5": dict(pre=splits(r"\p{N}{1,3}", QWEN2.replace(r"\p{N}|", r"\p{N}+|")), ignore=True, extra=True,
                          added=chatml, config={**ends, **clean}),
        "jais-2": dict(pre=splits(JAIS), added=chatml, config={**ends, **clean}),
        "seed-coder": dict(pre=splits(ANY_CASE + "|[^\r\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\r\n]+|\\s*[\r\n]+|" + SPACES),
                           added=mistral, config={**keep, "bos_token": "<s>", "eos_token": "</s>"}),
        "bailingmoe": dict(pre=splits(r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|" + SPACES),
                           added=chatml, config={**ends, **keep}),
        "mistral-nemo": dict(pre=splits(camel(r"\p{N}", "")), ignore=True, extra=True, bos="<s>", added=mistral,
                             config={**keep, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}),
        "gpt-4o": dict(pre=splits(camel(r"\p{N}{1,3}", ANY_CASE + "?"), removed=True), added=plain("<|endoftext|>", "<|endofprompt|>"),
                       config={**ends, **keep}),
        "gpt-oss": dict(pre=splits(camel(r"\p{N}{1,3}", ANY_CASE + "?")), ignore=True, extra=True,
                        added=plain("<|startoftext|>", "<|endoftext|>", "<|return|>", "<|call|>", "<|end|>"),
                        config={**keep, "bos_token": "<|startoftext|>", "eos_token": "<|return|>", "pad_token": "<|endoftext|>"}),
        "deepseek-v3": dict(norm={"type": "Sequence", "normalizers": []}, pre=splits(r"\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+", DEEPSEEK3),
                            added=deepseek, bos="<｜begin▁of▁sentence｜>",
                            config={**keep, "add_bos_token": True, "add_eos_token": False,
                                    "bos_token": {"__type": "AddedToken", "content": "<｜begin▁of▁sentence｜>"},
                                    "eos_token": {"__type": "AddedToken", "content": "<｜end▁of▁sentence｜>"}}),
        "deepseek-coder": dict(pre=sequence(split("[\r\n]"), split(r"\s?\p{L}+"), split(r"\s?\p{P}+"),
                                            split("[一-龥ࠀ-一가-퟿]+"), DIGITS, byte_level()),
                               added=deepseek, config={**keep, "add_bos_token": True, "bos_token": "<｜begin▁of▁sentence｜>",
                                                       "eos_token": "<｜end▁of▁sentence｜>"}, bos="<｜begin▁of▁sentence｜>"),
        "bloom": dict(pre=splits(" ?[^(\\s|[.,!?…。，、।۔،])]+"), added=mistral, config={"bos_token": "<s>", "eos_token": "</s>"}),
    }


def make_byte_level(shared):
    for name, family in byte_level_families().items():
        tokens = shared["tokens"] + (shared["extra"] if family.get("extra") else [])
        specials = [{"id": len(tokens) + i, **token} for i, token in enumerate(family["added"])]
        post = byte_level()
        if "bos" in family:
            post = bos_first(family["bos"])
            ids = [t["id"] for t in specials if t["content"] == family["bos"]]
            post["special_tokens"][family["bos"]]["ids"] = ids
        head = {
            "version": "1.0",
            "added_tokens": specials,
            "normalizer": family.get("norm"),
            "pre_tokenizer": family["pre"],
            "post_processor": post,
            "decoder": byte_level(True),
        }
        model = {"type": "BPE", "ignore_merges": family.get("ignore", False)}
        vocab = {token: i for i, token in enumerate(tokens)}
        whole = {**head, "model": {**model, "vocab": vocab, "merges": shared["merges"]}}
        golden(name, Tokenizer.from_str(json.dumps(whole)), {
            "shared": "byte-level.json",
            "extra": family.get("extra", False),
            "head": head,
            "model": model,
            "files": {"tokenizer_config.json": family["config"]},
        }, specials)


def make_slow(shared):
    """GPT-2 as its first release has it: vocab.json and merges.txt, ids as in family gpt-2."""
    tokens = shared["tokens"] + ["<|endoftext|>"]
    fast = json.loads((here / "families/gpt-2.json").read_text("utf-8"))
    write("families/gpt-2-slow.json", {"slow": "byte-level.json", "files": {
        "tokenizer_config.json": {"model_max_length": 1024}, "config.json": {"model_type": "gpt2", "eos_token_id": len(tokens) - 1}},
        **{key: fast[key] for key in ("ids", "framed", "kept")}})


def make_tekken(shared):
    """Mistral's tekken.json: byte sequences by rank, ids after those of the special tokens."""
    characters = byte_characters()
    to_bytes = lambda token: bytes(characters.index(c) for c in token)
    rest = [token for token in shared["tokens"][:800] + shared["extra"] if len(token) > 1]
    vocab = [bytes([b]) for b in range(256)] + [to_bytes(token) for token in rest]
    specials = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"]
    pattern = camel(r"\p{N}", "")
    encoding = tiktoken.Encoding("tekken", pat_str=pattern, mergeable_ranks={token: rank + 10 for rank, token in enumerate(vocab)},
                                 special_tokens={token: i for i, token in enumerate(specials)})
    encode = lambda text: encoding.encode(text, allowed_special="all")
    special = "Hi" + "".join(f" {token}x{token}{token}\n y" for token in specials)
    tekken = {
        "config": {"pattern": pattern, "num_vocab_tokens": len(vocab), "default_vocab_size": len(vocab) + 10,
                   "default_num_special_tokens": 10, "version": "v7"},
        "vocab": [{"rank": rank, "token_bytes": base64.b64encode(token).decode()} for rank, token in enumerate(vocab)],
        "special_tokens": [{"rank": i, "token_str": token, "is_control": True} for i, token in enumerate(specials)],
    }
    ids = [encode(text) for text in texts]
    write("families/tekken.json", {"files": {"tekken.json": tekken}, "ids": ids, "framed": [1] + ids[0], "special": special,
                                   "specialIds": encode(special), "kept": list(range(len(texts)))})


def byte_characters():
    """The visible characters that stand for bytes."""
    seen = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [b for b in range(256) if b not in seen]
    return [chr(b) if b in seen else chr(256 + hidden.index(b)) for b in range(256)]


# ---- pieces -------------------------------------------------------------------------------------------------------


def train_pieces(name, **options):
    sentences = [line for text in lines() for line in text.split("\n") if line.strip() != "" and "\0" not in line]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(sentences), model_writer=model, minloglevel=2, num_threads=1, max_sentence_length=20000, **options)
    (here / f"{name}.model").write_bytes(model.getvalue())
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    pieces = [[processor.id_to_piece(i), processor.get_score(i)] for i in range(processor.vocab_size())]
    return processor, pieces


def merges_of(pieces):
    """As transformers makes them of a SentencePiece model: pairs of pieces that make a piece, best score first."""
    ids = {piece: i for i, (piece, _) in enumerate(pieces)}
    merges = []
    for piece, score in pieces:
        local = [(piece[:i], piece[i:]) for i in range(1, len(piece)) if piece[:i] in ids and piece[i:] in ids]
        merges += [(left, right, score) for left, right in sorted(local, key=lambda pair: (ids[pair[0]], ids[pair[1]]))]
    return [[left, right] for left, right, _ in sorted(merges, key=lambda merge: -merge[2])]


PREPEND = {"type": "Sequence", "normalizers": [
    {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]}
PIECE_DECODER = {"type": "Sequence", "decoders": [
    {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
    {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}
GEMMA_DECODER = {"type": "Sequence", "decoders": PIECE_DECODER["decoders"][:3]}


def make_pieces():
    common = dict(model_type="bpe", byte_fallback=True, normalization_rule_name="identity", split_digits=True,
                  remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, character_coverage=0.997)
    llama, pieces = train_pieces("llama", vocab_size=900, **common)
    write("pieces-llama.json", {"pieces": [p for p, _ in pieces], "merges": merges_of(pieces)})
    newlines = ["\n" * n for n in range(2, 8)]
    gemma, gemma_pieces = train_pieces(
        "gemma", vocab_size=940, add_dummy_prefix=False, pad_id=0, eos_id=1, bos_id=2, unk_id=3,
        bos_piece="<bos>", eos_piece="<eos>",
        user_defined_symbols=["<mask>", "<unused0>", "<start_of_turn>", "<end_of_turn>", *newlines, *["▁" * n for n in range(2, 9)],
                              "\t\t", "\t\t\t"], **common)
    write("pieces-gemma.json", {"pieces": [p for p, _ in gemma_pieces], "merges": merges_of(gemma_pieces)})
    base = plain("<unk>", "<s>", "</s>")
    llama_config = {"add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
                    "legacy": False, "clean_up_tokenization_spaces": False, "tokenizer_class": "LlamaTokenizer"}
    phi = ["<|endoftext|>", "<|assistant|>", "<|placeholder1|>", "<|system|>", "<|end|>", "<|user|>"]
    gemma_specials = [t for t in ("<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>")]
    gemma_added = plain(*gemma_specials) + [added(t, False) for t in ["<mask>", "<unused0>", *newlines, *["▁" * n for n in range(2, 9)], "\t\t", "\t\t\t"]]
    families = {
        "llama-2": dict(shared="pieces-llama.json", pieces=pieces, norm=PREPEND, added=base, bos="<s>", config=llama_config),
        "mistral": dict(shared="pieces-llama.json", pieces=pieces, bos="<s>", config=llama_config,
                        pre={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False},
                        added=base + plain("[INST]", "[/INST]")),
        "phi-3": dict(shared="pieces-llama.json", pieces=pieces, norm=PREPEND,
                      added=plain("<unk>", "<s>") + [added("</s>", False, rstrip=True)] +
                      [added(t, rstrip=t not in ("<|endoftext|>",)) for t in phi],
                      config={**llama_config, "add_bos_token": False, "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}),
        "gemma": dict(shared="pieces-gemma.json", pieces=gemma_pieces, added=gemma_added, bos="<bos>",
                      norm={"type": "Replace", "pattern": {"String": " "}, "content": "▁"}, decoder=GEMMA_DECODER,
                      pre={"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
                      config={"add_bos_token": True, "bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>",
                              "unk_token": "<unk>", "clean_up_tokenization_spaces": False, "tokenizer_class": "GemmaTokenizer"}),
    }
    for name, family in families.items():
        vocab = {piece: i for i, (piece, _) in enumerate(family["pieces"])}
        specials, end = [], len(vocab)
        for token in family["added"]:
            at = vocab.get(token["content"])
            specials.append({"id": end if at is None else at, **token})
            end += at is None
        specials.sort(key=lambda token: token["id"])
        head = {"version": "1.0", "added_tokens": specials, "normalizer": family.get("norm"), "pre_tokenizer": family.get("pre"),
                "post_processor": bos_first(family["bos"]) if "bos" in family else None, "decoder": family.get("decoder", PIECE_DECODER)}
        if "bos" in family:
            head["post_processor"]["special_tokens"][family["bos"]]["ids"] = [vocab[family["bos"]]]
        model = {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True}
        merges = merges_of(family["pieces"])
        whole = {**head, "model": {**model, "vocab": vocab, "merges": merges}}
        golden(name, Tokenizer.from_str(json.dumps(whole)), {
            "shared": family["shared"], "head": head, "model": model, "files": {"tokenizer_config.json": family["config"]}}, specials)
    golden_model("llama-2-model", llama, {"model": "llama.model", "files": {"tokenizer_config.json": llama_config}})
    golden_model("gemma-model", gemma, {"model": "gemma.model", "files": {
        "tokenizer_config.json": {"add_bos_token": True, "bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "unk_token": "<unk>"}}})
    make_unigram()


def make_unigram():
    rules = here / "rules.tsv"
    pairs = {"\t": " ", "\n": " ", "\u00a0": " ", "\u3000": " ", "ﬁ": "fi", "½": "1/2", "²": "2", "n\u0303": "ñ", "a\u0300": "à", "…": "..."}
    pairs |= {space: " " for space in "\v\f\r\x85\u2003"}
    pairs |= {chr(code): "" for code in [*range(1, 9), *range(14, 32), 127]}
    pairs |= {chr(0xFF01 + i): chr(0x21 + i) for i in range(94)}
    rules.write_text("".join(f"{' '.join(f'{ord(c):X}' for c in k)}\t{' '.join(f'{ord(c):X}' for c in v)}\n" for k, v in pairs.items()))
    t5, pieces = train_pieces("t5", model_type="unigram", vocab_size=600, normalization_rule_tsv=str(rules), pad_id=0, eos_id=1,
                              unk_id=2, bos_id=-1, character_coverage=0.997)
    rules.unlink()
    config = {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>", "tokenizer_class": "T5Tokenizer"}
    golden_model("t5-model", t5, {"model": "t5.model", "as": "spiece.model", "files": {"tokenizer_config.json": config}})
    charsmap = charsmap_of((here / "t5.model").read_bytes())
    specials = [{"id": i, **token} for i, token in enumerate(plain("<pad>", "</s>", "<unk>"))]
    specials += [{"id": len(pieces) + i, **added(f"<extra_id_{1 - i}>")} for i in range(2)]
    head = {"version": "1.0", "added_tokens": specials, "normalizer": {"type": "Precompiled", "precompiled_charsmap": charsmap},
            "pre_tokenizer": sequence({"type": "WhitespaceSplit"},
                                      {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}),
            "post_processor": {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
                               "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}},
                                        {"Sequence": {"id": "B", "type_id": 0}}, {"SpecialToken": {"id": "</s>", "type_id": 0}}],
                               "special_tokens": {"</s>": {"id": "</s>", "ids": [1], "tokens": ["</s>"]}}},
            "decoder": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True}}
    model = {"type": "Unigram", "unk_id": 2, "vocab": [list(p) for p in pieces], "byte_fallback": False}
    golden("t5", Tokenizer.from_str(json.dumps({**head, "model": model})), {
        "head": head, "model": model, "files": {"tokenizer_config.json": config}}, specials)


def charsmap_of(model):
    message = proto.ModelProto()
    message.ParseFromString(model)
    return base64.b64encode(message.normalizer_spec.precompiled_charsmap).decode()


# ---- ids ----------------------------------------------------------------------------------------------------------


def golden(name, tokenizer, family, specials):
    """`ids`: one list per text; `framed`: the first text with what the tokenizer puts around it; `special`: a text with
    the family's added tokens in it."""
    contents = [token["content"] for token in specials if re.sub(r"[\s▁]", "", token["content"])]
    special = "Hi" + "".join(f" {content}x{content}{content}\n y" for content in contents[-6:])
    encode = lambda text, around=False: tokenizer.encode(text, add_special_tokens=around).ids
    ids = [encode(text) for text in texts]
    kept = [tokenizer.decode(one, skip_special_tokens=False) == text for text, one in zip(texts, ids)]
    write(f"families/{name}.json", {**family, "ids": ids, "framed": encode(texts[0], True), "special": special,
                                    "specialIds": encode(special), "kept": [i for i, yes in enumerate(kept) if yes]})


def golden_model(name, processor, family):
    """SentencePiece itself knows no special tokens in text, and no zero bytes: those texts are left out (null)."""
    left_out = lambda text: re.search(r"</?s>|<unk>|<pad>|<bos>|<eos>|\0", text) is not None
    ids = [None if left_out(text) else processor.encode(text) for text in texts]
    kept = [one is not None and processor.decode(one) == text for text, one in zip(texts, ids)]
    write(f"families/{name}.json", {**family, "ids": ids, "kept": [i for i, yes in enumerate(kept) if yes]})


if __name__ == "__main__":
    (here / "families").mkdir(exist_ok=True)
    byte_level_vocabulary = train_byte_level()
    write("byte-level.json", byte_level_vocabulary)
    make_byte_level(byte_level_vocabulary)
    make_slow(byte_level_vocabulary)
    make_tekken(byte_level_vocabulary)
    make_pieces()
