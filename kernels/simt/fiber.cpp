#include "kernels/simt/fiber.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include "base/error.hpp"
#include "kernels/simt/execution.hpp"

#if defined(CMTL_SIMT_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace cmtl::kernels::simt {
namespace {

// AddressSanitizer widens frames by its redzones.
#if defined(CMTL_SIMT_ASAN)
constexpr size_t kStack = 256 << 10;
#else
constexpr size_t kStack = 64 << 10;
#endif

void announce_switch([[maybe_unused]] void** save, [[maybe_unused]] const Fiber& to) {
#if defined(CMTL_SIMT_ASAN)
    __sanitizer_start_switch_fiber(save, to.stack, to.stack_bytes);
#endif
}

}  // namespace

#if !defined(CMTL_SIMT_UCONTEXT)
// A fiber that stands still keeps on its stack, from its stack pointer up: eight bytes for alignment, six registers,
// and where to go on. Floating-point control words are the same on all fibers and not kept. It goes on by a jump: a
// return would be predicted to lead to the place that this processor last called from, which is another thread's.
#if defined(CMTL_SIMT_ASAN)
extern "C" void cmtl_simt_switch(void** save, void* to);
#endif
asm(R"(
.text
.macro CMTL_SIMT_SAVE
    .cfi_startproc
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    subq $8, %rsp
.endm
.macro CMTL_SIMT_GO_ON
    addq $8, %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    popq %rcx
    jmpq *%rcx
    .cfi_endproc
.endm
.p2align 4
.globl cmtl_simt_switch
.hidden cmtl_simt_switch
.type cmtl_simt_switch,@function
cmtl_simt_switch:
    CMTL_SIMT_SAVE
    movq %rsp, (%rdi)
    movq %rsi, %rsp
    CMTL_SIMT_GO_ON
.size cmtl_simt_switch,.-cmtl_simt_switch
)"
#if !defined(CMTL_SIMT_ASAN)
    R"(
.p2align 4
.globl cmtl_simt_wait
.type cmtl_simt_wait,@function
cmtl_simt_wait:
    CMTL_SIMT_SAVE
    movq %rdi, %rax
    movq %rsi, %rdi
    movq %rsp, %rsi
    callq *%rax
    movq %rax, %rsp
    CMTL_SIMT_GO_ON
.size cmtl_simt_wait,.-cmtl_simt_wait
)"
#endif
);
#endif

#if defined(CMTL_SIMT_UCONTEXT) || defined(CMTL_SIMT_ASAN)
void switch_fiber(Fiber& from, Fiber& to) {
    announce_switch(&from.fake_stack, to);
#if defined(CMTL_SIMT_UCONTEXT)
    swapcontext(&from.context, &to.context);
#else
    cmtl_simt_switch(&from.stack_pointer, to.stack_pointer);
#endif
#if defined(CMTL_SIMT_ASAN)
    __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}
#endif

#if defined(CMTL_SIMT_UCONTEXT) || defined(CMTL_SIMT_ASAN)
namespace {
thread_local Switch answer;
}
void* go_on_in(Fiber& to, Fiber& from, void*) {
    answer = {&from, &to};
    return &answer;
}
extern "C" void cmtl_simt_wait(void* (*arrive)(void*, void*), void* request) {
    if (const auto* next = static_cast<const Switch*>(arrive(request, nullptr))) switch_fiber(*next->from, *next->to);
}
#endif

void leave_fiber(Fiber& from, Fiber& to) {
    announce_switch(nullptr, to);
#if defined(CMTL_SIMT_UCONTEXT)
    (void)from;
    setcontext(&to.context);
#else
    cmtl_simt_switch(&from.stack_pointer, to.stack_pointer);
#endif
    __builtin_unreachable();
}

void prepare_fiber(Fiber& fiber, void (*entry)()) {
#if defined(CMTL_SIMT_ASAN)
    __asan_unpoison_memory_region(fiber.stack, fiber.stack_bytes);  // frames that never returned
    fiber.fake_stack = nullptr;
#endif
#if defined(CMTL_SIMT_UCONTEXT)
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack;
    fiber.context.uc_stack.ss_size = fiber.stack_bytes;
    fiber.context.uc_link = nullptr;
    makecontext(&fiber.context, entry, 0);
#else
    void** top = reinterpret_cast<void**>(fiber.stack + fiber.stack_bytes);
    *--top = nullptr;  // entry() has no caller; its frame is aligned as if it had
    *--top = reinterpret_cast<void*>(entry);
    for (int i = 0; i < 7; i++) *--top = nullptr;
    fiber.stack_pointer = top;
#endif
}

void entered_fiber([[maybe_unused]] Fiber* home) {
#if defined(CMTL_SIMT_ASAN)
    const void* bottom;
    size_t bytes;
    __sanitizer_finish_switch_fiber(nullptr, &bottom, &bytes);
    if (home) {
        home->stack = static_cast<char*>(const_cast<void*>(bottom));
        home->stack_bytes = bytes;
    }
#endif
}

size_t FiberPool::stack_bytes() { return kStack; }

void FiberPool::grow(size_t count) {
    if (count <= fibers_.size()) return;
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE)), stride = page + kStack,
                 more = count - fibers_.size();
    void* memory = mmap(nullptr, more * stride + page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED)
        fail(ErrorKind::resource, "simt", "no address space for {} stacks of {} KiB", more, kStack >> 10);
    char* base = static_cast<char*>(memory);
    mapped_.push_back({base, more * stride + page});
    fibers_.reserve(count);
    for (size_t i = 0; i < more; i++) {
        char* stack = base + i * stride + page;
        if (mprotect(stack, kStack, PROT_READ | PROT_WRITE) != 0)
            fail(ErrorKind::resource, "simt", "no memory for {} stacks of {} KiB", more, kStack >> 10);
        Fiber fiber;
        fiber.stack = stack;
        // Equal distances would put the tops of all stacks into the same few sets of the cache.
        fiber.stack_bytes = kStack - fibers_.size() * 7 % 61 * 64;
        fibers_.push_back(fiber);
    }
}

FiberPool::~FiberPool() {
    for (const Range& range : mapped_) munmap(range.begin, range.bytes);
}

}  // namespace cmtl::kernels::simt
