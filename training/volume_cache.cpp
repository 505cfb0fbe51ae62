#include "training/volume_cache.hpp"

#include <zlib.h>

#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/files.hpp"

namespace cmtl {

using nlohmann::json;

namespace {
constexpr char magic[9] = "CMTLVOL1";
constexpr int preparation_version = 1;  // raise when prepare_case gives other voxels for the same file and options

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
            {"average", options.average},
            {"size", options.size},
            {"centre", options.centre},
            {"image", fingerprint(one.image)},
            {"mask", fingerprint(one.mask)}};
}

struct Entry {
    json header;
    std::string_view payload;
};

// Splits a file into header and payload; throws json::exception or Error(input) when it is not one of ours.
Entry split_entry(const std::string& content, const fs::path& path) {
    uint32_t length = 0;
    const bool ours = content.size() >= 12 && std::memcmp(content.data(), magic, 8) == 0;
    if (ours) std::memcpy(&length, content.data() + 8, 4);
    if (!ours || content.size() < 12 + size_t{length})
        fail(ErrorKind::input, "cache", "{}: not a prepared volume, or damaged: delete it to prepare the case again",
             path.string());
    return {json::parse(content.substr(12, length)), std::string_view(content).substr(12 + length)};
}
}  // namespace

VolumeCache::VolumeCache(fs::path folder, const PreparationOptions& preparation)
    : folder_(std::move(folder)), preparation_(preparation) {
    make_folder(folder_);
}

fs::path VolumeCache::path_of(const CohortCase& one) const { return folder_ / (one.id + ".cmtlvol"); }

std::optional<CachedVolume> VolumeCache::find(const CohortCase& one) const {
    const fs::path path = path_of(one);
    std::error_code code;
    if (!fs::exists(path, code)) return std::nullopt;
    try {
        const std::string content = read_file(path);
        const Entry entry = split_entry(content, path);
        if (entry.header.at("recipe") != recipe(one, preparation_)) return std::nullopt;
        if (entry.header.at("deflated").get<size_t>() != entry.payload.size()) return std::nullopt;
        return CachedVolume{entry.header.at("voxels").get<uint64_t>(), entry.header.at("sum").get<uint64_t>(),
                            entry.header.at("sum_of_squares").get<uint64_t>()};
    } catch (const json::exception&) {
        return std::nullopt;
    } catch (const Error&) {
        return std::nullopt;
    }
}

CachedVolume VolumeCache::prepare(const CohortCase& one) const {
    const json made_from =
        recipe(one, preparation_);  // before reading: a file that changes meanwhile is prepared again
    const PreparedCase prepared = prepare_case(one.image, preparation_, one.mask);
    CachedVolume entry{prepared.voxels.size(), 0, 0};
    for (const uint64_t v : prepared.voxels) {
        entry.sum += v;
        entry.sum_of_squares += v * v;
    }
    const auto* bytes = reinterpret_cast<const Bytef*>(prepared.voxels.data());
    const uLong size = static_cast<uLong>(prepared.voxels.size() * sizeof(uint16_t));
    std::string deflated(compressBound(size), '\0');
    uLongf length = static_cast<uLongf>(deflated.size());
    require(compress2(reinterpret_cast<Bytef*>(deflated.data()), &length, bytes, size, 1) == Z_OK, "cache",
            "deflate failed");
    deflated.resize(length);
    const std::string header = json{
        {"recipe", made_from},
        {"voxels", entry.voxels},
        {"sum", entry.sum},
        {"sum_of_squares", entry.sum_of_squares},
        {"litres", {prepared.litres_right, prepared.litres_left}},
        {"crc32", crc32(0, bytes, size)},
        {"deflated",
         deflated.size()}}.dump();
    const auto header_length = static_cast<uint32_t>(header.size());
    AtomicFile file(path_of(one));
    file.write(std::string_view(magic, 8));
    file.write(std::string_view(reinterpret_cast<const char*>(&header_length), 4));
    file.write(header);
    file.write(deflated);
    file.commit();
    return entry;
}

std::vector<uint16_t> VolumeCache::read(const CohortCase& one) const {
    const fs::path path = path_of(one);
    const std::string content = read_file(path);
    try {
        const Entry entry = split_entry(content, path);
        const auto count = entry.header.at("voxels").get<uint64_t>();
        const auto& s = preparation_.size;
        if (count != static_cast<uint64_t>(s[0] * s[1] * s[2])) throw Error(ErrorKind::input, "cache", "wrong size");
        std::vector<uint16_t> voxels(count);
        uLongf length = static_cast<uLongf>(count * sizeof(uint16_t));
        auto* bytes = reinterpret_cast<Bytef*>(voxels.data());
        const int code = uncompress(bytes, &length, reinterpret_cast<const Bytef*>(entry.payload.data()),
                                    static_cast<uLong>(entry.payload.size()));
        if (code == Z_OK && length == count * sizeof(uint16_t) &&
            crc32(0, bytes, static_cast<uInt>(length)) == entry.header.at("crc32").get<uLong>())
            return voxels;
    } catch (const json::exception&) {
    } catch (const Error&) {
    }
    fail(ErrorKind::input, "cache", "{}: damaged: delete it to prepare the case again", path.string());
}

VolumeStore::VolumeStore(const VolumeCache& cache, const std::vector<CohortCase>& cases,
                         const PreparationOptions& preparation, double memory_bytes)
    : cache_(cache), cases_(cases), kept_(cases.size()) {
    const auto& s = preparation.size;
    keep_ =
        static_cast<double>(cases.size()) * static_cast<double>(s[0] * s[1] * s[2]) * sizeof(uint16_t) <= memory_bytes;
}

std::shared_ptr<const std::vector<uint16_t>> VolumeStore::get(size_t case_number) {
    {
        std::lock_guard lock(mutex_);
        if (kept_[case_number]) return kept_[case_number];
    }
    auto volume = std::make_shared<const std::vector<uint16_t>>(cache_.read(cases_[case_number]));
    std::lock_guard lock(mutex_);
    if (keep_) kept_[case_number] = volume;
    return volume;
}

}  // namespace cmtl
