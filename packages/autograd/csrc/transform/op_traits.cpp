#include "op_traits.h"

#include <memory>
#include <mutex>

#include "../text.h"
#include "batch_call.h"

namespace tw::autograd {
namespace {

constexpr uint32_t kMostOps = 1u << 14;
std::atomic<const OpTraits*> known[kMostOps];
std::mutex known_mutex;

template <class Row>
const Row* find_row(const Row* rows, uint32_t count, std::string_view op) {
  for (uint32_t i = 0; i < count; ++i)
    if (op == rows[i].op) return &rows[i];
  return nullptr;
}

bool counts_dimensions(const DeclaredArgument& argument) {
  static const char* const names[] = {"dim",       "dims", "dim0",   "dim1",       "dim2",
                                      "dimension", "axis", "source", "destination"};
  for (const char* name : names)
    if (argument.name == name) return argument.type.rfind("int", 0) == 0;
  return false;
}

LayoutUse layout_use(std::string_view op) {
  if (op == "tw::as_strided") return LayoutUse::kStrides;
  return op == "tw::view" || op == "tw::view_as_complex" ? LayoutUse::kSizes : LayoutUse::kNone;
}

bool keeps_order(std::string_view op) {
  static const char* const names[] = {"tw::view",  "tw::unsqueeze", "tw::squeeze",
                                      "tw::alias", "tw::clone",     "tw::_to_copy"};
  for (const char* name : names)
    if (op == name) return true;
  return false;
}

const OpTraits* describe(const tw_op* op, const tw_op_info& info) {
  auto traits = std::make_unique<OpTraits>();
  traits->op = op;
  traits->name = info.name;
  traits->arguments = declared_arguments(info.schema);
  traits->derivative = find_row(kDerivatives, kDerivativeCount, info.name);
  traits->batching = find_row(kBatchingRules, kBatchingRuleCount, info.name);
  traits->introspective = traits->name.rfind("autograd::", 0) == 0 || traits->name.rfind("transform::", 0) == 0;
  if (traits->batching && traits->batching->kind == BatchingKind::kCustom)
    traits->batch_function = find_batch_function(info.name);
  for (const DeclaredArgument& argument : traits->arguments)
    traits->names_dimensions.push_back(counts_dimensions(argument));
  traits->reads_elements = traits->name == "tw::contents";
  traits->keeps_order = keeps_order(info.name);
  traits->multiplies_matrices = traits->name == "tw::mm";
  traits->layout = layout_use(info.name);
  traits->decomposes = has_tag(info.tags, "composite");
  traits->composite = traits->decomposes && !traits->derivative;
  const std::string_view schema(info.schema);
  traits->gives_list = schema.substr(schema.rfind("->")).find("Tensor[]") != std::string_view::npos;
  traits->pointwise = has_tag(info.tags, "pointwise");
  traits->reduction = has_tag(info.tags, "reduction");
  traits->view = has_tag(info.tags, "view");
  traits->random = has_tag(info.tags, "random");
  traits->dynamic = has_tag(info.tags, "dynamic");
  return traits.release();  // as long as the process
}

}  // namespace

int OpTraits::argument(std::string_view wanted) const {
  for (size_t i = 0; i < arguments.size(); ++i)
    if (arguments[i].name == wanted) return static_cast<int>(i);
  return -1;
}

const OpTraits& traits_of(const tw_op* op) {
  tw_op_info info{};
  info.size = sizeof info;
  check(g_host->op_info(op, &info));
  if (info.id >= kMostOps) throw Error(TW_E_UNSUPPORTED, "autograd: there are too many ops");
  if (const OpTraits* traits = known[info.id].load(std::memory_order_acquire)) return *traits;
  std::lock_guard<std::mutex> lock(known_mutex);
  if (const OpTraits* traits = known[info.id].load(std::memory_order_acquire)) return *traits;
  const OpTraits* traits = describe(op, info);
  known[info.id].store(traits, std::memory_order_release);
  return *traits;
}

}  // namespace tw::autograd
