#include "engine.h"

#include <tensorwright/tw_abi_profile.h>

#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/pointwise.hpp>

#include <algorithm>

#include "accumulate.h"
#include "anomaly.h"
#include "meta.h"
#include "node_table.h"
#include "tensor_ops.h"
#include "text.h"
#include "transform/level.h"

namespace tw::autograd {
namespace {

// A node as one pass sees it.
struct Visit {
  Node* node;
  uint32_t waiting = 0;     // edges into the node that have not been followed yet
  uint32_t first_grad = 0;  // where its gradients lie in Pass::grads_
  bool needed = true;       // lies on a path to one of the inputs
  bool has_grad = false;
  bool queued = false;
};

// A gradient in the making. `ours` says that the pass itself made the tensor by an addition, so it may add in place.
struct Sum {
  Tensor value;
  bool ours = false;
};

// An input of a request: the gradient that arrives at result `slot` of a node.
struct Capture {
  uint32_t visit;
  uint32_t slot;
  uint32_t input;
};

// Where nodes are noted while the thread is profiled; null otherwise, and with cores that have no profiler.
const tw_profile_if* find_profiler() {
  uint64_t masks[2];
  check(g_host->tls_get_mask(g_host->tls(), masks));
  if (!(masks[0] & ~masks[1] & uint64_t{1} << TW_L_PROFILE)) return nullptr;
  const void* table = nullptr;
  if (g_host->query("tw.profile", 1, 0, &table) == TW_OK) return static_cast<const tw_profile_if*>(table);
  tw_error* error = nullptr;
  if (g_host->err_take(&error) == TW_OK) g_host->err_free(error);
  return nullptr;
}

// A node's span in a profile.
class ProfiledNode {
 public:
  ProfiledNode(const tw_profile_if* profiler, const Node& node) : profiler_(profiler) {
    if (profiler_) check(profiler_->begin(node.name(), TW_PROFILE_NODE));
  }
  ProfiledNode(const ProfiledNode&) = delete;
  ~ProfiledNode() {
    if (profiler_) profiler_->end();
  }

 private:
  const tw_profile_if* profiler_;
};

class Pass {
 public:
  Pass(const PassRequest& request, bool captures)
      : request_(request), captures_inputs_(captures), profiler_(find_profiler()) {}

  std::vector<Tensor> run();
  void call_at_end(tw_object* callback) { callbacks_.push_back(ObjectRef::retain(callback)); }
  int64_t number() const { return number_; }
  bool reaches(Node& node) const { return table_.contains(&node) && visits_[table_.at(&node)].needed; }
  // The pass only looks: what arrives at each node is noted there.
  void look_only(std::vector<ResultShape>& found) { found_ = &found; }

 private:
  void seed_roots();
  Tensor seed_of(size_t i) const;
  void find_inputs();
  void discover(Node* root);
  std::vector<uint32_t> topological_order() const;
  void mark_needed();
  uint32_t visit_of(Node* node);
  void add(Visit& visit, uint32_t slot, Tensor grad);
  void make_ready(uint32_t visit);
  void run_ready();
  void run_node(uint32_t index);
  void look_at_node(Node& node, Tensor* grads, Tensor* results);
  void run_hooks_before(const Visit& visit, Tensor* grads);
  void capture(uint32_t index, const Tensor* grads);
  void follow_edges(Node& node, Tensor* results);
  PassOptions options_for(const Node& node);
  void apply(Node& node, Tensor* grads, Tensor* results);
  void run_callbacks();

  static int64_t next_number() {
    static std::atomic<int64_t> last{0};
    return ++last;
  }

  const PassRequest& request_;
  const int64_t number_ = next_number();
  std::vector<ResultShape>* found_ = nullptr;
  const bool captures_inputs_;  // grad(): gradients are handed out, not accumulated
  const tw_profile_if* const profiler_;
  NodeTable table_;
  std::vector<Visit> visits_;
  std::vector<Sum> grads_;
  std::vector<uint32_t> ready_;  // a heap: the latest recorded node first
  std::vector<Edge> root_edges_, input_edges_;
  std::vector<Capture> captured_;
  std::vector<Tensor> input_grads_;
  std::vector<Tensor> in_, out_;     // of the node that runs
  std::vector<uint8_t> wanted_;      // by edge of the node that runs
  std::vector<Node*> release_late_;  // what they saved, another node of this pass may still need
  std::vector<ObjectRef> callbacks_;
};

thread_local Pass* current_pass = nullptr;
thread_local std::string failure_trace;

void remember_failure(Node& node) {
  if (anomaly_enabled()) failure_trace = forward_trace(node);
}

std::vector<Tensor> Pass::run() {
  Pass* const outer = std::exchange(current_pass, this);
  struct Restore {
    Pass* outer;
    ~Restore() { current_pass = outer; }
  } restore{outer};

  seed_roots();
  find_inputs();
  for (const Edge& edge : root_edges_)
    if (edge.node) discover(edge.node.get());
  mark_needed();
  uint64_t masks[2];
  check(g_host->tls_get_mask(g_host->tls(), masks));
  const uint64_t excluded = request_.options.create_graph ? masks[1] & ~kLayerBit : masks[1] | kLayerBit;
  const LayerScope scope(masks[0], excluded);
  for (size_t i = 0; i < root_edges_.size(); ++i)
    if (root_edges_[i].node) add(visits_[table_.at(root_edges_[i].node.get())], root_edges_[i].slot, seed_of(i));
  for (const Edge& edge : root_edges_)
    if (edge.node) make_ready(table_.at(edge.node.get()));
  run_ready();
  for (Node* node : release_late_) node->release_saved();
  run_callbacks();
  return std::move(input_grads_);
}

void Pass::seed_roots() {
  for (size_t i = 0; i < request_.roots.size(); ++i) {
    const TensorRef root = request_.roots[i];
    Edge edge = gradient_edge(root.get());
    if (!edge.node)
      throw Error(TW_E_UNKNOWN, text(request_.caller, ": tensor ", i, " (", root.dtype(), " ", root.shape(),
                                     ") does not require grad and was not computed from one that does"));
    root_edges_.push_back(std::move(edge));
  }
}

Tensor Pass::seed_of(size_t i) const {
  const TensorRef root = request_.roots[i];
  const TensorRef seed = i < request_.seeds.size() ? request_.seeds[i] : TensorRef();
  if (!seed) {
    if (root.numel() != 1)
      throw Error(TW_E_SHAPE, text(request_.caller, ": tensor ", i, " has shape ", root.shape(),
                                   "; only a single number has an implicit gradient, give one of that shape"));
    if (is_complex(root.dtype()))
      throw Error(TW_E_TYPE, text(request_.caller, ": tensor ", i, " is ", root.dtype(),
                                  "; only a real number has an implicit gradient, give one"));
    return ones(root);
  }
  if (!same_shape(seed, root))
    throw Error(TW_E_SHAPE,
                text(request_.caller, ": gradient ", i, " has shape ", seed.shape(), ", its tensor ", root.shape()));
  if (!carries_gradient(seed.dtype()))
    throw Error(TW_E_TYPE,
                text(request_.caller, ": gradient ", i, " has dtype ", seed.dtype(), ", expected ", root.dtype()));
  return seed.dtype() == root.dtype() ? Tensor::retain(seed) : cast(seed, root.dtype());
}

void Pass::find_inputs() {
  input_grads_.resize(request_.inputs.size());
  for (size_t i = 0; i < request_.inputs.size(); ++i) {
    Edge edge = gradient_edge(request_.inputs[i].get());
    if (!edge.node) throw Error(TW_E_UNKNOWN, text(request_.caller, ": input ", i, " does not require grad"));
    input_edges_.push_back(std::move(edge));
  }
}

uint32_t Pass::visit_of(Node* node) {
  bool fresh = false;
  const uint32_t index = table_.insert(node, fresh);
  if (fresh) {
    visits_.push_back({node});
    visits_.back().first_grad = static_cast<uint32_t>(grads_.size());
    grads_.resize(grads_.size() + node->output_count());
  }
  return index;
}

// Counts the edges into every node that a root reaches. Visits are their own queue.
void Pass::discover(Node* root) {
  uint32_t next = static_cast<uint32_t>(visits_.size());
  visit_of(root);
  for (; next < visits_.size(); ++next) {
    for (const Edge& edge : visits_[next].node->edges())
      if (edge.node) ++visits_[visit_of(edge.node.get())].waiting;
  }
}

// Every node before those that its edges lead to.
std::vector<uint32_t> Pass::topological_order() const {
  std::vector<uint32_t> order, waiting(visits_.size());
  for (uint32_t i = 0; i < visits_.size(); ++i) {
    waiting[i] = visits_[i].waiting;
    if (waiting[i] == 0) order.push_back(i);
  }
  for (size_t next = 0; next < order.size(); ++next)
    for (const Edge& edge : visits_[order[next]].node->edges()) {
      if (!edge.node) continue;
      const uint32_t target = table_.at(edge.node.get());
      if (--waiting[target] == 0) order.push_back(target);
    }
  return order;
}

// With inputs given, only nodes from which an input is reached run.
void Pass::mark_needed() {
  if (request_.inputs.empty()) return;
  for (Visit& visit : visits_) visit.needed = false;
  for (size_t i = 0; i < input_edges_.size(); ++i) {
    bool fresh = false;
    const uint32_t known = table_.size();
    const uint32_t index = table_.insert(input_edges_[i].node.get(), fresh);
    if (index >= known) {  // not reached from the roots: its gradient stays null
      visits_.push_back({input_edges_[i].node.get()});
      visits_.back().first_grad = static_cast<uint32_t>(grads_.size());
      continue;
    }
    captured_.push_back({index, input_edges_[i].slot, static_cast<uint32_t>(i)});
    visits_[index].needed = true;
  }
  const std::vector<uint32_t> order = topological_order();
  for (auto at = order.rbegin(); at != order.rend(); ++at)
    for (const Edge& edge : visits_[*at].node->edges())
      if (edge.node && visits_[table_.at(edge.node.get())].needed) visits_[*at].needed = true;
  std::sort(captured_.begin(), captured_.end(), [](const Capture& a, const Capture& b) { return a.visit < b.visit; });
}

void Pass::add(Visit& visit, uint32_t slot, Tensor grad) {
  if (!grad) return;
  visit.has_grad = true;
  Sum& sum = grads_[visit.first_grad + slot];
  if (!sum.value) {
    sum.value = std::move(grad);
  } else if (sum.ours && !request_.options.create_graph && !(grad.get()->layers & kTransformBit)) {
    ops::add_(sum.value, grad);
  } else {
    sum.value = ops::add(sum.value, grad);
    sum.ours = true;
  }
}

void Pass::make_ready(uint32_t visit) {
  if (visits_[visit].waiting != 0 || visits_[visit].queued) return;
  visits_[visit].queued = true;
  ready_.push_back(visit);
  std::push_heap(ready_.begin(), ready_.end(),
                 [this](uint32_t a, uint32_t b) { return visits_[a].node->sequence() < visits_[b].node->sequence(); });
}

void Pass::run_ready() {
  uint32_t until_poll = 0;
  while (!ready_.empty()) {
    if (until_poll-- == 0) {
      check(g_host->poll());
      until_poll = 64;
    }
    std::pop_heap(ready_.begin(), ready_.end(),
                  [this](uint32_t a, uint32_t b) { return visits_[a].node->sequence() < visits_[b].node->sequence(); });
    const uint32_t next = ready_.back();
    ready_.pop_back();
    run_node(next);
  }
}

void Pass::run_node(uint32_t index) {
  Visit& visit = visits_[index];
  Node& node = *visit.node;
  const uint32_t outputs = node.output_count(), inputs = node.edge_count();
  std::vector<Tensor> grads = std::move(in_), results = std::move(out_);
  grads.clear(), results.clear();
  grads.resize(outputs), results.resize(inputs);
  for (uint32_t i = 0; i < outputs; ++i) grads[i] = std::move(grads_[visit.first_grad + i].value);
  if (found_) {
    if (visit.has_grad) look_at_node(node, grads.data(), results.data());
  } else if (visit.has_grad && visit.needed) {
    run_hooks_before(visit, grads.data());
    capture(index, grads.data());
    if (!(node.leaf() && captures_inputs_)) apply(node, grads.data(), results.data());
  }
  grads.clear();
  follow_edges(node, results.data());
  in_ = std::move(grads), out_ = std::move(results);
}

void Pass::look_at_node(Node& node, Tensor* grads, Tensor* results) {
  for (uint32_t i = 0; i < node.output_count(); ++i)
    if (grads[i])
      found_->push_back(
          {NodeRef::retain(&node), i, grads[i].dtype(), {grads[i].shape().begin(), grads[i].shape().end()}});
  if (node.leaf()) return;
  try {
    node.apply(grads, results, request_.options);
  } catch (const PendingError&) {
    tw_error* error = nullptr;
    if (g_host->err_take(&error) == TW_OK) g_host->err_free(error);
  } catch (const Error&) {
  }
}

void Pass::run_hooks_before(const Visit& visit, Tensor* grads) {
  NodeExtras* extras = visit.node->extras();
  if (tw_tensor* leaf = visit.node->leaf()) run_tensor_hooks(leaf_hooks(leaf, &GradState::hooks), grads[0]);
  if (!extras) return;
  std::vector<NodeExtras::SlotHooks> slots;
  std::shared_ptr<HookList> pre_hooks;
  {
    std::lock_guard<std::mutex> lock(extras->mutex);
    slots = extras->tensor_hooks;
    pre_hooks = extras->pre_hooks;
  }
  for (const auto& entry : slots)
    if (grads[entry.slot]) run_tensor_hooks(entry.hooks, grads[entry.slot]);
  {
    std::lock_guard<std::mutex> lock(extras->mutex);
    for (const auto& kept : extras->retained)
      if (grads[kept.slot]) {
        GradState& state = static_cast<Meta*>(kept.meta)->make_state();
        std::lock_guard<std::mutex> state_lock(state.mutex);
        state.grad = state.grad ? ops::add(state.grad, grads[kept.slot]) : ops::clone(grads[kept.slot]);
      }
  }
  run_node_pre_hooks(pre_hooks, grads, visit.node->output_count(), visit.node->name());
}

// With inputs given, a formula need not compute gradients that lead to none of them.
PassOptions Pass::options_for(const Node& node) {
  PassOptions options = request_.options;
  if (request_.inputs.empty()) return options;
  wanted_.assign(node.edge_count(), 0);
  for (uint32_t i = 0; i < node.edge_count(); ++i)
    if (const Edge& edge = node.edge(i); edge.node) wanted_[i] = visits_[table_.at(edge.node.get())].needed;
  options.wanted = wanted_.data();
  return options;
}

void Pass::capture(uint32_t index, const Tensor* grads) {
  auto at = std::lower_bound(captured_.begin(), captured_.end(), index,
                             [](const Capture& c, uint32_t v) { return c.visit < v; });
  for (; at != captured_.end() && at->visit == index; ++at) input_grads_[at->input] = grads[at->slot];
}

void Pass::apply(Node& node, Tensor* grads, Tensor* results) {
  NodeExtras* extras = node.extras();
  std::shared_ptr<HookList> hooks;
  if (extras) {
    std::lock_guard<std::mutex> lock(extras->mutex);
    hooks = extras->hooks;
  }
  std::vector<Tensor> kept;
  if (hooks) kept.assign(grads, grads + node.output_count());
  try {
    const ProfiledNode span(profiler_, node);
    const RunningNode running(node);
    node.apply(grads, results, options_for(node));
    if (anomaly_enabled() && anomaly_checks_nan()) check_finite(node, results, node.edge_count());
    run_node_hooks(hooks, results, node.edge_count(), kept, node.name());
  } catch (...) {
    remember_failure(node);
    throw;
  }
  if (request_.options.keep_graph) return;
  if (node.shares_saved())
    release_late_.push_back(&node);
  else
    node.release_saved();
}

void Pass::follow_edges(Node& node, Tensor* results) {
  for (uint32_t i = 0; i < node.edge_count(); ++i) {
    const Edge& edge = node.edge(i);
    if (!edge.node) continue;
    const uint32_t target = table_.at(edge.node.get());
    if (visits_[target].needed) add(visits_[target], edge.slot, std::move(results[i]));
    if (--visits_[target].waiting == 0) make_ready(target);
  }
}

void Pass::run_callbacks() {
  for (size_t i = 0; i < callbacks_.size(); ++i) {  // a callback may queue another one
    const ObjectRef callback = callbacks_[i];
    Value ignored;
    call_object(callback.get(), {}, ignored);
  }
}

}  // namespace

void run_backward(const PassRequest& request) {
  Pass pass(request, !request.inputs.empty());
  const std::vector<Tensor> grads = pass.run();
  for (size_t i = 0; i < grads.size(); ++i) {
    if (!grads[i]) continue;
    accumulate_grad(request.inputs[i].get(), grads[i], request.options.create_graph);
    run_accumulate_hooks(request.inputs[i].get());
  }
}

std::vector<Tensor> run_grad(const PassRequest& request) { return Pass(request, true).run(); }

void call_at_end_of_pass(tw_object* callback) {
  if (!current_pass) throw Error(TW_E_UNKNOWN, "queue_callback: no backward pass is running on this thread");
  current_pass->call_at_end(callback);
}

int64_t current_pass_number() { return current_pass ? current_pass->number() : -1; }

bool pass_reaches(Node& node) {
  if (!current_pass) throw Error(TW_E_UNKNOWN, "no backward pass is running on this thread");
  return current_pass->reaches(node);
}

std::vector<ResultShape> result_shapes(TensorRef root) {
  std::vector<ResultShape> found;
  const Tensor seed = zeros(root.shape(), root.dtype(), root.device());
  PassRequest request;
  request.roots.push_back(root), request.seeds.push_back(seed);
  request.options.keep_graph = true;
  Pass pass(request, false);
  pass.look_only(found);
  pass.run();
  return found;
}

std::string last_failure_trace() { return failure_trace; }

}  // namespace tw::autograd
