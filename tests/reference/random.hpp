#pragma once
// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011), and the way this
// project lays draws out on it.
#include <array>
#include <cstdint>

namespace cmtl::reference {

using Words = std::array<uint32_t, 4>;

inline Words philox4x32_10(Words counter, std::array<uint32_t, 2> key) {
    for (int round = 0; round < 10; ++round) {
        const uint64_t first = uint64_t{0xD2511F53} * counter[0], second = uint64_t{0xCD9E8D57} * counter[2];
        const uint32_t first_high = static_cast<uint32_t>(first >> 32), second_high = static_cast<uint32_t>(second >> 32);
        counter = {second_high ^ counter[1] ^ key[0], static_cast<uint32_t>(second), first_high ^ counter[3] ^ key[1],
                   static_cast<uint32_t>(first)};
        key[0] += 0x9E3779B9;  // golden ratio
        key[1] += 0xBB67AE85;  // sqrt(3) - 1
    }
    return counter;
}

// Draw `index` for (seed, purpose, step): the counter's low half is the index, its high half purpose * 2^40 + step.
inline Words draw(uint64_t seed, uint32_t purpose, uint64_t step, uint64_t index) {
    const uint64_t high = uint64_t{purpose} * (uint64_t{1} << 40) + step;
    return philox4x32_10({static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32), static_cast<uint32_t>(high),
                          static_cast<uint32_t>(high >> 32)},
                         {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)});
}

// (word + 1/2) / 2^32 in single precision, as cuRAND maps a word onto (0, 1].
inline float unit(uint32_t word) { return static_cast<float>(word) * 2.3283064e-10f + 1.1641532e-10f; }

// {0 .. count - 1}.
inline uint32_t below(uint32_t word, uint32_t count) {
    return static_cast<uint32_t>(static_cast<uint64_t>(word) * count / (uint64_t{1} << 32));
}

}  // namespace cmtl::reference
