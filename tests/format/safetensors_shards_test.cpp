#include <fmt/format.h>

#include "format/containers.h"
#include "format/safetensors.h"

namespace gyre::format {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

// A folder with one-byte tensors in shards.
class SafetensorsShards : public ContainerTest {
 protected:
  static std::string shard(const std::vector<std::string>& names, std::string_view values) {
    std::string header;
    for (std::size_t i = 0; i < names.size(); ++i)
      header += fmt::format(R"({}"{}":{{"dtype":"U8","shape":[1],"data_offsets":[{},{}]}})",
                            i == 0 ? "{" : ",", names[i], i, i + 1);
    return safetensors_file(header + "}", values);
  }
  void write_index(std::string_view text) const { write("model.safetensors.index.json", text); }
  void SetUp() override {
    write("one.safetensors", shard({"a", "b"}, "\x01\x02"));
    write("two.safetensors", shard({"c"}, "\x03"));
    write_index(
        R"({"metadata":{"total_size":3},"weight_map":{"a":"one.safetensors","b":"one.safetensors","c":"two.safetensors"}})");
  }
  std::string refusal(ErrorCode code = ErrorCode::kInput) const {
    const auto error = error_of([&] { open_safetensors(folder_); });
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(folder_.string()));
    return error.what();
  }
};

TEST_F(SafetensorsShards, AreOneSource) {
  for (const auto& path : {folder_, folder_ / "", folder_ / "model.safetensors.index.json"}) {
    const auto source = open_safetensors(path);
    EXPECT_THAT(source->names(), ElementsAre("a", "b", "c"));
    EXPECT_EQ(source->at("c").data.front(), std::byte{3});
    EXPECT_THAT(source->description(), HasSubstr("(safetensors, 2 shards, 3 tensors)"));
    EXPECT_EQ(source->files().size(), 3u);
  }
  EXPECT_THAT(open_safetensors(folder_ / "")->description(), HasSubstr(folder_.filename().string()));
}

TEST_F(SafetensorsShards, GiveWayToASingleFile) {
  write("model.safetensors", shard({"x"}, "\x07"));
  EXPECT_THAT(open_safetensors(folder_)->names(), ElementsAre("x"));
}

TEST_F(SafetensorsShards, MustAllBeThere) {
  std::filesystem::remove(folder_ / "two.safetensors");
  EXPECT_THAT(refusal(), AllOf(HasSubstr("two.safetensors"), HasSubstr("not there")));
}

TEST_F(SafetensorsShards, MustHoldWhatTheIndexSays) {
  write("two.safetensors", shard({"d"}, "\x03"));
  EXPECT_THAT(refusal(), HasSubstr("tensor 'c' is in two.safetensors, which lacks it"));
}

TEST_F(SafetensorsShards, MustNotShareNames) {
  write("two.safetensors", shard({"c", "a"}, "\x03\x04"));
  EXPECT_THAT(refusal(), AllOf(HasSubstr("two.safetensors"), HasSubstr("'a' is already in"),
                               HasSubstr("one.safetensors")));
}

TEST_F(SafetensorsShards, MustEachBeWhole) {
  write("two.safetensors", shard({"c"}, ""));
  EXPECT_THAT(refusal(), HasSubstr("two.safetensors"));
}

TEST_F(SafetensorsShards, StayInTheirFolder) {
  for (const char* name : {"../one.safetensors", "/etc/passwd", "sub/one.safetensors", "", ".", ".."}) {
    write_index(fmt::format(R"({{"weight_map":{{"a":"{}"}}}})", name));
    EXPECT_THAT(refusal(), HasSubstr("expected a plain name in the same folder")) << name;
  }
}

TEST_F(SafetensorsShards, NeedAnIndexOfNames) {
  for (const char* text : {"", "{", "[]", "7", "{}", R"({"weight_map":{}})", R"({"weight_map":[]})",
                           R"({"weight_map":{"a":1}})", "{\"weight_map\":{\"a\":\"\xff\"}}"}) {
    write_index(text);
    EXPECT_THAT(refusal(), HasSubstr("index.json")) << text;
  }
}

}  // namespace
}  // namespace gyre::format
