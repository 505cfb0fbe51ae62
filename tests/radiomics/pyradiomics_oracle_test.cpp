// Against the stored results of PyRadiomics with NumPy and PyWavelets (radiomics/oracle of the test data): bin width
// 25, or 1 for the IBSI digital phantom; distance 1; coif1, level 1, of the whole image.
#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

#include "base/csv.hpp"
#include "io/image_io.hpp"
#include "radiomics/discretise.hpp"
#include "radiomics/glcm.hpp"
#include "radiomics/glrlm.hpp"
#include "radiomics/glszm.hpp"
#include "radiomics/radiomics_case.hpp"
#include "radiomics/wavelet.hpp"

namespace cmtl {
namespace {

using namespace test;

const std::filesystem::path folder = data_folder() / "radiomics/oracle";

struct Case {
    Image<int16_t> image;
    Mask mask;
    RadiomicsSettings settings;
};

Case read_case(const std::string& name) {
    Case c;
    if (std::filesystem::exists(folder / (name + "_image.npy"))) {
        c.image = image_of(read_npy<int16_t>(folder / (name + "_image.npy")));
        c.mask = image_of(read_npy<uint8_t>(folder / (name + "_mask.npy")));
    } else {
        const bool ibsi = name == "ibsi_digital_binwidth1";
        const auto radiomics = data_folder() / "radiomics";
        const auto image = ibsi ? radiomics / "ibsi-digital/ibsi_1_digital_phantom/nifti/image/phantom.nii.gz"
                                : radiomics / "pyradiomics" / (name + "_image.nrrd");
        const auto mask = ibsi ? radiomics / "ibsi-digital/ibsi_1_digital_phantom/nifti/mask/mask.nii.gz"
                               : radiomics / "pyradiomics" / (name + "_label.nrrd");
        ReadOptions options;
        options.min_slices = 1;
        options.expect_ct = false;
        const Volume volume = read_volume(image, options);
        c.image = Image<int16_t>(volume.geometry);
        std::copy(volume.voxels.begin(), volume.voxels.end(), c.image.voxels.begin());
        c.mask = read_mask(mask);
        if (ibsi) c.settings.bin_width = 1;
    }
    return c;
}

class PyRadiomicsOracle : public testing::TestWithParam<std::string> {
  protected:
    void SetUp() override { CMTL_NEED_DATA("radiomics/oracle"); }
};
std::string own_name(const testing::TestParamInfo<std::string>& info) { return info.param; }

TEST_P(PyRadiomicsOracle, The375Features) {
    const CsvTable table = read_csv(folder / "oracle_375.csv");
    const size_t column = table.column(GetParam());
    Case c = read_case(GetParam());
    c.settings.features = feature_set("covid-mtl-375");
    for (const Device& device : devices()) {
        SCOPED_TRACE(to_string(device));
        Context context({.device = device});
        std::vector<double> values[2];
        for (const int threads : {1, 2}) {
            const Threads scope(threads);
            const auto result = extract_features(context, c.image, c.mask, c.settings);
            ASSERT_EQ(result.names.size(), table.rows.size());
            for (size_t f = 0; f < table.rows.size(); ++f) {
                ASSERT_EQ(result.names[f], table.text(f, 0));
                expect_feature(result.names[f], result.values[f], table.number_or_nan(f, column));
            }
            values[threads - 1] = result.values;
        }
        EXPECT_EQ(std::memcmp(values[0].data(), values[1].data(), values[0].size() * sizeof(double)), 0)
            << "two threads give other bits than one";
    }
}

TEST_P(PyRadiomicsOracle, RunsAndZonesUnderTheirOwnNames) {
    const CsvTable table = read_csv(folder / "oracle_glrlm_glszm_unmerged.csv");
    Case c = read_case(GetParam());
    for (const auto& f : feature_set("all"))
        if (f.image == 0 && f.feature_class >= FeatureClass::glrlm) c.settings.features.push_back(f);
    for (const Device& device : devices()) {
        SCOPED_TRACE(to_string(device));
        Context context({.device = device});
        const auto values = by_name(extract_features(context, c.image, c.mask, c.settings));
        ASSERT_EQ(values.size(), table.rows.size());
        for (size_t row = 0; row < table.rows.size(); ++row)
            expect_feature(table.text(row, 0), values.at(table.text(row, 0)),
                           table.number_or_nan(row, table.column(GetParam())));
    }
}

INSTANTIATE_TEST_SUITE_P(Volumes, PyRadiomicsOracle,
                         testing::Values("synth_even_48x60x52", "synth_odd_37x41x33", "synth_tiny_even_10x12x14",
                                         "synth_tiny_odd_9x11x13", "synth_flat_16x16x16", "synth_quantised_20x22x24",
                                         "brain1", "breast1", "ibsi_digital_binwidth1"),
                         own_name);

class PyRadiomicsMatrices : public PyRadiomicsOracle {
  protected:
    void SetUp() override {
        PyRadiomicsOracle::SetUp();
        if (IsSkipped()) return;
        c_ = read_case(GetParam());
        roi_ = find_roi(c_.image.geometry.size, [&](int64_t j, int64_t k, uint8_t* row) {
            for (int64_t i = 0; i < c_.mask.nx(); ++i) row[i] = c_.mask.at(i, j, k) == 1;
        });
        for (const RoiRun& run : roi_.runs)
            for (int64_t i = run.begin; i < run.end; ++i)
                values_.push_back(c_.image.at(i + roi_.low[0], run.j + roi_.low[1], run.k + roi_.low[2]));
        volume_ = std::make_unique<LevelVolume<uint8_t>>(roi_, 1);
        levels_ = discretise(roi_, values_, make_binning(value_range(values_), c_.settings, "original"), *volume_);
        for (int l = 1; l <= levels_.highest; ++l)
            if (levels_.voxels[static_cast<size_t>(l) - 1]) present_.push_back(l);
    }
    Case c_;
    Roi roi_;
    std::vector<double> values_;
    std::unique_ptr<LevelVolume<uint8_t>> volume_;
    LevelCounts levels_;
    std::vector<int> present_;
};

TEST_P(PyRadiomicsMatrices, DiscretisedVolume) {
    const auto expected = image_of(read_npy<int32_t>(folder / (GetParam() + "_discretised.npy")));
    int64_t differ = 0;
    for (int64_t k = 0; k < roi_.size[2]; ++k)
        for (int64_t j = 0; j < roi_.size[1]; ++j)
            for (int64_t i = 0; i < roi_.size[0]; ++i)
                differ += *volume_->at(i, j, k) != expected.at(i + roi_.low[0], j + roi_.low[1], k + roi_.low[2]);
    EXPECT_EQ(differ, 0);
}

TEST_P(PyRadiomicsMatrices, SubBandsToTheBit) {
    std::array<std::vector<double>, sub_bands> values;
    std::array<double*, sub_bands> out;
    const auto read = [&](int64_t j, int64_t k, int64_t i, int64_t count, double* to) {
        std::copy_n(&c_.image.at(i, j, k), count, to);
    };
    // The ROI, and the whole volume, whose ends are wrapped around.
    const Roi whole =
        find_roi(c_.image.geometry.size, [&](int64_t, int64_t, uint8_t* row) { std::fill_n(row, c_.image.nx(), 1); });
    for (const Roi* roi : std::initializer_list<const Roi*>{&roi_, &whole}) {
        for (size_t b = 0; b < sub_bands; ++b)
            out[b] = (values[b] = std::vector<double>(static_cast<size_t>(roi->voxels))).data();
        wavelet<double>(*roi, read, out);
        for (size_t b = 0; b < sub_bands; ++b) {
            const auto expected =
                image_of(read_npy<double>(folder / (GetParam() + "_" + std::string(image_type_names[b + 1]) + ".npy")));
            int64_t differ = 0;
            for (const RoiRun& run : roi->runs)
                for (int64_t i = run.begin; i < run.end; ++i)
                    differ += values[b][static_cast<size_t>(run.first + i - run.begin)] !=
                              expected.at(i + roi->low[0], run.j + roi->low[1], run.k + roi->low[2]);
            EXPECT_EQ(differ, 0) << image_type_names[b + 1] << " of " << roi->voxels << " voxels";
        }
    }
}

// PyRadiomics' directions stand in another order: each of ours must be among them, once.
template <class Matrix>
void expect_same_directions(const std::vector<Matrix>& ours, std::vector<Matrix> expected) {
    ASSERT_EQ(ours.size(), expected.size());
    for (const Matrix& m : ours) {
        const auto at = std::find(expected.begin(), expected.end(), m);
        ASSERT_NE(at, expected.end()) << "a direction's matrix is not among PyRadiomics'";
        expected.erase(at);
    }
}

TEST_P(PyRadiomicsMatrices, CoOccurrences) {
    const auto array = read_npy<double>(folder / (GetParam() + "_P_glcm.npy"));
    const size_t n = present_.size(), directions = array.shape.back();
    ASSERT_EQ(array.shape, (std::vector<size_t>{n, n, directions}));
    std::vector<std::vector<double>> expected(directions), ours(directions);
    for (size_t d = 0; d < directions; ++d)
        for (size_t i = 0; i < n * n; ++i) expected[d].push_back(array.values[i * directions + d]);
    const auto offsets = glcm_offsets({1}, roi_.size);
    ASSERT_EQ(offsets.size(), directions);
    const auto ng = static_cast<size_t>(levels_.highest);
    glcm_counts(roi_, *volume_, levels_.highest, offsets, [&](size_t d, const std::vector<uint32_t>& counts) {
        double total = 0;
        for (const uint32_t c : counts) total += 2.0 * c;
        for (const int a : present_)
            for (const int b : present_) {
                const size_t i = static_cast<size_t>(a) - 1, j = static_cast<size_t>(b) - 1;
                ours[d].push_back((static_cast<double>(counts[i * ng + j]) + counts[j * ng + i]) / total);
            }
    });
    expect_same_directions(ours, expected);
}

TEST_P(PyRadiomicsMatrices, RunLengths) {
    const auto array =
        read_npy<double>(folder / (GetParam() + "_P_glrlm.npy"));  // levels present, lengths that occur, direction
    const size_t n = present_.size(), lengths = array.shape[1], directions = array.shape[2];
    const auto offsets = glcm_offsets({1}, roi_.size);
    std::vector<std::vector<SizeCount>> runs(offsets.size());
    count_neighbours(roi_, *volume_, levels_.highest, offsets, [&](const NeighbourCounts& counts) {
        if (has_line_of_two(roi_, offsets[counts.direction])) runs[counts.direction] = glrlm_runs(levels_, counts);
    });
    std::vector<int64_t> occurring;
    for (const auto& direction : runs)
        for (const SizeCount& e : direction) occurring.push_back(e.size);
    std::sort(occurring.begin(), occurring.end());
    occurring.erase(std::unique(occurring.begin(), occurring.end()), occurring.end());
    ASSERT_EQ(occurring.size(), lengths);
    std::vector<std::vector<double>> expected(directions), ours(runs.size(), std::vector<double>(n * lengths, 0));
    for (size_t d = 0; d < directions; ++d)
        for (size_t i = 0; i < n * lengths; ++i) expected[d].push_back(array.values[i * directions + d]);
    for (size_t d = 0; d < runs.size(); ++d)
        for (const SizeCount& e : runs[d]) {
            const auto row =
                static_cast<size_t>(std::find(present_.begin(), present_.end(), e.level) - present_.begin());
            const auto column =
                static_cast<size_t>(std::find(occurring.begin(), occurring.end(), e.size) - occurring.begin());
            ours[d][row * lengths + column] = static_cast<double>(e.count);
        }
    expect_same_directions(ours, expected);
}

TEST_P(PyRadiomicsMatrices, ZoneSizes) {
    const auto array = read_npy<double>(folder / (GetParam() + "_P_glszm.npy"));
    const auto zones = glszm_zones(roi_, *volume_, levels_.highest);
    std::vector<int64_t> occurring;
    for (const SizeCount& e : zones) occurring.push_back(e.size);
    std::sort(occurring.begin(), occurring.end());
    occurring.erase(std::unique(occurring.begin(), occurring.end()), occurring.end());
    ASSERT_EQ(array.shape, (std::vector<size_t>{present_.size(), occurring.size()}));
    std::vector<SizeCount> expected;
    for (size_t l = 0; l < present_.size(); ++l)
        for (size_t s = 0; s < occurring.size(); ++s)
            if (const auto count = static_cast<int64_t>(array.values[l * occurring.size() + s]))
                expected.push_back({present_[l], occurring[s], count});
    EXPECT_EQ(zones, expected);
}

INSTANTIATE_TEST_SUITE_P(Volumes, PyRadiomicsMatrices,
                         testing::Values("synth_tiny_even_10x12x14", "synth_tiny_odd_9x11x13"), own_name);

}  // namespace
}  // namespace cmtl
