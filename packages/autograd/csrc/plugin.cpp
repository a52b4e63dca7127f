// The shared object's entry: the layer, its kernels, the ops, and the interface "tw.autograd/1".
#include <tensorwright/tw_abi_autograd.h>

#include <vector>

#include "accumulate.h"
#include "collect.h"
#include "derivative.h"
#include "engine.h"
#include "kept_results.h"
#include "meta.h"
#include "ops.h"
#include "transform/interpret.h"
#include "transform/transform_ops.h"

namespace tw {
const tw_host* g_host = nullptr;
}  // namespace tw

namespace tw::autograd {
namespace {

// ---- interface "tw.autograd/1" ----------------------------------------------------------------------------

tw_status TW_CALL if_requires_grad(tw_tensor* t, int32_t* out) {
  return guard([&] { *out = requires_grad(t); });
}
tw_status TW_CALL if_set_requires_grad(tw_tensor* t, int32_t on) {
  return guard([&] { set_requires_grad(t, on != 0); });
}
tw_status TW_CALL if_grad(tw_tensor* t, tw_tensor** out) {
  return guard([&] { *out = grad_of(t).release(); });
}
tw_status TW_CALL if_set_grad(tw_tensor* t, tw_tensor* grad) {
  return guard([&] { set_grad(t, grad); });
}
tw_status TW_CALL if_backward(tw_tensor* const* roots, tw_tensor* const* seeds, uint32_t n, uint32_t flags) {
  return guard([&] {
    PassRequest request;
    request.roots.assign(roots, roots + n);
    if (seeds) request.seeds.assign(seeds, seeds + n);
    request.options.create_graph = flags & TW_BACKWARD_CREATE_GRAPH;
    request.options.keep_graph = flags & (TW_BACKWARD_RETAIN_GRAPH | TW_BACKWARD_CREATE_GRAPH);
    run_backward(request);
  });
}
tw_status TW_CALL if_add_accumulate_hook(tw_tensor* leaf, tw_object* hook, tw_object** handle) {
  return guard([&] {
    Meta* meta = tracked(leaf);
    if (!meta || meta->history.node)
      throw Error(TW_E_VALUE, "add_accumulate_hook: the tensor is no leaf that requires grad");
    *handle = add_leaf_hook(*meta, &GradState::accumulate_hooks, hook);
  });
}
tw_status TW_CALL if_at_end_of_backward(tw_object* callback) {
  return guard([&] { call_at_end_of_pass(callback); });
}

const tw_autograd_if kInterface = {
    sizeof(tw_autograd_if),
    1,
    add_derivative,
    if_requires_grad,
    if_set_requires_grad,
    if_grad,
    if_set_grad,
    if_backward,
    if_add_accumulate_hook,
    if_at_end_of_backward,
    traverse_history,
};

// ---- registration -----------------------------------------------------------------------------------------

const tw_layer_def kLayers[] = {
    {sizeof(tw_layer_def), 0, "tw.transform", nullptr, nullptr, destroy_wrapped},
    {sizeof(tw_layer_def), 0, "tw.autograd", nullptr, nullptr, destroy_meta},
    {sizeof(tw_layer_def), 0, "tw.autograd.unwrap", "tw.autograd", nullptr, nullptr},
    {sizeof(tw_layer_def), 0, "tw.autograd.keep", "tw.autograd", nullptr, nullptr},  // below those above
};

tw_kernel_def layer_kernel(const char* op, tw_kernel_fn fn, const void* self, const char* layer = "tw.autograd") {
  return {sizeof(tw_kernel_def), 0, op, layer, fn, const_cast<void*>(self), 0, TW_K_LAYER};
}

const std::vector<tw_op_def>& all_ops() {
  static const auto* all = [] {
    auto* list = new std::vector<tw_op_def>(kOps, kOps + kOpCount);
    list->insert(list->end(), kTransformOps, kTransformOps + kTransformOpCount);
    return list;
  }();
  return *all;
}

// An older core lacks ops that this library differentiates: it does without their derivatives.
bool core_has(const char* op) {
  const tw_op* found = nullptr;
  if (g_host->op_find(op, 0, &found) == TW_OK) return true;
  tw_error* error = nullptr;
  if (g_host->err_take(&error) == TW_OK) g_host->err_free(error);
  return false;
}

const std::vector<tw_kernel_def>& kernels() {
  static const auto* all = [] {
    auto* list = new std::vector<tw_kernel_def>();
    for (uint32_t i = 0; i < kDerivativeCount; ++i)
      if (core_has(kDerivatives[i].op)) list->push_back(layer_kernel(kDerivatives[i].op, record, &kDerivatives[i]));
    list->push_back(layer_kernel("*", record_without_derivative, nullptr));
    list->push_back(layer_kernel("*", interpret, nullptr, "tw.transform"));
    list->push_back(layer_kernel("*", unwrap, nullptr, "tw.autograd.unwrap"));
    list->push_back(layer_kernel("*", ask_keeper, nullptr, "tw.autograd.keep"));
    return list;
  }();
  return *all;
}

tw_status TW_CALL loaded(const tw_host* host) {
  if (TW_HAS(host, tw_host, set_view_layers))
    if (const tw_status status = host->set_view_layers(kLayerBit)) return status;
  return host->publish("tw.autograd", 1, 1, &kInterface);
}

}  // namespace
}  // namespace tw::autograd

extern "C" TW_EXPORT tw_status TW_CALL tw_plugin_entry_1(const tw_host* host, tw_plugin* out) {
  using namespace tw::autograd;
  tw::g_host = host;
  return tw::guard([&] {
    tw_plugin plugin{};
    TW_PLUGIN_INIT(&plugin, out->size);
    plugin.name = "tensorwright-autograd";
    plugin.version = TW_AUTOGRAD_VERSION;
    plugin.build = __VERSION__;
    plugin.ops = all_ops().data(), plugin.nops = static_cast<uint32_t>(all_ops().size());
    plugin.kernels = kernels().data(), plugin.nkernels = static_cast<uint32_t>(kernels().size());
    plugin.layers = kLayers, plugin.nlayers = sizeof kLayers / sizeof kLayers[0];
    plugin.on_loaded = loaded;
    std::memcpy(out, &plugin, plugin.size);
  });
}
