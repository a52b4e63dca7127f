#include "compile.h"

#include <tensorwright/tw_abi_kernels.h>
#include <tensorwright/tw.hpp>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string_view>

#if defined(__x86_64__) && !defined(_WIN32)
#include <sys/mman.h>
#endif

namespace tw::jit {

#if defined(__x86_64__) && !defined(_WIN32)

// Written first, executable afterwards, never both.
NativeCode::NativeCode(const std::vector<uint8_t>& code, int lanes) : size_(code.size()), lanes_(lanes) {
  void* memory = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return;
  std::memcpy(memory, code.data(), size_);
  if (mprotect(memory, size_, PROT_READ | PROT_EXEC) == 0)
    memory_ = memory;
  else
    munmap(memory, size_);
}

NativeCode::~NativeCode() {
  if (memory_) munmap(memory_, size_);
}

namespace {

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

}  // namespace

bool native_code_scales() { return width() == VectorWidth::kAvx512; }

std::shared_ptr<const NativeCode> native_code(const LaneProgram& program) {
  static std::mutex mutex;
  static auto* known = new std::map<std::string, std::weak_ptr<const NativeCode>>();
  const auto lanes = width();
  if (!lanes) return nullptr;
  const std::string key = program.key();
  const std::lock_guard<std::mutex> lock(mutex);
  if (auto code = (*known)[key].lock()) return code;
  const std::vector<uint8_t> bytes = assemble_lanes(program, *lanes);
  if (bytes.empty()) return nullptr;
  auto code = std::make_shared<const NativeCode>(bytes, Assembler(*lanes).lanes());
  if (!code->valid()) return nullptr;
  (*known)[key] = code;
  return code;
}

#else

NativeCode::NativeCode(const std::vector<uint8_t>&, int lanes) : lanes_(lanes) {}
NativeCode::~NativeCode() = default;
std::shared_ptr<const NativeCode> native_code(const LaneProgram&) { return nullptr; }
bool native_code_scales() { return false; }

#endif

}  // namespace tw::jit
