#include "format/safetensors.h"

#include <fmt/format.h>

#include "format/containers.h"

namespace gyre::format {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<float> values_of(const TensorView& view) {
  std::vector<float> values(static_cast<std::size_t>(view.numel()));
  to_float(view, values);
  return values;
}

class SafetensorsFile : public ContainerTest {
 protected:
  auto open(std::string_view header, std::string_view data) const {
    return open_safetensors(write("m.safetensors", safetensors_file(header, data)));
  }
  // The message of a file that must be refused; every message names the file.
  std::string refusal(std::string_view bytes, ErrorCode code = ErrorCode::kInput) const {
    const auto path = write("m.safetensors", bytes);
    const auto error = error_of([&] { open_safetensors(path); });
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_THAT(error.what(), HasSubstr(path.string()));
    return error.what();
  }
  std::string refusal(std::string_view header, std::string_view data,
                      ErrorCode code = ErrorCode::kInput) const {
    return refusal(safetensors_file(header, data), code);
  }
};

constexpr const char* kTwo =
    R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,1],"data_offsets":[4,12]},)"
    R"("a":{"dtype":"I16","shape":[2],"data_offsets":[0,4]}}   )";

TEST_F(SafetensorsFile, GivesNamesShapesAndValues) {
  const auto file = open(kTwo, raw_all<std::int16_t>({-1, 7}) + raw_all<float>({0.5f, -2}));
  EXPECT_THAT(file->names(), ElementsAre("a", "b"));
  EXPECT_TRUE(file->contains("b"));
  EXPECT_FALSE(file->contains("format"));
  EXPECT_EQ(file->at("a").dtype, DType::kI16);
  EXPECT_THAT(file->at("b").shape, ElementsAre(2, 1));
  EXPECT_THAT(values_of(file->at("a")), ElementsAre(-1, 7));
  EXPECT_THAT(values_of(file->at("b")), ElementsAre(0.5f, -2));
  EXPECT_EQ(file->metadata().at("format"), "pt");
  EXPECT_EQ(file->description(), "m.safetensors (safetensors, 2 tensors)");
  EXPECT_THAT(file->files(), ElementsAre((folder_ / "m.safetensors").string()));
}

TEST_F(SafetensorsFile, NamesTheNearestTensorWhenOneIsMissing) {
  const auto file = open(R"({"model.norm.weight":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "x");
  const auto error = error_of([&] { file->at("model.norm.weigth"); });
  EXPECT_EQ(error.code(), ErrorCode::kInput);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("m.safetensors"), HasSubstr("did you mean 'model.norm.weight'")));
}

TEST_F(SafetensorsFile, HoldsScalarsAndEmptyTensors) {
  const auto file = open(
      R"({"s":{"dtype":"F64","shape":[],"data_offsets":[0,8]},"e":{"dtype":"F32","shape":[3,0],"data_offsets":[8,8]}})",
      raw(0.25));
  EXPECT_THAT(values_of(file->at("s")), ElementsAre(0.25f));
  EXPECT_EQ(file->at("e").numel(), 0);
  EXPECT_TRUE(open("{}", "")->names().empty());
}

TEST_F(SafetensorsFile, GivesTensorsThatAreStoredOnceAllTheirNames) {
  const auto file = open(
      R"({"__metadata__":{"embed":"head","format":"pt"},"head":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})",
      "\x05\x06");
  EXPECT_THAT(file->names(), ElementsAre("head", "embed"));
  EXPECT_EQ(file->at("embed").name, "embed");
  EXPECT_EQ(file->at("embed").data.data(), file->at("head").data.data());
  EXPECT_THAT(values_of(file->at("embed")), ElementsAre(5, 6));
}

TEST_F(SafetensorsFile, RefusesLengthsThatPassTheFile) {
  EXPECT_THAT(refusal(""), HasSubstr("0 bytes"));
  EXPECT_THAT(refusal("1234567"), HasSubstr("7 bytes"));
  EXPECT_THAT(refusal(raw(std::uint64_t{3}) + "{}"), HasSubstr("header of 3 bytes, but 2 follow"));
  EXPECT_THAT(refusal(raw(~std::uint64_t{0}) + "{}"), HasSubstr("header of 18446744073709551615"));
  EXPECT_THAT(refusal(raw(~std::uint64_t{7}) + "{}"), HasSubstr("header of"));
  EXPECT_THAT(refusal("[1]", ""), HasSubstr("does not begin with '{'"));
}

TEST_F(SafetensorsFile, RefusesHeadersThatAreNotTheFormat) {
  EXPECT_THAT(refusal("{\"a\":", ""), HasSubstr("no valid JSON at its byte"));
  EXPECT_THAT(refusal("{} x", ""), HasSubstr("no valid JSON"));
  EXPECT_THAT(refusal("{\"\xff\":1}", ""), HasSubstr("no valid JSON"));
  EXPECT_THAT(refusal(R"({"a":7})", ""), HasSubstr("unexpected 7 at 'a'"));
  EXPECT_THAT(refusal(R"({"a":null})", ""), HasSubstr("unexpected null"));
  EXPECT_THAT(refusal(R"({"a":[1]})", ""), HasSubstr("unexpected an array at 'a'"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"k":1}})", ""), HasSubstr("__metadata__: unexpected 1 at 'k'"));
  EXPECT_THAT(refusal(R"({"__metadata__":"k"})", ""), HasSubstr("unexpected the text 'k'"));
  EXPECT_THAT(refusal(std::string(R"({"a":{"shape":)") + std::string(100000, '['), ""),
              HasSubstr("unexpected an array"));
}

TEST_F(SafetensorsFile, RefusesEntriesThatAreNotComplete) {
  const auto entry = [](const char* inside) { return fmt::format(R"({{"a":{{{}}}}})", inside); };
  const auto of = [&](const char* inside) { return refusal(entry(inside), "1234"); };
  EXPECT_THAT(of(R"("dtype":"U8","shape":[4])"), HasSubstr("tensor 'a': expected the three keys"));
  EXPECT_THAT(of(R"("dtype":"U8","shape":[4],"data_offsets":[0])"), HasSubstr("has 1 numbers, expected 2"));
  EXPECT_THAT(of(R"("dtype":"U8","shape":[4],"data_offsets":[0,4,4])"),
              HasSubstr("unexpected 4 at 'data_offsets'"));
  EXPECT_THAT(of(R"("dtype":"U8","shape":[-4],"data_offsets":[0,4])"), HasSubstr("unexpected -4 at 'shape'"));
  EXPECT_THAT(of(R"("dtype":"U8","shape":[4.0],"data_offsets":[0,4])"),
              HasSubstr("unexpected 4.0 at 'shape'"));
  EXPECT_THAT(of(R"("dtype":"U8","shape":["4"],"data_offsets":[0,4])"), HasSubstr("unexpected the text '4'"));
  EXPECT_THAT(of(R"("dtype":"U8","shape":[36893488147419103232],"data_offsets":[0,4])"),
              HasSubstr("unexpected"));
  EXPECT_THAT(of(R"("dtype":true,"shape":[4],"data_offsets":[0,4])"), HasSubstr("unexpected a boolean"));
  EXPECT_THAT(of(R"("dtype":"U8","shape":[4],"data_offsets":[0,4],"extra":1)"),
              HasSubstr("unknown key 'extra'"));
  EXPECT_THAT(of(R"("dtype":"U8","shape":[4],"shape":[4],"data_offsets":[0,4])"),
              HasSubstr("'shape' occurs twice"));
  EXPECT_THAT(of(R"("dtype":"U8","shape":[4,1,1,1,1,1,1,1,1],"data_offsets":[0,4])"),
              HasSubstr("has 9 dimensions"));
}

TEST_F(SafetensorsFile, RefusesNamesThatOccurTwice) {
  const std::string one = R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  EXPECT_THAT(refusal("{" + one + "," + one + "}", ""), HasSubstr("'a' occurs twice"));
  EXPECT_THAT(refusal(R"({"__metadata__":{},"__metadata__":{}})", ""),
              HasSubstr("'__metadata__' occurs twice"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"k":"","k":""}})", ""), HasSubstr("'k' occurs twice"));
  EXPECT_THAT(refusal(R"({"":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})", ""), HasSubstr("is empty"));
}

TEST_F(SafetensorsFile, RefusesDtypesThatItDoesNotKnow) {
  const auto message =
      refusal(R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", "x", ErrorCode::kUnsupported);
  EXPECT_THAT(message,
              AllOf(HasSubstr("tensor 'a' has dtype 'F8_E4M3'"), HasSubstr("BF16"), HasSubstr("BOOL")));
  refusal(R"({"a":{"dtype":"Q4_1","shape":[32],"data_offsets":[0,20]}})", std::string(20, 'x'),
          ErrorCode::kUnsupported);
}

TEST_F(SafetensorsFile, RefusesPlacesThatDoNotFit) {
  const auto of = [&](const char* shape, const char* offsets, std::size_t data = 8) {
    return refusal(fmt::format(R"({{"a":{{"dtype":"F32","shape":{},"data_offsets":{}}}}})", shape, offsets),
                   std::string(data, 'x'));
  };
  EXPECT_THAT(of("[2]", "[0,8]", 7), HasSubstr("bytes 0 to 8 after the header, but 7 are there"));
  EXPECT_THAT(of("[2]", "[8,0]"), HasSubstr("bytes 8 to 0"));
  EXPECT_THAT(of("[2]", "[18446744073709551608,18446744073709551615]"), HasSubstr("but 8 are there"));
  EXPECT_THAT(of("[3]", "[0,8]"), HasSubstr("has 8 bytes, but shape [3] of F32 takes 12"));
  EXPECT_THAT(of("[1]", "[0,4]"), HasSubstr("4 bytes follow the last tensor"));
  EXPECT_THAT(of("[1]", "[4,8]"),
              HasSubstr("begins at byte 4 after the header, but the one before it ends at 0"));
  // Products that would wrap around to a plausible size.
  EXPECT_THAT(of("[4294967296,4294967296,2]", "[0,8]"), HasSubstr("more values than can be counted"));
  EXPECT_THAT(of("[9223372036854775808,2,0]", "[0,0]"), HasSubstr("more values than can be counted"));
  EXPECT_THAT(of("[4611686018427387904]", "[0,0]"), HasSubstr("more bytes than can be counted"));
}

TEST_F(SafetensorsFile, RefusesTensorsThatOverlap) {
  const auto of = [&](const char* second) {
    return refusal(
        fmt::format(
            R"({{"a":{{"dtype":"U8","shape":[4],"data_offsets":[0,4]}},"b":{{"dtype":"U8","shape":[4],)"
            R"("data_offsets":{}}}}})",
            second),
        "12345678");
  };
  EXPECT_THAT(of("[2,6]"),
              HasSubstr("'b' begins at byte 2 after the header, but the one before it ends at 4"));
  EXPECT_THAT(of("[0,4]"), HasSubstr("no overlap"));
}

TEST_F(SafetensorsFile, RefusesEveryTruncation) {
  const auto whole = safetensors_file(kTwo, std::string(12, 'x'));
  for (std::size_t size = 0; size < whole.size(); ++size) refusal(whole.substr(0, size));
  EXPECT_THAT(refusal(whole + "y"), HasSubstr("1 bytes follow the last tensor"));
}

TEST_F(SafetensorsFile, RefusesWhatIsNoFile) {
  const auto missing = error_of([&] { open_safetensors(folder_ / "none.safetensors"); });
  EXPECT_EQ(missing.code(), ErrorCode::kInput);
  EXPECT_THAT(missing.what(), AllOf(HasSubstr("none.safetensors"), HasSubstr("No such file")));
  EXPECT_THAT(error_of([&] { open_safetensors("/dev/null"); }).what(), HasSubstr("no regular file"));
  EXPECT_THAT(error_of([&] { open_safetensors(folder_); }).what(), HasSubstr("looked for model.safetensors"));
  write("pytorch_model.bin", "PK");
  const auto pickle = error_of([&] { open_safetensors(folder_); });
  EXPECT_EQ(pickle.code(), ErrorCode::kUnsupported);
  EXPECT_THAT(pickle.what(), HasSubstr("pickle"));
}

}  // namespace
}  // namespace gyre::format
