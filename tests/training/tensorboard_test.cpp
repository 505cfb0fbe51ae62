// Event files, read by a parser of the formats' definitions that shares nothing with the writer.
#include "training/tensorboard.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "training/training_fixtures.hpp"

namespace cmtl {
namespace {

namespace fs = std::filesystem;

// RFC 3720 as it is written down: bits are a polynomial, divided one by one.
uint32_t slow_crc32c(const std::string& bytes) {
    uint32_t remainder = 0xFFFFFFFF;
    const auto feed = [&](int bit) {
        const bool out = (remainder >> 31) != 0;
        remainder = (remainder << 1) ^ (out != (bit != 0) ? 0x1EDC6F41u : 0u);
    };
    for (const char c : bytes)
        for (int bit = 0; bit < 8; ++bit) feed((static_cast<unsigned char>(c) >> bit) & 1);
    uint32_t reflected = 0;
    for (int bit = 0; bit < 32; ++bit) reflected |= ((remainder >> bit) & 1) << (31 - bit);
    return ~reflected;
}

uint64_t little_endian(const std::string& bytes, size_t at, size_t count) {
    uint64_t value = 0;
    for (size_t i = 0; i < count; ++i) value |= uint64_t{static_cast<unsigned char>(bytes.at(at + i))} << (8 * i);
    return value;
}

bool crc_fits(const std::string& bytes, uint64_t stored) {
    const uint32_t crc = slow_crc32c(bytes);
    return static_cast<uint32_t>(((crc >> 15) | (crc << 17)) + 0xa282ead8u) == stored;
}

// Fields of a message: number -> content (varints and fixed numbers as little-endian bytes).
std::multimap<uint64_t, std::string> fields_of(const std::string& message) {
    std::multimap<uint64_t, std::string> fields;
    size_t at = 0;
    const auto varint = [&] {
        uint64_t value = 0;
        for (int shift = 0;; shift += 7) {
            const auto byte = static_cast<unsigned char>(message.at(at++));
            value += uint64_t{byte % 128u} << shift;
            if (byte < 128) return value;
        }
    };
    while (at < message.size()) {
        const uint64_t key = varint();
        size_t length = 0;
        if (key % 8 == 0) {
            const uint64_t value = varint();
            fields.emplace(key / 8, std::string(reinterpret_cast<const char*>(&value), 8));
            continue;
        }
        length = key % 8 == 1 ? 8 : key % 8 == 5 ? 4 : varint();
        EXPECT_TRUE(key % 8 == 1 || key % 8 == 5 || key % 8 == 2) << key;
        fields.emplace(key / 8, message.substr(at, length));
        at += length;
    }
    return fields;
}

struct Point {
    int64_t step;
    std::string tag;
    float value;
    bool operator==(const Point&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Point& p) { return out << p.step << " " << p.tag << " " << p.value; }

std::vector<Point> points_of(const fs::path& file) {
    const std::string bytes = test::text_of(file);
    std::vector<Point> points;
    size_t at = 0;
    for (int record = 0; at < bytes.size(); ++record) {
        const auto length = little_endian(bytes, at, 8);
        EXPECT_TRUE(crc_fits(bytes.substr(at, 8), little_endian(bytes, at + 8, 4))) << record;
        const std::string data = bytes.substr(at + 12, length);
        EXPECT_TRUE(crc_fits(data, little_endian(bytes, at + 12 + length, 4))) << record;
        at += 16 + length;
        const auto event = fields_of(data);
        double time = 0;
        std::memcpy(&time, event.find(1)->second.data(), 8);
        EXPECT_NEAR(time, static_cast<double>(std::time(nullptr)), 100);
        if (record == 0) {
            EXPECT_EQ(event.find(3)->second, "brain.Event:2");
            continue;
        }
        const auto step = event.find(2);
        for (const auto& [number, content] : fields_of(event.find(5)->second)) {
            EXPECT_EQ(number, 1u);
            const auto value = fields_of(content);
            Point p{static_cast<int64_t>(little_endian(step->second, 0, 8)), value.find(1)->second, 0};
            std::memcpy(&p.value, value.find(2)->second.data(), 4);
            points.push_back(p);
        }
    }
    return points;
}

TEST(TensorBoard, KnowsCrc32c) {
    EXPECT_EQ(crc32c("123456789"), 0xE3069283u);  // RFC 3720, B.4 and the catalogue of CRCs
    EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
    EXPECT_EQ(slow_crc32c("123456789"), 0xE3069283u);
}

TEST(TensorBoard, WritesWhatTheFormatsSay) {
    const test::Folder folder;
    TensorBoardWriter writer(folder / "board", 0);
    EXPECT_TRUE(writer.file().filename().string().starts_with("events.out.tfevents."));
    writer.write(1, {{"train/loss", 0.75}, {"val/auc_CT", 0.5}});
    writer.write(300, {{"train/loss", -1e-3}, {"train/none", std::numeric_limits<double>::quiet_NaN()}});
    writer.write(int64_t{1} << 40, {{std::string(300, 'x'), 1e30}});
    const std::vector<Point> wanted{{1, "train/loss", 0.75f},
                                    {1, "val/auc_CT", 0.5f},
                                    {300, "train/loss", -1e-3f},
                                    {int64_t{1} << 40, std::string(300, 'x'), 1e30f}};
    EXPECT_EQ(points_of(writer.file()), wanted);
}

TEST(TensorBoard, GoesOnAfterTheStepItIsTold) {
    const test::Folder folder;
    fs::path file;
    {
        TensorBoardWriter writer(folder / "board", 0);
        file = writer.file();
        for (int step = 1; step <= 4; ++step) writer.write(step, {{"a", step}});
    }
    std::ofstream(file, std::ios::app | std::ios::binary) << "half a rec";  // a kill
    {
        TensorBoardWriter writer(folder / "board", 4);
        EXPECT_EQ(writer.file(), file);
        EXPECT_EQ(points_of(file).size(), 4u);
    }
    {
        TensorBoardWriter writer(folder / "board", 2);
        writer.write(3, {{"a", 33}});
    }
    const std::vector<Point> wanted{{1, "a", 1}, {2, "a", 2}, {3, "a", 33}};
    EXPECT_EQ(points_of(file), wanted);
    folder.write("board/" + file.filename().string(), "nonsense");
    TensorBoardWriter writer(folder / "board", 2);
    writer.write(3, {{"a", 7}});
    EXPECT_EQ(points_of(file), (std::vector<Point>{{3, "a", 7}}));
    EXPECT_EQ(std::distance(fs::directory_iterator(folder / "board"), {}), 1);
}

}  // namespace
}  // namespace cmtl
