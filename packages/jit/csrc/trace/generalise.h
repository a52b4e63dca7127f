// One graph from traces of one function at several sizes: what differs between them is an expression over the sizes.
#pragma once

#include "../ir/program.h"

namespace tw::jit {

// A symbol of the input sizes: the size `dim` of parameter number `input` is `scale * symbol + offset`.
struct SizeSymbol {
  std::string name;
  uint32_t input = 0, dim = 0;
  int64_t scale = 1, offset = 0;
};

struct SizedTrace {
  ProgramRef program;
  std::vector<int64_t> sizes;  // of the symbols
};

// The first trace's program becomes that of all sizes: types state sizes as expressions, and numbers that differ are
// computed from the sizes of the inputs. `dims` says for each parameter what its sizes are. Throws TW_E_VALUE naming
// the line where the traces differ in more than sizes and numbers, or where a number follows no simple expression.
void generalise(const std::vector<SizedTrace>& traces, const std::vector<SizeSymbol>& symbols,
                const std::vector<std::vector<Dim>>& dims, FunctionId function);

}  // namespace tw::jit
