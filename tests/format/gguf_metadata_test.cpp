#include <cmath>
#include <limits>

#include "format/containers.h"
#include "format/gguf.h"

namespace gyre::format {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class GgufMetadata : public ContainerTest {
 protected:
  std::shared_ptr<const Gguf> open(std::vector<GgufFile::Pair> pairs) const {
    return Gguf::open(write("m.gguf", GgufFile{.pairs = std::move(pairs)}.bytes()));
  }
  // One key "k".
  std::shared_ptr<const Gguf> one(std::uint32_t type, const std::string& value) const {
    return open({{"k", type, value}});
  }
  std::shared_ptr<const Gguf> array(std::uint32_t type, std::uint64_t count,
                                    const std::string& values) const {
    return one(kArray, GgufFile::array(type, count, values));
  }
  template <typename Get>
  std::string refusal(Get get) const {
    const auto error = error_of(get);
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_THAT(error.what(), HasSubstr((folder_ / "m.gguf").string()));
    return error.what();
  }
};

TEST_F(GgufMetadata, GivesIntegersOfEveryWidth) {
  EXPECT_EQ(one(kU8, raw<std::uint8_t>(200))->get_uint("k"), 200u);
  EXPECT_EQ(one(kI8, raw<std::int8_t>(100))->get_uint("k"), 100u);
  EXPECT_EQ(one(kU16, raw<std::uint16_t>(60000))->get_uint("k"), 60000u);
  EXPECT_EQ(one(kI16, raw<std::int16_t>(300))->get_uint("k"), 300u);
  EXPECT_EQ(one(kU32, raw<std::uint32_t>(4000000000))->get_uint("k"), 4000000000u);
  EXPECT_EQ(one(kI32, raw<std::int32_t>(70000))->get_uint("k"), 70000u);
  EXPECT_EQ(one(kU64, raw(~std::uint64_t{0}))->get_uint("k"), ~std::uint64_t{0});
  EXPECT_EQ(one(kI64, raw(std::int64_t{1} << 40))->get_uint("k"), std::uint64_t{1} << 40);
}

TEST_F(GgufMetadata, GivesNumbersBooleansAndTexts) {
  EXPECT_EQ(one(kF32, raw(0.1f))->get_double("k"), static_cast<double>(0.1f));
  EXPECT_EQ(one(kF64, raw(0.1))->get_double("k"), 0.1);
  EXPECT_EQ(one(kI32, raw(-7))->get_double("k"), -7.0);
  EXPECT_TRUE(one(kBool, "\x01")->get_bool("k"));
  EXPECT_FALSE(one(kBool, raw('\0'))->get_bool("k"));
  EXPECT_EQ(one(kString, gguf_text("Größe"))->get_string("k"), "Größe");
  EXPECT_EQ(one(kString, gguf_text(""))->get_string("k"), "");
}

TEST_F(GgufMetadata, GivesArrays) {
  EXPECT_THAT(array(kString, 3, gguf_text("a") + gguf_text("") + gguf_text("Ġb"))->get_strings("k"),
              ElementsAre("a", "", "Ġb"));
  EXPECT_THAT(array(kF32, 2, raw_all<float>({-1.5f, 2}))->get_floats("k"), ElementsAre(-1.5f, 2));
  EXPECT_THAT(array(kI32, 2, raw_all<std::int32_t>({-1, 7}))->get_ints("k"), ElementsAre(-1, 7));
  EXPECT_THAT(array(kU8, 2, "\x01\xff")->get_ints("k"), ElementsAre(1, 255));
  EXPECT_THAT(array(kI64, 1, raw(INT64_MIN))->get_ints("k"), ElementsAre(INT64_MIN));
  EXPECT_TRUE(array(kString, 0, "")->get_strings("k").empty());
  EXPECT_TRUE(array(kU32, 0, "")->get_ints("k").empty());
}

TEST_F(GgufMetadata, FindsWhatIsThere) {
  const auto file = open({{"a", kU8, "x"}, {"b", kArray, GgufFile::array(kU16, 2, "1234")}});
  ASSERT_NE(file->find("b"), nullptr);
  EXPECT_TRUE(file->find("b")->is_array);
  EXPECT_EQ(file->find("b")->type, GgufType::kU16);
  EXPECT_EQ(file->find("b")->count, 2u);
  EXPECT_EQ(file->find("c"), nullptr);
}

TEST_F(GgufMetadata, NamesMissingKeysAndTheNearest) {
  const auto file = open({{"llama.block_count", kU8, "x"}});
  EXPECT_THAT(refusal([&] { file->get_uint("llama.block_cuont"); }),
              AllOf(HasSubstr("'llama.block_cuont' is missing"), HasSubstr("there is 'llama.block_count'")));
}

TEST_F(GgufMetadata, RefusesValuesOfAnotherKind) {
  EXPECT_THAT(refusal([&] { one(kI8, "\xff")->get_uint("k"); }), HasSubstr("not negative"));
  EXPECT_THAT(refusal([&] { one(kF32, raw(1.0f))->get_uint("k"); }), HasSubstr("is a float32"));
  EXPECT_THAT(refusal([&] { one(kBool, "\x01")->get_uint("k"); }), HasSubstr("is a bool"));
  EXPECT_THAT(refusal([&] { array(kU8, 1, "\x01")->get_uint("k"); }), HasSubstr("is an array of 1 uint8"));
  EXPECT_THAT(refusal([&] { one(kString, gguf_text("1"))->get_double("k"); }), HasSubstr("is a string"));
  EXPECT_THAT(refusal([&] { one(kU8, "\x01")->get_bool("k"); }), HasSubstr("is a uint8"));
  EXPECT_THAT(refusal([&] { one(kBool, "\x02")->get_bool("k"); }), HasSubstr("expected 0 or 1"));
  EXPECT_THAT(refusal([&] { one(kU8, "\x01")->get_string("k"); }), HasSubstr("expected a string"));
  EXPECT_THAT(refusal([&] { one(kString, gguf_text("a"))->get_strings("k"); }),
              HasSubstr("expected an array of strings"));
  EXPECT_THAT(refusal([&] { array(kU8, 1, "\x01")->get_strings("k"); }),
              HasSubstr("expected an array of strings"));
  EXPECT_THAT(refusal([&] { array(kF64, 1, raw(1.0))->get_floats("k"); }),
              HasSubstr("expected an array of float32"));
  EXPECT_THAT(refusal([&] { array(kF32, 1, raw(1.0f))->get_ints("k"); }),
              HasSubstr("expected an array of integers"));
  EXPECT_THAT(refusal([&] { array(kU64, 1, raw(~std::uint64_t{0}))->get_ints("k"); }),
              HasSubstr("below 2^63"));
}

TEST_F(GgufMetadata, RefusesTextThatIsNotUtf8) {
  EXPECT_THAT(refusal([&] { one(kString, gguf_text("\xff"))->get_string("k"); }), HasSubstr("not UTF-8"));
  EXPECT_THAT(refusal([&] { array(kString, 2, gguf_text("a") + gguf_text("\xc3"))->get_strings("k"); }),
              HasSubstr("'k'[1] is not UTF-8"));
}

}  // namespace
}  // namespace gyre::format
