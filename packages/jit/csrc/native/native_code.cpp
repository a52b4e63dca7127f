#include "compile.h"

#include <algorithm>
#include <mutex>

#if (defined(__x86_64__) || defined(__aarch64__)) && !defined(_WIN32)
#include <sys/mman.h>
#define TW_JIT_HAS_NATIVE_CODE 1
#endif

namespace tw::jit {

NativeCode::NativeCode(const LaneProgram& program, const Parts& parts)
    : size_(parts.one.size()),
      streams_(program.streams.size()),
      sums_(program.sums.size()),
      lanes_(parts.lanes),
      several_lanes_(parts.several.empty() ? 0 : parts.several_lanes),
      folds_(parts.folds),
      rows_(parts.rows) {
  if (several_lanes_) one_ = (parts.several.size() + 63) / 64 * 64, size_ += one_;
  std::vector<uint8_t> bytes = parts.several;
  bytes.resize(one_);
  bytes.insert(bytes.end(), parts.one.begin(), parts.one.end());
  memory_ = executable(bytes);
}

LaneCode NativeCode::whole(int64_t n) const {
  const bool by_several = several_lanes_ && n % several_lanes_ == 0;
  if (!by_several && (n % lanes_ || (several_lanes_ && n > several_lanes_))) return nullptr;
  const uint8_t* code = static_cast<const uint8_t*>(memory_) + (by_several ? 0 : one_);
  return reinterpret_cast<LaneCode>(reinterpret_cast<uintptr_t>(code));
}

void NativeCode::run(void** streams, int64_t n) const {
  auto* code = static_cast<const uint8_t*>(memory_);
  const size_t first = streams_ + sums_;
  const int64_t whole = several_lanes_ ? n - n % several_lanes_ : 0;
  streams[first] = nullptr;
  if (whole) {
    reinterpret_cast<LaneCode>(reinterpret_cast<uintptr_t>(code))(streams, whole);
    if (whole == n) return;
    // Sums go on from where they are: their streams, then the mask's, are the last.
    std::copy_n(streams + streams_ - 1 - sums_, sums_, streams + streams_);
    streams[first] = reinterpret_cast<void*>(whole);
  }
  reinterpret_cast<LaneCode>(reinterpret_cast<uintptr_t>(code + one_))(streams, n);
}

#ifdef TW_JIT_HAS_NATIVE_CODE

// Written first, executable afterwards, never both.
void* NativeCode::executable(const std::vector<uint8_t>& code) {
  void* memory = mmap(nullptr, code.size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  auto* bytes = static_cast<char*>(memory);
  std::copy(code.begin(), code.end(), bytes);
  __builtin___clear_cache(bytes, bytes + code.size());
  if (mprotect(memory, code.size(), PROT_READ | PROT_EXEC) == 0) return memory;
  munmap(memory, code.size());
  return nullptr;
}

NativeCode::~NativeCode() {
  if (memory_) munmap(memory_, size_);
}

std::shared_ptr<const NativeCode> native_code(const LaneProgram& program, Batch batch) {
  static std::mutex mutex;
  static auto* known = new std::map<std::string, std::weak_ptr<const NativeCode>>();
  if (!has_native_code()) return nullptr;
  const std::string key = program.key() + static_cast<char>(batch);
  const std::lock_guard<std::mutex> lock(mutex);
  if (auto code = (*known)[key].lock()) return code;
  const auto parts = assemble_for_machine(program, batch);
  if (!parts) return nullptr;
  auto code = std::make_shared<const NativeCode>(program, *parts);
  if (!code->valid()) return nullptr;
  (*known)[key] = code;
  return code;
}

#else

void* NativeCode::executable(const std::vector<uint8_t>&) { return nullptr; }
NativeCode::~NativeCode() = default;
std::shared_ptr<const NativeCode> native_code(const LaneProgram&, Batch) { return nullptr; }
Machine native_code_machine() { return Machine::kAvx2; }
bool has_native_code() { return false; }

#endif

}  // namespace tw::jit
