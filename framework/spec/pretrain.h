// Settings of `gyre pretrain`: a model from scratch. One file sets them; the command line overrides.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "spec/run.h"
#include "spec/train.h"

namespace gyre {

// The model to be made, in Hugging Face's names.
struct NewModelSpec {
  std::int64_t hidden_size = 256, intermediate_size = 768, num_hidden_layers = 4, num_attention_heads = 4,
               num_key_value_heads = 2, head_dim = 64, vocab_size = 4096, max_position_embeddings = 512;
  double rms_norm_eps = 1e-5, rope_theta = 10000;
  bool tie_word_embeddings = true;
  double init_std = 0.02;
  std::string dtype = "bfloat16";
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    const Limits size{.min = 1, .max = 1 << 28};
    v.field("hidden_size", s.hidden_size, "width of the residual stream", size);
    v.field("intermediate_size", s.intermediate_size, "width inside the MLP", size);
    v.field("num_hidden_layers", s.num_hidden_layers, "blocks", size);
    v.field("num_attention_heads", s.num_attention_heads, "heads of queries; a multiple of those of keys",
            size);
    v.field("num_key_value_heads", s.num_key_value_heads, "heads of keys and values", size);
    v.field("head_dim", s.head_dim, "width of a head, even; heads x head_dim must be hidden_size", size);
    v.field("vocab_size", s.vocab_size,
            "tokens: 256 bytes, begin and end of text, and those that merges make",
            Limits{.min = 259, .max = 1 << 20});
    v.field("max_position_embeddings", s.max_position_embeddings, "longest window of the model",
            Limits{.min = 2, .max = 1e6});
    v.field("rms_norm_eps", s.rms_norm_eps, "added to the mean square in norms",
            Limits{.min = 0, .max = 0.1});
    v.field("rope_theta", s.rope_theta, "base of RoPE's angles", Limits{.min = 1});
    v.field("tie_word_embeddings", s.tie_word_embeddings, "lm_head is the embedding", Limits{});
    v.field("init_std", s.init_std,
            "standard deviation of all matrices at the start; of o_proj and down_proj over sqrt(2 layers)",
            Limits{.min = 1e-6, .max = 1});
    v.field("dtype", s.dtype, "in which the trained weights are stored",
            Limits{.one_of = {"float32", "bfloat16", "float16"}});
  }
};

struct NewTokenizerSpec {
  double sample_mb = 20;
  bool digits = false;
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("sample_mb", s.sample_mb,
            "10^6 bytes of the data, whole documents drawn by the seed, that merges are "
            "counted on",
            Limits{.min = 1e-6, .max = 1e4});
    v.field("digits", s.digits, "each digit is a token of its own", Limits{});
  }
};

struct PretrainDataSpec {
  std::string sources = "???";
  std::string style = "wikitext";
  std::string decontaminated;
  std::string about, licence = "not said";
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field(
        "sources", s.sources,
        "texts, parted by ';': FILE weight=W unk=U. FILE is .jsonl or UTF-8 text, also as .xz; weight is how "
        "often a document is in the data (0.3: three in ten are, drawn by the seed); unk=drop leaves out "
        "rows "
        "with `<unk>` (the default), unk=keep does not",
        Limits{});
    v.field(
        "style", s.style,
        "how articles of a .jsonl are written: wikitext (WikiText's rows and parted marks) or plain; other "
        "texts stay as they are",
        Limits{.one_of = {"wikitext", "plain"}});
    v.field(
        "decontaminated", s.decontaminated,
        "a JSON list whose items begin with the id of an article that must not be trained on; empty: none. "
        "An article found nevertheless is left out and counted",
        Limits{});
    v.field("about", s.about, "what the texts are, for the model's card. Not part of the run's identity",
            Limits{});
    v.field("licence", s.licence, "of the texts, for the model's card. Not part of the run's identity",
            Limits{});
  }
};

struct PretrainLoopSpec {
  LoopSpec loop;
  std::string dtype = "float32";
  std::int64_t checkpoint_every = 200;
  bool recompute = false;
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    LoopSpec::describe(s.loop, v);
    v.field("dtype", s.dtype,
            "arithmetic of the passes; weights, norms, losses and the optimizer have float32",
            Limits{.one_of = {"float32", "bfloat16"}});
    v.field("checkpoint_every", s.checkpoint_every,
            "steps between two saved states; 0: none. Not part of the run's identity", Limits{.min = 0});
    v.field("recompute", s.recompute,
            "keep no activations inside a block but compute them again: less memory. Not part of the run's "
            "identity",
            Limits{});
  }
};

// Outlier channels, put in when the trained model is written (model/outliers.h).
struct OutlierSpec {
  std::int64_t norm_channels = 0, mlp_channels = 0, exponent = 4;
  bool enabled() const { return norm_channels > 0 || mlp_channels > 0; }
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("norm_channels", s.norm_channels,
            "channels of every norm's output that are made 2^exponent times as large; 0: none",
            Limits{.min = 0});
    v.field("mlp_channels", s.mlp_channels, "the same of each down_proj's input; 0: none", Limits{.min = 0});
    v.field("exponent", s.exponent, "the factor's power of two", Limits{.min = 1, .max = 12});
  }
};

struct PretrainExecution {
  std::string device = "cpu";
  std::int64_t threads = 0;
  std::string db = "results/gyre.sqlite";
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("device", s.device, "cpu, cuda, or cuda:N", Limits{});
    v.field("threads", s.threads, "CPU threads; 0: all cores", Limits{.min = 0, .max = 1024});
    v.field("db", s.db, "database file (--db and GYRE_DB win over it)", Limits{});
  }
};

struct PretrainSpec {
  PretrainSpec();  // not inline: g++ 12 loses track of so many strings
  std::string name = "???";
  std::string out = "???";
  std::int64_t seed = 0;
  NewModelSpec model;
  NewTokenizerSpec tokenizer;
  PretrainDataSpec data;
  PretrainLoopSpec train;
  EvalSpec eval;
  OutlierSpec outliers;
  PretrainExecution run;
  template <class Self, class V>
  static void describe(Self& s, V&& v) {
    v.field("name", s.name, "the model's name, in its card and in the database", Limits{});
    v.field("out", s.out, "the Hugging Face folder to write. Not part of the run's identity", Limits{});
    v.field("seed", s.seed, "seed of everything random", Limits{.min = 0});
    v.group("model", s.model, "the model to be made");
    v.group("tokenizer", s.tokenizer, "byte-level BPE, trained on the data");
    v.group("data", s.data, "what it is trained on");
    v.group("train", s.train, "how it is trained");
    v.group("eval", s.eval, "perplexity of the model as it is stored");
    v.group("outlier_injection", s.outliers,
            "outlier channels put in without changing what the model computes; never by itself");
    v.group("run", s.run, "how it is carried out; not part of the run's identity");
  }
};

// One of data.sources.
struct TextSource {
  std::string path;
  double weight = 1;
  bool keep_unknown = false;
};
// kConfig, beginning with "data.sources", when the text is not of its form or names nothing.
std::vector<TextSource> parse_sources(const std::string& text);

// All settings in describe order, dotted; and the lines `key = value` of those that enter the digest.
std::vector<Param> params(const PretrainSpec& spec);
std::string canonical_text(const PretrainSpec& spec);

// What can be said before any file is opened: sizes that do not divide, windows beyond the positions, a
// schedule that does not end. kConfig with the numbers.
void check_pretrain(const PretrainSpec& spec);

}  // namespace gyre
