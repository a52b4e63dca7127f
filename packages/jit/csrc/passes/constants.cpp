// What depends on constants alone is computed now, by running the op, if it is small; branches whose side is known take
// it. Attributes are constants where the program is frozen, and where this pass made them.
#include <algorithm>

#include "../builtin/table.h"
#include "../run/call.h"
#include "attributes.h"

namespace tw::jit {
namespace {

class Folder {
 public:
  Folder(Editor& edit, const PassOptions& options) : edit_(edit), options_(options), attributes_(edit, options) {}

  void visit(NodeId node) {
    if (edit_.facts(node))
      fold(node);
    else if (edit_.is(node, "if"))
      take_side(node);
    else if (edit_.is(node, "builtin"))
      fold_builtin(node);
    else if (edit_.is(node, "assert"))
      drop_true(node);
  }
  int64_t count() const { return count_; }

 private:
  const Tensor* attribute(NodeId node) const { return attributes_.value(node); }

  bool known(NodeId node) {
    bool all = true;
    edit_.module.each_operand(node, [&](NodeId operand) { all &= attribute(operand) != nullptr; });
    return all;
  }

  Shared value(const ArgTree& arg) {
    auto made = std::make_shared<Value>();
    if (arg.kind == ArgKind::kConstant) {
      retain_into(constant_value(edit_.program, ConstantId(arg.index)), &*made);
    } else if (arg.kind == ArgKind::kNode) {
      give(&*made, *attribute(NodeId(arg.index)));
    } else if (arg.kind >= ArgKind::kList) {
      check(g_host->list_new(TW_VALUES, static_cast<uint32_t>(arg.items.size()), &*made));
      for (size_t i = 0; i < arg.items.size(); ++i)
        retain_into(value(arg.items[i])->get(), static_cast<tw_value*>((*made)->u.p) + i);
    }
    return made;
  }

  // How large the result may be: an op over attributes may give as much as they are.
  bool small(NodeId node) {
    const Type& type = edit_.type(node);
    int64_t most = options_.largest_constant;
    edit_.module.each_operand(
        node, [&](NodeId operand) { most += attribute(operand)->numel() * item_size(attribute(operand)->dtype()); });
    const auto sizes = edit_.sizes(node);
    if (type.kind != TypeKind::kTensor) return type.kind != TypeKind::kTuple && type.kind != TypeKind::kList;
    if (!sizes || !type.dtype) return false;
    double bytes = static_cast<double>(item_size(*type.dtype));
    for (const int64_t size : *sizes) bytes *= static_cast<double>(size);
    return bytes <= static_cast<double>(most);
  }

  Shared run(NodeId node) {
    const RegistryOp& op = *edit_.facts(node)->op;
    CallArguments args(op);
    CallResults results(op.nrets);
    uint32_t count = edit_.module[node].args.count;
    for (const auto& entry : edit_.module.keywords(node))
      count = std::max(count, static_cast<uint32_t>(op.argument(entry.first) + 1));
    for (uint32_t k = 0; k < count; ++k)
      if (const auto arg = edit_.argument(node, k)) args.set(k, value(*arg));
    const LayerScope bare(0, ~uint64_t{0});
    results.call(op.op, args.data(), args.count());
    return results.take();
  }

  void fold(NodeId node) {
    if (!edit_.pure(node) || !known(node) || edit_.escapes(node) || !small(node)) return;
    const Shared result = run(node);
    const tw_value& value = result->get();
    if (value.tag == TW_TENSOR)
      keep(node, Tensor::retain(value.u.t));
    else if (value.tag == TW_BOOL || value.tag == TW_INT || value.tag == TW_FLOAT)
      edit_.substitute(node, constant_from(edit_.program, value));
    else
      return;
    ++count_;
  }

  // Numbers, text and tuples of them: what has no identity.
  bool plain(const ArgTree& arg) const {
    if (arg.kind == ArgKind::kConstant) return edit_.constant(arg)->kind != ConstantKind::kObject;
    if (arg.kind != ArgKind::kNone && arg.kind != ArgKind::kTuple) return false;
    return std::all_of(arg.items.begin(), arg.items.end(), [&](const ArgTree& item) { return plain(item); });
  }

  // A function of Python's numbers and text; one that raises does so when the program runs.
  void fold_builtin(NodeId node) {
    const std::vector<ArgTree> args = edit_.module.args(node);
    const Builtin* found = builtin(edit_.module.names[edit_.module[node].target]);
    const auto is_plain = [&](const ArgTree& arg) { return plain(arg); };
    if (!found || found->effect || !std::all_of(args.begin(), args.end(), is_plain)) return;
    try {
      Arguments values;
      for (const ArgTree& arg : args) values.push_back(value(arg));
      const Shared result = found->run(values);
      const uint32_t tag = result->get().tag;
      if (tag != TW_BOOL && tag != TW_INT && tag != TW_FLOAT && tag != TW_STR) return;
      edit_.substitute(node, constant_from(edit_.program, result->get()));
      ++count_;
    } catch (const PendingError&) {
      forget_error();
    } catch (const Error&) {
    }
  }

  void keep(NodeId node, const Tensor& tensor) {
    Module& module = edit_.module;
    std::string path;
    do path = std::string(kFolded) + std::to_string(next_++);
    while (edit_.program.attributes.count(path));
    edit_.program.attributes.emplace(path, tensor);
    const NodeId made = edit_.create(node, "get_attr", {}, type_of(module, to_value(static_cast<TensorRef>(tensor))));
    module.set_target(made, module.names(path));
    module.set_label(made, module.names(path));
    edit_.replace(node, made);
  }

  void take_side(NodeId node) {
    const auto condition = edit_.number(edit_.module.args(node)[0]);
    if (!condition) return;
    std::unordered_map<NodeId, ArgTree> values;
    const RegionId side = edit_.module[node].regions[*condition != 0 ? 0 : 1];
    edit_.substitute(node, ArgTree(ArgKind::kTuple, edit_.copy_body(side, node, values)));
    ++count_;
  }

  void drop_true(NodeId node) {
    const auto condition = edit_.number(edit_.module.args(node)[0]);
    if (!condition || *condition == 0) return;
    edit_.module.erase(node);
    ++count_;
  }

  Editor& edit_;
  const PassOptions& options_;
  ConstantAttributes attributes_;
  int64_t count_ = 0;
  int next_ = 0;
};

// Attributes that nothing reads any more are let go: those made here, and all of a frozen program.
void drop_unread(Editor& edit, bool frozen) {
  std::set<std::string> kept = written_attributes(edit);
  edit.each_node([&](NodeId node) {
    if (edit.is(node, "get_attr") && !edit.module[node].users.empty())
      kept.insert(edit.module.names[edit.module[node].target]);
  });
  auto& attributes = edit.program.attributes;
  for (auto entry = attributes.begin(); entry != attributes.end();) {
    const bool ours = frozen || entry->first.rfind(kFolded, 0) == 0;
    entry = ours && !kept.count(entry->first) ? attributes.erase(entry) : std::next(entry);
  }
}

// get_attr nodes of what is let go.
void drop_readers(Editor& edit) {
  edit.each_node([&](NodeId node) {
    const bool unread = edit.is(node, "get_attr") && edit.module[node].users.empty();
    if (unread) edit.module.erase(node);
  });
}

}  // namespace

int64_t propagate_constants(Editor& edit, const PassOptions& options) {
  Folder folder(edit, options);
  edit.each_node([&](NodeId node) { folder.visit(node); });
  drop_readers(edit), drop_unread(edit, options.fold_attributes);
  return folder.count();
}

}  // namespace tw::jit
