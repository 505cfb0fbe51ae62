#include "base/csv.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <unordered_set>

#include "base/error.hpp"
#include "base/files.hpp"

namespace cmtl {

namespace {
constexpr const char* tag = "csv";

std::string_view trimmed(std::string_view s) {
    const size_t first = s.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return s.substr(first, s.find_last_not_of(" \t") - first + 1);
}

// "a very long ..." : values in messages stay readable.
std::string shortened(std::string_view s, size_t most = 60) {
    return s.size() <= most ? std::string(s) : std::string(s.substr(0, most)) + "...";
}

bool same_ignoring_case(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](unsigned char x, unsigned char y) { return std::tolower(x) == std::tolower(y); });
}

std::optional<double> parse_double(std::string_view s) {
    if (!s.empty() && s.front() == '+') s.remove_prefix(1);
    double value = 0;
    const auto [end, code] = std::from_chars(s.data(), s.data() + s.size(), value);
    if (end != s.data() + s.size() || s.empty()) return std::nullopt;
    // Out of range: from_chars leaves the value alone; a denormal that rounds to zero is no error of the user's.
    if (code == std::errc::result_out_of_range) return std::strtod(std::string(s).c_str(), nullptr);
    if (code != std::errc{}) return std::nullopt;
    return value;
}

// Walks the text once; a row is handed over when its line ends.
class Parser {
  public:
    Parser(std::string_view text, CsvTable& table) : text_(text), table_(table) {}

    void run() {
        while (at_ < text_.size()) {
            row_line_ = line_;
            read_row();
        }
    }

  private:
    [[noreturn]] void bad(int64_t line, std::string_view what) const {
        fail(ErrorKind::input, tag, "{}:{}: {}", table_.file.string(), line, what);
    }

    bool at_line_end() const { return at_ >= text_.size() || text_[at_] == '\n' || text_[at_] == '\r'; }

    void skip_line_end() {
        if (at_ >= text_.size()) return;
        at_ += text_[at_] == '\r' && at_ + 1 < text_.size() && text_[at_ + 1] == '\n' ? 2 : 1;
        ++line_;
    }

    void read_row() {
        std::vector<std::string> cells;
        cells.reserve(table_.header.size());
        bool quoted = false;
        for (;;) {
            if (at_ < text_.size() && text_[at_] == '"') {
                cells.push_back(quoted_cell());
                quoted = true;
            } else {
                size_t end = at_;
                while (end < text_.size() && text_[end] != ',' && text_[end] != '\n' && text_[end] != '\r') ++end;
                cells.emplace_back(text_.substr(at_, end - at_));
                at_ = end;
            }
            if (at_line_end()) break;
            ++at_;  // the comma
        }
        skip_line_end();
        if (cells.size() == 1 && !quoted && trimmed(cells[0]).empty()) return;
        add(std::move(cells));
    }

    std::string quoted_cell() {
        std::string cell;
        const int64_t opened = line_;
        ++at_;
        for (;;) {
            const size_t quote = text_.find('"', at_);
            if (quote == std::string_view::npos)
                bad(opened, "a quoted cell opens here and never ends; close it with '\"'");
            const std::string_view piece = text_.substr(at_, quote - at_);
            line_ += std::count(piece.begin(), piece.end(), '\n');
            cell += piece;
            at_ = quote + 1;
            if (at_ >= text_.size() || text_[at_] != '"') break;
            cell += '"';
            ++at_;
        }
        if (!at_line_end() && text_[at_] != ',')
            bad(line_,
                fmt::format("'{}' follows a closing quote; a quote inside a quoted cell is written twice", text_[at_]));
        return cell;
    }

    void add(std::vector<std::string> cells) {
        if (table_.header.empty()) {
            std::unordered_set<std::string_view> seen;
            for (std::string& name : cells) name = trimmed(name);
            for (const std::string& name : cells)
                if (!name.empty() && !seen.insert(name).second)
                    bad(row_line_,
                        fmt::format("the header names column '{}' twice; rename one of them", shortened(name)));
            table_.header = std::move(cells);
            return;
        }
        if (cells.size() != table_.header.size())
            bad(row_line_, fmt::format("the row has {} cells and the header {}; it begins with '{}'", cells.size(),
                                       table_.header.size(), shortened(cells[0])));
        table_.rows.push_back(std::move(cells));
        table_.lines.push_back(row_line_);
    }

    std::string_view text_;
    CsvTable& table_;
    size_t at_ = 0;
    int64_t line_ = 1, row_line_ = 1;
};

void append_row(std::string& out, const std::vector<std::string>& cells) {
    for (size_t c = 0; c < cells.size(); ++c) {
        if (c) out += ',';
        // A row of one empty cell would read back as a blank line.
        out += cells.size() == 1 && trimmed(cells[0]).empty() ? '"' + cells[0] + '"' : csv_cell(cells[c]);
    }
    out += '\n';
}
}  // namespace

std::optional<size_t> CsvTable::find(std::string_view name) const {
    const auto it = std::find(header.begin(), header.end(), name);
    if (it == header.end()) return std::nullopt;
    return static_cast<size_t>(it - header.begin());
}

size_t CsvTable::column(std::string_view name) const {
    if (const auto found = find(name)) return *found;
    std::string hint;
    for (const std::string& h : header)
        if (same_ignoring_case(h, name)) hint = fmt::format("; '{}' differs only in case", h);
    if (hint.empty() && header.size() == 1 && header[0].find_first_of(";\t") != std::string::npos)
        hint = "; cells must be separated by commas";
    std::string names;
    for (size_t i = 0; i < header.size() && i < 12; ++i) names += (i ? ", " : "") + shortened(header[i], 40);
    if (header.size() > 12) names += fmt::format(", ... ({} columns)", header.size());
    fail(ErrorKind::input, tag, "{}: no column '{}'{} (the header has: {})", file.string(), name, hint, names);
}

bool CsvTable::missing(size_t row, size_t column) const { return trimmed(rows[row][column]).empty(); }

double CsvTable::number(size_t row, size_t column) const {
    const auto value = parse_double(trimmed(rows[row][column]));
    if (!value) reject(row, column, "is not a number");
    if (!std::isfinite(*value)) reject(row, column, "is not a finite number");
    return *value;
}

double CsvTable::number_or_nan(size_t row, size_t column) const {
    const std::string_view s = trimmed(rows[row][column]);
    if (s.empty()) return std::numeric_limits<double>::quiet_NaN();
    const auto value = parse_double(s);
    if (!value) reject(row, column, "is not a number");
    return *value;
}

int64_t CsvTable::integer(size_t row, size_t column) const {
    const std::string_view s = trimmed(rows[row][column]);
    int64_t value = 0;
    const auto [end, code] = std::from_chars(s.data(), s.data() + s.size(), value);
    if (code == std::errc{} && end == s.data() + s.size()) return value;
    // Tables that went through a spreadsheet say 1.0.
    const auto real = parse_double(s);
    if (!real || *real != std::floor(*real) || std::abs(*real) > 9007199254740992.0)
        reject(row, column, "is not a whole number");
    return static_cast<int64_t>(*real);
}

std::string CsvTable::place(size_t row) const {
    if (row < lines.size()) return fmt::format("{}:{}", file.string(), lines[row]);
    return fmt::format("{}: row {}", file.string(), row + 1);
}

void CsvTable::reject(size_t row, size_t column, std::string_view what) const {
    fail(ErrorKind::input, tag, "{}: column {}: '{}' {}", place(row), header[column], shortened(rows[row][column]),
         what);
}

CsvTable parse_csv(std::string_view text, std::filesystem::path name) {
    CsvTable table;
    table.file = std::move(name);
    if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
    if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
        fail(ErrorKind::input, tag, "{}: the text is UTF-16; save it as UTF-8", table.file.string());
    if (text.find('\0') != std::string_view::npos)
        fail(ErrorKind::input, tag, "{}: not a text file (it holds zero bytes)", table.file.string());
    Parser(text, table).run();
    if (table.header.empty())
        fail(ErrorKind::input, tag, "{}: the file is empty; a header line is needed", table.file.string());
    return table;
}

CsvTable read_csv(const std::filesystem::path& path) { return parse_csv(read_file(path), path); }

std::string csv_cell(std::string_view text) {
    const bool blanks = !text.empty() && (text.front() == ' ' || text.back() == ' ');
    if (!blanks && text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
    std::string out = "\"";
    for (const char c : text) {
        if (c == '"') out += '"';
        out += c;
    }
    return out + '"';
}

std::string csv_cell(double value) { return std::isnan(value) ? std::string() : fmt::format("{}", value); }

std::string csv_text(const CsvTable& table) {
    std::string out;
    append_row(out, table.header);
    for (const auto& row : table.rows) {
        require(row.size() == table.header.size(), tag, "{}: a row of {} cells under a header of {}",
                table.file.string(), row.size(), table.header.size());
        append_row(out, row);
    }
    return out;
}

void write_csv(const std::filesystem::path& path, const CsvTable& table) { write_file(path, csv_text(table)); }

}  // namespace cmtl
