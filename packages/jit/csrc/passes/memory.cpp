// Where the values of a function would lie in one block of memory: each is there from where it is made to its last use,
// its views included; a pointwise op writes over an argument that ends with it. An analysis: nothing is changed.
#include <algorithm>

#include "aliases.h"
#include "pass.h"

namespace tw::jit {
namespace {

constexpr int64_t kAlignment = kMemoryAlignment;

struct Buffer {
  NodeId node;
  int64_t bytes, first, last;
  int64_t offset = -1;
  bool kept = false;  // the caller's: not in the block
};

class Planner {
 public:
  Planner(Editor& edit, FunctionId function)
      : edit_(edit), module_(edit.module), function_(function), aliasing_(edit) {}

  MemoryPlan run() {
    number();
    aliasing_.learn(module_.function(function_).body);
    const RegionId body = module_.function(function_).body;
    for (NodeId node = module_.first(body); node; node = module_[node].next) make(node);
    assign();
    MemoryPlan plan{{}, arena_, text()};
    for (const auto& [node, index] : buffer_of_)
      if (!buffers_[index].kept) plan.places[node] = {buffers_[index].offset, row_major(node)};
    return plan;
  }

 private:
  // Numbers all nodes in program order: a use inside of a region is a use at its owner's end.
  void number() {
    int64_t count = 0;
    const RegionId body = module_.function(function_).body;
    for (NodeId node = module_.first(body); node; node = module_[node].next) place_[node] = count++;
  }

  int64_t place(NodeId user) const {
    while (!place_.count(user)) user = module_[module_[user].parent].owner;
    return place_.at(user);
  }

  int64_t bytes(const Type& type) const {
    if (type.kind == TypeKind::kTuple) {
      int64_t all = 0;
      for (const TypeId item : type.items) {
        const int64_t part = bytes(module_.types[item]);
        if (part < 0) return -1;
        all += part;
      }
      return all;
    }
    if (type.kind != TypeKind::kTensor) return 0;
    if (!type.dtype || !type.shape) return -1;
    int64_t all = item_size(*type.dtype);
    for (const Dim dim : *type.shape) {
      const auto size = module_.dims.value(dim);
      if (!size || __builtin_mul_overflow(all, *size, &all)) return -1;
    }
    return (all + kAlignment - 1) / kAlignment * kAlignment;
  }

  bool row_major(NodeId node) {
    if (edit_.type(node).kind != TypeKind::kTensor) return true;
    const auto like = aliasing_.known(node) ? aliasing_.like(node) : std::nullopt;
    const auto sizes = edit_.sizes(node);
    const auto dtype = edit_.type(node).dtype;
    return like && sizes && dtype && like->is_contiguous() && like->shape().vec() == *sizes && like->dtype() == *dtype;
  }

  bool makes_memory(NodeId node) {
    const OpFacts* op = edit_.facts(node);
    return op ? !op->op->view && !edit_.writes(node) : !module_[node].regions.empty();
  }

  // Whether what it gives may lie in the memory of what it takes.
  bool passes_on(NodeId node) {
    if (edit_.facts(node)) return !edit_.fresh(node) && (aliasing_.argument(node) >= 0 || aliasing_.uncertain(node));
    return !edit_.is(node, "fusion");
  }

  // The last use of a value, through views and parts of it; whether it leaves the function.
  void follow(NodeId node, Buffer& buffer) {
    for (const NodeId user : module_[node].users) {
      buffer.last = std::max(buffer.last, place(user));
      if (edit_.is(user, "return")) buffer.kept = true;
      if (place_.count(user) && !edit_.is(user, "return") && passes_on(user)) follow(user, buffer);
    }
  }

  void make(NodeId node) {
    if (!makes_memory(node)) return;
    Buffer buffer{node, bytes(edit_.type(node)), place_[node], place_[node]};
    follow(node, buffer);
    if (buffer.bytes < 0) {
      ++unknown_;
    } else if (!write_over(buffer)) {
      buffer_of_[node] = buffers_.size();
      buffers_.push_back(buffer);
    }
  }

  bool write_over(const Buffer& buffer) {
    const OpFacts* op = edit_.facts(buffer.node);
    if (!op || !op->op->pointwise || buffer.kept) return false;
    size_t found = buffers_.size();
    module_.each_operand(buffer.node, [&](NodeId operand) {
      const auto held = buffer_of_.find(operand);
      if (held == buffer_of_.end()) return;
      const Buffer& other = buffers_[held->second];
      if (!other.kept && other.bytes == buffer.bytes && other.last == buffer.first) found = held->second;
    });
    if (found == buffers_.size()) return false;
    buffers_[found].last = std::max(buffers_[found].last, buffer.last);
    buffer_of_[buffer.node] = found;
    ++in_place_;
    return true;
  }

  // The largest first, each at the lowest offset that is free for as long as it lives.
  void assign() {
    std::vector<size_t> order;
    for (size_t i = 0; i < buffers_.size(); ++i)
      if (!buffers_[i].kept) order.push_back(i);
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return buffers_[a].bytes > buffers_[b].bytes; });
    std::vector<const Buffer*> placed;  // by offset
    for (const size_t i : order) {
      Buffer& buffer = buffers_[i];
      buffer.offset = 0;
      for (const Buffer* other : placed) {
        if (other->last < buffer.first || buffer.last < other->first) continue;
        if (other->offset >= buffer.offset + buffer.bytes) break;
        buffer.offset = std::max(buffer.offset, other->offset + other->bytes);
      }
      const auto above = [](const Buffer* a, const Buffer* b) { return a->offset < b->offset; };
      placed.insert(std::upper_bound(placed.begin(), placed.end(), &buffer, above), &buffer);
      arena_ = std::max(arena_, buffer.offset + buffer.bytes);
      alone_ += buffer.bytes;
    }
  }

  std::string text() const {
    std::string text = "memory of @" + module_.names[module_.function(function_).name] + ": " + std::to_string(arena_) +
                       " bytes, " + std::to_string(alone_) + " if nothing were shared; " + std::to_string(in_place_) +
                       " ops write over an argument, " + std::to_string(unknown_) + " values of unknown size\n";
    for (const Buffer& buffer : buffers_) {
      text += "  " + std::to_string(buffer.first) + ".." + std::to_string(buffer.last) + " ";
      text += buffer.kept ? "given away" : "at " + std::to_string(buffer.offset);
      text += ", " + std::to_string(buffer.bytes) + " bytes: " + std::string(module_.op_of(buffer.node)) + "\n";
    }
    return text;
  }

  Editor& edit_;
  Module& module_;
  FunctionId function_;
  Aliases aliasing_;
  std::unordered_map<NodeId, int64_t> place_;
  std::vector<Buffer> buffers_;
  std::unordered_map<NodeId, size_t> buffer_of_;
  int64_t arena_ = 0, alone_ = 0, unknown_ = 0, in_place_ = 0;
};

}  // namespace

MemoryPlan memory_plan(Editor& edit, FunctionId function) { return Planner(edit, function).run(); }

}  // namespace tw::jit
