#include "core/error.h"

#include <gtest/gtest.h>

#include <set>

namespace gyre {
namespace {

TEST(ExitCode, FollowsTheContract) {
  EXPECT_EQ(exit_code(ErrorCode::kRun), 1);
  EXPECT_EQ(exit_code(ErrorCode::kUsage), 2);
  EXPECT_EQ(exit_code(ErrorCode::kConfig), 2);
  EXPECT_EQ(exit_code(ErrorCode::kUnsupported), 2);
  EXPECT_EQ(exit_code(ErrorCode::kReproduce), 3);
  EXPECT_EQ(exit_code(ErrorCode::kInput), 4);
  EXPECT_EQ(exit_code(ErrorCode::kStore), 5);
  EXPECT_EQ(exit_code(ErrorCode::kResource), 6);
  EXPECT_EQ(exit_code(ErrorCode::kInterrupted), 130);
}

TEST(ErrorName, TellsTheCodesApart) {
  std::set<std::string> names;
  for (int code = 0; code <= static_cast<int>(ErrorCode::kInterrupted); ++code)
    EXPECT_TRUE(names.insert(error_name(static_cast<ErrorCode>(code))).second) << code;
  EXPECT_FALSE(names.contains("unknown"));
}

TEST(Check, BuildsItsMessageOnlyOnFailure) {
  int built = 0;
  const auto text = [&built] {
    ++built;
    return "three";
  };
  GYRE_CHECK(true, ErrorCode::kRun, "{}", text());
  EXPECT_EQ(built, 0);
  try {
    GYRE_CHECK(1 > 2, ErrorCode::kInput, "n is {}, expected {}", text(), 4);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_STREQ(error.what(), "n is three, expected 4");
  }
  EXPECT_EQ(built, 1);
}

TEST(AssertDeathTest, NamesTheExpressionAndItsPlace) {
  EXPECT_DEATH(GYRE_ASSERT(1 + 1 == 3), "error_test.cpp:[0-9]+: assertion failed: 1 \\+ 1 == 3");
}

}  // namespace
}  // namespace gyre
