#include "format/gguf.h"

#include <fmt/format.h>

#include "format/containers.h"

namespace gyre::format {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

GgufFile small_file() {
  return {.pairs = {{"general.architecture", kString, gguf_text("llama")}},
          .tensors = {{"first", {2, 3}, kGgmlF32, raw_all<float>({0, 1, 2, 3, 4, 5})},
                      {"second", {32, 1}, kGgmlQ8_0, raw<std::uint16_t>(0x3c00) + std::string(32, '\x03')}}};
}

std::vector<float> values_of(const TensorView& view) {
  std::vector<float> values(static_cast<std::size_t>(view.numel()));
  to_float(view, values);
  return values;
}

class GgufReading : public ContainerTest {
 protected:
  std::shared_ptr<const Gguf> open(const GgufFile& file) const {
    return Gguf::open(write("m.gguf", file.bytes()));
  }
  std::string refusal_of_bytes(std::string_view bytes, ErrorCode code = ErrorCode::kInput) const {
    const auto path = write("m.gguf", bytes);
    const auto error = error_of([&] { Gguf::open(path); });
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(path.string()));
    return error.what();
  }
  // The message for small_file() after a change that must not be accepted.
  template <typename Change>
  std::string refusal(Change change, ErrorCode code = ErrorCode::kInput) const {
    auto file = small_file();
    change(file);
    return refusal_of_bytes(file.bytes(), code);
  }
};

TEST_F(GgufReading, GivesTensorsWithTheirShapesOutermostFirst) {
  const auto file = open(small_file());
  EXPECT_THAT(file->names(), ElementsAre("first", "second"));
  EXPECT_THAT(file->at("first").shape, ElementsAre(3, 2));
  EXPECT_THAT(values_of(file->at("first")), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(file->at("second").dtype, DType::kQ8_0);
  EXPECT_EQ(values_of(file->at("second")), std::vector<float>(32, 3.0f));
  EXPECT_EQ(file->description(), "m.gguf (GGUF v3, 2 tensors)");
  EXPECT_THAT(file->files(), ElementsAre((folder_ / "m.gguf").string()));
  EXPECT_THAT(error_of([&] { file->at("fist"); }).what(),
              AllOf(HasSubstr("m.gguf"), HasSubstr("did you mean 'first'")));
}

TEST_F(GgufReading, KnowsTheNumbersOfGgmlTypes) {
  const std::pair<std::uint32_t, DType> types[] = {
      {0, DType::kF32},  {1, DType::kF16},  {2, DType::kQ4_0},  {3, DType::kQ4_1},  {6, DType::kQ5_0},
      {7, DType::kQ5_1}, {8, DType::kQ8_0}, {12, DType::kQ4_K}, {14, DType::kQ6_K}, {24, DType::kI8},
      {25, DType::kI16}, {26, DType::kI32}, {27, DType::kI64},  {28, DType::kF64},  {30, DType::kBF16}};
  for (const auto& [id, dtype] : types) {
    const std::string data(storage_bytes(dtype, 256), '\x01');
    EXPECT_EQ(open({.tensors = {{"t", {256}, id, data}}})->at("t").dtype, dtype);
  }
}

TEST_F(GgufReading, TakesVersionTwoOtherAlignmentsAndFilesWithoutTensors) {
  auto file = small_file();
  file.version = 2;
  EXPECT_EQ(open(file)->description(), "m.gguf (GGUF v2, 2 tensors)");
  for (const std::uint32_t alignment : {8u, 64u, 4096u}) {
    file.alignment = alignment;
    file.pairs = {{"general.alignment", kU32, raw(alignment)}};
    EXPECT_THAT(values_of(open(file)->at("first")), ElementsAre(0, 1, 2, 3, 4, 5));
  }
  EXPECT_TRUE(open({.pairs = small_file().pairs})->names().empty());
  EXPECT_EQ(open({.tensors = {{"scalar", {}, kGgmlF32, raw(7.0f)}}})->at("scalar").numel(), 1);
  EXPECT_EQ(open({.tensors = {{"empty", {4, 0}, kGgmlF32, ""}}})->at("empty").numel(), 0);
}

TEST_F(GgufReading, RefusesOtherFormatsAndVersions) {
  EXPECT_THAT(refusal([](auto& f) { f.magic = "GGML"; }), HasSubstr("does not begin with 'GGUF'"));
  for (const std::uint32_t version : {0u, 1u, 4u, 0xffffu})
    EXPECT_THAT(refusal([&](auto& f) { f.version = version; }, ErrorCode::kUnsupported),
                HasSubstr(fmt::format("is GGUF version {}", version)));
  EXPECT_THAT(refusal([](auto& f) { f.version = 0x03000000; }, ErrorCode::kUnsupported),
              HasSubstr("big-endian"));
  EXPECT_THAT(refusal(
                  [](auto& f) {
                    f.pairs = {{"split.count", kU16, raw<std::uint16_t>(3)}};
                  },
                  ErrorCode::kUnsupported),
              HasSubstr("one of 3 parts"));
}

TEST_F(GgufReading, RefusesCountsThatTheFileCannotHold) {
  EXPECT_THAT(refusal([](auto& f) { f.n_tensors = std::uint64_t{1} << 60; }),
              AllOf(HasSubstr("the number of tensors is 1152921504606846976"), HasSubstr("hold at most")));
  EXPECT_THAT(refusal([](auto& f) { f.n_pairs = ~std::uint64_t{0}; }),
              HasSubstr("the number of metadata entries is"));
  refusal([](auto& f) { f.n_tensors = 3; });
  refusal([](auto& f) { f.n_pairs = 2; });
}

TEST_F(GgufReading, RefusesMetadataThatDoesNotFit) {
  const auto with = [&](const GgufFile::Pair& pair, ErrorCode code = ErrorCode::kInput) {
    return refusal([&](auto& f) { f.pairs.push_back(pair); }, code);
  };
  EXPECT_THAT(with({"general.architecture", kU8, "x"}), HasSubstr("'general.architecture' occurs twice"));
  EXPECT_THAT(with({"", kU8, "x"}), HasSubstr("key 1 of the metadata is empty"));
  EXPECT_THAT(with({"k\xff", kU8, "x"}), HasSubstr("not UTF-8"));
  EXPECT_THAT(with({std::string(65536, 'k'), kU8, "x"}), HasSubstr("too long"));
  EXPECT_THAT(with({"k", 13, "x"}), HasSubstr("'k' has value type 13, expected 0 to 12"));
  EXPECT_THAT(with({"k", kString, raw(std::uint64_t{1} << 40) + "x"}),
              AllOf(HasSubstr("metadata 'k' needs 1099511627776 bytes"), HasSubstr("truncated")));
  EXPECT_THAT(with({"k", kArray, GgufFile::array(kU64, std::uint64_t{1} << 61, "")}),
              HasSubstr("hold at most"));
  EXPECT_THAT(with({"k", kArray, GgufFile::array(kString, 1000, "")}), HasSubstr("hold at most"));
  EXPECT_THAT(with({"k", kArray, GgufFile::array(kString, 2, gguf_text("a") + raw(~std::uint64_t{0}))}),
              HasSubstr("needs 18446744073709551615 bytes"));
  EXPECT_THAT(with({"k", kArray, GgufFile::array(kArray, 1, "")}, ErrorCode::kUnsupported),
              HasSubstr("array of arrays"));
  for (const std::uint32_t alignment : {0u, 3u, 48u, 0x80000000u})
    EXPECT_THAT(with({"general.alignment", kU32, raw(alignment)}),
                HasSubstr(fmt::format("general.alignment is {}", alignment)));
}

TEST_F(GgufReading, RefusesTensorsThatDoNotFit) {
  const auto with = [&](const GgufFile::Tensor& tensor, ErrorCode code = ErrorCode::kInput) {
    return refusal([&](auto& f) { f.tensors.push_back(tensor); }, code);
  };
  EXPECT_THAT(with({"first", {1}, kGgmlF32, "1234"}), HasSubstr("'first' is already in this file"));
  EXPECT_THAT(with({"", {1}, kGgmlF32, "1234"}), HasSubstr("the name of tensor 2 is empty"));
  EXPECT_THAT(with({"n\xff", {1}, kGgmlF32, "1234"}), HasSubstr("not UTF-8"));
  EXPECT_THAT(with({std::string(65, 'n'), {1}, kGgmlF32, "1234"}), HasSubstr("longer than 64 bytes"));
  EXPECT_THAT(with({"n", {1, 1, 1, 1, 1}, kGgmlF32, "1234"}),
              HasSubstr("has 5 dimensions, expected at most 4"));
  EXPECT_THAT(with({"n", {1}, kGgmlQ5_K, "1234"}, ErrorCode::kUnsupported),
              AllOf(HasSubstr("tensor 'n' has ggml type 13 (Q5_K)"), HasSubstr("Q4_K, Q6_K")));
  EXPECT_THAT(with({"n", {1}, 77, "1234"}, ErrorCode::kUnsupported),
              HasSubstr("ggml type 77; gyre reads F32, F16"));
  EXPECT_THAT(with({"n", {48}, kGgmlQ4_0, std::string(27, 'x')}), HasSubstr("48 values of Q4_0"));
  EXPECT_THAT(with({"n", {16, 2}, kGgmlQ4_0, std::string(18, 'x')}), HasSubstr("16 values of Q4_0"));
  EXPECT_THAT(with({"n", {std::uint64_t{1} << 32, std::uint64_t{1} << 32}, kGgmlF32, ""}),
              HasSubstr("more values than can be counted"));
  EXPECT_THAT(with({"n", {std::uint64_t{1} << 62}, kGgmlF32, ""}),
              HasSubstr("more bytes than can be counted"));
}

TEST_F(GgufReading, RefusesPlacesThatDoNotFit) {
  const auto at = [&](std::uint64_t offset) {
    return refusal([&](auto& f) { f.tensors[1].offset = offset; });
  };
  EXPECT_THAT(at(0), HasSubstr("inside the one before it"));
  EXPECT_THAT(at(33), HasSubstr("expected a multiple of the alignment 32"));
  EXPECT_THAT(at(64), HasSubstr("takes 34 bytes at data offset 64, but the file has 66 bytes of data"));
  EXPECT_THAT(at(~std::uint64_t{31}), HasSubstr("takes 34 bytes"));
}

TEST_F(GgufReading, TakesTensorsInAnyOrder) {
  auto file = small_file();
  const auto first = file.tensors[0].data, second = file.tensors[1].data;
  file.tensors[0].data = second + std::string(30, '\0') + first;  // "first" lies behind "second"
  file.tensors[0].offset = 64;
  file.tensors[1].data = "";
  file.tensors[1].offset = 0;
  const auto opened = open(file);
  EXPECT_THAT(opened->names(), ElementsAre("second", "first"));
  EXPECT_THAT(values_of(opened->at("first")), ElementsAre(0, 1, 2, 3, 4, 5));
  EXPECT_EQ(values_of(opened->at("second")), std::vector<float>(32, 3.0f));
}

TEST_F(GgufReading, RefusesEveryTruncation) {
  const auto whole = small_file().bytes();
  for (std::size_t size = 0; size < whole.size(); ++size) refusal_of_bytes(whole.substr(0, size));
  write("m.gguf", whole + std::string(30, '\0'));
  EXPECT_EQ(Gguf::open(folder_ / "m.gguf")->names().size(), 2u);
}

TEST_F(GgufReading, RefusesWhatIsNoFile) {
  EXPECT_THAT(error_of([&] { Gguf::open(folder_); }).what(), HasSubstr("is a folder, expected a file"));
  EXPECT_THAT(error_of([&] { Gguf::open(folder_ / "no.gguf"); }).what(), HasSubstr("No such file"));
}

}  // namespace
}  // namespace gyre::format
