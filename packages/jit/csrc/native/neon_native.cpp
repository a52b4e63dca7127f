// Which code native_code makes on AArch64: that of neon_lanes.h.
#if defined(__aarch64__) && !defined(_WIN32)

#include <cstdlib>
#include <string_view>

#include "compile.h"
#include "neon_lanes.h"

namespace tw::jit {

Machine native_code_machine() { return Machine::kNeon; }

// It has been run in an emulator only: on machines of this kind it is used where it is asked for.
bool has_native_code() {
  static const char* on = std::getenv("TENSORWRIGHT_NATIVE_CODE");
  return on && std::string_view(on) == "neon";
}

std::optional<NativeCode::Parts> assemble_for_machine(const LaneProgram& program, Batch) {
  NativeCode::Parts parts{assemble_neon(program).bytes, {}, kNeonLanes, 0};
  return parts.one.empty() ? std::nullopt : std::optional(std::move(parts));
}

}  // namespace tw::jit

#endif
