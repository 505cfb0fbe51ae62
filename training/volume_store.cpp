#include "training/volume_store.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/interrupt.hpp"
#include "base/progress.hpp"

namespace cmtl {

namespace {
constexpr size_t header_bytes = 4096;  // voxels begin on a page

struct RawHeader {
    char magic[8] = {'C', 'M', 'T', 'L', 'R', 'A', 'W', '1'};
    uint64_t voxels = 0, sum = 0, sum_of_squares = 0;
    uint64_t crc = 0;  // CRC-32 of the voxels
};

uint64_t crc_of(std::span<const uint16_t> voxels) {
    return ::crc32_z(0, reinterpret_cast<const Bytef*>(voxels.data()), voxels.size_bytes());
}

bool belongs(const RawHeader& header, const CachedVolume& volume) {
    return std::memcmp(header.magic, RawHeader{}.magic, 8) == 0 && header.voxels == volume.voxels &&
           header.sum == volume.sum && header.sum_of_squares == volume.sum_of_squares;
}
}  // namespace

// A file in memory, as long as somebody looks at it.
struct VolumeStore::Mapping {
    void* begin = MAP_FAILED;
    size_t bytes = 0;
    struct stat file {};
    ~Mapping() {
        if (begin != MAP_FAILED) ::munmap(begin, bytes);
    }
    std::span<const uint16_t> voxels() const {
        return {reinterpret_cast<const uint16_t*>(static_cast<const char*>(begin) + header_bytes),
                (bytes - header_bytes) / sizeof(uint16_t)};
    }
    // Nobody wrote to the file, cut it or put another one in its place.
    bool unchanged(const fs::path& path) const {
        struct stat now {};
        return ::stat(path.c_str(), &now) == 0 && now.st_ino == file.st_ino && now.st_size == file.st_size &&
               now.st_mtim.tv_sec == file.st_mtim.tv_sec && now.st_mtim.tv_nsec == file.st_mtim.tv_nsec;
    }
};

VolumeStore::VolumeStore(const VolumeCache& cache, const std::vector<CohortCase>& cases,
                         const std::vector<CachedVolume>& volumes, VolumeStoreOptions options)
    : cache_(cache),
      cases_(cases),
      volumes_(volumes),
      options_(std::move(options)),
      access_(options_.access),
      kept_(cases.size()),
      mapped_(cases.size()) {
    double bytes = 0;
    for (const CachedVolume& volume : volumes_) bytes += static_cast<double>(volume.voxels * sizeof(uint16_t));
    if (access_ == "auto") access_ = bytes <= options_.memory_bytes ? "memory" : "mapped";
}

fs::path VolumeStore::raw_file(size_t i) const { return cache_.folder() / (cases_[i].id + ".cmtlraw"); }

bool VolumeStore::raw_is_there(size_t i) const {
    const int file = ::open(raw_file(i).c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    RawHeader header;
    struct stat facts {};
    const bool good = ::read(file, &header, sizeof header) == static_cast<ssize_t>(sizeof header) &&
                      ::fstat(file, &facts) == 0 && belongs(header, volumes_[i]) &&
                      static_cast<uint64_t>(facts.st_size) == header_bytes + header.voxels * sizeof(uint16_t);
    ::close(file);
    return good;
}

bool VolumeStore::make_ready(bool quiet) {
    if (access_ != "mapped") return true;
    const bool asked = options_.access == "mapped";
    std::vector<size_t> missing;
    double bytes = 0;
    for (size_t i = 0; i < cases_.size(); ++i)
        if (!raw_is_there(i)) {
            missing.push_back(i);
            bytes += static_cast<double>(header_bytes + volumes_[i].voxels * sizeof(uint16_t));
        }
    if (missing.empty()) return true;
    std::error_code code;
    const auto free = static_cast<double>(fs::space(cache_.folder(), code).available);
    if (!code && bytes > (asked ? 1.0 : 0.5) * free) {
        const std::string need = fmt::format("{}: {:.1f} GB of volumes are to be mapped and {:.1f} GB are free",
                                             cache_.folder().string(), bytes / 1e9, free / 1e9);
        if (asked) fail(ErrorKind::resource, "cache", "{}: free some space, or set data.cache=compressed", need);
        options_.notice(need + ": they stay compressed");
        access_ = "compressed";
        return true;
    }
    Progress progress("map", static_cast<int64_t>(missing.size()), quiet);
    for (const size_t i : missing) {
        if (interrupted()) return false;
        const Voxels voxels = inflated(i);
        try {
            write_raw(i, *voxels);
        } catch (const Error& error) {
            if (asked || error.kind() != ErrorKind::resource) throw;
            options_.notice(std::string(error.message()) + ": volumes stay compressed");
            access_ = "compressed";
            return true;
        }
        progress.advance(cases_[i].id);
    }
    return true;
}

void VolumeStore::write_raw(size_t i, const std::vector<uint16_t>& voxels) const {
    RawHeader header;
    header.voxels = volumes_[i].voxels;
    header.sum = volumes_[i].sum;
    header.sum_of_squares = volumes_[i].sum_of_squares;
    header.crc = crc_of(voxels);
    std::string page(header_bytes, '\0');
    std::memcpy(page.data(), &header, sizeof header);
    AtomicFile file(raw_file(i));
    file.write(page);
    file.write(std::as_bytes(std::span(voxels)));
    file.commit();
}

// The file as it should be, whole and with the right CRC; nothing where it is not.
std::shared_ptr<const VolumeStore::Mapping> VolumeStore::map(size_t i) const {
    if (!raw_is_there(i)) return nullptr;
    auto mapping = std::make_shared<Mapping>();
    const int file = ::open(raw_file(i).c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return nullptr;
    if (::fstat(file, &mapping->file) == 0) {
        mapping->bytes = static_cast<size_t>(mapping->file.st_size);
        mapping->begin = ::mmap(nullptr, mapping->bytes, PROT_READ, MAP_SHARED, file, 0);
    }
    ::close(file);
    if (mapping->begin == MAP_FAILED || mapping->bytes != header_bytes + volumes_[i].voxels * sizeof(uint16_t))
        return nullptr;
    RawHeader header;
    std::memcpy(&header, mapping->begin, sizeof header);
    if (header.crc != crc_of(mapping->voxels())) return nullptr;
    return mapping;
}

VolumeStore::Voxels VolumeStore::prepared_again(size_t i, const std::string& why) {
    const std::lock_guard lock(preparing_);
    const CohortCase& one = cases_[i];
    options_.notice(fmt::format("case {}: {}; it is prepared again", one.id, why));
    try {
        Context context(ContextOptions{.device = cache_.contents().features ? options_.device : Device{}});
        const CachedVolume made = cache_.prepare(context, one);
        if (made.sum != volumes_[i].sum || made.sum_of_squares != volumes_[i].sum_of_squares)
            fail(ErrorKind::input, "cache", "{} is another image than when the training began", one.image.string());
        return std::make_shared<const std::vector<uint16_t>>(cache_.read(one));
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::input) throw;
        fail(ErrorKind::input, "cache", "case {}: its volume in {} is damaged and cannot be made again: {}", one.id,
             cache_.folder().string(), error.message());
    }
}

VolumeStore::Voxels VolumeStore::inflated(size_t i) {
    try {
        CachedVolume facts;
        auto voxels = cache_.read(cases_[i], &facts);
        if (facts.sum == volumes_[i].sum && facts.sum_of_squares == volumes_[i].sum_of_squares)
            return std::make_shared<const std::vector<uint16_t>>(std::move(voxels));
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::input) throw;
        return prepared_again(i, std::string(error.message()));
    }
    return prepared_again(i, "its volume was replaced by another one");
}

VolumeView VolumeStore::get(size_t i) {
    {
        const std::lock_guard lock(mutex_);
        if (kept_[i]) return {*kept_[i], kept_[i]};
        if (mapped_[i] && mapped_[i]->unchanged(raw_file(i))) return {mapped_[i]->voxels(), mapped_[i]};
    }
    if (access_ == "mapped") {
        auto mapping = map(i);
        if (!mapping) {
            const Voxels voxels = inflated(i);
            try {
                write_raw(i, *voxels);
            } catch (const Error& error) {
                options_.notice(std::string(error.message()));
            }
            mapping = map(i);
            if (!mapping) return {*voxels, voxels};  // a full disk: inflated again next time
        }
        const std::lock_guard lock(mutex_);
        mapped_[i] = mapping;
        return {mapping->voxels(), mapping};
    }
    const Voxels voxels = inflated(i);
    if (access_ == "memory") {
        const std::lock_guard lock(mutex_);
        kept_[i] = voxels;
    }
    return {*voxels, voxels};
}

}  // namespace cmtl
