#include "base/csv.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <random>

#include <unistd.h>

#include "base/error.hpp"
#include "base/files.hpp"

namespace cmtl {
namespace {

std::string message_of(const std::function<void()>& f) {
    try {
        f();
    } catch (const Error& e) {
        EXPECT_EQ(e.kind(), ErrorKind::input) << e.what();
        return e.what();
    }
    ADD_FAILURE() << "no error";
    return {};
}

std::string error_of(std::string_view text) {
    return message_of([&] { parse_csv(text, "t.csv"); });
}

TEST(Csv, QuotedCellsHoldCommasQuotesAndLineEnds) {
    const CsvTable t = parse_csv("ID,Note\r\n1,\"a, \"\"b\"\"\r\nc\"\r\n2,\r\n", "t.csv");
    ASSERT_EQ(t.rows.size(), 2u);
    EXPECT_EQ(t.header, (std::vector<std::string>{"ID", "Note"}));
    EXPECT_EQ(t.text(0, 1), "a, \"b\"\r\nc");
    EXPECT_EQ(t.lines, (std::vector<int64_t>{2, 4}));
    EXPECT_TRUE(t.missing(1, 1));
}

TEST(Csv, ByteOrderMarkBlankLinesAndLineEndsOfEveryKind) {
    for (const char* text :
         {"\xEF\xBB\xBF ID , CT\n1,0\n\n2,1", "ID,CT\r\n\r\n1,0\r\n2,1\r\n\r\n", "ID,CT\r1,0\r2,1\r"}) {
        const CsvTable t = parse_csv(text, "t.csv");
        EXPECT_EQ(t.header, (std::vector<std::string>{"ID", "CT"})) << text;
        ASSERT_EQ(t.rows.size(), 2u) << text;
        EXPECT_EQ(t.integer(1, t.column("CT")), 1) << text;
    }
}

TEST(Csv, HeaderAloneIsATableWithoutRows) { EXPECT_TRUE(parse_csv("ID,CT\n", "t.csv").rows.empty()); }

TEST(Csv, ErrorsNameFileLineAndCause) {
    EXPECT_NE(error_of("a,b\n1,2\n3\n").find("t.csv:3: the row has 1 cells and the header 2"), std::string::npos);
    EXPECT_NE(error_of("a,b\n\"x\ny\",2\n3,4,5\n").find("t.csv:4: the row has 3 cells"), std::string::npos);
    EXPECT_NE(error_of("a,b\n1,\"2\n3,4\n").find("t.csv:2: a quoted cell opens here"), std::string::npos);
    EXPECT_NE(error_of("a,b\n1,\"2\"x\n").find("t.csv:2: 'x' follows a closing quote"), std::string::npos);
    EXPECT_NE(error_of("a,b,a\n1,2,3\n").find("t.csv:1: the header names column 'a' twice"), std::string::npos);
    EXPECT_NE(error_of("").find("empty"), std::string::npos);
    EXPECT_NE(error_of("\n\n").find("empty"), std::string::npos);
    EXPECT_NE(error_of(std::string_view("a,b\n1,\0\n", 8)).find("not a text file"), std::string::npos);
    EXPECT_NE(error_of("\xFF\xFE"
                       "a\n")
                  .find("UTF-16"),
              std::string::npos);
    EXPECT_NE(message_of([] { read_csv("/nonexistent/x.csv"); }).find("/nonexistent/x.csv"), std::string::npos);
}

TEST(Csv, ColumnLookupListsWhatThereIs) {
    const CsvTable t = parse_csv("ID,ct\n1,0\n", "t.csv");
    EXPECT_FALSE(t.find("CT"));
    const std::string m = message_of([&] { t.column("CT"); });
    EXPECT_NE(m.find("t.csv: no column 'CT'; 'ct' differs only in case (the header has: ID, ct)"), std::string::npos)
        << m;
    EXPECT_NE(message_of([] { parse_csv("ID;CT\n1;0\n", "t.csv").column("ID"); }).find("separated by commas"),
              std::string::npos);
}

TEST(Csv, TypedCells) {
    const CsvTable t =
        parse_csv("v\n 1.5 \n-3e2\n+7\n2.0\nnan\ninf\nx1\n1x\n\"\"\n1e400\n1e-400\n12345678901234567\n", "t.csv");
    EXPECT_EQ(t.number(0, 0), 1.5);
    EXPECT_EQ(t.number(1, 0), -300);
    EXPECT_EQ(t.number(2, 0), 7);
    EXPECT_EQ(t.integer(2, 0), 7);
    EXPECT_EQ(t.integer(3, 0), 2);
    EXPECT_EQ(t.integer(1, 0), -300);
    EXPECT_EQ(t.integer(11, 0), 12345678901234567);
    EXPECT_EQ(t.number(10, 0), 0);
    EXPECT_TRUE(std::isnan(t.number_or_nan(4, 0)));
    EXPECT_TRUE(std::isnan(t.number_or_nan(8, 0)));
    EXPECT_NE(message_of([&] { t.number(4, 0); }).find("t.csv:6: column v: 'nan' is not a finite number"),
              std::string::npos);
    for (const size_t row : {6u, 7u}) {
        EXPECT_NE(message_of([&] { t.number(row, 0); }).find("is not a number"), std::string::npos);
        EXPECT_NE(message_of([&] { t.number_or_nan(row, 0); }).find("is not a number"), std::string::npos);
    }
    for (const size_t row : {5u, 9u})
        EXPECT_NE(message_of([&] { t.number(row, 0); }).find("finite"), std::string::npos);
    for (const size_t row : {0u, 4u, 5u, 6u, 8u})
        EXPECT_NE(message_of([&] { t.integer(row, 0); }).find("is not a whole number"), std::string::npos) << row;
}

TEST(Csv, WhatIsWrittenReadsBackTheSame) {
    std::mt19937 random(7);
    const std::string alphabet = "ab,\"\n\r 1;\xC3\xA9";
    for (int trial = 0; trial < 200; ++trial) {
        CsvTable t;
        t.file = "t.csv";
        const size_t width = 1 + random() % 4;
        for (size_t c = 0; c < width; ++c) t.header.push_back("c" + std::to_string(c));
        for (size_t r = 0; r < random() % 5; ++r) {
            std::vector<std::string> row(width);
            for (std::string& cell : row)
                for (size_t i = random() % 6; i > 0; --i) cell += alphabet[random() % alphabet.size()];
            t.rows.push_back(row);
        }
        const std::string text = csv_text(t);
        const CsvTable back = parse_csv(text, "t.csv");
        EXPECT_EQ(back.header, t.header) << text;
        EXPECT_EQ(back.rows, t.rows) << text;
    }
}

TEST(Csv, NumbersReadBackAsTheSameDouble) {
    for (const double v : {0.1, 1.0 / 3, 1e-300, 123456789.123456789, -0.0, 5e-324}) {
        const CsvTable t = parse_csv("v\n" + csv_cell(v) + "\n", "t.csv");
        EXPECT_EQ(t.number(0, 0), v);
    }
    EXPECT_EQ(csv_cell(std::nan("")), "");
    EXPECT_EQ(csv_cell(3.0), "3");
}

TEST(Csv, WritesFiles) {
    const auto path = std::filesystem::temp_directory_path() / ("cmtl_csv_" + std::to_string(::getpid()) + ".csv");
    write_csv(path, parse_csv("ID,CT\na,1\n", "t.csv"));
    EXPECT_EQ(read_file(path), "ID,CT\na,1\n");
    EXPECT_EQ(read_csv(path).rows.size(), 1u);
    std::filesystem::remove(path);
}

TEST(Csv, PublishedTables) {
    const char* set = std::getenv("CMTL_TEST_DATA");
    const std::filesystem::path data = set ? set : CMTL_SOURCE_DIR "/../shared/data";
    if (!std::filesystem::exists(data / "cohort/labels.csv")) GTEST_SKIP() << "no test data at " << data;
    const CsvTable labels = read_csv(data / "cohort/labels.csv"),
                   features = read_csv(data / "cohort/radiofeatures.csv");
    EXPECT_EQ(labels.rows.size(), 930u);
    EXPECT_EQ(features.rows.size(), 930u);
    EXPECT_EQ(features.header.size(), 376u);
    for (size_t r = 0; r < features.rows.size(); ++r)
        for (size_t c = 1; c < features.header.size(); ++c) EXPECT_TRUE(std::isfinite(features.number(r, c)));
}

}  // namespace
}  // namespace cmtl
