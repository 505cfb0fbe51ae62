#pragma once
// Stacks and the switch between them. On x86-64 a switch saves the six registers that a called function must keep, some
// ten instructions; elsewhere, or with -DCMTL_SIMT_UCONTEXT, ucontext does it with a system call each time.
#include <cstddef>
#include <vector>

#if !defined(__x86_64__) && !defined(CMTL_SIMT_UCONTEXT)
#define CMTL_SIMT_UCONTEXT
#endif
#if defined(CMTL_SIMT_UCONTEXT)
#include <ucontext.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#define CMTL_SIMT_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CMTL_SIMT_ASAN 1
#endif
#endif

namespace cmtl::kernels::simt {

struct Fiber {
#if defined(CMTL_SIMT_UCONTEXT)
    ucontext_t context;
#else
    void* stack_pointer = nullptr;
#endif
    char* stack = nullptr;  // lowest address
    size_t stack_bytes = 0;
    void* fake_stack = nullptr;  // AddressSanitizer's
};

// Stops `from`, continues `to`.
#if defined(CMTL_SIMT_UCONTEXT) || defined(CMTL_SIMT_ASAN)
void switch_fiber(Fiber& from, Fiber& to);
#else
extern "C" void cmtl_simt_switch(void** save, void* to);
inline void switch_fiber(Fiber& from, Fiber& to) { cmtl_simt_switch(&from.stack_pointer, to.stack_pointer); }
#endif

// What arrive() of cmtl_simt_wait answers: `from`, which stands at `here`, goes on; or `from` stops and `to` goes on.
#if defined(CMTL_SIMT_UCONTEXT) || defined(CMTL_SIMT_ASAN)
inline void* go_on(void*) { return nullptr; }
struct Switch {
    Fiber *from, *to;
};
void* go_on_in(Fiber& to, Fiber& from, void* here);
#else
inline void* go_on(void* here) { return here; }
inline void* go_on_in(Fiber& to, Fiber& from, void* here) {
    from.stack_pointer = here;
    return to.stack_pointer;
}
#endif
// It will be continued soon: its stack is on its way into the cache by then.
inline void expect_fiber([[maybe_unused]] const Fiber& fiber) {
#if !defined(CMTL_SIMT_UCONTEXT)
    __builtin_prefetch(fiber.stack_pointer);
#endif
}
// Continues `to`; `from` never runs again unless it is prepared anew.
[[noreturn]] void leave_fiber(Fiber& from, Fiber& to);
// The next switch to it calls entry(), which must not return, on an empty stack.
void prepare_fiber(Fiber& fiber, void (*entry)());
// First thing that entry() does; `from` is the fiber whose stack this OS thread came with if that is not yet known.
void entered_fiber(Fiber* home);

// Stacks of one worker, each with a page below it that may not be touched.
class FiberPool {
  public:
    FiberPool() = default;
    FiberPool(const FiberPool&) = delete;
    FiberPool& operator=(const FiberPool&) = delete;
    ~FiberPool();

    Fiber& operator[](size_t i) { return fibers_[i]; }
    size_t size() const { return fibers_.size(); }
    // At least `count` fibers. Throws Error(resource). No fiber may be running.
    void grow(size_t count);
    static size_t stack_bytes();

    struct Range {
        char* begin;
        size_t bytes;
    };
    const std::vector<Range>& ranges() const { return mapped_; }

  private:
    std::vector<Fiber> fibers_;
    std::vector<Range> mapped_;
};

}  // namespace cmtl::kernels::simt
