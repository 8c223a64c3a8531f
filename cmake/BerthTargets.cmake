# SPDX-License-Identifier: Apache-2.0
# One library and one test program per folder, made of what lies there:
#   foo.cc -> library, foo_test.cc -> <folder>_test, main.cc and *_main.cc -> nothing by themselves.

add_custom_target(unit_tests)  # every test program that needs nothing but itself

set(BERTH_WARNINGS -Wall -Wextra -Werror -Wno-missing-field-initializers)

# berth_folder(NAME [RECURSE] [EXCEPT subfolder] [PUBLIC libs...] [PRIVATE libs...] [TEST libs...])
function(berth_folder name)
  cmake_parse_arguments(ARG "RECURSE" "EXCEPT" "PUBLIC;PRIVATE;TEST" ${ARGN})
  if(ARG_RECURSE)
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} *.cc)
  else()
    file(GLOB sources CONFIGURE_DEPENDS RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} *.cc)
  endif()
  if(ARG_EXCEPT)
    list(FILTER sources EXCLUDE REGEX "^${ARG_EXCEPT}/")
  endif()
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "(_test|_main|_fuzz|^main|/main)\\.cc$")

  if(NOT sources)
    add_library(berth_${name} INTERFACE)
    target_include_directories(berth_${name} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(berth_${name} INTERFACE ${ARG_PUBLIC})
  else()
    add_library(berth_${name} STATIC ${sources})
    target_include_directories(berth_${name} PUBLIC ${PROJECT_SOURCE_DIR})
    target_compile_options(berth_${name} PRIVATE ${BERTH_WARNINGS})
    target_link_libraries(berth_${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  endif()
  if(tests)
    add_executable(${name}_test ${tests})
    target_compile_options(${name}_test PRIVATE ${BERTH_WARNINGS})
    target_link_libraries(${name}_test PRIVATE berth_${name} ${ARG_PRIVATE} ${ARG_TEST} GTest::gmock
                                               GTest::gtest_main)
    berth_unit_test(${name} ${name}_test)
  endif()
  if(${name} IN_LIST BERTH_SANITIZE_SKIP)
    foreach(target berth_${name} ${name}_test)
      if(TARGET ${target})
        set_target_properties(${target} PROPERTIES BERTH_PLAIN ON)
      endif()
    endforeach()
  endif()
endfunction()

# berth_unit_test(NAME TARGET): what ctest runs and `unit_tests` builds; named after the sanitizer, too.
function(berth_unit_test name target)
  string(REGEX REPLACE ",.*" "" suffix "${BERTH_SANITIZE}")
  string(REGEX REPLACE "^(.+)$" ".\\1" suffix "${suffix}")
  set(environment UBSAN_OPTIONS=print_stacktrace=1)
  if(BERTH_SANITIZE_SKIP)
    list(APPEND environment ASAN_OPTIONS=allow_user_poisoning=0)
  endif()
  add_test(NAME ${name}${suffix} COMMAND ${target})
  set_tests_properties(${name}${suffix} PROPERTIES LABELS unit TIMEOUT 300
    ENVIRONMENT "${environment}")
  add_dependencies(unit_tests ${target})
endfunction()

# berth_program(NAME SOURCES LIBS...): an executable of ours; SOURCES is one argument.
function(berth_program name sources)
  add_executable(${name} ${sources})
  target_compile_options(${name} PRIVATE ${BERTH_WARNINGS})
  target_link_libraries(${name} PRIVATE ${ARGN})
endfunction()

# berth_protos(TARGET [GRPC] FILES...): generated C++ of .proto files, paths relative to the project.
function(berth_protos target)
  cmake_parse_arguments(ARG "GRPC" "" "" ${ARGN})
  set(out ${PROJECT_BINARY_DIR}/proto)
  file(MAKE_DIRECTORY ${out})
  set(generated)
  foreach(file ${ARG_UNPARSED_ARGUMENTS})
    string(REGEX REPLACE "\\.proto$" "" stem ${file})
    set(outputs ${out}/${stem}.pb.cc ${out}/${stem}.pb.h)
    set(grpc)
    if(ARG_GRPC)
      list(APPEND outputs ${out}/${stem}.grpc.pb.cc ${out}/${stem}.grpc.pb.h)
      set(grpc --grpc_out=${out} --plugin=protoc-gen-grpc=$<TARGET_FILE:gRPC::grpc_cpp_plugin>)
    endif()
    add_custom_command(
      OUTPUT ${outputs}
      COMMAND protobuf::protoc -I ${PROJECT_SOURCE_DIR} --cpp_out=${out} ${grpc} ${file}
      WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
      DEPENDS ${PROJECT_SOURCE_DIR}/${file}
      VERBATIM)
    list(APPEND generated ${outputs})
  endforeach()
  add_library(${target} STATIC ${generated})
  set_target_properties(${target} PROPERTIES BERTH_PLAIN ON)
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf)
  if(ARG_GRPC)
    target_link_libraries(${target} PUBLIC gRPC::grpc++)
  endif()
  target_include_directories(${target} SYSTEM PUBLIC ${out})
  target_compile_options(${target} PRIVATE -O1 -g0 -w)
  # Users wait until every header is there.
  add_custom_target(${target}_generated DEPENDS ${generated})
  add_dependencies(${target} ${target}_generated)
endfunction()
