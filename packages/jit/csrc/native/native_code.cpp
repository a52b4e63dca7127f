#include "compile.h"

#include <tensorwright/tw_abi_kernels.h>
#include <tensorwright/tw.hpp>

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <string_view>

#if defined(__x86_64__) && !defined(_WIN32)
#include <sys/mman.h>
#endif

namespace tw::jit {

#if defined(__x86_64__) && !defined(_WIN32)

// Written first, executable afterwards, never both.
NativeCode::NativeCode(const LaneProgram& program, const Parts& parts)
    : size_(parts.one.size()),
      streams_(program.streams.size()),
      sums_(program.sums.size()),
      lanes_(parts.lanes),
      several_lanes_(parts.several.empty() ? 0 : parts.several_lanes),
      folds_(parts.folds) {
  if (several_lanes_) one_ = (parts.several.size() + 63) / 64 * 64, size_ += one_;
  void* memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  auto* bytes = static_cast<uint8_t*>(memory);
  std::copy(parts.several.begin(), parts.several.end(), bytes);
  std::copy(parts.one.begin(), parts.one.end(), bytes + one_);
  if (mprotect(memory, size_, PROT_READ | PROT_EXEC) == 0)
    memory_ = memory;
  else
    munmap(memory, size_);
}

NativeCode::~NativeCode() {
  if (memory_) munmap(memory_, size_);
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

namespace {

constexpr int kMostCopies = 4;

// The instruction set that the core uses, which TENSORWRIGHT_ISA may lower.
std::optional<VectorWidth> width_in_use() {
  const char* off = std::getenv("TENSORWRIGHT_NATIVE_CODE");
  if (off && std::string_view(off) == "0") return std::nullopt;
  const void* table = nullptr;
  check(g_host->query("tw.kernels", 1, 0, &table));
  const std::string_view name = static_cast<const tw_kernels_if*>(table)->instruction_set();
  if (name == "avx512") return VectorWidth::kAvx512;
  return name == "avx2" ? std::optional(VectorWidth::kAvx2) : std::nullopt;
}

std::optional<VectorWidth> width() {
  static const std::optional<VectorWidth> chosen = width_in_use();
  return chosen;
}

// As many vectors at once as fit; where sums can be folded, as many as the length is a multiple of.
std::optional<NativeCode::Parts> assembled(const LaneProgram& program, VectorWidth wide, Batch batch) {
  const int lanes = Assembler(wide).lanes();
  const bool may_fold = !program.sums.empty() && program.length && program.length % lanes == 0;
  NativeCode::Parts parts{{}, {}, lanes, 0};
  for (int copies = kMostCopies; batch == Batch::kSeveral && copies > 1 && parts.several.empty(); copies /= 2) {
    parts.several_lanes = copies * lanes;
    if (may_fold && program.length % parts.several_lanes) continue;
    parts.several = assemble_lanes(program, wide, copies, may_fold);
  }
  parts.folds = may_fold;
  parts.one = assemble_lanes(program, wide, 1, may_fold && parts.several.empty());
  return parts.one.empty() ? std::nullopt : std::optional(std::move(parts));
}

}  // namespace

bool native_code_scales() { return width() == VectorWidth::kAvx512; }

std::shared_ptr<const NativeCode> native_code(const LaneProgram& program, Batch batch) {
  static std::mutex mutex;
  static auto* known = new std::map<std::string, std::weak_ptr<const NativeCode>>();
  const auto lanes = width();
  if (!lanes) return nullptr;
  const std::string key = program.key() + static_cast<char>(batch);
  const std::lock_guard<std::mutex> lock(mutex);
  if (auto code = (*known)[key].lock()) return code;
  auto parts = assembled(program.with_rare_apart(), *lanes, batch);
  if (!parts) return nullptr;
  auto code = std::make_shared<const NativeCode>(program, *parts);
  if (!code->valid()) return nullptr;
  (*known)[key] = code;
  return code;
}

#elif !defined(__aarch64__) || defined(_WIN32)

NativeCode::NativeCode(const LaneProgram&, const Parts& parts) : lanes_(parts.lanes) {}
LaneCode NativeCode::whole(int64_t) const { return nullptr; }
NativeCode::~NativeCode() = default;
void NativeCode::run(void**, int64_t) const {}
std::shared_ptr<const NativeCode> native_code(const LaneProgram&, Batch) { return nullptr; }
bool native_code_scales() { return false; }

#endif

}  // namespace tw::jit
