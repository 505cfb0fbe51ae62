// Stored values to Hounsfield units: padding, rescaling, bits.
#include <gtest/gtest.h>

#include "io/dicom_series_writer.hpp"
#include "io/read_error.hpp"
#include "test_data.hpp"

namespace cmtl {
namespace {

using test::DicomSlice;
using test::error_of;
using test::expect_slice;
using test::read_back;
using test::TemporaryFolder;
using test::write_stack;

TEST(DicomValues, PaddingIsAir) {
    TemporaryFolder folder;
    // As scanners write it: -2000 outside of the circle, in a signed and in an unsigned element.
    for (const int representation : {1, 0}) {
        const auto path = folder / std::to_string(representation);
        const int16_t stored = representation ? int16_t{-2000} : int16_t{3};
        write_stack(path, 6, [&](DicomSlice& s, int) {
            s.representation = representation;
            s.padding = representation ? 65536 - 2000 : 3;
            s.pixels[3] = s.pixels[29] = stored;
            s.pixels[4] = static_cast<int16_t>(stored + 1);
        });
        const auto back = read_back(path);
        for (int k = 0; k < 6; ++k) {
            EXPECT_EQ(back.volume.at(3, 0, k), -1024);
            EXPECT_EQ(back.volume.at(4, 5, k), -1024);
            EXPECT_EQ(back.volume.at(4, 0, k), stored + 1 - 1024);
            EXPECT_EQ(back.volume.at(2, 0, k), 100 * k + 2 - 1024);
        }
        // As it is stored for those who ask for the file's own values.
        std::visit([&](const auto& image) { EXPECT_EQ(image.at(3, 0, 2), stored - 1024); }, read_image(path));
    }
}

TEST(DicomValues, PaddingMayBeARangeOfTheStoredBits) {
    TemporaryFolder folder;
    write_stack(folder.path(), 6, [](DicomSlice& s, int) {
        s.bits_stored = 12;
        s.padding = 0xF80;        // -128 in twelve bits
        s.padding_limit = 0xF00;  // -256
        s.pixels[1] = -128, s.pixels[2] = -200, s.pixels[3] = -256, s.pixels[4] = -257, s.pixels[5] = -127;
        s.intercept = -1000;
    });
    const auto back = read_back(folder.path());
    for (int i = 1; i < 4; ++i) EXPECT_EQ(back.volume.at(i, 0, 0), -1024) << i;
    EXPECT_EQ(back.volume.at(4, 0, 0), -1257);
    EXPECT_EQ(back.volume.at(0, 1, 0), -1127);
}

TEST(DicomValues, PaddingThatCouldBeTissueCountsWhereACornerHasIt) {
    TemporaryFolder folder;
    for (const bool corner : {false, true}) {
        const auto path = folder / std::to_string(corner);
        write_stack(path, 6, [&](DicomSlice& s, int) {
            s.intercept = 0;
            for (int16_t& v : s.pixels) v = static_cast<int16_t>(v - 1000);
            s.padding = 0;
            s.pixels[7] = 0;  // water
            if (corner) s.pixels[25] = 0;
        });
        const auto back = read_back(path);
        EXPECT_EQ(back.volume.at(2, 1, 1), corner ? -1024 : 0);
        EXPECT_EQ(back.volume.at(0, 5, 1), corner ? -1024 : 100 + 25 - 1000);
    }
}

TEST(DicomValues, ARescaleThatIsMissingIsToldAndOneThatIsWrongIsRefused) {
    TemporaryFolder folder;
    write_stack(folder / "missing", 6, [](DicomSlice& s, int) {
        s.with_rescale = false;
        for (int16_t& v : s.pixels) v = static_cast<int16_t>(v - 1024);
    });
    auto back = read_back(folder / "missing");
    expect_slice(back.volume, 3, 3);
    EXPECT_WARNED(back, "6 of 6 slices have no rescale slope or intercept");

    const auto typed = [&](const std::string& type) {
        write_stack(folder / type, 6, [&](DicomSlice& s, int) { s.rescale_type = type; });
        return folder / type;
    };
    EXPECT_TRUE(read_back(typed("HU")).report.warnings.empty());
    EXPECT_WARNED(read_back(typed("US")), "US (unspecified)");
    EXPECT_ERROR(typed("Z_EFF"), "rescale type (0028,1054) is 'Z_EFF'");

    write_stack(folder / "zero", 6, [](DicomSlice& s, int n) { s.slope = n == 2 ? 0 : 1; });
    EXPECT_ERROR(folder / "zero", "rescale slope (0028,1053) of 0");
}

TEST(DicomValues, ValuesWithTheirOffsetStillOnAreToldByWhatTheyLookLike) {
    TemporaryFolder folder;
    for (const bool given : {false, true}) {
        const auto path = folder / std::to_string(given);
        write_stack(path, 6, [&](DicomSlice& s, int) {
            s.intercept = 0;
            s.with_rescale = given;
            for (size_t v = 0; v < s.pixels.size(); ++v) s.pixels[v] = static_cast<int16_t>(v % 3 ? 1060 + v : v);
        });
        EXPECT_ERROR(path, "as if they were HU + 1024");
        EXPECT_ERROR(path, given ? "intercept (0028,1052) is 0" : "intercept (0028,1052) is missing");
    }
}

TEST(DicomValues, StoredBitsAreTakenFromWhereverTheyLie) {
    TemporaryFolder folder;
    struct Bits {
        int stored, high, representation;
    };
    for (const Bits bits : {Bits{12, 11, 0}, Bits{12, 11, 1}, Bits{12, 13, 1}, Bits{12, 15, 0}, Bits{13, 14, 1},
                            Bits{16, 15, 0}, Bits{16, 15, 1}}) {
        const std::string name = fmt::format("{}_{}_{}", bits.stored, bits.high, bits.representation);
        const int shift = bits.high - bits.stored + 1, mask = ((1 << bits.stored) - 1) << shift;
        write_stack(folder / name, 6, [&](DicomSlice& s, int) {
            s.bits_stored = bits.stored, s.high_bit = bits.high, s.representation = bits.representation;
            if (bits.representation) {
                s.intercept = -724;  // half of the values are negative
                for (int16_t& v : s.pixels) v = static_cast<int16_t>(v - 300);
            }
            // Overlays all around.
            for (int16_t& v : s.pixels) v = static_cast<int16_t>(((v << shift) & mask) | (0x5A5A & ~mask));
        });
        const auto back = read_back(folder / name);
        for (int k = 0; k < 6; ++k) expect_slice(back.volume, k, k);
    }
}

}  // namespace
}  // namespace cmtl
