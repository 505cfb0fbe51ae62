#pragma once
// Files are written whole or not at all, and read with errors that name them.
#include <cstddef>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace cmtl {

namespace fs = std::filesystem;

// A file that appears under its name only when commit() returns: until then the bytes live in a temporary file beside
// it, which the destructor removes. A file that stood there before stays untouched unless commit() succeeds.
// Throws Error: input where the folder is missing or not writable, resource where the disk is full.
class AtomicFile {
  public:
    explicit AtomicFile(fs::path path);
    ~AtomicFile();
    AtomicFile(const AtomicFile&) = delete;
    AtomicFile& operator=(const AtomicFile&) = delete;

    void write(std::span<const std::byte> bytes);
    void write(std::string_view text) { write(std::as_bytes(std::span(text))); }
    // Flushes to the disk and renames.
    void commit();
    // The temporary file's path, for libraries that write by themselves; close_for_library() releases our handle first.
    const fs::path& temporary() const { return temporary_; }
    void close_for_library();

  private:
    fs::path path_, temporary_;
    int descriptor_ = -1;
    bool committed_ = false;
};

void write_file(const fs::path& path, std::string_view text);

// At the end of a file, which is made where there is none. Not whole or nothing: a kill or a full disk may leave a part.
void append_file(const fs::path& path, std::string_view text);

// Whole content. Throws Error(input) naming the path when it cannot be read.
std::string read_file(const fs::path& path);

// Throws Error(input) unless `path` is an existing, readable file (or folder).
void require_readable(const fs::path& path);

// Makes the folder and its parents; throws Error(input) naming the path.
void make_folder(const fs::path& path);

}  // namespace cmtl
