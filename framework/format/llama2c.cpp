#include "format/llama2c.h"

#include <fmt/format.h>

#include <cstdlib>
#include <limits>
#include <optional>

#include "core/error.h"
#include "format/half.h"

namespace gyre::format {
namespace {

constexpr std::uint32_t kLaterMagic = 0x616b3432;  // "ak42": versions 1 and 2
constexpr std::uint32_t kZipMagic = 0x04034b50;    // torch.save

// One kind of weight, for all layers or, with an empty layer part, once.
struct Part {
  const char* name;  // after "model.layers.N." where it is stacked; nullptr for what is skipped
  bool stacked;
  std::vector<std::uint64_t> shape;  // of one layer
};

std::vector<Part> parts_of(const Llama2cHeader& h) {
  const auto size = [](std::int32_t value) { return static_cast<std::uint64_t>(value); };
  const auto dim = size(h.dim), hidden = size(h.hidden_dim), vocab = size(std::abs(h.vocab_size));
  const auto head = dim / size(h.n_heads), kv = size(h.n_kv_heads) * head;
  std::vector<Part> parts{{"model.embed_tokens.weight", false, {vocab, dim}},
                          {"input_layernorm.weight", true, {dim}},
                          {"self_attn.q_proj.weight", true, {dim, dim}},
                          {"self_attn.k_proj.weight", true, {kv, dim}},
                          {"self_attn.v_proj.weight", true, {kv, dim}},
                          {"self_attn.o_proj.weight", true, {dim, dim}},
                          {"post_attention_layernorm.weight", true, {dim}},
                          {"mlp.gate_proj.weight", true, {hidden, dim}},
                          {"mlp.down_proj.weight", true, {dim, hidden}},
                          {"mlp.up_proj.weight", true, {hidden, dim}},
                          {"model.norm.weight", false, {dim}},
                          {nullptr, false, {size(h.seq_len), head}}};  // RoPE's cosines and sines
  if (h.vocab_size < 0) parts.push_back({"lm_head.weight", false, {vocab, dim}});
  return parts;
}

void check_kind(const std::string& file, std::span<const std::byte> bytes) {
  if (bytes.size() < sizeof(std::uint32_t)) return;
  const auto magic = load<std::uint32_t>(bytes.data());
  GYRE_CHECK(magic != kLaterMagic, ErrorCode::kUnsupported,
             "{}: is a llama2.c file of a later version; gyre reads version 0. Export it with --version 0",
             file);
  GYRE_CHECK(magic != kZipMagic, ErrorCode::kUnsupported,
             "{}: is a file of torch.save (a pickle, which can run code), expected a llama2.c model. Save "
             "the model as "
             "safetensors and give its folder",
             file);
}

Llama2cHeader read_header(const std::string& file, std::span<const std::byte> bytes) {
  check_kind(file, bytes);
  GYRE_CHECK(bytes.size() >= sizeof(Llama2cHeader), ErrorCode::kInput,
             "{}: has {} bytes, but a llama2.c model begins with {} bytes of sizes; it is truncated or "
             "another format",
             file, bytes.size(), sizeof(Llama2cHeader));
  const auto h = load<Llama2cHeader>(bytes.data());
  const std::pair<const char*, std::int64_t> sizes[] = {
      {"dim", h.dim},
      {"hidden_dim", h.hidden_dim},
      {"n_layers", h.n_layers},
      {"n_heads", h.n_heads},
      {"n_kv_heads", h.n_kv_heads},
      {"|vocab_size|", std::abs(std::int64_t{h.vocab_size})},
      {"seq_len", h.seq_len}};
  for (const auto& [name, value] : sizes)
    GYRE_CHECK(
        value > 0 && value <= std::numeric_limits<std::int32_t>::max(), ErrorCode::kInput,
        "{}: {} is {}, expected a positive number; the file is damaged or no llama2.c model of version 0",
        file, name, value);
  GYRE_CHECK(h.dim % h.n_heads == 0 && h.n_heads % h.n_kv_heads == 0 && h.dim / h.n_heads % 2 == 0,
             ErrorCode::kInput,
             "{}: dim {} with {} heads on {} key-value heads; expected each to divide the one before and an "
             "even number of "
             "channels in a head. The file is damaged or no llama2.c model of version 0",
             file, h.dim, h.n_heads, h.n_kv_heads);
  return h;
}

// Float32 values of one layer's part; every such product of two int32 fits.
std::uint64_t values_of(const Part& part) {
  std::uint64_t n = 1;
  for (const auto size : part.shape) n *= size;
  return n;
}

// The file's length as the header has it, or nothing when it passes 64 bits.
std::optional<std::uint64_t> expected_bytes(const std::vector<Part>& parts, std::uint64_t layers) {
  std::uint64_t total = sizeof(Llama2cHeader);
  for (const auto& part : parts) {
    auto bytes = checked_product(values_of(part), sizeof(float));
    if (bytes && part.stacked) bytes = checked_product(*bytes, layers);
    if (!bytes || __builtin_add_overflow(total, *bytes, &total)) return std::nullopt;
  }
  return total;
}

}  // namespace

std::shared_ptr<const Llama2c> Llama2c::open(const std::filesystem::path& path) {
  return std::shared_ptr<const Llama2c>(new Llama2c(path));
}

Llama2c::Llama2c(const std::filesystem::path& path) : MappedTensors(path) {
  const MappedFile& file = map(path);
  const auto bytes = file.bytes();
  header_ = read_header(file.path(), bytes);
  const auto parts = parts_of(header_);
  const auto layers = static_cast<std::uint64_t>(header_.n_layers);
  const auto expected = expected_bytes(parts, layers);
  GYRE_CHECK(expected == bytes.size(), ErrorCode::kInput,
             "{}: has {} bytes, but its sizes (dim {}, hidden_dim {}, {} layers, vocabulary {}) ask for {}; "
             "it is truncated or "
             "no llama2.c model of version 0",
             file.path(), bytes.size(), header_.dim, header_.hidden_dim, layers, header_.vocab_size,
             expected ? fmt::format("{}", *expected) : "more than can be counted");
  std::size_t at = sizeof(Llama2cHeader);
  for (const auto& part : parts) {
    const auto size = static_cast<std::size_t>(values_of(part) * sizeof(float));
    for (std::uint64_t i = 0; i < (part.stacked ? layers : 1); ++i, at += size)
      if (part.name)
        add(file.path(), part.stacked ? fmt::format("model.layers.{}.{}", i, part.name) : part.name,
            DType::kF32, part.shape, bytes.subspan(at, size));
  }
  describe("llama2.c");
}

}  // namespace gyre::format
