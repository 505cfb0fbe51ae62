# What tools/gpu_bundle.sh packs: programs and tests that find their libraries in ../lib beside them and their data below the
# folder they are started in.

option(CMTL_BUNDLE "Build programs and tests for tools/gpu_bundle.sh" OFF)

# cmtl_bundle(): after all other targets.
function(cmtl_bundle)
    add_executable(compare_tensors EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/tests/bundle/compare_tensors.cpp)
    target_link_libraries(compare_tensors PRIVATE cmtl_engine)
    add_test(NAME bundle.gpu_checks COMMAND bash ${CMAKE_SOURCE_DIR}/tests/bundle/gpu_checks_test.sh)
    set_tests_properties(bundle.gpu_checks PROPERTIES LABELS tools TIMEOUT 120)
    if(NOT CMTL_BUNDLE)
        return()
    endif()
    add_test(NAME bundle.packed_and_tried COMMAND bash ${CMAKE_SOURCE_DIR}/tools/gpu_bundle.sh --no-build)
    set_tests_properties(bundle.packed_and_tried PROPERTIES LABELS bundle TIMEOUT 3600)
    add_custom_target(cmtl_bundle_programs)
    foreach(program cmtl_train cmtl_infer cmtl_phantom cmtl_bench compare_tensors
                    test_kernels test_engine test_operators test_nets test_training)
        if(NOT TARGET ${program})
            continue()
        endif()
        add_dependencies(cmtl_bundle_programs ${program})
        # RPATH, not RUNPATH: the libraries look for theirs in the same place.
        set_target_properties(${program} PROPERTIES BUILD_RPATH "$ORIGIN/../lib")
        target_link_options(${program} PRIVATE -Wl,--disable-new-dtags)
        if(program MATCHES "^test_")
            get_target_property(definitions ${program} COMPILE_DEFINITIONS)
            list(FILTER definitions EXCLUDE REGEX "^CMTL_(SOURCE|BIN)_DIR=")
            set_target_properties(${program} PROPERTIES COMPILE_DEFINITIONS
                                  "${definitions};CMTL_SOURCE_DIR=\".\";CMTL_BIN_DIR=\"bin\"")
        endif()
    endforeach()
endfunction()
