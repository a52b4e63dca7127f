// The graph of recorded operations: nodes with one edge per differentiable input, kept alive from the results'
// side. Reference counts are atomic; a graph may be used and dropped by any thread.
#pragma once

#include <tensorwright/tw.hpp>

#include <atomic>
#include <memory>
#include <new>

#include "pool.h"

namespace tw::autograd {

class Node;
class SavedValue;
// Is shown objects that a node holds, see collect.h.
struct ObjectVisitor {
  void(TW_CALL* function)(tw_object* child, void* ctx);
  void* context;
  void visit(tw_object* object) const { function(object, context); }
};
struct NodeExtras;  // hooks, the forward traceback: absent from most nodes

// Owns one reference to a node.
class NodeRef {
 public:
  NodeRef() = default;
  static NodeRef retain(Node* node);
  static NodeRef steal(Node* node) { return NodeRef(node); }
  NodeRef(const NodeRef& other) : NodeRef(retain(other.node_)) {}
  NodeRef(NodeRef&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  NodeRef& operator=(NodeRef other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~NodeRef();
  Node* get() const { return node_; }
  Node* operator->() const { return node_; }
  explicit operator bool() const { return node_ != nullptr; }

 private:
  explicit NodeRef(Node* node) : node_(node) {}
  Node* node_ = nullptr;
};

// Where a gradient goes: result `slot` of the forward operation that `node` stands for. Null: it is not needed.
struct Edge {
  NodeRef node;
  uint32_t slot = 0;
};

struct PassOptions {
  bool keep_graph = false;          // saved values survive the pass
  bool create_graph = false;        // the pass itself is recorded
  const uint8_t* wanted = nullptr;  // by edge: whether somebody asked for this gradient; null: for all of them
};

class Node {
 public:
  Node(const Node&) = delete;

  // What users see: "MulBackward".
  virtual const char* name() const = 0;
  // Gradients of the forward inputs (one per edge; null = zero) from those of its results (one per output;
  // null = zero, but not all of them). May take the tensors out of `grads`.
  virtual void apply(Tensor* grads, Tensor* results, const PassOptions& options) = 0;
  // Drops what apply() needs; a later apply() fails with a sentence.
  virtual void release_saved() {}
  // Whether two nodes of a graph may share this one's saved values: they are then dropped when the pass has ended.
  bool shares_saved() const { return shares_saved_; }
  void set_shares_saved() { shares_saved_ = true; }
  // The leaf that gradients are accumulated into, or null.
  virtual tw_tensor* leaf() const { return nullptr; }
  // A saved value by its forward name ("other", "result"), for inspection; false if there is none.
  virtual bool saved_value(std::string_view name, tw_value* result) { return (void)name, (void)result, false; }
  // Where the tensors of that name are kept; null if there are none.
  virtual SavedValue* find_saved(std::string_view name) { return (void)name, nullptr; }
  virtual uint32_t saved_count() const { return 0; }  // of a node that numbers its saved tensors
  // Shows the objects of the user's that the node keeps, apart from hooks.
  virtual void visit_objects(const ObjectVisitor& visitor) const { (void)visitor; }

  Span<Edge> edges() const { return {edges_, edge_count_}; }
  const Edge& edge(uint32_t i) const { return edges_[i]; }
  void set_edge(uint32_t i, Edge edge) { edges_[i] = std::move(edge); }
  uint32_t edge_count() const { return edge_count_; }
  uint32_t output_count() const { return output_count_; }
  void set_output_count(uint32_t n) { output_count_ = n; }
  // Grows with creation; accumulators have the greatest, so that a ready one runs at once.
  uint64_t sequence() const { return sequence_; }

  NodeExtras* extras() const { return extras_.load(std::memory_order_acquire); }
  NodeExtras& make_extras();

  void retain() { references_.fetch_add(1, std::memory_order_relaxed); }
  bool is_unique() const { return references_.load(std::memory_order_acquire) == 1; }
  // Retains unless the last reference is already gone.
  bool try_retain();
  void release() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) bury(this);
  }

  // Guards the saved values for the few instructions that copy or drop their handles.
  class SavedLock {
   public:
    explicit SavedLock(Node& node) : flag_(node.saved_lock_) {
      while (flag_.test_and_set(std::memory_order_acquire)) {
      }
    }
    ~SavedLock() { flag_.clear(std::memory_order_release); }

   private:
    std::atomic_flag& flag_;
  };

 protected:
  explicit Node(uint32_t output_count) : output_count_(output_count), sequence_(next_sequence()) {}
  Node(uint32_t output_count, uint64_t sequence) : output_count_(output_count), sequence_(sequence) {}
  virtual ~Node();

 private:
  template <class T, class... Args>
  friend T* make_node(uint32_t edge_count, size_t trailing, Args&&... args);

  static uint64_t next_sequence();
  // Destroys the node and what hangs on it alone, without recursion however long the chain is.
  static void bury(Node* node);
  static void destroy(Node* node);

  Edge* edges_ = nullptr;
  uint32_t edge_count_ = 0;
  uint32_t output_count_;
  std::atomic<uint32_t> references_{1};
  std::atomic_flag saved_lock_ = ATOMIC_FLAG_INIT;
  uint32_t bytes_ = 0;
  bool shares_saved_ = false;
  union {
    uint64_t sequence_;
    Node* next_dead_;
  };
  std::atomic<NodeExtras*> extras_{nullptr};
};

// A node with room for its edges and `trailing` bytes behind it, in one block.
template <class T, class... Args>
T* make_node(uint32_t edge_count, size_t trailing, Args&&... args) {
  static_assert(alignof(T) <= 8);
  const size_t bytes = sizeof(T) + edge_count * sizeof(Edge) + trailing;
  if (bytes > UINT32_MAX) throw std::bad_alloc();
  void* block = pool_allocate(bytes);
  auto* edges = reinterpret_cast<Edge*>(static_cast<char*>(block) + sizeof(T));
  T* node = new (block) T(std::forward<Args>(args)...);
  for (uint32_t i = 0; i < edge_count; ++i) new (edges + i) Edge();
  node->edges_ = edges;
  node->edge_count_ = edge_count;
  node->bytes_ = static_cast<uint32_t>(bytes);
  return node;
}

inline NodeRef NodeRef::retain(Node* node) {
  if (node) node->retain();
  return NodeRef(node);
}
inline NodeRef::~NodeRef() {
  if (node_) node_->release();
}

}  // namespace tw::autograd
