#include "training/volume_cache.hpp"

#include <zlib.h>

#include <cstring>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/files.hpp"
#include "io/image_io.hpp"

namespace cmtl {

using nlohmann::json;

namespace {
constexpr char magic[9] = "CMTLVOL1";
constexpr int preparation_version = 3;  // raise when prepare_case gives other voxels for the same file and options
constexpr int features_version = 1;     // raise when case_features gives other values for the same voxels and options
constexpr size_t preamble = 12;         // magic and the header's length

// Size and time of a file, or of everything in a folder.
json fingerprint(const fs::path& path) {
    uint64_t files = 0, bytes = 0;
    int64_t newest = std::numeric_limits<int64_t>::min();  // the clock counts from some year to come
    const auto add = [&](const fs::path& file) {
        std::error_code code;
        ++files;
        bytes += fs::file_size(file, code);
        const auto time = fs::last_write_time(file, code).time_since_epoch();
        newest = std::max<int64_t>(newest, std::chrono::duration_cast<std::chrono::nanoseconds>(time).count());
    };
    if (path.empty()) return nullptr;
    std::error_code code;
    if (fs::is_directory(path, code)) {
        for (const auto& entry : fs::directory_iterator(path, code))
            if (entry.is_regular_file(code)) add(entry.path());
    } else {
        add(path);
    }
    return {
        {"path", fs::absolute(path).lexically_normal().string()}, {"files", files}, {"bytes", bytes}, {"time", newest}};
}

// What decides the voxels: crops and offsets are applied later.
json recipe(const CohortCase& one, const PreparationOptions& options) {
    return {{"version", preparation_version},
            {"spacing_mm", options.spacing_mm},
            {"lung_spacing_mm", options.lung_spacing_mm},
            {"refine", options.refine},
            {"average", options.average},
            {"size", options.size},
            {"centre", options.centre},
            {"correct_tilt", options.correct_tilt},
            {"allow_gaps", options.allow_gaps},
            {"image", fingerprint(one.image)},
            {"mask", fingerprint(one.mask)}};
}

// What decides the features, beside the voxels.
json recipe(const FeatureOptions& options) {
    json tree = to_json(options);
    tree["version"] = features_version;
    return tree;
}

[[noreturn]] void damaged(const fs::path& path) {
    fail(ErrorKind::input, "cache", "{}: not a prepared volume, or damaged: delete it to prepare the case again", path.string());
}

std::string deflate(const std::vector<uint16_t>& voxels) {
    const auto* bytes = reinterpret_cast<const Bytef*>(voxels.data());
    const uLong size = static_cast<uLong>(voxels.size() * sizeof(uint16_t));
    std::string deflated(compressBound(size), '\0');
    uLongf length = static_cast<uLongf>(deflated.size());
    require(compress2(reinterpret_cast<Bytef*>(deflated.data()), &length, bytes, size, 1) == Z_OK, "cache", "deflate failed");
    deflated.resize(length);
    deflated.shrink_to_fit();  // the bound is the volume's own size
    return deflated;
}
}  // namespace

struct VolumeCache::Entry {
    json header;
    std::string deflated;

    // Header and, if wanted, voxels of a file; throws Error(input) when it is not one of ours or not whole.
    static Entry read(const fs::path& path, bool voxels);
    CachedVolume facts() const {
        CachedVolume volume;
        volume.voxels = header.at("voxels").get<uint64_t>();
        volume.sum = header.at("sum").get<uint64_t>();
        volume.sum_of_squares = header.at("sum_of_squares").get<uint64_t>();
        volume.crc = header.at("crc32").get<uint64_t>();
        volume.litres_right = header.at("litres").at(0).get<double>();
        volume.litres_left = header.at("litres").at(1).get<double>();
        volume.flags = header.at("flags").get<std::vector<std::string>>();
        return volume;
    }
    // Of features computed in this way; empty: there are none.
    std::vector<double> features(const FeatureOptions& options, size_t count) const {
        const auto it = header.find("features");
        if (it == header.end() || it->at("recipe") != recipe(options)) return {};
        auto values = it->at("values").get<std::vector<double>>();
        return values.size() == count ? values : std::vector<double>{};
    }
    // Throws Error(internal) or json::exception when they are damaged.
    std::vector<uint16_t> inflate() const;
};

VolumeCache::Entry VolumeCache::Entry::read(const fs::path& path, bool voxels) {
    std::ifstream file(path, std::ios::binary);
    char begin[preamble];
    uint32_t length = 0;
    if (!file.read(begin, preamble) || std::memcmp(begin, magic, 8) != 0) damaged(path);
    std::memcpy(&length, begin + 8, 4);
    std::error_code code;
    const uint64_t bytes = fs::file_size(path, code);
    if (code || bytes < preamble + uint64_t{length}) damaged(path);
    std::string text(length, '\0');
    Entry entry;
    if (!file.read(text.data(), length)) damaged(path);
    entry.header = json::parse(text, nullptr, false);
    if (!entry.header.is_object() || entry.header.value("deflated", uint64_t{0}) != bytes - preamble - length) damaged(path);
    if (!voxels) return entry;
    entry.deflated.resize(bytes - preamble - length);
    if (!file.read(entry.deflated.data(), static_cast<std::streamsize>(entry.deflated.size()))) damaged(path);
    return entry;
}

std::vector<uint16_t> VolumeCache::Entry::inflate() const {
    const auto count = header.at("voxels").get<uint64_t>();
    std::vector<uint16_t> voxels(count);
    uLongf length = static_cast<uLongf>(count * sizeof(uint16_t));
    auto* bytes = reinterpret_cast<Bytef*>(voxels.data());
    const int code = uncompress(bytes, &length, reinterpret_cast<const Bytef*>(deflated.data()), static_cast<uLong>(deflated.size()));
    require(code == Z_OK && length == count * sizeof(uint16_t), "cache", "inflate failed");
    require(crc32(0, bytes, static_cast<uInt>(length)) == header.at("crc32").get<uLong>(), "cache", "wrong CRC");
    return voxels;
}

VolumeCache::VolumeCache(fs::path folder, const PreparationOptions& preparation, const CacheContents& contents)
    : folder_(std::move(folder)), preparation_(preparation), contents_(contents) {
    make_folder(folder_);
    if (contents_.masks) make_folder(folder_ / "masks");
}

fs::path VolumeCache::path_of(const CohortCase& one) const { return folder_ / (one.id + ".cmtlvol"); }
fs::path VolumeCache::mask_of(const CohortCase& one) const { return folder_ / "masks" / (one.id + ".nii.gz"); }

// The header of an entry whose volume may be used.
std::optional<VolumeCache::Entry> VolumeCache::usable(const CohortCase& one) const {
    const fs::path path = path_of(one);
    std::error_code code;
    if (!fs::exists(path, code)) return std::nullopt;
    try {
        Entry entry = Entry::read(path, false);
        if (entry.header.at("recipe") != recipe(one, preparation_)) return std::nullopt;
        entry.facts();  // all of them are there
        return entry;
    } catch (const json::exception&) {
    } catch (const Error&) {
    }
    return std::nullopt;
}

bool VolumeCache::has_mask(const CohortCase& one, const Entry& entry) const {
    std::error_code code;
    return !contents_.masks || (entry.header.value("mask", false) && fs::exists(mask_of(one), code));
}

std::optional<CachedVolume> VolumeCache::find(const CohortCase& one) const {
    const auto entry = usable(one);
    if (!entry || !has_mask(one, *entry)) return std::nullopt;
    try {
        CachedVolume found = entry->facts();
        if (!contents_.features) return found;
        found.features = entry->features(*contents_.features, feature_names(*contents_.features).size());
        if (!found.features.empty()) return found;
    } catch (const json::exception&) {
    }
    return std::nullopt;
}

// Prepares the case anew, with its mask, and leaves the features to the caller.
VolumeCache::Entry VolumeCache::fresh(const CohortCase& one, std::vector<uint16_t>& voxels) const {
    const json made_from = recipe(one, preparation_);  // before reading: a file that changes meanwhile is prepared again
    PreparedCase prepared = prepare_case(one.image, preparation_, one.mask);
    std::error_code code;
    if (contents_.masks)
        write_image(mask_of(one), prepared.lungs);
    else
        fs::remove(mask_of(one), code);  // an earlier image's
    CachedVolume facts;
    facts.voxels = prepared.voxels.size();
    for (const uint64_t v : prepared.voxels) {
        facts.sum += v;
        facts.sum_of_squares += v * v;
    }
    voxels = std::move(prepared.voxels);
    Entry entry;
    entry.deflated = deflate(voxels);
    entry.header = {{"recipe", made_from},
                    {"voxels", facts.voxels},
                    {"sum", facts.sum},
                    {"sum_of_squares", facts.sum_of_squares},
                    {"litres", {prepared.litres_right, prepared.litres_left}},
                    {"flags", prepared.flags},
                    {"warnings", prepared.warnings},
                    {"mask", contents_.masks},
                    {"crc32", crc32(0, reinterpret_cast<const Bytef*>(voxels.data()), static_cast<uInt>(voxels.size() * sizeof(uint16_t)))},
                    {"deflated", entry.deflated.size()}};
    return entry;
}

void VolumeCache::write(const CohortCase& one, const Entry& entry) const {
    const std::string header = entry.header.dump();
    const auto length = static_cast<uint32_t>(header.size());
    AtomicFile file(path_of(one));
    file.write(std::string_view(magic, 8));
    file.write(std::string_view(reinterpret_cast<const char*>(&length), 4));
    file.write(header);
    file.write(entry.deflated);
    file.commit();
}

CachedVolume VolumeCache::prepare(Context& context, const CohortCase& one) const {
    std::vector<uint16_t> voxels;
    std::optional<Entry> entry = contents_.features ? usable(one) : std::nullopt;
    if (entry && !has_mask(one, *entry)) entry.reset();
    if (entry) {
        try {
            *entry = Entry::read(path_of(one), true);
            voxels = entry->inflate();
        } catch (const json::exception&) {
            entry.reset();
        } catch (const Error&) {
            entry.reset();
        }
    }
    const bool had_volume = entry.has_value();
    if (!had_volume) entry = fresh(one, voxels);
    CachedVolume made = entry->facts();
    if (contents_.features) {
        try {
            made.features = case_features(context, voxels, preparation_, *contents_.features, one.image.string());
        } catch (const Error&) {
            if (!had_volume) write(one, *entry);
            throw;
        }
        entry->header["features"] = {{"recipe", recipe(*contents_.features)}, {"values", made.features}};
    }
    write(one, *entry);
    return made;
}

std::vector<uint16_t> VolumeCache::read(const CohortCase& one, CachedVolume* facts) const {
    const fs::path path = path_of(one);
    require_readable(path);
    try {
        const Entry entry = Entry::read(path, true);
        const auto& s = preparation_.size;
        const CachedVolume found = entry.facts();
        if (facts) *facts = found;
        if (found.voxels == static_cast<uint64_t>(s[0] * s[1] * s[2])) return entry.inflate();
    } catch (const json::exception&) {
    } catch (const Error&) {
    }
    damaged(path);
}

}  // namespace cmtl
