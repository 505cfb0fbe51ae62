#pragma once
// CSV tables as RFC 4180 describes them: manifests, labels, feature tables, predictions.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace cmtl {

// A header and rows of equal width. Rows are counted from 0; messages count lines of the file from 1, as editors do.
struct CsvTable {
    std::filesystem::path file;  // named in messages
    std::vector<std::string> header;
    std::vector<std::vector<std::string>> rows;
    std::vector<int64_t> lines;  // where each row begins in the file; empty for a table that was not read from one

    // The column's position; column() throws Error(input) that lists what the header has instead.
    std::optional<size_t> find(std::string_view name) const;
    size_t column(std::string_view name) const;

    // Cells. `text` and `missing` (nothing but blanks) never throw; the others throw Error(input) that names file,
    // line, column and value. `number` takes finite numbers only; `number_or_nan` also an empty cell, "nan" and "inf".
    const std::string& text(size_t row, size_t column) const { return rows[row][column]; }
    bool missing(size_t row, size_t column) const;
    double number(size_t row, size_t column) const;
    double number_or_nan(size_t row, size_t column) const;
    int64_t integer(size_t row, size_t column) const;

    // Throws Error(input) "FILE:LINE: column NAME: 'VALUE' WHAT": for the checks that only the caller can make.
    [[noreturn]] void reject(size_t row, size_t column, std::string_view what) const;
    // "FILE:LINE"
    std::string place(size_t row) const;
};

// Reads a comma-separated UTF-8 file whose first line is the header. Quoted cells may hold commas, quotes (doubled) and
// line ends; CR LF, LF and CR end a line; a byte-order mark and blank lines are skipped; blanks around header names go.
// Throws Error(input) with file and line for: an empty file, a row with another number of cells than the header, an
// open quote, text after a closing quote, a column name that stands twice, binary content.
CsvTable read_csv(const std::filesystem::path& path);
CsvTable parse_csv(std::string_view text, std::filesystem::path name);

// The table as text, LF line ends, cells quoted only where they must be; and written whole or not at all.
std::string csv_text(const CsvTable& table);
void write_csv(const std::filesystem::path& path, const CsvTable& table);

// One cell, quoted where needed; a number as the shortest text that reads back as the same double (NaN: empty).
std::string csv_cell(std::string_view text);
std::string csv_cell(double value);

}  // namespace cmtl
