#pragma once
// Instructions that access memory: numbered as they are met, and where they stand in the source.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cmtl::kernels::simt {

struct SourceLine {
    std::string file;  // without folders
    unsigned line = 0;
    bool foreign = false;  // nothing of it is code of a kernel: a function of the standard library, or of simt itself
    std::string text() const;  // "pool3d.cuh:120"
};

class Sites {
  public:
    Sites();
    // The number of an instruction, from 1 on.
    uint16_t number(const void* pc) {
        size_t at = hash(pc);
        while (table_[at].pc != pc) {
            if (!table_[at].pc) return insert(at, pc);
            at = (at + 1) % table_.size();
        }
        return table_[at].number;
    }
    size_t count() const { return pcs_.size(); }
    const void* pc(uint16_t site) const { return pcs_[site]; }
    // The line of the kernel's own file, where functions of kernels/primitives and kernels/ptx are called if that is
    // where the instruction is. Asks addr2line, once for all sites that are new.
    const SourceLine& line(uint16_t site);

  private:
    struct Entry {
        const void* pc = nullptr;
        uint16_t number = 0;
    };
    size_t hash(const void* pc) const {
        return (reinterpret_cast<uintptr_t>(pc) * 0x9E3779B97F4A7C15u >> 20) % table_.size();
    }
    uint16_t insert(size_t at, const void* pc);
    void resolve();

    std::vector<Entry> table_;
    std::vector<const void*> pcs_;
    std::vector<SourceLine> lines_;  // of the first so many
};

}  // namespace cmtl::kernels::simt
