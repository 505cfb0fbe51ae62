# The instrumented build of the kernels (kernels/simt/instrument.hpp): every access to memory is checked and counted.

# -fsanitize=thread without its runtime. What the source loads and stores at once stays one access: no merging, no splitting.
set(CMTL_COUNTED_OPTIONS -O2 -g1 -fsanitize=thread ${CMTL_SIMT_OPTIONS})
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    list(APPEND CMTL_COUNTED_OPTIONS --param=tsan-instrument-func-entry-exit=0 -Wno-tsan -fno-tree-sra -fno-tree-vectorize
         -fno-tree-slp-vectorize -fno-store-merging -fno-tree-loop-distribute-patterns)
else()
    list(APPEND CMTL_COUNTED_OPTIONS -fno-vectorize -fno-slp-vectorize -mllvm -tsan-instrument-func-entry-exit=0)
endif()

# cmtl_counted_kernels(): the library cmtl_kernels_counted, linked instead of cmtl_kernels, and cmtl_no_cuda for programs without the
# latter. There is none in builds with another sanitizer.
function(cmtl_counted_kernels)
    if(CMTL_SANITIZE)
        return()
    endif()
    cmtl_simt_wrappers(wrappers)
    add_library(cmtl_kernels_counted_code OBJECT EXCLUDE_FROM_ALL ${wrappers})
    target_link_libraries(cmtl_kernels_counted_code PUBLIC cmtl_base)
    target_compile_options(cmtl_kernels_counted_code PRIVATE ${CMTL_COUNTED_OPTIONS})
    target_compile_definitions(cmtl_kernels_counted_code PRIVATE CMTL_SIMT_COUNTED)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/*.cpp)
    list(FILTER sources EXCLUDE REGEX "/kernels/cuda_[^/]*\\.cpp$")
    add_library(cmtl_kernels_counted STATIC EXCLUDE_FROM_ALL ${sources} $<TARGET_OBJECTS:cmtl_kernels_counted_code>)
    target_link_libraries(cmtl_kernels_counted PUBLIC cmtl_base)
    target_compile_options(cmtl_kernels_counted PRIVATE -O3 ${CMTL_SIMT_OPTIONS})
    target_compile_definitions(cmtl_kernels_counted PUBLIC CMTL_SIMT_COUNTED)
    add_library(cmtl_no_cuda STATIC EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/kernels/cuda_absent.cpp)
    target_link_libraries(cmtl_no_cuda PUBLIC cmtl_base)
endfunction()

# The cases of bench/counters, for the program cmtl_counters and for tests.
function(cmtl_counter_cases)
    if(NOT TARGET cmtl_kernels_counted OR TARGET cmtl_counter_cases)
        return()
    endif()
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/counters/*cases.cpp)
    add_library(cmtl_counter_cases STATIC EXCLUDE_FROM_ALL ${sources} ${CMAKE_SOURCE_DIR}/bench/counters/report.cpp)
    target_link_libraries(cmtl_counter_cases PUBLIC cmtl_kernels_counted cmtl_no_cuda)
endfunction()

# cmtl_counters_program(): what cmtl_bench --counters starts.
function(cmtl_counters_program)
    cmtl_counter_cases()
    if(TARGET cmtl_counter_cases)
        add_executable(cmtl_counters ${CMAKE_SOURCE_DIR}/bench/counters/cmtl_counters.cpp)
        target_link_libraries(cmtl_counters PRIVATE cmtl_counter_cases CLI11::CLI11 nlohmann_json::nlohmann_json)
    endif()
endfunction()

# cmtl_counted_tests(): the tests of kernels again, their own kernels instrumented as well.
function(cmtl_counted_tests)
    if(NOT TARGET cmtl_kernels_counted)
        return()
    endif()
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/kernels/*_test.cpp)
    list(FILTER sources EXCLUDE REGEX "/(cuda|simt)_[^/]*_test\\.cpp$")  # of simt itself: other hooks, other messages, races on purpose
    cmtl_counter_cases()
    add_executable(test_kernels_counted ${sources})
    target_link_libraries(test_kernels_counted PRIVATE cmtl_counter_cases cmtl_imaging GTest::gtest_main)
    target_include_directories(test_kernels_counted PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    target_compile_options(test_kernels_counted PRIVATE ${CMTL_COUNTED_OPTIONS})
    target_compile_definitions(test_kernels_counted PRIVATE CMTL_SOURCE_DIR="${CMAKE_SOURCE_DIR}" CMTL_BIN_DIR="${CMAKE_BINARY_DIR}/bin")
    gtest_discover_tests(test_kernels_counted TEST_PREFIX counted. DISCOVERY_TIMEOUT 120
                         PROPERTIES LABELS counted TIMEOUT 900 ENVIRONMENT "OMP_WAIT_POLICY=passive")
    # Half an hour: only where it is asked for, with ctest -C Mutation -L mutation.
    add_test(NAME kernels.mutation CONFIGURATIONS Mutation COMMAND ${CMAKE_SOURCE_DIR}/tools/mutate_barriers.sh --work ${CMAKE_BINARY_DIR}/mutation)
    set_tests_properties(kernels.mutation PROPERTIES LABELS mutation TIMEOUT 14400)
endfunction()

# cmtl_counted_device_tests(ROOM LINKS ... [FILTER PATTERN]): the objects of test_ROOM again, which runs on simt, with the instrumented kernels. All of
# these are linked, so that nothing is left to take from cmtl_kernels but what runs on a GPU.
function(cmtl_counted_device_tests room)
    cmake_parse_arguments(ROOM "" "FILTER" "LINKS" ${ARGN})
    if(NOT TARGET cmtl_kernels_counted OR NOT TARGET test_${room})
        return()
    endif()
    add_executable(test_${room}_counted $<TARGET_OBJECTS:test_${room}>)
    target_link_libraries(test_${room}_counted PRIVATE "$<LINK_LIBRARY:WHOLE_ARCHIVE,cmtl_kernels_counted>" ${ROOM_LINKS} GTest::gtest
                          nlohmann_json::nlohmann_json)
    foreach(part RANGE 1 4)
        math(EXPR index "${part} - 1")
        add_test(NAME counted.${room}.${part}of4 COMMAND test_${room}_counted)
        set_tests_properties(counted.${room}.${part}of4 PROPERTIES LABELS counted TIMEOUT 1800 SKIP_RETURN_CODE 77
            ENVIRONMENT "OMP_WAIT_POLICY=passive;CMTL_TEST_DEVICE=simt;GTEST_FILTER=${ROOM_FILTER};GTEST_TOTAL_SHARDS=4;GTEST_SHARD_INDEX=${index}")
    endforeach()
endfunction()
