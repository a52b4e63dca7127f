#include "specialise.h"

#include <utility>

#include "../ir/registry.h"
#include "../ir/text.h"
#include "../ir/values.h"
#include "../passes/pass.h"
#include "watched.h"

namespace tw::jit {
namespace {

constexpr size_t kMostKinds = 8;

// Dtypes and sizes of the tensors; nothing where one does not lie row by row, or a layer watches the ops.
std::optional<std::vector<int64_t>> kind_of(const Program& program, const tw_value* args, uint32_t nargs) {
  std::vector<int64_t> kind;
  for (uint32_t k = 0; k < nargs; ++k) {
    kind.push_back(args[k].tag);
    if (args[k].tag == TW_TENSORS || args[k].tag == TW_VALUES || args[k].tag == TW_OBJECT) return std::nullopt;
    if (args[k].tag != TW_TENSOR) continue;
    const TensorRef t(args[k].u.t);
    if (t.device().type != TW_DEVICE_CPU || (t.get()->flags & TW_F_NODATA) || !t.is_contiguous()) return std::nullopt;
    const tw_dtype dtype = t.dtype();
    kind.push_back(int64_t{dtype.code} << 32 | dtype.bits);
    kind.insert(kind.end(), t.shape().begin(), t.shape().end());
  }
  for (const auto& entry : program.attributes)
    if (!entry.second.is_contiguous()) return std::nullopt;
  const bool watched = is_watched([&](auto&& see) {
    for (uint32_t k = 0; k < nargs; ++k)
      if (args[k].tag == TW_TENSOR) see(args[k].u.t);
    for (const auto& entry : program.attributes) see(entry.second.get());
  });
  return watched ? std::nullopt : std::optional(kind);
}

// A copy of what the function is and calls, with the arguments' types for those of its parameters.
std::shared_ptr<Program> copied(const Program& program, FunctionId function, const tw_value* args, uint32_t nargs) {
  auto copy = std::make_shared<Program>();
  Module& module = copy->module;
  parse(print(program.module), module);
  copy->attributes = program.attributes;
  copy->specialised = true;
  const auto same = module.function_named(program.module.names[program.module.function(function).name]);
  if (!same) return nullptr;
  uint32_t k = 0;
  for (NodeId node = module.first(module.function(*same).body); node && k < nargs; node = module[node].next) {
    if (module.op_of(node) != "placeholder") break;
    if (args[k].tag == TW_TENSOR) module.set_type(node, type_of(module, args[k]));
    ++k;
  }
  return k == nargs ? copy : nullptr;
}

bool has_fusion(Editor& edit) {
  bool found = false;
  edit.each_node([&](NodeId node) { found |= edit.is(node, "fusion"); });
  return found;
}

// With groups of pointwise ops: those save passes over memory at any size, where one with reductions may compute its
// pointwise part once for each sweep. Null where the function writes into tensors or calls Python, and where no group
// comes of it.
std::shared_ptr<Program> made(const Program& program, FunctionId function, const tw_value* args, uint32_t nargs) {
  if (!program.objects.empty() || !program.callables.empty()) return nullptr;
  try {
    auto copy = copied(program, function, args, nargs);
    if (!copy) return nullptr;
    Editor edit(*copy);
    if (has_fusion(edit)) return nullptr;  // somebody has chosen already
    verify(copy->module, Level::kFunctional);
    PassOptions options;
    options.reductions = false;
    for (const char* pass : {"inline", "shapes", "dce", "fusion"}) run_pass(*copy, pass_named(pass), options, false);
    return has_fusion(edit) ? copy : nullptr;
  } catch (const PendingError&) {
    forget_error();
  } catch (const Error&) {
  }
  return nullptr;  // what an op refuses, it refuses when the function itself is run
}

}  // namespace

std::shared_ptr<Specialised> new_specialised() { return std::make_shared<Specialised>(); }

std::shared_ptr<Program> Specialised::get(const Program& program, FunctionId function, const tw_value* args,
                                          uint32_t nargs) {
  const auto kind = kind_of(program, args, nargs);
  if (!kind) return nullptr;
  const std::lock_guard<std::mutex> lock(mutex_);
  if (edits_ != program.module.edits() || attribute_edits_ != program.attribute_edits) entries_.clear();
  edits_ = program.module.edits(), attribute_edits_ = program.attribute_edits;
  for (Entry& entry : entries_) {
    if (entry.function != function || entry.kind != *kind) continue;
    if (!std::exchange(entry.seen_twice, true)) entry.program = made(program, function, args, nargs);
    return entry.program;
  }
  if (entries_.size() < kMostKinds) entries_.push_back({function, *kind, false, nullptr});
  return nullptr;
}

}  // namespace tw::jit
