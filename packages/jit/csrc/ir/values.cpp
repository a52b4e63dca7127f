#include "values.h"

namespace tw::jit {
namespace {

constexpr int kDeepest = 200;

ArgKind group_kind(int64_t mark) {
  switch (mark) {
    case kMarkList:
      return ArgKind::kList;
    case kMarkTuple:
      return ArgKind::kTuple;
    case kMarkDict:
      return ArgKind::kDict;
    default:
      return ArgKind::kSlice;
  }
}

ArgTree from_marked(Program& program, const tw_value& value, int depth) {
  if (depth > kDeepest) throw Error(TW_E_VALUE, "an argument nests more than 200 levels deep");
  if (value.tag == TW_NONE) return {};
  if (value.tag != TW_VALUES) return constant_from(program, value);
  const auto* items = static_cast<const tw_value*>(value.u.p);
  if (value.aux == 0 || items[0].tag != TW_INT) throw Error(TW_E_TYPE, "an argument group has no mark");
  const int64_t mark = items[0].u.i;
  if (mark == kMarkNode) return NodeId(static_cast<uint32_t>(items[1].u.i));
  if (mark == kMarkEllipsis) return program.module.constants({ConstantKind::kEllipsis});
  ArgTree group(group_kind(mark), {});
  for (uint32_t i = 1; i < value.aux; ++i) group.items.push_back(from_marked(program, items[i], depth + 1));
  return group;
}

void give_group(const Program& program, const Arg& arg, int64_t mark, tw_value* out) {
  check(g_host->list_new(TW_VALUES, arg.count + 1, out));
  auto* items = static_cast<tw_value*>(out->u.p);
  items[0] = to_value(mark);
  for (uint32_t i = 0; i < arg.count; ++i) give_marked(program, program.module.item(arg, i), &items[i + 1]);
}

void give_pair(int64_t mark, int64_t number, tw_value* out) {
  check(g_host->list_new(TW_VALUES, 2, out));
  auto* items = static_cast<tw_value*>(out->u.p);
  items[0] = to_value(mark), items[1] = to_value(number);
}

// An owned copy of a value that borrows.
void give_copy(const tw_value& value, tw_value* out) {
  switch (value.tag) {
    case TW_STR:
      return give(out, std::string(From<std::string_view>::get(value)));
    case TW_COMPLEX:
      check(g_host->list_new(TW_COMPLEX, 1, out));
      std::memcpy(out->u.p, value.u.p, 2 * sizeof(double));
      return;
    case TW_OBJECT:
      *out = to_value(ObjectRef::retain(value.u.o).release());
      return;
    default:
      *out = value;
  }
}

}  // namespace

ArgTree arg_from_marked(Program& program, const tw_value& value) { return from_marked(program, value, 0); }

void give_marked(const Program& program, const Arg& arg, tw_value* out) {
  switch (arg.kind) {
    case ArgKind::kNone:
      *out = value_none();
      return;
    case ArgKind::kNode:
      return give_pair(kMarkNode, arg.index, out);
    case ArgKind::kConstant:
      if (program.module.constants[ConstantId(arg.index)].kind == ConstantKind::kEllipsis)
        return give_pair(kMarkEllipsis, 0, out);
      return give_copy(constant_value(program, ConstantId(arg.index)), out);
    case ArgKind::kList:
      return give_group(program, arg, kMarkList, out);
    case ArgKind::kTuple:
      return give_group(program, arg, kMarkTuple, out);
    case ArgKind::kDict:
      return give_group(program, arg, kMarkDict, out);
    case ArgKind::kSlice:
      return give_group(program, arg, kMarkSlice, out);
  }
}

tw_value constant_value(const Program& program, ConstantId id) {
  const Constant& c = program.module.constants[id];
  switch (c.kind) {
    case ConstantKind::kBool:
      return to_value(c.integer != 0);
    case ConstantKind::kInt:
      return to_value(c.integer);
    case ConstantKind::kUInt:
      return {TW_UINT, 0, {c.integer}};
    case ConstantKind::kFloat:
      return to_value(c.real);
    case ConstantKind::kComplex: {
      static_assert(offsetof(Constant, imag) == offsetof(Constant, real) + sizeof(double));
      tw_value value{TW_COMPLEX, 1, {0}};
      value.u.p = const_cast<double*>(&c.real);
      return value;
    }
    case ConstantKind::kStr:
      return to_value(std::string_view(c.text));
    case ConstantKind::kDtype:
      return to_value(c.dtype);
    case ConstantKind::kDevice:
      return to_value(c.device);
    case ConstantKind::kObject:
      return to_value(program.objects[static_cast<size_t>(c.integer)].get());
    default:
      return value_none();
  }
}

ConstantId constant_from(Program& program, const tw_value& value) {
  Constants& constants = program.module.constants;
  switch (value.tag) {
    case TW_BOOL:
      return constants.boolean(value.u.i != 0);
    case TW_INT:
      return constants.integer(value.u.i);
    case TW_UINT:
      return constants({ConstantKind::kUInt, value.u.i});
    case TW_FLOAT:
      return constants.real(value.u.f);
    case TW_COMPLEX: {
      const auto* parts = static_cast<const double*>(value.u.p);
      return constants({ConstantKind::kComplex, 0, parts[0], parts[1]});
    }
    case TW_STR:
      return constants.string(From<std::string_view>::get(value));
    case TW_DTYPE:
      return constants({ConstantKind::kDtype, 0, 0, 0, {}, value.u.dt});
    case TW_DEVICE:
      return constants({ConstantKind::kDevice, 0, 0, 0, {}, {}, value.u.dev});
    case TW_OBJECT:
      return program.keep(value.u.o);
    default:
      throw Error(TW_E_TYPE, "a tensor is no constant: keep it as an attribute and use get_attr");
  }
}

TypeId type_of(Module& module, const tw_value& value) {
  Types& types = module.types;
  switch (value.tag) {
    case TW_TENSOR: {
      std::vector<Dim> shape;
      for (const int64_t size : TensorRef(value.u.t).shape()) shape.push_back(module.dims.constant(size));
      return types.tensor(value.u.t->dl.dtype, std::move(shape), value.u.t->dl.device);
    }
    case TW_TENSORS: {
      std::vector<TypeId> items;
      for (tw_tensor* t : From<TensorList>::get(value)) items.push_back(type_of(module, to_value(TensorRef(t))));
      return types.list(TypeKind::kTuple, std::move(items));
    }
    case TW_VALUES: {
      std::vector<TypeId> items;
      for (uint32_t i = 0; i < value.aux; ++i)
        items.push_back(type_of(module, static_cast<const tw_value*>(value.u.p)[i]));
      return types.list(TypeKind::kTuple, std::move(items));
    }
    case TW_BOOL:
      return types.simple(TypeKind::kBool);
    case TW_INT:
    case TW_UINT:
      return types.simple(TypeKind::kInt);
    case TW_FLOAT:
      return types.simple(TypeKind::kFloat);
    case TW_COMPLEX:
      return types.simple(TypeKind::kComplex);
    case TW_STR:
      return types.simple(TypeKind::kStr);
    case TW_DTYPE:
      return types.simple(TypeKind::kDtype);
    case TW_DEVICE:
      return types.simple(TypeKind::kDevice);
    case TW_INTS:
      return types.list(TypeKind::kList, {types.simple(TypeKind::kInt)});
    case TW_FLOATS:
      return types.list(TypeKind::kList, {types.simple(TypeKind::kFloat)});
    case TW_OBJECT:
      return types.simple(TypeKind::kObject);
    default:
      return types.simple(TypeKind::kNone);
  }
}

}  // namespace tw::jit
