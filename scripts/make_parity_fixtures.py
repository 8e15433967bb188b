#!/usr/bin/env python3
"""Makes tests/data/parity/*.safetensors: logits and losses of transformers in float32, for the tests of the LLaMA.

    pip install torch==2.11.0 transformers==5.24.0 safetensors tokenizers gguf numpy
    scripts/make_parity_fixtures.py [models/smollm2-135m.gguf]

One file a model: tokens (int32 [windows, T]), the positions of window 0 and the columns of the vocabulary whose logits
are kept (float32), the standard deviation of all logits of window 0, and the mean negative log-likelihood of each
window (float64). The models: wiki-tiny (a Hugging Face folder), stories260K (llama2.c, through a converted twin),
SmolLM2-135M-Instruct (GGUF, dequantized), and a random one with LLaMA-3's RoPE scaling, biases and a head_dim of its
own, which is written as a folder beside its fixture. The tests themselves need no Python.
"""
import pathlib
import struct
import sys

import numpy as np
import torch
from safetensors.numpy import save_file
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

ROOT = pathlib.Path(__file__).resolve().parent.parent
OUT = ROOT / "tests/data/parity"
ASSETS = ROOT / "experiments/assets"
POSITIONS = 16


def unpermute(weight, heads):
    """Rows of q and k from interleaved RoPE pairs (llama2.c, GGUF) to Hugging Face's halves."""
    pairs = weight.shape[0] // heads // 2
    return weight.view(heads, pairs, 2, -1).transpose(1, 2).reshape(weight.shape)


def make(config, weights):
    model = LlamaForCausalLM(config).eval()
    model.load_state_dict(weights)
    return model


def stories260k(path):
    raw = path.read_bytes()
    dim, hidden, layers, heads, kv_heads, vocab, positions = struct.unpack("<7i", raw[:28])
    assert vocab > 0  # tied
    values, head_dim = iter_arrays(raw[28:]), dim // heads
    embedding, norm1 = values(vocab, dim), values(layers, dim)
    q, k, v = values(layers, dim, dim), values(layers, kv_heads * head_dim, dim), values(layers, kv_heads * head_dim, dim)
    o, norm2 = values(layers, dim, dim), values(layers, dim)
    gate, down, up, final = values(layers, hidden, dim), values(layers, dim, hidden), values(layers, hidden, dim), values(dim)
    weights = {"model.embed_tokens.weight": embedding, "lm_head.weight": embedding, "model.norm.weight": final}
    for i in range(layers):
        weights |= block(i, unpermute(q[i], heads), unpermute(k[i], kv_heads), v[i], o[i], gate[i], up[i], down[i], norm1[i], norm2[i])
    config = LlamaConfig(vocab_size=vocab, hidden_size=dim, intermediate_size=hidden, num_hidden_layers=layers,
                         num_attention_heads=heads, num_key_value_heads=kv_heads, max_position_embeddings=positions,
                         rms_norm_eps=1e-5, tie_word_embeddings=True)
    return make(config, weights)


def iter_arrays(raw):
    array, offset = np.frombuffer(raw, dtype="<f4"), 0

    def take(*shape):
        nonlocal offset
        count = int(np.prod(shape))
        offset += count
        return torch.tensor(array[offset - count:offset].reshape(shape))
    return take


def block(i, q, k, v, o, gate, up, down, norm1, norm2):
    prefix = f"model.layers.{i}."
    named = {"self_attn.q_proj": q, "self_attn.k_proj": k, "self_attn.v_proj": v, "self_attn.o_proj": o, "mlp.gate_proj": gate,
             "mlp.up_proj": up, "mlp.down_proj": down, "input_layernorm": norm1, "post_attention_layernorm": norm2}
    return {f"{prefix}{name}.weight": tensor for name, tensor in named.items()}


def smollm2(path):
    from gguf import GGUFReader, dequantize
    reader = GGUFReader(path)
    field = lambda key: reader.get_field("llama." + key).contents()
    tensors = {t.name: torch.tensor(dequantize(t.data, t.tensor_type).copy()) for t in reader.tensors}
    heads, kv_heads, layers = field("attention.head_count"), field("attention.head_count_kv"), field("block_count")
    embedding = tensors["token_embd.weight"]
    weights = {"model.embed_tokens.weight": embedding, "lm_head.weight": embedding, "model.norm.weight": tensors["output_norm.weight"]}
    for i in range(layers):
        t = lambda name: tensors[f"blk.{i}.{name}.weight"]
        weights |= block(i, unpermute(t("attn_q"), heads), unpermute(t("attn_k"), kv_heads), t("attn_v"), t("attn_output"),
                         t("ffn_gate"), t("ffn_up"), t("ffn_down"), t("attn_norm"), t("ffn_norm"))
    config = LlamaConfig(vocab_size=embedding.shape[0], hidden_size=embedding.shape[1], intermediate_size=field("feed_forward_length"),
                         num_hidden_layers=layers, num_attention_heads=heads, num_key_value_heads=kv_heads,
                         max_position_embeddings=field("context_length"), rms_norm_eps=field("attention.layer_norm_rms_epsilon"),
                         rope_parameters={"rope_type": "default", "rope_theta": field("rope.freq_base")}, tie_word_embeddings=True)
    return make(config, weights)


def random_llama3():
    config = LlamaConfig(vocab_size=96, hidden_size=48, intermediate_size=80, num_hidden_layers=2, num_attention_heads=6,
                         num_key_value_heads=2, head_dim=16, max_position_embeddings=256, rms_norm_eps=1e-6, attention_bias=True,
                         mlp_bias=True, tie_word_embeddings=False,
                         rope_parameters={"rope_type": "llama3", "rope_theta": 500.0, "factor": 8.0, "low_freq_factor": 1.0,
                                          "high_freq_factor": 4.0, "original_max_position_embeddings": 64})
    torch.manual_seed(1)
    model = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(1 + 0.1 * torch.randn(parameter.shape) if parameter.dim() == 1 else 0.15 * torch.randn(parameter.shape))
    model.save_pretrained(OUT / "random-llama3", max_shard_size="150KB")  # two shards
    return model


def record(name, model, ids, windows, length, columns=None):
    tokens = torch.tensor(ids[:windows * length]).view(windows, length)
    with torch.no_grad():
        logits = torch.stack([model(row[None]).logits[0] for row in tokens])
    losses = torch.log_softmax(logits[:, :-1].double(), -1).gather(2, tokens[:, 1:, None])
    positions = np.linspace(0, length - 1, POSITIONS).astype(np.int32)
    if columns is None:
        columns = np.arange(logits.shape[2])
    save_file({"tokens": tokens.numpy().astype(np.int32), "positions": positions, "columns": columns.astype(np.int32),
               "logits": logits[0].numpy()[positions][:, columns].copy(),
               "std": np.array([logits[0].double().std().item()]), "nll": -losses.mean((1, 2)).numpy()}, OUT / f"{name}.safetensors")
    print(f"{name}: {windows} windows of {length}, perplexity {np.exp(-losses.mean().item()):.5f}")


def llama2c_encode(path, text):
    """llama2.c's own rule: a space in front, characters, then the best-scoring merge until none is left."""
    raw, offset, pieces, scores = path.read_bytes(), 4, [], []
    while offset < len(raw):
        score, size = struct.unpack("<fi", raw[offset:offset + 8])
        pieces.append(raw[offset + 8:offset + 8 + size])
        scores.append(score)
        offset += 8 + size
    index = {piece: i for i, piece in reversed(list(enumerate(pieces)))}
    ids = []
    for character in " " + text:
        encoded = character.encode()
        ids += [index[encoded]] if encoded in index else [byte + 3 for byte in encoded]
    while True:
        merges = [(scores[index[pair]], -i, index[pair]) for i in range(len(ids) - 1) if (pair := pieces[ids[i]] + pieces[ids[i + 1]]) in index]
        if not merges:
            return ids
        _, i, merged = max(merges)
        ids[-i:-i + 2] = [merged]


def main():
    torch.set_num_threads(2)
    OUT.mkdir(parents=True, exist_ok=True)
    rows = [line if line.strip() else "" for line in (ASSETS / "wikitext-2/wiki.test.raw").read_text().splitlines(keepends=True)]

    folder = ASSETS / "wiki-tiny"
    ids = Tokenizer.from_file(str(folder / "tokenizer.json")).encode("\n\n".join(rows[:60])).ids
    record("wiki-tiny", LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval(), ids, 4, 256)

    tok512 = ROOT / "tests/data/tokenizers/stories260K/tok512.bin"
    ids = [1] + llama2c_encode(tok512, "".join(rows[:8]))
    record("stories260K", stories260k(ROOT / "tests/data/models/stories260K/stories260K.bin"), ids, 4, 256)

    rng = np.random.default_rng(1)
    record("random-llama3", random_llama3(), rng.integers(0, 96, 400).tolist(), 2, 200)

    gguf = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "models/smollm2-135m.gguf"
    if gguf.exists():
        tokenizer = Tokenizer.from_file(str(ROOT / "tests/data/tokenizers/smollm2/tokenizer.json"))
        ids = tokenizer.encode("\n\n".join(rows[:60])).ids
        columns = np.sort(rng.choice(49152, 256, replace=False))
        record("smollm2-135m", smollm2(gguf), ids, 2, 512, columns)
    else:
        print(f"{gguf} not found: smollm2-135m left as it is (scripts/get_model smollm2-135m)")


if __name__ == "__main__":
    main()
