#!/usr/bin/env python3
"""Makes tests/data/tokenizers/fixtures.json: counts and digests of token ids by the original tokenizers.

    pip install tokenizers==0.23.3 sentencepiece==0.2.3 tiktoken==0.14.0 gguf
    scripts/make_tokenizer_fixtures.py [models/smollm2-135m.gguf]

With the GGUF it also writes tests/data/tokenizers/smollm2/tokenizer.json (its vocabulary and merges, with the
pre-tokenizer of the original: each digit apart, then GPT-2's pattern). The tests themselves need no Python.
"""
import base64
import hashlib
import json
import pathlib
import struct
import sys

import sentencepiece
import tiktoken
import tokenizers
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT / "tests/data/tokenizers"
ASSETS = ROOT / "experiments/assets"

LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

# What tokenizers get wrong: white space of every kind, digits of other scripts, contractions, marks, controls,
# emoji with joiners, right-to-left text, texts of special tokens. No character is younger than Unicode 13.
NASTY = (
    "  leading and   inner    spaces \t\ttabs\r\nCRLF\n\n\nthree  \n  mixed\u00a0nbsp\u2003em\u3000ideographic\u0085nel "
    "\u2028line\u2029par\u180emvs\u200bzwsp\ufeffbom\x0b\x0c\x1c end  \n"
    "don't DON'T we'LL they'Re I'm it'\u017f you'd' 's'S ''ve \u2019s\n"
    "0 12 345 6789 1234567 3.14159 1,000,000 \u0663\u0664 \u00bd\u2460\u2167 \u0967\u0968 x2y 10^-5 \u00b2\u00b3\n"
    "na\u00efve cafe\u0301 Stra\u00dfe \u0130stanbul \u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2 \u0434\u043e\u043c "
    "\u4e2d\u6587\u5b57 \u65e5\u672c\u8a9e\u306e \ud55c\uad6d\uc5b4 \u0939\u093f\u0928\u094d\u0926\u0940 \u05e9\u05dc\u05d5\u05dd "
    "\u0645\u0631\u062d\u0628\u0627 \u0e44\u0e17\u0e22\n"
    "\U0001f600\U0001f468\u200d\U0001f469\u200d\U0001f467\U0001f1e9\U0001f1ea \U0001d54f\U00020000 \ue000\uffff\n"
    "\x01\x02\x04\x06\x13\x14\x16\x1d\x1f\x7f \x00 nul\n"
    "<s></s> <s> a<s>b <unk> <0x0A> <|endoftext|> x<|im_start|>user<|im_end|> <|start_story|>a <|begin_of_text|> "
    "\u2581under\u2581\u2581line \u2581\n"
    "if (a[i]!=b->c){return \"x\\n\";} // ===---=== #$%&*@!!!??? ...\u2026\u2014\u2013 \u00ab\u00bb a_b-c/d\\e\n"
    + "=" * 70 + " " * 70 + "\n" * 20 + "\t" * 9 + "a" * 300 + "\n" + "\U0001f600" * 40 + "  trailing  "
)


def joined(path):
    """Rows are lines with their newline, a blank row is empty, joined by a blank line."""
    lines = path.read_text(encoding="utf-8").split("\n")
    if lines[-1] == "":
        lines.pop()
    return "\n\n".join("" if not line.strip() else line + "\n" for line in lines)


def smollm2(gguf_path):
    import gguf

    fields = gguf.GGUFReader(gguf_path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    types = fields["tokenizer.ggml.token_type"].contents()
    merges = [tuple(m.split(" ")) for m in fields["tokenizer.ggml.merges"].contents()]
    out = Tokenizer(models.BPE(vocab={t: i for i, t in enumerate(tokens)}, merges=merges))
    out.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    out.add_special_tokens([AddedToken(t, normalized=False) for t, kind in zip(tokens, types) if kind == 3])
    (DATA / "smollm2").mkdir(exist_ok=True)
    (DATA / "smollm2/tokenizer.json").write_text(out.to_str(pretty=False), encoding="utf-8")


def tiktoken_encoding(path):
    ranks = {}
    for line in path.read_bytes().splitlines():
        token, rank = line.split()
        ranks[base64.b64decode(token)] = int(rank)
    return tiktoken.Encoding("llama3", pat_str=LLAMA3_PATTERN, mergeable_ranks=ranks, special_tokens={})


def original_gpt2(path):
    """GPT-2 itself by tiktoken: the file's first 50257 tokens, without the white-space tokens of its successors."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    alphabet = {chr(b): b for b in printable}
    alphabet.update({chr(256 + i): b for i, b in enumerate(b for b in range(256) if b not in printable)})
    vocab = json.loads(path.read_text(encoding="utf-8"))["model"]["vocab"]
    del vocab["<|endoftext|>"]
    ranks = {bytes(alphabet[c] for c in token): rank for token, rank in vocab.items()}
    pattern = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
    special = {"<|endoftext|>": 50256}
    encoding = tiktoken.Encoding("gpt2", pat_str=pattern, mergeable_ranks=ranks, special_tokens=special)
    return lambda text: encoding.encode(text, allowed_special="all")


class Llama2c:
    """run.c of llama2.c, one stretch between spaces at a time (no token of tok512 holds a space but in front)."""

    def __init__(self, path):
        data = path.read_bytes()
        at, self.scores, texts = 4, [], []
        while at < len(data):
            score, length = struct.unpack_from("<fi", data, at)
            texts.append(data[at + 8 : at + 8 + length].decode("utf-8"))
            self.scores.append(score)
            at += 8 + length
        assert not any(" " in t[1:] and t.strip() for t in texts[259:]), "a token has an inner space"
        self.ids = {}
        for i, t in enumerate(texts):
            self.ids.setdefault(t, i)
        self.texts = texts
        self.cache = {}

    def stretch(self, text):
        ids = []
        for c in text:
            ids += [self.ids[c]] if c in self.ids else [b + 3 for b in c.encode("utf-8")]
        while True:
            best = None
            for i in range(len(ids) - 1):
                merged = self.ids.get(self.texts[ids[i]] + self.texts[ids[i + 1]])
                if merged is not None and (best is None or self.scores[merged] > self.scores[best[1]]):
                    best = (i, merged)
            if best is None:
                return ids
            ids[best[0] : best[0] + 2] = [best[1]]

    def encode(self, text):
        out, text, start = [], " " + text, 0
        for i in range(1, len(text) + 1):
            if i == len(text) or (text[i] == " " and text[i - 1] != " "):
                part = text[start:i]
                if part not in self.cache:
                    self.cache[part] = self.stretch(part)
                out += self.cache[part]
                start = i
        return out


def main():
    if len(sys.argv) > 1:
        smollm2(sys.argv[1])
    hf = lambda path: (lambda t: Tokenizer.from_file(str(path)).encode(t, add_special_tokens=False).ids)
    spm = sentencepiece.SentencePieceProcessor(model_file=str(DATA / "llama2/tokenizer.model"))
    encoders = {
        "llama2/tokenizer.model": spm.encode,
        "llama2/tokenizer.json": hf(DATA / "llama2/tokenizer.json"),
        "llama3/tokenizer.model": tiktoken_encoding(DATA / "llama3/tokenizer.model").encode_ordinary,
        "gpt2/tokenizer.json": hf(DATA / "gpt2/tokenizer.json"),
        "gpt2": original_gpt2(DATA / "gpt2/tokenizer.json"),
        "smollm2/tokenizer.json": hf(DATA / "smollm2/tokenizer.json"),
        "wiki-tiny/tokenizer.json": hf(ASSETS / "wiki-tiny/tokenizer.json"),
        "stories260K/tok512.bin": Llama2c(DATA / "stories260K/tok512.bin").encode,
    }
    texts = {"wikitext2": joined(ASSETS / "wikitext-2/wiki.test.raw"), "nasty": NASTY}
    assert hashlib.sha256(texts["wikitext2"].encode()).hexdigest().startswith("696cca6b")
    cases = []
    for name, encode in encoders.items():
        for label, text in texts.items():
            ids = encode(text)
            digest = hashlib.sha256(struct.pack(f"<{len(ids)}i", *ids)).hexdigest()
            cases.append({"tokenizer": name, "text": label, "count": len(ids), "sha256": digest})
            print(f"{name:36} {label:10} {len(ids):8}", file=sys.stderr)
    made_with = {m.__name__: m.__version__ for m in (tokenizers, sentencepiece, tiktoken)}
    lines = ",\n".join("    " + json.dumps(case) for case in cases)
    (DATA / "fixtures.json").write_text(
        '{\n  "made_with": %s,\n  "nasty": %s,\n  "cases": [\n%s\n  ]\n}\n'
        % (json.dumps(made_with), json.dumps(NASTY), lines)
    )


if __name__ == "__main__":
    main()
