// SPDX-License-Identifier: Apache-2.0
// Bytes per second from and to JSON and the wire over a folder of objects (BERTH_GOLDEN_DIR with
// pairs x.json, x.pb), beside what protobuf alone needs to parse the same bodies.
#include <benchmark/benchmark.h>
#include <google/protobuf/message.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "api/codec.h"

namespace berth::api {
namespace {

struct Sample {
  std::unique_ptr<Message> object;
  std::string json, wire, body;
};

std::vector<Sample>& Samples() {
  static auto& samples = *new std::vector<Sample>;
  return samples;
}

std::string ReadAll(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

bool Load() {
  const char* folder = std::getenv("BERTH_GOLDEN_DIR");
  if (folder == nullptr || !std::filesystem::is_directory(folder)) return false;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".pb") continue;
    auto object = DecodeProtoObject(ReadAll(entry.path()));
    if (!object.ok()) continue;  // a watch event names no kind
    Sample& sample = Samples().emplace_back();
    sample.object = *std::move(object);
    sample.json = EncodeJson(*sample.object);
    sample.wire = EncodeProto(*sample.object);
    sample.body = EncodeProtoBody(*sample.object);
  }
  return !Samples().empty();
}

// Runs `work` on every sample; `text` says which bytes are counted.
template <class Work>
void Measure(benchmark::State& state, const std::string Sample::*text, const Work& work) {
  size_t bytes = 0;
  for (const Sample& sample : Samples()) bytes += (sample.*text).size();
  for (auto _ : state) {
    for (const Sample& sample : Samples()) work(sample);
  }
  state.SetBytesProcessed(static_cast<int64_t>(bytes) * state.iterations());
}

void BM_JsonEncode(benchmark::State& state) {
  Measure(state, &Sample::json,
          [](const Sample& s) { benchmark::DoNotOptimize(EncodeJson(*s.object)); });
}
void BM_JsonDecode(benchmark::State& state) {
  Measure(state, &Sample::json, [](const Sample& s) {
    const std::unique_ptr<Message> object(s.object->New());
    if (!DecodeJson(s.json, *object).ok()) std::abort();
  });
}
void BM_JsonDecodeStrict(benchmark::State& state) {
  Measure(state, &Sample::json, [](const Sample& s) {
    const std::unique_ptr<Message> object(s.object->New());
    if (!DecodeJson(s.json, *object, {.strict = true}).ok()) std::abort();
  });
}
void BM_WireEncode(benchmark::State& state) {
  Measure(state, &Sample::wire,
          [](const Sample& s) { benchmark::DoNotOptimize(EncodeProto(*s.object)); });
}
void BM_WireDecode(benchmark::State& state) {
  Measure(state, &Sample::wire, [](const Sample& s) {
    const std::unique_ptr<Message> object(s.object->New());
    if (!DecodeProto(s.wire, *object).ok()) std::abort();
  });
}
void BM_PlainProtobufParse(benchmark::State& state) {
  Measure(state, &Sample::body, [](const Sample& s) {
    const std::unique_ptr<Message> object(s.object->New());
    if (!object->ParseFromString(s.body)) std::abort();
  });
}

BENCHMARK(BM_JsonEncode);
BENCHMARK(BM_JsonDecode);
BENCHMARK(BM_JsonDecodeStrict);
BENCHMARK(BM_WireEncode);
BENCHMARK(BM_WireDecode);
BENCHMARK(BM_PlainProtobufParse);

}  // namespace
}  // namespace berth::api

int main(int argc, char** argv) {
  if (!berth::api::Load()) {
    std::cerr << "codec_bench: no objects; set BERTH_GOLDEN_DIR to a folder of .pb files\n";
    return 1;
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
