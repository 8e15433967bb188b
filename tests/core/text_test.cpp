#include "core/text.h"

#include <gtest/gtest.h>

namespace gyre {
namespace {

TEST(NearestName, FindsASlipAndIgnoresStrangers) {
  const std::vector<std::string> names = {"gsr", "hadamard", "n_bits"};
  EXPECT_EQ(nearest_name("nbits", names), "n_bits");
  EXPECT_EQ(nearest_name("hadamrad", names), "hadamard");
  EXPECT_EQ(nearest_name("completely_different", names), std::nullopt);
}

TEST(NearestName, SharesSomethingWithTheName) {
  const std::vector<std::string> names = {"r1", "r2"};
  EXPECT_EQ(nearest_name("r5", names), "r1");
  EXPECT_EQ(nearest_name("xy", names), std::nullopt);
  EXPECT_EQ(nearest_name("", names), std::nullopt);
  EXPECT_EQ(nearest_name("r1", {}), std::nullopt);
}

TEST(Suggestion, ListsAllWhenNothingIsNear) {
  const std::vector<std::string> names = {"lsq", "rtn"};
  EXPECT_EQ(suggestion("rtm", names), " (did you mean 'rtn'?)");
  EXPECT_EQ(suggestion("completely_different", names), " (known: lsq, rtn)");
}

TEST(FormatNumber, ReadsBackAsTheSameDouble) {
  for (const double value : {0.1, 1.0 / 3, 1e-7, 25.0, 1e300, -2.5})
    EXPECT_EQ(std::stod(format_number(value)), value);
  EXPECT_EQ(format_number(0.9), "0.9");
}

TEST(Utf8, FindsTheFirstBadByte) {
  EXPECT_EQ(find_invalid_utf8("plain \xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80"), std::nullopt);
  EXPECT_EQ(find_invalid_utf8("ab\xFF"), 2u);
  EXPECT_EQ(find_invalid_utf8("ab\xC0\x80"), 2u);        // overlong NUL
  EXPECT_EQ(find_invalid_utf8("\xED\xA0\x80"), 0u);      // surrogate
  EXPECT_EQ(find_invalid_utf8("\xF4\x90\x80\x80"), 0u);  // above U+10FFFF
  EXPECT_EQ(find_invalid_utf8("abc\xE2\x82"), 3u);       // cut off
}

TEST(FormatDuration, ChoosesItsUnits) {
  EXPECT_EQ(format_duration(3.21), "3.2 s");
  EXPECT_EQ(format_duration(59.99), "1 min 00 s");
  EXPECT_EQ(format_duration(245), "4 min 05 s");
  EXPECT_EQ(format_duration(3599.7), "1 h 00 min");
  EXPECT_EQ(format_duration(7380), "2 h 03 min");
}

TEST(FormatBytes, ChoosesItsUnits) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(98'400'000), "98.4 MB");
  EXPECT_EQ(format_bytes(999'999), "1.0 MB");
  EXPECT_EQ(format_bytes(UINT64_MAX), "18446744.1 TB");
}

TEST(Split, KeepsEmptyParts) {
  EXPECT_EQ(split("a..b", '.'), (std::vector<std::string>{"a", "", "b"}));
  EXPECT_EQ(split("", '.'), (std::vector<std::string>{""}));
}

TEST(Trim, TakesBlanksFromBothEnds) {
  EXPECT_EQ(trim(" \t a b\r\n"), "a b");
  EXPECT_EQ(trim(" \n"), "");
}

}  // namespace
}  // namespace gyre
