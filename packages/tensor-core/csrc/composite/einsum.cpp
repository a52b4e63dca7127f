// Einstein summation: the equation is parsed to labels, repeated labels become diagonals, and operands are contracted
// from left to right by bmm.
#include <tensorwright/ops/copy.hpp>
#include <tensorwright/ops/linear_algebra.hpp>
#include <tensorwright/ops/pointwise.hpp>
#include <tensorwright/ops/reduction.hpp>
#include <tensorwright/ops/views.hpp>

#include <algorithm>
#include <map>

#include "declarations/linear_algebra.h"
#include "runtime/dtype.h"
#include "runtime/text.h"

namespace tw::composite {

namespace {

// A letter, or below zero a dimension under an ellipsis: -1 is the last of them, -2 the one before.
using Label = int;
using Labels = std::vector<Label>;

bool contains(const Labels& labels, Label label) {
  return std::find(labels.begin(), labels.end(), label) != labels.end();
}
int64_t place_of(const Labels& labels, Label label) {
  return std::find(labels.begin(), labels.end(), label) - labels.begin();
}

// A tensor whose dimensions bear labels, each at most once.
struct Term {
  Tensor tensor;
  Labels labels;
};

struct Subscript {
  Labels labels;  // letters, an ellipsis left out
  bool has_ellipsis = false;
  size_t ellipsis_at = 0;  // how many letters stand before it
};

Subscript parse_subscript(std::string_view text_of_it, std::string_view equation) {
  Subscript s;
  for (size_t i = 0; i < text_of_it.size(); ++i) {
    const char c = text_of_it[i];
    if (c == ' ') continue;
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      s.labels.push_back(c);
    } else if (text_of_it.substr(i, 3) == "..." && !s.has_ellipsis) {
      s.has_ellipsis = true, s.ellipsis_at = s.labels.size();
      i += 2;
    } else {
      throw fail(TW_E_VALUE, "einsum: unexpected '", text_of_it.substr(i, 1), "' in equation '", equation,
                 "'; expected letters, one '...' per operand, ',' and '->'");
    }
  }
  return s;
}

struct Equation {
  std::vector<Subscript> inputs;
  std::optional<Subscript> output;
};

Equation parse_equation(std::string_view equation) {
  Equation result;
  const size_t arrow = equation.find("->");
  std::string_view inputs = equation.substr(0, arrow);
  for (size_t comma; (comma = inputs.find(',')) != std::string_view::npos; inputs.remove_prefix(comma + 1))
    result.inputs.push_back(parse_subscript(inputs.substr(0, comma), equation));
  result.inputs.push_back(parse_subscript(inputs, equation));
  if (arrow != std::string_view::npos) result.output = parse_subscript(equation.substr(arrow + 2), equation);
  return result;
}

Labels with_ellipsis(const Subscript& s, int64_t hidden) {
  Labels labels = s.labels;
  for (int64_t k = 1; k <= hidden; ++k)
    labels.insert(labels.begin() + static_cast<std::ptrdiff_t>(s.ellipsis_at), static_cast<Label>(-k));
  return labels;
}

// Takes the diagonal over each label that occurs twice.
Term labelled(TensorRef tensor, Labels labels) {
  Term term{Tensor::retain(tensor), std::move(labels)};
  for (size_t i = 0; i < term.labels.size(); ++i)
    for (size_t j = i + 1; j < term.labels.size(); ++j) {
      if (term.labels[i] != term.labels[j]) continue;
      const Label label = term.labels[i];
      const int a = static_cast<int>(i), b = static_cast<int>(j);
      if (term.tensor.size(a) != term.tensor.size(b))
        throw fail(TW_E_SHAPE, "einsum: the dimensions of a repeated letter differ: ", term.tensor.size(a), " and ",
                   term.tensor.size(b));
      term.tensor = ops::diagonal(term.tensor, 0, a, b);  // the diagonal becomes the last dimension
      term.labels.erase(term.labels.begin() + b), term.labels.erase(term.labels.begin() + a);
      term.labels.push_back(label);
      i = static_cast<size_t>(-1);
      break;
    }
  return term;
}

int64_t hidden_dims(const Subscript& s, TensorRef operand, size_t position) {
  const int64_t hidden = operand.ndim() - static_cast<int64_t>(s.labels.size());
  if (hidden < 0 || (hidden > 0 && !s.has_ellipsis))
    throw fail(TW_E_SHAPE, "einsum: operand ", position, " has ", operand.ndim(), " dimensions, its subscripts name ",
               s.labels.size());
  return hidden;
}

std::vector<Term> terms_of(const Equation& equation, TensorList operands, int64_t* most_hidden) {
  if (equation.inputs.size() != operands.size())
    throw fail(TW_E_VALUE, "einsum: the equation has ", equation.inputs.size(), " operands, ", operands.size(),
               " are given");
  tw_dtype dtype = TensorRef(operands[0]).dtype();
  for (tw_tensor* t : operands) dtype = promote_types(dtype, TensorRef(t).dtype());
  std::vector<Term> terms;
  for (size_t i = 0; i < operands.size(); ++i) {
    const TensorRef operand = operands[i];
    const int64_t hidden = hidden_dims(equation.inputs[i], operand, i);
    *most_hidden = std::max(*most_hidden, hidden);
    const Tensor value = operand.dtype() == dtype ? Tensor::retain(operand) : ops::to_dtype(operand, dtype);
    terms.push_back(labelled(value, with_ellipsis(equation.inputs[i], hidden)));
  }
  return terms;
}

std::string name_of(Label label) { return label < 0 ? std::string("...") : std::string(1, static_cast<char>(label)); }

// Without an arrow: ellipsis dimensions, then the letters that occur once, in order of the alphabet.
Labels implicit_output(const Equation& equation, int64_t hidden) {
  std::map<Label, int> count;
  for (const Subscript& s : equation.inputs)
    for (Label l : s.labels) ++count[l];
  Labels output;
  for (int64_t k = hidden; k >= 1; --k) output.push_back(static_cast<Label>(-k));
  for (const auto& [label, times] : count)
    if (times == 1) output.push_back(label);
  return output;
}

Labels output_labels(const Equation& equation, int64_t hidden) {
  if (!equation.output) return implicit_output(equation, hidden);
  const Subscript& s = *equation.output;
  for (size_t i = 0; i < s.labels.size(); ++i) {
    const Label label = s.labels[i];
    const bool known = std::any_of(equation.inputs.begin(), equation.inputs.end(),
                                   [&](const Subscript& input) { return contains(input.labels, label); });
    if (!known) throw fail(TW_E_VALUE, "einsum: the result's letter '", name_of(label), "' is in no operand");
    if (std::count(s.labels.begin(), s.labels.end(), label) > 1)
      throw fail(TW_E_VALUE, "einsum: the result names '", name_of(label), "' twice");
  }
  return with_ellipsis(s, s.has_ellipsis ? hidden : 0);
}

// Sums over the labels that `keep` does not want.
Term summed(Term term, const Labels& keep) {
  std::vector<int64_t> dims;
  Labels rest;
  for (size_t i = 0; i < term.labels.size(); ++i)
    if (contains(keep, term.labels[i]))
      rest.push_back(term.labels[i]);
    else
      dims.push_back(static_cast<int64_t>(i));
  if (dims.empty()) return term;
  return {ops::sum(term.tensor, IntList(dims), false, term.tensor.dtype()), rest};
}

int64_t size_of(const Term& term, Label label) {
  return term.tensor.size(static_cast<int>(place_of(term.labels, label)));
}

// A label's size in two terms; a dimension of 1 stretches.
int64_t common_size(const Term& a, const Term& b, Label label) {
  const int64_t m = contains(a.labels, label) ? size_of(a, label) : 1,
                n = contains(b.labels, label) ? size_of(b, label) : 1;
  if (m != n && m != 1 && n != 1)
    throw fail(TW_E_SHAPE, "einsum: '", name_of(label), "' has size ", m, " in one operand and ", n, " in another");
  return m == 1 ? n : m;
}

// The term with its dimensions in the order of `labels` (all of which it has), stretched to `sizes`.
Tensor arranged(const Term& term, const Labels& labels, IntList sizes) {
  std::vector<int64_t> order;
  for (Label l : labels) order.push_back(place_of(term.labels, l));
  return ops::expand(ops::permute(term.tensor, order), sizes);
}

// The term broadcast over `labels`, of which it has some.
Tensor spread(const Term& term, const Labels& labels) {
  Labels mine;
  for (Label l : labels)
    if (contains(term.labels, l)) mine.push_back(l);
  std::vector<int64_t> order;
  for (Label l : mine) order.push_back(place_of(term.labels, l));
  Tensor result = ops::permute(term.tensor, order);
  for (size_t i = 0; i < labels.size(); ++i)
    if (!contains(mine, labels[i])) result = ops::unsqueeze(result, static_cast<int64_t>(i));
  return result;
}

// How the labels of two terms take part in their product.
struct Roles {
  Labels batch, left, right, contracted;
};

Roles roles_of(const Term& a, const Term& b, const Labels& keep) {
  Roles r;
  for (Label l : a.labels) {
    if (!contains(b.labels, l))
      r.left.push_back(l);
    else
      (contains(keep, l) ? r.batch : r.contracted).push_back(l);
  }
  for (Label l : b.labels)
    if (!contains(a.labels, l)) r.right.push_back(l);
  return r;
}

struct Group {
  std::vector<int64_t> sizes;
  int64_t count = 1;
};
Group group_of(const Labels& labels, const Term& a, const Term& b) {
  Group g;
  for (Label l : labels) g.sizes.push_back(common_size(a, b, l)), g.count *= g.sizes.back();
  return g;
}

template <class List>
List joined(const List& a, const List& b, const List& c = {}) {
  List all = a;
  all.insert(all.end(), b.begin(), b.end());
  all.insert(all.end(), c.begin(), c.end());
  return all;
}

// The product of two terms, summed over labels that neither the result nor a later operand needs.
Term contract(const Term& a, const Term& b, const Labels& keep) {
  const Roles r = roles_of(a, b, keep);
  const Labels labels = joined(r.batch, r.left, r.right);
  if (r.contracted.empty()) return {ops::mul(spread(a, labels), spread(b, labels)), labels};
  const Group batch = group_of(r.batch, a, b), left = group_of(r.left, a, b), right = group_of(r.right, a, b),
              depth = group_of(r.contracted, a, b);
  const Tensor x = arranged(a, joined(r.batch, r.left, r.contracted), joined(batch.sizes, left.sizes, depth.sizes));
  const Tensor y = arranged(b, joined(r.batch, r.contracted, r.right), joined(batch.sizes, depth.sizes, right.sizes));
  const Tensor product = ops::bmm(ops::reshape(x, {batch.count, left.count, depth.count}),
                                  ops::reshape(y, {batch.count, depth.count, right.count}));
  return {ops::reshape(product, joined(batch.sizes, left.sizes, right.sizes)), labels};
}

// What must survive once operand `last` is multiplied in: the result's labels and those of later operands.
Labels needed_after(const std::vector<Term>& terms, size_t last, const Labels& output) {
  Labels keep = output;
  for (size_t i = last + 1; i < terms.size(); ++i)
    keep.insert(keep.end(), terms[i].labels.begin(), terms[i].labels.end());
  return keep;
}

}  // namespace

Tensor einsum(std::string_view equation, TensorList operands) {
  const Equation parsed = parse_equation(equation);
  int64_t hidden = 0;
  std::vector<Term> terms = terms_of(parsed, operands, &hidden);
  const Labels output = output_labels(parsed, hidden);
  Term result = summed(std::move(terms[0]), needed_after(terms, 0, output));
  for (size_t i = 1; i < terms.size(); ++i) {
    const Labels later = needed_after(terms, i, output);
    const Term next = summed(terms[i], joined(later, result.labels));
    result = summed(contract(summed(std::move(result), joined(later, next.labels)), next, later), later);
  }
  std::vector<int64_t> order;
  for (Label l : output)
    if (contains(result.labels, l)) order.push_back(place_of(result.labels, l));
  return ops::permute(result.tensor, order);
}

}  // namespace tw::composite
