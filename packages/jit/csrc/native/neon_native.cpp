// Running the code of neon_lanes.h, where the machine is one for it.
#if defined(__aarch64__) && !defined(_WIN32)

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string_view>

#include "compile.h"
#include "neon_lanes.h"

namespace tw::jit {
namespace {

// It has been run in an emulator only: on machines of this kind it is used where it is asked for.
bool asked_for() {
  const char* on = std::getenv("TENSORWRIGHT_NATIVE_CODE");
  return on && std::string_view(on) == "neon";
}

}  // namespace

// Written first, executable afterwards, never both.
NativeCode::NativeCode(const LaneProgram& program, const Parts& parts)
    : size_(parts.one.size()), streams_(program.streams.size()), sums_(0), lanes_(parts.lanes), several_lanes_(0) {
  void* memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  auto* bytes = static_cast<char*>(memory);
  std::copy(parts.one.begin(), parts.one.end(), bytes);
  __builtin___clear_cache(bytes, bytes + size_);
  if (mprotect(memory, size_, PROT_READ | PROT_EXEC) == 0)
    memory_ = memory;
  else
    munmap(memory, size_);
}

NativeCode::~NativeCode() {
  if (memory_) munmap(memory_, size_);
}

LaneCode NativeCode::whole(int64_t) const { return nullptr; }

void NativeCode::run(void** streams, int64_t n) const {
  streams[streams_] = nullptr;  // the first element
  if (n) reinterpret_cast<LaneCode>(reinterpret_cast<uintptr_t>(memory_))(streams, n);
}

bool native_code_scales() { return false; }

std::shared_ptr<const NativeCode> native_code(const LaneProgram& program, Batch) {
  static const bool on = asked_for();
  static std::mutex mutex;
  static auto* known = new std::map<std::string, std::weak_ptr<const NativeCode>>();
  if (!on) return nullptr;
  const std::string key = program.key();
  const std::lock_guard<std::mutex> lock(mutex);
  if (auto code = (*known)[key].lock()) return code;
  const NativeCode::Parts parts{assemble_neon(program).bytes, {}, kNeonLanes, 0};
  if (parts.one.empty()) return nullptr;
  auto code = std::make_shared<const NativeCode>(program, parts);
  if (!code->valid()) return nullptr;
  (*known)[key] = code;
  return code;
}

}  // namespace tw::jit

#endif
