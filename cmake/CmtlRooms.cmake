# Compiler settings, dependencies, and the three functions the house is built with.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release)
endif()

find_program(CMTL_CCACHE ccache)
if(CMTL_CCACHE)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${CMTL_CCACHE})
endif()

# ITK brings its own idea of flags and warnings: kept to the io room through its include directories alone.
# Debian's GDCM lists programs of a package that is not needed, fifteen times over: its remarks are not shown.
set(CMAKE_MESSAGE_LOG_LEVEL NOTICE)
find_package(ITK 5.2 REQUIRED COMPONENTS ITKCommon ITKIOImageBase ITKIOGDCM ITKIONIFTI ITKIOMeta ITKIONRRD)
unset(CMAKE_MESSAGE_LOG_LEVEL)
# DICOM pixels are decoded by GDCM itself, the library behind ITK's DICOM reader.
find_path(GDCM_INCLUDE_DIR gdcmReader.h PATH_SUFFIXES gdcm-3.0 REQUIRED)
find_library(GDCM_MSFF_LIBRARY gdcmMSFF REQUIRED)
find_library(GDCM_DSED_LIBRARY gdcmDSED REQUIRED)
find_library(GDCM_COMMON_LIBRARY gdcmCommon REQUIRED)
set(GDCM_LIBRARIES ${GDCM_MSFF_LIBRARY} ${GDCM_DSED_LIBRARY} ${GDCM_COMMON_LIBRARY})
find_package(OpenMP REQUIRED COMPONENTS CXX)
# Debian's dnnl-config.cmake asks for OpenCL's headers, which nothing here needs: the library is taken directly.
find_path(DNNL_INCLUDE_DIR dnnl.hpp REQUIRED)
find_library(DNNL_LIBRARY dnnl REQUIRED)
add_library(DNNL::dnnl UNKNOWN IMPORTED)
set_target_properties(DNNL::dnnl PROPERTIES IMPORTED_LOCATION ${DNNL_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${DNNL_INCLUDE_DIR})
find_path(XGBOOST_INCLUDE_DIR xgboost/c_api.h REQUIRED)
find_library(XGBOOST_LIBRARY xgboost REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(PNG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(LibArchive REQUIRED)
if(CMTL_BENCH)
    find_package(benchmark REQUIRED)
endif()
if(CMTL_TESTS)
    find_package(GTest REQUIRED)
    include(GoogleTest)
endif()

set(CMTL_HAVE_CUDA OFF)
if(NOT CMTL_CUDA STREQUAL "OFF")
    find_package(CUDAToolkit QUIET)
    if(CUDAToolkit_FOUND)
        set(CMTL_HAVE_CUDA ON)
    elseif(CMTL_CUDA STREQUAL "ON")
        message(FATAL_ERROR "CMTL_CUDA is ON and no CUDA toolkit was found: install it or pass -DCMTL_CUDA=AUTO")
    endif()
endif()

add_library(cmtl_options INTERFACE)
target_include_directories(cmtl_options INTERFACE ${CMAKE_SOURCE_DIR} ${CMAKE_BINARY_DIR}/generated)
target_compile_options(cmtl_options INTERFACE -Wall -Wextra)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    target_compile_options(cmtl_options INTERFACE -Wno-restrict)  # false alarms on std::string's operator+ (GCC bug 105329)
endif()
# One program for every x86-64 of the last decade: hot loops pick AVX2 or AVX-512 when they run (base/cpu_dispatch.hpp).
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    target_compile_options(cmtl_options INTERFACE -march=x86-64-v2)
endif()
target_link_libraries(cmtl_options INTERFACE OpenMP::OpenMP_CXX)
if(CMTL_WERROR)
    target_compile_options(cmtl_options INTERFACE -Werror)
endif()
if(CMTL_SANITIZE)
    target_compile_options(cmtl_options INTERFACE -fsanitize=${CMTL_SANITIZE} -fno-omit-frame-pointer)
    target_link_options(cmtl_options INTERFACE -fsanitize=${CMTL_SANITIZE})
endif()

# version.hpp carries the commit, so every build looks whether that changed.
add_custom_target(cmtl_version
    COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${CMAKE_SOURCE_DIR} -DPROJECT_VERSION=${PROJECT_VERSION}
            -DOUTPUT=${CMAKE_BINARY_DIR}/generated/version.hpp -P ${CMAKE_SOURCE_DIR}/cmake/version.cmake
    BYPRODUCTS ${CMAKE_BINARY_DIR}/generated/version.hpp
    COMMENT "version.hpp")

# cmtl_room(NAME LINKS ... PRIVATE_LINKS ...): every source below NAME/ as the static library cmtl_NAME.
function(cmtl_room name)
    cmake_parse_arguments(ROOM "" "" "LINKS;PRIVATE_LINKS;PRIVATE_INCLUDES" ${ARGN})
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${name}/*.cpp)
    if(sources)
        add_library(cmtl_${name} STATIC ${sources})
        target_link_libraries(cmtl_${name} PUBLIC cmtl_options ${ROOM_LINKS} PRIVATE ${ROOM_PRIVATE_LINKS} nlohmann_json::nlohmann_json)
        target_include_directories(cmtl_${name} SYSTEM PRIVATE ${ROOM_PRIVATE_INCLUDES})
        add_dependencies(cmtl_${name} cmtl_version)
    else()
        add_library(cmtl_${name} INTERFACE)
        target_link_libraries(cmtl_${name} INTERFACE cmtl_options ${ROOM_LINKS})
    endif()
endfunction()

# What code that executes kernels on the CPU (kernels/simt) is compiled with: the arithmetic as it is written, and a probe of every
# page of the stack, so that a thread that needs more stack than it has meets the guard page and not its neighbour. Kernels read
# floats as vectors of them, which nvcc allows.
set(CMTL_SIMT_OPTIONS -ffp-contract=off -fno-strict-aliasing -fstack-clash-protection -Wno-unused-function)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # #pragma unroll is nvcc's and clang's; tails of unrolled loops look as if they read what was not loaded.
    list(APPEND CMTL_SIMT_OPTIONS -Wno-unknown-pragmas -Wno-maybe-uninitialized)
endif()

# cmtl_simt_wrappers(OUT): for every kernels/**.cu a one-line .cpp in the build directory, because one directory cannot compile
# a .cu in two languages. OUT lists them.
function(cmtl_simt_wrappers out)
    file(GLOB_RECURSE kernels CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR} ${CMAKE_SOURCE_DIR}/kernels/*.cu)
    set(wrappers)
    foreach(kernel ${kernels})
        string(REGEX REPLACE "\\.cu$" "_simt.cpp" wrapper ${CMAKE_BINARY_DIR}/generated/${kernel})
        file(CONFIGURE OUTPUT ${wrapper} CONTENT "#include \"${kernel}\"\n")  # written only when it changes
        list(APPEND wrappers ${wrapper})
    endforeach()
    set(${out} ${wrappers} PARENT_SCOPE)
endfunction()

# cmtl_kernels_room(): the library cmtl_kernels, every kernel as simt executes it and the simt runtime. What needs the CUDA toolkit
# (kernels/cuda_*.cpp, nvcc's objects) is added by cmake/CmtlCuda.cmake, what only an instrumented build has by its own rules.
function(cmtl_kernels_room)
    cmake_parse_arguments(ROOM "" "" "LINKS" ${ARGN})
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/kernels/*.cpp)
    list(FILTER sources EXCLUDE REGEX "/kernels/cuda_[^/]*\\.cpp$|/kernels/simt/instrument[^/]*\\.cpp$")
    cmtl_simt_wrappers(wrappers)
    add_library(cmtl_kernels STATIC ${sources} ${wrappers})
    target_link_libraries(cmtl_kernels PUBLIC cmtl_options ${ROOM_LINKS})
    target_compile_options(cmtl_kernels PRIVATE -O3 ${CMTL_SIMT_OPTIONS})
endfunction()

# cmtl_programs(FOLDER LINKS ...): every FOLDER/cmtl_*.cpp is a program.
function(cmtl_programs folder)
    cmake_parse_arguments(ROOM "" "" "LINKS" ${ARGN})
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${folder}/cmtl_*.cpp)
    foreach(source ${sources})
        get_filename_component(name ${source} NAME_WE)
        set(program ${name})
        if(TARGET ${name})  # the library of a room has that name
            set(program ${name}_program)
        endif()
        add_executable(${program} ${source})
        set_target_properties(${program} PROPERTIES OUTPUT_NAME ${name})
        target_link_libraries(${program} PRIVATE ${ROOM_LINKS} CLI11::CLI11 nlohmann_json::nlohmann_json)
    endforeach()
endfunction()

# cmtl_tests(ROOM [DEVICES] LINKS ...): tests/ROOM/*_test.cpp as the program test_ROOM, one ctest entry per case. With DEVICES the
# program runs again, in four parts, on simt and on the first GPU; where that does not answer it is skipped with one line.
function(cmtl_tests room)
    cmake_parse_arguments(ROOM "DEVICES" "" "LINKS" ${ARGN})
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/${room}/*_test.cpp)
    if(NOT sources)
        return()
    endif()
    add_executable(test_${room} ${sources})
    target_link_libraries(test_${room} PRIVATE ${ROOM_LINKS} GTest::gtest nlohmann_json::nlohmann_json)
    if(ROOM_DEVICES)
        target_sources(test_${room} PRIVATE ${CMAKE_SOURCE_DIR}/tests/device_main.cpp)
        foreach(device simt cuda:0)
            foreach(part RANGE 1 4)
                math(EXPR index "${part} - 1")
                add_test(NAME ${room}.${device}.${part}of4 COMMAND test_${room})
                set_tests_properties(${room}.${device}.${part}of4 PROPERTIES LABELS "${room};${device}" TIMEOUT 1800 SKIP_RETURN_CODE 77
                    ENVIRONMENT "OMP_WAIT_POLICY=passive;CMTL_TEST_DEVICE=${device};GTEST_TOTAL_SHARDS=4;GTEST_SHARD_INDEX=${index}")
            endforeach()
        endforeach()
    else()
        target_link_libraries(test_${room} PRIVATE GTest::gtest_main)
    endif()
    target_include_directories(test_${room} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    target_compile_definitions(test_${room} PRIVATE CMTL_SOURCE_DIR="${CMAKE_SOURCE_DIR}" CMTL_BIN_DIR="${CMAKE_BINARY_DIR}/bin")
    gtest_discover_tests(test_${room} TEST_PREFIX ${room}. DISCOVERY_TIMEOUT 120
                         PROPERTIES LABELS ${room} TIMEOUT 900 ENVIRONMENT "OMP_WAIT_POLICY=passive")
endfunction()
