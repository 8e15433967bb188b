// The table: what it refuses, and that its rows can be told apart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "core/error.h"
#include "rotation/rotation.h"

namespace gyre {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::string refusal(const RotationSpec& spec, std::int64_t size, ErrorCode code) {
  try {
    make_rotation(spec, size, 0);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(RotationSchemes, HaveUniqueNamesAndSummaries) {
  std::set<std::string_view> names, summaries;
  for (const auto& scheme : rotation_schemes()) {
    EXPECT_TRUE(names.insert(scheme.name).second) << scheme.name;
    EXPECT_TRUE(summaries.insert(scheme.summary).second) << scheme.name;
  }
  EXPECT_FALSE(names.contains("none"));  // no rotation at all is not a scheme
  EXPECT_FALSE(summaries.contains(""));
}

TEST(MakeRotation, GivesNothingForNone) {
  EXPECT_EQ(make_rotation({"none", {}, false}, 64, 0), nullptr);
}

TEST(MakeRotation, SuggestsANameForAnUnknownScheme) {
  EXPECT_THAT(refusal({"gst", {}, false}, 64, ErrorCode::kConfig),
              HasSubstr("unknown rotation 'gst' (did you mean 'gsr'?)"));
  EXPECT_THAT(refusal({"hadamrd", {}, false}, 64, ErrorCode::kConfig), HasSubstr("did you mean 'hadamard'?"));
  EXPECT_THAT(refusal({"butterfly", {}, false}, 64, ErrorCode::kConfig),
              AllOf(HasSubstr("known: "), HasSubstr("gsr"), HasSubstr("none")));
}

TEST(MakeRotation, NamesTheNearestOrdersWhereNoHadamardMatrixIsKnown) {
  const auto nearest = HasSubstr("order 94 is known here; the nearest orders are 88 and 96");
  for (const char* scheme : {"hadamard", "sequency"})
    EXPECT_THAT(refusal({scheme, {}, false}, 94, ErrorCode::kUnsupported), nearest);
  for (const char* scheme : {"local_hadamard", "gsr"})
    EXPECT_THAT(refusal({scheme, AutoSize{94}, false}, 188, ErrorCode::kUnsupported), nearest);
}

}  // namespace
}  // namespace gyre
