// Which code native_code makes on x86-64.
#if defined(__x86_64__) && !defined(_WIN32)

#include <tensorwright/tw_abi_kernels.h>
#include <tensorwright/tw.hpp>

#include <cstdlib>
#include <string_view>

#include "compile.h"

namespace tw::jit {
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

// As many vectors at once as fit.
std::optional<NativeCode::Parts> assembled(const LaneProgram& program, VectorWidth wide, Batch batch) {
  const int lanes = Assembler(wide).lanes();
  NativeCode::Parts parts{{}, {}, lanes, 0};
  for (int copies = kMostCopies; batch == Batch::kSeveral && copies > 1 && parts.several.empty(); copies /= 2) {
    parts.several_lanes = copies * lanes;
    parts.several = assemble_lanes(program, wide, copies);
  }
  parts.one = assemble_lanes(program, wide, 1);
  return parts.one.empty() ? std::nullopt : std::optional(std::move(parts));
}

// All elements of a program of known length in one go.
std::optional<NativeCode::Parts> assembled_row(const LaneProgram& program, VectorWidth wide) {
  const auto length = static_cast<int>(program.length);
  NativeCode::Parts parts{{}, {}, length, length, !program.sums.empty(), !program.pitches.empty()};
  for (int copies = kMostCopies; copies > 0 && parts.several.empty(); copies /= 2)
    parts.several = assemble_row(program, wide, copies);
  return parts.several.empty() ? std::nullopt : std::optional(std::move(parts));
}

}  // namespace

Machine native_code_machine() { return width() == VectorWidth::kAvx512 ? Machine::kAvx512 : Machine::kAvx2; }
bool has_native_code() { return width().has_value(); }

std::optional<NativeCode::Parts> assemble_for_machine(const LaneProgram& program, Batch batch) {
  const auto wide = width();
  if (!wide) return std::nullopt;
  LaneProgram apart = program.with_rare_apart();
  auto row = program.length ? assembled_row(apart, *wide) : std::nullopt;
  // Code that does not know where a row ends leaves sums open, and does not go to the next.
  if (row || (program.length && !program.sums.empty())) return row;
  apart.pitches.clear();
  return assembled(apart, *wide, batch);
}

}  // namespace tw::jit

#endif
