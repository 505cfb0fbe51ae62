// Every primitive beside a plain loop: ragged sizes, several element types, twice in a row within one kernel (a second call reuses
// the first one's shared memory), threads in any order.
#include "kernels/dialect.hpp"
#include "kernels/kernel_case.hpp"
#include "kernels/primitives/block.cuh"
#include "kernels/primitives/histogram.cuh"
#include "kernels/primitives/vector.cuh"

namespace cmtl::kernels {
inline namespace CMTL_TARGET {

// x -> slope x + offset, modulo 2^64: composition is associative and not commutative.
struct Affine {
    uint64_t slope, offset;
    bool operator==(const Affine&) const = default;
};
struct Compose {
    __device__ Affine operator()(const Affine& first, const Affine& then) const {
        return {first.slope * then.slope, first.offset * then.slope + then.offset};
    }
};
// The largest value and where it stands first: 12 bytes.
struct Peak {
    float value;
    int place, copy;
    bool operator==(const Peak&) const = default;
};
struct Higher {
    __device__ Peak operator()(const Peak& a, const Peak& b) const {
        return b.value > a.value || (b.value == a.value && b.place < a.place) ? b : a;
    }
};

template <class T, class Op>
__global__ void warp_kernel(const T* x, T* reduced, T* scanned, Op op) {
    const int i = thread_rank(), lanes = warp_lanes();
    reduced[i] = warp_reduce_all(x[i], op, lanes);
    scanned[i] = warp_scan(x[i], op, lanes);
    reduced[block_threads() + i] = warp_reduce_all(scanned[i], op, lanes);
    scanned[block_threads() + i] = warp_scan(scanned[i], op, lanes);
}

// Each primitive on x and, directly after it, on the result.
template <class T, class Op>
__global__ void block_reduce_kernel(const T* x, T* y, Op op) {
    const int i = thread_rank(), n = block_threads();
    const T first = block_reduce(x[i], op), second = block_reduce(x[n - 1 - i], op), third = block_reduce(i % 2 ? x[i] : first, op);
    y[i] = first;
    y[n + i] = second;
    y[2 * n + i] = third;
}

template <class T, class Op>
__global__ void block_scan_kernel(const T* x, T* y, T* totals, T neutral, Op op) {
    const int i = thread_rank(), n = block_threads();
    const T first = block_scan(x[i], op, totals + i), second = block_scan(x[n - 1 - i], op);
    const T third = block_scan_before(x[i], op, neutral, totals + n + i), fourth = block_scan_before(x[n - 1 - i], op, neutral);
    y[i] = first;
    y[n + i] = second;
    y[2 * n + i] = third;
    y[3 * n + i] = fourth;
}

template <int count>
__global__ void sum_down_kernel(const int64_t* x, int64_t* y) {
    const int i = thread_rank(), n = block_threads(), across = static_cast<int>(blockDim.x);
    for (int turn = 0; turn < 2; ++turn) {
        int64_t value[count];
        for (int k = 0; k < count; ++k) value[k] = x[k * n + (turn ? n - 1 - i : i)];
        sum_down<count, 1024>(value);
        if (threadIdx.y == 0 && threadIdx.z == 0)
            for (int k = 0; k < count; ++k) y[(turn * count + k) * across + static_cast<int>(threadIdx.x)] = value[k];
    }
}

template <int copies>
__global__ void histogram_kernel(const int* values, int count, int bins, unsigned* total, unsigned* evens) {
    CMTL_DYNAMIC_SHARED(unsigned, counts);
    BlockHistogram<copies> histogram(counts, bins);
    histogram.clear();
    for (int i = static_cast<int>(first_item()); i < count; i += static_cast<int>(item_stride())) histogram.add(values[i]);
    histogram.flush(total);
    histogram.clear();
    for (int i = static_cast<int>(first_item()); i < count; i += static_cast<int>(item_stride()))
        if (values[i] % 2 == 0) histogram.add(values[i], 3);
    histogram.flush(evens);
}

template <int width, class T>
__global__ void reverse_vectors_kernel(int64_t vectors, const T* x, T* y) {
    for (int64_t v = first_item(); v < vectors; v += item_stride()) {
        auto value = load_vector<width>(x + width * v);
        for (int i = 0; i < width; ++i) value[i] = static_cast<T>(value[i] + 1);
        store_vector<width>(y + width * (vectors - 1 - v), value);
    }
}

}  // namespace CMTL_TARGET

namespace {

const std::vector<dim3> blocks{dim3(1),   dim3(2),    dim3(31),   dim3(32),      dim3(33),       dim3(63),        dim3(64),
                               dim3(100), dim3(257),  dim3(1000), dim3(1024),    dim3(5, 7),     dim3(3, 11, 4),  dim3(16, 16)};

size_t threads_of(const dim3& b) { return size_t{b.x} * b.y * b.z; }

std::vector<uint64_t> draws(size_t count, uint64_t seed) {
    std::mt19937_64 engine(seed);
    std::vector<uint64_t> v(count);
    for (uint64_t& d : v) d = engine();
    return v;
}
template <class T>
std::vector<T> numbers(size_t count) {
    std::vector<T> v;
    for (uint64_t d : draws(count, 7)) v.push_back(static_cast<T>(static_cast<int>(d % 2001) - 1000));
    return v;
}
std::vector<Affine> maps(size_t count) {
    std::vector<Affine> v;
    for (uint64_t d : draws(count, 8)) v.push_back({d | 1, d >> 7});
    return v;
}
std::vector<Peak> peaks(size_t count) {
    std::vector<Peak> v;
    for (uint64_t d : draws(count, 9)) v.push_back({static_cast<float>(d % 13), static_cast<int>(v.size()), static_cast<int>(v.size())});
    return v;
}

template <class T, class Op>
std::vector<T> scan(const std::vector<T>& x, Op op) {
    std::vector<T> y(x);
    for (size_t i = 1; i < y.size(); ++i) y[i] = op(y[i - 1], y[i]);
    return y;
}

template <class T, class Op>
void expect_warps(const std::vector<T>& x, const dim3& block, Op op, bool commutative = true) {
    const size_t n = threads_of(block);
    const auto results = same_under_every_schedule<Target>([&](TestDevice& device) {
        const auto tx = device.array(x), reduced = device.array(2 * n, T{}), scanned = device.array(2 * n, T{});
        launch({"warp", 1, block, 0, device.stream}, warp_kernel<T, Op>, tx.data(), reduced.data(), scanned.data(), op);
        return std::vector<std::vector<T>>{reduced.host(), scanned.host()};
    });
    for (size_t first = 0; first < n; first += 32) {
        const size_t last = std::min(first + 32, n);
        const std::vector<T> own(x.begin() + static_cast<std::ptrdiff_t>(first), x.begin() + static_cast<std::ptrdiff_t>(last));
        const std::vector<T> once = scan(own, op), twice = scan(once, op);
        for (size_t i = first; i < last; ++i) {
            EXPECT_EQ(results[1][i], once[i - first]) << i;
            EXPECT_EQ(results[1][n + i], twice[i - first]) << i;
            if (!commutative) continue;
            EXPECT_EQ(results[0][i], once.back()) << i;
            EXPECT_EQ(results[0][n + i], twice.back()) << i;
        }
    }
}

template <class T, class Op>
void expect_block_reduce(const std::vector<T>& x, const dim3& block, Op op) {
    const size_t n = threads_of(block);
    const auto results = same_under_every_schedule<Target>([&](TestDevice& device) {
        const auto tx = device.array(x), y = device.array(3 * n, T{});
        launch({"block_reduce", 1, block, 0, device.stream}, block_reduce_kernel<T, Op>, tx.data(), y.data(), op);
        return std::vector<std::vector<T>>{y.host()};
    });
    const T all = scan(x, op).back();
    std::vector<T> mixed(x);
    for (size_t i = 0; i < n; i += 2) mixed[i] = all;
    const T third = scan(mixed, op).back();
    for (size_t i = 0; i < n; ++i) {
        ASSERT_EQ(results[0][i], all) << i;
        ASSERT_EQ(results[0][n + i], all) << i;
        ASSERT_EQ(results[0][2 * n + i], third) << i;
    }
}

template <class T, class Op>
void expect_block_scan(const std::vector<T>& x, const dim3& block, T neutral, Op op) {
    const size_t n = threads_of(block);
    const auto results = same_under_every_schedule<Target>([&](TestDevice& device) {
        const auto tx = device.array(x), y = device.array(4 * n, T{}), totals = device.array(2 * n, T{});
        launch({"block_scan", 1, block, 0, device.stream}, block_scan_kernel<T, Op>, tx.data(), y.data(), totals.data(), neutral, op);
        return std::vector<std::vector<T>>{y.host(), totals.host()};
    });
    const std::vector<T> forward = scan(x, op), backward = scan(std::vector<T>(x.rbegin(), x.rend()), op);
    for (size_t i = 0; i < n; ++i) {
        ASSERT_EQ(results[0][i], forward[i]) << i;
        ASSERT_EQ(results[0][n + i], backward[i]) << i;
        ASSERT_EQ(results[0][2 * n + i], i ? forward[i - 1] : neutral) << i;
        ASSERT_EQ(results[0][3 * n + i], i ? backward[i - 1] : neutral) << i;
        ASSERT_EQ(results[1][i], forward.back()) << i;
        ASSERT_EQ(results[1][n + i], forward.back()) << i;
    }
}

}  // namespace

TEST(Primitives, WarpReduceAndScan) {
    for (const dim3& block : blocks) {
        const size_t n = threads_of(block);
        SCOPED_TRACE(n);
        expect_warps(numbers<int>(n), block, Sum{});
        expect_warps(numbers<float>(n), block, Max{});
        expect_warps(numbers<int64_t>(n), block, Sum{});
        expect_warps(numbers<double>(n), block, Min{});
        expect_warps(numbers<int8_t>(n), block, Max{});
        expect_warps(peaks(n), block, Higher{});
        expect_warps(maps(n), block, Compose{}, false);
    }
}

TEST(Primitives, BlockReduce) {
    for (const dim3& block : blocks) {
        const size_t n = threads_of(block);
        SCOPED_TRACE(n);
        expect_block_reduce(numbers<int>(n), block, Sum{});
        expect_block_reduce(numbers<double>(n), block, Sum{});
        expect_block_reduce(numbers<float>(n), block, Max{});
        expect_block_reduce(numbers<int64_t>(n), block, Min{});
        expect_block_reduce(peaks(n), block, Higher{});
    }
}

TEST(Primitives, BlockScan) {
    for (const dim3& block : blocks) {
        const size_t n = threads_of(block);
        SCOPED_TRACE(n);
        expect_block_scan(numbers<int>(n), block, 0, Sum{});
        expect_block_scan(numbers<float>(n), block, -INFINITY, Max{});
        expect_block_scan(maps(n), block, Affine{1, 0}, Compose{});
    }
}

TEST(Primitives, NotANumberWinsMaximumAndMinimum) {
    std::vector<float> x = numbers<float>(100);
    x[57] = NAN;
    const auto results = same_under_every_schedule<Target>([&](TestDevice& device) {
        const auto tx = device.array(x), y = device.array(300, 0.0f), z = device.array(300, 0.0f);
        launch({"block_reduce", 1, 100, 0, device.stream}, block_reduce_kernel<float, Max>, tx.data(), y.data(), Max{});
        launch({"block_reduce", 1, 100, 0, device.stream}, block_reduce_kernel<float, Min>, tx.data(), z.data(), Min{});
        return std::vector<std::vector<float>>{y.host(), z.host()};
    });
    for (const std::vector<float>& values : results)
        for (float v : values) ASSERT_TRUE(std::isnan(v));
}

TEST(Primitives, SumsDownTheRowsOfABlock) {
    for (const dim3& block : {dim3(1, 1), dim3(1, 256), dim3(3, 85), dim3(16, 16), dim3(128, 2), dim3(32, 32), dim3(100, 1), dim3(7, 100),
                              dim3(4, 5, 6), dim3(1, 3, 7)}) {
        const size_t n = threads_of(block);
        const std::vector<int64_t> x = numbers<int64_t>(3 * n);
        const auto results = same_under_every_schedule<Target>([&](TestDevice& device) {
            const auto tx = device.array(x), y = device.array(6 * block.x, int64_t{0});
            launch({"sum_down", 1, block, 0, device.stream}, sum_down_kernel<3>, tx.data(), y.data());
            return std::vector<std::vector<int64_t>>{y.host()};
        });
        for (size_t turn = 0; turn < 2; ++turn)
            for (size_t k = 0; k < 3; ++k)
                for (size_t c = 0; c < block.x; ++c) {
                    int64_t sum = 0;
                    for (size_t r = 0; r < block.y * block.z; ++r) {
                        const size_t i = r * block.x + c;
                        sum += x[k * n + (turn ? n - 1 - i : i)];
                    }
                    ASSERT_EQ(results[0][(turn * 3 + k) * block.x + c], sum) << block.x << "x" << block.y << " turn " << turn;
                }
    }
}

TEST(Primitives, HistogramsCountEverything) {
    const auto check = [](auto copies, int bins, int count, const dim3& grid, const dim3& block, bool runs) {
        constexpr int n = decltype(copies)::value;
        std::vector<int> values;
        for (uint64_t d : draws(static_cast<size_t>(count), 11)) values.push_back(static_cast<int>(d % static_cast<uint64_t>(bins)));
        if (runs) std::sort(values.begin(), values.end());  // whole warps meet in one bin
        const size_t size = static_cast<size_t>(bins);
        const auto results = same_under_every_schedule<Target>([&](TestDevice& device) {
            const auto tx = device.array(values);
            const auto total = device.array(size, 10u), evens = device.array(size, 0u);
            launch({"histogram", grid, block, BlockHistogram<n>::bytes(bins), device.stream}, histogram_kernel<n>, tx.data(), count, bins,
                   total.data(), evens.data());
            return std::vector<std::vector<unsigned>>{total.host(), evens.host()};
        });
        std::vector<unsigned> total(size, 10u), evens(size, 0u);
        for (int v : values) {
            ++total[static_cast<size_t>(v)];
            if (v % 2 == 0) evens[static_cast<size_t>(v)] += 3;
        }
        EXPECT_EQ(results[0], total) << bins << " bins, " << n << " copies";
        EXPECT_EQ(results[1], evens) << bins << " bins, " << n << " copies";
    };
    for (bool runs : {false, true}) {
        check(std::integral_constant<int, 1>{}, 1, 100, 1, 33, runs);
        check(std::integral_constant<int, 1>{}, 257, 5000, 3, 100, runs);
        check(std::integral_constant<int, 4>{}, 100, 5000, 2, 256, runs);
        check(std::integral_constant<int, 32>{}, 97, 5000, 2, 160, runs);
        check(std::integral_constant<int, 8>{}, 5, 0, 1, 64, runs);
        check(std::integral_constant<int, 2>{}, 1500, 3000, 1, 1024, runs);
    }
}

TEST(Primitives, VectorsMoveAsOne) {
    const auto check = [](auto width, auto type, size_t vectors) {
        constexpr int n = decltype(width)::value;
        using T = decltype(type);
        const std::vector<T> x = numbers<T>(n * vectors);
        const auto results = same_under_every_schedule<Target>([&](TestDevice& device) {
            const auto tx = device.array(x), y = device.array(x.size(), T{});
            launch({"reverse_vectors", 2, 32, 0, device.stream}, reverse_vectors_kernel<n, T>, static_cast<int64_t>(vectors), tx.data(), y.data());
            return std::vector<std::vector<T>>{y.host()};
        });
        for (size_t v = 0; v < vectors; ++v)
            for (size_t i = 0; i < n; ++i) ASSERT_EQ(results[0][(vectors - 1 - v) * n + i], static_cast<T>(x[v * n + i] + 1));
    };
    check(std::integral_constant<int, 4>{}, float{}, 101);
    check(std::integral_constant<int, 2>{}, double{}, 33);
    check(std::integral_constant<int, 16>{}, uint8_t{}, 7);
    check(std::integral_constant<int, 1>{}, int64_t{}, 1);

    alignas(16) const float memory[8] = {};
    EXPECT_TRUE(vectors_fit<float>(4, 8, {memory, memory + 4, nullptr}));
    EXPECT_FALSE(vectors_fit<float>(4, 8, {memory, memory + 1}));
    EXPECT_FALSE(vectors_fit<float>(4, 6, {memory}));
    EXPECT_TRUE(vectors_fit<float>(1, 7, {memory + 3}));
}

// Every column of every matrix lies in one tile, and blocks are not larger than asked for.
TEST(Primitives, TilesCoverTheColumns) {
    for (int64_t columns : {0, 1, 3, 16, 48, 64, 127, 128, 129, 255, 256, 257, 1000, 4097})
        for (unsigned most : {32u, 128u}) {
            const RowTiles t = row_tiles(columns, 256, most);
            EXPECT_GE(int64_t{t.tiles} * t.across, columns);
            EXPECT_LT(int64_t{t.tiles - 1} * t.across, std::max<int64_t>(columns, 1));
            EXPECT_LE(t.across, most);
            EXPECT_GE(t.down, 1u);
            EXPECT_LE(t.across * t.down, 256u);
            EXPECT_GT(t.across * (t.down + 1), 256u);
        }
}

}  // namespace cmtl::kernels
