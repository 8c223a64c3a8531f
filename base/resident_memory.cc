// SPDX-License-Identifier: Apache-2.0
#include "base/resident_memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace berth::base {
namespace {

// Segments without PF_W only: relocations write to the others, RELRO's read-only pages included.
int ReleaseSegments(dl_phdr_info* object, size_t, void* released) {
  const uintptr_t page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const uintptr_t begin = (object->dlpi_addr + segment.p_vaddr) / page * page;
    const uintptr_t end = (object->dlpi_addr + segment.p_vaddr + segment.p_filesz) / page * page;
    if (end <= begin) continue;
    if (madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED) == 0) {
      *static_cast<size_t*>(released) += end - begin;
    }
  }
  return 0;
}

}  // namespace

size_t ReleaseIdleMemory() {
  malloc_trim(0);
  size_t released = 0;
  dl_iterate_phdr(ReleaseSegments, &released);
  return released;
}

}  // namespace berth::base
