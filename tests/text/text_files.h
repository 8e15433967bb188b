// Tokenizer files made up for one test.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <string_view>

#include "core/error.h"
#include "core/files.h"

namespace gyre {

// A folder of this test's own, removed afterwards.
class TextFiles : public testing::Test {
 protected:
  TextFiles() {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() / (std::string("gyre_text_") + info->test_suite_name() +
                                                        info->name() + std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  ~TextFiles() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path write(std::string_view name, std::string_view bytes) const {
    write_file_atomically(folder_ / name, bytes);
    return folder_ / name;
  }
  std::filesystem::path folder_;
};

// What f throws: code and message.
template <typename F>
Error error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << "no error was thrown";
  return {ErrorCode::kRun, "no error"};
}

inline std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

}  // namespace gyre
