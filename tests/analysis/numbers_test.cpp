#include "analysis/numbers.h"

#include <gtest/gtest.h>

namespace gyre::analysis {
namespace {

TEST(FormatValue, ShowsTheDecimalsThatMatter) {
  EXPECT_EQ(format_value(5.472), "5.47");
  EXPECT_EQ(format_value(25.314), "25.31");
  EXPECT_EQ(format_value(99.999), "100.0");
  EXPECT_EQ(format_value(312.44), "312.4");
  EXPECT_EQ(format_value(999.97), "1000");
  EXPECT_EQ(format_value(4312.4), "4312");
  EXPECT_EQ(format_value(9999.7), "1.0e4");
  EXPECT_EQ(format_value(123456), "1.2e5");
  EXPECT_EQ(format_value(3e25), "3.0e25");
  EXPECT_EQ(format_value(0.0012345), "0.00123");
  EXPECT_EQ(format_value(0), "0.00");
}

TEST(FormatWithError, GivesTheErrorTheDecimalsOfTheValue) {
  EXPECT_EQ(format_with_error(25.31, 0.456), "25.31 ± 0.46");
  EXPECT_EQ(format_with_error(312.4, 12.34), "312.4 ± 12.3");
  EXPECT_EQ(format_with_error(123456, 3210), "1.2e5 ± 3e3");
  EXPECT_EQ(format_with_error(25.31, 0.0031), "25.31 ± 0.003");
  EXPECT_EQ(format_with_error(25.31, 0), "25.31");
  EXPECT_EQ(format_with_error(25.31, kNoValue), "25.31");
  EXPECT_EQ(format_with_error(0.25, 0.0123), "0.25 ± 0.01");
}

TEST(FormatRatio, ShowsPerMilleNearOne) {
  EXPECT_EQ(format_ratio({.value = 0.9481, .std_error = 0.0061}), "×0.948 ± 0.006");
  EXPECT_EQ(format_ratio({12.34, 0.52}), "×12.3 ± 0.5");
  EXPECT_EQ(format_ratio({123456, 7000}), "×1.2e5 ± 7e3");
  EXPECT_EQ(format_ratio({1.5, kNoValue}), "×1.500");
  EXPECT_EQ(format_ratio({}), "×n/a");
}

}  // namespace
}  // namespace gyre::analysis
