#include "verify_groups.h"

#include "../kernels/expansions.h"
#include "../kernels/image_layout.h"
#include "registry.h"

namespace tw::jit {
namespace {

using Shape = std::vector<Dim>;

class GroupCheck {
 public:
  GroupCheck(const Module& module, NodeId fusion, const std::function<void(NodeId, const std::string&)>& fail)
      : module_(module), fusion_(fusion), region_(module[fusion].regions[0]), fail_(fail) {}

  void run() {
    uint32_t place = 0;
    for (NodeId node = module_.first(region_); node; node = module_[node].next)
      if (module_.op_of(node) == "placeholder") parameter(node, module_.item(module_[fusion_].args, place++));
    for (NodeId node = module_.first(region_); node; node = module_[node].next)
      if (const RegistryOp* op = registry_op(module_.op_of(node)); op && !of_images(node, *op)) learn(node, *op);
    for (NodeId node = module_.first(region_); node; node = module_[node].next)
      if (const RegistryOp* op = registry_op(module_.op_of(node)); op && !of_images(node, *op)) swept(node, type(node));
    results();
  }

 private:
  [[noreturn]] void refuse(NodeId node, const std::string& why) const {
    fail_(node, why);  // throws
    std::terminate();
  }
  const Type& type(NodeId node) const { return module_.types[module_[node].type]; }

  const Shape& sizes(NodeId node, const Type& type) const {
    if (type.kind == TypeKind::kTensor && type.dtype && type.shape) return *type.shape;
    refuse(node, "what a fusion takes and computes is tensors of known dtype and sizes");
  }

  void parameter(NodeId node, const Arg& given) const {
    sizes(node, type(node));
    if (given.kind != ArgKind::kNode || module_[NodeId(given.index)].type != module_[node].type)
      refuse(node, "a parameter of a fusion has the type of its argument");
  }

  // What moves images, and pools them, is no part of a sweep. The zeros around images in blocks have been put there by
  // a fusion that knew of as many.
  bool of_images(NodeId node, const RegistryOp& op) const {
    if (op.name == kToPlanes) from_blocks(node);
    if (op.name == kToPlanes || op.name == kToBlocks) return sizes(node, type(node)), true;
    return is_pool(op.name);
  }

  void from_blocks(NodeId node) const {
    const NodeId taken(module_.item(module_[node].args, 0).index);
    uint32_t place = 0;
    for (NodeId before = module_.first(region_); before != taken; before = module_[before].next) ++place;
    const NodeId given(module_.item(module_[fusion_].args, place).index);
    const Arg* maker = module_.op_of(given) == "tuple.get" ? &module_.item(module_[given].args, 0) : nullptr;
    if (!maker || module_.op_of(NodeId(maker->index)) != "fusion") refuse(node, "images in blocks come from a fusion");
    const auto k =
        static_cast<uint32_t>(module_.constants[ConstantId(module_.item(module_[given].args, 1).index)].integer);
    const Node& yielded = module_[module_[module_[NodeId(maker->index)].regions[0]].last];
    const NodeId moved(module_.item(yielded.args, k).index);
    const bool known = module_.op_of(moved) == kToBlocks && same_border(moved, node);
    if (!known) refuse(node, "images come out of blocks with the border with which they went there");
  }

  bool same_border(NodeId a, NodeId b) const {
    const Arg &x = module_.item(module_[a].args, 1), &y = module_.item(module_[b].args, 1);
    if (x.count != 2 || y.count != 2 || x.kind < ArgKind::kList || y.kind < ArgKind::kList) return false;
    for (uint32_t k = 0; k < 2; ++k)
      if (module_.item(x, k).kind != ArgKind::kConstant || module_.item(y, k).kind != ArgKind::kConstant ||
          module_.item(x, k).index != module_.item(y, k).index)
        return false;
    return true;
  }

  // The space that is swept: what reductions take, else what the first op gives.
  void learn(NodeId node, const RegistryOp& op) {
    if (op.random) refuse(node, "a fusion draws no random numbers");
    if (!op.reduction && !is_expanded(op.name)) {
      if (!full_) full_ = &sizes(node, type(node));
      return;
    }
    const Arg* input = op.nargs ? given_argument(module_, node, op, 0) : nullptr;
    if (!input || input->kind != ArgKind::kNode) refuse(node, "a reduction in a fusion takes a value");
    const NodeId taken(input->index);
    const Shape& full = sizes(taken, type(taken));
    const uint64_t dims = reduced_dims(node, op, full.size());
    if (dims_ && (dims != *dims_ || full != *full_))
      refuse(node, "the reductions of a fusion go over the same dimensions of the same sizes");
    dims_ = dims, full_ = &full;
  }

  uint64_t reduced_dims(NodeId node, const RegistryOp& op, size_t rank) const {
    if (rank >= 64) refuse(node, "a fusion sweeps fewer than 64 dimensions");
    const uint64_t all = (uint64_t{1} << rank) - 1;
    const int place = op.name == "tw::native_layer_norm" ? 1 : op.argument("dim");
    const Arg* dim = place < 0 ? nullptr : given_argument(module_, node, op, static_cast<uint32_t>(place));
    if (place < 0) refuse(node, "this reduction does not say over which dimensions it goes");
    if (!dim || dim->kind == ArgKind::kNone) return all;
    const bool list = dim->kind == ArgKind::kList || dim->kind == ArgKind::kTuple;
    if (op.name == "tw::native_layer_norm") return dim->count > rank ? all : all & ~(all >> dim->count);
    uint64_t dims = list && !dim->count ? all : 0;
    for (uint32_t k = 0; k < (list ? dim->count : 1); ++k)
      dims |= bit(node, list ? module_.item(*dim, k) : *dim, static_cast<int64_t>(rank));
    return dims;
  }

  uint64_t bit(NodeId node, const Arg& arg, int64_t rank) const {
    if (arg.kind != ArgKind::kConstant || module_.constants[ConstantId(arg.index)].kind != ConstantKind::kInt)
      refuse(node, "the dimensions of a reduction in a fusion are constants");
    const int64_t d = module_.constants[ConstantId(arg.index)].integer, place = d < 0 ? d + rank : d;
    if (rank && (place < 0 || place >= rank))
      refuse(node, "there is no dimension " + std::to_string(d) + " of " + std::to_string(rank));
    return rank ? uint64_t{1} << place : 0;
  }

  // Every value has an element for each of the space, or one for each row.
  void swept(NodeId node, const Type& type) const {
    if (type.kind == TypeKind::kTuple) {
      for (const TypeId part : type.items) swept(node, module_.types[part]);
      return;
    }
    const Shape& shape = sizes(node, type);
    if (shape != *full_ && !of_rows(shape, true) && !of_rows(shape, false))
      refuse(node, "this has other sizes than what the fusion sweeps, and than its rows");
  }

  bool of_rows(const Shape& shape, bool keepdim) const {
    if (!dims_) return false;
    size_t next = 0;
    for (size_t d = 0; d < full_->size(); ++d) {
      const bool folded = *dims_ >> d & 1;
      if (folded && !keepdim) continue;
      if (next == shape.size()) return false;
      const bool fits = folded ? module_.dims.value(shape[next]) == 1 : shape[next] == (*full_)[d];
      if (!fits) return false;
      ++next;
    }
    return next == shape.size();
  }

  void results() const {
    const NodeId end = module_[region_].last;
    std::vector<TypeId> types;
    for (uint32_t k = 0; k < module_[end].args.count; ++k) {
      const Arg& arg = module_.item(module_[end].args, k);
      if (arg.kind != ArgKind::kNode || module_.op_of(NodeId(arg.index)) == "placeholder")
        refuse(end, "a fusion gives values that it computes");
      types.push_back(module_[NodeId(arg.index)].type);
    }
    if (type(fusion_).kind != TypeKind::kTuple || type(fusion_).items != types)
      refuse(fusion_, "the type of a fusion is the tuple of the types that it yields");
  }

  const Module& module_;
  NodeId fusion_;
  RegionId region_;
  const std::function<void(NodeId, const std::string&)>& fail_;
  const Shape* full_ = nullptr;
  std::optional<uint64_t> dims_;
};

}  // namespace

void verify_group(const Module& module, NodeId fusion, const std::function<void(NodeId, const std::string&)>& fail) {
  GroupCheck(module, fusion, fail).run();
}

}  // namespace tw::jit
