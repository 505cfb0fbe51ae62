// What the checks of the instrumented build say, and which addresses outside the memories they know are no fault.
#include <link.h>

#include "kernels/simt/instrument_state.hpp"

namespace cmtl::kernels::simt {
namespace {

std::string thread_text(unsigned rank) {
    const dim3 b = current_block->grid().block;
    return fmt::format("({},{},{})", rank % b.x, rank / b.x % b.y, rank / (b.x * b.y));
}
std::string block_text(uint32_t number) {
    const dim3 g = current_block->grid().grid;
    return fmt::format("({},{},{})", number % g.x, number / g.x % g.y, number / (g.x * g.y));
}

const char* verb(Access kind) {
    return kind == Access::store ? "writes" : kind == Access::atomic ? "updates" : "reads";
}

bool is(const std::vector<bool>& sites, uint16_t site) { return site < sites.size() && sites[site]; }
bool set(std::vector<bool>& sites, uint16_t site) {
    if (sites.size() <= site) sites.resize(site + 256u);
    return sites[site] = true;
}

}  // namespace

void report(State& s) {
    s.busy = false;
    current_block->abandon([&] { return s.message; });
}

void describe_race(State& s, const Where& where, Access kind, uint16_t site, bool other_wrote, uint16_t other_site,
                   uint32_t other_block, unsigned other_thread) {
    const bool same_block = !where.device || other_block == s.block_number;
    const std::string other = same_block ? fmt::format("thread {}", thread_text(other_thread))
                                         : fmt::format("block {}", block_text(other_block));
    s.message = fmt::format("race in {} memory at {}: it {} what {} {} at {}, {} (offset {})", where.memory,
                            s.sites.line(site).text(), verb(kind), other, other_wrote ? "wrote" : "read",
                            s.sites.line(other_site).text(),
                            same_block ? "with no barrier between" : "in the same launch", where.offset);
}

void describe(State& s, const Where& where, Access kind, uint16_t site, const char* what) {
    s.message = fmt::format("{} memory at {}: it {} {} (offset {})", where.memory, s.sites.line(site).text(),
                            verb(kind), what, where.offset);
}

bool harmless(State& s, uintptr_t address, unsigned bytes, Access kind, uint16_t site) {
    if (is(s.constants, site) && kind == Access::load) return true;
    const auto ignore = [&] { return set(s.ignored, site); };
    const Range arguments{reinterpret_cast<uintptr_t>(current_block->grid().arguments), 4096 + 256};
    if (arguments.has(address)) return ignore();
    for (const AddressRange& r : internal_ranges())
        if (range_of(r).has(address)) return ignore();
    if (kind == Access::load) {  // constants
        struct Search {
            uintptr_t address;
            bool found;
        } search{address, false};
        dl_iterate_phdr(
            [](dl_phdr_info* info, size_t, void* data) {
                auto& wanted = *static_cast<Search*>(data);
                for (int i = 0; i < info->dlpi_phnum; i++) {
                    const ElfW(Phdr)& h = info->dlpi_phdr[i];
                    if (h.p_type == PT_LOAD && wanted.address - (info->dlpi_addr + h.p_vaddr) < h.p_memsz)
                        wanted.found = true;
                }
                return wanted.found ? 1 : 0;
            },
            &search);
        if (search.found) return set(s.constants, site);
    }
    const SourceLine& line = s.sites.line(site);
    for (const AddressRange& r : stack_ranges())
        if (range_of(r).has(address)) {
            s.message =
                fmt::format("local memory at {}: it {} {} bytes of another thread's", line.text(), verb(kind), bytes);
            return false;
        }
    if (line.foreign) return ignore();
    const DeviceShadow::Range* below = s.device.below(address);
    const uintptr_t shared_end = s.dynamic_shared.begin + s.dynamic_shared.bytes;
    if (address - shared_end < 4096 && s.dynamic_shared.bytes)
        s.message = fmt::format(
            "out of bounds at {}: it {} {} bytes of shared memory, {} bytes beyond the {} that the launch asked for",
            line.text(), verb(kind), bytes, address + bytes - shared_end, s.dynamic_shared.bytes);
    else if (below && address - (below->begin + below->bytes) < (1 << 20))
        s.message =
            fmt::format("out of bounds at {}: it {} {} bytes of device memory, {} bytes beyond an allocation of {}",
                        line.text(), verb(kind), bytes, address + bytes - (below->begin + below->bytes), below->bytes);
    else
        s.message = fmt::format("out of bounds at {}: it {} {} bytes at {:#x}, which is no memory of the device",
                                line.text(), verb(kind), bytes, address);
    return false;
}

}  // namespace cmtl::kernels::simt
