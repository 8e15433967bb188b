// WikiText's way of writing: its rows, and its words and marks parted by blanks. What turns an article of
// Wikipedia into it.
#pragma once

#include <string>
#include <string_view>

namespace gyre::text {

// An article as WikiText's rows, from " \n = Title = \n \n" to a blank row at its end; paragraphs are lines
// of text. A line that ends in one full stop, has at most 10 words and reads like a heading is one ("Early
// life."; dumps of plain text write headings so): of level 2, or 3 where it follows another heading at once,
// since no more is known of its level. Headings with nothing below them go. UTF-8 in, UTF-8 out.
std::string wikitext_rows(std::string_view title, std::string_view text);

// One line, its words and marks parted by single blanks, without blanks at its ends:
// - a hyphen between letters or digits becomes " @-@ "; a comma or full stop inside a number " @,@ ", " @.@
// ",
//   unless a letter stands at the number ("9.9M" stays);
// - ' begins what follows it ("club 's", "don 't", "O 'Brien"); elsewhere it stands alone;
// - . , and every other character that is neither letter nor digit stands alone, several full stops together;
//   a full stop stays at initials ("J.", "U.S."), at abbreviations before a word (Mr., St., No. 1), and
//   before a word in lower case;
// - two " in a row (italics in quotes) are one.
std::string wikitext_words(std::string_view line);

// Whether a line of plain text reads like a heading (above).
bool is_plain_heading(std::string_view line);

}  // namespace gyre::text
