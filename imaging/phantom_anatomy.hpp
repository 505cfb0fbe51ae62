#pragma once
// The phantom's healthy thorax in its own coordinates: LPS millimetres of a standard patient, z = 0 in mid-lung.
#include <array>
#include <vector>

#include "imaging/phantom_shapes.hpp"

namespace cmtl::phantom {

// What differs between patients, drawn from the seed.
struct Build {
    explicit Build(uint64_t seed);

    Point scale;                // patient millimetres per standard millimetre
    Point shift;                // where the patient lies, mm
    std::array<float, 9> turn;  // rotation, row-major, patient to world
    float fat;                  // subcutaneous fat, mm
    bool breasts;
    float dome_right, dome_left;  // height of the diaphragm
    float heart;                  // size
    float bend;                   // sideways curve of the spine, mm
    float parenchyma;             // HU of aerated lung
    float marrow, liver, fat_hu, muscle;
    float side_size[2];   // width of the right and the left chest
    Point stomach;        // half axes of the gas bubble and its wall
    float stomach_level;  // y of the fluid level below the bubble's centre
};

class Anatomy {
  public:
    explicit Anatomy(uint64_t seed);

    struct Sample {
        float hu;    // of everything but the lung
        float lung;  // share of lung in [0, 1]
        int side;    // 1 right, 2 left
    };
    // The tissue around p, edges blurred over w mm.
    Sample sample(Point p, float w) const;
    // Distance to the pleura of the lung on p's side, negative inside the lung.
    float lung_distance(Point p) const;
    // Aerated lung at p, without vessels: heavier at the back, textured, with fissures that show w mm wide.
    float parenchyma(Point p, float w) const;

    const Build& build() const { return build_; }
    const SmoothNoise& noise() const { return noise_; }
    const std::vector<Tube>& vessels() const { return vessels_; }  // inside the lungs, bronchial walls among them
    const std::vector<Tube>& airways() const { return airways_; }  // their lumens

  private:
    struct Profile {  // half axes of the torso below its fat and of the rib cage's inside
        float width, front, back, cavity_width, cavity_front, cavity_back;
    };
    Profile profile(float z) const;
    Point straightened(Point p) const;
    float cavity_distance(Point p, const Profile& s) const;
    float lung_distance(Point p, const Profile& s, float cavity) const;
    float heart_distance(Point p) const;
    float diaphragm(Point p) const;
    float spine_y(float z) const;
    float mediastinum(Point p, float w) const;
    float abdomen(Point p, float w) const;
    void bones(Point p, const Profile& s, float cavity, float w, float& hu) const;
    void spine(Point p, float w, float& hu) const;
    void make_profiles();
    void make_mediastinum(Draws draws);
    void make_tree(Draws draws);
    void grow(Draws& draws, Point from, Point direction, float length, float radius, int generation);

    Build build_;
    SmoothNoise noise_;
    std::vector<Profile> profiles_;  // one per millimetre
    std::vector<Tube> tubes_, lumens_, clavicles_;
    std::vector<Tube> vessels_, airways_;
};

}  // namespace cmtl::phantom
