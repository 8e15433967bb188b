// Lines and documents out of plain and compressed files, whole and broken ones.
#include "text/line_reader.h"

#include <lzma.h>

#include "text/documents.h"
#include "text_files.h"

namespace gyre::text {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string compressed(const std::string& text) {
  std::string out(lzma_stream_buffer_bound(text.size()), '\0');
  std::size_t size = 0;
  EXPECT_EQ(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, nullptr,
                                    reinterpret_cast<const std::uint8_t*>(text.data()), text.size(),
                                    reinterpret_cast<std::uint8_t*>(out.data()), &size, out.size()),
            LZMA_OK);
  out.resize(size);
  return out;
}

// Larger than the reader's buffers, and not of one repeated line.
std::string many_lines() {
  std::string text;
  for (int i = 0; i < 40000; ++i) text += std::to_string(i * 7919 % 100003) + " line\n";
  return text;
}

class LineReaderTest : public TextFiles {
 protected:
  static std::string all(const std::filesystem::path& path) {
    LineReader reader(path);
    std::string text, line;
    while (reader.next(line)) text += line + "\n";
    return text;
  }
};

TEST_F(LineReaderTest, PlainAndCompressedGiveTheSameLines) {
  const auto text = many_lines();
  EXPECT_EQ(all(write("a.txt", text)), text);
  EXPECT_EQ(all(write("a.txt.xz", compressed(text))), text);
  EXPECT_EQ(all(write("two.txt.xz", compressed(text) + compressed("end\n"))), text + "end\n");
  EXPECT_EQ(all(write("open.txt", "no newline\nat the end")), "no newline\nat the end\n");
  EXPECT_EQ(all(write("empty.txt", "")), "");
}

TEST_F(LineReaderTest, ACutOffStreamIsRefusedWhereverItEnds) {
  const auto whole = compressed(many_lines());
  for (const double share : {0.0, 0.001, 0.3, 0.9, 0.9999}) {
    const auto n = static_cast<std::size_t>(share * static_cast<double>(whole.size()));
    const auto path = write("cut.xz", whole.substr(0, n));
    const auto error = error_of([&] { all(path); });
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("cut.xz"), HasSubstr("cut off"), HasSubstr("after line")));
  }
}

TEST_F(LineReaderTest, ADamagedStreamIsRefused) {
  auto bytes = compressed(many_lines());
  bytes[bytes.size() / 2] ^= 0x55;
  EXPECT_THAT(error_of([&] { all(write("bad.xz", bytes)); }).what(), HasSubstr("damaged"));
  EXPECT_THAT(error_of([&] { all(write("not.xz", "plain text, not compressed\n")); }).what(),
              HasSubstr("not an xz stream"));
  EXPECT_THAT(error_of([&] { all(folder_ / "none.txt"); }).what(), HasSubstr("no such file"));
}

TEST_F(LineReaderTest, WhatIsNotUtf8IsNamedByItsLine) {
  const auto error = error_of([&] { all(write("latin1.txt", "one\ncaf\xe9\n")); });
  EXPECT_EQ(error.code(), ErrorCode::kInput);
  EXPECT_THAT(error.what(), AllOf(HasSubstr("line 2"), HasSubstr("0xE9"), HasSubstr("offset 3")));
}

class DocumentsTest : public LineReaderTest {
 protected:
  static std::vector<Document> read(const std::filesystem::path& path) {
    std::vector<Document> out;
    read_documents(path, [&](Document& d) { return out.push_back(d), true; });
    return out;
  }
};

TEST_F(DocumentsTest, ArticlesOfAJsonFile) {
  const auto path = write("a.jsonl.xz", compressed("{\"id\": 7, \"title\": \"A\", \"text\": \"x\\ny\"}\n\n"
                                                   "{\"id\": \"8\", \"title\": \"B\", \"text\": \"z\"}\n"));
  const auto documents = read(path);
  ASSERT_EQ(documents.size(), 2u);
  EXPECT_EQ(documents[0].id, "7");
  EXPECT_EQ(documents[0].text, "x\ny");
  EXPECT_EQ(documents[1].id, "8");
  EXPECT_EQ(documents[1].number, 1);
  EXPECT_EQ(documents[1].form, Document::Form::kArticle);
}

TEST_F(DocumentsTest, ALineThatIsNoArticleIsRefused) {
  for (const auto& [line, what] : {std::pair("{\"id\": 7", "parse error"), std::pair("[1]", "found array"),
                                   std::pair("{\"title\": \"A\"}", "no \"text\"")}) {
    const auto error =
        error_of([&] { read(write("a.jsonl", "{\"text\": \"fine\"}\n" + std::string(line) + "\n")); });
    EXPECT_EQ(error.code(), ErrorCode::kInput);
    EXPECT_THAT(error.what(), AllOf(HasSubstr("a.jsonl: line 2"), HasSubstr(what)));
  }
}

TEST_F(DocumentsTest, WikitextIsPartedAtItsTitles) {
  const std::string one = " \n = One = \n \n Words . \n \n = = Part = = \n \n More . \n";
  const auto documents = read(write("wiki.raw", one + " \n = Two = \n \n End . \n"));
  ASSERT_EQ(documents.size(), 2u);
  EXPECT_EQ(documents[0].text, one + " \n");
  EXPECT_EQ(documents[0].title, "One");
  EXPECT_EQ(documents[1].text, " \n = Two = \n \n End . \n");
  EXPECT_EQ(documents[1].form, Document::Form::kRows);
}

TEST_F(DocumentsTest, OtherTextComesInBoundedPiecesAndWhole) {
  std::string text;
  for (int i = 0; i < 300000; ++i) text += i % 1000 == 0 ? "\n" : "some words\n";
  const auto documents = read(write("book.txt", text));
  ASSERT_GT(documents.size(), 1u);
  std::string joined;
  for (const auto& document : documents) {
    EXPECT_EQ(document.form, Document::Form::kPlain);
    EXPECT_LT(document.text.size(), std::size_t{2} << 20);
    joined += document.text;
  }
  EXPECT_EQ(joined, text);
}

TEST(UnknownWords, GoWithTheirRowsAndEmptyHeadings) {
  EXPECT_EQ(without_unknown_words(" \n = A = \n \n fine \n an <unk> \n \n = = B = = \n \n <unk> \n \n"
                                  " = = C = = \n \n good \n \n = = = D = = = \n \n <unk> \n"),
            " \n = A = \n \n fine \n \n = = C = = \n \n good \n \n");
  EXPECT_EQ(without_unknown_words(" \n <unk> \n"), "");
}

TEST(HeadingLevel, CountsTheMarks) {
  EXPECT_EQ(heading_level(" = M @-@ 82 ( Michigan highway ) = "), 1);
  EXPECT_EQ(heading_level(" = = Early career = = "), 2);
  EXPECT_EQ(heading_level(" = = = In Naruto = = = "), 3);
  EXPECT_EQ(heading_level(" Words = more = "), 0);
  EXPECT_EQ(heading_level("= Title ="), 0);
}

}  // namespace
}  // namespace gyre::text
