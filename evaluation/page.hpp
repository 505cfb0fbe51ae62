#pragma once
// The frame of every HTML page: head, style sheet, heading, footer.
#include <string>
#include <string_view>
#include <vector>

#include "evaluation/report.hpp"

namespace cmtl {

// A whole document around `body` (HTML); the other arguments are plain text.
std::string html_page(std::string_view title, std::string_view subtitle, std::string_view body,
                      std::string_view footer);

// Pieces of a body. `inner` is HTML, everything else plain text.
std::string html_section(std::string_view heading, std::string_view inner);
std::string html_card(std::string_view heading, std::string_view inner);
std::string html_facts(const Facts& facts);  // a two-column table
std::string html_breakable(std::string_view name);  // plain text that may be broken where its words begin
std::string html_note(std::string_view inner);  // a small paragraph below charts and tables

// A table whose first row and first column head the others. Cells are HTML; `kind` is a row's class ("sub": set back).
struct HtmlRow {
    std::vector<std::string> cells;
    std::string kind{};
};
std::string html_table(std::string_view css, const std::vector<std::string>& header, const std::vector<HtmlRow>& rows);
std::string html_tiles(const Facts& facts);  // the large figures at the top
std::string html_warnings(const std::vector<std::string>& warnings);
std::string base64(std::string_view bytes);

}  // namespace cmtl
