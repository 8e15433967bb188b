#include <list>
#include <nlohmann/json.hpp>

#include "core/seed.h"
#include "format/containers.h"
#include "format/safetensors.h"
#include "text/text_files.h"

namespace gyre::format {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr DType kPlain[] = {DType::kBool, DType::kU8,  DType::kI8,  DType::kF16, DType::kI16,
                            DType::kBF16, DType::kI32, DType::kF32, DType::kI64, DType::kF64};

class SafetensorsWriter : public TextFiles {
 protected:
  // A tensor of random bytes.
  TensorView make(std::string name, DType dtype, std::vector<std::int64_t> shape) {
    TensorView view{std::move(name), dtype, std::move(shape), {}};
    auto& bytes = storage_.emplace_back(storage_bytes(dtype, static_cast<std::uint64_t>(view.numel())));
    for (auto& byte : bytes) byte = static_cast<std::byte>(rng_.next());
    view.data = bytes;
    return view;
  }
  std::filesystem::path path() const { return folder_ / "saved.safetensors"; }
  std::string refusal(const std::vector<TensorView>& tensors, ErrorCode code,
                      const std::map<std::string, std::string>& metadata = {}) const {
    const auto error = error_of([&] { save_safetensors(path(), tensors, metadata); });
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(path().string()));
    EXPECT_TRUE(std::filesystem::is_empty(folder_));
    return error.what();
  }
  Rng rng_{derive_seed(3, "safetensors_writer")};
  std::list<std::vector<std::byte>> storage_;
};

TEST_F(SafetensorsWriter, WritesWhatTheReaderReads) {
  std::vector<TensorView> tensors;
  for (const auto dtype : kPlain) {
    tensors.push_back(make(std::string("odd/") + dtype_name(dtype), dtype, {3, 1, 5}));
    tensors.push_back(make(std::string("scalar ") + dtype_name(dtype), dtype, {}));
    tensors.push_back(make(std::string("empty\n\"") + dtype_name(dtype), dtype, {2, 0}));
  }
  const std::map<std::string, std::string> metadata{{"format", "pt"}, {"note", "Größe \"½\"\n"}, {"", ""}};
  save_safetensors(path(), tensors, metadata);
  const auto file = open_safetensors(path());
  EXPECT_EQ(file->metadata(), metadata);
  EXPECT_EQ(file->names().size(), tensors.size());
  for (const auto& tensor : tensors) {
    const auto read = file->at(tensor.name);
    EXPECT_EQ(read.dtype, tensor.dtype) << tensor.name;
    EXPECT_EQ(read.shape, tensor.shape) << tensor.name;
    EXPECT_TRUE(std::ranges::equal(read.data, tensor.data)) << tensor.name;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(read.data.data()) % storage_bytes(tensor.dtype, 1), 0u)
        << tensor.name;
  }
}

// The file by hand: what any other reader finds.
TEST_F(SafetensorsWriter, WritesTheFormat) {
  const auto small = make("small", DType::kU8, {3});
  const auto wide = make("wide", DType::kF32, {1, 2});
  save_safetensors(path(), std::vector{small, wide}, {{"k", "v"}});
  const auto bytes = read_file(path());
  std::uint64_t length = 0;
  ASSERT_GE(bytes.size(), 8u);
  std::memcpy(&length, bytes.data(), 8);
  EXPECT_EQ(length % 8, 0u);
  ASSERT_EQ(bytes.size(), 8 + length + 11);
  const auto header = nlohmann::json::parse(bytes.substr(8, length));
  EXPECT_EQ(header, nlohmann::json::parse(R"({"__metadata__": {"k": "v"},
    "wide": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]},
    "small": {"dtype": "U8", "shape": [3], "data_offsets": [8, 11]}})"));
  EXPECT_EQ(std::memcmp(bytes.data() + 8 + length, wide.data.data(), 8), 0);
  EXPECT_EQ(std::memcmp(bytes.data() + 8 + length + 8, small.data.data(), 3), 0);
}

TEST_F(SafetensorsWriter, GivesTheSameBytesInAnyOrder) {
  std::vector<TensorView> tensors;
  for (const auto dtype : kPlain)
    for (const char* name : {"b.", "a."})
      tensors.push_back(make(name + std::string(dtype_name(dtype)), dtype, {2, 3}));
  save_safetensors(path(), tensors);
  const auto bytes = read_file(path());
  std::ranges::reverse(tensors);
  save_safetensors(path(), tensors);
  EXPECT_EQ(read_file(path()), bytes);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder_), {}), 1);
}

TEST_F(SafetensorsWriter, WritesFilesWithoutTensors) {
  save_safetensors(path(), {});
  EXPECT_TRUE(open_safetensors(path())->names().empty());
  save_safetensors(path(), {}, {{"only", "metadata"}});
  EXPECT_EQ(open_safetensors(path())->metadata().at("only"), "metadata");
}

TEST_F(SafetensorsWriter, RefusesWhatTheFormatCannotHold) {
  EXPECT_THAT(refusal({make("q", DType::kQ8_0, {32})}, ErrorCode::kUnsupported), HasSubstr("'q' is Q8_0"));
  EXPECT_THAT(refusal({make("a", DType::kF32, {1}), make("a", DType::kU8, {1})}, ErrorCode::kInput),
              HasSubstr("two tensors are called 'a'"));
  EXPECT_THAT(refusal({make("__metadata__", DType::kU8, {1})}, ErrorCode::kInput),
              HasSubstr("cannot be called"));
  EXPECT_THAT(refusal({make("", DType::kU8, {1})}, ErrorCode::kInput), HasSubstr("cannot be called ''"));
  EXPECT_THAT(refusal({make("a\xff", DType::kU8, {1})}, ErrorCode::kInput), HasSubstr("not UTF-8"));
  EXPECT_THAT(refusal({}, ErrorCode::kInput, {{"k", "\xc3"}}), HasSubstr("not UTF-8"));
}

TEST_F(SafetensorsWriter, KeepsTheOldFileWhenItFails) {
  save_safetensors(path(), std::vector{make("old", DType::kU8, {1})});
  EXPECT_EQ(error_of([&] { save_safetensors(path(), std::vector{make("q", DType::kQ4_0, {32})}); }).code(),
            ErrorCode::kUnsupported);
  EXPECT_THAT(open_safetensors(path())->names(), ElementsAre("old"));
  EXPECT_EQ(error_of([&] { save_safetensors(path() / "below", {}); }).code(), ErrorCode::kInput);
}

// A file that is being read stays readable when it is replaced.
TEST_F(SafetensorsWriter, ReplacesAFileThatIsMapped) {
  save_safetensors(path(), std::vector{make("old", DType::kU8, {4})});
  const auto old = open_safetensors(path());
  save_safetensors(path(), {});
  EXPECT_TRUE(std::ranges::equal(old->at("old").data, storage_.front()));
}

}  // namespace
}  // namespace gyre::format
