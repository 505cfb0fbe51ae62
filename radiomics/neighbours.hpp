#pragma once
// Pairs and runs of the 13 directions in one sweep: what the GLCM at distance 1 and the GLRLM are made of.
#include <functional>
#include <vector>

#include "radiomics/discretise.hpp"

namespace cmtl {

// One direction's counts.
struct NeighbourCounts {
    size_t direction = 0;
    // (a - 1) * levels + b - 1: voxels of level a whose neighbour at the offset is of level b.
    std::vector<uint32_t> pairs;
    // (level - 1) * places + p: voxels that are number p + 1 in their run of equal levels, p from 1: those at p = 0 are
    // not counted.
    std::vector<uint32_t> in_run;
    size_t places = 0;
};

// Calls use(counts) once per offset, from several threads. offsets: glcm_offsets({1}, roi.size). Per thread a table of
// 64 (levels + 1) (levels + longest side of the box) bytes is held, or, where that is above 64 MiB, a sixteenth of it.
template <class Level>
void count_neighbours(const Roi& roi, const LevelVolume<Level>& volume, int levels, const std::vector<Index3>& offsets,
                      const std::function<void(const NeighbourCounts&)>& use);

}  // namespace cmtl
