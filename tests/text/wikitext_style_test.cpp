// Wikipedia's writing into WikiText's: constructed cases, and WikiText itself, put together and parted again.
#include "text/wikitext_style.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "core/files.h"
#include "text/documents.h"

namespace gyre::text {
namespace {

TEST(WikitextWords, MarksAreParted) {
  const std::map<std::string, std::string> cases = {
      {"A well-known, old (and red) house.", "A well @-@ known , old ( and red ) house ."},
      {"In 1,234.5 km; 20,000 people", "In 1 @,@ 234 @.@ 5 km ; 20 @,@ 000 people"},
      {"about 9.9M and R100,000 and .38", "about 9.9M and R100,000 and .38"},
      {"The club's members don't.", "The club 's members don 't ."},
      {"O'Brien and the 1990's", "O 'Brien and the 1990 's"},
      {"the players' 'best' game", "the players ' ' best ' game"},
      {"Mr. J. R. Smith of the U.S. Army.", "Mr. J. R. Smith of the U.S. Army ."},
      {"St. Paul met No. 7, not the No. Gen. Lee", "St. Paul met No. 7 , not the No . Gen. Lee"},
      {"He said \"stop.\" Then he ran...", "He said \" stop . \" Then he ran ..."},
      {"\"\"Movie\"\" (1999)", "\" Movie \" ( 1999 )"},
      {"5–10 km/h & 3% or $4 at 7:30", "5 – 10 km / h & 3 % or $ 4 at 7 : 30"},
      {"caf\u00e9-bar, \u5948\u826f (\u30b7\u30ab)", "caf\u00e9 @-@ bar , \u5948\u826f ( \u30b7\u30ab )"},
      {"- first\tand  second -", "- first and second -"},
      {"e.g. this vs. that at example.com.", "e.g. this vs. that at example.com."},
      {"", ""},
      {"...", "..."},
  };
  for (const auto& [plain, expected] : cases) EXPECT_EQ(wikitext_words(plain), expected);
}

TEST(WikitextRows, AreAnArticle) {
  EXPECT_EQ(wikitext_rows("M-82 (Michigan)",
                          "M-82 is a road.\nIt is long.\nHistory.\nIt began.\nRoutes.\nMaps.\n"
                          "Early days.\nOld road.\nIt was built in 1990.\nSee also.\n"),
            " \n = M @-@ 82 ( Michigan ) = \n \n M @-@ 82 is a road . \n It is long . \n"
            " \n = = History = = \n \n It began . \n"
            " \n = = Early days = = \n \n = = = Old road = = = \n \n It was built in 1990 . \n \n");
}

TEST(PlainHeadings, AreToldFromSentences) {
  for (const char* heading :
       {"History.", "Early life.", "2007–09 takeover role.", "NABA Annual General Meeting.",
        "Departure of Joey Wilson, \"Fallen\" & \"Rise\" (2012–present).", "\"College Act\"."})
    EXPECT_TRUE(is_plain_heading(heading)) << heading;
  for (const char* line :
       {"He has been a member of Le Siècle.", "The village remained under Martial Law until 1966.",
        "No full stop", "to typical social development.", "Wait...", "It began.",
        "One sentence here. And another one there.", "."})
    EXPECT_FALSE(is_plain_heading(line)) << line;
}

// WikiText's validation text as it may have been before it was parted.
std::string put_together(std::string row) {
  const auto replace = [&](std::string_view from, std::string_view to) {
    for (std::size_t at = 0; (at = row.find(from, at)) != std::string::npos; at += to.size())
      row.replace(at, from.size(), to);
  };
  replace(" @-@ ", "-");
  replace(" @,@ ", ",");
  replace(" @.@ ", ".");
  for (const char* mark : {",", ".", ";", ":", "!", "?", ")", "]", "%"})
    replace(std::string(" ") + mark, mark);
  for (const char* mark : {"(", "[", "$", "£"}) replace(std::string(mark) + " ", mark);
  for (const char* mark : {" – ", " — ", " / "})
    replace(mark, std::string_view(mark).substr(1, std::string_view(mark).size() - 2));
  bool open = false;
  for (std::size_t at = 0; (at = row.find('"', at)) != std::string::npos; ++at, open = !open) {
    if (!open && at + 1 < row.size() && row[at + 1] == ' ') row.erase(at + 1, 1);
    if (open && at > 0 && row[at - 1] == ' ') row.erase(--at, 1);
  }
  for (std::size_t at = 0; (at = row.find(" '", at)) != std::string::npos; ++at)
    if (at + 2 < row.size() && row[at + 2] != ' ') row.erase(at, 1);
  return row;
}

TEST(WikitextWords, GiveWikitextBack) {
  std::istringstream file(read_file(asset_path("wikitext-2/wiki.valid.raw")));
  std::int64_t words = 0, different = 0, rows = 0, same_rows = 0;
  for (std::string row; std::getline(file, row);) {
    if (row.size() < 3 || heading_level(row) > 0) continue;
    const auto expected = row.substr(1, row.size() - 2);
    const auto made = wikitext_words(put_together(expected));
    std::map<std::string, std::int64_t> counts;
    std::istringstream a(expected), b(made);
    for (std::string word; a >> word; ++words) ++counts[word];
    for (std::string word; b >> word;) --counts[word];
    for (const auto& [word, n] : counts) different += n > 0 ? n : 0;
    ++rows;
    same_rows += made == expected;
  }
  ASSERT_GT(words, 200000);
  RecordProperty("different_words", static_cast<int>(different));
  RecordProperty("same_rows", static_cast<int>(same_rows));
  EXPECT_LT(static_cast<double>(different) / static_cast<double>(words), 0.005);
  EXPECT_GT(static_cast<double>(same_rows) / static_cast<double>(rows), 0.7);
}

}  // namespace
}  // namespace gyre::text
