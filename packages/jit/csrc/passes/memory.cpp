// Where the values of a function lie in one block of memory: each is there from where it is made to its last use, its
// views included; a pointwise op writes over an argument that ends with it.
#include <algorithm>

#include "../ir/text.h"
#include "lives.h"
#include "pass.h"

namespace tw::jit {
namespace {

struct Buffer {
  NodeId node;
  Life life;
  int64_t offset = -1;
};

class Planner {
 public:
  Planner(Editor& edit, FunctionId function) : module_(edit.module), function_(function), lives_(edit, function) {}

  MemoryPlan run() {
    const RegionId body = module_.function(function_).body;
    for (NodeId node = module_.first(body); node; node = module_[node].next) make(node);
    assign();
    MemoryPlan plan{{}, arena_, text()};
    for (const auto& [node, index] : buffer_of_)
      if (!buffers_[index].life.kept) plan.places[node] = {buffers_[index].offset, lives_.row_major(node)};
    return plan;
  }

 private:
  void make(NodeId node) {
    if (!lives_.makes_memory(node)) return;
    Buffer buffer{node, lives_.life(node)};
    if (buffer.life.bytes < 0) {
      ++unknown_;
    } else if (!write_over(buffer)) {
      buffer_of_[node] = buffers_.size();
      buffers_.push_back(std::move(buffer));
    }
  }

  bool write_over(const Buffer& buffer) {
    if (buffer.life.kept) return false;
    size_t found = buffers_.size();
    module_.each_operand(buffer.node, [&](NodeId operand) {
      const auto held = buffer_of_.find(operand);
      if (held == buffer_of_.end()) return;
      const Life& life = buffers_[held->second].life;
      if (!life.kept && life.last == buffer.life.first && lives_.may_write_over(buffer.node, operand, life))
        found = held->second;
    });
    if (found == buffers_.size()) return false;
    Life& life = buffers_[found].life;
    life.last = std::max(life.last, buffer.life.last);
    life.views.insert(buffer.life.views.begin(), buffer.life.views.end());
    buffer_of_[buffer.node] = found;
    ++in_place_;
    return true;
  }

  // The largest first, each at the lowest offset that is free for as long as it lives.
  void assign() {
    std::vector<size_t> order;
    for (size_t i = 0; i < buffers_.size(); ++i)
      if (!buffers_[i].life.kept) order.push_back(i);
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return buffers_[a].life.bytes > buffers_[b].life.bytes; });
    std::vector<const Buffer*> placed;  // by offset
    for (const size_t i : order) {
      Buffer& buffer = buffers_[i];
      buffer.offset = 0;
      for (const Buffer* other : placed) {
        if (other->life.last < buffer.life.first || buffer.life.last < other->life.first) continue;
        if (other->offset >= buffer.offset + buffer.life.bytes) break;
        buffer.offset = std::max(buffer.offset, other->offset + other->life.bytes);
      }
      const auto above = [](const Buffer* a, const Buffer* b) { return a->offset < b->offset; };
      placed.insert(std::upper_bound(placed.begin(), placed.end(), &buffer, above), &buffer);
      arena_ = std::max(arena_, buffer.offset + buffer.life.bytes);
      alone_ += buffer.life.bytes;
    }
  }

  std::string text() const {
    std::string text = "memory of @" + module_.names[module_.function(function_).name] + ": " + std::to_string(arena_) +
                       " bytes, " + std::to_string(alone_) + " if nothing were shared; " + std::to_string(in_place_) +
                       " ops write over an argument, " + std::to_string(unknown_) + " values of unknown size\n";
    for (const Buffer& buffer : buffers_) {
      const Life& life = buffer.life;
      text += "  " + std::to_string(life.first) + ".." + std::to_string(life.last) + " ";
      text += life.kept ? "given away" : "at " + std::to_string(buffer.offset);
      text += ", " + std::to_string(life.bytes) + " bytes: " + std::string(module_.op_of(buffer.node)) + "\n";
    }
    return text;
  }

  Module& module_;
  FunctionId function_;
  Lives lives_;
  std::vector<Buffer> buffers_;
  std::unordered_map<NodeId, size_t> buffer_of_;
  int64_t arena_ = 0, alone_ = 0, unknown_ = 0, in_place_ = 0;
};

// Whether the places that the graph states hold what they are given.
class Checker {
 public:
  Checker(Editor& edit, FunctionId function) : module_(edit.module), function_(function), lives_(edit, function) {}

  MemoryPlan run() {
    const Places* places = module_.places(function_);
    if (!places) throw Error(TW_E_VALUE, where() + "it has no memory plan");
    MemoryPlan plan{{}, places->bytes, {}};
    for (const auto& [node, offset] : places->offsets) {
      placed_.push_back({node, one(node, offset, places->bytes), offset});
      plan.places[node] = {offset, lives_.row_major(node)};
    }
    for (size_t i = 0; i < placed_.size(); ++i)
      for (size_t k = i + 1; k < placed_.size(); ++k) apart(placed_[i], placed_[k]);
    return plan;
  }

 private:
  std::string where() const { return "graph @" + module_.names[module_.function(function_).name] + ": "; }
  [[noreturn]] void fail(NodeId node, const std::string& rule) {
    throw Error(TW_E_VALUE, where() + rule + ", in\n  " + print_node(module_, node));
  }

  Life one(NodeId node, int64_t offset, int64_t all) {
    if (module_[node].parent != module_.function(function_).body)
      fail(node, "a value inside of a region has no place in the function's memory");
    if (!lives_.makes_memory(node)) fail(node, "this has a place in memory, but makes no value of its own");
    Life life = lives_.life(node);
    if (life.kept) fail(node, "a value that the caller gets has no place in the function's memory");
    if (life.bytes < 0) fail(node, "a value of unknown size has a place in memory");
    if (offset < 0 || offset % kMemoryAlignment)
      fail(node, "a place in memory is a multiple of " + std::to_string(kMemoryAlignment));
    if (life.bytes > all || offset > all - life.bytes)
      fail(node, "the value ends at byte " + std::to_string(offset) + " + " + std::to_string(life.bytes) +
                     " of a memory of " + std::to_string(all));
    return life;
  }

  void apart(const Buffer& a, const Buffer& b) {
    if (a.life.first > b.life.first) return apart(b, a);
    if (a.offset + a.life.bytes <= b.offset || b.offset + b.life.bytes <= a.offset) return;
    if (a.life.last < b.life.first || !a.life.bytes || !b.life.bytes) return;
    bool takes = false;
    module_.each_operand(b.node, [&](NodeId operand) { takes |= operand == a.node; });
    if (takes && a.offset == b.offset && a.life.last == b.life.first && lives_.may_write_over(b.node, a.node, a.life))
      return;
    fail(b.node, "its value lies where one lies that is still needed, of\n  " + print_node(module_, a.node) + "\n");
  }

  Module& module_;
  FunctionId function_;
  Lives lives_;
  std::vector<Buffer> placed_;
};

}  // namespace

MemoryPlan memory_plan(Editor& edit, FunctionId function) { return Planner(edit, function).run(); }

MemoryPlan checked_memory(Editor& edit, FunctionId function) { return Checker(edit, function).run(); }

int64_t plan_memory(Editor& edit, const PassOptions&) {
  int64_t changes = 0;
  for (uint32_t k = 0; k < edit.module.functions().size(); ++k) {
    const MemoryPlan plan = memory_plan(edit, FunctionId(k));
    Places places{plan.bytes, {}};
    for (const auto& [node, place] : plan.places) places.offsets[node] = place.offset;
    const Places* before = edit.module.places(FunctionId(k));
    changes += !before || before->bytes != places.bytes || before->offsets != places.offsets;
    edit.module.plan(FunctionId(k), std::move(places));
  }
  return changes;
}

void verify(Program& program, Level level) {
  verify(program.module, level);
  if (level != Level::kPlanned) return;
  Editor edit(program);
  for (uint32_t k = 0; k < program.module.functions().size(); ++k) checked_memory(edit, FunctionId(k));
}

}  // namespace tw::jit
