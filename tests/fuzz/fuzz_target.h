// SPDX-License-Identifier: Apache-2.0
// The targets, each a function of bytes that aborts when a promise is broken. Under libFuzzer
// every one is a program of its own; fuzz_smoke_test links them all.
#ifndef BERTH_TESTS_FUZZ_FUZZ_TARGET_H_
#define BERTH_TESTS_FUZZ_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>

namespace berth::fuzz {

int Json(const uint8_t* data, size_t size);
int Yaml(const uint8_t* data, size_t size);
int Proto(const uint8_t* data, size_t size);
int WebSocket(const uint8_t* data, size_t size);
int Spdy(const uint8_t* data, size_t size);
int HttpRequest(const uint8_t* data, size_t size);
int Kubeconfig(const uint8_t* data, size_t size);
int Quantity(const uint8_t* data, size_t size);

}  // namespace berth::fuzz

#if defined(BERTH_LIBFUZZER)
#define BERTH_FUZZ_ENTRY(target)                                            \
  extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { \
    return target(data, size);                                              \
  }
#else
#define BERTH_FUZZ_ENTRY(target)
#endif

#endif  // BERTH_TESTS_FUZZ_FUZZ_TARGET_H_
