// Packed models: what is read is what was written, to the bit, and nothing of a file is trusted.
#include "model/packed.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "format/safetensors.h"
#include "model/packed_codes.h"
#include "model/surgery.h"
#include "model/tiny_llama.h"

namespace gyre {
namespace {
namespace fs = std::filesystem;
using testing::HasSubstr;

TEST(PackedCodes, ComeBack) {
  torch::manual_seed(1);
  for (int n_bits = 1; n_bits <= 8; ++n_bits)
    for (const std::int64_t n : {1, 3, 8, 13, 128}) {
      const auto codes = torch::randint(1 << n_bits, {5, n}, torch::kUInt8);
      const auto packed = pack_codes(codes, n_bits);
      EXPECT_EQ(packed.size(1), (n * n_bits + 7) / 8);
      EXPECT_TRUE(unpack_codes(packed, n, n_bits).equal(codes)) << n_bits << " " << n;
    }
}

TEST(PackedCodes, AreInNaturalOrderFromTheLowestBit) {
  const auto two = pack_codes(torch::tensor({{1, 2, 3, 0, 3}}, torch::kUInt8), 2);
  EXPECT_TRUE(two.equal(torch::tensor({{0b00111001, 0b00000011}}, torch::kUInt8)));
  const auto three = pack_codes(torch::tensor({{5, 6, 7}}, torch::kUInt8), 3);
  EXPECT_TRUE(three.equal(torch::tensor({{0b11110101, 0b00000001}}, torch::kUInt8)));
}

class PackedModels : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) /
              (std::string("packed_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path path() const { return folder_ / "model.safetensors"; }

  std::string refusal(ErrorCode code = ErrorCode::kInput) const {
    try {
      load_packed(path());
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_THAT(error.what(), HasSubstr(path().string()));
      return error.what();
    }
    ADD_FAILURE() << "was read";
    return {};
  }
  fs::path folder_;
};

RunConfig settings(const std::string& scheme, const std::string& zero_point, std::int64_t n_bits) {
  RunConfig run;
  run.seed = 5;
  run.rotation.r1 = rotation_spec("hadamard", AutoSize::kAuto, true);
  run.rotation.r2 = rotation_spec("hadamard");
  run.rotation.r3 = rotation_spec("hadamard", AutoSize::kAuto, true);
  run.rotation.r4 = rotation_spec("hadamard", AutoSize::kAuto, true);
  auto& w = run.quant.weight;
  w.scheme = scheme;
  w.n_bits = n_bits;
  w.group_size = AutoSize{8};
  w.symmetric = zero_point == "unset";
  w.zero_point = zero_point;
  w.clip = Clip{Clip::Method::kMse, 1};
  w.rules = "down_proj: n_bits=4; layers.1.q_proj: scheme=none";
  auto& a = run.quant.activation;
  a.scheme = "lsq";
  a.group_size = AutoSize{-1};
  auto& k = run.quant.key;
  k.scheme = "rtn";
  k.symmetric = false;
  k.zero_point = "integer";
  k.clip = Clip{Clip::Method::kRatio, 0.95};
  run.quant.value = k;
  return run;
}

// Rotated, with its weight quantizers calibrated and moved as training would, and its steps made.
Llama trained(const LlamaConfig& config, const RunConfig& run, torch::ScalarType dtype) {
  auto model = random_llama(config, torch::kFloat32);
  fold_norms(model);
  const auto rotations = make_rotations(run.rotation, config, run.seed);
  fuse_rotations(model, rotations);
  install_online(model, rotations);
  model.to(torch::kCPU, dtype);
  calibrate_weights(model, run.quant.weight);
  attach_quantizers(model, run.quant);
  const torch::NoGradGuard no_grad;
  {
    const CalibrateOnUse guard;
    model.forward(random_tokens(config, 1, 16));
  }
  torch::manual_seed(6);
  model.for_each_linear([](LinearRef ref) {
    if (ref.linear.weight_quantizer)
      for (auto& parameter : ref.linear.weight_quantizer->parameters())
        parameter.mul_(1 + 0.1 * torch::rand_like(parameter));
  });
  return model;
}

TEST_F(PackedModels, ComeBackBitForBit) {
  for (const auto& config : {config_9_3(), config_24_8()})
    for (const auto& [scheme, zero_point, n_bits] : {std::tuple("ldp", "real", 2),
                                                     {"lwc", "real", 3},
                                                     {"lsq", "none", 2},
                                                     {"lsq", "unset", 4},
                                                     {"rtn", "integer", 2},
                                                     {"rtn", "real", 5},
                                                     {"rtn", "unset", 4}})
      for (const auto dtype : {torch::kFloat32, torch::kBFloat16, torch::kFloat16}) {
        SCOPED_TRACE(std::string(scheme) + " " + zero_point + " " + torch::toString(dtype));
        const auto run = settings(scheme, zero_point, n_bits);
        auto model = trained(config, run, dtype);
        const auto size = save_packed(path(), model, run, config.tie_word_embeddings);
        quantize_weights(model);
        auto packed = load_packed(path());
        EXPECT_EQ(canonical_text(packed.run), canonical_text(run));
        std::vector<torch::Tensor> weights;
        model.for_each_linear([&](LinearRef ref) { weights.push_back(ref.linear.weight); });
        std::size_t i = 0;
        packed.model.for_each_linear([&](LinearRef ref) {
          EXPECT_TRUE(ref.linear.weight.equal(weights[i])) << ref.name();
          EXPECT_EQ(ref.linear.weight.scalar_type(), weights[i++].scalar_type());
        });
        const auto tokens = random_tokens(config, 2, 20);
        EXPECT_TRUE(packed.model.forward(tokens).equal(model.forward(tokens)));
        EXPECT_NEAR(size.bytes(), static_cast<double>(fs::file_size(path())), 30000);  // the header
        EXPECT_LT(size.bytes(), static_cast<double>(fs::file_size(path())));
      }
}

// The arithmetic and the file agree: nothing is padded where rows are whole bytes.
TEST_F(PackedModels, TakeWhatTheArithmeticSays) {
  for (const auto& [scheme, zero_point] :
       {std::pair("ldp", "real"), {"lwc", "real"}, {"lsq", "none"}, {"rtn", "unset"}}) {
    auto config = config_24_8();
    auto run = settings(scheme, zero_point, 2);
    run.quant.activation = QuantSpec{};
    auto model = trained(config, run, torch::kFloat16);
    const auto stored = save_packed(path(), model, run, true), computed = footprint(config, run);
    EXPECT_EQ(stored.n_quantized, computed.n_quantized) << scheme;
    EXPECT_EQ(stored.n_rest, computed.n_rest) << scheme;
    EXPECT_DOUBLE_EQ(stored.code_bytes, computed.code_bytes) << scheme;
    EXPECT_DOUBLE_EQ(stored.parameter_bytes, computed.parameter_bytes) << scheme;
    EXPECT_DOUBLE_EQ(stored.rest_bytes, computed.rest_bytes) << scheme;
    EXPECT_DOUBLE_EQ(stored.fp16_bytes, computed.fp16_bytes) << scheme;
  }
}

RunConfig rcp(const std::string& scheme) {
  RunConfig run;
  run.rotation.r1.scheme = "hadamard";
  auto& w = run.quant.weight;
  w.scheme = scheme;
  w.n_bits = 2;
  w.group_size = AutoSize{128};
  w.symmetric = false;
  w.zero_point = "real";
  return run;
}

// The paper's figure for LLaMA-2-7B, 5.29 times smaller: 2 bits and four float16 a group of 128, embeddings
// and lm_head in 16 bits.
TEST(Footprint, OfRcpIsThePapers) {
  const auto size = footprint(config_llama2_7b(), rcp("ldp"));
  EXPECT_EQ(size.n_quantized, 6476005376);
  EXPECT_EQ(size.n_rest, 262144000);  // the norms are folded
  EXPECT_EQ(size.bits_per_weight(), 2.5);
  EXPECT_NEAR(size.ratio_to_fp16(), 5.29, 0.005);
  EXPECT_NEAR(size.bytes() / 1e9, 2.549, 0.002);
  const auto two = footprint(config_llama2_7b(), rcp("lwc"));
  EXPECT_EQ(two.bits_per_weight(), 2.25);
  EXPECT_EQ(two.bytes(), 6476005376 * 2.25 / 8 + 262144000 * 2.0);
}

// A head that the original shares counts once there and twice when packed.
TEST(Footprint, CountsATiedHeadOnceInTheOriginal) {
  auto config = config_llama2_7b();  // LLaMA-3.2 1B
  config.vocab_size = 128256;
  config.hidden_size = 2048;
  config.intermediate_size = 8192;
  config.num_hidden_layers = 16;
  config.num_key_value_heads = 8;
  config.head_dim = 64;
  config.tie_word_embeddings = true;
  const auto size = footprint(config, rcp("ldp"));
  constexpr double kEmbedding = 128256.0 * 2048, kLinears = 16 * 2048.0 * (2 * 2048 + 2 * 512 + 3 * 8192);
  EXPECT_EQ(size.fp16_bytes, 2 * (kEmbedding + kLinears + 33 * 2048));
  EXPECT_EQ(size.bytes(), kLinears * 2.5 / 8 + 2 * 2 * kEmbedding);
  EXPECT_NEAR(size.ratio_to_fp16(), 1.82, 0.005);
}

// A small saved model, and what becomes of it when one part of the file is another.
class DamagedModels : public PackedModels {
 protected:
  void SetUp() override {
    PackedModels::SetUp();
    const auto run = settings("ldp", "real", 2);
    auto model = trained(config_24_8(), run, torch::kFloat32);
    save_packed(path(), model, run, true);
    const auto file = format::open_safetensors(path());
    metadata_ = file->metadata();
    for (const auto& name : file->names()) {
      const auto view = file->at(name);
      tensors_[name] = {view.dtype, view.shape, {view.data.begin(), view.data.end()}};
    }
  }
  struct Held {
    format::DType dtype;
    std::vector<std::int64_t> shape;
    std::vector<std::byte> data;
  };
  void save() const {
    std::vector<format::TensorView> views;
    for (const auto& [name, held] : tensors_) views.push_back({name, held.dtype, held.shape, held.data});
    format::save_safetensors(path(), views, metadata_);
  }
  std::string refused_with(const std::string& key, const std::function<void(nlohmann::json&)>& change) {
    const auto before = metadata_;
    auto json = nlohmann::json::parse(metadata_.at(key));
    change(json);
    metadata_[key] = json.dump();
    save();
    metadata_ = before;
    return refusal();
  }

  std::map<std::string, Held> tensors_;
  std::map<std::string, std::string> metadata_;
  const std::string weight_ = "model.layers.0.mlp.up_proj.weight";
};

TEST_F(DamagedModels, AreReadWhenWhole) {
  save();
  EXPECT_NO_THROW(load_packed(path()));
}

TEST_F(DamagedModels, WithoutATensorAreRefused) {
  for (const auto& name :
       {weight_ + ".codes", weight_ + ".codebook", std::string("model.embed_tokens.weight"),
        std::string("layers.0.q_proj.input.step")}) {
    const auto held = tensors_.extract(name);
    ASSERT_FALSE(held.empty()) << name;
    save();
    EXPECT_THAT(refusal(), HasSubstr(name.ends_with("codebook") ? weight_ + ".scale" : name));
    tensors_[name] = held.mapped();
  }
}

TEST_F(DamagedModels, WithATensorTooManyAreRefused) {
  tensors_["model.layers.9.mlp.up_proj.weight"] = tensors_.at("model.embed_tokens.weight");
  save();
  EXPECT_THAT(refusal(), HasSubstr("model.layers.9.mlp.up_proj.weight"));
}

TEST_F(DamagedModels, WithOtherShapesOrValuesAreRefused) {
  auto& codebook = tensors_.at(weight_ + ".codebook");
  const auto before = codebook;
  std::swap(codebook.shape[0], codebook.shape[1]);
  save();
  EXPECT_THAT(refusal(), HasSubstr(weight_ + ".codebook"));
  codebook = before;
  codebook.data[1] = std::byte{0x7e};  // a NaN in float16
  codebook.data[0] = std::byte{0x01};
  save();
  EXPECT_THAT(refusal(), HasSubstr("not finite"));
  codebook = before;
  tensors_.at(weight_ + ".codes").dtype = format::DType::kI8;
  save();
  refusal(ErrorCode::kInput);
}

TEST_F(DamagedModels, WithOtherFactsAreRefused) {
  for (const auto& [key, value] : {std::pair<const char*, nlohmann::json>{"n_bits", 9},
                                   {"n_bits", 3},
                                   {"n_bits", "2"},
                                   {"group_size", 7},
                                   {"group_size", 0},
                                   {"group_size", 1 << 20},
                                   {"dtype", "F8"},
                                   {"dtype", 3}}) {
    const auto message = refused_with("weights", [&](auto& json) { json[weight_][key] = value; });
    EXPECT_THAT(message, HasSubstr(weight_)) << key << value;
  }
  refused_with("weights", [&](auto& json) { json["model.embed_tokens.weight"] = json[weight_]; });
  refused_with("weights", [&](auto& json) { json[weight_] = 3; });
  refused_with("weights", [](auto& json) { json = 3; });
  for (const auto& [key, value] : {std::pair<const char*, nlohmann::json>{"num_hidden_layers", 1 << 27},
                                   {"num_hidden_layers", 1},
                                   {"hidden_size", 128},
                                   {"hidden_size", -4},
                                   {"head_dim", "8"}})
    refused_with("model", [&](auto& json) { json[key] = value; });
}

TEST_F(DamagedModels, WithOtherSettingsAreRefused) {
  EXPECT_THAT(refused_with("run", [](auto& json) { json["quant"]["weight"]["n_bitz"] = 2; }),
              HasSubstr("n_bitz"));
  EXPECT_THAT(refused_with("run", [](auto& json) { json["quant"]["key"]["n_bits"] = 77; }),
              HasSubstr("quant.key"));
  EXPECT_THAT(refused_with("run", [](auto& json) { json["rotation"]["r3"]["scheme"] = "hadamart"; }),
              HasSubstr("hadamart"));
  EXPECT_THAT(refused_with("run", [](auto& json) { json["quant"]["activation"]["clip"] = -1; }),
              HasSubstr("clip"));
  refused_with("run", [](auto& json) { json["seed"] = 1.5; });
}

TEST_F(DamagedModels, OfAnotherFormatAreRefused) {
  metadata_["format"] = "gyre packed 2";
  save();
  EXPECT_THAT(refusal(ErrorCode::kUnsupported), HasSubstr("gyre packed 2"));
  metadata_.erase("format");
  save();
  refusal();
  metadata_["format"] = "gyre packed 1";
  metadata_["run"] = "{";
  save();
  refusal();
}

TEST_F(DamagedModels, CutShortAreRefused) {
  save();
  const auto whole = read_file(path());
  for (const double share : {0.0, 0.1, 0.5, 0.999}) {
    std::ofstream(path(), std::ios::binary)
        << whole.substr(0, static_cast<std::size_t>(share * static_cast<double>(whole.size())));
    refusal();
  }
}

TEST_F(PackedModels, ThatDivergedAreNotSaved) {
  const auto run = settings("ldp", "real", 2);
  auto model = trained(config_24_8(), run, torch::kFloat32);
  save_packed(path(), model, run, true);
  const auto before = read_file(path());
  model.blocks[0].mlp.up.weight = model.blocks[0].mlp.up.weight * NAN;
  EXPECT_THROW(save_packed(path(), model, run, true), Error);
  EXPECT_EQ(read_file(path()), before);
}

TEST_F(PackedModels, WithUncalibratedInputsAreNotSaved) {
  const auto run = settings("ldp", "real", 2);
  auto model = trained(config_24_8(), run, torch::kFloat32);
  attach_quantizers(model, run.quant);
  EXPECT_THROW(save_packed(path(), model, run, true), Error);
  EXPECT_FALSE(fs::exists(path()));
}

}  // namespace
}  // namespace gyre
