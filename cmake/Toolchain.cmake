# SPDX-License-Identifier: Apache-2.0
# Language, warnings, sanitizers, ccache and mold.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)  # gnu++20 defines the macro "linux", which is a CRI field name
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Generated code is left out: it is most of the compile time, and the same object files (and so
# ccache's) then serve every preset.
set(BERTH_SANITIZE "" CACHE STRING "sanitizers for all but generated code, such as address,undefined or thread")
# abseil's containers poison what they hold free; code without AddressSanitizer does not know. Such
# programs run with ASAN_OPTIONS=allow_user_poisoning=0, as ctest does.
set(BERTH_SANITIZE_SKIP "" CACHE STRING "folders left out, too, for a quick look at the others")
if(BERTH_SANITIZE)
  # gcc's warning is wrong about what it has instrumented, as its manual says.
  set(options -fsanitize=${BERTH_SANITIZE} -fno-omit-frame-pointer
              $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  if(BERTH_SANITIZE MATCHES thread)
    # Protobuf's headers lay messages out otherwise when they see it; the library and generated code
    # are not instrumented and do not.
    list(APPEND options -U__SANITIZE_THREAD__)
  endif()
  if(BERTH_SANITIZE MATCHES undefined)
    # These double the time to compile; what they find mostly crashes or is seen by AddressSanitizer.
    list(APPEND options -fno-sanitize=null,alignment,vptr,object-size -fno-sanitize-recover=undefined)
  endif()
  foreach(option ${options})
    add_compile_options($<$<NOT:$<BOOL:$<TARGET_PROPERTY:BERTH_PLAIN>>>:${option}>)
  endforeach()
  add_link_options(-fsanitize=${BERTH_SANITIZE})
endif()

find_program(BERTH_CCACHE ccache)
if(BERTH_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${BERTH_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${BERTH_CCACHE})
endif()
find_program(BERTH_MOLD mold)
if(BERTH_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
add_link_options(-Wl,--gc-sections -Wl,--as-needed)
add_compile_options(-ffunction-sections -fdata-sections -fstack-protector-strong)

# At most one compile job per 1.5 GB of memory.
cmake_host_system_information(RESULT memory_mb QUERY TOTAL_PHYSICAL_MEMORY)
math(EXPR jobs "${memory_mb} / 1500 + 1")
set_property(GLOBAL PROPERTY JOB_POOLS compile=${jobs} link=2)
set(CMAKE_JOB_POOL_COMPILE compile)
set(CMAKE_JOB_POOL_LINK link)
