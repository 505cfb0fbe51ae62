#pragma once
// Threads: one setting for OpenMP (ours and oneDNN's), taken from --threads.
#include <omp.h>

#include <cstdint>

namespace cmtl {

// 0 means all cores this process may use. Returns the number in force.
inline int set_threads(int threads) {
    omp_set_dynamic(0);
    omp_set_num_threads(threads > 0 ? threads : omp_get_num_procs());
    return omp_get_max_threads();
}

// Calls body(begin, end) once per thread on equal contiguous shares of [0, count): a fixed split, so results do not
// depend on timing. Use it where each share is large; body must not throw.
template <class Body>
void parallel_ranges(int64_t count, Body&& body, int64_t at_least = 1) {
    const int64_t most = at_least > 0 ? (count + at_least - 1) / at_least : count;
    const int threads = static_cast<int>(most < omp_get_max_threads() ? (most < 1 ? 1 : most) : omp_get_max_threads());
    if (threads <= 1) {
        if (count > 0) body(int64_t{0}, count);
        return;
    }
#pragma omp parallel num_threads(threads)
    {
        const int64_t n = omp_get_num_threads(), i = omp_get_thread_num();
        const int64_t begin = count * i / n, end = count * (i + 1) / n;
        if (begin < end) body(begin, end);
    }
}

}  // namespace cmtl
