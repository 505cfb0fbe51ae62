#pragma once
// The frame of every HTML page: head, style sheet, heading, footer.
#include <string>
#include <string_view>

#include "evaluation/report.hpp"

namespace cmtl {

// A whole document around `body` (HTML); the other arguments are plain text.
std::string html_page(std::string_view title, std::string_view subtitle, std::string_view body,
                      std::string_view footer);

// Pieces of a body. `inner` is HTML, everything else plain text.
std::string html_section(std::string_view heading, std::string_view inner);
std::string html_card(std::string_view heading, std::string_view inner);
std::string html_facts(const Facts& facts);  // a two-column table
std::string html_tiles(const Facts& facts);  // the large figures at the top
std::string html_warnings(const std::vector<std::string>& warnings);
std::string base64(std::string_view bytes);

}  // namespace cmtl
