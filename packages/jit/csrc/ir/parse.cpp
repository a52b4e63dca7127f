#include <cstdlib>
#include <cstring>
#include <limits>
#include <unordered_map>

#include "numbers.h"
#include "scanner.h"
#include "text.h"

namespace tw::jit {
namespace {

class Parser {
 public:
  Parser(std::string_view text, Module& module) : scanner_(text), module_(module) {}

  void functions() {
    while (scanner_.take("dim")) range();
    while (!scanner_.at_end()) {
      scanner_.expect("func");
      const std::string name = target();
      if (module_.function_named(name)) scanner_.fail("a second function @" + name);
      scopes_.assign(1, {});
      function(module_.add_function(name));
    }
    for (auto& [id, places] : planned_) module_.plan(id, std::move(places));  // what is added later forgets plans
  }

  TypeId type_alone() {
    const TypeId result = type();
    if (!scanner_.at_end()) scanner_.fail("expected the end of the type");
    return result;
  }

 private:
  // ---- sizes --------------------------------------------------------------------------------------------------

  void range() {
    const Dim symbol = module_.dims.parse(scanner_.word("the name of a size"));
    if (module_.dims.value(symbol)) scanner_.fail("expected the name of a size");
    scanner_.expect("from");
    DimRange range{whole_number(), {}};
    if (scanner_.take("to")) range.high = whole_number();
    module_.dims.restrict_to(symbol, range);
  }

  int64_t whole_number() {
    int64_t value = 0;
    if (!read_number(scanner_.number_text(), value) || value < 0) scanner_.fail("expected a size");
    return value;
  }

  // ---- nodes --------------------------------------------------------------------------------------------------

  void function(FunctionId id) {
    scopes_.emplace_back();
    offsets_.clear();
    parameters(module_.function(id).body);
    const bool planned = scanner_.take("memory");
    const int64_t bytes = planned ? byte_count() : 0;
    nodes(module_.function(id).body);
    if (planned)
      planned_.emplace_back(id, Places{bytes, std::move(offsets_)});
    else if (!offsets_.empty())
      scanner_.fail("a function with places for its values says of what memory(bytes)");
    scopes_.pop_back();
  }

  int64_t byte_count() {
    scanner_.expect("(");
    const int64_t bytes = whole_number();
    scanner_.expect(")");
    return bytes;
  }

  void region(RegionId region) {
    scanner_.enter();
    scopes_.emplace_back();
    parameters(region);
    nodes(region);
    scopes_.pop_back();
    scanner_.leave();
  }

  void parameters(RegionId region) {
    if (!scanner_.take("(") || scanner_.take(")")) return;
    do parameter(region);
    while (scanner_.take(","));
    scanner_.expect(")");
  }

  void nodes(RegionId region) {
    scanner_.expect("{");
    while (!scanner_.take("}")) node(region);
  }

  void parameter(RegionId region) {
    const std::string name = value_name();
    scanner_.expect(":");
    const NodeId id = module_.create(region, NodeId(), module_.names("placeholder"), {}, type());
    module_.set_target(id, module_.names(name));
    define(name, id);
  }

  void node(RegionId region) {
    std::string name;
    TypeId kind = module_.types.simple(TypeKind::kNone);
    if (scanner_.peek("%")) {
      name = value_name();
      scanner_.expect(":");
      kind = type();
      scanner_.expect("=");
    }
    const NameId op = module_.names(scanner_.word("an op"));
    const std::string aim = scanner_.peek("@") ? target() : "";
    std::vector<ArgTree> args;
    Keywords keywords;
    arguments(args, keywords);
    const NodeId id = module_.create(region, NodeId(), op, std::move(args), kind, std::move(keywords));
    if (!aim.empty()) module_.set_target(id, module_.names(aim));
    if (scanner_.take("at")) offsets_[id] = byte_count();
    while (scanner_.peek("(") || scanner_.peek("{")) this->region(module_.add_region(id));
    if (scanner_.take("loc")) module_.set_location(id, location());
    if (!name.empty()) define(name, id);
  }

  void define(const std::string& name, NodeId id) {
    for (const auto& scope : scopes_)
      if (scope.count(name)) scanner_.fail("a second %" + name);
    scopes_.back().emplace(name, id);
    if (name.find_first_not_of("0123456789") != std::string::npos) module_.set_label(id, module_.names(name));
  }

  LocationId location() {
    Location l;
    scanner_.expect("(");
    l.file = scanner_.string();
    scanner_.expect(":");
    l.line = small_number(), scanner_.expect(":"), l.column = small_number();
    if (scanner_.take("-")) l.end_line = small_number(), scanner_.expect(":"), l.end_column = small_number();
    scanner_.expect(")");
    return module_.add_location(l);
  }

  uint32_t small_number() {
    const std::string_view digits = scanner_.number_text();
    uint32_t value = 0;
    if (!read_number(digits, value)) scanner_.fail("expected a line or column");
    return value;
  }

  // ---- names --------------------------------------------------------------------------------------------------

  std::string value_name() {
    scanner_.expect("%");
    return scanner_.word("the name of a value");
  }

  std::string target() {
    scanner_.expect("@");
    return scanner_.peek("\"") ? scanner_.string() : scanner_.word("a name");
  }

  NodeId value() {
    Scanner before = scanner_;
    const std::string name = value_name();
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope)
      if (const auto found = scope->find(name); found != scope->end()) return found->second;
    before.fail("%" + name + " is not defined here");
  }

  // ---- arguments ----------------------------------------------------------------------------------------------

  void arguments(std::vector<ArgTree>& args, Keywords& keywords) {
    scanner_.expect("(");
    if (scanner_.take(")")) return;
    do {
      const std::string word(scanner_.peek_word());
      Scanner ahead = scanner_;
      if (!word.empty() && ahead.take(word) && ahead.take("=")) {
        scanner_ = ahead;
        keywords.emplace_back(word, argument());
      } else {
        if (!keywords.empty()) scanner_.fail("a positional argument after a keyword");
        args.push_back(argument());
      }
    } while (scanner_.take(","));
    scanner_.expect(")");
  }

  std::vector<ArgTree> items(std::string_view close) {
    std::vector<ArgTree> list;
    while (!scanner_.take(close)) {
      list.push_back(argument());
      if (scanner_.take(",")) continue;
      scanner_.expect(close);
      break;
    }
    return list;
  }

  ArgTree argument() {
    scanner_.enter();
    ArgTree result = argument_here();
    scanner_.leave();
    return result;
  }

  ArgTree argument_here() {
    const char c = scanner_.peek_char();
    if (c == '%') return value();
    if (c == '"') return module_.constants.string(scanner_.string());
    if (scanner_.take("...")) return module_.constants({ConstantKind::kEllipsis});
    if (scanner_.take("[")) return {ArgKind::kList, items("]")};
    if (scanner_.take("(")) return {ArgKind::kTuple, items(")")};
    if (scanner_.take("{")) return dict();
    if (scanner_.take("None")) return {};
    if (scanner_.take("True")) return module_.constants.boolean(true);
    if (scanner_.take("False")) return module_.constants.boolean(false);
    if (scanner_.take("slice")) {
      scanner_.expect("(");
      ArgTree slice(ArgKind::kSlice, items(")"));
      if (slice.items.size() != 3) scanner_.fail("slice takes start, stop and step");
      return slice;
    }
    if (scanner_.take("complex")) return complex();
    if (scanner_.peek("device")) return module_.constants({ConstantKind::kDevice, 0, 0, 0, {}, {}, device()});
    if (const auto dtype = dtype_named(scanner_.peek_word())) {
      scanner_.word("a dtype");
      return module_.constants({ConstantKind::kDtype, 0, 0, 0, {}, *dtype});
    }
    return number();
  }

  ArgTree dict() {
    ArgTree result(ArgKind::kDict, {});
    while (!scanner_.take("}")) {
      result.items.push_back(argument());
      scanner_.expect(":");
      result.items.push_back(argument());
      if (scanner_.take(",")) continue;
      scanner_.expect("}");
      break;
    }
    return result;
  }

  ArgTree complex() {
    scanner_.expect("(");
    const double real = this->real();
    scanner_.expect(",");
    const double imag = this->real();
    scanner_.expect(")");
    return module_.constants({ConstantKind::kComplex, 0, real, imag});
  }

  bool special_real(double* value) {
    const bool negative = scanner_.take("-inf");
    if (negative || scanner_.take("inf")) {
      *value = negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
      return true;
    }
    if (!scanner_.take("nan")) return false;
    *value = std::numeric_limits<double>::quiet_NaN();
    if (scanner_.take("(")) *value = nan_of(scanner_.word("the bits of a NaN")), scanner_.expect(")");
    return true;
  }

  double nan_of(const std::string& bits) {
    uint64_t pattern = 0;
    const bool prefixed = bits.size() > 2 && bits.compare(0, 2, "0x") == 0;
    if (!prefixed || !read_hexadecimal(std::string_view(bits).substr(2), pattern))
      scanner_.fail("expected 0x and hexadecimal digits");
    double value;
    std::memcpy(&value, &pattern, sizeof value);
    if (value == value) scanner_.fail("these bits are no NaN");
    return value;
  }

  double real() {
    double value;
    if (special_real(&value)) return value;
    const std::string_view digits = scanner_.number_text();
    if (!read_number(digits, value)) scanner_.fail("expected a number in the range of float64");
    return value;
  }

  ArgTree number() {
    double special;
    if (special_real(&special)) return module_.constants.real(special);
    Scanner before = scanner_;
    const std::string_view digits = scanner_.number_text();
    if (digits.find_first_of(".eE") != std::string_view::npos) {
      scanner_ = before;
      return module_.constants.real(real());
    }
    int64_t value;
    if (read_number(digits, value)) return module_.constants.integer(value);
    uint64_t large;
    if (read_number(digits, large)) return module_.constants({ConstantKind::kUInt, static_cast<int64_t>(large)});
    scanner_.fail("expected an integer of 64 bits");
  }

  // ---- types --------------------------------------------------------------------------------------------------

  tw_device device() {
    scanner_.expect("device");
    scanner_.expect("(");
    const int32_t type = device_number();
    scanner_.expect(",");
    const int32_t index = device_number();
    scanner_.expect(")");
    return {type, index};
  }

  int32_t device_number() {
    const std::string_view digits = scanner_.number_text();
    int32_t value = 0;
    if (!read_number(digits, value)) scanner_.fail("expected a device's number");
    return value;
  }

  TypeId type() {
    scanner_.enter();
    const std::string name = scanner_.word("a type");
    TypeId result;
    if (name == "tensor")
      result = tensor_type();
    else if (const auto plain = plain_type_named(name))
      result = module_.types.simple(*plain);
    else if (const auto generic = generic_type_named(name))
      result = generic_type(*generic);
    else
      scanner_.fail("'" + name + "' is no type");
    scanner_.leave();
    return result;
  }

  TypeId generic_type(TypeKind kind) {
    std::vector<TypeId> items;
    scanner_.expect("<");
    if (!scanner_.take(">")) {
      do items.push_back(type());
      while (scanner_.take(","));
      scanner_.expect(">");
    }
    const size_t wanted = kind == TypeKind::kTuple ? items.size() : kind == TypeKind::kDict ? 2 : 1;
    if (items.size() != wanted) scanner_.fail("expected " + std::to_string(wanted) + " types between < and >");
    return module_.types.list(kind, std::move(items));
  }

  TypeId tensor_type() {
    std::optional<tw_dtype> dtype;
    std::optional<std::vector<Dim>> shape;
    std::optional<tw_device> place = tw_device{TW_DEVICE_CPU, 0};
    scanner_.expect("<");
    if (!scanner_.take("?") && !(dtype = dtype_named(scanner_.word("a dtype")))) scanner_.fail("expected a dtype or ?");
    scanner_.expect(",");
    if (!scanner_.take("?")) shape = sizes();
    if (scanner_.take(",")) {
      if (scanner_.take("?"))
        place = std::nullopt;
      else
        place = scanner_.take("meta") ? tw_device{TW_DEVICE_META, 0} : device();
    }
    scanner_.expect(">");
    return module_.types.tensor(dtype, std::move(shape), place);
  }

  std::vector<Dim> sizes() {
    std::vector<Dim> list;
    scanner_.expect("[");
    if (scanner_.take("]")) return list;
    do list.push_back(module_.dims.parse(scanner_.balanced(']')));
    while (scanner_.take(","));
    scanner_.expect("]");
    return list;
  }

  Scanner scanner_;
  Module& module_;
  std::vector<std::unordered_map<std::string, NodeId>> scopes_;
  std::map<NodeId, int64_t> offsets_;  // of the function that is read
  std::vector<std::pair<FunctionId, Places>> planned_;
};

}  // namespace

void parse(std::string_view text, Module& module) { Parser(text, module).functions(); }
TypeId parse_type(std::string_view text, Module& module) { return Parser(text, module).type_alone(); }

}  // namespace tw::jit
