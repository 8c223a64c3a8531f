# SPDX-License-Identifier: Apache-2.0
# Every library comes from a Debian package; dev/setup installs them.
find_package(Threads REQUIRED)
find_package(Protobuf REQUIRED)  # module mode: Debian ships no protobuf-config.cmake
find_package(absl CONFIG REQUIRED)
find_package(gRPC CONFIG REQUIRED)
find_package(Boost 1.81 EXACT REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(spdlog CONFIG REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
find_package(CLI11 CONFIG REQUIRED)
find_package(nlohmann_json CONFIG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PkgConfig REQUIRED)
foreach(module libnl-3.0 libnl-route-3.0 libnl-nf-3.0 libseccomp libcap libsystemd sqlite3 simdjson
               yaml-0.1)
  string(REGEX REPLACE "[^a-z0-9]" "_" name ${module})
  pkg_check_modules(${name} REQUIRED IMPORTED_TARGET ${module})
endforeach()
find_library(BERTH_LIBCGROUP cgroup REQUIRED)
find_package(prometheus-cpp CONFIG COMPONENTS core REQUIRED)
