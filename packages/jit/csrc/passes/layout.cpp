// Says how images lie between convolutions. A convolution by a constant weight computes with channels in the lanes of
// vectors: where its result is next read by another, or by a max pool, it stays in blocks of channels, with the zeros
// around it that readers pad with, and nothing is copied. Values that are added lie alike, as do both sides of a pool
// or a depthwise convolution; such a set of values lies in blocks where that moves fewer bytes. All others read and
// write planes, and what stands between the two is a `fusion` that moves images.
#include <algorithm>
#include <deque>
#include <map>

#include "../kernels/expansions.h"
#include "../kernels/image_layout.h"
#include "fusion_region.h"

namespace tw::jit {
namespace {

constexpr int64_t kFewestChannels = 32;  // of a group's results, and
constexpr int64_t kFewestPixels = 4;     // in each direction: convolutions of less have kernels of their own
constexpr int64_t kMostSteps = 1 << 10;  // padding, strides and windows that kernels take

// Images of known sizes but for how many there are.
struct Images {
  int64_t channels, height, width;
  int64_t elements() const { return channels * height * width; }
};

// A convolution's group, or a max pool.
struct Reader {
  NodeId node;    // the fusion, or the pool
  NodeId input;   // the values outside
  NodeId output;  // of which this is the tuple.get
  bool pools;
  bool by_channel;   // reads and writes alike: a pool, or a depthwise convolution
  bool from_blocks;  // whether it can read such
  Border padding;
  int64_t copied;  // elements of a padded copy that is made of planes
  std::vector<NodeId> added;
};

// A value that some reader reads or writes.
struct ImageValue {
  Images images;
  int64_t number;
  const Reader* writer = nullptr;
  std::vector<const Reader*> readers;
};

// Numbers in sets, which can be joined.
class Sets {
 public:
  int64_t add() {
    parents_.push_back(static_cast<int64_t>(parents_.size()));
    return parents_.back();
  }
  int64_t find(int64_t number) const {
    while (at(number) != number) number = at(number);
    return number;
  }
  void join(int64_t a, int64_t b) {
    const int64_t x = find(a), y = find(b);
    parents_[static_cast<size_t>(std::max(x, y))] = std::min(x, y);
  }

 private:
  int64_t at(int64_t number) const { return parents_[static_cast<size_t>(number)]; }
  std::vector<int64_t> parents_;
};

class LayoutOfRegion {
 public:
  LayoutOfRegion(Editor& edit, RegionId region, int* names)
      : edit_(edit), module_(edit.module), region_(region), names_(names) {}

  int64_t run() {
    for (NodeId node = module_.first(region_); node; node = module_[node].next) {
      auto reader = edit_.is(node, "fusion") ? convolution(node) : pool(node);
      if (reader) readers_.push_back(std::move(*reader));
    }
    for (const Reader& reader : readers_) learn(reader);
    std::map<int64_t, std::vector<NodeId>> sets;
    for (const auto& [value, known] : values_) sets[layouts_.find(known.number)].push_back(value);
    int64_t count = 0;
    for (const auto& entry : sets)
      if (moved(entry.second, true) < moved(entry.second, false)) put_in_blocks(entry.second), ++count;
    return count;
  }

 private:
  // ---- what there is ------------------------------------------------------------------------------------------------

  std::optional<Images> images(NodeId value) const {
    const Type& type = edit_.type(value);
    if (type.kind != TypeKind::kTensor || !type.dtype || !(*type.dtype == kFloat32)) return std::nullopt;
    if (!type.shape || type.shape->size() != 4) return std::nullopt;
    const auto size = [&](size_t d) { return module_.dims.value((*type.shape)[d]).value_or(0); };
    const Images found{size(1), size(2), size(3)};
    if (std::min({found.channels, found.height, found.width}) < 1) return std::nullopt;
    if (std::max({found.channels, found.height, found.width}) > 1 << 20) return std::nullopt;
    return found;
  }

  // The only node that takes the only value of a tuple.
  NodeId only_item(NodeId tuple) const {
    const auto& users = module_[tuple].users;
    if (users.size() != 1 || !edit_.is(users[0], "tuple.get")) return {};
    return edit_.integer(module_.args(users[0])[1]) == 0 ? users[0] : NodeId();
  }

  std::optional<Border> pair(NodeId node, std::string_view name) {
    const auto given = edit_.argument(node, name);
    auto numbers = given ? edit_.integers(*given) : std::nullopt;
    if (const auto both = given ? edit_.integer(*given) : std::nullopt) numbers = {*both, *both};
    if (!numbers || numbers->size() != 2) return std::nullopt;
    if (std::min((*numbers)[0], (*numbers)[1]) < 0 || std::max((*numbers)[0], (*numbers)[1]) > kMostSteps) return {};
    return Border{(*numbers)[0], (*numbers)[1]};
  }

  // The value outside that stands behind a parameter of a fusion.
  NodeId outside(NodeId fusion, const ArgTree& parameter) const {
    if (parameter.kind != ArgKind::kNode || !edit_.is(NodeId(parameter.index), "placeholder")) return {};
    const std::vector<ArgTree> args = module_.args(fusion);
    NodeId node = module_.first(module_[fusion].regions[0]);
    for (const ArgTree& arg : args) {
      if (node == NodeId(parameter.index)) return arg.kind == ArgKind::kNode ? NodeId(arg.index) : NodeId();
      node = module_[node].next;
    }
    return {};
  }

  std::optional<Reader> convolution(NodeId fusion) {
    NodeId layer = module_.first(module_[fusion].regions[0]);
    while (layer && edit_.is(layer, "placeholder")) layer = module_[layer].next;
    if (!is_image_layer(module_.op_of(layer))) return std::nullopt;
    const auto input = edit_.argument(layer, 0), weight = edit_.argument(layer, 1);
    const auto in_groups = edit_.argument(layer, "groups");
    if (!input || !weight || !in_groups) return std::nullopt;
    Reader reader{fusion, outside(fusion, *input), only_item(fusion), false, false, false, {}, 0, {}};
    const auto padding = pair(layer, "padding"), stride = pair(layer, "stride"), dilation = pair(layer, "dilation");
    const auto groups = edit_.integer(*in_groups);
    if (!reader.input || !reader.output || !padding || !stride || !dilation || !groups) return std::nullopt;
    const auto in = images(reader.input), out = images(reader.output);
    const auto taps = weight->kind == ArgKind::kNode ? edit_.sizes(NodeId(weight->index)) : std::nullopt;
    if (!in || !out || !taps || taps->size() != 4 || *groups < 1) return std::nullopt;
    const int64_t written = out->channels / *groups;
    reader.by_channel = *groups > 1 && (*taps)[1] == 1 && written == 1;
    const bool whole = *groups == 1 || ((*taps)[1] % kBlockChannels == 0 && written % kBlockChannels == 0);
    const bool fills = whole && written >= kFewestChannels && std::min(out->height, out->width) >= kFewestPixels;
    if (out->channels % kBlockChannels || !(reader.by_channel || fills)) return std::nullopt;
    reader.padding = *padding, reader.from_blocks = in->channels % kBlockChannels == 0;
    const bool one_tap = (*taps)[2] == 1 && (*taps)[3] == 1 && *padding == Border{0, 0};
    const int64_t steps = (*stride)[0] * (*stride)[1];
    reader.copied = !one_tap ? in->elements() : steps == 1 ? 0 : in->elements() / std::max<int64_t>(steps, 1);
    return with_added(std::move(reader), layer);
  }

  // The other tensors that the pointwise ops after the layer take.
  std::optional<Reader> with_added(Reader reader, NodeId layer) const {
    for (NodeId node = module_[layer].next; node; node = module_[node].next) {
      bool fits = true;
      module_.each_operand(node, [&](NodeId operand) {
        if (!edit_.is(operand, "placeholder")) return;
        const NodeId added = outside(reader.node, operand);
        reader.added.push_back(added);
        fits &= added && module_[added].type == module_[reader.output].type;
        fits &= reader.from_blocks || added != reader.input;
      });
      if (!fits) return std::nullopt;
    }
    return reader;
  }

  std::optional<Reader> pool(NodeId node) {
    if (!is_pool(module_.op_of(node))) return std::nullopt;
    const auto input = edit_.argument(node, 0);
    Reader reader{node, {}, only_item(node), true, true, true, {}, 0, {}};
    if (!input || input->kind != ArgKind::kNode || !reader.output) return std::nullopt;
    reader.input = NodeId(input->index);
    const auto in = images(reader.input);
    const auto stride = edit_.argument(node, "stride");
    const bool steps = stride && (stride->kind == ArgKind::kNone || pair(node, "stride"));
    const bool fits = pair(node, "kernel_size") && pair(node, "padding") && pair(node, "dilation") && steps;
    return in && images(reader.output) && in->channels % kBlockChannels == 0 && fits ? std::optional(reader)
                                                                                     : std::nullopt;
  }

  ImageValue& value(NodeId node) {
    const auto found = values_.find(node);
    if (found != values_.end()) return found->second;
    const auto shown = images(node);
    if (!shown) throw Error(TW_E_VALUE, "layout: a convolution's value is no batch of images");
    const int64_t number = layouts_.add();
    borders_.add();
    return values_.emplace(node, ImageValue{*shown, number, nullptr, {}}).first->second;
  }

  void learn(const Reader& reader) {
    ImageValue& output = value(reader.output);
    output.writer = &reader;
    if (reader.from_blocks) value(reader.input).readers.push_back(&reader);
    for (const NodeId node : reader.added) {
      ImageValue& added = value(node);
      added.readers.push_back(&reader);
      layouts_.join(added.number, output.number), borders_.join(added.number, output.number);
    }
    if (reader.by_channel) layouts_.join(value(reader.input).number, output.number);
  }

  // ---- what it costs ------------------------------------------------------------------------------------------------

  std::vector<NodeId> users_of_planes(NodeId node) const {
    std::vector<NodeId> users;
    const auto& readers = values_.at(node).readers;
    for (const NodeId user : module_[node].users)
      if (std::none_of(readers.begin(), readers.end(), [&](const Reader* reader) { return reader->node == user; }))
        users.push_back(user);
    return users;
  }

  // As wide as any convolution pads with that reads the value, or one that is added to it.
  Border border_of(NodeId value) const {
    Border border{};
    const int64_t set = borders_.find(values_.at(value).number);
    for (const auto& [node, known] : values_) {
      if (borders_.find(known.number) != set) continue;
      for (const Reader* reader : known.readers)
        for (size_t d = 0; d < 2 && reader->input == node; ++d) border[d] = std::max(border[d], reader->padding[d]);
    }
    return border;
  }

  // Elements of each image that are read or written for the layout's sake.
  int64_t moved(const std::vector<NodeId>& set, bool blocked) const {
    int64_t count = 0;
    for (const NodeId node : set) {
      const ImageValue& known = values_.at(node);
      const Border border = border_of(node);
      const int64_t all = known.images.elements();
      if (blocked) {
        const int64_t zeros =
            (known.images.height + 2 * border[0]) * (known.images.width + 2 * border[1]) * known.images.channels - all;
        count += zeros + (known.writer ? 0 : 2 * all) + (known.writer && !users_of_planes(node).empty() ? 2 * all : 0);
        continue;
      }
      if (known.writer) count += 2 * all;  // to planes; a pool writes places, of 8 bytes
      for (const Reader* reader : known.readers)
        if (reader->input == node) count += 2 * reader->copied;
    }
    return count;
  }

  // ---- the change ---------------------------------------------------------------------------------------------------

  TypeId type_in_blocks(NodeId node, const Border& border) {
    Type type = edit_.type(node);
    if (!type.shape) throw Error(TW_E_VALUE, "layout: a value in blocks has no shape");
    const Images images = values_.at(node).images;
    type.shape =
        std::vector<Dim>{(*type.shape)[0], module_.dims.constant(images.channels / kBlockChannels),
                         module_.dims.constant(images.height + 2 * border[0]),
                         module_.dims.constant(images.width + 2 * border[1]), module_.dims.constant(kBlockChannels)};
    return module_.types.intern(type);
  }

  // A node of a group of its own; what stands for its value outside.
  NodeId alone(const std::vector<NodeId>& nodes) {
    make_fusion(edit_, nodes, names_);
    return only_item(module_[module_[nodes.back()].parent].owner);
  }

  NodeId after(NodeId node) const {
    NodeId next = module_[node].next;
    while (edit_.is(next, "placeholder")) next = module_[next].next;
    return next;
  }

  void put_in_blocks(std::vector<NodeId> set) {
    for (NodeId& node : set)
      if (const Reader* writer = values_.at(node).writer; writer && writer->pools) node = grouped(node);
    for (const NodeId node : set) put_in_blocks(node, border_of(node));
  }

  void put_in_blocks(NodeId node, const Border& border) {
    const ImageValue& known = values_.at(node);
    const TypeId planes = module_[node].type, blocks = type_in_blocks(node, border);
    const std::vector<NodeId> others = users_of_planes(node);
    NodeId lies = node;
    if (known.writer) {
      lies = yield_blocks(*known.writer, border, blocks);
      if (!others.empty()) move(after(lies), kToPlanes, lies, border, planes, others);
    } else {
      std::vector<NodeId> readers;
      for (const Reader* reader : known.readers) readers.push_back(reader->node);
      lies = move(after(node), kToBlocks, node, border, blocks, readers);
    }
    for (const Reader* reader : known.readers) take_blocks(reader->node, lies, border, planes, blocks);
  }

  // A value in another layout, in a group of its own, for these users.
  NodeId move(NodeId anchor, std::string_view op, NodeId value, const Border& border, TypeId type,
              const std::vector<NodeId>& users) {
    const NodeId moved = edit_.create(anchor, op, {value, edit_.int_list({border[0], border[1]})}, type);
    for (const NodeId user : users) module_.replace_uses_in(user, value, moved);
    return alone({moved});
  }

  // A pool becomes a group like the others; what now stands for its value.
  NodeId grouped(NodeId pooled) {
    Reader& pool = *std::find_if(readers_.begin(), readers_.end(), [&](const Reader& r) { return r.output == pooled; });
    const NodeId value = alone({pool.node, pool.output});
    pool.node = module_[module_[pool.node].parent].owner;
    for (Reader& reader : readers_) {
      if (reader.input == pooled) reader.input = value;
      if (reader.output == pooled) reader.output = value;
      std::replace(reader.added.begin(), reader.added.end(), pooled, value);
    }
    auto known = values_.extract(pooled);
    known.key() = value;
    values_.insert(std::move(known));
    return value;
  }

  NodeId yield_blocks(const Reader& writer, const Border& border, TypeId blocks) {
    const NodeId fusion = writer.node, result = writer.output;
    const NodeId end = module_[module_[fusion].regions[0]].last;
    const NodeId moved =
        edit_.create(end, kToBlocks, {module_.args(end)[0], edit_.int_list({border[0], border[1]})}, blocks);
    module_.set_args(end, {moved});
    module_.set_type(fusion, module_.types.list(TypeKind::kTuple, {blocks}));
    module_.set_type(result, blocks);
    return result;
  }

  void take_blocks(NodeId fusion, NodeId value, const Border& border, TypeId planes, TypeId blocks) {
    const std::vector<ArgTree> args = module_.args(fusion);
    NodeId parameter = module_.first(module_[fusion].regions[0]), first = parameter;
    while (edit_.is(first, "placeholder")) first = module_[first].next;
    for (const ArgTree& arg : args) {
      if (arg.kind == ArgKind::kNode && NodeId(arg.index) == value && module_[parameter].type != blocks) {
        const std::vector<NodeId> users = module_[parameter].users;
        module_.set_type(parameter, blocks);
        const NodeId moved =
            edit_.create(first, kToPlanes, {parameter, edit_.int_list({border[0], border[1]})}, planes);
        for (const NodeId user : users) module_.replace_uses_in(user, parameter, moved);
      }
      parameter = module_[parameter].next;
    }
  }

  Editor& edit_;
  Module& module_;
  RegionId region_;
  int* names_;
  std::deque<Reader> readers_;
  std::map<NodeId, ImageValue> values_;
  Sets layouts_, borders_;  // of values by number: which lie alike, and which have the same border
};

}  // namespace

int64_t assign_layouts(Editor& edit, const PassOptions&) {
  int64_t count = 0;
  for (const Function& function : std::vector<Function>(edit.module.functions())) {
    int names = fusion_names(edit, function.body);
    std::vector<RegionId> regions{function.body};
    edit.each_node_in(function.body, [&](NodeId node) {
      if (!edit.is(node, "fusion"))
        regions.insert(regions.end(), edit.module[node].regions.begin(), edit.module[node].regions.end());
    });
    for (const RegionId region : regions) count += LayoutOfRegion(edit, region, &names).run();
  }
  return count;
}

}  // namespace tw::jit
