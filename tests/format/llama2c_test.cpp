#include "format/llama2c.h"

#include "format/containers.h"

namespace gyre::format {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class Llama2cModel : public ContainerTest {
 protected:
  std::shared_ptr<const Llama2c> open(const Llama2cFile& file) const {
    return Llama2c::open(write("m.bin", file.bytes()));
  }
  std::string refusal(std::string_view bytes, ErrorCode code = ErrorCode::kInput) const {
    const auto path = write("m.bin", bytes);
    const auto error = error_of([&] { Llama2c::open(path); });
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(path.string()));
    return error.what();
  }
};

// The offsets below follow the order in llama2.c's memory_map_weights, with the sizes of Llama2cFile.
TEST_F(Llama2cModel, GivesEveryWeightByLayer) {
  const auto file = open({});
  const auto first = [&](const char* name) {
    std::vector<float> values(static_cast<std::size_t>(file->at(name).numel()));
    to_float(file->at(name), values);
    return values.front();
  };
  const float embedding = 5 * 8, norms = 2 * 8, q = 2 * 64, kv = 2 * 32, ffn = 2 * 96;
  EXPECT_EQ(first("model.embed_tokens.weight"), 0);
  EXPECT_EQ(first("model.layers.1.input_layernorm.weight"), embedding + 8);
  EXPECT_EQ(first("model.layers.0.self_attn.q_proj.weight"), embedding + norms);
  EXPECT_EQ(first("model.layers.1.self_attn.k_proj.weight"), embedding + norms + q + 32);
  EXPECT_EQ(first("model.layers.0.self_attn.v_proj.weight"), embedding + norms + q + kv);
  EXPECT_EQ(first("model.layers.1.self_attn.o_proj.weight"), embedding + norms + q + 2 * kv + 64);
  const float attention = embedding + norms + 2 * q + 2 * kv;
  EXPECT_EQ(first("model.layers.0.post_attention_layernorm.weight"), attention);
  EXPECT_EQ(first("model.layers.0.mlp.gate_proj.weight"), attention + norms);
  EXPECT_EQ(first("model.layers.1.mlp.down_proj.weight"), attention + norms + ffn + 96);
  EXPECT_EQ(first("model.layers.0.mlp.up_proj.weight"), attention + norms + 2 * ffn);
  EXPECT_EQ(first("model.norm.weight"), attention + norms + 3 * ffn);
  EXPECT_EQ(file->names().size(), 1u + 2 * 9 + 1);
}

TEST_F(Llama2cModel, GivesShapesAndSizes) {
  const auto file = open({});
  EXPECT_THAT(file->at("model.embed_tokens.weight").shape, ElementsAre(5, 8));
  EXPECT_THAT(file->at("model.layers.0.self_attn.k_proj.weight").shape, ElementsAre(4, 8));
  EXPECT_THAT(file->at("model.layers.1.mlp.down_proj.weight").shape, ElementsAre(8, 12));
  EXPECT_THAT(file->at("model.layers.1.mlp.up_proj.weight").shape, ElementsAre(12, 8));
  EXPECT_EQ(file->header().n_kv_heads, 2);
  EXPECT_EQ(file->header().seq_len, 3);
  EXPECT_EQ(file->description(), "m.bin (llama2.c, 20 tensors)");
}

TEST_F(Llama2cModel, HasAnOutputMatrixWhereTheVocabularyIsNegative) {
  EXPECT_FALSE(open({})->contains("lm_head.weight"));
  const auto untied = open({.vocab_size = -5});
  const auto head = untied->at("lm_head.weight");
  EXPECT_THAT(head.shape, ElementsAre(5, 8));
  std::vector<float> values(40);
  to_float(head, values);
  const auto floats = (Llama2cFile{.vocab_size = -5}.bytes().size() - 28) / 4;
  EXPECT_EQ(values.back(), static_cast<float>(floats - 1));
}

TEST_F(Llama2cModel, RefusesSizesThatAreNone) {
  const auto of = [&](const Llama2cFile& file) { return refusal(file.header() + std::string(100, 'x')); };
  EXPECT_THAT(of({.dim = 0}), HasSubstr("dim is 0, expected a positive number"));
  EXPECT_THAT(of({.hidden_dim = -1}), HasSubstr("hidden_dim is -1"));
  EXPECT_THAT(of({.n_layers = INT32_MIN}), HasSubstr("n_layers is -2147483648"));
  EXPECT_THAT(of({.vocab_size = 0}), HasSubstr("|vocab_size| is 0"));
  EXPECT_THAT(of({.vocab_size = INT32_MIN}), HasSubstr("|vocab_size| is 2147483648"));
  EXPECT_THAT(of({.seq_len = 0}), HasSubstr("seq_len is 0"));
  EXPECT_THAT(of({.n_heads = 3}), HasSubstr("dim 8 with 3 heads"));
  EXPECT_THAT(of({.n_kv_heads = 3}), HasSubstr("3 key-value heads"));
  EXPECT_THAT(of({.n_heads = 8}), HasSubstr("even number of channels"));
  // Sizes whose product passes 64 bits.
  const std::int32_t most = INT32_MAX - 1;
  EXPECT_THAT(of({.dim = most, .hidden_dim = most, .n_layers = most, .n_heads = 1, .n_kv_heads = 1}),
              HasSubstr("more than can be counted"));
}

TEST_F(Llama2cModel, RefusesEveryOtherLength) {
  const auto whole = Llama2cFile{}.bytes();
  for (std::size_t size = 0; size < whole.size(); size += size < 28 ? 1 : 7) refusal(whole.substr(0, size));
  EXPECT_THAT(refusal(whole.substr(0, whole.size() - 1)),
              AllOf(HasSubstr("ask for"), HasSubstr("truncated")));
  refusal(whole + "x");
}

TEST_F(Llama2cModel, RefusesOtherBinFiles) {
  EXPECT_THAT(refusal("24ka" + raw(1) + std::string(300, '\0'), ErrorCode::kUnsupported),
              HasSubstr("later version"));
  EXPECT_THAT(refusal("PK\x03\x04" + std::string(300, '\0'), ErrorCode::kUnsupported),
              HasSubstr("torch.save"));
}

}  // namespace
}  // namespace gyre::format
