// What a setting accepts, in words: for messages and for docs/CONFIG.md.
#pragma once

#include <string>

#include "spec/values.h"

namespace gyre {

// "an integer from 2 to 8", "one of 'first', 'random'", "an integer of at least 2, -1 or \"auto\"". The value
// only tells the type.
std::string expected(std::int64_t, const Limits& limits);
std::string expected(double, const Limits& limits);
std::string expected(bool, const Limits& limits);
std::string expected(const std::string&, const Limits& limits);
std::string expected(const AutoSize&, const Limits& limits);
std::string expected(const Clip&, const Limits& limits);

// Numbers, against min, max and or_minus_one; false for nan and the infinities.
bool within(double value, const Limits& limits);

}  // namespace gyre
