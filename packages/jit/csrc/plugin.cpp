// The shared object's entry: the two layers of the dispatch trace, and the ops that make programs.
#include <tensorwright/tw_abi_jit.h>
#include <tensorwright/boxed.hpp>

#include <cstring>

#include "archive/archive.h"
#include "archive/upgraders.h"
#include "builtin/table.h"
#include "ir/text.h"
#include "kernels/fused_group.h"
#include "kernels/image_layout.h"
#include "native/neon_lanes.h"
#include "program_object.h"
#include "run/arena.h"
#include "trace/trace.h"

namespace tw {
const tw_host* g_host = nullptr;
}  // namespace tw

namespace tw::jit {
namespace {

ObjectRef load_program(std::string_view path) { return object_of(read_archive(std::string(path))); }

ObjectRef new_program() { return object_of(std::make_shared<Program>()); }

ObjectRef parse_program(std::string_view text) {
  auto program = std::make_shared<Program>();
  parse(text, program->module);
  return object_of(program);
}

// Python's own ways to show a tensor and to print.
void use_host_text(tw_object* show_tensor, tw_object* print) {
  set_host_text(ObjectRef::retain(show_tensor), ObjectRef::retain(print));
}

constexpr tw_op_def op(const char* schema, tw_kernel_fn fn) {
  return {sizeof(tw_op_def), 0, schema, nullptr, nullptr, fn, nullptr};
}
constexpr tw_op_def composite(const char* schema, tw_kernel_fn fn) {
  return {sizeof(tw_op_def), 0, schema, "composite", nullptr, fn, nullptr};
}
const tw_op_def kOps[] = {
    composite("jit::to_blocks(Tensor self, int[2] border) -> Tensor", boxed<to_blocks>),
    composite("jit::to_planes(Tensor self, int[2] border) -> Tensor", boxed<to_planes>),
    op("jit::program() -> Object", boxed<new_program>),
    op("jit::parse(str text) -> Object", boxed<parse_program>),
    op("jit::add_upgrader(str op, int revision, str graph) -> ()", boxed<add_upgrader>),
    op("jit::load(str path) -> Object", boxed<load_program>),
    op("jit::neon_code(str steps) -> str", boxed<neon_listing>),
    op("jit::fusion_runs() -> int[]", boxed<fusion_runs>),
    op("jit::planned_runs() -> int[]", boxed<planned_runs>),
    op("jit::use_host_text(Object show_tensor, Object print) -> ()", boxed<use_host_text>),
};

const tw_layer_def kLayers[] = {
    {sizeof(tw_layer_def), 0, kTraceLayer, nullptr, nullptr, nullptr},
    {sizeof(tw_layer_def), 0, kPrimitiveTraceLayer, "tw.quant", nullptr, nullptr},  // the last before the backend
};

int primitives = 1;
const tw_kernel_def kKernels[] = {
    {sizeof(tw_kernel_def), 0, "*", kTraceLayer, record, nullptr, 0, TW_K_LAYER},
    {sizeof(tw_kernel_def), 0, "*", kPrimitiveTraceLayer, record, &primitives, 0, TW_K_LAYER},
};

tw_status TW_CALL extend(const void* payload) {
  return guard([&] {
    const auto& def = *static_cast<const tw_upgrader_def*>(payload);
    if (def.size < TW_UPGRADER_DEF_SIZE_V1) throw Error(TW_E_ABI, "tw.jit: an upgrader is smaller than its type");
    add_upgrader(def.op, def.revision, def.graph);
  });
}

const tw_jit_if kInterface = {sizeof(tw_jit_if), 0, extend};

tw_status TW_CALL loaded(const tw_host* host) { return host->publish("tw.jit", 1, 0, &kInterface); }

template <class T, size_t N>
constexpr uint32_t count(const T (&)[N]) {
  return N;
}

}  // namespace
}  // namespace tw::jit

extern "C" TW_EXPORT tw_status TW_CALL tw_plugin_entry_1(const tw_host* host, tw_plugin* out) {
  using namespace tw::jit;
  tw::g_host = host;
  tw_plugin plugin{};
  TW_PLUGIN_INIT(&plugin, out->size);
  plugin.name = "tensorwright-jit";
  plugin.version = TW_JIT_VERSION;
  plugin.build = __VERSION__;
  plugin.ops = kOps, plugin.nops = count(kOps);
  plugin.kernels = kKernels, plugin.nkernels = count(kKernels);
  plugin.on_loaded = loaded;
  plugin.layers = kLayers, plugin.nlayers = count(kLayers);
  std::memcpy(out, &plugin, plugin.size);
  return TW_OK;
}
