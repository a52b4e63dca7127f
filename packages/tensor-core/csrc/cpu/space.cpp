#include "cpu/space.h"

#include <algorithm>
#include <cstdlib>

namespace tw::cpu {

Space::Space(const int64_t* sizes, int n) : ndim(n) {
  for (int i = 0; i < n; ++i) {
    shape[i] = sizes[i];
    numel *= sizes[i];
  }
}

void Space::add(const tw_tensor* t) {
  const int64_t item = (t->dl.dtype.bits + 7) / 8;
  const int lead = ndim - t->dl.ndim;
  int64_t* steps = strides[streams++];
  for (int i = 0; i < ndim; ++i) {
    const bool repeated = i < lead || t->dl.shape[i - lead] == 1;
    steps[i] = repeated ? 0 : t->dl.strides[i - lead] * item;
  }
}

void Space::add(const tw_value& operand) {
  if (operand.tag == TW_TENSOR)
    add(operand.u.t);
  else
    std::fill_n(strides[streams++], ndim, 0);
}

void Space::reorder_by_first() {
  int order[TW_MAX_NDIM];
  for (int i = 0; i < ndim; ++i) order[i] = i;
  std::stable_sort(order, order + ndim,
                   [this](int a, int b) { return std::abs(strides[0][a]) > std::abs(strides[0][b]); });
  bool moved = false;
  for (int i = 0; i < ndim; ++i) moved |= order[i] != i;
  if (moved) {
    int64_t old[TW_MAX_NDIM];
    const auto permute = [&](int64_t* values) {
      std::copy(values, values + ndim, old);
      for (int i = 0; i < ndim; ++i) values[i] = old[order[i]];
    };
    permute(shape);
    for (int s = 0; s < streams; ++s) permute(strides[s]);
  }
  coalesce();
}

void Space::coalesce() {
  int last = -1;  // dimensions [0, last] are finished
  for (int i = 0; i < ndim; ++i) {
    if (shape[i] == 1) continue;
    bool merges = last >= 0;
    for (int s = 0; s < streams && merges; ++s) merges = strides[s][last] == strides[s][i] * shape[i];
    if (merges) {
      shape[last] *= shape[i];
    } else {
      shape[++last] = shape[i];
    }
    for (int s = 0; s < streams; ++s) strides[s][last] = strides[s][i];
  }
  ndim = last + 1;
}

int64_t Space::run_stride(int stream) const {
  if (ndim == 0) return 0;
  if (ndim == 1) return strides[stream][0];
  // Several dimensions remain because some stream did not allow a merge; this one may.
  for (int i = ndim - 1; i > 0; --i)
    if (strides[stream][i - 1] != strides[stream][i] * shape[i]) return -1;
  return strides[stream][ndim - 1];
}

Walker::Walker(const Space& space, int64_t index) : space_(space) {
  for (int i = space.ndim - 1; i >= 0; --i) {
    coords_[i] = index % space.shape[i];
    index /= space.shape[i];
  }
}

int64_t Walker::offset(int stream) const {
  int64_t bytes = 0;
  for (int i = 0; i < space_.ndim; ++i) bytes += coords_[i] * space_.strides[stream][i];
  return bytes;
}

void Walker::advance(int64_t n) {
  if (space_.ndim) advance_along(space_.ndim - 1, n);
}

void Walker::advance_rows(int64_t n) { advance_along(space_.ndim - 2, n); }

void Walker::advance_along(int i, int64_t n) {
  coords_[i] += n;
  for (; i > 0 && coords_[i] == space_.shape[i]; --i) {
    coords_[i] = 0;
    ++coords_[i - 1];
  }
}

}  // namespace tw::cpu
