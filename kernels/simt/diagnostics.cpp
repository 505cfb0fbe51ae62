// What the checks say: always the kernel, the block and the thread.
#include "kernels/simt/block.hpp"

namespace cmtl::kernels::simt {

std::string Site::text() const {
    const char* slash = std::strrchr(file, '/');
    return fmt::format("at {}:{}", slash ? slash + 1 : file, line);
}

std::string Block::place(unsigned rank) const {
    const uint3 i = threads_[rank].index;
    return fmt::format("({},{},{})", i.x, i.y, i.z);
}

std::string Block::blame(std::string_view message) const {
    return fmt::format("kernel {}, block ({},{},{}), thread {}: {}", grid_->name, blockIdx.x, blockIdx.y, blockIdx.z,
                       place(thread_rank), message);
}

void Block::give_up() {
    failed_ = true;
    leave_fiber(fibers_[threads_[thread_rank].fiber], home_);
}

// Nobody can go on: who waits where.
std::string Block::stuck() const {
    std::string text =
        fmt::format("kernel {}, block ({},{},{}): deadlock", grid_->name, blockIdx.x, blockIdx.y, blockIdx.z);
    if (waiting_)
        text += fmt::format("; {} of {} threads wait at the barrier {}, the first is {}", waiting_, count_,
                            barrier_site_.text(), place(barrier_first_));
    int shown = 0;
    for (size_t w = 0; w < warps_.size(); w++) {
        const Warp& warp = warps_[w];
        for (unsigned i = 0; i < warp.open_count; i++) {
            const Rendezvous& r = *warp.open[i];
            if (shown++ == 8) return text + "; ...";
            text += fmt::format("; warp {}: lanes {:#x} of mask {:#x} wait in {} {}, missing {:#x}", w, r.arrived,
                                r.mask, r.what, r.site.text(), r.mask & warp.valid & ~warp.returned & ~r.arrived);
        }
    }
    return text;
}

void fault(const char* message, const char* file, unsigned line) {
    current_block->abandon([&] { return fmt::format("{} {}", message, Site{file, line}.text()); });
}

void bad_width(int width, const char* file, unsigned line) {
    current_block->abandon([&] {
        return fmt::format("shuffle {} of width {}: a power of two up to 32", Site{file, line}.text(), width);
    });
}

}  // namespace cmtl::kernels::simt
